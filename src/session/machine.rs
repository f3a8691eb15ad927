//! The session's state and its commands.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::protocol::{Advice, Channel, ChannelPattern, ConnectionType, Json};

use super::backoff::Backoff;
use super::event::{End, Event, LossReason, PublishId};
use super::guard::{HandshakeGuard, HoldGuard, LoopGuard};
use super::pending::Pending;
use super::queue::{Events, Publication, Subscription, SubscriptionState};
use super::state::{Established, InFlight, Late, State};
use super::{Connects, ExchangeId, Recovery, Settings};

/// Most sessions have one subscription and one request under way at a time. A vector that grows of
/// itself begins with room for four, which are kilobytes for thousands of sessions.
const FEW: usize = 1;
/// Nobody waits a year for a reply.
const LONGEST_NETWORK_TIMEOUT: Duration = Duration::from_secs(365 * 86_400);
/// How long a server may hold a connect if it does not say (Faye's default is 60 s).
const DEFAULT_HOLD: Duration = Duration::from_secs(60);

/// One Bayeux session: see the [module](super).
#[derive(Debug)]
pub struct Session {
    pub(super) settings: Settings,
    pub(super) state: State,
    pub(super) advice: Advice,
    /// Which life of the session this is; 0 before the first handshake succeeds.
    pub(super) epoch: u32,
    pub(super) lane_connect: Option<InFlight>,
    pub(super) lane_send: Option<InFlight>,
    /// The send lane rests until then after a failure.
    pub(super) send_at: Option<Instant>,
    pub(super) pending: Vec<Pending>,
    pub(super) subscriptions: Vec<Subscription>,
    pub(super) publications: VecDeque<Publication>,
    pub(super) backoff: Backoff,
    pub(super) handshakes: HandshakeGuard,
    pub(super) connect_loop: LoopGuard,
    pub(super) n_delivered: u64,
    pub(super) holds: HoldGuard,
    pub(super) is_leaving: bool,
    /// Whether no handshake has succeeded since the driver had other credentials.
    pub(super) has_untried_credentials: bool,
    /// When the first handshake was asked for.
    pub(super) started: Option<Instant>,
    /// The last successful reply.
    pub(super) last_alive: Option<Instant>,
    /// Set while a renewed session waits for its subscriptions: since when there was none.
    pub(super) renewing_since: Option<Instant>,
    pub(super) events: Events,
    /// Told after all other events.
    pub(super) ended: Option<Box<End>>,
    pub(super) cancels: VecDeque<ExchangeId>,
    next_id: u64,
    next_exchange: u64,
    next_publish: u64,
}

impl Session {
    /// A session that has done nothing yet.
    pub fn new(mut settings: Settings) -> Self {
        // So that no sum of a time and a duration overflows.
        settings.network_timeout = settings.network_timeout.min(LONGEST_NETWORK_TIMEOUT);
        Self {
            state: State::Idle,
            advice: Advice::default(),
            epoch: 0,
            lane_connect: None,
            lane_send: None,
            send_at: None,
            pending: Vec::with_capacity(FEW),
            subscriptions: Vec::with_capacity(FEW),
            publications: VecDeque::new(),
            backoff: Backoff::new(settings.seed),
            handshakes: HandshakeGuard::default(),
            connect_loop: LoopGuard::default(),
            n_delivered: 0,
            holds: HoldGuard::default(),
            is_leaving: false,
            has_untried_credentials: false,
            started: None,
            last_alive: None,
            renewing_since: None,
            events: Events::default(),
            ended: None,
            cancels: VecDeque::new(),
            next_id: 0,
            next_exchange: 0,
            next_publish: 0,
            settings,
        }
    }

    /// Begins the session: a handshake will be sent.
    pub fn handshake(&mut self, now: Instant) {
        if matches!(self.state, State::Idle) {
            self.started = Some(now);
            self.state = State::Unconnected { handshake_at: now };
        }
    }

    /// Subscribes to a pattern, now or as soon as there is a session, and again after each
    /// new handshake.
    pub fn subscribe(&mut self, pattern: ChannelPattern) {
        let known = self
            .subscriptions
            .iter_mut()
            .find(|it| it.pattern == pattern);
        match known {
            Some(subscription) => {
                if matches!(
                    subscription.state,
                    SubscriptionState::Refused | SubscriptionState::Unwanted
                ) {
                    subscription.state = SubscriptionState::Wanted;
                    subscription.n_failed = 0;
                }
            }
            None => self.subscriptions.push(Subscription {
                pattern,
                state: SubscriptionState::Wanted,
                n_failed: 0,
            }),
        }
    }

    /// Ends a subscription.
    pub fn unsubscribe(&mut self, pattern: &ChannelPattern) {
        for subscription in &mut self.subscriptions {
            if subscription.pattern == *pattern {
                subscription.state = SubscriptionState::Unwanted;
            }
        }
    }

    /// Publishes a message, now or as soon as there is a session. One of
    /// [`Event::Acknowledged`], [`Event::Rejected`] or [`Event::Unacknowledged`] follows,
    /// unless the session ends before.
    pub fn publish(&mut self, channel: Channel, data: Json) -> PublishId {
        let publish = PublishId(self.next_publish);
        self.next_publish += 1;
        self.publications.push_back(Publication {
            publish,
            channel,
            data,
            n_lost: 0,
        });
        publish
    }

