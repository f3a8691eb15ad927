//! A connection that became a websocket.
//!
//! ```text
//!   client -> frame -> broker -> what waits for the link, taken while the socket takes it
//!                                                      +--> frames -> client
//! ```
//!
//! While a client does not take what it is sent, nothing is read from it and its messages stay
//! in the queue of its session, up to the limits of [`Settings`](crate::server::Settings).

use std::io;
use std::time::{Duration, Instant};

use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tungstenite::{Error, WebSocket};

use super::incoming::Incoming;
use super::pipe::{Advance, Pipe};
use super::turn::Caller;
use crate::protocol::{ConnectionType, Message};
use crate::server::broker::{self, LinkId};
use crate::server::fault::{Passage, Step};
use crate::server::frames;
use crate::server::hub::Hub;
use crate::server::readable::{Unreadable, readable};
use crate::server::upgrade::Upgrade;
use crate::server::{Event, Settings};

/// How long a websocket is kept over which nothing comes and no session made a connect.
const IDLE_TIMEOUT: Duration = Duration::from_secs(75);

/// Frames that are sent, or read, before others have their turn: there may always be one more.
const MOST_AT_ONCE: u32 = 16;

/// Longest reason of a close frame (RFC 6455, 5.5).
const MAX_REASON: usize = 123;

pub(super) struct Conversation {
    caller: Caller,
    link: LinkId,
    bearer: Option<String>,
    user_agent: Option<String>,
    web_socket: WebSocket<Incoming>,
    /// When something came last.
    active: Instant,
}

/// How far a turn came.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Progress {
    /// Nothing can be done until an event.
    Waits,
    /// There is more to do at once.
    Unfinished,
}

/// How a websocket ends.
#[derive(Debug)]
pub(super) enum Ending {
    /// The client closed it, or the connection broke.
    Gone,
    /// A fault ends all that is sent.
    Silent,
    /// The client is told why, if it takes that.
    Closed(CloseCode, String),
}

impl Conversation {
    /// Goes on from an upgrade; `rest` are bytes that came after the request.
    pub(super) fn new(
        caller: Caller,
        hub: &mut Hub,
        mut pipe: Pipe,
        (upgrade, passage): (Upgrade, Passage),
        rest: Vec<u8>,
    ) -> Self {
        let settings = &hub.settings;
        let response = upgrade.response(settings.web_socket_protocol.as_deref());
        match passage.is_sound() {
            true => pipe.push(response),
            false => pipe.push_steps(passage.steps(response)),
        }
        let max_body = Some(settings.max_body);
        let config = WebSocketConfig::default()
            .read_buffer_size(4096)
            .write_buffer_size(0)
            .max_message_size(max_body)
            .max_frame_size(max_body);
        let incoming = Incoming::new(pipe, hub.now, &rest);
        Self {
            caller,
            link: hub.open_link(caller.token),
            bearer: upgrade.bearer,
            user_agent: upgrade.user_agent,
            web_socket: WebSocket::from_partially_read(incoming, rest, Role::Server, Some(config)),
            active: hub.now,
        }
    }

    pub(super) fn pipe_mut(&mut self) -> &mut Pipe {
        &mut self.web_socket.get_mut().pipe
    }

    pub(super) fn into_pipe(self) -> Pipe {
        self.web_socket.into_inner().pipe
    }

    /// Sends what there is to send. Then, and only then, takes frames of the client's.
    pub(super) fn turn(&mut self, hub: &mut Hub) -> Result<Progress, Ending> {
        let was_blocked = self.pipe_mut().is_blocked();
        let incoming = self.web_socket.get_mut();
        incoming.now = hub.now;
        if was_blocked {
            incoming.excuse();
        }
        for _ in 0..MOST_AT_ONCE {
            self.advance(hub)?;
            let sent = self.send(hub)?;
            self.advance(hub)?;
            if self.pipe_mut().is_blocked() {
                return Ok(Progress::Waits);
            }
            match self.web_socket.read() {
                Ok(tungstenite::Message::Text(text)) => self.answer(hub, text.as_bytes())?,
                Ok(tungstenite::Message::Binary(_)) => {
                    return Err(Ending::Closed(
                        CloseCode::Unsupported,
                        "Bayeux messages come in text frames".to_owned(),
                    ));
                }
                // Ping and close are answered by the library.
                Ok(_) => {}
                Err(error) if would_block(&error) => {
                    // A pong may have met a full socket.
                    return Ok(sent);
                }
                Err(error) => return Err(self.failed(hub, error)),
            }
            self.active = hub.now;
        }
        // Our own answers first.
        self.send(hub)?;
        Ok(Progress::Unfinished)
    }

    /// Until when something has to come, or to be taken.
    pub(super) fn deadline(&mut self, settings: &Settings, now: Instant) -> Option<Instant> {
        let pipe = self.pipe_mut();
        match pipe.is_blocked() {
            true => pipe.deadline(now, settings.response_timeout),
            false => {
                let idle = self.active.checked_add(IDLE_TIMEOUT);
                [idle, self.whole_until(settings)]
                    .into_iter()
                    .flatten()
                    .min()
            }
        }
    }

    /// The deadline has passed.
    pub(super) fn handle_timeout(&mut self, hub: &Hub) -> Result<(), Ending> {
        if self.pipe_mut().is_blocked() {
            let reason = "the client takes nothing of what is sent to it";
            self.tell(hub, CloseCode::Abnormal, reason);
            return Err(Ending::Gone);
        }
        if self
            .whole_until(&hub.settings)
            .is_some_and(|it| it <= hub.now)
        {
            let reason = "the message did not arrive in time".to_owned();
            return Err(Ending::Closed(CloseCode::Policy, reason));
        }
        if !hub.is_in_use(self.link) {
            let reason = "nothing came for a long time".to_owned();
            return Err(Ending::Closed(CloseCode::Away, reason));
        }
        self.active = hub.now;
        Ok(())
    }

