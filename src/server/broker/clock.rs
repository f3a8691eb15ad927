//! Instants in a broker, which has no clock: the caller says what time it is.

use std::time::{Duration, Instant, SystemTime};

/// An instant, and what the calendar says then. Instants stand still while a machine sleeps, and
/// calendars are set: how the two belong together has to be looked up now and then.
#[derive(Clone, Copy, Debug)]
pub(in crate::server) struct Now {
    pub(in crate::server) instant: Instant,
    pub(in crate::server) wall: SystemTime,
}

impl Now {
    /// What the calendar says at another instant.
    pub(super) fn at(self, instant: Instant) -> Self {
        let since = instant.saturating_duration_since(self.instant);
        Self {
            instant,
            wall: self.wall + since,
        }
    }
}

/// A day later if the sum is beyond what the clock can show.
pub(super) fn later(now: Instant, duration: Duration) -> Instant {
    const DAY: Duration = Duration::from_secs(24 * 3600);
    now.checked_add(duration).unwrap_or_else(|| now + DAY)
}
