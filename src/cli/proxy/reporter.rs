//! What passes a proxy, from its thread to the one that owns the printer.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use bayeux::proxy::{Detail, Event, Observer, What};
use bayeux::recording::{State, StateRecord};
use bayeux::traffic::{Noticed, Seen, Watch};

use super::super::exit::Stop;
use super::super::untold::Untold;
use super::{passed, told};
use crate::output::Printer;

/// What the proxy's thread tells the other one.
#[derive(Debug)]
pub(super) enum Told {
    /// At a connection of this client.
    Noticed(SystemTime, Option<SocketAddr>, Box<Noticed>),
    /// A connection of this client has ended, with requests unanswered.
    Ended(SystemTime, Option<SocketAddr>),
    Happened(u64, What),
    /// What passed as it passed, for an archive.
    Passed(SystemTime, SocketAddr, What),
    Untold(u64),
    Stop,
}

/// What happens while the terminal is stopped; the proxy never waits for it.
pub(super) const MOST_UNTOLD: usize = 16 * 1024;

/// The bytes of the same.
pub(super) const MOST_UNTOLD_BYTES: usize = 64 * 1024 * 1024;

pub(super) struct Reporter {
    sender: SyncSender<Told>,
    /// It has to see everything, whether it is told or not. Only the proxy's thread asks it.
    seen: Mutex<SoFar>,
    untold: Arc<Untold>,
    detail: Detail,
}

#[derive(Default)]
struct SoFar {
    watch: Watch,
    /// Who is at the client's end of each connection.
    peers: HashMap<u64, SocketAddr>,
}

impl Reporter {
    pub(super) fn shared(
        sender: SyncSender<Told>,
        untold: &Arc<Untold>,
        detail: Detail,
    ) -> Arc<dyn Observer> {
        Arc::new(Self {
            sender,
            seen: Mutex::default(),
            untold: Arc::clone(untold),
            detail,
        })
    }

    fn send(&self, told: Told) {
        let n_bytes = told.n_bytes();
        self.untold.send(&self.sender, told, n_bytes, Told::Untold);
    }
}

impl Observer for Reporter {
    fn observe(&self, event: Event) {
        let (time, connection) = (event.time, event.connection);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let SoFar { watch, peers } = &mut *seen;
        match event.what {
            What::Seen(sighting) => {
                let is_end = matches!(sighting.seen, Seen::Closed);
                let peer = peers.get(&connection).copied();
                watch.see(sighting);
                let mut n_unanswered = 0;
                while let Some(noticed) = watch.poll() {
                    n_unanswered += usize::from(matches!(noticed, Noticed::Unanswered(_)));
                    self.send(Told::Noticed(time, peer, Box::new(noticed)));
                }
                if is_end && n_unanswered > 0 {
                    self.send(Told::Ended(time, peer));
                }
            }
            what @ (What::Exchanged(_) | What::Framed { .. }) => {
                if let Some(peer) = peers.get(&connection) {
                    self.send(Told::Passed(time, *peer, what));
                }
            }
            what => {
                match &what {
                    What::Connected { peer } => drop(peers.insert(connection, *peer)),
                    What::Ended { .. } => {
                        let peer = peers.remove(&connection);
                        if let Some(peer) = peer.filter(|_| self.detail == Detail::Exchanges) {
                            self.send(Told::Passed(time, peer, what.clone()));
                        }
                    }
                    _ => {}
                }
                self.send(Told::Happened(connection, what));
            }
        }
    }
}

impl Told {
    fn n_bytes(&self) -> usize {
        let noticed = match self {
            Self::Noticed(_, _, noticed) => noticed,
            Self::Passed(_, _, What::Exchanged(it)) => return it.n_bytes(),
            Self::Passed(_, _, What::Framed { text, .. }) => {
                return text.as_ref().map_or(0, String::len);
            }
            // They are short.
            _ => return 0,
        };
        match &**noticed {
            Noticed::Asked(it) => it.message.raw().len(),
            Noticed::Answered(it) => it.message.raw().len(),
            Noticed::Delivered(it) => it.message.raw().len(),
            Noticed::Unanswered(it) => it.message.raw().len(),
            Noticed::Session(_) | Noticed::Remark(_) => 0,
        }
    }
}

/// Shows what comes until the proxy is to stop; what there still is, if it is.
pub(super) fn tell(
    receiver: &Receiver<Told>,
    untold: &Untold,
    printer: &mut Printer,
) -> Result<(), Stop> {
    while let Some(told) = untold.next(receiver) {
        let n_bytes = told.n_bytes();
        match told {
            Told::Noticed(time, peer, noticed) => told::noticed(printer, time, peer, &noticed)?,
            Told::Ended(time, peer) => {
                let state = State::ConnectionEnded { peer };
                printer.state(&StateRecord { time, state })?;
            }
            Told::Passed(time, peer, what) => passed::record(printer, time, peer, &what),
            Told::Happened(connection, what) => told::happened(printer, connection, &what),
            Told::Untold(n) => printer.note(&format!("{n} things happened that were not shown")),
            Told::Stop => return Ok(()),
        }
        untold.is_told(n_bytes);
    }
    Ok(())
}

/// Records what there was no time to show.
pub(super) fn record_rest(receiver: &Receiver<Told>, printer: &mut Printer) {
    for told in receiver.try_iter() {
        if let Told::Passed(time, peer, what) = told {
            passed::record(printer, time, peer, &what);
        }
    }
}
