//! One websocket (RFC 6455): connection, upgrade, frames.

use std::collections::VecDeque;
use std::io::{self, Read as _};
use std::net::IpAddr;
use std::time::Duration;

use mio::Token;
use mio::event::Event;
use tungstenite::protocol::CloseFrame;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::{Error, Message as Frame};

use super::super::standing::{Late, Standing, Step};
use super::super::web_socket::{MOST_CONTROL_FRAMES, MOST_UNANSWERED, outcome};
use super::super::{TransportError, answer};
use super::frames::{Frames, Piece};
use super::link::{Link, is_pause};
use super::upgrade::{Behind, Pipe, Upgrade, Upgraded};
use super::{Jar, Shared, Target};
use crate::protocol::{Body, Message, encode};

/// A websocket. Dropping it closes its connection.
pub(crate) struct Socket {
    phase: Phase,
    /// Frames that wait until the socket is open and takes them.
    outgoing: VecDeque<String>,
}

enum Phase {
    Connecting(Box<Link>),
    Upgrading(Box<Upgrade>),
    Open(Box<Open>),
    /// It has been told why.
    Gone,
}

struct Open {
    socket: tungstenite::WebSocket<Pipe>,
    reader: Reader,
    /// Whether the system did not take all that was written.
    is_writing: bool,
    /// Pings that came while the system took nothing.
    n_unanswered: u32,
}

/// Who reads.
enum Reader {
    /// The frames are taken out of the thread's buffer.
    Own {
        frames: Frames,
        /// Whether tungstenite was given a frame, and may have something to say about it.
        is_given: bool,
    },
    /// tungstenite reads, since it began to before the socket was open.
    Tungstenite,
}

/// What became of a request at once.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Sent {
    /// The system has it, at least in part.
    Left,
    /// It leaves later; [`Incoming::Left`] tells.
    Waiting,
}

/// What came next.
#[derive(Debug)]
pub(crate) enum Incoming {
    /// The websocket is open.
    Opened,
    /// The longest waiting request has left.
    Left,
    /// The messages of one frame.
    Messages(Body),
    /// Nothing but pings and their like, for so long that the owner may want to see to others.
    Pings,
    /// It was not opened, or is gone. What still waited has not left. Nothing comes after this.
    Closed(TransportError),
}

impl Socket {
    /// Starts connecting, from this address of ours if one is given; the socket's events have
    /// this token.
    ///
    /// # Errors
    /// When there is no descriptor, no port or no route.
    pub(crate) fn connect(
        shared: &mut Shared,
        source: Option<IpAddr>,
        token: Token,
    ) -> Result<Self, TransportError> {
        let link = Link::connect(shared, source, token)?;
        Ok(Self {
            phase: Phase::Connecting(Box::new(link)),
            outgoing: VecDeque::new(),
        })
    }

    /// Sends messages in one frame.
    ///
    /// # Errors
    /// When the socket has just shown that it is gone; nothing comes of it any more.
    pub(crate) fn send(
        &mut self,
        shared: &mut Shared,
        messages: &[Message],
    ) -> Result<Sent, TransportError> {
        let text = encode(messages);
        if let Phase::Open(open) = &mut self.phase
            && !open.is_writing
            && self.outgoing.is_empty()
        {
            let written = open.write(shared, |socket| socket.send(Frame::text(text)));
            return match written {
                Ok(()) => Ok(Sent::Left),
                Err(error) => {
                    self.phase = Phase::Gone;
                    Err(error)
                }
            };
        }
        self.outgoing.push_back(text);
        Ok(Sent::Waiting)
    }

    /// Notes what the system says about the socket; [`next`](Self::next) does what that allows.
    pub(crate) fn note(&mut self, event: &Event) {
        match &mut self.phase {
            Phase::Connecting(link) => link.note(event),
            Phase::Upgrading(upgrade) => upgrade.link_mut().note(event),
            Phase::Open(open) => open.socket.get_mut().link_mut().note(event),
            Phase::Gone => {}
        }
    }

