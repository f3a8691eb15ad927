//! What the server says, as it is watched: replies and what they mean for sessions, deliveries,
//! and what it says unasked.

use std::sync::Arc;
use std::time::Duration;

use super::pairing::Waiting;
use super::session::{Replaced, Session, SessionState};
use super::{Place, Watch};
use crate::protocol::{Advice, Body, Kind, Message, Reconnect, meta};
use crate::traffic::noticed::{
    Delivered, Hold, Noticed, SessionChange, SessionNumber, WhyUnanswered,
};
use crate::traffic::rules::{self, Breach, Side, conduct};
use crate::traffic::sighting::ResponseHead;

/// A client that has lost its session shakes hands again within this time.
const RENEWAL: Duration = Duration::from_secs(30);

impl Watch {
    pub(super) fn response(&mut self, place: Place, body: Body, head: Option<&ResponseHead>) {
        // The session of what waits on the connection, since a pool of connections may be
        // shared by several; on websockets, and in recordings, there is but one.
        let waiting = self.pairing.on(place.connection).first();
        let of_request = waiting.filter(|_| head.is_some());
        let mut session = match of_request {
            Some(request) => request.session,
            None => self.sessions.on(place.connection),
        };
        let first_request = of_request.map(|it| it.number);
        let mut breaches = rules::body(&body, Side::Server);
        if let Some(head) = head {
            breaches.extend(rules::response_head(head, place.connection_type));
        }
        let n_deliveries = body
            .messages
            .iter()
            .filter(|it| it.kind() == Kind::Delivery)
            .count();
        for message in body.messages {
            let cookies = head.map(|it| it.cookies_set.as_slice()).unwrap_or_default();
            match message.kind() {
                Kind::Reply => {
                    let told = self.reply(place, message, cookies, n_deliveries);
                    session = told.or(session);
                }
                Kind::Delivery => self.delivery(place, session, message),
                Kind::Meta => self.server_speaks(place, session, message),
            }
        }
        for breach in breaches {
            self.remark(place, session, first_request, breach);
        }
        if let Some(head) = head {
            if let Some(session) = session.and_then(|it| self.sessions.get(it)) {
                session.set_cookies(&head.cookies_set);
            }
            let why = match head.status {
                200 => WhyUnanswered::Left,
                status => WhyUnanswered::Status(status),
            };
            self.give_up(place, why);
        }
    }

    /// A reply. Returns whose it is.
    fn reply(
        &mut self,
        place: Place,
        message: Message,
        cookies: &[String],
        n_deliveries: usize,
    ) -> Option<SessionNumber> {
        let Some(request) = self.pairing.take(place.connection, &message) else {
            let session = message
                .client_id()
                .and_then(|it| self.sessions.named(it))
                .or_else(|| self.sessions.on(place.connection));
            let breach = conduct::unasked(message.channel());
            self.answered(place, session, None, Hold::No, Arc::new(message));
            self.remark(place, session, None, breach);
            return session;
        };
        let latency = place.at.saturating_sub(request.at);
        let mut breaches = rules::reply(&request.message, &message);
        breaches.extend(rules::advice(&message));
        let message = Arc::new(message);
        let mut session = request.session;
        let to = Some((request.number, latency));
        if request.message.channel() == meta::HANDSHAKE {
            session = self.handshake_answered(place, &request, &message, to, cookies);
        } else {
            self.answered(place, session, to, request.hold, Arc::clone(&message));
            breaches.extend(self.settle(place, &request, &message, latency, n_deliveries));
        }
        for breach in breaches {
            self.remark(place, session, Some(request.number), breach);
        }
        session
    }

    fn handshake_answered(
        &mut self,
        place: Place,
        request: &Waiting,
        reply: &Arc<Message>,
        to: Option<(u64, Duration)>,
        cookies: &[String],
    ) -> Option<SessionNumber> {
        let client_id = reply
            .client_id()
            .filter(|_| reply.successful() == Some(true));
        let Some(client_id) = client_id else {
            self.answered(place, None, to, Hold::No, Arc::clone(reply));
            return None;
        };
        let replaced = self.replaced_by(place, request);
        let session = self
            .sessions
            .open(client_id, place.at, place.connection_type);
        let number = session.number;
        session.begin(cookies, request.user_agent.as_deref());
        session.seen(place.at, place.connection, place.connection_type);
        session.replaced = replaced.clone().map(|(_, replaced)| replaced);
        take_advice(session, reply);
        let client_id = client_id.to_owned();
        let change = match replaced {
            Some((replaces, replaced)) => SessionChange::Renewed {
                client_id,
                replaces,
                owed: replaced.owed.into_iter().collect(),
            },
            None => SessionChange::Opened { client_id },
        };
        self.sessions.carried(place.connection, number);
        self.answered(place, Some(number), to, Hold::No, Arc::clone(reply));
        self.change(place.at, number, change);
        Some(number)
    }

