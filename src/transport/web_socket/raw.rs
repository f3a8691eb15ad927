//! A websocket whose frames are not looked into: for seeing what a server makes of any text.

use std::fmt;
use std::io;
use std::time::{Duration, Instant};

use tungstenite::protocol::CloseFrame;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::{Error, Message as Frame};

use super::opening::{Opener, Refused, Socket};
use super::outcome;
use super::readiness::{self, Interest, Sleeper, Wake};
use super::{CLOSING, MOST_CONTROL_FRAMES};
use crate::session::Stage;
use crate::transport::{Settings, Tls, Trace, TransportError};

/// An open websocket: texts go out and come in as they are.
pub struct RawSocket {
    socket: Box<Socket>,
    sleeper: Sleeper,
    /// Nobody uses it; without it every sleep would end at once.
    _wake: Wake,
    tls: Tls,
    max_body: u64,
}

impl RawSocket {
    /// Opens a websocket; blocks for at most the connect timeout and the network timeout, and not
    /// beyond `until`. The trace is that of the upgrade, whatever came of it.
    pub fn open(settings: Settings, until: Instant) -> (Result<Self, Refused>, Option<Box<Trace>>) {
        let unsent = |error| Refused {
            error,
            is_upgrade: false,
        };
        let pair = readiness::pair().map_err(|source| {
            unsent(TransportError::Send {
                source,
                stage: Stage::Unsent,
            })
        });
        let (tls, max_body) = (settings.tls.clone(), settings.max_body);
        let ((wake, sleeper), opener) = match (pair, Opener::new(settings).map_err(unsent)) {
            (Ok(pair), Ok(opener)) => (pair, opener),
            (Err(refused), _) | (_, Err(refused)) => return (Err(refused), None),
        };
        let opened = opener.open(Some(until));
        let socket = opened.outcome.map(|socket| Self {
            socket,
            sleeper,
            _wake: wake,
            tls,
            max_body,
        });
        (socket, Some(opened.trace))
    }

    /// Sends a text as one frame.
    ///
    /// # Errors
    /// When it cannot be sent by then, or the websocket is gone.
    pub fn send(&mut self, text: &str, until: Instant) -> Result<(), TransportError> {
        let mut written = self.socket.send(Frame::text(text));
        loop {
            match written {
                Ok(()) => return Ok(()),
                Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                    if !self.sleep(until, Writing::Waits)? {
                        return Err(TransportError::Send {
                            source: io::ErrorKind::TimedOut.into(),
                            stage: Stage::Unanswered,
                        });
                    }
                    written = self.socket.flush();
                }
                Err(error) => return Err(self.failure(error)),
            }
        }
    }

    /// The text of the next frame; `None` if none came by then.
    ///
    /// # Errors
    /// When the websocket is gone, or what came is no text.
    pub fn next(&mut self, until: Instant) -> Result<Option<String>, TransportError> {
        for _ in 0..MOST_CONTROL_FRAMES {
            match self.socket.read() {
                Ok(Frame::Text(text)) => return Ok(Some(text.as_str().to_owned())),
                Ok(Frame::Binary(bytes)) => {
                    return Err(TransportError::BinaryFrame {
                        length: bytes.len(),
                    });
                }
                Ok(Frame::Close(frame)) => return Err(outcome::of_close(frame.as_ref())),
                Ok(Frame::Ping(_) | Frame::Pong(_) | Frame::Frame(_)) => {}
                Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                    if !self.sleep(until, Writing::Done)? {
                        return Ok(None);
                    }
                }
                Err(error) => return Err(self.failure(error)),
            }
        }
        Err(TransportError::BadFrame {
            reason: format!("{MOST_CONTROL_FRAMES} control frames and no text"),
        })
    }

    /// Says goodbye, and waits a moment for the answer.
    pub fn close(mut self) {
        let goodbye = CloseFrame {
            code: CloseCode::Normal,
            reason: Default::default(),
        };
        let until = Instant::now() + CLOSING;
        if self.socket.close(Some(goodbye)).is_ok() {
            while let Ok(Some(_)) = self.next(until) {}
        }
    }

    /// Waits until something can be read, or written; false when the time is over.
    fn sleep(&mut self, until: Instant, writing: Writing) -> Result<bool, TransportError> {
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(false);
            }
            let interest = Interest {
                socket: self.socket.get_ref().stream().socket(),
                is_writing: writing == Writing::Waits,
            };
            // Long waits have no place in the system's call everywhere.
            let ready = self
                .sleeper
                .sleep(Some(interest), left.min(Duration::from_secs(60)));
            let ready = ready.map_err(|source| TransportError::WebSocketGone {
                source: Some(source),
            })?;
            if ready.is_socket {
                self.socket.get_mut().stream_mut().is_readable();
                return Ok(true);
            }
        }
    }

    fn failure(&self, error: Error) -> TransportError {
        outcome::of_socket(error, &self.tls, self.max_body)
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Writing {
    Done,
    Waits,
}

impl fmt::Debug for RawSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RawSocket")
    }
}
