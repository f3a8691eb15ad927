//! Which server a server passes for.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::protocol::ConnectionType;

/// Whose wording, advice and habits a [`Server`](super::Server) has.
///
/// ```
/// use bayeux::server::{Flavor, Server, Settings};
///
/// let server = Server::bind("127.0.0.1:0", Settings::of(Flavor::Salesforce))?;
/// assert!(server.url().ends_with("/cometd/65.0"));
/// # Ok::<(), bayeux::server::ServerError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Flavor {
    /// CometD, as of 9.0.0. A session belongs to the browser that has its cookie, unless
    /// [`BrowserCookie::Ignored`](super::BrowserCookie::Ignored) says otherwise.
    #[default]
    CometD,
    /// Faye for Node.js, as of 1.4.3: it holds the first connect too, takes publishes without
    /// a session, and has the messages behind the reply to a connect.
    Faye,
    /// The Streaming API of Salesforce, as its documents and its clients describe it: the
    /// version of the API in the path, durable events with replay ids below `/topic/`,
    /// `/u/`, `/event/`, `/data/` and `/systemTopic/`, four cookies, its own wordings, and
    /// platform events by REST. Unlike Salesforce it takes publishes over Bayeux too.
    Salesforce,
}

impl Flavor {
    /// All of them, by the names that [`FromStr`] takes.
    pub const NAMES: [(&'static str, Self); 3] = [
        ("cometd", Self::CometD),
        ("faye", Self::Faye),
        ("salesforce", Self::Salesforce),
    ];

    /// The transports that it speaks; first what every client can do.
    pub(super) fn connection_types(self) -> &'static [ConnectionType] {
        match self {
            Self::CometD | Self::Faye => &[
                ConnectionType::LongPolling,
                ConnectionType::CallbackPolling,
                ConnectionType::WebSocket,
            ],
            Self::Salesforce => &[ConnectionType::LongPolling],
        }
    }

    /// The connection types that its handshake reply names. Of those of Faye `eventsource` and
    /// `in-process` are not spoken here; its clients try and go on with others.
    pub(super) fn advertised(self) -> &'static [&'static str] {
        match self {
            Self::CometD => &["websocket", "long-polling", "callback-polling"],
            Self::Faye => &[
                "long-polling",
                "cross-origin-long-polling",
                "callback-polling",
                "websocket",
                "eventsource",
                "in-process",
            ],
            Self::Salesforce => &["long-polling"],
        }
    }

    /// What its HTTP responses look like.
    pub(super) fn wire(self) -> &'static Wire {
        match self {
            Self::CometD => &COMETD,
            Self::Faye => &FAYE,
            Self::Salesforce => &SALESFORCE,
        }
    }

    /// How long a session lives without a connect, where connects are held so long.
    pub fn max_interval(self, timeout: Duration) -> Duration {
        match self {
            Self::CometD => Duration::from_secs(10),
            Self::Faye => timeout.saturating_mul(2),
            Self::Salesforce => Duration::from_secs(40),
        }
    }
}

/// Nobody keeps a response, or takes it for something else.
pub(super) const PRIVATE: &str = "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n";

/// What the responses with messages look like.
#[derive(Debug)]
pub(super) struct Wire {
    /// The content type of JSON.
    pub(super) json: &'static str,
    /// The content type of scripts.
    pub(super) script: &'static str,
    /// What stands around the call in a script.
    pub(super) around_call: [&'static str; 2],
    /// Further header lines of all responses with messages.
    pub(super) headers: &'static str,
    /// And of scripts.
    pub(super) script_headers: &'static str,
}

/// CometD sends neither of the headers; that a browser keeps a response, or takes it for
/// something else, is nothing to imitate.
const COMETD: Wire = Wire {
    json: "application/json",
    script: "text/javascript;charset=UTF-8",
    around_call: ["", ""],
    headers: PRIVATE,
    script_headers: "",
};

const FAYE: Wire = Wire {
    json: "application/json; charset=utf-8",
    script: "text/javascript; charset=utf-8",
    around_call: ["/**/", ";"],
    headers: "Cache-Control: no-cache, no-store\r\nX-Content-Type-Options: nosniff\r\n",
    script_headers: "Content-Disposition: attachment; filename=f.txt\r\n",
};

const SALESFORCE: Wire = Wire {
    json: "application/json;charset=UTF-8",
    ..COMETD
};

impl FromStr for Flavor {
    type Err = UnknownFlavor;

    fn from_str(name: &str) -> Result<Self, UnknownFlavor> {
        let known = Self::NAMES.iter().find(|(known, _)| *known == name);
        known.map(|(_, flavor)| *flavor).ok_or(UnknownFlavor)
    }
}

impl fmt::Display for Flavor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = Self::NAMES.iter().find(|(_, flavor)| flavor == self);
        f.write_str(known.map_or("", |(name, _)| name))
    }
}

/// A name that is none of [`Flavor::NAMES`].
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("there are cometd, faye and salesforce")]
pub struct UnknownFlavor;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flavors_are_known_by_their_names_and_an_error_lists_them_all() {
        for (name, flavor) in Flavor::NAMES {
            assert_eq!(name.parse(), Ok(flavor));
            assert_eq!(flavor.to_string(), name);
            assert!(UnknownFlavor.to_string().contains(name));
        }
        assert_eq!("groovy".parse::<Flavor>(), Err(UnknownFlavor));
    }
}
