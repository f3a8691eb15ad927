//! The watcher: from what was seen to what it means.

mod pairing;
mod session;
mod sessions;

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::noticed::{
    Answered, Asked, Delivered, Hold, Noticed, Remark, SessionChange, SessionNotice, SessionNumber,
    Unanswered, WhyUnanswered,
};
use super::rules::{self, Breach, Rule, Side, conduct};
use super::sighting::{RequestHead, ResponseHead, Seen, Sighting};
use crate::protocol::{Advice, Body, ConnectionType, Kind, Message, Reconnect, meta};
use pairing::{Pairing, Waiting};
use session::Replaced;
pub use session::{Session, SessionState};
use sessions::Sessions;

/// Watches the messages between clients and a server.
///
/// ```
/// use std::time::Duration;
///
/// use bayeux::protocol::{ConnectionType, decode};
/// use bayeux::traffic::{Noticed, Seen, Sighting, Watch};
///
/// let mut watch = Watch::new();
/// let mut see = |at, seen| {
///     let (at, connection) = (Duration::from_millis(at), 1);
///     let connection_type = ConnectionType::WebSocket;
///     watch.see(Sighting { at, connection, connection_type, seen });
/// };
/// let body = decode(br#"[{"channel":"/demo","clientId":"a","id":"7","data":1}]"#)?;
/// see(0, Seen::Request { body, head: None });
/// let body = decode(br#"[{"channel":"/demo","id":"7","successful":true}]"#)?;
/// see(3, Seen::Response { body, head: None });
/// while let Some(noticed) = watch.poll() {
///     if let Noticed::Answered(answer) = noticed {
///         assert_eq!(answer.to, Some((1, Duration::from_millis(3))));
///     }
/// }
/// # Ok::<(), bayeux::protocol::DecodeError>(())
/// ```
#[derive(Debug, Default)]
pub struct Watch {
    pairing: Pairing,
    sessions: Sessions,
    noticed: VecDeque<Noticed>,
    n_requests: u64,
    n_breaches: BTreeMap<&'static str, (Rule, u64)>,
    /// What was said about messages that belong to no session.
    said: HashSet<(&'static str, Option<&'static str>)>,
}

/// Where and when something is seen.
#[derive(Clone, Copy, Debug)]
struct Place {
    at: Duration,
    connection: u64,
    connection_type: ConnectionType,
}

impl Watch {
    /// One that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in what was seen. Its outputs are to be [polled](Self::poll).
    pub fn see(&mut self, sighting: Sighting) {
        let place = Place {
            at: sighting.at,
            connection: sighting.connection,
            connection_type: sighting.connection_type,
        };
        match sighting.seen {
            Seen::Request { body, head } => self.request(place, body, head.as_ref()),
            Seen::Response { body, head } => self.response(place, body, head.as_ref()),
            Seen::GivenUp => {
                for request in self.pairing.take_connects(place.connection) {
                    self.unanswered(place, request, WhyUnanswered::GivenUp);
                }
            }
            Seen::Closed => {
                self.give_up(place, WhyUnanswered::Closed);
                self.sessions.closed(place.connection);
            }
        }
    }

    /// What was noticed next.
    pub fn poll(&mut self) -> Option<Noticed> {
        self.noticed.pop_front()
    }

    /// The sessions that are known, those included that ended not long ago.
    pub fn sessions(&self) -> impl Iterator<Item = &Session> {
        self.sessions.all()
    }

    /// The connects that are held at this moment, and others that wait for a reply: the number
    /// of each request and when it was seen.
    pub fn waiting(&self) -> impl Iterator<Item = (u64, Duration, &Message)> {
        let all = self.pairing.all();
        all.map(|it| (it.number, it.at, &*it.message))
    }

    /// How often each rule was broken, by the rule's id.
    pub fn n_breaches(&self) -> impl Iterator<Item = (Rule, u64)> {
        self.n_breaches.values().copied()
    }

    fn request(&mut self, place: Place, body: Body, head: Option<&RequestHead>) {
        let garbled = rules::body(&body, Side::Client);
        let batch = rules::batch(&body.messages);
        let head_breaches = head
            .map(|it| rules::request_head(it, place.connection_type))
            .unwrap_or_default();
        let mut first = None;
        for message in body.messages {
            let session = self.session_asking(place, &message);
            let number = self.ask(place, session, message, head);
            first = first.or(Some((session, number)));
        }
        let (session, number) = first.unzip();
        let session = session.flatten();
        for breach in garbled.into_iter().chain(batch).chain(head_breaches) {
            self.remark(place, session, number, breach);
        }
    }

    /// Whose request this is. A session that was never seen before is joined.
    fn session_asking(&mut self, place: Place, message: &Message) -> Option<SessionNumber> {
        // A handshake begins a session, whatever client id it carries.
        if message.channel() == meta::HANDSHAKE {
            return None;
        }
        let client_id = message.client_id()?;
        let number = match self.sessions.named(client_id) {
            Some(number) => number,
            None => {
                let session = self
                    .sessions
                    .open(client_id, place.at, place.connection_type);
                let number = session.number;
                let client_id = client_id.to_owned();
                self.change(place.at, number, SessionChange::Joined { client_id });
                number
            }
        };
        self.sessions.carried(place.connection, number);
        Some(number)
    }

