//! Whose line a message stands on.

use std::collections::HashMap;

use super::Diagram;
use crate::traffic::{Noticed, SessionChange, SessionNumber};

/// Lines of clients beside each other; the rest share the last one.
const MOST: usize = 8;

/// The clients: a session and those it took the place of are one.
pub(super) struct Lanes {
    /// What stands above each line.
    pub(super) names: Vec<String>,
    of_session: HashMap<SessionNumber, usize>,
    of_connection: HashMap<u64, usize>,
    /// Whose each request is that belongs to no session yet: its reply told.
    of_request: HashMap<u64, SessionNumber>,
}

impl Lanes {
    pub(super) fn of(diagram: &Diagram<'_>) -> Self {
        let mut lanes = Self {
            names: Vec::new(),
            of_session: HashMap::new(),
            of_connection: HashMap::new(),
            of_request: HashMap::new(),
        };
        for noticed in diagram.noticed {
            if let Noticed::Answered(answer) = noticed
                && let (Some((request, _)), Some(session)) = (answer.to, answer.session)
            {
                lanes.of_request.insert(request, session);
            }
        }
        for noticed in diagram.noticed {
            let Noticed::Session(notice) = noticed else {
                continue;
            };
            let lane = match &notice.change {
                SessionChange::Opened { client_id } | SessionChange::Joined { client_id } => {
                    lanes.add(format!("client {}", diagram.client_id(client_id)))
                }
                SessionChange::Renewed { replaces, .. } => {
                    lanes.of_session.get(replaces).copied().unwrap_or_default()
                }
                _ => continue,
            };
            lanes.of_session.insert(notice.session, lane);
        }
        // Those that never got a session.
        for noticed in diagram.noticed {
            if let Some(connection) = connection(noticed)
                && lanes.session(noticed).is_none()
                && !lanes.of_connection.contains_key(&connection)
            {
                let is_only_one = lanes.names.len() == 1;
                let lane = match is_only_one {
                    true => 0,
                    false => lanes.add(format!("connection {connection}")),
                };
                lanes.of_connection.insert(connection, lane);
            }
        }
        if lanes.names.is_empty() {
            lanes.names.push("client".to_owned());
        }
        lanes
    }

    /// The line of what was noticed, counted from the left.
    pub(super) fn lane(&self, noticed: &Noticed) -> usize {
        let of_session = self
            .session(noticed)
            .and_then(|it| self.of_session.get(&it));
        let of_connection = || self.of_connection.get(&connection(noticed)?);
        of_session.or_else(of_connection).copied().unwrap_or(0)
    }

    fn session(&self, noticed: &Noticed) -> Option<SessionNumber> {
        let request = match noticed {
            Noticed::Asked(it) => Some(it.request),
            Noticed::Unanswered(it) => Some(it.request),
            Noticed::Remark(it) => it.request,
            _ => None,
        };
        let of_request = || self.of_request.get(&request?).copied();
        noticed.session().or_else(of_request)
    }

    fn add(&mut self, name: String) -> usize {
        if self.names.len() < MOST {
            self.names.push(name);
        } else if let Some(last) = self.names.last_mut() {
            *last = "others".to_owned();
        }
        self.names.len() - 1
    }
}

fn connection(noticed: &Noticed) -> Option<u64> {
    match noticed {
        Noticed::Asked(it) => Some(it.connection),
        Noticed::Answered(it) => Some(it.connection),
        Noticed::Delivered(it) => Some(it.connection),
        Noticed::Unanswered(it) => Some(it.connection),
        Noticed::Remark(it) => Some(it.connection),
        Noticed::Session(_) => None,
    }
}