    /// Leaves: a disconnect is sent as soon as the send lane is free. What waits to be
    /// published is dropped.
    pub fn disconnect(&mut self) {
        self.is_leaving = true;
        self.publications.clear();
        match &self.state {
            State::Established(established) => {
                let client_id = established.client_id.clone();
                self.state = State::Disconnecting {
                    client_id,
                    n_sent: 0,
                };
            }
            State::Idle | State::Unconnected { .. } | State::Unauthorised(_) => {
                self.end(End::Disconnected);
            }
            // Once the handshake is answered there is something to disconnect.
            State::Handshaking | State::Disconnecting { .. } | State::Ended => {}
        }
    }

    /// The next event, oldest first. [`Event::Ended`] is the last one.
    pub fn poll_event(&mut self) -> Option<Event> {
        let event = self.events.pop_front();
        event.or_else(|| self.ended.take().map(|it| Event::Ended(*it)))
    }

    /// An exchange whose response is no longer wanted: it belongs to a lost session, and
    /// its lane is needed.
    pub fn poll_cancel(&mut self) -> Option<ExchangeId> {
        self.cancels.pop_front()
    }

    /// The client id while there is a session.
    pub fn client_id(&self) -> Option<&str> {
        match &self.state {
            State::Established(established) => Some(&established.client_id),
            State::Disconnecting { client_id, .. } => Some(client_id),
            State::Idle
            | State::Unconnected { .. }
            | State::Handshaking
            | State::Unauthorised(_)
            | State::Ended => None,
        }
    }

    /// The advice that is in force.
    pub fn advice(&self) -> &Advice {
        &self.advice
    }

    /// The connection type that handshake and connect name.
    pub fn connection_type(&self) -> ConnectionType {
        self.settings.connection_type
    }

    /// Whether the session is kept alive by connects.
    pub fn connects(&self) -> Connects {
        self.settings.connects
    }

    /// Whether a handshake has ever succeeded.
    pub fn was_established(&self) -> bool {
        self.epoch > 0
    }

    /// Whether the session has ended.
    pub fn is_ended(&self) -> bool {
        matches!(self.state, State::Ended)
    }

    pub(super) fn next_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    pub(super) fn next_exchange(&mut self) -> ExchangeId {
        self.next_exchange += 1;
        ExchangeId(self.next_exchange)
    }

    /// How long the server may hold a connect.
    pub(super) fn hold(&self) -> Duration {
        self.advice.timeout.unwrap_or(DEFAULT_HOLD)
    }

    /// How long the server keeps the session without a connect, counted from the last
    /// reply (CometD: the hold, the interval and `maxInterval`).
    pub(super) fn lifetime(&self) -> Duration {
        let interval = self.advice.interval.unwrap_or_default();
        self.hold() + interval + self.max_interval()
    }

    /// The server does not know this session any more: handshake again, if that is allowed
    /// and decent.
    pub(super) fn lose(&mut self, now: Instant, reason: LossReason) {
        let State::Established(established) = &self.state else {
            return;
        };
        let age = now.saturating_duration_since(established.since);
        let n_not_kept = self.handshakes.session_lost(established.was_used);
        self.tell_late(&reason);
        self.renewing_since = self.renewing_since.or(self.last_alive).or(Some(now));
        if self.settings.recovery == Recovery::Never {
            return self.end(End::Lost(reason));
        }
        if n_not_kept >= super::guard::MOST_NOT_KEPT {
            return self.end(End::NotKept {
                n_handshakes: n_not_kept,
                reason,
            });
        }
        let advised = match &reason {
            LossReason::Reply(reply) => reply.advice().and(self.advice.interval),
            LossReason::Silence(failure) => Some(failure.patience()),
        };
        self.events.push_back(Event::SessionLost { reason, age });
        self.forget_subscriptions();
        self.handshake_again(now, advised.unwrap_or_default());
    }

    /// Schedules a handshake, not before the delay has passed.
    pub(super) fn handshake_again(&mut self, now: Instant, delay: Duration) {
        match self.handshakes.next_handshake(now) {
            Ok(earliest) => {
                let handshake_at = earliest.max(now + delay);
                self.state = State::Unconnected { handshake_at };
            }
            Err(n_handshakes) => self.end(End::TooManyHandshakes { n_handshakes }),
        }
    }

    pub(super) fn end(&mut self, end: End) {
        if !self.is_ended() {
            self.state = State::Ended;
            self.ended = Some(Box::new(end));
        }
    }

    /// A subscription never survives a handshake: ask for all again that were not refused.
    fn forget_subscriptions(&mut self) {
        for subscription in std::mem::take(&mut self.subscriptions) {
            match subscription.state {
                SubscriptionState::Refused => {}
                SubscriptionState::Unwanted => {
                    let pattern = subscription.pattern;
                    self.events.push_back(Event::Unsubscribed { pattern });
                }
                SubscriptionState::Wanted
                | SubscriptionState::Asked
                | SubscriptionState::Confirmed => self.subscriptions.push(subscription),
            }
        }
        for subscription in &mut self.subscriptions {
            subscription.state = SubscriptionState::Wanted;
            subscription.n_failed = 0;
        }
    }

    /// The state a session has once its handshake succeeded.
    pub(super) fn established(&self, now: Instant, client_id: String) -> State {
        State::Established(Established {
            client_id,
            since: now,
            connect_at: (self.settings.connects == Connects::Held).then_some(now),
            may_hold: false,
            late: Late::default(),
            n_failed: 0,
            was_used: false,
            is_connected: false,
        })
    }
}
