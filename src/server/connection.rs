//! One accepted connection: what is done with its bytes, and until when.
//!
//! ```text
//!   Http ---> WebSocket
//!     |           |
//!     +-----+-----+---> Lingering: the last that we say is on its way, what still comes is
//!           |               |      not looked at
//!           +---> Over <----+
//! ```

mod course;
mod exchanges;
mod incoming;
mod lingering;
pub(crate) mod pipe;
mod requests;
mod turn;
mod web_socket;
pub(crate) mod wire;

use std::net::Shutdown;
use std::time::Instant;
use std::{io, mem};

use mio::net::TcpStream;

use self::exchanges::{Exchanges, Step};
use self::lingering::Lingering;
use self::pipe::Pipe;
use self::requests::{Http, Late, Outcome, Start};
pub(super) use self::turn::{Caller, Turn};
use self::web_socket::{Conversation, Ending, Progress};
use self::wire::Wire;
use super::alarms::Alarm;
use super::broker::{Answer, HoldId};
use super::hub::Hub;
use super::{Event, Settings};

pub(super) struct Connection {
    stage: Stage,
    pub(super) alarm: Alarm,
}

enum Stage {
    Http(Http),
    WebSocket(Box<Conversation>),
    Lingering(Lingering),
    Over,
}

impl Connection {
    pub(super) fn new(socket: TcpStream, caller: Caller, hub: &Hub) -> io::Result<Self> {
        let wire = Wire::new(socket, hub.tls.as_ref()).map_err(io::Error::other)?;
        let http = Http::new(Pipe::new(wire), Exchanges::new(caller, hub), hub.now);
        Ok(Self {
            stage: Stage::Http(http),
            alarm: Alarm::default(),
        })
    }

    /// Notes what the system says about the socket; [`turn`](Self::turn) does what that allows.
    pub(super) fn note(&mut self, event: &mio::event::Event) {
        if let Some(pipe) = self.pipe_mut() {
            pipe.wire_mut().note(event);
        }
    }

    /// Sends and reads what can be sent and read.
    pub(super) fn turn(&mut self, hub: &mut Hub, scratch: &mut [u8]) -> Turn {
        loop {
            let turned = match &mut self.stage {
                Stage::Http(http) => match http.turn(hub, scratch) {
                    Ok(Outcome::Turn(turn)) => turn,
                    Ok(Outcome::Last) => {
                        self.linger(hub);
                        continue;
                    }
                    Ok(Outcome::Silent) => {
                        self.fall_silent(hub);
                        continue;
                    }
                    Ok(Outcome::Upgraded(start)) => {
                        self.become_web_socket(hub, start);
                        continue;
                    }
                    Err(error) => {
                        if let Some(reason) = http.pipe.wire_mut().tls_failure(&error) {
                            let peer = http.exchanges.caller().peer;
                            hub.observe(&Event::Dropped {
                                peer,
                                reason: &reason,
                            });
                        }
                        Turn::Over
                    }
                },
                Stage::WebSocket(conversation) => match conversation.turn(hub) {
                    Ok(Progress::Waits) => Turn::Waits,
                    Ok(Progress::Unfinished) => Turn::Unfinished,
                    Err(Ending::Gone) => Turn::Over,
                    Err(Ending::Silent) => {
                        self.fall_silent(hub);
                        continue;
                    }
                    Err(Ending::Closed(code, reason)) => {
                        conversation.close(hub, code, &reason);
                        self.linger(hub);
                        continue;
                    }
                },
                Stage::Lingering(lingering) => {
                    let turned = lingering.turn(hub.now, scratch);
                    turned.unwrap_or(Turn::Over)
                }
                Stage::Over => Turn::Over,
            };
            return turned;
        }
    }

    /// The response to the connect that is held here has come. A turn has to follow.
    pub(super) fn answer_held(&mut self, hub: &mut Hub, hold: HoldId, answer: Answer) {
        let Stage::Http(http) = &mut self.stage else {
            return;
        };
        if let Step::Last = http.answer_held(hub, hold, answer) {
            self.linger(hub);
        }
    }

