//! The poll loops: thousands of sessions on one thread.

mod alarm;
mod link;
mod member;
mod rendezvous;
mod worker;

use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::Duration;

use super::board::Board;
use super::crew::Crew;
use super::recorder::Share;
use super::settings::{BenchError, Settings};
use super::system::preempt_nobody;
use crate::transport::nonblocking::Target;
use rendezvous::Rendezvous;
use worker::Worker;

/// How long a session that cannot reach the server tries its first handshake again.
pub(super) const FIRST_HANDSHAKE: Duration = Duration::from_secs(5);
/// Handshakes under way at once on all threads: so many wait in a server's accept queue at most.
pub(super) const MOST_OPENING: usize = 128;

/// Starts the loops.
pub(super) fn start(
    settings: &Arc<Settings>,
    board: &Arc<Board>,
    n_threads: usize,
    shares: &Sender<Share>,
) -> Result<Crew, BenchError> {
    let target = Arc::new(Target::new(&settings.transport)?);
    // All are made before any runs, so that none waits for one that there is not.
    let mut workers = Vec::new();
    for thread in 0..n_threads {
        let worker = Worker::new(
            Arc::clone(settings),
            Arc::clone(board),
            Arc::clone(&target),
            thread,
            n_threads,
            shares.clone(),
        );
        workers.push(worker.map_err(|source| BenchError::System {
            what: "cannot start a poll loop",
            source,
        })?);
    }
    let mut crew = Crew::default();
    let mut gates = Vec::new();
    for ((worker, waker), rendezvous) in workers.into_iter().zip(Rendezvous::of(n_threads)) {
        let (gate, opened) = channel::<()>();
        gates.push(gate);
        let handle = thread::Builder::new()
            .name("bayeux-bench".to_owned())
            .spawn(move || {
                // If not all of them could be started, those that were would wait for the others.
                if opened.recv().is_ok() {
                    preempt_nobody();
                    worker.run(rendezvous);
                }
            });
        let handle = handle.map_err(|source| BenchError::System {
            what: "cannot start a thread",
            source,
        })?;
        crew.handles.push(handle);
        crew.wakers.push(Box::new(move || {
            // A loop that is not woken wakes by itself a little later.
            let _ = waker.wake();
        }));
    }
    for gate in gates {
        // Its thread was started and waits for it.
        let _ = gate.send(());
    }
    Ok(crew)
}
