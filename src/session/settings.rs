//! What a session is told when it begins.

use std::time::Duration;

use super::extension::Extension;
use crate::protocol::ConnectionType;

/// The settings of a session.
#[derive(Debug)]
pub struct Settings {
    /// The connection type that handshake and connect name.
    pub connection_type: ConnectionType,
    /// Whether the session is kept alive by connects.
    pub connects: Connects,
    /// What happens when the session is lost.
    pub recovery: Recovery,
    /// What happens when the server refuses the credentials.
    pub credentials: Credentials,
    /// How long the *first* handshake is tried again when the server cannot be reached.
    /// Later handshakes are tried for as long as [`recovery`](Self::recovery) says.
    pub first_handshake: Duration,
    /// How long to wait for a reply that was not in the response to its own request.
    pub network_timeout: Duration,
    /// The most publishes that go into one request when several wait.
    pub max_batch: usize,
    /// The most bytes that the messages of one request may have once they are
    /// percent-encoded for a URL; a message that alone has more is sent alone. None where
    /// messages travel otherwise.
    pub max_encoded: Option<usize>,
    /// What is put into `ext`, and read from it. Where two would add a member of the same
    /// name, the first one's is sent.
    pub extensions: Vec<Box<dyn Extension>>,
    /// Seeds the jitter of the back-off.
    pub seed: u64,
}

/// Whether a session keeps itself alive.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Connects {
    /// One connect is always in flight: needed to receive, and to stay longer than the
    /// server's `maxInterval`.
    Held,
    /// None is sent: for a handshake, a few publishes and a disconnect.
    Never,
}

/// What to do when the session is lost.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Recovery {
    /// Handshake again and subscribe to everything again, unless the server forbids it.
    Always,
    /// End.
    Never,
}

/// Whether there are other credentials when the server refuses those that were sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Credentials {
    /// There are none: the session ends.
    Fixed,
    /// The driver may have some: it is asked with [`Event::Unauthorised`](super::Event).
    Renewable,
}
