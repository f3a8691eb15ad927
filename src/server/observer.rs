//! What a server tells about itself while it runs.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::protocol::{ConnectionType, Message};
use crate::redaction::shortened_client_id;

/// Is told what a server does, on the server's thread and after it has happened. While it runs,
/// the server waits: it should hand on what takes long.
///
/// ```
/// use std::sync::{Arc, mpsc};
/// use bayeux::server::{Event, Observer, Server, Settings};
///
/// struct Sessions(mpsc::Sender<String>);
///
/// impl Observer for Sessions {
///     fn observe(&self, event: &Event<'_>) {
///         if let Event::SessionOpened { client_id } = event {
///             let _ = self.0.send(client_id.to_string());
///         }
///     }
/// }
///
/// let (sender, receiver) = mpsc::channel();
/// let observer = Some(Arc::new(Sessions(sender)) as Arc<dyn Observer>);
/// let server = Server::bind("127.0.0.1:0", Settings { observer, ..Settings::default() })?;
/// # drop((server, receiver));
/// # Ok::<(), bayeux::server::ServerError>(())
/// ```
pub trait Observer: Send + Sync {
    /// Takes notice of one event.
    fn observe(&self, event: &Event<'_>);
}

impl fmt::Debug for dyn Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Observer")
    }
}

/// Something that happened in a server.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A handshake was successful.
    SessionOpened {
        /// The client id of the new session.
        client_id: &'a str,
    },
    /// A session is gone.
    SessionClosed {
        /// The client id that it had.
        client_id: &'a str,
        /// Why it is gone.
        reason: CloseReason,
    },
    /// A request came in, or a frame of a websocket.
    Received {
        /// The other end of the connection.
        peer: SocketAddr,
        /// The transport that carries it.
        connection_type: ConnectionType,
        /// Its messages.
        messages: &'a [Message],
    },
    /// A response, or a frame of a websocket, was handed to the operating system, or is about
    /// to be.
    Sent {
        /// The other end of the connection.
        peer: SocketAddr,
        /// The transport that carries it.
        connection_type: ConnectionType,
        /// Its messages: deliveries first, replies last.
        messages: &'a [Arc<Message>],
    },
    /// A request was answered with an HTTP error, because it held no Bayeux messages.
    Refused {
        /// The other end of the connection.
        peer: SocketAddr,
        /// The HTTP status.
        status: u16,
        /// Why, in one line.
        reason: &'a str,
    },
    /// A [`Fault`](super::Fault) took the place of the response.
    Disturbed {
        /// The other end of the connection.
        peer: SocketAddr,
        /// The HTTP status.
        status: u16,
    },
    /// The server closed a websocket because of what its client did.
    WebSocketClosed {
        /// The other end of the connection.
        peer: SocketAddr,
        /// The code of the close frame (RFC 6455, 7.4); 1006 when none could be sent.
        code: u16,
        /// Why, in one line.
        reason: &'a str,
    },
    /// A request by REST was answered; only [`Flavor::Salesforce`](super::Flavor) has such.
    Posted {
        /// The other end of the connection.
        peer: SocketAddr,
        /// The path, e.g. `/services/data/v65.0/sobjects/Order__e`.
        path: &'a str,
        /// The HTTP status.
        status: u16,
    },
    /// A connection was closed because its client did not take the response that it was sent.
    /// Its session has the time for a new connect that any session has.
    Dropped {
        /// The other end of the connection.
        peer: SocketAddr,
        /// Why, in one line.
        reason: &'a str,
    },
    /// A connection was refused, most often for want of file descriptors, or because of
    /// [`Settings::max_connections`](super::Settings::max_connections). The server goes on. Of
    /// many at a time not each one is told.
    AcceptFailed {
        /// What the operating system said, or that there are too many.
        error: &'a io::Error,
    },
}

impl Event<'_> {
    /// The event in one line for people, unless it is messages. The client id is shortened.
    pub fn remark(&self) -> Option<String> {
        Some(match self {
            Self::SessionOpened { client_id } => {
                format!("session {} opened", shortened_client_id(client_id))
            }
            Self::SessionClosed { client_id, reason } => {
                format!("session {} ended: {reason}", shortened_client_id(client_id))
            }
            Self::Received { .. } | Self::Sent { .. } => return None,
            Self::Refused {
                peer,
                status,
                reason,
            } => format!("{peer} got HTTP {status}: {reason}"),
            Self::Disturbed { peer, status } => {
                format!("{peer} got HTTP {status}: {}", CloseReason::Fault)
            }
            Self::WebSocketClosed { peer, code, reason } => {
                format!("the websocket of {peer} was closed with {code}: {reason}")
            }
            Self::Posted { peer, path, status } => {
                format!("{peer} got HTTP {status}: POST {path}")
            }
            Self::Dropped { peer, reason } => {
                format!("the connection of {peer} was closed: {reason}")
            }
            Self::AcceptFailed { error } => format!("cannot accept: {error}"),
        })
    }
}

/// Why a session ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum CloseReason {
    /// Its client sent a disconnect.
    Disconnected,
    /// Its client sent no connect in time.
    Expired,
    /// More messages waited for it than [`Settings`](super::Settings) allow.
    QueueOverflow,
    /// [`Server::forget_sessions`](super::Server::forget_sessions) was called.
    Forgotten,
    /// A [`Fault`](super::Fault) ended it.
    Fault,
    /// Its client sent nothing but connects for longer than
    /// [`Settings::max_inactivity`](super::Settings::max_inactivity).
    Inactive,
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Disconnected => "disconnected",
            Self::Expired => "expired: no connect in time",
            Self::QueueOverflow => "too many messages waited",
            Self::Forgotten => "forgotten",
            Self::Fault => "a fault that was asked for",
            Self::Inactive => "inactive: nothing but connects came",
        })
    }
}
