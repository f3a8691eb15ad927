//! Connects that leave late because nobody took what the one before brought: whoever reads
//! the output is slow, or the program was stopped. A server forgets such a session
//! (cometd issues 868 and 1248).

use std::time::{Duration, Instant};

use super::event::{Event, LossReason};
use super::machine::Session;
use super::state::{InFlight, Late, State};

impl Session {
    /// A held connect was answered. What it took beyond the hold, its answer was not taken.
    pub(super) fn held_connect_taken(&mut self, now: Instant, it: &InFlight) {
        let held = now.saturating_duration_since(it.sent);
        let hold = self.hold();
        if let State::Established(established) = &mut self.state {
            established.late.by = held.saturating_sub(hold);
        }
    }

    /// A connect leaves that was due then.
    pub(super) fn connect_leaves(&mut self, now: Instant, due: Instant) {
        let allowed = self.max_interval();
        if let State::Established(established) = &mut self.state
            && established.is_connected
        {
            established.late.by += now.saturating_duration_since(due);
            established.late.allowed = allowed;
        }
    }

    /// Tells that a session was lost because its connect left too late, if that is so.
    pub(super) fn tell_late(&mut self, reason: &LossReason) {
        let State::Established(established) = &self.state else {
            return;
        };
        let Late { by, allowed } = established.late;
        if by > allowed && matches!(reason, LossReason::Reply(_)) {
            self.events.push_back(Event::ConnectedLate { by, allowed });
        }
    }

    /// How long the server keeps the session between two connects, beside the interval.
    pub(super) fn max_interval(&self) -> Duration {
        self.advice.max_interval.unwrap_or(DEFAULT_MAX_INTERVAL)
    }
}

/// How long CometD keeps a session after a connect reply if it does not say (`maxInterval`).
const DEFAULT_MAX_INTERVAL: Duration = Duration::from_secs(10);
