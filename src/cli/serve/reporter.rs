//! What a server does, as it is shown while it runs.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender};
use std::time::SystemTime;

use bayeux::protocol::{ConnectionType, Message};
use bayeux::recording::{Direction, MessageRecord};
use bayeux::server::{Event, Observer};

use super::super::exit::Stop;
use crate::output::Printer;

/// What the server's thread tells the one that owns the printer.
pub(super) enum Told {
    Messages(Heard),
    Note(String),
    Stop,
}

/// Messages of one request, response or frame.
pub(super) struct Heard {
    time: SystemTime,
    peer: SocketAddr,
    direction: Direction,
    connection_type: ConnectionType,
    messages: Vec<Message>,
}

/// What happens while the terminal is stopped; the server never waits for it.
pub(super) const MOST_UNTOLD: usize = 4096;

/// The bytes of the same. One thing more is always taken.
const MOST_UNTOLD_BYTES: usize = 16 * 1024 * 1024;

/// What the two threads know of what is still to be told.
#[derive(Default)]
pub(super) struct Untold {
    n_bytes: AtomicUsize,
    pub(super) is_stopping: AtomicBool,
}

pub(super) struct Reporter {
    sender: SyncSender<Told>,
    n_untold: AtomicU64,
    untold: Arc<Untold>,
}

impl Reporter {
    pub(super) fn shared(sender: SyncSender<Told>, untold: &Arc<Untold>) -> Arc<dyn Observer> {
        Arc::new(Self {
            sender,
            n_untold: AtomicU64::new(0),
            untold: Arc::clone(untold),
        })
    }
}

impl Observer for Reporter {
    fn observe(&self, event: &Event<'_>) {
        let now = SystemTime::now();
        let told = match event {
            Event::Received {
                peer,
                connection_type,
                messages,
            } => Told::Messages(Heard {
                time: now,
                peer: *peer,
                direction: Direction::In,
                connection_type: *connection_type,
                messages: messages.to_vec(),
            }),
            Event::Sent {
                peer,
                connection_type,
                messages,
            } => Told::Messages(Heard {
                time: now,
                peer: *peer,
                direction: Direction::Out,
                connection_type: *connection_type,
                messages: messages.iter().map(|it| Message::clone(it)).collect(),
            }),
            // Its handshake is shown.
            Event::SessionOpened { .. } => return,
            // Nobody but the page of a stranger.
            Event::Refused { status: 403, .. } => {
                let remark = event.remark().unwrap_or_default();
                Told::Note(format!("{remark}; --allow-origin lets them"))
            }
            event => match event.remark() {
                Some(remark) => Told::Note(remark),
                None => return,
            },
        };
        let n_untold = self.n_untold.swap(0, Ordering::Relaxed);
        let is_sent = n_untold == 0 || {
            let note = Told::Note(format!(
                "{n_untold} things happened that were not shown or recorded"
            ));
            self.sender.try_send(note).is_ok()
        };
        // While the server stops nobody listens any more, and then nothing is missed.
        let n_bytes = told.n_bytes();
        // Before the other thread can take it off again.
        let n_before = self.untold.n_bytes.fetch_add(n_bytes, Ordering::Relaxed);
        let is_room = n_before == 0 || n_before + n_bytes <= MOST_UNTOLD_BYTES;
        if !is_sent || !is_room || self.sender.try_send(told).is_err() {
            self.untold.n_bytes.fetch_sub(n_bytes, Ordering::Relaxed);
            self.n_untold.fetch_add(n_untold + 1, Ordering::Relaxed);
        }
    }
}

/// Shows what comes, until the server is to stop.
impl Told {
    fn n_bytes(&self) -> usize {
        match self {
            Self::Messages(heard) => heard.messages.iter().map(|it| it.raw().len()).sum(),
            // They are short.
            Self::Note(_) | Self::Stop => 0,
        }
    }
}

pub(super) fn tell(
    receiver: &Receiver<Told>,
    untold: &Untold,
    printer: &mut Printer,
) -> Result<(), Stop> {
    for told in receiver {
        if untold.is_stopping.load(Ordering::Acquire) {
            return Ok(());
        }
        let n_bytes = told.n_bytes();
        match told {
            Told::Messages(heard) => {
                for message in heard.messages {
                    printer.served(&MessageRecord {
                        time: heard.time,
                        direction: heard.direction,
                        transport: heard.connection_type.as_str().into(),
                        peer: Some(heard.peer),
                        message,
                    })?;
                }
            }
            Told::Note(text) => printer.note(&text),
            Told::Stop => return Ok(()),
        }
        untold.n_bytes.fetch_sub(n_bytes, Ordering::Relaxed);
    }
    Ok(())
}
