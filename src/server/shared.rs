//! What the threads of a server share: the broker, and the connections that wait for it.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::broker::rest::{self, Posted};
use super::broker::{self, Answer, Broker, Handled, HoldId, LinkId, SessionEvent};
use super::connection::Connection;
use super::http::Limits;
use super::response;
use super::response::{Form, Persistence};
use super::{Event, Flavor, Settings};
use crate::protocol::{Channel, Json, Message, encode};

pub(super) struct Shared {
    pub(super) settings: Arc<Settings>,
    state: Mutex<State>,
    /// Something is due earlier than the timer knows, or the server stops.
    timer: Condvar,
    /// A connection ended.
    ended: Condvar,
}

struct State {
    broker: Broker,
    parked: HashMap<HoldId, Parked>,
    links: HashMap<LinkId, Arc<Connection>>,
    connections: HashMap<u64, Arc<Connection>>,
    last_connection: u64,
    /// When the timer thread will look next; `None` while it has no reason to.
    timer_at: Option<Instant>,
    is_stopped: bool,
}

/// Where the response to a held connect goes.
pub(super) struct Parked {
    pub(super) connection: Arc<Connection>,
    pub(super) persistence: Persistence,
    pub(super) form: Form,
}

/// What the thread of a websocket has to do next.
pub(super) enum Next {
    Messages(Vec<Arc<Message>>),
    Nothing,
    Stopped,
}

/// What a change brought about, to be sent once the lock is free.
#[must_use]
pub(super) struct Fallout {
    /// Responses to held connects.
    responses: Vec<(Parked, Answer)>,
    /// Websockets for which there is something.
    ready: Vec<Arc<Connection>>,
}

impl Fallout {
    pub(super) fn send(self, shared: &Shared) {
        for connection in self.ready {
            connection.wake();
        }
        for (parked, answer) in self.responses {
            let Answer {
                messages,
                set_cookies,
            } = answer;
            shared.observe(&Event::Sent {
                peer: parked.connection.peer,
                connection_type: parked.form.connection_type(),
                messages: &messages,
            });
            let text = encode(messages.iter().map(Arc::as_ref));
            let Parked {
                form, persistence, ..
            } = &parked;
            let response = response::messages(&text, form, &set_cookies, *persistence);
            parked.connection.send(response, parked.persistence);
        }
    }
}

impl Shared {
    pub(super) fn new(settings: Arc<Settings>, broker: Broker) -> Self {
        Self {
            settings,
            state: Mutex::new(State {
                broker,
                parked: HashMap::new(),
                links: HashMap::new(),
                connections: HashMap::new(),
                last_connection: 0,
                timer_at: None,
                is_stopped: false,
            }),
            timer: Condvar::new(),
            ended: Condvar::new(),
        }
    }

    /// Hands a request to the broker; if it is held, `parked` says where its response goes.
    pub(super) fn handle(
        &self,
        request: broker::Request<'_>,
        parked: Parked,
    ) -> (Handled, Fallout) {
        self.change(|state| {
            let handled = state.broker.handle(Instant::now(), request);
            if let Handled::Held(hold) = handled {
                parked.connection.owe();
                state.parked.insert(hold, parked);
            }
            handled
        })
    }

    /// Hands what was posted by REST to the broker.
    pub(super) fn post(&self, bearer: Option<&str>, below: &str, body: &[u8]) -> (Posted, Fallout) {
        self.change(|state| state.broker.post(Instant::now(), bearer, below, body))
    }

    pub(super) fn publish(&self, channel: &Channel, data: &Json) {
        let ((), fallout) =
            self.change(|state| state.broker.publish(Instant::now(), channel, data));
        fallout.send(self);
    }

    pub(super) fn forget_sessions(&self) {
        let ((), fallout) = self.change(|state| state.broker.forget_all());
        fallout.send(self);
    }

    pub(super) fn release(&self, hold: HoldId) {
        let ((), fallout) = self.change(|state| state.broker.release(Instant::now(), hold));
        fallout.send(self);
    }

    pub(super) fn hold_gone(&self, hold: HoldId) {
        let ((), fallout) = self.change(|state| {
            state.parked.remove(&hold);
            state.broker.hold_gone(Instant::now(), hold);
        });
        fallout.send(self);
    }

    /// Lists a connection that became a websocket. `None` if the server has stopped.
    pub(super) fn open_link(&self, connection: &Arc<Connection>) -> Option<LinkId> {
        let mut state = self.lock();
        if state.is_stopped {
            return None;
        }
        let link = state.broker.open_link();
        state.links.insert(link, Arc::clone(connection));
        Some(link)
    }

    /// Hands a request of this connection's thread to the broker; what there is to say to it
    /// comes out of [`next_for`](Self::next_for).
    pub(super) fn handle_on_link(
        &self,
        connection: &Arc<Connection>,
        link: LinkId,
        request: broker::Request<'_>,
    ) -> Fallout {
        let ((), mut fallout) =
            self.change(|state| state.broker.handle_on_link(Instant::now(), link, request));
        // Its own thread is awake.
        fallout.ready.retain(|it| !Arc::ptr_eq(it, connection));
        fallout
    }

