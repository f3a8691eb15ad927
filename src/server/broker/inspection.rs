//! What can be seen of a broker while it works, and what can be changed in it by hand.

use std::time::{Duration, Instant};

use super::Broker;
use super::keys::SessionKey;
use super::sessions::Session;
use crate::protocol::ConnectionType;
use crate::server::{CloseReason, Fault, Flavor};

/// Sessions, and channels, that a snapshot lists at the most: people do not read more, and the
/// others wait while it is taken.
pub(crate) const MOST_LISTED: usize = 200;

/// Subscribers that a channel lists at the most.
pub(crate) const MOST_SUBSCRIBERS: usize = 50;

/// A broker at one moment.
#[derive(Debug)]
pub(crate) struct Snapshot {
    pub(crate) n_sessions: usize,
    /// The oldest ones first.
    pub(crate) sessions: Vec<InspectedSession>,
    pub(crate) n_channels: usize,
    /// In the order of their names.
    pub(crate) channels: Vec<InspectedChannel>,
}

/// A session at one moment.
#[derive(Debug)]
pub(crate) struct InspectedSession {
    /// Names it within its broker, without telling its client id.
    pub(crate) number: u64,
    pub(crate) client_id: String,
    /// Which client it is, as far as that is known.
    pub(crate) client: String,
    /// The transport of its latest connect, or of its handshake before that.
    pub(crate) connection_type: ConnectionType,
    pub(crate) age: Duration,
    pub(crate) stage: Stage,
    pub(crate) n_queued: usize,
    pub(crate) n_queued_bytes: usize,
    pub(crate) n_subscriptions: usize,
}

/// What a session waits for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Stage {
    /// Its first connect.
    Handshaken,
    /// Something to report: its connect is held.
    Held,
    /// Its next connect.
    Answered,
}

/// A channel, or pattern, that somebody is subscribed to.
#[derive(Debug)]
pub(crate) struct InspectedChannel {
    pub(crate) name: String,
    pub(crate) n_subscribers: usize,
    /// The numbers of their sessions.
    pub(crate) subscribers: Vec<u64>,
}

impl Broker {
    /// Ends the session of this number, as if it had been forgotten; false if there is none.
    pub(crate) fn forget(&mut self, number: u64) -> bool {
        self.close(SessionKey::of(number), CloseReason::Forgotten)
            .is_some()
    }

    /// Whether a server of this flavor shows the fault.
    pub(crate) fn can_show(&self, fault: &Fault) -> bool {
        self.settings.flavor == Flavor::Salesforce || !fault.is_of_salesforce()
    }

    pub(crate) fn snapshot(&self, now: Instant) -> Snapshot {
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
