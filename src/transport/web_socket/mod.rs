//! The websocket transport: one socket, arrays of messages in either direction.
//!
//! A [`WebSocket`] belongs to one thread, the one that asks it for what comes
//! [next](WebSocket::next). Only opening blocks, and has a thread of its own meanwhile. An open
//! socket never blocks: the owner sleeps until there is something to read, room to write, or
//! somebody uses the [`Wake`].
//!
//! ```text
//! WebSocket   the queue of what has to leave; pings; what comes in
//!   opening   connection, TLS, upgrade: blocking, with the ledger's deadlines
//!   layers    with TLS or without
//!   stream    the socket: blocking while it is opened, non-blocking afterwards
//!   readiness sleeping
//! ```
//!
//! Bayeux over websockets is in no specification; CometD (Java 9.0, 8.0) and Faye 1.4 agree on
//! a text frame with an array of messages, replies that are told by their id alone, and
//! deliveries that come without waiting for a connect.

mod layers;
pub(super) mod opening;
pub(super) mod outcome;
mod raw;
mod readiness;
mod stream;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use tungstenite::protocol::CloseFrame;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::{Error, Message as Frame};

use super::answer;
use super::ledger::FOREVER;
use super::{Cookie, Settings, Tls, Trace, TransportError};
use crate::protocol::{Body, encode};
use crate::session::{Stage, Transmit};
pub use opening::Refused;
use opening::{Opened, Opener, Socket};
pub use raw::RawSocket;
pub use readiness::Wake;
use readiness::{Interest, Sleeper};
pub(super) use stream::Stream;

/// A socket on which nothing came for this long is pinged: proxies forget silent connections
/// after 30 s or 60 s, and nothing else shows that a server is gone without a word.
const SILENCE: Duration = Duration::from_secs(20);
/// How long a server has to answer our close frame.
const CLOSING: Duration = Duration::from_millis(200);
/// Looking at the clock is enough once a minute when nothing else is to be done.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);
/// Control frames after which the owner may look at the clock.
pub(super) const MOST_CONTROL_FRAMES: usize = 256;
/// Pings that may wait for their answer to leave; together they fit in 128 KiB.
pub(super) const MOST_UNANSWERED: u32 = 1000;
/// TLS and the upgrade fit; see the lanes of a polling client.
const STACK: usize = 256 * 1024;

/// A client of one endpoint over a websocket, which is opened when there is something to send.
pub struct WebSocket {
    opener: Arc<Opener>,
    state: State,
    outgoing: VecDeque<Transmit>,
    wake: Wake,
    sleeper: Sleeper,
}

enum State {
    Closed,
    /// A thread opens the socket and will post what came of it.
    Opening(Receiver<Opened>),
    Open(Open),
}

/// What came next; see [`WebSocket::next`].
#[derive(Debug)]
pub enum Incoming {
    /// The websocket was opened, or it was not. Then the requests that waited for it come
    /// back.
    Opened {
        /// When it was decided.
        time: SystemTime,
        /// The upgrade on the wire.
        trace: Box<Trace>,
        /// Why there is no websocket.
        refused: Option<Box<Unopened>>,
    },
    /// A request has left.
    Sent(Transmit),
    /// The messages of one frame.
    Messages(Body),
    /// The websocket is gone; these requests had not left.
    Closed {
        /// Why.
        error: TransportError,
        /// What had not left.
        unsent: Vec<Transmit>,
    },
}

/// Why no websocket was opened.
#[derive(Debug)]
pub struct Unopened {
    /// The reason.
    pub error: TransportError,
    /// Whether the server was reached and the upgrade is what failed: another transport may
    /// well work.
    pub is_upgrade: bool,
    /// What waited for the websocket.
    pub unsent: Vec<Transmit>,
}

struct Open {
    socket: Box<Socket>,
    /// Whether the system did not take all that was written.
    is_writing: bool,
    /// Whether anything came since the clock was looked at.
    is_alive: bool,
    last_received: Instant,
    pinged: Option<Instant>,
    /// Why a request could not be written, until it is told. Part of its frame may have left
    /// or wait to leave, so that this socket must never take it again.
    failure: Option<TransportError>,
    /// Pings that came while the system took nothing.
    n_unanswered: u32,
    tls: Tls,
    limit: u64,
    network_timeout: Duration,
}

/// What an open socket wants of its owner.
enum Progress {
    /// To hear this.
    Came(Incoming),
    /// To look at the time and come again.
    Pause,
    /// To wait until there is something to do.
    Sleep,
}

impl WebSocket {
    /// Makes a client; nothing is sent yet.
    ///
    /// # Errors
    /// When the headers cannot stand in one request together, or the system has no more file
    /// descriptors.
    pub fn new(settings: Settings) -> Result<Self, TransportError> {
        let (wake, sleeper) = readiness::pair().map_err(|source| TransportError::Send {
            source,
            stage: Stage::Unsent,
        })?;
        Ok(Self {
            opener: Arc::new(Opener::new(settings)?),
            state: State::Closed,
            outgoing: VecDeque::new(),
            wake,
            sleeper,
        })
    }

