//! What a session is in, and what it knows there.

use std::time::{Duration, Instant};

use super::ExchangeId;
use crate::protocol::Message;

#[derive(Debug)]
pub(super) enum State {
    Idle,
    /// No session: handshake at this time.
    Unconnected {
        handshake_at: Instant,
    },
    Handshaking,
    /// No session, and the credentials are refused: others are waited for.
    Unauthorised(Box<Unauthorised>),
    Established(Established),
    /// A disconnect has to be sent, or is under way.
    Disconnecting {
        client_id: String,
        n_sent: u32,
    },
    Ended,
}

/// What a session knows between its handshake and its loss.
#[derive(Debug)]
pub(super) struct Established {
    pub(super) client_id: String,
    pub(super) since: Instant,
    /// When to send the next connect.
    pub(super) connect_at: Option<Instant>,
    /// Whether the next connect may be held. The first one and the first after a failure ask
    /// for an answer at once (Faye and cometd-nodejs hold even the first).
    pub(super) may_hold: bool,
    pub(super) late: Late,
    /// Connects that failed in a row.
    pub(super) n_failed: u32,
    /// Whether anything but the handshake was successful.
    pub(super) was_used: bool,
    pub(super) is_connected: bool,
}

/// A request on its way.
#[derive(Debug)]
pub(super) struct InFlight {
    pub(super) exchange: ExchangeId,
    pub(super) epoch: u32,
    pub(super) sent: Instant,
    pub(super) may_be_held: bool,
    /// Messages that had been delivered until then.
    pub(super) n_delivered_before: u64,
}

/// How much later than it could a connect left.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Late {
    pub(super) by: Duration,
    /// What the server allowed then: the refusal brings other advice.
    pub(super) allowed: Duration,
}

/// A session that waits for other credentials.
#[derive(Debug)]
pub(super) struct Unauthorised {
    pub(super) reply: Message,
    pub(super) refused: Refused,
    /// When the next handshake may be sent.
    pub(super) handshake_at: Instant,
}

/// What was refused.
#[derive(Clone, Copy, Debug)]
pub(super) enum Refused {
    Handshake,
    Connect,
}
