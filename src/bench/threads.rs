//! A thread for each session, with the client and the transport of the other commands: to check
//! the poll loops against.
//!
//! ```text
//! start        one supervisor for the whole run
//!   supervisor   opens the sessions, lets clients come and go, and does the accounting at the end
//!   seat         a session's place, which both its thread and the supervisor get at
//!   occupant     the thread of a session
//! ```
//!
//! Whatever counts is what counts in the loops as well: participants, pacers, one recorder. It
//! costs more: up to three threads a session, a copy of each message for the counts of the
//! traffic, and a lock on the recorder. Bytes are counted over unencrypted long polling alone:
//! elsewhere the transport does not tell those of HTTP and of the frames.

mod occupant;
mod seat;
mod supervisor;

use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use super::board::Board;
use super::crew::Crew;
use super::participant::{Participant, Who};
use super::progress::Told;
use super::recorder::{Recorder, Share};
use super::settings::{BenchError, Settings};
use supervisor::Supervisor;

/// Starts the supervisor, who starts the sessions.
pub(super) fn start(
    settings: &Arc<Settings>,
    board: &Arc<Board>,
    shares: &Sender<Share>,
) -> Result<Crew, BenchError> {
    // One for nothing: settings that cannot be used are told before anything begins.
    let first = Participant::new(Who::nth(0, &board.plan), board, Instant::now());
    occupant::client(settings, board, &first)?;
    let ledger = Ledger {
        recorder: Recorder::new(board.begun),
        told: Told::default(),
        shares: Some(shares.clone()),
    };
    let common = Arc::new(Common {
        settings: Arc::clone(settings),
        board: Arc::clone(board),
        ledger: Mutex::new(ledger),
    });
    let supervisor = Supervisor::new(common);
    let handle = thread::Builder::new()
        .name("bayeux-bench".to_owned())
        .spawn(move || supervisor.run());
    let handle = handle.map_err(|source| BenchError::System {
        what: "cannot start a thread",
        source,
    })?;
    let thread = handle.thread().clone();
    let mut crew = Crew::default();
    crew.wakers.push(Box::new(move || thread.unpark()));
    crew.handles.push(handle);
    Ok(crew)
}

/// What all threads of a run share.
struct Common {
    settings: Arc<Settings>,
    board: Arc<Board>,
    ledger: Mutex<Ledger>,
}

/// What is measured, by all of them together.
struct Ledger {
    recorder: Recorder,
    told: Told,
    /// Until the run is over: the conductor waits for the end of it.
    shares: Option<Sender<Share>>,
}

impl Common {
    /// The recorder and what belongs to it; the seconds that are over are handed on first. Whoever
    /// needs a seat as well takes that one first.
    fn ledger(&self, now: Instant) -> MutexGuard<'_, Ledger> {
        let mut ledger = self.ledger.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(from) = self.board.measured_from() {
            let time = self.board.plan.measured_time();
            ledger.recorder.measure(from, time);
        }
        if ledger.recorder.is_second_over(now) {
            ledger.hand_over(now);
        }
        ledger
    }
}

impl Ledger {
    fn hand_over(&mut self, now: Instant) {
        if let Some(shares) = &self.shares {
            // The conductor listens until all senders are gone.
            let _ = shares.send(self.recorder.hand_over(now));
        }
    }
}
