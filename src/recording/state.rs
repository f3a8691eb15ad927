//! What happens to a session, beside its messages.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use super::line::Line;
use crate::protocol::Json;
use crate::redaction::{Secrets, shortened_client_id};

/// A change of the session's state, or something the user has to know about it.
#[derive(Clone, Debug)]
pub struct StateRecord {
    /// When it happened.
    pub time: SystemTime,
    /// What happened.
    pub state: State,
}

/// What happened to the session.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum State {
    /// The handshake was successful.
    Handshaken {
        /// The negotiated connection type.
        transport: String,
        /// The client id that the server gave.
        client_id: String,
    },
    /// A subscription is confirmed.
    Subscribed {
        /// Its channel or pattern.
        channel: String,
    },
    /// A subscription is refused.
    SubscribeRefused {
        /// Its channel or pattern.
        channel: String,
        /// The server's error.
        error: String,
    },
    /// A subscription has ended as asked.
    Unsubscribed {
        /// Its channel or pattern.
        channel: String,
    },
    /// A publish is acknowledged.
    Acknowledged {
        /// Its channel.
        channel: String,
        /// Its id.
        id: Option<String>,
        /// From sending to acknowledgement.
        round_trip: Duration,
    },
    /// A publish is rejected.
    Rejected {
        /// Its channel.
        channel: String,
        /// Its id.
        id: Option<String>,
        /// The server's error.
        error: String,
    },
    /// A publish may or may not have been carried out; it is not repeated.
    Unknown {
        /// Its channel.
        channel: String,
        /// Its id.
        id: Option<String>,
        /// What happened to the connection.
        reason: String,
    },
    /// An exchange failed and is tried again.
    Reconnecting {
        /// Why it failed.
        reason: String,
        /// Which attempt comes next, counted from 1.
        attempt: u32,
        /// How long until then.
        delay: Duration,
    },
    /// The connection is back, with the same session.
    Reconnected {
        /// For how long there was none.
        gap: Duration,
    },
    /// The server no longer knows the session.
    SessionLost {
        /// How long the session had lasted.
        after: Duration,
        /// What the server said, or what did not happen.
        reason: String,
    },
    /// A new session has taken the place of the lost one.
    SessionRenewed {
        /// How long messages may have been missed.
        gap: Duration,
        /// How many subscriptions are confirmed again.
        n_restored: usize,
        /// How many subscriptions there were.
        n_subscriptions: usize,
        /// Channels of which the server replays what was missed, and the last event that was
        /// received before, by its replay id in JSON.
        replays: Vec<(String, Json)>,
    },
    /// The session has ended.
    Disconnected {
        /// Why, unless it was asked for.
        reason: Option<String>,
    },
    /// A connection has ended over which requests were not answered.
    ConnectionEnded {
        /// The client's end of it, where several clients are recorded.
        peer: Option<SocketAddr>,
    },
    /// Something that does not stop the session and that the user has to know.
    Warning {
        /// What.
        reason: String,
    },
}

impl State {
    /// The name in the `state` field.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Handshaken { .. } => "handshaken",
            Self::Subscribed { .. } => "subscribed",
            Self::SubscribeRefused { .. } => "subscribe-refused",
            Self::Unsubscribed { .. } => "unsubscribed",
            Self::Acknowledged { .. } => "acknowledged",
            Self::Rejected { .. } => "rejected",
            Self::Unknown { .. } => "unknown",
            Self::Reconnecting { .. } => "reconnecting",
            Self::Reconnected { .. } => "reconnected",
            Self::SessionLost { .. } => "session-lost",
            Self::SessionRenewed { .. } => "session-renewed",
            Self::Disconnected { .. } => "disconnected",
            Self::ConnectionEnded { .. } => "connection-ended",
            Self::Warning { .. } => "warning",
        }
    }
}

impl StateRecord {
    /// The record as one JSON line, without its line break.
    pub fn to_line(&self, secrets: Secrets) -> String {
        let line = Line::new("state")
            .time(self.time)
            .text("state", self.state.name());
        let with_id = |line: Line, id: &Option<String>| match id {
            Some(id) => line.text("id", id),
            None => line,
        };
        let line = match &self.state {
            State::Handshaken {
                transport,
                client_id,
            } => {
                let client_id = match secrets {
                    Secrets::Redacted => shortened_client_id(client_id),
                    Secrets::Shown => client_id.clone(),
                };
                line.text("transport", transport)
                    .text("client_id", &client_id)
            }
            State::Subscribed { channel } | State::Unsubscribed { channel } => {
                line.text("channel", channel)
            }
            State::SubscribeRefused { channel, error } => {
                line.text("channel", channel).text("error", error)
            }
            State::Acknowledged {
                channel,
                id,
                round_trip,
            } => with_id(line.text("channel", channel), id)
                .milliseconds("round_trip_ms", *round_trip),
            State::Rejected { channel, id, error } => {
                with_id(line.text("channel", channel), id).text("error", error)
            }
            State::Unknown {
                channel,
                id,
                reason,
            } => with_id(line.text("channel", channel), id).text("reason", reason),
            State::Reconnecting {
                reason,
                attempt,
                delay,
            } => line
                .text("reason", reason)
                .number("attempt", attempt)
                .milliseconds("delay_ms", *delay),
            State::Reconnected { gap } => line.milliseconds("gap_ms", *gap),
            State::SessionLost { after, reason } => {
                line.text("reason", reason).milliseconds("after_ms", *after)
            }
            State::SessionRenewed {
                gap,
                n_restored,
                n_subscriptions,
                replays,
            } => {
                let line = line
                    .milliseconds("gap_ms", *gap)
                    .number("n_restored", n_restored)
                    .number("n_subscriptions", n_subscriptions);
                match replays.as_slice() {
                    [] => line,
                    replays => line.raw("replay", &object(replays)),
                }
            }
            State::Disconnected { reason: None } | State::ConnectionEnded { peer: None } => line,
            State::ConnectionEnded { peer: Some(peer) } => line.text("peer", &peer.to_string()),
            State::Disconnected {
                reason: Some(reason),
            }
            | State::Warning { reason } => line.text("reason", reason),
        };
        line.end()
    }
}

/// An object with these members.
fn object(members: &[(String, Json)]) -> String {
    let members = members
        .iter()
        .map(|(name, value)| format!("{}:{value}", Json::string(name)));
    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
}
