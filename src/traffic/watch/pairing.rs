//! Which request a reply answers.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::protocol::{Message, meta};
use crate::traffic::{Hold, SessionNumber};

/// Requests on one connection that may wait for a reply; more than any client sends, and few
/// enough for a server that never answers.
const MOST_WAITING: usize = 1_000;

/// A request that waits for its reply.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    pub(super) number: u64,
    pub(super) at: Duration,
    pub(super) session: Option<SessionNumber>,
    pub(super) hold: Hold,
    /// Whether its connection carries this one session, as websockets and recordings do.
    pub(super) is_alone: bool,
    /// What the client calls itself.
    pub(super) user_agent: Option<String>,
    pub(super) message: Arc<Message>,
}

/// The requests that wait, by connection, in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Pairing {
    waiting: HashMap<u64, Vec<Waiting>>,
}

impl Pairing {
    /// Adds a request. Returns the one that is given up for it.
    pub(super) fn add(&mut self, connection: u64, request: Waiting) -> Option<Waiting> {
        let waiting = self.waiting.entry(connection).or_default();
        let given_up = (waiting.len() >= MOST_WAITING).then(|| waiting.remove(0));
        waiting.push(request);
        given_up
    }

    /// Takes the request that this message answers: the one with its channel and id, or the
    /// oldest with its channel if a server repeats no ids or others.
    pub(super) fn take(&mut self, connection: u64, reply: &Message) -> Option<Waiting> {
        let waiting = self.waiting.get_mut(&connection)?;
        let has_channel = |it: &Waiting| it.message.channel() == reply.channel();
        let at = waiting
            .iter()
            .position(|it| reply.id().is_some() && it.message.id() == reply.id() && has_channel(it))
            .or_else(|| waiting.iter().position(has_channel))?;
        let request = waiting.remove(at);
        if waiting.is_empty() {
            self.waiting.remove(&connection);
        }
        Some(request)
    }

    /// Takes all that waits on a connection.
    pub(super) fn take_all(&mut self, connection: u64) -> Vec<Waiting> {
        self.waiting.remove(&connection).unwrap_or_default()
    }

    /// Takes the connects and handshakes that wait on a connection.
    pub(super) fn take_connects(&mut self, connection: u64) -> Vec<Waiting> {
        let (connects, others) = self
            .take_all(connection)
            .into_iter()
            .partition(|it| matches!(it.message.channel(), meta::CONNECT | meta::HANDSHAKE));
        self.waiting.insert(connection, others);
        connects
    }

    /// What waits on a connection.
    pub(super) fn on(&self, connection: u64) -> &[Waiting] {
        self.waiting.get(&connection).map_or(&[], Vec::as_slice)
    }

    /// All that waits.
    pub(super) fn all(&self) -> impl Iterator<Item = &Waiting> {
        self.waiting.values().flatten()
    }
}
