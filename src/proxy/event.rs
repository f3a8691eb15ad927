//! What a proxy tells about what passes through it.

use std::fmt;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use super::exchange::Exchange;
use crate::traffic::Sighting;

/// Is told what passes, on the proxy's thread. While it runs, everything waits: it should hand on
/// what takes long.
pub trait Observer: Send + Sync {
    /// Takes notice of one event.
    fn observe(&self, event: Event);
}

impl fmt::Debug for dyn Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Observer")
    }
}

/// One of the two that a proxy sits between.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Side {
    /// Who connected to the proxy.
    Client,
    /// Whom the proxy connected to.
    Server,
}

/// Something that passed, or happened on the way.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Event {
    /// When, by the clock on the wall.
    pub time: SystemTime,
    /// The number of the connection, counted from 1; 0 where there is none.
    pub connection: u64,
    /// What.
    pub what: What,
}

/// What passed or happened.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum What {
    /// A client connected.
    Connected {
        /// Its address.
        peer: SocketAddr,
    },
    /// A request, a response or a frame with messages passed, for a
    /// [`Watch`](crate::traffic::Watch); its times are since the start of the proxy. What answers
    /// a request with messages is told too where it has none itself.
    Seen(Sighting),
    /// A request that is none of Bayeux, or whose response is none, was answered.
    Other {
        /// The request's method.
        method: String,
        /// The request's path, without its query.
        path: String,
        /// The status of the response.
        status: u16,
        /// The content type of the response.
        content_type: Option<String>,
        /// From the end of the request to the end of the response.
        latency: Duration,
    },
    /// An exchange of HTTP is over. Told only with
    /// [`Detail::Exchanges`](super::Detail::Exchanges), as the next one is.
    Exchanged(Box<Exchange>),
    /// A message of a websocket passed.
    Framed {
        /// Who sent it.
        from: Side,
        /// Its text, or why that is not known.
        text: Result<String, String>,
    },
    /// Something passed that cannot be told: a body, a frame, or all that follows.
    Unread {
        /// Who sent it.
        from: Side,
        /// Why it cannot.
        reason: String,
    },
    /// The connection became a websocket.
    Upgraded,
    /// A goodbye passed over a websocket.
    WebSocketClosed {
        /// Who said it.
        from: Side,
        /// Its code (RFC 6455, 7.4), if it had one.
        code: Option<u16>,
        /// Its reason.
        reason: String,
    },
    /// Faults that were asked for met something.
    Disturbed {
        /// Which, as they are written.
        faults: String,
    },
    /// The server cannot be reached: the client got an HTTP 502 or 504.
    Unreachable {
        /// Why.
        reason: String,
    },
    /// The connection was closed by the proxy itself.
    Dropped {
        /// Why.
        reason: String,
    },
    /// The connection has ended.
    Ended {
        /// Who ended it first.
        by: Side,
        /// Requests without a response, or with only part of it.
        n_unanswered: usize,
    },
    /// A connection was refused, most often for want of file descriptors.
    AcceptFailed {
        /// What the operating system said, or that there are too many.
        reason: String,
    },
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Client => "client",
            Self::Server => "server",
        })
    }
}
