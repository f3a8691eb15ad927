//! The broker: sessions, subscriptions and what waits for whom, without socket, thread or clock.
//!
//! Requests go in through [`Broker::handle`] and are answered at once or held. Held connects
//! come out of [`Broker::poll_released`], links out of [`Broker::poll_ready`], changes of
//! sessions out of [`Broker::poll_event`]; all are to be drained after every call that takes
//! `now`, which also has to come again at [`Broker::poll_timeout`].
//!
//! Over a link (a websocket) the server speaks whenever it has something to say: whatever is
//! for a link waits until it is taken with [`Broker::take`], so that a client that reads slowly
//! fills the queue of its session, which is limited, and nothing else.
//!
//! ```text
//!            handshake              connect                 deliveries, timeout,
//!  (nothing) ---------> handshaken ---------> answered <--- another connect ------ held
//!                           |                   |  |                                ^
//!                           |      no connect   |  +------------- connect ----------+
//!                           +-- in time: gone --+          (unless something waits)
//! ```

mod browsers;
mod cookie;
mod dialect;
mod disturbance;
mod extension;
mod inspection;
mod links;
mod refusal;
mod reply;
mod requests;
mod salesforce;
mod script;
mod services;
mod sessions;
mod subscriptions;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use std::{iter, mem, slice};

use self::browsers::Browsers;
use self::dialect::{Deliveries, Dialect};
use self::extension::{Carriers, Reply, Retained, Style};
pub(super) use self::inspection::{Snapshot, Stage};
pub(super) use self::links::LinkId;
use self::links::Links;
use self::refusal::Refusal;
use self::requests::Connected;
pub(super) use self::salesforce::rest;
use self::salesforce::{cookies, refused};
use self::script::Script;
use self::sessions::{Before, Held, Session, SessionKey, Sessions};
use self::subscriptions::Subscriptions;
use super::fault::{self, Delivered, Effects, Faults, Instead, Passage, Place};
use super::{CloseReason, Settings};
use crate::protocol::{Channel, ConnectionType, Json, Message, meta};

/// A request that waits for its response; unique within a broker.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(super) struct HoldId(u64);

/// What came in with one request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request<'a> {
    pub(super) messages: &'a [Message],
    /// How many elements of the request's array were no objects.
    pub(super) n_unreadable: usize,
    /// The transport that carries it.
    pub(super) connection_type: ConnectionType,
    /// The token of an `Authorization: Bearer` header.
    pub(super) bearer: Option<&'a str>,
    /// What stands in the path below the endpoint: nothing, or `/` and something.
    pub(super) below: &'a str,
    /// The `Cookie` header.
    pub(super) cookies: &'a str,
    /// The `User-Agent` header.
    pub(super) user_agent: Option<&'a str>,
}

/// An instant, and what the calendar says then.
#[derive(Clone, Copy, Debug)]
pub(super) struct Now {
    pub(super) instant: Instant,
    pub(super) wall: SystemTime,
}

impl Now {
    /// What the calendar says at another instant.
    fn at(self, instant: Instant) -> Self {
        let since = instant.saturating_duration_since(self.instant);
        Self {
            instant,
            wall: self.wall + since,
        }
    }
}

/// What becomes of a request.
#[derive(Debug)]
pub(super) enum Handled {
    Answer(Answer),
    /// There is nothing but HTTP status 401 and this line.
    Unauthorised(&'static str),
    /// The response comes out of [`Broker::poll_released`].
    Held(HoldId),
    /// Nothing was carried out: a fault takes the place of the response.
    Instead(Instead),
}

/// The response to a request.
#[derive(Debug)]
pub(super) struct Answer {
    /// The HTTP status; with another one than 200 there are no messages.
    pub(super) status: u16,
    /// Deliveries, and a reply to each message in its order.
    pub(super) messages: Vec<Arc<Message>>,
    /// Values of `Set-Cookie`.
    pub(super) set_cookies: Vec<String>,
    /// If nothing was carried out because there are too many sessions: when to come again.
    pub(super) retry_after: Option<Duration>,
    /// What happens to it on its way.
    pub(super) passage: Passage,
}

/// The response to a request that was held.
#[derive(Debug)]
pub(super) struct Released {
    pub(super) hold: HoldId,
    pub(super) answer: Answer,
}

/// A session that came or went.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum SessionEvent {
    Opened(Arc<str>),
    Closed(Arc<str>, CloseReason),
}

/// The HTTP status of an answer with messages.
pub(super) const OK: u16 = 200;

