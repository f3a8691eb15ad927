//! A connection that became a websocket, on its own thread.
//!
//! ```text
//!   client -> frame -> broker ----> what waits for the link
//!                        ^              | taken while the socket takes it
//!   other threads -------+ -- wake -->  +--> frames -> client
//! ```
//!
//! The thread is the only one that reads and writes the socket; other threads leave
//! what they have with the broker and wake it. While a client does not take what it is
//! sent, nothing is read from it and its messages stay in the queue of its session, up to the
//! limits of [`Settings`](super::Settings).

use std::io;
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tungstenite::{Error, WebSocket};

use super::Event;
use super::broker::{self, LinkId};
use super::connection::Connection;
use super::readable::readable;
use super::shared::{Next, Shared};
use super::upgrade::Upgrade;
use super::waker::{Interest, Waker, Woken};
use crate::protocol::{ConnectionType, Message, encode};

/// How long a websocket is kept over which nothing comes and no session made a connect.
const IDLE_TIMEOUT: Duration = Duration::from_secs(75);

/// How long a client may take nothing of what is sent to it.
const STALL_TIMEOUT: Duration = Duration::from_secs(30);

/// Frames that are sent before the client is heard again: there may always be one more.
const MOST_AT_ONCE: u32 = 16;

/// Longest reason of a close frame (RFC 6455, 5.5).
const MAX_REASON: usize = 123;

/// Serves a connection from its upgrade until it ends; `rest` are bytes that came after the
/// request.
pub(super) fn serve(
    shared: &Shared,
    connection: &Arc<Connection>,
    upgrade: Upgrade,
    rest: Vec<u8>,
) -> io::Result<()> {
    // Before the response: here is where descriptors may be wanting.
    let waker = connection
        .become_web_socket()
        .inspect_err(|error| shared.observe(&Event::AcceptFailed { error }))?;
    let spoken = shared.settings.web_socket_protocol.as_deref();
    connection.write(&upgrade.response(spoken))?;
    let socket = connection.socket();
    socket.set_nonblocking(true)?;
    let Some(link) = shared.open_link(connection) else {
        return Ok(());
    };
    let max_body = Some(shared.settings.max_body);
    let config = WebSocketConfig::default()
        .read_buffer_size(4096)
        .write_buffer_size(0)
        .max_message_size(max_body)
        .max_frame_size(max_body);
    let mut conversation = Conversation {
        shared,
        connection,
        waker,
        link,
        bearer: upgrade.bearer,
        web_socket: WebSocket::from_partially_read(socket, rest, Role::Server, Some(config)),
        blocked_since: None,
    };
    let ending = conversation.run();
    shared.link_gone(link);
    conversation.end(ending);
    Ok(())
}

struct Conversation<'a> {
    shared: &'a Shared,
    connection: &'a Arc<Connection>,
    waker: &'a Waker,
    link: LinkId,
    bearer: Option<String>,
    web_socket: WebSocket<&'a TcpStream>,
    /// Since when the socket takes nothing more.
    blocked_since: Option<Instant>,
}

/// What was sent of what there is to send.
enum Sent {
    All,
    Some,
}

/// How a websocket ends.
enum Ending {
    /// The client closed it, or the connection broke.
    Gone,
    /// The server stops.
    Stopped,
    /// The client is told why.
    Closed(CloseCode, String),
    /// The client would not even take that.
    Stalled,
}