    /// Tells the client and the observer why it ends.
    pub(super) fn close(&mut self, hub: &Hub, code: CloseCode, reason: &str) {
        let reason = shortened(reason);
        self.tell(hub, code, reason);
        self.say_goodbye(code, reason);
    }

    /// The server stops.
    pub(super) fn stop(&mut self) {
        self.say_goodbye(CloseCode::Away, "the server stops");
    }

    /// The connection is gone, or no longer for messages.
    pub(super) fn end(&mut self, hub: &mut Hub) {
        hub.link_gone(self.link);
    }

    /// Until when the message has to be whole of which a part has come.
    fn whole_until(&self, settings: &Settings) -> Option<Instant> {
        let begun = self.web_socket.get_ref().begun()?;
        begun.checked_add(settings.request_timeout)
    }

    fn send(&mut self, hub: &mut Hub) -> Result<Progress, Ending> {
        match self.web_socket.flush() {
            Ok(()) => {}
            Err(error) if would_block(&error) => return Ok(Progress::Waits),
            Err(error) => return Err(self.failed(hub, error)),
        }
        for _ in 0..MOST_AT_ONCE {
            if !self.web_socket.can_write() || self.pipe_mut().is_blocked() {
                return Ok(Progress::Waits);
            }
            let Some((messages, passage)) = hub.take(self.link) else {
                return Ok(Progress::Waits);
            };
            hub.observe(&Event::Sent {
                peer: self.caller.peer,
                connection_type: ConnectionType::WebSocket,
                messages: &messages,
            });
            if !passage.is_sound() {
                let steps = passage.frame_steps(passage.encode(&messages));
                self.pipe_mut().push_steps(in_frames(steps));
                self.advance(hub)?;
                continue;
            }
            // Past the library, which would copy it; it has nothing of its own to send now.
            let frame = hub.frames.of(&messages);
            let sent = self.pipe_mut().send(&frame);
            sent.map_err(|_| Ending::Gone)?;
        }
        Ok(Progress::Unfinished)
    }

    /// Takes the steps of a fault whose time has come.
    fn advance(&mut self, hub: &Hub) -> Result<(), Ending> {
        match self.pipe_mut().advance(hub.now) {
            Ok(Advance::Goes) => Ok(()),
            Ok(Advance::Silent) => Err(Ending::Silent),
            Err(_) => Err(Ending::Gone),
        }
    }

    fn answer(&mut self, hub: &mut Hub, text: &[u8]) -> Result<(), Ending> {
        // CometD 6 closes with 1011, Faye 1.4.3 says nothing: neither tells whose fault it is.
        let body = readable(text).map_err(|unreadable| match unreadable {
            Unreadable::Broken(reason) => Ending::Closed(CloseCode::Invalid, reason),
            Unreadable::TooMany(reason) => Ending::Closed(CloseCode::Size, reason),
        })?;
        let messages: &[Message] = &body.messages;
        hub.observe(&Event::Received {
            peer: self.caller.peer,
            connection_type: ConnectionType::WebSocket,
            messages,
        });
        let request = broker::Request {
            messages,
            n_unreadable: body.findings.len(),
            connection_type: ConnectionType::WebSocket,
            bearer: self.bearer.as_deref(),
            // Only Salesforce looks at them, which has no websockets.
            below: "",
            cookies: "",
            user_agent: self.user_agent.as_deref(),
        };
        hub.handle_on_link(self.link, request);
        Ok(())
    }

    fn failed(&self, hub: &Hub, error: Error) -> Ending {
        let code = match &error {
            Error::Capacity(_) => {
                let max_body = hub.settings.max_body;
                let reason = format!("the message is longer than {max_body} bytes");
                return Ending::Closed(CloseCode::Size, reason);
            }
            Error::Utf8(_) => CloseCode::Invalid,
            Error::Protocol(error) if self.web_socket.can_read() && !is_end(error) => {
                CloseCode::Protocol
            }
            _ => return Ending::Gone,
        };
        Ending::Closed(code, error.to_string())
    }

    /// Sends the close frame if the socket takes it.
    fn say_goodbye(&mut self, code: CloseCode, reason: &str) {
        let _ = self.web_socket.close(Some(CloseFrame {
            code,
            reason: reason.into(),
        }));
    }

    fn tell(&self, hub: &Hub, code: CloseCode, reason: &str) {
        hub.observe(&Event::WebSocketClosed {
            peer: self.caller.peer,
            code: code.into(),
            reason,
        });
    }
}

/// The steps with a frame for each text.
fn in_frames(steps: Vec<Step>) -> Vec<Step> {
    let in_frame = |step| match step {
        Step::Write(text) => Step::Write(frames::text_frame(text)),
        other => other,
    };
    steps.into_iter().map(in_frame).collect()
}

fn would_block(error: &Error) -> bool {
    matches!(error, Error::Io(error) if error.kind() == io::ErrorKind::WouldBlock)
}

fn is_end(error: &tungstenite::error::ProtocolError) -> bool {
    use tungstenite::error::ProtocolError;

    matches!(error, ProtocolError::ResetWithoutClosingHandshake)
}

/// As much of a reason as a close frame holds.
fn shortened(reason: &str) -> &str {
    let mut end = reason.len().min(MAX_REASON);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    &reason[..end]
}
