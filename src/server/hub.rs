//! What the connections of a server meet at: the broker, who waits for it, and the observer.
//! It has no socket; a connection is known by its token here.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Instant, SystemTime};

use mio::Token;
use rustc_hash::FxHashMap;
use rustls::ServerConfig;

use super::broker::rest::{self, Posted};
use super::broker::{self, Answer, Broker, Handled, HoldId, LinkId, Now, Released, SessionEvent};
use super::fault::{Instead, Passage};
use super::frames::Frames;
use super::http::Limits;
use super::pages::{PageRequest, Pages};
use super::{Event, Fault, Flavor, Settings};
use crate::protocol::{Channel, Json, Message};

pub(super) struct Hub {
    pub(super) settings: Arc<Settings>,
    /// Who the server is, if it speaks TLS.
    pub(super) tls: Option<Arc<ServerConfig>>,
    /// What every connection accepts.
    pub(super) limits: Arc<Limits>,
    /// The present, as far as the connection that is served is concerned.
    pub(super) now: Instant,
    pub(super) frames: Frames,
    broker: Broker,
    /// What is remembered is written while somebody only looks at the hub.
    pages: RefCell<Pages>,
    /// Where the responses to held connects go.
    parked: FxHashMap<HoldId, Token>,
    links: FxHashMap<LinkId, Token>,
    released: VecDeque<Released>,
    n_sessions: Arc<AtomicUsize>,
}

/// Something for a connection that is not the one just served.
pub(super) enum Due {
    /// The response to the connect that is held on it.
    Response(HoldId, Answer),
    /// Its link has something to take.
    Messages,
}

impl Hub {
    pub(super) fn new(
        settings: Arc<Settings>,
        tls: Option<Arc<ServerConfig>>,
        broker: Broker,
        pages: Pages,
        n_sessions: Arc<AtomicUsize>,
        now: Instant,
    ) -> Self {
        Self {
            limits: Arc::new(limits(&settings)),
            settings,
            tls,
            now,
            frames: Frames::default(),
            broker,
            pages: RefCell::new(pages),
            parked: FxHashMap::default(),
            links: FxHashMap::default(),
            released: VecDeque::new(),
            n_sessions,
        }
    }

    /// Looks what time it is, by the calendar too.
    pub(super) fn look_at_the_clock(&mut self) {
        self.now = Instant::now();
        self.broker.set_clock(Now {
            instant: self.now,
            wall: SystemTime::now(),
        });
    }

    /// Hands a request to the broker; if it is held, its response is [due](Self::take_due)
    /// to this connection later.
    pub(super) fn handle(&mut self, request: broker::Request<'_>, token: Token) -> Handled {
        let handled = self.broker.handle(self.now, request);
        if let Handled::Held(hold) = handled {
            self.parked.insert(hold, token);
        }
        self.tell_sessions();
        handled
    }

    /// Hands what was posted by REST to the broker.
    pub(super) fn post(&mut self, bearer: Option<&str>, below: &str, body: &[u8]) -> Posted {
        let posted = self.broker.post(self.now, bearer, below, body);
        self.tell_sessions();
        posted
    }

    /// Answers a request for a page.
    pub(super) fn page(&mut self, request: &PageRequest) -> Vec<u8> {
        let pages = self.pages.get_mut();
        let response = pages.answer(self.now, request, &mut self.broker);
        self.tell_sessions();
        response
    }

    pub(super) fn publish(&mut self, channel: &Channel, data: &Json) {
        self.broker.publish(self.now, channel, data);
        self.tell_sessions();
    }

    pub(super) fn add_fault(&mut self, fault: Fault) {
        self.broker.add_fault(self.now, fault);
    }

    pub(super) fn remove_fault(&mut self, fault: &Fault) -> bool {
        self.broker.remove_fault(fault)
    }

    pub(super) fn faults(&self) -> Vec<Fault> {
        self.broker.faults().list()
    }

    /// A websocket is asked for: what is answered instead, and what happens to the response.
    pub(super) fn upgrade(&mut self) -> (Option<Instead>, Passage) {
        self.broker.upgrade(self.now)
    }

