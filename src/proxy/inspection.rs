//! What a proxy knows of those whose messages pass, for its inspector.
//!
//! It listens as an [`Observer`](super::Observer) does, on the proxy's thread; requests of the
//! inspector come on others. No two of the locks here are ever held at once.

mod words;

use std::collections::{BTreeMap, HashMap};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime};

use super::disturbance::Disturbance;
use super::event::{Event, What};
use crate::protocol::{ConnectionType, Message, meta};
use crate::server::client_name::client_name;
use crate::server::page_service::Shown;
use crate::server::pages::{
    Inspected, InspectedChannel, InspectedSession, MOST_LISTED, MOST_SUBSCRIBERS, NotEnded,
    Snapshot, Stage,
};
use crate::server::{self, Fault};
use crate::traffic::{Noticed, Seen, Session, SessionChange, SessionNumber, Sighting, Watch};

/// Names of clients that are remembered.
const MOST_NAMES: usize = 10_000;

/// What is known, and what can be changed.
#[derive(Clone)]
pub(super) struct Inspection {
    known: Arc<Mutex<Known>>,
    disturbance: Arc<Mutex<Disturbance>>,
    shown: Shown,
    started: Instant,
}

#[derive(Default)]
struct Known {
    watch: Watch,
    peers: HashMap<u64, SocketAddr>,
    /// Who shook hands last over a connection, and whose session a client's is.
    shaking: HashMap<u64, Box<str>>,
    names: HashMap<SessionNumber, Box<str>>,
}

impl Inspection {
    pub(super) fn new(
        disturbance: Arc<Mutex<Disturbance>>,
        shown: Shown,
        started: Instant,
    ) -> Self {
        Self {
            known: Arc::default(),
            disturbance,
            shown,
            started,
        }
    }

    /// Takes notice of one event.
    pub(super) fn observe(&self, event: &Event) {
        let connection = event.connection;
        match &event.what {
            What::Seen(sighting) => {
                for (peer, noticed) in self.known().see(sighting) {
                    self.show(event.time, peer, &noticed);
                }
            }
            What::Connected { peer } => drop(self.known().peers.insert(connection, *peer)),
            What::Ended { .. } => self.known().end(connection),
            _ => {}
        }
        if let Some(text) = words::happened(event) {
            self.shown.remark(event.time, text);
        }
    }

    fn show(&self, time: SystemTime, peer: SocketAddr, noticed: &Noticed) {
        match noticed {
            Noticed::Asked(it) => {
                let event = server::Event::Received {
                    peer,
                    connection_type: it.connection_type,
                    messages: std::slice::from_ref(&*it.message),
                };
                self.shown.messages(time, &event);
            }
            Noticed::Answered(it) => self.show_sent(time, peer, it.connection_type, &it.message),
            Noticed::Delivered(it) => self.show_sent(time, peer, it.connection_type, &it.message),
            Noticed::Unanswered(_) | Noticed::Session(_) | Noticed::Remark(_) => {
                if let Some(text) = words::noticed(noticed) {
                    self.shown.remark(time, text);
                }
            }
        }
    }