/// Makes client ids; `None` when there is no randomness to be had.
pub(super) type ClientIds = Box<dyn FnMut() -> Option<String> + Send>;

pub(super) struct Broker {
    settings: Arc<Settings>,
    started: Now,
    dialect: Dialect,
    client_ids: ClientIds,
    sessions: Sessions,
    subscriptions: Subscriptions,
    retained: Retained,
    browsers: Browsers,
    links: Links,
    holds: HashMap<HoldId, SessionKey>,
    last_hold: u64,
    /// Sessions that got messages while the present call was handled.
    woken: BTreeSet<SessionKey>,
    released: VecDeque<Released>,
    events: VecDeque<SessionEvent>,
    faults: Faults,
    script: Script,
    /// Sessions that are still to be forgotten at once, by the fault `forget=N`.
    n_to_forget: u32,
}

/// What one call of [`Broker::handle`] gathers.
struct Turn<'a> {
    request: Request<'a>,
    /// The link over which the request came, if it came over one.
    link: Option<LinkId>,
    /// The session whose deliveries go into the response. Messages of further sessions in
    /// the same request are carried out, but their deliveries go to their own connects.
    sender: Option<SessionKey>,
    deliveries: Vec<Arc<Message>>,
    /// Values of `Set-Cookie`.
    set_cookies: Vec<String>,
    /// What [`Answer::retry_after`] will be.
    retry_after: Option<Duration>,
}

impl Broker {
    pub(super) fn new(settings: Arc<Settings>, client_ids: ClientIds, started: Now) -> Self {
        let faults = settings.faults.clone();
        let seed = settings.seed;
        Self {
            started,
            dialect: Dialect::new(&settings, started),
            faults: Faults::new(faults, seed, started.instant),
            script: Script::new(&settings, started.instant),
            n_to_forget: 0,
            settings,
            client_ids,
            sessions: Sessions::default(),
            subscriptions: Subscriptions::default(),
            retained: Retained::default(),
            browsers: Browsers::default(),
            links: Links::default(),
            holds: HashMap::new(),
            last_hold: 0,
            woken: BTreeSet::new(),
            released: VecDeque::new(),
            events: VecDeque::new(),
        }
    }

    /// Carries out the messages of one request.
    pub(super) fn handle(&mut self, now: Instant, request: Request<'_>) -> Handled {
        self.handle_from(now, None, request)
    }

    /// Carries out the messages of one request that came over a link. What is to be said to
    /// it is to be [taken](Self::take).
    pub(super) fn handle_on_link(&mut self, now: Instant, link: LinkId, request: Request<'_>) {
        match self.handle_from(now, Some(link), request) {
            Handled::Answer(answer) => self.links.push(link, answer.messages, answer.passage),
            // Its reply will be pushed in its time.
            Handled::Held(_) => {}
            // Only the flavor that has no links says so; and no frame has a status.
            Handled::Unauthorised(_) | Handled::Instead(_) => {}
        }
    }

