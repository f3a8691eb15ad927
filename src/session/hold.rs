//! Held connects that something on the way cuts off before the server answers them: a proxy
//! or a firewall that has less patience than the server advises.
//!
//! One cut can be anything. Two at about the same age are a limit, and so is one that a
//! gateway names as such (HTTP 504). From then on the server is asked for a shorter hold, in
//! the advice of the connect (Bayeux 1.0, "timeout advice field"): CometD 9.0.0 and 8.0.10,
//! cometd-nodejs-server 1.2.1 and Faye 1.4.3 grant it.

use std::time::{Duration, Instant};

use super::event::Event;
use super::machine::{InFlight, Session, State};
use super::{Failure, Recovery, Stage};

/// A connect that ends sooner was hardly held, and one that ends later than this before the
/// advised end ended with it.
const MARGIN: Duration = Duration::from_secs(1);

/// What is known of cuts.
#[derive(Clone, Debug, Default)]
pub(super) struct HoldGuard {
    /// How long the connect had been held that was cut off last, if that may be chance.
    suspected: Option<Duration>,
    /// After how long connects are cut off.
    limit: Option<Duration>,
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
    fn connect_failed(&mut self, held: Duration, advised: Duration, failure: &Failure) -> Cut {
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
    fn connect_answered(&mut self, held: Duration) {
        self.suspected = self.suspected.filter(|it| held < *it + *it / 5);
    }

    /// How long the server is asked to hold a connect: somewhat less than the limit, so that
    /// its answer passes in time. Nothing while the advised hold will do.
    fn asked(&self, advised: Duration) -> Option<Duration> {
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

impl Session {
    /// What the failure of the exchange tells, if a held connect was in it.
    pub(super) fn judge_cut(&mut self, now: Instant, it: &InFlight, failure: &Failure) -> Cut {
        let is_current = it.may_be_held && it.epoch == self.epoch;
        let is_recovered = self.settings.recovery == Recovery::Always;
        match self.advice.timeout {
            Some(advised) if is_current && is_recovered => {
                let held = now.saturating_duration_since(it.sent);
                self.holds.connect_failed(held, advised, failure)
            }
            _ => Cut::Chance,
        }
    }

    pub(super) fn held_connect_answered(&mut self, now: Instant, it: &InFlight) {
        let held = now.saturating_duration_since(it.sent);
        self.holds.connect_answered(held);
    }

    /// A connect was cut off at the limit: the session lives, and goes on at once.
    pub(super) fn connect_cut(&mut self, now: Instant, cut: Cut) {
        if cut == Cut::Found {
            let advised = self.hold();
            self.events.push_back(Event::HoldCut {
                after: self.holds.limit.unwrap_or_default(),
                advised,
                asked: self.holds.asked(advised).unwrap_or(advised),
            });
        }
        if let State::Established(established) = &mut self.state {
            // Its answer, at once, says that the session lives.
            established.may_hold = false;
            established.connect_at = Some(now);
        }
    }

    /// How long the server is asked to hold the next connect, if not as long as it advises.
    pub(super) fn asked_hold(&self) -> Option<Duration> {
        self.holds.asked(self.hold())
    }

    /// How long to wait for a held connect: not longer than it is known to live.
    pub(super) fn expected_hold(&self) -> Duration {
        let hold = self.hold();
        self.holds.limit.map_or(hold, |it| it.min(hold))
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