    fn ask(
        &mut self,
        place: Place,
        session: Option<SessionNumber>,
        message: Message,
        head: Option<&RequestHead>,
    ) -> u64 {
        self.n_requests += 1;
        let number = self.n_requests;
        let mut breaches = rules::request(&message);
        if let Some(id) = message.id() {
            let is_in_use = |it: &Waiting| {
                it.message.id() == Some(id) && session.is_some() && it.session == session
            };
            if self.pairing.on(place.connection).iter().any(is_in_use) {
                breaches.push(conduct::id_in_use(id));
            }
        }
        let being_asked: BTreeSet<String> = match session {
            Some(_) => self.being_asked(session),
            None => BTreeSet::new(),
        };
        let mut hold = match message.channel() {
            meta::CONNECT => Hold::Unknown,
            _ => Hold::No,
        };
        let mut forgotten = Vec::new();
        if let Some(session) = session.and_then(|it| self.sessions.get(it)) {
            breaches.extend(session.judge_request(place.at, &message));
            if let Some(head) = head
                && let Some(cookie) = session.missing_cookie(&head.cookies)
            {
                breaches.push(conduct::cookie_not_returned(cookie));
            }
            session.seen(place.at, place.connection, place.connection_type);
            hold = session.hold(&message);
            forgotten = session.asked(number, &message, &being_asked);
        }
        let message = Arc::new(message);
        self.noticed.push_back(Noticed::Asked(Asked {
            at: place.at,
            connection: place.connection,
            connection_type: place.connection_type,
            request: number,
            session,
            hold,
            message: Arc::clone(&message),
        }));
        for breach in breaches {
            self.remark(place, session, Some(number), breach);
        }
        if let Some(session) = session
            && !forgotten.is_empty()
        {
            let channels = forgotten;
            self.change(place.at, session, SessionChange::NotRestored { channels });
        }
        let waiting = Waiting {
            number,
            at: place.at,
            session,
            hold,
            is_alone: head.is_none(),
            message,
        };
        if let Some(given_up) = self.pairing.add(place.connection, waiting) {
            self.unanswered(place, given_up, WhyUnanswered::Forgotten);
        }
        number
    }

    /// The subscriptions of a session that wait for a reply.
    fn being_asked(&self, session: Option<SessionNumber>) -> BTreeSet<String> {
        let subscribes = self
            .pairing
            .all()
            .filter(|it| it.session == session && it.message.channel() == meta::SUBSCRIBE);
        subscribes
            .flat_map(|it| it.message.subscriptions())
            .map(|it| it.into_owned())
            .collect()
    }

    fn response(&mut self, place: Place, body: Body, head: Option<&ResponseHead>) {
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
        session.begin(cookies);
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

    /// Which session a new one takes the place of: the lost one of the same connection. Where a
    /// connection has one session only, a living one is replaced as well.
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
        let number = candidates.map(|it| it.number).last()?;
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

    fn give_up(&mut self, place: Place, why: WhyUnanswered) {
        for request in self.pairing.take_all(place.connection) {
            self.unanswered(place, request, why);
        }
    }

    fn unanswered(&mut self, place: Place, request: Waiting, why: WhyUnanswered) {
        if let Some(session) = request.session.and_then(|it| self.sessions.get(it)) {
            session.settled(request.number);
        }
        let breach = conduct::no_reply(request.message.channel());
        self.noticed.push_back(Noticed::Unanswered(Unanswered {
            at: place.at,
            connection: place.connection,
            request: request.number,
            after: place.at.saturating_sub(request.at),
            session: request.session,
            why,
            message: request.message,
        }));
        if why == WhyUnanswered::Left {
            self.remark(place, request.session, Some(request.number), breach);
        }
    }

    fn answered(
        &mut self,
        place: Place,
        session: Option<SessionNumber>,
        to: Option<(u64, Duration)>,
        hold: Hold,
        message: Arc<Message>,
    ) {
        self.noticed.push_back(Noticed::Answered(Answered {
            at: place.at,
            connection: place.connection,
            connection_type: place.connection_type,
            to,
            hold,
            session,
            message,
        }));
    }

    fn lose(&mut self, at: Duration, number: SessionNumber, reason: String) {
        let Some(session) = self.sessions.get(number).filter(|it| it.is_open()) else {
            return;
        };
        session.state = SessionState::Lost;
        let age = at.saturating_sub(session.opened);
        self.change(at, number, SessionChange::Lost { reason, age });
        self.sessions.ended(number);
    }

    fn end(&mut self, at: Duration, number: SessionNumber) {
        let Some(session) = self.sessions.get(number) else {
            return;
        };
        if session.state == SessionState::Ended {
            return;
        }
        let was_open = session.is_open();
        session.state = SessionState::Ended;
        let age = at.saturating_sub(session.opened);
        self.change(at, number, SessionChange::Ended { age });
        if was_open {
            self.sessions.ended(number);
        }
    }

    fn change(&mut self, at: Duration, session: SessionNumber, change: SessionChange) {
        self.noticed.push_back(Noticed::Session(SessionNotice {
            at,
            session,
            change,
        }));
    }

    fn remark(
        &mut self,
        place: Place,
        session: Option<SessionNumber>,
        request: Option<u64>,
        breach: Breach,
    ) {
        let (rule, field) = (breach.rule, breach.field);
        self.n_breaches.entry(rule.id).or_insert((rule, 0)).1 += 1;
        let is_first = match session.and_then(|it| self.sessions.get(it)) {
            Some(session) => session.is_first(rule, field),
            None => self.said.insert((rule.id, field)),
        };
        if is_first {
            self.noticed.push_back(Noticed::Remark(Remark {
                at: place.at,
                connection: place.connection,
                session,
                request,
                breach,
            }));
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

#[cfg(test)]
mod tests;