    fn handle_from(&mut self, now: Instant, link: Option<LinkId>, request: Request<'_>) -> Handled {
        if let Some(line) = self.unauthorised(&request) {
            return Handled::Unauthorised(line);
        }
        let effects = self.effects(now, &request);
        if link.is_none()
            && let Some(instead) = effects.iter().find_map(Effects::instead)
        {
            return Handled::Instead(instead);
        }
        let mut turn = Turn {
            request,
            link,
            sender: None,
            deliveries: Vec::new(),
            set_cookies: Vec::new(),
            retry_after: None,
        };
        let habits = self.dialect.habits();
        let mut messages: Vec<(usize, &Message)> = request.messages.iter().enumerate().collect();
        if habits.holds_batches {
            // The connect last, and with it all of them.
            messages.sort_by_key(|(_, message)| message.channel() == meta::CONNECT);
        }
        let handshake = messages
            .iter()
            .position(|(_, message)| message.channel() == meta::HANDSHAKE)
            .filter(|_| habits.handshakes_alone);
        let mut replies = Vec::with_capacity(messages.len());
        for (at, &(place, message)) in messages.iter().enumerate() {
            let effects_here = effects.get(place).unwrap_or(&fault::NONE);
            self.disturb(effects_here, message);
            let objection = self
                .objection(now, &request, message)
                .or_else(|| self.disturbed(effects_here, &turn, message));
            if let Some(refusal) = objection {
                let reply = Arc::new(self.dialect.refused(message, &refusal));
                replies.push(effects_here.alter(reply));
                continue;
            }
            let played = self.played(message);
            if let Some(played) = played.as_ref().filter(|it| !it.is_carried_out()) {
                let id = self.dialect.id(message);
                let reply = played.reply(id.as_ref(), message.client_id());
                replies.push(effects_here.alter(reply));
                continue;
            }
            let reply = match (
                self.message_objection(message),
                handshake,
                message.channel(),
            ) {
                (Some(refusal), _, _) => Arc::new(self.dialect.refused(message, &refusal)),
                (None, Some(handshake), _) if handshake != at => {
                    Arc::new(self.dialect.refused(message, &Refusal::HandshakeBatched))
                }
                (None, _, meta::CONNECT) => {
                    match self.connect(now, &mut turn, message, (effects_here, &played)) {
                        Connected::Reply(reply) => reply,
                        // Only the last one of a request is held.
                        Connected::Held(hold) => {
                            self.refuse_unreadable(&request, &mut replies);
                            let others = effects.iter().enumerate().filter(|(it, _)| *it != place);
                            let before = Before {
                                replies,
                                effects: others.map(|(_, it)| it.clone()).collect(),
                            };
                            self.hold_back(hold, before);
                            self.wake(now);
                            return Handled::Held(hold);
                        }
                    }
                }
                _ => {
                    let reply = self.carry_out(now, &mut turn, message);
                    let reply =
                        reply.unwrap_or_else(|refusal| self.dialect.refused(message, &refusal));
                    self.extended(now, message, reply).into()
                }
            };
            if message.channel() == meta::SUBSCRIBE && reply.successful() == Some(true) {
                self.greet(now, message);
            }
            let client_id = reply.client_id().or(message.client_id());
            let reply = match &played {
                Some(played) => played.reply(self.dialect.id(message).as_ref(), client_id),
                None => reply,
            };
            replies.push(effects_here.alter(reply));
        }
        self.refuse_unreadable(&request, &mut replies);
        let sender = turn.sender.filter(|_| self.dialect.delivers_with(&request));
        let sender = sender.and_then(|key| self.sessions.get_mut(key));
        // What is pushed over another link must not overtake what waits there already.
        let sender = sender.filter(|it| {
            it.extensions.carriers() == Carriers::All && (it.link.is_none() || it.link == link)
        });
        let mut deliveries = turn.deliveries;
        deliveries.extend(sender.into_iter().flat_map(|sender| sender.queue.take()));
        let messages = match (habits.deliveries, link) {
            // A link gets them as soon as there is one.
            (Deliveries::BeforeReply, _) | (_, Some(_)) => joined(deliveries, replies),
            (Deliveries::BehindReply, None) => joined(replies, deliveries),
        };
        self.wake(now);
        let mut answer = self.with_cookies(request.cookies, messages);
        answer.set_cookies.append(&mut turn.set_cookies);
        answer.retry_after = turn.retry_after;
        Handled::Answer(self.on_the_way(answer, &effects, turn.sender))
    }

    /// Replies to what is no message in a request.
    fn refuse_unreadable(&self, request: &Request<'_>, replies: &mut Vec<Arc<Message>>) {
        if request.n_unreadable > 0 {
            // One for all of them: there may be as many as a body has bytes.
            let unreadable = Arc::new(self.dialect.unreadable());
            replies.extend(iter::repeat_n(unreadable, request.n_unreadable));
        }
    }

    /// Delivers a message of the server's own to all subscribers. Denied channels are no
    /// concern here: `deny` is about what clients may do.
    pub(super) fn publish(&mut self, now: Instant, channel: &Channel, data: &Json) {
        if !channel.is_meta() && !channel.is_service() {
            let published = reply::published(channel.as_str(), data);
            self.broadcast(now, channel.as_str(), &published);
            self.wake(now);
        }
    }

    /// Answers a held connect before its time, with nothing to deliver.
    pub(super) fn release(&mut self, now: Instant, hold: HoldId) {
        if let Some(&key) = self.holds.get(&hold) {
            self.release_held(now, key);
        }
    }

    /// The connection on which a connect was held is gone. The session stays until it
    /// expires, and what is published meanwhile waits for its next connect.
    pub(super) fn hold_gone(&mut self, now: Instant, hold: HoldId) {
        let Some(key) = self.holds.remove(&hold) else {
            return;
        };
        if let Some(session) = self.sessions.get_mut(key) {
            session.held = None;
        }
        self.expect_connect(now, key);
    }

    /// Begins a connection over which the server may speak at any time.
    pub(super) fn open_link(&mut self) -> LinkId {
        self.links.open()
    }

