//! What can be seen of a broker while it works, and what can be changed in it by hand.

use std::time::{Duration, Instant};

use super::Broker;
use super::keys::SessionKey;
use super::sessions::Session;
use crate::protocol::ConnectionType;
use crate::server::CloseReason;

/// Sessions, and channels, that a snapshot lists at the most: people do not read more, and the
/// others wait while it is taken.
pub(in crate::server) const MOST_LISTED: usize = 200;

/// Subscribers that a channel lists at the most.
const MOST_SUBSCRIBERS: usize = 50;

/// A broker at one moment.
#[derive(Debug)]
pub(in crate::server) struct Snapshot {
    pub(in crate::server) n_sessions: usize,
    /// The oldest ones first.
    pub(in crate::server) sessions: Vec<InspectedSession>,
    pub(in crate::server) n_channels: usize,
    /// In the order of their names.
    pub(in crate::server) channels: Vec<InspectedChannel>,
}

/// A session at one moment.
#[derive(Debug)]
pub(in crate::server) struct InspectedSession {
    /// Names it within its broker, without telling its client id.
    pub(in crate::server) number: u64,
    pub(in crate::server) client_id: String,
    /// Which client it is, as far as that is known.
    pub(in crate::server) client: String,
    /// The transport of its latest connect, or of its handshake before that.
    pub(in crate::server) connection_type: ConnectionType,
    pub(in crate::server) age: Duration,
    pub(in crate::server) stage: Stage,
    pub(in crate::server) n_queued: usize,
    pub(in crate::server) n_queued_bytes: usize,
    pub(in crate::server) n_subscriptions: usize,
}

/// What a session waits for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::server) enum Stage {
    /// Its first connect.
    Handshaken,
    /// Something to report: its connect is held.
    Held,
    /// Its next connect.
    Answered,
}

/// A channel, or pattern, that somebody is subscribed to.
#[derive(Debug)]
pub(in crate::server) struct InspectedChannel {
    pub(in crate::server) name: String,
    pub(in crate::server) n_subscribers: usize,
    /// The numbers of their sessions.
    pub(in crate::server) subscribers: Vec<u64>,
}

impl Broker {
    /// Ends the session of this number, as if it had been forgotten; false if there is none.
    pub(in crate::server) fn forget(&mut self, number: u64) -> bool {
        self.close(SessionKey::of(number), CloseReason::Forgotten)
            .is_some()
    }

    pub(in crate::server) fn inspect(&self, now: Instant) -> Snapshot {
        let sessions = self
            .sessions
            .oldest(MOST_LISTED)
            .into_iter()
            .map(|(key, session)| InspectedSession::new(now, key, session));
        let channels = self.subscriptions.first(MOST_LISTED).into_iter();
        let channels = channels.map(|(name, subscribers)| {
            let keys = subscribers.iter().take(MOST_SUBSCRIBERS);
            InspectedChannel {
                name: name.to_owned(),
                n_subscribers: subscribers.len(),
                subscribers: keys.map(|it| it.number()).collect(),
            }
        });
        Snapshot {
            n_sessions: self.sessions.len(),
            sessions: sessions.collect(),
            n_channels: self.subscriptions.len(),
            channels: channels.collect(),
        }
    }
}

impl InspectedSession {
    fn new(now: Instant, key: SessionKey, session: &Session) -> Self {
        let stage = match (&session.held, session.has_connected) {
            (Some(_), _) => Stage::Held,
            (None, true) => Stage::Answered,
            (None, false) => Stage::Handshaken,
        };
        Self {
            number: key.number(),
            client_id: session.client_id.to_string(),
            client: session.client.name.to_string(),
            connection_type: session.client.connection_type,
            age: now.saturating_duration_since(session.client.opened),
            stage,
            n_queued: session.queue.size().n_messages,
            n_queued_bytes: session.queue.size().n_bytes,
            n_subscriptions: session.subscriptions.len(),
        }
    }
}