    /// When something has to be done, whatever happens.
    pub(super) fn deadline(&mut self, settings: &Settings, now: Instant) -> Option<Instant> {
        match &mut self.stage {
            Stage::Http(http) => http.deadline(settings, now),
            Stage::WebSocket(conversation) => conversation.deadline(settings, now),
            Stage::Lingering(lingering) => lingering.deadline(settings, now),
            Stage::Over => None,
        }
    }

    /// The deadline has passed. A turn has to follow.
    pub(super) fn handle_timeout(&mut self, hub: &mut Hub) {
        if let Some(pipe) = self.pipe_mut() {
            if pipe.is_pause_over(hub.now) {
                return;
            }
            if pipe.is_abandoned() {
                return self.end(hub);
            }
        }
        match &mut self.stage {
            Stage::Http(http) => match http.handle_timeout(hub) {
                Late::Told => self.linger(hub),
                Late::Over => self.end(hub),
            },
            Stage::WebSocket(conversation) => match conversation.handle_timeout(hub) {
                Ok(()) => {}
                Err(Ending::Gone | Ending::Silent) => self.end(hub),
                Err(Ending::Closed(code, reason)) => {
                    conversation.close(hub, code, &reason);
                    self.linger(hub);
                }
            },
            Stage::Lingering(_) | Stage::Over => self.end(hub),
        }
    }

    /// The server stops.
    pub(super) fn stop(mut self) {
        let pipe = match &mut self.stage {
            Stage::Http(http) => &mut http.pipe,
            Stage::WebSocket(conversation) => {
                conversation.stop();
                conversation.pipe_mut()
            }
            Stage::Lingering(lingering) => &mut lingering.pipe,
            Stage::Over => return,
        };
        pipe.shut_down(Shutdown::Both);
    }

    /// The connection is gone: whoever counted on it is told.
    pub(super) fn end(&mut self, hub: &mut Hub) {
        self.leave(hub);
    }

    /// Ends the sending direction once all is sent, and takes what the client still sends, for
    /// a moment. If we closed with bytes unread, its side would be reset and could lose the
    /// last that we said.
    fn linger(&mut self, hub: &mut Hub) {
        if let Some(pipe) = self.leave(hub) {
            self.stage = Stage::Lingering(Lingering::new(pipe));
        }
    }

    /// Sends nothing any more, and takes what the client still sends.
    fn fall_silent(&mut self, hub: &mut Hub) {
        if let Some(pipe) = self.leave(hub) {
            self.stage = Stage::Lingering(Lingering::silent(pipe, hub.now));
        }
    }

    fn pipe_mut(&mut self) -> Option<&mut Pipe> {
        match &mut self.stage {
            Stage::Http(http) => Some(&mut http.pipe),
            Stage::WebSocket(conversation) => Some(conversation.pipe_mut()),
            Stage::Lingering(lingering) => Some(&mut lingering.pipe),
            Stage::Over => None,
        }
    }

    fn become_web_socket(&mut self, hub: &mut Hub, start: Start) {
        let Start {
            caller,
            upgrade,
            passage,
            rest,
        } = start;
        if let Some(pipe) = self.leave(hub) {
            let conversation = Conversation::new(caller, hub, pipe, (*upgrade, passage), rest);
            self.stage = Stage::WebSocket(Box::new(conversation));
        }
    }

    /// Ends the present stage.
    fn leave(&mut self, hub: &mut Hub) -> Option<Pipe> {
        match mem::replace(&mut self.stage, Stage::Over) {
            Stage::Http(mut http) => {
                http.exchanges.end(hub);
                Some(http.pipe)
            }
            Stage::WebSocket(mut conversation) => {
                conversation.end(hub);
                Some(conversation.into_pipe())
            }
            Stage::Lingering(lingering) => Some(lingering.pipe),
            Stage::Over => None,
        }
    }
}