    pub(super) fn next_for(&self, link: LinkId) -> Next {
        let mut state = self.lock();
        if state.is_stopped {
            return Next::Stopped;
        }
        state
            .broker
            .take(link)
            .map_or(Next::Nothing, Next::Messages)
    }

    pub(super) fn link_gone(&self, link: LinkId) {
        let ((), fallout) = self.change(|state| {
            state.links.remove(&link);
            state.broker.link_gone(Instant::now(), link);
        });
        fallout.send(self);
    }

    /// Whether a session made its last connect over this link.
    pub(super) fn is_in_use(&self, link: LinkId) -> bool {
        self.lock().broker.is_in_use(link)
    }

    pub(super) fn is_held(&self, hold: HoldId) -> bool {
        self.lock().parked.contains_key(&hold)
    }

    pub(super) fn n_connections(&self) -> usize {
        self.lock().connections.len()
    }

    pub(super) fn n_sessions(&self) -> usize {
        self.lock().broker.n_sessions()
    }

    pub(super) fn observe(&self, event: &Event<'_>) {
        if let Some(observer) = &self.settings.observer {
            observer.observe(event);
        }
    }

    pub(super) fn limits(&self) -> Limits {
        Limits {
            path: self.settings.path.trim_end_matches('/').to_owned(),
            connection_types: self.settings.flavor.connection_types(),
            other_path: match self.settings.flavor {
                Flavor::CometD => None,
                Flavor::Salesforce => Some(rest::PATH),
            },
            max_body: self.settings.max_body,
        }
    }

    /// Answers connects and expires sessions in time, until the server stops.
    pub(super) fn run_timer(&self) {
        let mut state = self.lock();
        while !state.is_stopped {
            let now = Instant::now();
            state.timer_at = state.broker.poll_timeout();
            state = match state.timer_at {
                None => wait(&self.timer, state),
                Some(at) if at > now => wait_for(&self.timer, state, at - now),
                Some(_) => {
                    drop(state);
                    let ((), fallout) = self.change(|state| state.broker.handle_timeout(now));
                    fallout.send(self);
                    self.lock()
                }
            };
        }
    }

    /// Lists a connection, so that it can be ended when the server stops. `None` if it has.
    pub(super) fn register(&self, connection: &Arc<Connection>) -> Option<u64> {
        let mut state = self.lock();
        if state.is_stopped {
            return None;
        }
        state.last_connection += 1;
        let id = state.last_connection;
        state.connections.insert(id, Arc::clone(connection));
        Some(id)
    }

    pub(super) fn unregister(&self, id: u64) {
        let mut state = self.lock();
        state.connections.remove(&id);
        if state.is_stopped {
            self.ended.notify_all();
        }
    }

    /// Ends every connection and the timer; waits for the threads of connections, but no
    /// longer than the slowest of them should need.
    pub(super) fn stop(&self) {
        const PATIENCE: Duration = Duration::from_secs(5);
        let mut state = self.lock();
        state.is_stopped = true;
        self.timer.notify_all();
        for connection in state.connections.values() {
            connection.end();
        }
        let deadline = Instant::now() + PATIENCE;
        while !state.connections.is_empty() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            state = wait_for(&self.ended, state, left);
        }
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.lock().is_stopped
    }

    /// Changes the state and gathers what follows from it.
    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> (T, Fallout) {
        let mut guard = self.lock();
        let state = &mut *guard;
        let changed = change(state);
        let mut responses = Vec::new();
        while let Some(released) = state.broker.poll_released() {
            if let Some(parked) = state.parked.remove(&released.hold) {
                responses.push((parked, released.answer));
            }
        }
        let ready = std::iter::from_fn(|| state.broker.poll_ready())
            .filter_map(|link| state.links.get(&link).cloned())
            .collect();
        let events: Vec<_> = std::iter::from_fn(|| state.broker.poll_event()).collect();
        if let Some(at) = state.broker.poll_timeout()
            && state.timer_at.is_none_or(|timer_at| at < timer_at)
        {
            state.timer_at = Some(at);
            self.timer.notify_all();
        }
        drop(guard);
        for event in events {
            match &event {
                SessionEvent::Opened(client_id) => {
                    self.observe(&Event::SessionOpened { client_id })
                }
                SessionEvent::Closed(client_id, reason) => self.observe(&Event::SessionClosed {
                    client_id,
                    reason: *reason,
                }),
            }
        }
        (changed, Fallout { responses, ready })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic under the lock would be a mistake in the broker; the other sessions are
        // then better served by what is left than by a panic in every thread.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn wait<'a>(condition: &Condvar, guard: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
    condition
        .wait(guard)
        .unwrap_or_else(PoisonError::into_inner)
}

fn wait_for<'a>(
    condition: &Condvar,
    guard: MutexGuard<'a, State>,
    duration: Duration,
) -> MutexGuard<'a, State> {
    match condition.wait_timeout(guard, duration) {
        Ok((guard, _)) => guard,
        Err(poisoned) => poisoned.into_inner().0,
    }
}
