//! One request and its response as they passed, for whoever records them
//! ([`Detail::Exchanges`](super::Detail)).

use std::time::{Duration, Instant, SystemTime};

use super::event::What;
use super::hub::Hub;
use crate::protocol::Message;

/// A request, and what came of it.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// When its head had come.
    pub started: SystemTime,
    /// Whether it was encrypted on its way to the proxy.
    pub is_tls: bool,
    /// The request, as the client sent it.
    pub request: Passed,
    /// The response, as the client got it. Without one the head is empty.
    pub response: Passed,
    /// The messages of the response.
    pub messages: Vec<Message>,
    /// When the head of the response had come, from the start.
    pub first_byte: Option<Duration>,
    /// When it ended, from the start.
    pub total: Duration,
}

/// A request or a response that passed.
#[derive(Clone, Debug, Default)]
pub struct Passed {
    /// First line and headers, with the empty line behind them.
    pub head: Vec<u8>,
    /// The body without the lengths of its chunks, compressed where the head says so.
    pub body: PassedBody,
}

/// A body that passed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum PassedBody {
    /// All of it.
    Whole(Vec<u8>),
    /// It is left out, for this reason.
    LeftOut(String),
}

impl Exchange {
    /// The bytes that it holds.
    pub fn n_bytes(&self) -> usize {
        self.request.n_bytes() + self.response.n_bytes()
    }
}

impl Passed {
    /// A message as it is written.
    pub(super) fn of(text: &[u8]) -> Self {
        let end = text.windows(4).position(|it| it == b"\r\n\r\n");
        let (head, body) = text.split_at(end.map_or(text.len(), |it| it + 4));
        Self {
            head: head.to_vec(),
            body: PassedBody::Whole(body.to_vec()),
        }
    }

    fn n_bytes(&self) -> usize {
        self.head.len() + self.body.n_bytes()
    }
}

impl PassedBody {
    pub(super) fn n_bytes(&self) -> usize {
        match self {
            Self::Whole(body) => body.len(),
            Self::LeftOut(_) => 0,
        }
    }
}

impl Default for PassedBody {
    fn default() -> Self {
        Self::Whole(Vec::new())
    }
}

/// A request whose response is to come.
#[derive(Clone, Debug)]
pub(super) struct Begun {
    started: SystemTime,
    since: Instant,
    pub(super) request: Passed,
}

impl Begun {
    /// The head of a request has come; nothing where nobody records it.
    pub(super) fn with_head(hub: &Hub, head: &[u8]) -> Option<Self> {
        hub.tells_exchanges().then(|| Self {
            started: SystemTime::now(),
            since: hub.now,
            request: Passed {
                head: head.to_vec(),
                body: PassedBody::default(),
            },
        })
    }

    /// The response has come, or nothing more does.
    pub(super) fn end(
        self,
        hub: &Hub,
        connection: u64,
        response: Passed,
        first_byte: Option<Instant>,
        messages: &[Message],
    ) {
        let since = |it: Instant| it.saturating_duration_since(self.since);
        let exchange = Exchange {
            started: self.started,
            is_tls: hub.tls.is_some(),
            request: self.request,
            response,
            messages: messages.to_vec(),
            first_byte: first_byte.map(since),
            total: since(hub.now),
        };
        hub.tell(connection, What::Exchanged(Box::new(exchange)));
    }
}
