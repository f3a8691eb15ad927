//! What a session counts to know when enough is enough: the cap on handshakes, the sessions
//! that are never kept, the loop of connects that return at once, and the held connects that
//! something on the way cuts off.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::{Failure, Stage};

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

/// A connect that ends sooner was hardly held, and one that ends later than this before the
/// advised end ended with it.
const MARGIN: Duration = Duration::from_secs(1);

/// What is known of cuts.
#[derive(Clone, Debug, Default)]
pub(super) struct HoldGuard {
    /// How long the connect had been held that was cut off last, if that may be chance.
    pub(super) suspected: Option<Duration>,
    /// After how long connects are cut off.
    pub(super) limit: Option<Duration>,
}

/// What a failure of a held connect tells.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Cut {
    /// Nothing of a limit.
    Chance,
    /// That there is a limit.
    Found,
    /// What was known: the server does not grant a shorter hold.
    Known,
}

impl HoldGuard {
    /// Takes a held connect that failed.
    pub(super) fn connect_failed(
        &mut self,
        held: Duration,
        advised: Duration,
        failure: &Failure,
    ) -> Cut {
        let is_early = held > MARGIN && held + MARGIN < advised;
        // A server that says when to come back is not cut off; nor is what was never sent.
        if !is_early || failure.retry_after.is_some() || failure.stage == Stage::Unsent {
            return Cut::Chance;
        }
        let is_about = |age: Option<Duration>| age.is_some_and(|it| it.abs_diff(held) <= it / 5);
        if is_about(self.limit) {
            return Cut::Known;
        }
        if failure.is_gateway_timeout || is_about(self.suspected) {
            self.suspected = None;
            self.limit = Some(held);
            return Cut::Found;
        }
        self.suspected = Some(held);
        Cut::Chance
    }

    /// Takes a held connect that was answered: whoever lets it live longer does not cut it.
    pub(super) fn connect_answered(&mut self, held: Duration) {
        self.suspected = self.suspected.filter(|it| held < *it + *it / 5);
    }

    /// How long the server is asked to hold a connect: somewhat less than the limit, so that
    /// its answer passes in time. Nothing while the advised hold will do.
    pub(super) fn asked(&self, advised: Duration) -> Option<Duration> {
        let limit = self.limit?;
        let asked = limit.saturating_sub((limit / 10).max(MARGIN));
        let asked = asked.max(limit / 2);
        let asked = match asked.as_secs() {
            0 | 1 => Duration::from_millis(u64::try_from(asked.as_millis()).unwrap_or(1000)),
            seconds => Duration::from_secs(seconds),
        };
        (asked < advised).then_some(asked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_is_asked_for_somewhat_less_than_the_limit() {
        let asked = |limit: u64| {
            let guard = HoldGuard {
                suspected: None,
                limit: Some(Duration::from_millis(limit)),
            };
            let asked = guard.asked(Duration::from_secs(110));
            asked.map(|it| it.as_millis())
        };
        assert_eq!(asked(60_040), Some(54_000));
        assert_eq!(asked(5_010), Some(4_000));
        assert_eq!(asked(2_500), Some(1_500));
        assert_eq!(asked(1_100), Some(550));
        assert_eq!(asked(200_000), None);
        assert_eq!(HoldGuard::default().asked(MARGIN), None);
    }
}
