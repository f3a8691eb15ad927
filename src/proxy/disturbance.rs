//! What faults do to messages between a client and a server.
//!
//! ```text
//!   messages of a request -> judge() -> Verdict: what goes on to the server, what is answered
//!                                       here, what happens to the response (Treatment)
//!   messages of a response -> Treatment::treat() -> what the client gets of them
//! ```
//!
//! Whatever is not said to go wrong passes as it is. A session that a fault ends is ended for its
//! client alone: the server hears nothing more of it, and gives it up in its time.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

use crate::protocol::{Body, Kind, Message, meta};
use crate::server::Fault;
use crate::server::fault::{Delivered, Effects, Faults, Instead, Passage, Place, altered};

/// Sessions that are remembered to have ended: their clients take up new ones at once.
const MOST_EXPIRED: usize = 10_000;

/// Sessions of which a delivery waits for the next one: with as many, some have ended.
const MOST_LATE: usize = 1_000;

/// The faults, and what they have done to sessions.
#[derive(Debug)]
pub(super) struct Disturbance {
    faults: Faults,
    expired: HashSet<String>,
    /// A delivery of each session over HTTP that waits for the next one, by client id.
    late: HashMap<String, Message>,
}

/// What becomes of a request.
#[derive(Debug)]
pub(super) struct Verdict {
    /// A response that takes the place of all.
    pub(super) instead: Option<Instead>,
    pub(super) forward: Forward,
    pub(super) treatment: Treatment,
    /// The faults, as they are written; empty if there are none.
    pub(super) faults: String,
}

/// What goes on to the server.
#[derive(Clone, Debug)]
pub(super) enum Forward {
    AsItIs,
    Others(Vec<Message>),
    Nothing,
}

/// What happens to a response.
#[derive(Clone, Debug, Default)]
pub(super) struct Treatment {
    pub(super) passage: Passage,
    /// Replies to those that did not go on.
    pub(super) added: Vec<Message>,
    /// What happens to which replies.
    altered: Vec<(Message, Effects)>,
}

impl Disturbance {
    pub(super) fn new(faults: Vec<Fault>, seed: u64, now: Instant) -> Self {
        Self {
            faults: Faults::new(faults, seed, now),
            expired: HashSet::new(),
            late: HashMap::new(),
        }
    }

    /// Whether messages have to be read before they are passed on.
    pub(super) fn is_armed(&self) -> bool {
        !self.faults.is_empty() || !self.expired.is_empty()
    }

    /// The faults, in the order in which they began.
    pub(super) fn faults(&self) -> Vec<Fault> {
        self.faults.list()
    }

    /// From now on this goes wrong.
    pub(super) fn begin(&mut self, now: Instant, fault: Fault) {
        self.faults.add(now, fault);
    }

    /// This goes wrong no longer; false if it did not.
    pub(super) fn end(&mut self, fault: &Fault) -> bool {
        self.faults.remove(fault)
    }

    /// The session of this client id is unknown from now on.
    pub(super) fn expire(&mut self, client_id: &str) {
        if self.expired.len() >= MOST_EXPIRED {
            self.expired.clear();
        }
        self.expired.insert(client_id.to_owned());
    }

    /// Whether something may happen to deliveries.
    pub(super) fn concerns_deliveries(&self) -> bool {
        self.faults.concern_deliveries()
    }

    /// A websocket is asked for.
    pub(super) fn upgrade(&mut self, now: Instant) -> Verdict {
        let effects = self.faults.meet(now, Place::Upgrade);
        let mut verdict = Verdict {
            instead: effects.instead(),
            ..Verdict::default()
        };
        verdict.treatment.passage = effects.passage();
        verdict.note("upgrade", &effects);
        verdict
    }