    /// A link is gone, with what was not taken of its responses. Its sessions stay until they
    /// expire, and what is published meanwhile waits for their next connects.
    pub(super) fn link_gone(&mut self, now: Instant, link: LinkId) {
        for key in self.links.close(link) {
            let Some(session) = self.sessions.get_mut(key) else {
                continue;
            };
            session.link = None;
            if let Some(held) = session.held.take() {
                self.holds.remove(&held.hold);
                self.expect_connect(now, key);
            }
        }
    }

    /// Takes what is to be said over a link next, in one piece. To be called until there is
    /// nothing more, as far as the link can send it.
    pub(super) fn take(&mut self, link: LinkId) -> Option<(Vec<Arc<Message>>, Passage)> {
        let response = self.links.pop(link);
        response.or_else(|| {
            self.links.sessions(link).find_map(|key| {
                let session = self.sessions.get_mut(key)?;
                session.pushes_to()?;
                let queue = &mut session.queue;
                (!queue.is_empty()).then(|| (queue.take(), Passage::default()))
            })
        })
    }

    /// Whether a session made its last connect over this link.
    pub(super) fn is_in_use(&self, link: LinkId) -> bool {
        self.links.sessions(link).next().is_some()
    }

    /// Makes every session unknown from now on, as a restart does. Held connects are
    /// answered so.
    pub(super) fn forget_all(&mut self) {
        for key in self.sessions.keys() {
            self.close(key, CloseReason::Forgotten);
        }
    }