    /// What came; nothing until the next event. Whoever stops asking earlier has to come back,
    /// since no event may tell of the rest.
    pub(crate) fn next(&mut self, shared: &mut Shared, jar: &mut Jar) -> Option<Incoming> {
        loop {
            // What has failed is gone, and is so all the time that it is worked on.
            let stepped = match std::mem::replace(&mut self.phase, Phase::Gone) {
                Phase::Connecting(link) => connecting(link, shared, jar),
                Phase::Upgrading(upgrade) => upgrading(upgrade, shared, jar),
                Phase::Open(mut open) => match open.next(shared, &mut self.outgoing) {
                    Ok(incoming) => Ok((Phase::Open(open), Stepped::Came(incoming))),
                    Err(error) => Err(error),
                },
                Phase::Gone => return None,
            };
            match stepped {
                Ok((phase, stepped)) => {
                    self.phase = phase;
                    match stepped {
                        Stepped::Came(incoming) => return incoming,
                        Stepped::On => {}
                    }
                }
                Err(error) => {
                    self.outgoing.clear();
                    return Some(Incoming::Closed(error));
                }
            }
        }
    }

    /// What the session is told when its time is over; the socket is of no more use then.
    pub(crate) fn expire(
        &self,
        target: &Target,
        waited: Duration,
        hold: Duration,
    ) -> TransportError {
        let mut addresses = Vec::new();
        let late = |standing: Standing<'_>, addresses| {
            standing.timed_out(Late {
                addresses,
                connect: target.settings.connect_timeout,
                waited,
                hold,
                network: target.settings.network_timeout,
            })
        };
        match &self.phase {
            Phase::Connecting(link) => {
                if link.step() == Step::Tcp {
                    link.avoid(target);
                }
                addresses.push(link.address(target));
                late(link.standing(), addresses)
            }
            Phase::Upgrading(upgrade) => upgrade.with_standing(|it| late(it, addresses)),
            Phase::Open(_) | Phase::Gone => {
                let standing = Standing {
                    step: Step::Exchange,
                    // The request had left, or waited behind one that had.
                    sent: 1,
                    is_send_broken: false,
                    received: 0,
                    strange_opening: &[],
                };
                late(standing, addresses)
            }
        }
    }

    /// Whether TCP and TLS are done.
    pub(crate) fn is_connected(&self) -> bool {
        matches!(self.phase, Phase::Upgrading(_) | Phase::Open(_))
    }

    /// Whether messages can pass.
    pub(crate) fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Open(_))
    }

    /// Says goodbye, as far as the system takes it; [`next`](Self::next) has the answer.
    pub(crate) fn close(&mut self, shared: &mut Shared) {
        if let Phase::Open(open) = &mut self.phase {
            let goodbye = CloseFrame {
                code: CloseCode::Normal,
                reason: Default::default(),
            };
            // One who leaves does not mind that the other has gone.
            let _ = open.write(shared, |socket| socket.close(Some(goodbye)));
        }
    }
}

/// Whether to tell something or to go on.
enum Stepped {
    /// To tell this, or to wait for an event.
    Came(Option<Incoming>),
    /// The next phase can go on at once.
    On,
}

fn connecting(
    mut link: Box<Link>,
    shared: &mut Shared,
    jar: &mut Jar,
) -> Result<(Phase, Stepped), TransportError> {
    let opened = link.open(shared);
    shared.traffic += link.take_traffic();
    match opened? {
        true => {
            let upgrade = Upgrade::start(*link, &shared.target, jar)?;
            Ok((Phase::Upgrading(Box::new(upgrade)), Stepped::On))
        }
        false => Ok((Phase::Connecting(link), Stepped::Came(None))),
    }
}

fn upgrading(
    upgrade: Box<Upgrade>,
    shared: &mut Shared,
    jar: &mut Jar,
) -> Result<(Phase, Stepped), TransportError> {
    match upgrade.proceed(shared, jar)? {
        Upgraded::Open(mut socket, behind) => {
            let reader = match behind {
                Behind::Nothing => {
                    socket.get_mut().give(Vec::new());
                    Reader::Own {
                        frames: Frames::new(shared.target.settings.max_body),
                        is_given: false,
                    }
                }
                Behind::Something => Reader::Tungstenite,
            };
            let open = Open {
                socket,
                reader,
                is_writing: false,
                n_unanswered: 0,
            };
            let opened = Stepped::Came(Some(Incoming::Opened));
            Ok((Phase::Open(Box::new(open)), opened))
        }
        Upgraded::Pending(upgrade) => {
            Ok((Phase::Upgrading(Box::new(upgrade)), Stepped::Came(None)))
        }
    }
}

/// What was read.
enum Read {
    Messages(Body),
    /// What tungstenite made of a frame.
    Frame(Frame),
}