    /// Takes a request to send. It comes back if it has left at once; else it leaves in
    /// [`next`](Self::next).
    pub fn send(&mut self, transmit: Transmit) -> Option<Transmit> {
        if let State::Open(open) = &mut self.state
            && self.outgoing.is_empty()
        {
            match open.transmit(&transmit) {
                Ok(true) => return Some(transmit),
                Ok(false) => {}
                Err(error) => open.failure = Some(error),
            }
        }
        self.outgoing.push_back(transmit);
        None
    }

    /// Waits for what comes next. `None` means that the deadline has passed, that somebody used
    /// the [`Wake`], or that the owner should look at both: pings may come without a pause.
    pub fn next(&mut self, until: Option<Instant>) -> Option<Incoming> {
        loop {
            let (interest, wake_at) = match &mut self.state {
                State::Closed if self.outgoing.is_empty() => (None, None),
                State::Closed => {
                    self.state = State::Opening(open(&self.opener, &self.wake));
                    continue;
                }
                State::Opening(posted) => match posted.try_recv() {
                    Ok(opened) => return Some(self.opened(opened)),
                    Err(TryRecvError::Empty) => (None, None),
                    // The thread died without a word; try another one.
                    Err(TryRecvError::Disconnected) => {
                        self.state = State::Closed;
                        continue;
                    }
                },
                State::Open(open) => match open.progress(&mut self.outgoing) {
                    Ok(Progress::Came(incoming)) => return Some(incoming),
                    Ok(Progress::Pause) => return None,
                    Ok(Progress::Sleep) => (Some(open.interest()), Some(open.look_at())),
                    Err(error) => return Some(self.closed(error)),
                },
            };
            let wake_at = [until, wake_at].into_iter().flatten().min();
            let timeout = wake_at.map_or(LONGEST_SLEEP, |it| {
                it.saturating_duration_since(Instant::now())
            });
            match self.sleeper.sleep(interest, timeout.min(LONGEST_SLEEP)) {
                Ok(ready) if ready.is_socket => {
                    if let State::Open(open) = &mut self.state {
                        open.socket.get_mut().stream_mut().is_readable();
                    }
                }
                // Woken, perhaps by the thread that opens the socket: the next call will see.
                Ok(_) => return None,
                Err(source) => {
                    return Some(self.closed(TransportError::WebSocketGone {
                        source: Some(source),
                    }));
                }
            }
        }
    }

    /// Says goodbye, and waits a moment for the answer.
    pub fn close(&mut self) {
        let State::Open(mut open) = std::mem::replace(&mut self.state, State::Closed) else {
            return;
        };
        let goodbye = CloseFrame {
            code: CloseCode::Normal,
            reason: Default::default(),
        };
        let until = Instant::now() + CLOSING;
        let mut outcome = open.socket.close(Some(goodbye));
        // What the server had to say before comes first, and may go on for ever.
        while let Some(remaining) = until.checked_duration_since(Instant::now()) {
            match outcome {
                Ok(()) => {}
                Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                    let ready = self.sleeper.sleep(Some(open.interest()), remaining);
                    if ready.is_err() {
                        return;
                    }
                    open.socket.get_mut().stream_mut().is_readable();
                }
                Err(_) => return,
            }
            outcome = open.socket.read().map(drop);
        }
    }

    /// A handle that ends the sleep of the owner.
    pub fn wake(&self) -> Wake {
        self.wake.clone()
    }

    /// The cookies that would be sent, apart from those for other paths.
    pub fn cookies(&self) -> Vec<Cookie> {
        self.opener.cookies.all()
    }

    fn opened(&mut self, opened: Opened) -> Incoming {
        let Opened {
            outcome,
            time,
            trace,
        } = opened;
        let refused = match outcome {
            Ok(socket) => {
                self.state = State::Open(Open {
                    socket,
                    is_writing: false,
                    is_alive: true,
                    last_received: Instant::now(),
                    pinged: None,
                    failure: None,
                    n_unanswered: 0,
                    tls: self.opener.settings.tls.clone(),
                    limit: self.opener.settings.max_body,
                    network_timeout: self.opener.settings.network_timeout.min(FOREVER),
                });
                None
            }
            Err(Refused { error, is_upgrade }) => {
                self.state = State::Closed;
                let unsent = self.outgoing.drain(..).collect();
                Some(Box::new(Unopened {
                    error,
                    is_upgrade,
                    unsent,
                }))
            }
        };
        Incoming::Opened {
            time,
            trace,
            refused,
        }
    }

    fn closed(&mut self, error: TransportError) -> Incoming {
        self.state = State::Closed;
        let unsent = self.outgoing.drain(..).collect();
        Incoming::Closed { error, unsent }
    }
}

