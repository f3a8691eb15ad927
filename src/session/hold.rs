//! Held connects that something on the way cuts off before the server answers them: a proxy
//! or a firewall that has less patience than the server advises.
//!
//! One cut can be anything. Two at about the same age are a limit, and so is one that a
//! gateway names as such (HTTP 504). From then on the server is asked for a shorter hold, in
//! the advice of the connect (Bayeux 1.0, "timeout advice field"): CometD 9.0.0 and 8.0.10,
//! cometd-nodejs-server 1.2.1 and Faye 1.4.3 grant it.

use std::time::{Duration, Instant};

use super::event::Event;
use super::guard::Cut;
use super::machine::Session;
use super::state::{InFlight, State};
use super::{Failure, Recovery};

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
