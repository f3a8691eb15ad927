//! Faults in the broker: sessions that end, messages that are refused, cookies that change, and
//! faults that come and go while it runs.

use std::time::Instant;

use super::Broker;
use super::cookie::value;
use super::exchange::{Answer, Request};
use super::keys::SessionKey;
use super::refusal::Refusal;
use super::turn::Turn;
use crate::protocol::Message;
use crate::server::fault::{Effects, Faults, Instead, Passage, Place};
use crate::server::{CloseReason, Fault};

/// The cookie of the fault `cookie`, like that by which a balancer finds the node of a session.
const COOKIE: &str = "BAYEUX_ROUTE";

/// How many of these cookies a session still takes: a client may have two requests in flight,
/// and the one began before the other brought a new cookie.
const MOST_COOKIES: usize = 2;

impl Broker {
    /// The faults, and what they have seen.
    pub(in crate::server) fn faults(&self) -> &Faults {
        &self.faults
    }

    /// From now on this goes wrong. How long sessions live (`expire=DUR`) is decided at their
    /// handshakes.
    pub(in crate::server) fn add_fault(&mut self, now: Instant, fault: Fault) {
        self.faults.add(now, fault);
    }

    /// This goes wrong no longer; false if it did not.
    pub(in crate::server) fn remove_fault(&mut self, fault: &Fault) -> bool {
        let is_removed = self.faults.remove(fault);
        self.n_to_forget = self.n_to_forget.min(self.faults.n_to_forget());
        is_removed
    }

    /// A websocket is asked for: what is answered instead, and what happens to the response.
    pub(in crate::server) fn upgrade(&mut self, now: Instant) -> (Option<Instead>, Passage) {
        let effects = self.faults.meet(now, Place::Upgrade);
        (effects.instead(), effects.passage())
    }

    /// What goes wrong with each message of a request; nothing at all where there are no faults.
    pub(super) fn effects(&mut self, now: Instant, request: &Request<'_>) -> Vec<Effects> {
        if self.faults.is_empty() {
            return Vec::new();
        }
        let messages = request.messages.iter();
        messages
            .map(|message| self.faults.meet(now, Place::of(message)))
            .collect()
    }

    /// What happens before a message is looked at.
    pub(super) fn disturb(&mut self, effects: &Effects, message: &Message) {
        if effects.expire()
            && let Some(key) = message.client_id().and_then(|it| self.sessions.find(it))
        {
            self.close(key, CloseReason::Fault);
            self.n_to_forget = self.faults.n_to_forget();
        }
    }

    /// What stands against carrying out a message that is right in itself.
    pub(super) fn disturbed(
        &self,
        effects: &Effects,
        turn: &Turn<'_>,
        message: &Message,
    ) -> Option<Refusal> {
        if let Some(code) = effects.refuse() {
            return Some(Refusal::Fault(code));
        }
        let key = self.sessions.find(message.client_id()?)?;
        let cookies = &self.sessions.get(key)?.cookies;
        let shown = value(turn.request.cookies, COOKIE).unwrap_or_default();
        let is_known = cookies.is_empty() || cookies.iter().any(|it| it == shown);
        (turn.link.is_none() && !is_known).then_some(Refusal::SessionUnknown)
    }

    /// An answer with what these faults do to it.
    pub(super) fn on_the_way(
        &mut self,
        mut answer: Answer,
        effects: &[Effects],
        session: Option<SessionKey>,
    ) -> Answer {
        if effects.is_empty() {
            return answer;
        }
        let passages = effects.iter().map(Effects::passage);
        answer.passage = passages.fold(answer.passage, Passage::and);
        let session = session.and_then(|key| self.sessions.get_mut(key));
        if effects.iter().any(Effects::cookie)
            && let Some(session) = session
            && let Some(value) = (self.client_ids)()
        {
            answer
                .set_cookies
                .push(format!("{COOKIE}={value}; Path=/; HttpOnly"));
            if session.cookies.is_empty() {
                // It has shown none so far.
                session.cookies.push_front(String::new());
            }
            session.cookies.push_front(value);
            session.cookies.truncate(MOST_COOKIES);
        }
        answer
    }
}