impl fmt::Debug for WebSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocket")
            .field("settings", &self.opener.settings)
            .finish_non_exhaustive()
    }
}

/// Opens a websocket on a thread of its own.
fn open(opener: &Arc<Opener>, wake: &Wake) -> Receiver<Opened> {
    let (poster, posted) = channel();
    let (theirs, wake) = (Arc::clone(opener), wake.clone());
    let post = {
        let poster = poster.clone();
        move || {
            // Nobody listens any more once the client is gone.
            let _ = poster.send(theirs.open(None));
            wake.wake();
        }
    };
    let builder = thread::Builder::new()
        .name("bayeux-open".to_owned())
        .stack_size(STACK);
    if builder.spawn(post).is_err() {
        // No thread to be had: it is done here, late rather than never.
        let _ = poster.send(opener.open(None));
    }
    posted
}

impl Open {
    /// Writes what can be written and reads one message, if there is one.
    fn progress(&mut self, outgoing: &mut VecDeque<Transmit>) -> Result<Progress, TransportError> {
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        if self.is_writing {
            self.is_writing = self.written(|socket| socket.flush())?;
        }
        if !self.is_writing {
            self.n_unanswered = 0;
        }
        if let Some(transmit) = outgoing.front()
            && self.transmit(transmit)?
            && let Some(sent) = outgoing.pop_front()
        {
            return Ok(Progress::Came(Incoming::Sent(sent)));
        }
        for _ in 0..MOST_CONTROL_FRAMES {
            let frame = match self.socket.read() {
                Ok(frame) => frame,
                Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.heartbeat(Instant::now())?;
                    return Ok(Progress::Sleep);
                }
                Err(error) => return Err(outcome::of_socket(error, &self.tls, self.limit)),
            };
            self.is_alive = true;
            match frame {
                Frame::Text(text) => {
                    let body = answer::read_frame(text.as_bytes())?;
                    return Ok(Progress::Came(Incoming::Messages(body)));
                }
                Frame::Binary(bytes) => {
                    return Err(TransportError::BinaryFrame {
                        length: bytes.len(),
                    });
                }
                Frame::Close(frame) => {
                    // Our half of the goodbye; whether it arrives changes nothing.
                    let _ = self.socket.flush();
                    return Err(outcome::of_close(frame.as_ref()));
                }
                Frame::Ping(_) => self.answer_ping()?,
                Frame::Pong(_) | Frame::Frame(_) => {}
            }
        }
        Ok(Progress::Pause)
    }

    /// tungstenite keeps the answer until the system takes it; for a server that never reads
    /// it would keep them all.
    fn answer_ping(&mut self) -> Result<(), TransportError> {
        self.is_writing = self.written(|socket| socket.flush())?;
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

    /// Writes a request; `false` as long as the server takes nothing.
    fn transmit(&mut self, transmit: &Transmit) -> Result<bool, TransportError> {
        if self.is_writing {
            return Ok(false);
        }
        let frame = Frame::text(encode(&transmit.messages));
        self.is_writing = self.written(|socket| socket.send(frame))?;
        Ok(true)
    }

    /// Whether something is left to be written.
    fn written(
        &mut self,
        write: impl FnOnce(&mut Socket) -> Result<(), Error>,
    ) -> Result<bool, TransportError> {
        match write(&mut self.socket) {
            Ok(()) => Ok(false),
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => Ok(true),
            Err(error) => Err(outcome::of_socket(error, &self.tls, self.limit)),
        }
    }

    /// Pings a server that is silent, and gives up one that does not answer.
    fn heartbeat(&mut self, now: Instant) -> Result<(), TransportError> {
        if std::mem::take(&mut self.is_alive) {
            self.last_received = now;
            self.pinged = None;
        }
        match self.pinged {
            Some(pinged) if now >= pinged + self.network_timeout => {
                Err(TransportError::WebSocketSilent {
                    silence: now.saturating_duration_since(self.last_received),
                })
            }
            None if now >= self.last_received + SILENCE => {
                self.pinged = Some(now);
                let ping = Frame::Ping(Default::default());
                self.is_writing |= self.written(|socket| socket.send(ping))?;
                Ok(())
            }
            Some(_) | None => Ok(()),
        }
    }

    /// When [`heartbeat`](Self::heartbeat) has something to do.
    fn look_at(&self) -> Instant {
        match self.pinged {
            Some(pinged) => pinged + self.network_timeout,
            None => self.last_received + SILENCE,
        }
    }

    fn interest(&self) -> Interest<'_> {
        Interest {
            socket: self.socket.get_ref().stream().socket(),
            is_writing: self.is_writing,
        }
    }
}