impl Conversation<'_> {
    fn run(&mut self) -> Ending {
        loop {
            if let Err(ending) = self.turn() {
                return ending;
            }
        }
    }

    /// Sends what there is to send. Then, and only then, takes a frame of the client's, or
    /// waits for one.
    fn turn(&mut self) -> Result<(), Ending> {
        let sent = self.send()?;
        if self.blocked_since.is_some() {
            return self.wait(Interest::Write);
        }
        match self.web_socket.read() {
            Ok(tungstenite::Message::Text(text)) => self.answer(text.as_bytes()),
            Ok(tungstenite::Message::Binary(_)) => Err(Ending::Closed(
                CloseCode::Unsupported,
                "Bayeux messages come in text frames".to_owned(),
            )),
            // Ping and close are answered by the library.
            Ok(_) => Ok(()),
            Err(error) if would_block(&error) => match sent {
                Sent::All => self.wait(Interest::Read),
                Sent::Some => Ok(()),
            },
            Err(error) => Err(self.failed(error)),
        }
    }

    fn send(&mut self) -> Result<Sent, Ending> {
        let mut sent = self.web_socket.flush();
        let mut n_left = MOST_AT_ONCE;
        while sent.is_ok() && self.web_socket.can_write() && n_left > 0 {
            let messages = match self.shared.next_for(self.link) {
                Next::Messages(messages) => messages,
                Next::Nothing => break,
                Next::Stopped => return Err(Ending::Stopped),
            };
            self.shared.observe(&Event::Sent {
                peer: self.connection.peer,
                connection_type: ConnectionType::WebSocket,
                messages: &messages,
            });
            let text = encode(messages.iter().map(Arc::as_ref));
            sent = self.web_socket.send(text.into());
            n_left -= 1;
        }
        match sent {
            Ok(()) => self.blocked_since = None,
            // The frame is in the library's buffer, to be flushed.
            Err(error) if would_block(&error) => {
                self.blocked_since.get_or_insert_with(Instant::now);
            }
            Err(error) => return Err(self.failed(error)),
        }
        Ok(match n_left {
            0 => Sent::Some,
            _ => Sent::All,
        })
    }

    fn answer(&mut self, text: &[u8]) -> Result<(), Ending> {
        // CometD 6 closes with 1011, Faye 1.4.3 says nothing: neither tells whose fault it is.
        let body = readable(text).map_err(|reason| Ending::Closed(CloseCode::Invalid, reason))?;
        let messages: &[Message] = &body.messages;
        self.shared.observe(&Event::Received {
            peer: self.connection.peer,
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
        };
        let fallout = self
            .shared
            .handle_on_link(self.connection, self.link, request);
        // Our own answer first.
        let sent = self.send();
        fallout.send(self.shared);
        sent.map(drop)
    }

    fn wait(&mut self, interest: Interest) -> Result<(), Ending> {
        let timeout = match self.blocked_since {
            Some(since) => STALL_TIMEOUT.saturating_sub(since.elapsed()),
            None => IDLE_TIMEOUT,
        };
        let socket = self.connection.socket();
        let woken = self.waker.wait(socket, interest, timeout);
        match woken.map_err(|_| Ending::Gone)? {
            Woken::BySocket => self.blocked_since = None,
            Woken::ByThread if self.shared.is_stopped() => return Err(Ending::Stopped),
            Woken::ByThread => {}
            Woken::TimedOut if self.blocked_since.is_some() => return Err(Ending::Stalled),
            Woken::TimedOut if self.shared.is_in_use(self.link) => {}
            Woken::TimedOut => {
                let reason = "nothing came for a long time".to_owned();
                return Err(Ending::Closed(CloseCode::Away, reason));
            }
        }
        Ok(())
    }

    fn failed(&self, error: Error) -> Ending {
        let code = match &error {
            Error::Capacity(_) => {
                let reason = format!(
                    "the message is longer than {} bytes",
                    self.shared.settings.max_body
                );
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

    fn end(&mut self, ending: Ending) {
        match ending {
            Ending::Gone => {}
            Ending::Stopped => {
                let _ = self.close(CloseCode::Away, "the server stops");
                self.connection.shut_down();
            }
            Ending::Stalled => {
                let code = CloseCode::Abnormal;
                self.tell(code, "the client takes nothing of what is sent to it");
                self.connection.shut_down();
            }
            Ending::Closed(code, reason) => {
                let reason = shortened(&reason);
                self.tell(code, reason);
                let _ = self.close(code, reason);
                self.linger();
            }
        }
    }

    /// Sends the close frame if the socket takes it.
    fn close(&mut self, code: CloseCode, reason: &str) -> Result<(), Error> {
        self.web_socket.close(Some(CloseFrame {
            code,
            reason: reason.into(),
        }))
    }

    /// Takes what the client still sends, for a moment or until the server stops; if we ended
    /// with bytes unread, its side would be reset and could lose the close frame.
    fn linger(&self) {
        const TIME: Duration = Duration::from_secs(2);
        let deadline = Instant::now() + TIME;
        let socket = self.connection.socket();
        let _ = socket.shutdown(Shutdown::Write);
        let mut scratch = [0; 4096];
        while let Some(left) = deadline.checked_duration_since(Instant::now()) {
            match self.waker.wait(socket, Interest::Read, left) {
                Ok(Woken::BySocket) => match self.connection.read(&mut scratch) {
                    Ok(length) if length > 0 => {}
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Ok(_) | Err(_) => return,
                },
                Ok(Woken::ByThread) if !self.shared.is_stopped() => {}
                Ok(Woken::ByThread | Woken::TimedOut) | Err(_) => return,
            }
        }
    }

    fn tell(&self, code: CloseCode, reason: &str) {
        self.shared.observe(&Event::WebSocketClosed {
            peer: self.connection.peer,
            code: code.into(),
            reason,
        });
    }
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
