//! Connects that were held, and their release: by a delivery, the time, a newer connect, or the
//! end of the session.

use std::sync::Arc;
use std::time::Instant;
use std::{mem, slice};

use super::Broker;
use super::clock::later;
use super::dialect::Deliveries;
use super::exchange::{Answer, Released};
use super::extension::Reply;
use super::keys::{HoldId, LinkId, SessionKey};
use super::salesforce::{cookies, refused};
use super::sessions::{Before, Held};
use super::turn::joined;
use crate::protocol::Message;
use crate::server::fault::{Effects, Passage};

impl Broker {
    /// Answers a session's held connect with what waits for it; false if there is none.
    pub(super) fn release_held(&mut self, now: Instant, key: SessionKey) -> bool {
        let Some(session) = self.sessions.get_mut(key) else {
            return false;
        };
        let Some(held) = session.held.take() else {
            return false;
        };
        let link = session.link;
        let deliveries = session.queue.take();
        let (client_id, id) = (Arc::clone(&session.client_id), held.id.as_ref());
        let is_unauthorised = held.is_authorised_until.is_some_and(|it| it <= now);
        let reply = match is_unauthorised {
            true => refused::connect_of_expired_token(&client_id, id),
            false => self.dialect.connected(&client_id, id, held.advice),
        };
        let at = self.clock.at(now);
        let to = Reply::Connect(&deliveries);
        let reply = session.extensions.extended(at, reply, to);
        let reply = match &held.played {
            Some(played) if !is_unauthorised => played.reply(id, Some(&client_id)),
            Some(_) | None => Arc::new(reply),
        };
        let reply = vec![held.effects.alter(reply)];
        let messages = match self.dialect.habits().deliveries {
            Deliveries::BeforeReply => joined(deliveries, reply),
            Deliveries::BehindReply => joined(reply, deliveries),
        };
        self.answer_held(link, Some(key), held, messages);
        self.expect_connect(now, key);
        true
    }

    /// Keeps what else is in a request back with its connect.
    pub(super) fn hold_back(&mut self, hold: HoldId, before: Before) {
        if before.replies.is_empty() && before.effects.is_empty() {
            return;
        }
        let key = self.holds.get(&hold).copied();
        let session = key.and_then(|key| self.sessions.get_mut(key));
        if let Some(held) = session.and_then(|session| session.held.as_mut()) {
            held.before = Some(Box::new(before));
        }
    }

    /// Ends a session's held connect, since a newer one came. One connect at a time (Bayeux
    /// 1.0, "Connect Request": MUST); the older one has an answer, since a client may still
    /// wait for it.
    pub(super) fn supersede(&mut self, now: Instant, key: SessionKey) {
        let superseded = self.dialect.habits().superseded_status;
        let Some(session) = self.sessions.get_mut(key) else {
            return;
        };
        if superseded.is_none() || session.link.is_some() {
            self.release_held(now, key);
        } else if let Some(held) = session.held.take() {
            let answer = Answer {
                superseded,
                ..Answer::of(Vec::new())
            };
            self.respond_to_held(Some(key), held, answer);
        }
    }

    /// Hands out the response to a connect that was held, over the link on which its session
    /// is: a session changes its link only when no connect of it is held.
    pub(super) fn answer_held(
        &mut self,
        link: Option<LinkId>,
        session: Option<SessionKey>,
        mut held: Held,
        mut messages: Vec<Arc<Message>>,
    ) {
        if let Some(before) = &mut held.before {
            messages = joined(mem::take(&mut before.replies), messages);
        }
        match link {
            Some(link) => {
                self.holds.remove(&held.hold);
                let before = held.before.iter().flat_map(|it| &it.effects);
                let passages = before.map(Effects::passage);
                let passage = passages.fold(held.effects.passage(), Passage::and);
                self.links.push(link, messages, passage);
            }
            None => {
                let answer = self.with_cookies("", messages);
                self.respond_to_held(session, held, answer);
            }
        }
    }

    /// Hands out the response to a connect that was held by HTTP.
    fn respond_to_held(&mut self, session: Option<SessionKey>, held: Held, answer: Answer) {
        let hold = held.hold;
        self.holds.remove(&hold);
        let answer = match held.before {
            Some(before) => self.on_the_way(answer, &before.effects, session),
            None => answer,
        };
        let answer = self.on_the_way(answer, slice::from_ref(&held.effects), session);
        self.released.push_back(Released { hold, answer });
    }

    /// Starts the time in which the next connect has to come: a reply to a connect was
    /// written, or its connection is gone.
    pub(super) fn expect_connect(&mut self, now: Instant, key: SessionKey) {
        self.sessions.move_deadline(key, self.connect_deadline(now));
    }

    /// Until when the next connect has to come.
    pub(super) fn connect_deadline(&self, now: Instant) -> Instant {
        let settings = &self.settings;
        later(now, settings.interval.saturating_add(settings.max_interval))
    }

    /// An answer of messages, with the cookies that Salesforce sets.
    pub(super) fn with_cookies(&mut self, had: &str, messages: Vec<Arc<Message>>) -> Answer {
        let set_cookies = match self.dialect.salesforce() {
            None => Vec::new(),
            Some(_) => cookies::set(had, &messages, &self.settings.path, &mut self.client_ids),
        };
        Answer {
            set_cookies,
            ..Answer::of(messages)
        }
    }
}