    /// Which session a new one takes the place of: the lost one of the same connection, or else the
    /// only one that a client of this name has lost a moment ago, since not every client keeps its
    /// connections. Where a connection has one session only, a living one is replaced as well.
    fn replaced_by(
        &mut self,
        place: Place,
        request: &Waiting,
    ) -> Option<(SessionNumber, Replaced)> {
        let candidates = self.sessions.all().filter(|it| {
            let is_here = it.connections.contains(&place.connection);
            let is_named = request.message.client_id() == Some(&it.client_id);
            match it.state {
                SessionState::Open => is_here && request.is_alone || is_named,
                SessionState::Lost => (is_here || is_named) && !it.is_replaced,
                SessionState::Ended => false,
            }
        });
        let of_connection = candidates.map(|it| it.number).last();
        let number = of_connection.or_else(|| {
            let mut lost = self.sessions.all().filter(|it| {
                let is_recent = place.at.saturating_sub(it.last_seen) <= RENEWAL;
                let is_lost = it.state == SessionState::Lost && !it.is_replaced;
                is_lost && is_recent && it.user_agent == request.user_agent
            });
            // Of several nobody can tell whose it is.
            lost.next()
                .map(|it| it.number)
                .filter(|_| lost.next().is_none())
        })?;
        let session = self.sessions.get(number)?;
        let was_open = session.is_open();
        session.is_replaced = true;
        let replaced = Replaced::new(session.last_sign(), session.owed());
        if was_open {
            self.lose(
                place.at,
                number,
                "another handshake took its place".to_owned(),
            );
        }
        Some((number, replaced))
    }

    /// What a reply means for its session.
    fn settle(
        &mut self,
        place: Place,
        request: &Waiting,
        reply: &Message,
        latency: Duration,
        n_deliveries: usize,
    ) -> Option<Breach> {
        let number = request.session?;
        let session = self.sessions.get(number)?;
        session.seen(place.at, place.connection, place.connection_type);
        session.settled(request.number);
        take_advice(session, reply);
        let is_successful = reply.successful() == Some(true);
        let reason = match reply.error() {
            Some(error) => error.to_string(),
            None => format!("{} refused", reply.channel()),
        };
        let is_unknown = reply.error().is_some_and(|it| it.is_session_unknown());
        let mut breach = None;
        let channels = || {
            let told = reply.subscriptions();
            let subscriptions = if told.is_empty() {
                request.message.subscriptions()
            } else {
                told
            };
            subscriptions
                .into_iter()
                .map(|it| it.into_owned())
                .collect::<Vec<String>>()
        };
        let mut changes = Vec::new();
        match reply.channel() {
            meta::CONNECT => {
                breach = session.connect_answered(place.at, latency, request.hold, n_deliveries);
            }
            meta::SUBSCRIBE if is_successful => {
                for channel in channels() {
                    if let Some((n_subscriptions, gap)) = session.subscribed(place.at, &channel) {
                        let change = SessionChange::Restored {
                            n_subscriptions,
                            gap,
                        };
                        changes.push(change);
                    }
                }
            }
            meta::SUBSCRIBE => {
                let mut channels = channels();
                channels.retain(|it| session.subscribe_refused(it));
                if !channels.is_empty() {
                    changes.push(SessionChange::NotRestored { channels });
                }
            }
            meta::UNSUBSCRIBE if is_successful => {
                for channel in channels() {
                    session.subscriptions.remove(&channel);
                }
            }
            meta::DISCONNECT if is_successful || is_unknown => {
                self.end(place.at, number);
                return None;
            }
            _ => {}
        }
        let is_advised = reply.channel() == meta::CONNECT
            && !is_successful
            && session.advice.reconnect != Reconnect::Retry;
        let is_lost = !is_successful && (is_unknown || is_advised);
        for change in changes {
            self.change(place.at, number, change);
        }
        if is_lost {
            self.lose(place.at, number, reason);
        }
        breach
    }

    fn delivery(&mut self, place: Place, session: Option<SessionNumber>, message: Message) {
        let mut breaches = rules::delivery(&message);
        breaches.extend(rules::advice(&message));
        let mut is_duplicate = false;
        if let Some(session) = session.and_then(|it| self.sessions.get(it)) {
            session.seen(place.at, place.connection, place.connection_type);
            take_advice(session, &message);
            let (came_before, more) = session.delivered(&message);
            is_duplicate = came_before;
            breaches.extend(more);
        }
        self.noticed.push_back(Noticed::Delivered(Delivered {
            at: place.at,
            connection: place.connection,
            connection_type: place.connection_type,
            session,
            is_duplicate,
            message: Arc::new(message),
        }));
        for breach in breaches {
            self.remark(place, session, None, breach);
        }
    }

    /// A message on a meta channel that is no reply: the server ends the session.
    fn server_speaks(&mut self, place: Place, session: Option<SessionNumber>, message: Message) {
        let breaches = rules::advice(&message);
        let ends = message.channel() == meta::DISCONNECT;
        self.noticed.push_back(Noticed::Delivered(Delivered {
            at: place.at,
            connection: place.connection,
            connection_type: place.connection_type,
            session,
            is_duplicate: false,
            message: Arc::new(message),
        }));
        for breach in breaches {
            self.remark(place, session, None, breach);
        }
        if let Some(session) = session.filter(|_| ends) {
            self.end(place.at, session);
        }
    }
}

/// The latest advice replaces the earlier one as a whole.
fn take_advice(session: &mut Session, message: &Message) {
    let advice = message
        .advice()
        .and_then(|it| Advice::parse(it, session.connection_type));
    if let Some(advice) = advice {
        session.advice = advice;
    }
}
