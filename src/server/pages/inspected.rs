//! What the inspector looks at: a server's broker, or what a proxy has seen.

use std::time::Instant;

use crate::server::Fault;
use crate::server::broker::{Broker, Snapshot};

/// Whatever has sessions, channels and faults.
pub(crate) trait Inspected {
    /// What there is at this moment.
    fn inspect(&self, now: Instant) -> Snapshot;

    /// Ends a session, as a restart of the server would.
    fn end_session(&mut self, number: u64) -> Result<(), NotEnded>;

    /// Ends all sessions that can be ended; how many those are.
    fn end_sessions(&mut self) -> usize;

    /// Whether the fault can show here.
    fn shows(&self, fault: &Fault) -> bool;

    /// The faults that are switched on.
    fn faults(&self) -> Vec<Fault>;

    /// From now on this goes wrong.
    fn begin_fault(&mut self, now: Instant, fault: Fault);

    /// This goes wrong no longer; false if it did not.
    fn end_fault(&mut self, fault: &Fault) -> bool;
}

/// Why a session was not ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("there is no such session")]
pub(crate) struct NotEnded;

impl Inspected for Broker {
    fn inspect(&self, now: Instant) -> Snapshot {
        self.snapshot(now)
    }

    fn end_session(&mut self, number: u64) -> Result<(), NotEnded> {
        match self.forget(number) {
            true => Ok(()),
            false => Err(NotEnded),
        }
    }

    fn end_sessions(&mut self) -> usize {
        let n_sessions = self.n_sessions();
        self.forget_all();
        n_sessions
    }

    fn shows(&self, fault: &Fault) -> bool {
        self.can_show(fault)
    }

    fn faults(&self) -> Vec<Fault> {
        Broker::faults(self).list()
    }

    fn begin_fault(&mut self, now: Instant, fault: Fault) {
        self.add_fault(now, fault);
    }

    fn end_fault(&mut self, fault: &Fault) -> bool {
        self.remove_fault(fault)
    }
}
