//! The name of a transport, as handshake and connect give it.

use std::fmt;
use std::str::FromStr;

/// How messages get to the server and back (Bayeux 1.0, "supportedConnectionTypes").
///
/// ```
/// use bayeux::protocol::ConnectionType;
///
/// assert_eq!("websocket".parse(), Ok(ConnectionType::WebSocket));
/// assert_eq!(ConnectionType::LongPolling.to_string(), "long-polling");
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum ConnectionType {
    /// A GET whose response calls a JavaScript function, for browsers of old.
    CallbackPolling,
    /// A POST that the server answers when it has something to say.
    LongPolling,
    /// A socket that either side writes to at any time. Not in the specification; CometD,
    /// Faye and others agree on it.
    WebSocket,
}

/// A name that is no connection type of this library.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("long-polling, websocket or callback-polling")]
pub struct UnknownConnectionType;

impl ConnectionType {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CallbackPolling => "callback-polling",
            Self::LongPolling => "long-polling",
            Self::WebSocket => "websocket",
        }
    }
}

impl FromStr for ConnectionType {
    type Err = UnknownConnectionType;

    fn from_str(name: &str) -> Result<Self, UnknownConnectionType> {
        [Self::CallbackPolling, Self::LongPolling, Self::WebSocket]
            .into_iter()
            .find(|it| it.as_str() == name)
            .ok_or(UnknownConnectionType)
    }
}

impl fmt::Display for ConnectionType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
