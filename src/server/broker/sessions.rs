//! The table of sessions: by client id, and by the time at which each needs attention.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::ops::Bound;
use std::sync::Arc;
use std::time::Instant;

use rustc_hash::FxHashMap;

use super::extension::{Carriers, Extensions};
use super::keys::{HoldId, LinkId, SessionKey};
use super::queue::{Queue, Size};
use crate::protocol::{ConnectionType, Json, Message};
use crate::server::fault::Effects;
use crate::server::playback::Played;

/// One client, from its handshake to its disconnect or expiry.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) client_id: Arc<str>,
    pub(super) client: Client,
    pub(super) queue: Queue,
    pub(super) extensions: Extensions,
    /// The browser that it belongs to, where that is looked at.
    pub(super) browser: Option<Box<str>>,
    pub(super) subscriptions: BTreeSet<Box<str>>,
    /// The link over which it made its last connect, if that was over one.
    pub(super) link: Option<LinkId>,
    /// The connect that waits for something to report. Without a link the queue is empty
    /// meanwhile, except while a request is being handled.
    pub(super) held: Option<Held>,
    /// Whether a connect was answered already; the first one never waits.
    pub(super) has_connected: bool,
    /// The cookies that the fault `cookie` set last: the client has to show one of them.
    pub(super) cookies: VecDeque<String>,
    /// When the session ends, whatever its client does.
    pub(super) ends: Option<Instant>,
    /// When the held connect is to be answered; without one, when the session expires.
    deadline: Instant,
}

impl Session {
    /// What is kept for its client: what waits, and what was not acknowledged yet.
    pub(super) fn size(&self) -> Size {
        self.queue.size() + self.extensions.kept()
    }

    /// Whether deliveries are pushed over its link; else they wait for its connect.
    pub(super) fn pushes_to(&self) -> Option<LinkId> {
        let carriers = self.extensions.carriers();
        self.link.filter(|_| carriers == Carriers::All)
    }

    /// The subscriptions that begin with this name: all to this channel are among them.
    pub(super) fn subscriptions_to(&self, channel: &str) -> impl Iterator<Item = &str> {
        let from = (Bound::Included(channel), Bound::Unbounded);
        let names = self.subscriptions.range::<str, _>(from).map(|it| &**it);
        names.take_while(move |it| it.starts_with(channel))
    }
}

/// What is known of the client of a session.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) name: Box<str>,
    /// The transport of its latest connect, or of its handshake before that.
    pub(super) connection_type: ConnectionType,
    /// When its handshake came.
    pub(super) opened: Instant,
}

/// A connect whose reply is kept back.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) hold: HoldId,
    /// The id of the message, to be repeated in the reply.
    pub(super) id: Option<Json>,
    pub(super) advice: AdviceWanted,
    /// What waits with it.
    pub(super) before: Option<Box<Before>>,
    /// When its credentials stop being valid.
    pub(super) is_authorised_until: Option<Instant>,
    /// What goes wrong with its reply.
    pub(super) effects: Effects,
    /// Its reply, if that is one of a recording.
    pub(super) played: Option<Played>,
}

/// The other messages of a request whose connect is held.
#[derive(Debug, Default)]
pub(super) struct Before {
    /// Replies to them.
    pub(super) replies: Vec<Arc<Message>>,
    /// What goes wrong with the response because of them.
    pub(super) effects: Vec<Effects>,
}

/// Whether a connect reply has to carry the advice.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum AdviceWanted {
    Wanted,
    /// The client knows it already.
    Unchanged,
}

#[derive(Debug, Default)]
pub(super) struct Sessions {
    by_key: FxHashMap<SessionKey, Session>,
    by_client_id: HashMap<Arc<str>, SessionKey>,
    deadlines: BTreeSet<(Instant, SessionKey)>,
    last_key: u64,
}

impl Sessions {
    /// Adds a session, unless there is one with this client id.
    pub(super) fn open(
        &mut self,
        client_id: Arc<str>,
        client: Client,
        extensions: Extensions,
        deadline: Instant,
        ends: Option<Instant>,
    ) -> Option<SessionKey> {
        if self.by_client_id.contains_key(&client_id) {
            return None;
        }
        self.last_key += 1;
        let key = SessionKey::of(self.last_key);
        let deadline = ends.map_or(deadline, |it| it.min(deadline));
        let session = Session {
            client_id: Arc::clone(&client_id),
            client,
            queue: Queue::default(),
            extensions,
            browser: None,
            subscriptions: BTreeSet::new(),
            link: None,
            held: None,
            has_connected: false,
            cookies: VecDeque::new(),
            ends,
            deadline,
        };
        self.by_key.insert(key, session);
        self.by_client_id.insert(client_id, key);
        self.deadlines.insert((deadline, key));
        Some(key)
    }

    pub(super) fn close(&mut self, key: SessionKey) -> Option<Session> {
        let session = self.by_key.remove(&key)?;
        self.by_client_id.remove(&session.client_id);
        self.deadlines.remove(&(session.deadline, key));
        Some(session)
    }

    pub(super) fn get_mut(&mut self, key: SessionKey) -> Option<&mut Session> {
        self.by_key.get_mut(&key)
    }

    pub(super) fn move_deadline(&mut self, key: SessionKey, to: Instant) {
        if let Some(session) = self.by_key.get_mut(&key) {
            let to = session.ends.map_or(to, |it| it.min(to));
            self.deadlines.remove(&(session.deadline, key));
            session.deadline = to;
            self.deadlines.insert((to, key));
        }
    }

    /// Moves the deadline of a session that expires sooner; a held connect keeps its own.
    pub(super) fn extend(&mut self, key: SessionKey, to: Instant) {
        match self.by_key.get(&key) {
            Some(session) if session.held.is_none() && session.deadline < to => {
                self.move_deadline(key, to);
            }
            Some(_) | None => {}
        }
    }

    pub(super) fn find(&self, client_id: &str) -> Option<SessionKey> {
        self.by_client_id.get(client_id).copied()
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|&(at, _)| at)
    }

    pub(super) fn get(&self, key: SessionKey) -> Option<&Session> {
        self.by_key.get(&key)
    }

    /// A session whose deadline has come.
    pub(super) fn due(&self, now: Instant) -> Option<SessionKey> {
        let &(at, key) = self.deadlines.first()?;
        (at <= now).then_some(key)
    }

    /// All sessions, the oldest first.
    pub(super) fn keys(&self) -> Vec<SessionKey> {
        let mut keys: Vec<_> = self.by_key.keys().copied().collect();
        keys.sort_unstable();
        keys
    }

    /// The first sessions of all, at the most so many.
    pub(super) fn oldest(&self, most: usize) -> Vec<(SessionKey, &Session)> {
        let mut sessions: Vec<_> = self.by_key.iter().map(|(key, it)| (*key, it)).collect();
        if sessions.len() > most {
            sessions.select_nth_unstable_by_key(most, |(key, _)| *key);
            sessions.truncate(most);
        }
        sessions.sort_unstable_by_key(|(key, _)| *key);
        sessions
    }

    pub(super) fn len(&self) -> usize {
        self.by_key.len()
    }
}
