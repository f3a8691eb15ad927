//! What a session is told when it begins.

use std::time::Duration;

use crate::protocol::{ConnectionType, Json};

/// The settings of a session.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The connection type that handshake and connect name.
    pub connection_type: ConnectionType,
    /// Whether the session is kept alive by connects.
    pub connects: Connects,
    /// What happens when the session is lost.
    pub recovery: Recovery,
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
    /// `ext` of the messages sent, by kind.
    pub ext: Extensions,
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

/// The `ext` object to send with each kind of message.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Extensions {
    /// With the handshake.
    pub handshake: Option<Json>,
    /// With each connect.
    pub connect: Option<Json>,
    /// With each subscribe.
    pub subscribe: Option<Json>,
    /// With each publish.
    pub publish: Option<Json>,
}