    pub(super) fn forget_sessions(&mut self) {
        self.broker.forget_all();
        self.tell_sessions();
    }

    /// Answers a held connect before its time.
    pub(super) fn release(&mut self, hold: HoldId) -> Option<Answer> {
        self.broker.release(self.now, hold);
        self.tell_sessions();
        self.gather_released();
        self.parked.remove(&hold);
        let at = self.released.iter().position(|it| it.hold == hold)?;
        self.released.remove(at).map(|it| it.answer)
    }

    /// The connection on which a connect was held is gone.
    pub(super) fn hold_gone(&mut self, hold: HoldId) {
        self.parked.remove(&hold);
        self.broker.hold_gone(self.now, hold);
        self.tell_sessions();
    }

    /// Lists a connection that became a websocket.
    pub(super) fn open_link(&mut self, token: Token) -> LinkId {
        let link = self.broker.open_link();
        self.links.insert(link, token);
        link
    }

    /// Hands a request that came over a link to the broker; what there is to say to it is to
    /// be [taken](Self::take).
    pub(super) fn handle_on_link(&mut self, link: LinkId, request: broker::Request<'_>) {
        self.broker.handle_on_link(self.now, link, request);
        self.tell_sessions();
    }

    /// What is to be said over a link next.
    pub(super) fn take(&mut self, link: LinkId) -> Option<(Vec<Arc<Message>>, Passage)> {
        self.broker.take(link)
    }

    pub(super) fn link_gone(&mut self, link: LinkId) {
        self.links.remove(&link);
        self.broker.link_gone(self.now, link);
        self.tell_sessions();
    }

    /// Answers the connects and expires the sessions whose time has come.
    pub(super) fn handle_timeout(&mut self) {
        self.broker.handle_timeout(self.now);
        self.tell_sessions();
    }

    /// What is due to which connection.
    pub(super) fn take_due(&mut self) -> Vec<(Token, Due)> {
        self.gather_released();
        let mut due = Vec::new();
        for Released { hold, answer } in self.released.drain(..) {
            if let Some(token) = self.parked.remove(&hold) {
                due.push((token, Due::Response(hold, answer)));
            }
        }
        while let Some(link) = self.broker.poll_ready() {
            if let Some(&token) = self.links.get(&link) {
                due.push((token, Due::Messages));
            }
        }
        due
    }

    /// Whether [`take_due`](Self::take_due) has something to give.
    pub(super) fn is_anything_due(&self) -> bool {
        !self.released.is_empty() || self.broker.is_anything_due()
    }

    /// When [`handle_timeout`](Self::handle_timeout) has something to do.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.broker.poll_timeout()
    }

    /// Whether a session made its last connect over this link.
    pub(super) fn is_in_use(&self, link: LinkId) -> bool {
        self.broker.is_in_use(link)
    }

    pub(super) fn observe(&self, event: &Event<'_>) {
        self.pages.borrow_mut().record(SystemTime::now(), event);
        if let Some(observer) = &self.settings.observer {
            observer.observe(event);
        }
    }

    fn gather_released(&mut self) {
        while let Some(released) = self.broker.poll_released() {
            self.released.push_back(released);
        }
    }

    fn tell_sessions(&mut self) {
        // First: whoever is told of a session may ask how many there are.
        let n_sessions = self.broker.n_sessions();
        self.n_sessions.store(n_sessions, Ordering::Release);
        while let Some(event) = self.broker.poll_event() {
            match &event {
                SessionEvent::Opened(client_id) => {
                    self.observe(&Event::SessionOpened { client_id });
                }
                SessionEvent::Closed(client_id, reason) => self.observe(&Event::SessionClosed {
                    client_id,
                    reason: *reason,
                }),
            }
        }
    }
}

fn limits(settings: &Settings) -> Limits {
    Limits {
        scheme: settings.scheme(),
        path: settings.path.trim_end_matches('/').to_owned(),
        connection_types: settings.flavor.connection_types(),
        other_path: match settings.flavor {
            Flavor::CometD | Flavor::Faye => None,
            Flavor::Salesforce => Some(rest::PATH),
        },
        max_body: settings.max_body,
        allow_origins: settings.allow_origins.clone(),
    }
}