    /// What becomes of a request with these messages.
    pub(super) fn judge(&mut self, now: Instant, messages: &[Message]) -> Verdict {
        let mut verdict = Verdict::default();
        let mut passed_on = Vec::with_capacity(messages.len());
        let mut is_changed = false;
        for message in messages {
            let place = Place::of(message);
            let effects = self.faults.meet(now, place);
            verdict.note(place.as_str(), &effects);
            verdict.instead = verdict.instead.or(effects.instead());
            let passage = std::mem::take(&mut verdict.treatment.passage);
            verdict.treatment.passage = passage.and(effects.passage());
            if let Some(reply) = self.refusal(message, &effects) {
                let reply = effects.alter(Arc::new(reply));
                verdict.treatment.added.push(Message::clone(&reply));
                is_changed = true;
                continue;
            }
            // The server is asked not to hold it.
            let at_once = effects.storm();
            is_changed |= at_once;
            passed_on.push(match at_once {
                true => altered(message, "advice", r#"{"timeout":0}"#),
                false => message.clone(),
            });
            if !effects.are_none() {
                verdict.treatment.altered.push((message.clone(), effects));
            }
        }
        verdict.forward = match (is_changed, passed_on.is_empty()) {
            (false, _) => Forward::AsItIs,
            (true, true) => Forward::Nothing,
            (true, false) => Forward::Others(passed_on),
        };
        verdict
    }

    /// Does to the messages of a response what faults do to them and to deliveries; whether
    /// anything is other than it was. `late` is a delivery that waits for the next one.
    pub(super) fn treat(
        &mut self,
        now: Instant,
        treatment: &Treatment,
        body: &Body,
        late: &mut Option<Message>,
    ) -> (Vec<Arc<Message>>, bool) {
        let mut messages = Vec::with_capacity(body.messages.len());
        let mut is_changed = false;
        for message in &body.messages {
            let message = Arc::new(message.clone());
            if message.kind() == Kind::Delivery {
                match self.faults.meet(now, Place::Delivery).delivered() {
                    Delivered::Once => messages.push(message),
                    Delivered::Never => is_changed = true,
                    Delivered::Twice => {
                        is_changed = true;
                        messages.extend([Arc::clone(&message), message]);
                    }
                    Delivered::Late if late.is_none() => {
                        is_changed = true;
                        *late = Some(Message::clone(&message));
                        continue;
                    }
                    Delivered::Late => messages.push(message),
                }
                if let Some(late) = late.take() {
                    is_changed = true;
                    messages.push(Arc::new(late));
                }
                continue;
            }
            let reply = treatment.alter(Arc::clone(&message));
            is_changed |= !Arc::ptr_eq(&reply, &message);
            messages.push(reply);
        }
        for reply in &treatment.added {
            is_changed = true;
            messages.push(Arc::new(reply.clone()));
        }
        (messages, is_changed)
    }

    /// The same to a response over HTTP, for the session with this client id: its next delivery
    /// may come over another connection.
    pub(super) fn treat_for(
        &mut self,
        now: Instant,
        treatment: &Treatment,
        body: &Body,
        client_id: &str,
    ) -> (Vec<Arc<Message>>, bool) {
        let mut late = self.late.remove(client_id);
        let treated = self.treat(now, treatment, body, &mut late);
        if let Some(late) = late {
            if self.late.len() >= MOST_LATE {
                self.late.clear();
            }
            self.late.insert(client_id.to_owned(), late);
        }
        treated
    }

    /// What is said to a message that does not go on to the server.
    fn refusal(&mut self, message: &Message, effects: &Effects) -> Option<Message> {
        if let Some(client_id) = message.client_id() {
            if effects.expire() {
                self.expire(client_id);
            }
            if self.expired.contains(client_id) {
                let advice = Some("handshake");
                return refused(message, "402::session_unknown", advice);
            }
        }
        let code = effects.refuse()?;
        // As the server's own: who is not well asks to be tried again; who says no, to stop.
        let advice = match (code, message.channel()) {
            (500.., meta::HANDSHAKE) => Some("handshake"),
            (500.., meta::CONNECT) => Some("retry"),
            (402, meta::CONNECT) => Some("handshake"),
            (_, meta::HANDSHAKE | meta::CONNECT) => Some("none"),
            _ => None,
        };
        refused(message, &format!("{code}::refused_by_fault"), advice)
    }
}

impl Treatment {
    /// Whether the response passes as it is, deliveries aside.
    pub(super) fn is_nothing(&self) -> bool {
        self.passage.is_sound() && self.added.is_empty() && self.altered.is_empty()
    }

    /// Takes what happens to this reply out of what is awaited.
    pub(super) fn take(&mut self, reply: &Message) -> Option<Treatment> {
        let at = self.altered.iter().position(|it| answers(reply, &it.0))?;
        let (message, effects) = self.altered.swap_remove(at);
        Some(Treatment {
            passage: effects.passage(),
            added: Vec::new(),
            altered: vec![(message, effects)],
        })
    }

    /// What happens to replies that are still to come.
    pub(super) fn await_also(&mut self, other: Treatment) {
        self.altered.extend(other.altered);
    }

    /// Both.
    pub(super) fn and(mut self, other: Treatment) -> Self {
        self.passage = self.passage.and(other.passage);
        self.added.extend(other.added);
        self.altered.extend(other.altered);
        self
    }

    fn alter(&self, reply: Arc<Message>) -> Arc<Message> {
        let found = self.altered.iter().find(|it| answers(&reply, &it.0));
        match found {
            Some((_, effects)) => {
                let altered = effects.alter(Arc::clone(&reply));
                match altered.raw() == reply.raw() {
                    true => reply,
                    false => altered,
                }
            }
            None => reply,
        }
    }
}

impl Default for Verdict {
    fn default() -> Self {
        Self {
            instead: None,
            forward: Forward::AsItIs,
            treatment: Treatment::default(),
            faults: String::new(),
        }
    }
}

impl Verdict {
    fn note(&mut self, place: &str, effects: &Effects) {
        if !effects.are_none() {
            let comma = if self.faults.is_empty() { "" } else { ", " };
            self.faults += &format!("{comma}{place}:{effects}");
        }
    }
}

fn answers(reply: &Message, request: &Message) -> bool {
    reply.kind() != Kind::Delivery
        && reply.id() == request.id()
        && reply.channel() == request.channel()
}

fn refused(message: &Message, error: &str, advice: Option<&str>) -> Option<Message> {
    let id = message.get("id");
    let channel = message.get("channel")?;
    let id = id.map_or_else(String::new, |it| format!(r#""id":{it},"#));
    let advice = advice.map_or_else(String::new, |it| {
        format!(r#","advice":{{"reconnect":"{it}","interval":0}}"#)
    });
    let text =
        format!(r#"{{{id}"channel":{channel},"successful":false,"error":"{error}"{advice}}}"#);
    Message::parse(&text).ok()
}
