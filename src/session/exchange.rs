//! What passes between a session and its driver: requests out, responses and failures in.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::protocol::Message;

/// One request and its response or failure; unique within a session.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ExchangeId(pub(crate) u64);

/// Over HTTP a session has at most two requests in flight (Bayeux 1.0, "HTTP Transport"):
/// one in each lane.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Lane {
    /// The connect, which the server holds.
    Connect,
    /// Everything else.
    Send,
}

/// A request that the driver has to send.
#[derive(Clone, Debug)]
pub struct Transmit {
    /// To hand back with the response or the failure.
    pub exchange: ExchangeId,
    /// Which lane it goes through; the driver keeps one request at a time in each.
    pub lane: Lane,
    /// The messages, to be sent as one array.
    pub messages: Vec<Message>,
    /// How long the server may rightly keep the response back, beyond the ordinary
    /// network timeout; zero for everything but a held connect.
    pub hold: Duration,
}

/// How far a request got before it failed. It decides what may be sent again.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Stage {
    /// No byte of it left: anything may be sent again.
    Unsent,
    /// It left, and the connection ended before the first byte of a response: the typical
    /// end of a kept-alive connection that the server had closed meanwhile. A publish may
    /// have been carried out.
    Unanswered,
    /// It left, and the response was late, cut off, no Bayeux or an error status.
    Interrupted,
}

/// Whether trying again can help.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Permanence {
    /// It may pass: a refused connection, a timeout, HTTP 5xx.
    Transient,
    /// The same request will fail again: HTTP 401, 403 or 404, a certificate that is not trusted.
    Permanent,
}

/// Why an exchange brought no Bayeux response.
#[derive(Clone, Debug)]
pub struct Failure {
    /// How far the request got.
    pub stage: Stage,
    /// Whether trying again can help.
    pub permanence: Permanence,
    /// The server's `Retry-After`.
    pub retry_after: Option<Duration>,
    /// Whether a gateway says that the server behind it took too long (HTTP 504): of a held
    /// connect that is the gateway's limit.
    pub is_gateway_timeout: bool,
    /// The transport's error; drivers and programs can downcast it.
    pub cause: Arc<dyn Error + Send + Sync>,
}

/// A server that asks for more patience than this is asked again all the same.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(3600);

impl Failure {
    /// How long the server asked to be left alone.
    pub(super) fn patience(&self) -> Duration {
        self.retry_after
            .unwrap_or_default()
            .min(LONGEST_RETRY_AFTER)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.cause)
    }
}
