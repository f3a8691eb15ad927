//! What keeps a session from harming a server that answers nonsense: the cap on handshakes,
//! the sessions that are never kept, and the loop of connects that return at once.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Handshakes within a minute before the session ends; aiocometd issue 1 tells of 2 000.
const MOST_PER_MINUTE: usize = 10;
const MINUTE: Duration = Duration::from_secs(60);
/// Least time between two handshakes, whatever interval the server advises.
pub(super) const BETWEEN_HANDSHAKES: Duration = Duration::from_secs(1);
/// Handshakes in a row that led to no successful connect or publish.
pub(super) const MOST_NOT_KEPT: u32 = 3;

/// Counts handshakes.
#[derive(Clone, Debug, Default)]
pub(super) struct HandshakeGuard {
    recent: VecDeque<Instant>,
    n_not_kept: u32,
}

impl HandshakeGuard {
    /// A server answered a handshake; those that reach no server harm none.
    pub(super) fn handshake_answered(&mut self, now: Instant) {
        self.recent.push_back(now);
        while self.recent.len() > MOST_PER_MINUTE {
            self.recent.pop_front();
        }
    }

    /// A session lived: something but its handshake was successful.
    pub(super) fn session_used(&mut self) {
        self.n_not_kept = 0;
    }

    /// A session was lost. Returns how many in a row were lost without having been used.
    pub(super) fn session_lost(&mut self, was_used: bool) -> u32 {
        self.n_not_kept = if was_used { 0 } else { self.n_not_kept + 1 };
        self.n_not_kept
    }

    /// When the next handshake may be sent at the earliest, or the count of those within the
    /// last minute if they are too many.
    pub(super) fn next_handshake(&self, now: Instant) -> Result<Instant, u32> {
        let within = self
            .recent
            .iter()
            .filter(|&&at| now.saturating_duration_since(at) < MINUTE);
        let n_within = within.count();
        if n_within >= MOST_PER_MINUTE {
            return Err(n_within as u32);
        }
        Ok(self
            .recent
            .back()
            .map_or(now, |&last| now.max(last + BETWEEN_HANDSHAKES)))
    }
}

/// A connect that returns faster than this was not held.
pub(super) const NOT_HELD: Duration = Duration::from_millis(100);
/// Connects in a row that were not held and brought nothing.
const MOST_NOT_HELD: u32 = 20;

/// Recognises connects that return at once for ever (cometd issue 874, grizzly issue 611).
#[derive(Clone, Debug, Default)]
pub(super) struct LoopGuard {
    n_not_held: u32,
    since: Option<Instant>,
}

impl LoopGuard {
    /// Takes a connect that the server was asked to hold. Returns the length of the loop, if
    /// it is one.
    pub(super) fn connect_returned(
        &mut self,
        sent: Instant,
        now: Instant,
        n_deliveries: u64,
    ) -> Option<(u32, Duration)> {
        let held = now.saturating_duration_since(sent);
        if n_deliveries > 0 || held >= NOT_HELD {
            *self = Self::default();
            return None;
        }
        self.n_not_held += 1;
        let since = *self.since.get_or_insert(sent);
        let within = now.saturating_duration_since(since);
        (self.n_not_held >= MOST_NOT_HELD).then_some((self.n_not_held, within))
    }
}
