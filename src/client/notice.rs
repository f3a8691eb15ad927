//! What the owner of a client is told.

use std::sync::Arc;
use std::time::SystemTime;

use crate::protocol::{Finding, Message};
use crate::session::Event;
use crate::transport::{AuthorizationError, Trace, TransportError};

/// Something that the owner of a [`Client`](super::Client) should know.
#[derive(Debug)]
#[non_exhaustive]
pub enum Notice {
    /// The session says so.
    Event(Event),
    /// A response or one of its messages is odd.
    Odd(Finding),
    /// A request leaves. Only with [`Traffic::Shown`](super::Traffic::Shown).
    Sent {
        /// When.
        time: SystemTime,
        /// Its messages.
        messages: Vec<Message>,
    },
    /// An exchange is over, a websocket was opened or is gone, or messages came over it. Only
    /// with [`Traffic::Shown`](super::Traffic::Shown).
    Exchanged {
        /// When the response was complete, or the exchange failed.
        time: SystemTime,
        /// The messages that came.
        messages: Vec<Message>,
        /// What went over the wire in HTTP; nothing for what came over an open websocket.
        trace: Option<Box<Trace>>,
        /// Why there is no response.
        error: Option<Arc<TransportError>>,
    },
    /// No websocket can be opened; the client goes on with long polling.
    FellBack {
        /// Why not.
        error: Arc<TransportError>,
    },
    /// The server refused the credentials with HTTP 401, and the same request was sent once
    /// more with others.
    Reauthorised,
    /// The server refused the credentials, as [`Event::Unauthorised`] told, and there are
    /// no others.
    NotReauthorised {
        /// Why not.
        reason: AuthorizationError,
    },
    /// A [`Waker`](super::Waker) was used.
    Woken,
}