    fn show_sent(
        &self,
        time: SystemTime,
        peer: SocketAddr,
        connection_type: ConnectionType,
        message: &Arc<Message>,
    ) {
        let event = server::Event::Sent {
            peer,
            connection_type,
            messages: std::slice::from_ref(message),
        };
        self.shown.messages(time, &event);
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn disturbance(&self) -> MutexGuard<'_, Disturbance> {
        let disturbance = &self.disturbance;
        disturbance.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn see(&mut self, sighting: &Sighting) -> Vec<(SocketAddr, Noticed)> {
        let connection = sighting.connection;
        if let Seen::Request { body, head } = &sighting.seen {
            let handshake = body
                .messages
                .iter()
                .find(|it| it.channel() == meta::HANDSHAKE);
            if let Some(handshake) = handshake {
                let user_agent = head.as_ref().and_then(|it| it.user_agent.as_deref());
                let name = client_name(handshake, user_agent);
                self.shaking.insert(connection, name);
            }
        }
        self.watch.see(sighting.clone());
        let unknown = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        let peer = self.peers.get(&connection).copied().unwrap_or(unknown);
        let mut all = Vec::new();
        while let Some(noticed) = self.watch.poll() {
            self.name(connection, &noticed);
            all.push((peer, noticed));
        }
        all
    }

    /// Keeps the name of a client as long as its session.
    fn name(&mut self, connection: u64, noticed: &Noticed) {
        let Noticed::Session(notice) = noticed else {
            return;
        };
        match notice.change {
            SessionChange::Opened { .. } | SessionChange::Renewed { .. } => {
                if self.names.len() >= MOST_NAMES {
                    self.names.clear();
                }
                if let Some(name) = self.shaking.remove(&connection) {
                    self.names.insert(notice.session, name);
                }
            }
            SessionChange::Ended { .. } | SessionChange::Lost { .. } => {
                self.names.remove(&notice.session);
            }
            _ => {}
        }
    }

    fn end(&mut self, connection: u64) {
        self.peers.remove(&connection);
        self.shaking.remove(&connection);
    }

    fn open(&self) -> impl Iterator<Item = &Session> {
        self.watch.sessions().filter(|it| it.is_open())
    }
}

impl Inspected for Inspection {
    fn inspect(&self, now: Instant) -> Snapshot {
        let at = now.saturating_duration_since(self.started);
        let known = self.known();
        let mut waiting: HashMap<&str, (bool, usize, usize)> = HashMap::new();
        for (_, _, message) in known.watch.waiting() {
            let Some(client_id) = message.client_id() else {
                continue;
            };
            let (is_held, n_messages, n_bytes) = waiting.entry(client_id).or_default();
            if message.channel() == meta::CONNECT {
                *is_held = true;
            } else {
                *n_messages += 1;
                *n_bytes += message.raw().len();
            }
        }
        let sessions = known.open().take(MOST_LISTED).map(|it| {
            let client_id = it.client_id.as_str();
            let (is_held, n_queued, n_queued_bytes) =
                waiting.get(client_id).copied().unwrap_or_default();
            InspectedSession {
                number: it.number.0,
                client_id: it.client_id.clone(),
                client: known
                    .names
                    .get(&it.number)
                    .map_or_else(String::new, |it| it.to_string()),
                connection_type: it.connection_type,
                age: at.saturating_sub(it.opened),
                stage: match (is_held, it.has_connected()) {
                    (true, _) => Stage::Held,
                    (false, true) => Stage::Answered,
                    (false, false) => Stage::Handshaken,
                },
                n_queued,
                n_queued_bytes,
                n_subscriptions: it.subscriptions.len(),
            }
        });
        let sessions = sessions.collect();
        let mut subscribers: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
        for session in known.open() {
            for channel in &session.subscriptions {
                let numbers = subscribers.entry(channel).or_default();
                numbers.push(session.number.0);
            }
        }
        let n_channels = subscribers.len();
        let channels = subscribers.into_iter().take(MOST_LISTED);
        let channels = channels.map(|(name, mut numbers)| {
            let n_subscribers = numbers.len();
            numbers.truncate(MOST_SUBSCRIBERS);
            InspectedChannel {
                name: name.to_owned(),
                n_subscribers,
                subscribers: numbers,
            }
        });
        Snapshot {
            n_sessions: known.open().count(),
            sessions,
            n_channels,
            channels: channels.collect(),
        }
    }

    fn end_session(&mut self, number: u64) -> Result<(), NotEnded> {
        let client_id = {
            let known = self.known();
            let mut open = known.open();
            let session = open.find(|it| it.number.0 == number);
            let session = session.ok_or(NotEnded)?;
            session.client_id.clone()
        };
        self.disturbance().expire(&client_id);
        Ok(())
    }

    fn end_sessions(&mut self) -> usize {
        let client_ids: Vec<String> = {
            let known = self.known();
            known.open().map(|it| it.client_id.clone()).collect()
        };
        let mut disturbance = self.disturbance();
        for client_id in &client_ids {
            disturbance.expire(client_id);
        }
        client_ids.len()
    }

    fn shows(&self, fault: &Fault) -> bool {
        !fault.is_of_server()
    }

    fn faults(&self) -> Vec<Fault> {
        self.disturbance().faults()
    }

    fn begin_fault(&mut self, now: Instant, fault: Fault) {
        self.disturbance().begin(now, fault);
    }

    fn end_fault(&mut self, fault: &Fault) -> bool {
        self.disturbance().end(fault)
    }
}
