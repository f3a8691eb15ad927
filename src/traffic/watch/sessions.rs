//! The sessions that were seen.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use super::session::Session;
use crate::protocol::ConnectionType;
use crate::traffic::SessionNumber;

/// Sessions that are remembered after their end: clients that go on with one are told.
const MOST_ENDED: usize = 1_000;
/// Sessions that are remembered at all.
const MOST: usize = 100_000;

/// The sessions by number, client id and connection.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    sessions: BTreeMap<SessionNumber, Session>,
    by_client_id: HashMap<String, SessionNumber>,
    /// Whose messages a connection carried last.
    by_connection: HashMap<u64, SessionNumber>,
    ended: VecDeque<SessionNumber>,
    n_seen: u64,
}

impl Sessions {
    /// A new session. One with the same client id is forgotten by it.
    pub(super) fn open(
        &mut self,
        client_id: &str,
        at: Duration,
        connection_type: ConnectionType,
    ) -> &mut Session {
        if self.sessions.len() >= MOST {
            self.forget_the_oldest();
        }
        self.n_seen += 1;
        let number = SessionNumber(self.n_seen);
        self.by_client_id.insert(client_id.to_owned(), number);
        self.sessions
            .entry(number)
            .or_insert_with(|| Session::new(number, client_id, at, connection_type))
    }

    pub(super) fn get(&mut self, number: SessionNumber) -> Option<&mut Session> {
        self.sessions.get_mut(&number)
    }

    pub(super) fn named(&self, client_id: &str) -> Option<SessionNumber> {
        self.by_client_id.get(client_id).copied()
    }

    pub(super) fn on(&self, connection: u64) -> Option<SessionNumber> {
        self.by_connection.get(&connection).copied()
    }

    /// A connection carried something of a session.
    pub(super) fn carried(&mut self, connection: u64, number: SessionNumber) {
        self.by_connection.insert(connection, number);
    }

    pub(super) fn closed(&mut self, connection: u64) {
        self.by_connection.remove(&connection);
    }

    /// A session has ended or was lost: it is forgotten after many others.
    pub(super) fn ended(&mut self, number: SessionNumber) {
        self.ended.push_back(number);
        if self.ended.len() > MOST_ENDED
            && let Some(oldest) = self.ended.pop_front()
        {
            self.forget(oldest);
        }
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Session> {
        self.sessions.values()
    }

    fn forget(&mut self, number: SessionNumber) {
        let Some(session) = self.sessions.remove(&number) else {
            return;
        };
        if self.by_client_id.get(&session.client_id) == Some(&number) {
            self.by_client_id.remove(&session.client_id);
        }
    }

    fn forget_the_oldest(&mut self) {
        let oldest = self.sessions.values().min_by_key(|it| it.last_seen);
        if let Some(number) = oldest.map(|it| it.number) {
            self.forget(number);
        }
    }
}
