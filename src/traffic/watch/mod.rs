//! The watcher: from what was seen to what it means.

mod pairing;
mod responses;
mod session;
mod sessions;

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::noticed::{
    Answered, Asked, Hold, Noticed, Remark, SessionChange, SessionNotice, SessionNumber,
    Unanswered, WhyUnanswered,
};
use super::rules::{self, Breach, Rule, Side, conduct};
use super::sighting::{RequestHead, Seen, Sighting};
use crate::protocol::{Body, ConnectionType, Message, meta};
use pairing::{Pairing, Waiting};
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
            user_agent: head.and_then(|it| it.user_agent.clone()),
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

#[cfg(test)]
mod tests;
