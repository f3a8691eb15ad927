//! Connections over which the server may speak at any time, and what waits for each of them.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::keys::{LinkId, SessionKey};
use crate::protocol::Message;
use crate::server::fault::Passage;

/// A table of links. What waits for a link is its responses here, and the queues of the
/// sessions that made their last connect over it; a response is always older than a queue.
#[derive(Debug, Default)]
pub(super) struct Links {
    by_id: FxHashMap<LinkId, Link>,
    last_id: u64,
    /// Links for which something has come to wait.
    ready: BTreeSet<LinkId>,
}

#[derive(Debug, Default)]
struct Link {
    sessions: BTreeSet<SessionKey>,
    responses: VecDeque<(Vec<Arc<Message>>, Passage)>,
}

impl Links {
    pub(super) fn open(&mut self) -> LinkId {
        self.last_id += 1;
        let id = LinkId(self.last_id);
        self.by_id.insert(id, Link::default());
        id
    }

    /// Removes a link; gives the sessions that were attached to it.
    pub(super) fn close(&mut self, id: LinkId) -> BTreeSet<SessionKey> {
        self.ready.remove(&id);
        let link = self.by_id.remove(&id);
        link.map(|link| link.sessions).unwrap_or_default()
    }

    pub(super) fn attach(&mut self, id: LinkId, session: SessionKey) {
        if let Some(link) = self.by_id.get_mut(&id) {
            link.sessions.insert(session);
        }
    }

    pub(super) fn detach(&mut self, id: LinkId, session: SessionKey) {
        if let Some(link) = self.by_id.get_mut(&id) {
            link.sessions.remove(&session);
        }
    }

    pub(super) fn push(&mut self, id: LinkId, response: Vec<Arc<Message>>, passage: Passage) {
        if let Some(link) = self.by_id.get_mut(&id) {
            link.responses.push_back((response, passage));
            self.ready.insert(id);
        }
    }

    pub(super) fn pop(&mut self, id: LinkId) -> Option<(Vec<Arc<Message>>, Passage)> {
        self.by_id.get_mut(&id)?.responses.pop_front()
    }

    /// Something has come to wait in the queue of a session of this link.
    pub(super) fn mark_ready(&mut self, id: LinkId) {
        self.ready.insert(id);
    }

    /// Nothing waits for it any more.
    pub(super) fn unmark_ready(&mut self, id: LinkId) {
        self.ready.remove(&id);
    }

    pub(super) fn is_any_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    pub(super) fn pop_ready(&mut self) -> Option<LinkId> {
        self.ready.pop_first()
    }

    pub(super) fn sessions(&self, id: LinkId) -> impl Iterator<Item = SessionKey> {
        let link = self.by_id.get(&id);
        link.into_iter()
            .flat_map(|link| link.sessions.iter().copied())
    }
}