impl Open {
    /// Writes what can be written, and reads one frame if there is one.
    fn next(
        &mut self,
        shared: &mut Shared,
        outgoing: &mut VecDeque<String>,
    ) -> Result<Option<Incoming>, TransportError> {
        if self.is_writing {
            self.write(shared, |socket| socket.flush())?;
        }
        if !self.is_writing {
            self.n_unanswered = 0;
            if let Some(text) = outgoing.pop_front() {
                self.write(shared, |socket| socket.send(Frame::text(text)))?;
                return Ok(Some(Incoming::Left));
            }
            // Most of the time there is none; then it costs no memory either.
            outgoing.shrink_to(0);
        }
        for _ in 0..MOST_CONTROL_FRAMES {
            let frame = match self.read(shared)? {
                Some(Read::Messages(body)) => return Ok(Some(Incoming::Messages(body))),
                Some(Read::Frame(frame)) => frame,
                None => return Ok(None),
            };
            match frame {
                Frame::Text(text) => {
                    let body = answer::read_frame(text.as_bytes())?;
                    return Ok(Some(Incoming::Messages(body)));
                }
                Frame::Binary(bytes) => {
                    let length = bytes.len();
                    return Err(TransportError::BinaryFrame { length });
                }
                Frame::Close(frame) => {
                    // Our half of the goodbye; whether it arrives changes nothing.
                    let _ = self.write(shared, |socket| socket.flush());
                    return Err(outcome::of_close(frame.as_ref()));
                }
                Frame::Ping(_) => self.answer_ping(shared)?,
                Frame::Pong(_) | Frame::Frame(_) => {}
            }
        }
        Ok(Some(Incoming::Pings))
    }

    /// Reads one frame if there is one.
    fn read(&mut self, shared: &mut Shared) -> Result<Option<Read>, TransportError> {
        loop {
            let Reader::Own { frames, is_given } = &mut self.reader else {
                return self.read_frame(shared);
            };
            if std::mem::take(is_given) {
                if let Some(read) = self.read_frame(shared)? {
                    self.gave();
                    return Ok(Some(read));
                }
                continue;
            }
            let mut piece = None;
            if !frames.is_empty() {
                piece = frames.take(&[])?;
            }
            if piece.is_none() {
                let link = self.socket.get_mut().link_mut();
                let read = link.read(&mut shared.input);
                shared.traffic += link.take_traffic();
                piece = match read {
                    Ok(0) => {
                        self.socket.get_mut().end();
                        return self.read_frame(shared);
                    }
                    Ok(n_bytes) => frames.take(&shared.input[..n_bytes])?,
                    Err(error) if is_pause(&error) => return Ok(None),
                    Err(error) => return Err(failed(shared, Error::Io(error))),
                };
            }
            match piece {
                Some(Piece::Messages(body)) => return Ok(Some(Read::Messages(body))),
                Some(Piece::Other(bytes)) => {
                    self.socket.get_mut().give(bytes);
                    self.gave();
                }
                None => {}
            }
        }
    }

    /// tungstenite has been given something, and is asked until it has no more to say.
    fn gave(&mut self) {
        if let Reader::Own { is_given, .. } = &mut self.reader {
            *is_given = true;
        }
    }

    fn read_frame(&mut self, shared: &mut Shared) -> Result<Option<Read>, TransportError> {
        let read = self.socket.read();
        shared.traffic += self.socket.get_mut().link_mut().take_traffic();
        match read {
            Ok(frame) => Ok(Some(Read::Frame(frame))),
            Err(Error::Io(error)) if is_pause(&error) => Ok(None),
            Err(error) => Err(failed(shared, error)),
        }
    }

    /// tungstenite keeps the answer until the system takes it; for a server that never reads
    /// it would keep them all.
    fn answer_ping(&mut self, shared: &mut Shared) -> Result<(), TransportError> {
        self.write(shared, |socket| socket.flush())?;
        self.n_unanswered = match self.is_writing {
            true => self.n_unanswered + 1,
            false => 0,
        };
        if self.n_unanswered < MOST_UNANSWERED {
            return Ok(());
        }
        Err(TransportError::BadFrame {
            reason: format!("{MOST_UNANSWERED} pings whose answers the server does not take"),
        })
    }

    fn write(
        &mut self,
        shared: &mut Shared,
        write: impl FnOnce(&mut tungstenite::WebSocket<Pipe>) -> Result<(), Error>,
    ) -> Result<(), TransportError> {
        let written = write(&mut self.socket);
        shared.traffic += self.socket.get_mut().link_mut().take_traffic();
        self.is_writing = match written {
            Ok(()) => false,
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => true,
            Err(error) => return Err(failed(shared, error)),
        };
        Ok(())
    }
}

fn failed(shared: &Shared, error: Error) -> TransportError {
    let settings = &shared.target.settings;
    outcome::of_socket(error, &settings.tls, settings.max_body)
}
