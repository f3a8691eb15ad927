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
mod clock;
mod connect;
mod cookie;
mod delivery;
mod dialect;
mod disturbance;
mod exchange;
mod extension;
mod holding;
mod inspection;
mod keys;
mod links;
mod queue;
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
mod turn;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use rustc_hash::FxHashMap;

use self::browsers::Browsers;
pub(super) use self::clock::Now;
use self::dialect::Dialect;
pub(super) use self::exchange::{Answer, Handled, Released, Request, SessionEvent};
use self::extension::Retained;
pub(crate) use self::inspection::{
    InspectedChannel, InspectedSession, MOST_LISTED, MOST_SUBSCRIBERS, Snapshot, Stage,
};
use self::keys::SessionKey;
pub(super) use self::keys::{HoldId, LinkId};
use self::links::Links;
pub(super) use self::salesforce::rest;
use self::script::Script;
use self::sessions::{Session, Sessions};
use self::subscriptions::Subscriptions;
use super::fault::Faults;
use super::{CloseReason, Settings};
use crate::protocol::{Channel, Json};

/// Makes client ids; `None` when there is no randomness to be had.
pub(super) type ClientIds = Box<dyn FnMut() -> Option<String> + Send>;

pub(super) struct Broker {
    settings: Arc<Settings>,
    /// How instants and the calendar belonged together when that was told last.
    clock: Now,
    dialect: Dialect,
    client_ids: ClientIds,
    sessions: Sessions,
    subscriptions: Subscriptions,
    retained: Retained,
    browsers: Browsers,
    links: Links,
    holds: FxHashMap<HoldId, SessionKey>,
    last_hold: u64,
    /// Sessions that got messages while the present call was handled, some of them several times.
    woken: Vec<SessionKey>,
    released: VecDeque<Released>,
    events: VecDeque<SessionEvent>,
    faults: Faults,
    script: Script,
    /// Sessions that are still to be forgotten at once, by the fault `forget=N`.
    n_to_forget: u32,
}

impl Broker {
    pub(super) fn new(settings: Arc<Settings>, client_ids: ClientIds, started: Now) -> Self {
        let faults = settings.faults.clone();
        let seed = settings.seed;
        Self {
            clock: started,
            dialect: Dialect::new(&settings),
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
            holds: FxHashMap::default(),
            last_hold: 0,
            woken: Vec::new(),
            released: VecDeque::new(),
            events: VecDeque::new(),
        }
    }

    /// Tells what the calendar says; from then on it is reckoned from there.
    pub(super) fn set_clock(&mut self, now: Now) {
        self.clock = now;
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

    /// Whether there is such a link, or a response to a held connect.
    pub(super) fn is_anything_due(&self) -> bool {
        !self.released.is_empty() || self.links.is_any_ready()
    }

    pub(super) fn poll_event(&mut self) -> Option<SessionEvent> {
        self.events.pop_front()
    }

    pub(super) fn n_sessions(&self) -> usize {
        self.sessions.len()
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
}
