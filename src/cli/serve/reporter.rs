//! What a server does, as it is shown while it runs.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender};
use std::time::SystemTime;

use bayeux::protocol::{ConnectionType, Message};
use bayeux::recording::{Direction, MessageRecord};
use bayeux::server::{Event, Observer};

use super::super::exit::Stop;
use super::super::untold::Untold;
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

/// The bytes of the same.
pub(super) const MOST_UNTOLD_BYTES: usize = 16 * 1024 * 1024;

pub(super) struct Reporter {
    sender: SyncSender<Told>,
    untold: Arc<Untold>,
}

impl Reporter {
    pub(super) fn shared(sender: SyncSender<Told>, untold: &Arc<Untold>) -> Arc<dyn Observer> {
        Arc::new(Self {
            sender,
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
        let n_bytes = told.n_bytes();
        self.untold.send(&self.sender, told, n_bytes, |n| {
            Told::Note(format!(
                "{n} things happened that were not shown or recorded"
            ))
        });
    }
}

impl Told {
    fn n_bytes(&self) -> usize {
        match self {
            Self::Messages(heard) => heard.messages.iter().map(|it| it.raw().len()).sum(),
            // They are short.
            Self::Note(_) | Self::Stop => 0,
        }
    }
}

/// Shows what comes, until the server is to stop.
pub(super) fn tell(
    receiver: &Receiver<Told>,
    untold: &Untold,
    printer: &mut Printer,
) -> Result<(), Stop> {
    while let Some(told) = untold.next(receiver) {
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
        untold.is_told(n_bytes);
    }
    Ok(())
}
