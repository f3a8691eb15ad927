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
mod pipe;
mod socket;
mod web_socket;
mod wire;

use std::io::{self, ErrorKind, Read};
use std::mem;
use std::net::{Shutdown, SocketAddr};
use std::time::{Duration, Instant};

use mio::Token;
use mio::net::TcpStream;

use self::exchanges::{Exchanges, Step};
use self::pipe::{Advance, Pipe};
use self::socket::Socket;
use self::web_socket::{Conversation, Ending, Progress};
use self::wire::Wire;
use super::alarms::Alarm;
use super::broker::{Answer, HoldId};
use super::fault::Passage;
use super::hub::Hub;
use super::{Event, Settings};

/// How long an idle connection is kept.
const IDLE_TIMEOUT: Duration = Duration::from_secs(75);

/// How long we wait for the end of a client to which all was said.
const LINGER: Duration = Duration::from_secs(2);

/// How long a connection is kept that has fallen silent by a fault.
const SILENCE: Duration = Duration::from_secs(600);

/// Requests that are carried out, and pieces that are read, before others have their turn.
const MOST_AT_ONCE: u32 = 32;

/// Responses to requests that came together leave together, up to these many bytes.
const MOST_TOGETHER: usize = 64 * 1024;

pub(super) struct Connection {
    stage: Stage,
    pub(super) alarm: Alarm,
}

/// Whose connection it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Caller {
    pub(super) token: Token,
    pub(super) peer: SocketAddr,
}

/// What a connection needs after its turn.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Turn {
    /// An event, or its deadline.
    Waits,
    /// Another turn soon: there is more to do, and others come first.
    Unfinished,
    /// Nothing any more.
    Over,
}

enum Stage {
    Http(Http),
    WebSocket(Box<Conversation>),
    Lingering(Lingering),
    Over,
}

struct Http {
    pipe: Pipe,
    exchanges: Exchanges,
    /// When the present request began; without one, when something happened last.
    since: Instant,
}

struct Lingering {
    pipe: Pipe,
    /// Since everything was said.
    until: Option<Instant>,
}

impl Connection {
    pub(super) fn new(socket: TcpStream, caller: Caller, hub: &Hub) -> io::Result<Self> {
        let wire = Wire::new(Socket::new(socket), hub.tls.as_ref()).map_err(io::Error::other)?;
        let http = Http {
            pipe: Pipe::new(wire),
            exchanges: Exchanges::new(caller, hub),
            since: hub.now,
        };
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
        let step = http
            .exchanges
            .answer_held(hub, &mut http.pipe, hold, answer);
        http.since = hub.now;
        if let Step::Last = step {
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
        if self.pipe_mut().is_some_and(|it| it.is_pausing()) {
            return;
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
            self.stage = Stage::Lingering(Lingering { pipe, until: None });
        }
    }

    /// Sends nothing any more, and takes what the client still sends.
    fn fall_silent(&mut self, hub: &mut Hub) {
        if let Some(pipe) = self.leave(hub) {
            let until = Some(hub.now + SILENCE);
            self.stage = Stage::Lingering(Lingering { pipe, until });
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

/// What a turn of requests and responses came to.
enum Outcome {
    Turn(Turn),
    Last,
    /// A fault ends all that is sent.
    Silent,
    Upgraded(Start),
}

/// How a websocket begins.
struct Start {
    caller: Caller,
    upgrade: Box<super::upgrade::Upgrade>,
    passage: Passage,
    rest: Vec<u8>,
}

/// What became of a connection that let its deadline pass.
enum Late {
    /// It was told so.
    Told,
    Over,
}

impl Http {
    fn turn(&mut self, hub: &mut Hub, scratch: &mut [u8]) -> io::Result<Outcome> {
        let was_idle = self.exchanges.is_idle();
        let mut is_progress = false;
        if self.pipe.advance(hub.now)? == Advance::Silent {
            return Ok(Outcome::Silent);
        }
        self.pipe.send_waiting()?;
        let mut turn = Turn::Unfinished;
        for _ in 0..MOST_AT_ONCE {
            // Who takes no responses is not heard: that bounds what waits.
            if self.pipe.is_blocked() {
                turn = Turn::Waits;
                break;
            }
            match self.exchanges.step(hub, &mut self.pipe) {
                Step::Done => {
                    is_progress = true;
                    if self.pipe.n_waiting() > MOST_TOGETHER {
                        self.pipe.send_waiting()?;
                    }
                }
                Step::NeedsMore => match self.pipe.read(scratch) {
                    Ok(0) => {
                        self.pipe.send_waiting()?;
                        return Ok(Outcome::Turn(Turn::Over));
                    }
                    Ok(n_read) => self.exchanges.push(&scratch[..n_read]),
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {
                        turn = Turn::Waits;
                        break;
                    }
                    Err(error) => return Err(error),
                },
                Step::Last => return Ok(Outcome::Last),
                Step::Upgraded(upgrade, passage, rest) => {
                    return Ok(Outcome::Upgraded(Start {
                        caller: self.exchanges.caller(),
                        upgrade,
                        passage,
                        rest,
                    }));
                }
            }
        }
        if !self.pipe.is_blocked() {
            self.pipe.send_waiting()?;
        } else {
            // Steps that were just pushed.
            match self.pipe.advance(hub.now)? {
                Advance::Silent => return Ok(Outcome::Silent),
                Advance::Goes if !self.pipe.is_blocked() => turn = Turn::Unfinished,
                Advance::Goes => {}
            }
        }
        if was_idle || is_progress {
            self.since = hub.now;
        }
        Ok(Outcome::Turn(turn))
    }

    fn deadline(&mut self, settings: &Settings, now: Instant) -> Option<Instant> {
        if self.pipe.is_blocked() {
            self.pipe.deadline(now, settings.response_timeout)
        } else if !self.exchanges.is_idle() {
            self.since.checked_add(settings.request_timeout)
        } else if self.exchanges.is_held() {
            None
        } else {
            self.since.checked_add(IDLE_TIMEOUT)
        }
    }

    fn handle_timeout(&mut self, hub: &mut Hub) -> Late {
        if self.pipe.is_blocked() {
            hub.observe(&Event::Dropped {
                peer: self.exchanges.caller().peer,
                reason: "the client does not take the response that is sent to it",
            });
            Late::Over
        } else if !self.exchanges.is_idle() {
            self.exchanges.time_out(hub, &mut self.pipe);
            Late::Told
        } else {
            Late::Over
        }
    }
}

impl Lingering {
    fn turn(&mut self, now: Instant, scratch: &mut [u8]) -> io::Result<Turn> {
        if self.pipe.advance(now)? == Advance::Silent {
            self.until = Some(now + SILENCE);
        }
        self.pipe.send_waiting()?;
        if self.pipe.is_blocked() {
            return Ok(Turn::Waits);
        }
        if self.until.is_none() {
            self.pipe.shut_down(Shutdown::Write);
            self.until = Some(now + LINGER);
        }
        for _ in 0..MOST_AT_ONCE {
            match self.pipe.read(scratch) {
                Ok(0) => return Ok(Turn::Over),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Turn::Waits),
                Err(error) => return Err(error),
            }
        }
        Ok(Turn::Unfinished)
    }

    fn deadline(&mut self, settings: &Settings, now: Instant) -> Option<Instant> {
        let patience = settings.response_timeout;
        self.until.or_else(|| self.pipe.deadline(now, patience))
    }
}
