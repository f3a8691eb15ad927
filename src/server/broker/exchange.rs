//! What goes into a broker and what comes out of it: requests, answers, and news of sessions.

use std::sync::Arc;
use std::time::Duration;

use super::keys::HoldId;
use crate::protocol::{ConnectionType, Message};
use crate::server::CloseReason;
use crate::server::fault::{Instead, Passage};

/// What came in with one request.
#[derive(Clone, Copy, Debug)]
pub(in crate::server) struct Request<'a> {
    pub(in crate::server) messages: &'a [Message],
    /// How many elements of the request's array were no objects.
    pub(in crate::server) n_unreadable: usize,
    /// The transport that carries it.
    pub(in crate::server) connection_type: ConnectionType,
    /// The token of an `Authorization: Bearer` header.
    pub(in crate::server) bearer: Option<&'a str>,
    /// What stands in the path below the endpoint: nothing, or `/` and something.
    pub(in crate::server) below: &'a str,
    /// The `Cookie` header.
    pub(in crate::server) cookies: &'a str,
    /// The `User-Agent` header.
    pub(in crate::server) user_agent: Option<&'a str>,
}

/// What becomes of a request.
#[derive(Debug)]
pub(in crate::server) enum Handled {
    Answer(Answer),
    /// There is nothing but HTTP status 401 and this line.
    Unauthorised(&'static str),
    /// The response comes out of [`poll_released`](super::Broker::poll_released).
    Held(HoldId),
    /// Nothing was carried out: a fault takes the place of the response.
    Instead(Instead),
}

/// The response to a request.
#[derive(Debug)]
pub(in crate::server) struct Answer {
    /// The HTTP status that takes the place of the messages, since a newer connect came.
    pub(in crate::server) superseded: Option<u16>,
    /// Deliveries, and a reply to each message in its order.
    pub(in crate::server) messages: Vec<Arc<Message>>,
    /// Values of `Set-Cookie`.
    pub(in crate::server) set_cookies: Vec<String>,
    /// If nothing was carried out because there are too many sessions: when to come again.
    pub(in crate::server) retry_after: Option<Duration>,
    /// What happens to it on its way.
    pub(in crate::server) passage: Passage,
}

impl Answer {
    /// An answer of messages and nothing else.
    pub(super) fn of(messages: Vec<Arc<Message>>) -> Self {
        Self {
            superseded: None,
            messages,
            set_cookies: Vec::new(),
            retry_after: None,
            passage: Passage::default(),
        }
    }
}

/// The response to a request that was held.
#[derive(Debug)]
pub(in crate::server) struct Released {
    pub(in crate::server) hold: HoldId,
    pub(in crate::server) answer: Answer,
}

/// A session that came or went.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(in crate::server) enum SessionEvent {
    Opened(Arc<str>),
    Closed(Arc<str>, CloseReason),
}