    /// Answers the connects and expires the sessions whose time has come.
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        self.speak(now);
        while let Some(key) = self.sessions.due(now) {
            let ends = self.sessions.get(key).and_then(|it| it.ends);
            if ends.is_some_and(|it| it <= now) {
                self.close(key, CloseReason::Fault);
                self.n_to_forget = self.faults.n_to_forget();
                continue;
            }
            if let Some(session) = self.sessions.get_mut(key) {
                session.queue.give_up_waiting();
            }
            if !self.release_held(now, key) {
                self.close(key, CloseReason::Expired);
            }
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) has something to do.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let due = [self.sessions.next_deadline(), self.script.next_due()];
        due.into_iter().flatten().min()
    }

    pub(super) fn poll_released(&mut self) -> Option<Released> {
        self.released.pop_front()
    }

    /// A link for which there is something to [take](Self::take).
    pub(super) fn poll_ready(&mut self) -> Option<LinkId> {
        self.links.pop_ready()
    }

    pub(super) fn poll_event(&mut self) -> Option<SessionEvent> {
        self.events.pop_front()
    }

    pub(super) fn n_sessions(&self) -> usize {
        self.sessions.len()
    }

    fn broadcast(&mut self, now: Instant, channel: &str, published: &Message) {
        if self.dialect.salesforce().is_some() {
            if let Some(data) = published.data().and_then(|data| data.parse().ok()) {
                self.publish_event(now, channel, &data);
            }
            return;
        }
        let subscribers = self.subscriptions.of(channel);
        let retain = self.settings.retain.as_ref();
        if subscribers.is_empty() && retain.is_none() {
            return;
        }
        let delivery = Arc::new(self.dialect.delivery(published));
        let kept = retain.map(|it| self.retained.keep(now, it, &delivery));
        // Written once for all who want it so.
        let mut numbered = None;
        for key in subscribers {
            match &kept {
                Some(kept) if self.style(key) == Style::Numbered => {
                    let numbered = numbered.get_or_insert_with(|| kept.numbered());
                    self.enqueue(now, key, &Arc::clone(numbered));
                }
                Some(_) | None => self.enqueue(now, key, &delivery),
            }
        }
    }

    /// How a session's deliveries are written.
    fn style(&self, key: SessionKey) -> Style {
        let session = self.sessions.get(key);
        session.map_or(Style::Plain, |it| it.extensions.style())
    }

    fn enqueue(&mut self, now: Instant, key: SessionKey, delivery: &Arc<Message>) {
        let Some(session) = self.sessions.get_mut(key) else {
            return;
        };
        if !self.faults.is_empty() {
            match self.faults.meet(now, Place::Delivery).delivered() {
                Delivered::Once => session.queue.push(delivery),
                Delivered::Never => return,
                Delivered::Twice => {
                    session.queue.push(delivery);
                    session.queue.push(delivery);
                }
                Delivered::Late => session.queue.push_late(delivery),
            }
        } else {
            session.queue.push(delivery);
        }
        let (settings, size) = (&self.settings, session.size());
        if size.n_messages > settings.max_queue_messages || size.n_bytes > settings.max_queue_bytes
        {
            self.close(key, CloseReason::QueueOverflow);
        } else {
            self.woken.insert(key);
        }
    }

    /// The reply to a message that is no connect, with what its session's extensions add.
    fn extended(&mut self, now: Instant, message: &Message, reply: Message) -> Message {
        if !message.channel().starts_with("/meta/") {
            return reply;
        }
        // The reply to a handshake has the client id of the new session.
        let client_id = match message.channel() {
            meta::HANDSHAKE => reply.client_id(),
            _ => message.client_id(),
        };
        let client_id = client_id.unwrap_or("");
        let key = self.sessions.find(client_id);
        match key.and_then(|key| self.sessions.get_mut(key)) {
            Some(session) => {
                let (now, to) = (self.started.at(now), Reply::Other(message));
                session.extensions.extended(now, reply, to)
            }
            None => reply,
        }
    }

    /// Releases the connects of sessions that got messages, or tells their links, which keeps
    /// the connects held. Only at the end of a request: so a batch of publishes arrives in one
    /// response.
    fn wake(&mut self, now: Instant) {
        for key in mem::take(&mut self.woken) {
            match self.sessions.get_mut(key) {
                Some(session) if !session.queue.is_empty() => match session.pushes_to() {
                    Some(link) => self.links.mark_ready(link),
                    None => {
                        self.release_held(now, key);
                    }
                },
                Some(_) | None => {}
            }
        }
    }

    /// Answers a session's held connect with what waits for it; false if there is none.
    fn release_held(&mut self, now: Instant, key: SessionKey) -> bool {
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
        let at = self.started.at(now);
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
    fn hold_back(&mut self, hold: HoldId, before: Before) {
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
    fn supersede(&mut self, now: Instant, key: SessionKey) {
        let status = self.dialect.habits().superseded_status;
        let Some(session) = self.sessions.get_mut(key) else {
            return;
        };
        if status == OK || session.link.is_some() {
            self.release_held(now, key);
        } else if let Some(held) = session.held.take() {
            let answer = Answer {
                status,
                ..answer(Vec::new())
            };
            self.respond_to_held(Some(key), held, answer);
        }
    }

    /// Removes a session and answers its held connect.
    fn close(&mut self, key: SessionKey, reason: CloseReason) -> Option<Session> {
        let mut session = self.sessions.close(key)?;
        for pattern in &session.subscriptions {
            let channel = self.dialect.channel_of(pattern);
            self.subscriptions.remove(channel, key);
        }
        if let Some(link) = session.link {
            self.links.detach(link, key);
        }
        if let Some(browser) = session.browser.take() {
            self.browsers.leave(&browser, key);
        }
        if let Some(held) = session.held.take() {
            let (client_id, id) = (&session.client_id, held.id.as_ref());
            let reply = self
                .dialect
                .connect_of_closed_session(client_id, id, reason);
            let reply = held.effects.alter(Arc::new(reply));
            self.answer_held(session.link, None, held, vec![reply]);
        }
        let client_id = Arc::clone(&session.client_id);
        self.events
            .push_back(SessionEvent::Closed(client_id, reason));
        Some(session)
    }

    /// Hands out the response to a connect that was held, over the link on which its session
    /// is: a session changes its link only when no connect of it is held.
    fn answer_held(
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
    fn expect_connect(&mut self, now: Instant, key: SessionKey) {
        self.sessions.move_deadline(key, self.connect_deadline(now));
    }

    fn connect_deadline(&self, now: Instant) -> Instant {
        let settings = &self.settings;
        later(now, settings.interval.saturating_add(settings.max_interval))
    }

    fn with_cookies(&mut self, had: &str, messages: Vec<Arc<Message>>) -> Answer {
        let set_cookies = match self.dialect.salesforce() {
            None => Vec::new(),
            Some(_) => cookies::set(had, &messages, &self.settings.path, &mut self.client_ids),
        };
        Answer {
            set_cookies,
            ..answer(messages)
        }
    }
}

fn answer(messages: Vec<Arc<Message>>) -> Answer {
    Answer {
        status: OK,
        messages,
        set_cookies: Vec::new(),
        retry_after: None,
        passage: Passage::default(),
    }
}

fn joined(mut first: Vec<Arc<Message>>, mut second: Vec<Arc<Message>>) -> Vec<Arc<Message>> {
    first.append(&mut second);
    first
}

/// A day later if the sum is beyond what the clock can show.
fn later(now: Instant, duration: Duration) -> Instant {
    const DAY: Duration = Duration::from_secs(24 * 3600);
    now.checked_add(duration).unwrap_or_else(|| now + DAY)
}
