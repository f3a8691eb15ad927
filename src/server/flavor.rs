//! Which server a server passes for.

use std::fmt;
use std::str::FromStr;

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
    /// CometD 6 and later.
    #[default]
    CometD,
    /// The Streaming API of Salesforce, as its documents and its clients describe it: the
    /// version of the API in the path, durable events with replay ids below `/topic/`,
    /// `/u/`, `/event/`, `/data/` and `/systemTopic/`, four cookies, its own wordings, and
    /// platform events by REST. Unlike Salesforce it takes publishes over Bayeux too.
    Salesforce,
}

impl Flavor {
    /// All of them, by the names that [`FromStr`] takes.
    pub const NAMES: [(&'static str, Self); 2] =
        [("cometd", Self::CometD), ("salesforce", Self::Salesforce)];

    /// The transports that it speaks; first what every client can do.
    pub(super) fn connection_types(self) -> &'static [ConnectionType] {
        match self {
            Self::CometD => &[
                ConnectionType::LongPolling,
                ConnectionType::CallbackPolling,
                ConnectionType::WebSocket,
            ],
            Self::Salesforce => &[ConnectionType::LongPolling],
        }
    }
}

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
#[error("there are cometd and salesforce")]
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
        assert_eq!("faye".parse::<Flavor>(), Err(UnknownFlavor));
    }
}
