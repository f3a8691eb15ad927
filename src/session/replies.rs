//! What the session makes of responses, failures and the passing of time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::protocol::{Advice, Kind, Message, Reconnect, meta};

use super::event::{End, Event, LossReason, Refusal, Replayed};
use super::extension::Delivery;
use super::failures::no_reply;
use super::guard::Cut;
use super::machine::Session;
use super::pending::{Pending, Request, take_answered};
use super::queue::{Publication, Subscription, SubscriptionState};
use super::state::{InFlight, Refused, State};
use super::{ExchangeId, Failure, Permanence, Recovery, Stage};

/// How often a publish is sent again that the server refused for want of a session.
const MOST_PUBLISH_LOSSES: u32 = 2;

impl Session {
    /// Takes the messages of one response.
    pub fn handle_response(&mut self, now: Instant, exchange: ExchangeId, messages: Vec<Message>) {
        let in_flight = self.free_lane(exchange);
        for message in messages {
            self.handle_message(now, message);
        }
        self.expect_replies_soon(now, exchange);
        if let Some(in_flight) = in_flight.filter(|it| it.may_be_held && it.epoch == self.epoch) {
            self.held_connect_answered(now, &in_flight);
            self.held_connect_taken(now, &in_flight);
            self.check_loop(now, &in_flight);
        }
        self.finish_renewal(now);
    }

    /// Takes the failure of one exchange.
    pub fn handle_failure(&mut self, now: Instant, exchange: ExchangeId, failure: &Failure) {
        let in_flight = self.free_lane(exchange);
        let cut = in_flight.map_or(Cut::Chance, |it| self.judge_cut(now, &it, failure));
        for pending in self.take_pending(|it| it.exchange == exchange) {
            match (&pending.request, cut) {
                (Request::Connect, Cut::Found | Cut::Known) => self.connect_cut(now, cut),
                (_, _) => self.request_failed(now, pending, failure),
            }
        }
        self.finish_renewal(now);
    }

    /// Lets time pass: replies that should have come by now are given up.
    pub fn handle_timeout(&mut self, now: Instant) {
        for pending in self.take_pending(|it| it.deadline.is_some_and(|at| at <= now)) {
            let failure = no_reply(&pending.request);
            self.request_failed(now, pending, &failure);
        }
        self.settle_connect(now);
        self.finish_renewal(now);
    }

    pub(super) fn handle_message(&mut self, now: Instant, message: Message) {
        if let Some(advice) = message.advice() {
            self.take_advice(advice);
        }
        match message.kind() {
            Kind::Delivery => {
                self.n_delivered += 1;
                self.last_alive = Some(now);
                self.delivered(message);
            }
            Kind::Reply => match take_answered(&mut self.pending, &message) {
                Some(pending) => self.replied(now, pending, message),
                None => self.unasked(message),
            },
            Kind::Meta => self.unasked(message),
        }
    }

    /// What answers nothing, and is no delivery.
    fn unasked(&mut self, message: Message) {
        match (message.is_server_disconnect(), self.is_leaving) {
            (true, true) => self.end(End::Disconnected),
            (true, false) => self.end(End::DisconnectedByServer(message)),
            // The server ended the session while our own disconnect was under way, which took
            // that for its reply.
            (false, true) if self.is_ended() && message.is_reply_on(meta::DISCONNECT) => {}
            (false, _) => self.events.push_back(Event::Unmatched { message }),
        }
    }

    fn delivered(&mut self, message: Message) {
        let mut delivery = Delivery::New;
        for extension in &mut self.settings.extensions {
            if extension.delivered(&message) == Delivery::Duplicate {
                delivery = Delivery::Duplicate;
            }
        }
        self.events.push_back(match delivery {
            Delivery::New => Event::Received { message },
            Delivery::Duplicate => Event::Duplicate { message },
        });
    }

    fn take_advice(&mut self, raw: &str) {
        let Some(advice) = Advice::parse(raw, self.settings.connection_type) else {
            return;
        };
        if advice.multiple_clients && !self.advice.multiple_clients {
            let interval = advice.interval.unwrap_or_default();
            self.events.push_back(Event::MultipleClients { interval });
        }
        self.advice = advice;
    }

    fn replied(&mut self, now: Instant, pending: Pending, reply: Message) {
        if self.is_ended() {
            return;
        }
        let is_current = pending.epoch == self.epoch;
        let is_successful = reply.successful() == Some(true);
        if is_successful {
            self.last_alive = Some(now);
        }
        // What the server says about a lost session no longer matters to anybody.
        if is_current {
            let extensions = self.settings.extensions.iter_mut();
            extensions
                .filter_map(|it| it.replied(now, &reply))
                .for_each(|it| self.events.push_back(it));
        }
        if matches!(pending.request, Request::Handshake) {
            self.handshakes.handshake_answered(now);
        }
        match pending.request {
            Request::Handshake if is_successful => self.handshaken(now, reply),
            Request::Handshake => self.handshake_refused(now, reply),
            Request::Disconnect => self.end(End::Disconnected),
            Request::Publish(publication) if is_successful => {
                self.used();
                self.events.push_back(Event::Acknowledged {
                    publish: publication.publish,
                    reply,
                });
            }
            Request::Publish(publication) => {
                self.publish_refused(now, publication, reply, is_current);
            }
            // What the server says about a lost session no longer matters.
            Request::Connect | Request::Subscribe(_) | Request::Unsubscribe(_) if !is_current => {}
            Request::Connect if is_successful => self.connected(now, reply),
            Request::Connect => self.connect_refused(now, reply),
            Request::Subscribe(pattern) if is_successful => {
                self.used();
                self.set_subscription(pattern.as_str(), SubscriptionState::Confirmed);
                self.events.push_back(Event::Subscribed { pattern });
            }
            Request::Subscribe(pattern) if is_session_unknown(&reply) => {
                self.set_subscription(pattern.as_str(), SubscriptionState::Wanted);
                self.lose(now, LossReason::Reply(reply));
            }
            Request::Subscribe(pattern) => {
                let is_transient = reply.is_transient();
                let mut extensions = self.settings.extensions.iter_mut();
                let remedy = match is_transient {
                    true => None,
                    false => extensions.find_map(|it| it.subscribe_refused(&pattern, &reply)),
                };
                if let Some(event) = remedy {
                    self.set_subscription(pattern.as_str(), SubscriptionState::Wanted);
                    self.events.push_back(event);
                } else if is_transient && self.subscribe_again(now, pattern.as_str()) {
                    let delay = self.send_at.map(|at| at.saturating_duration_since(now));
                    self.announce(&refused(&reply), delay.unwrap_or_default());
                } else {
                    self.set_subscription(pattern.as_str(), SubscriptionState::Refused);
                    let refusal = Refusal::Reply(reply);
                    self.events
                        .push_back(Event::SubscribeRefused { pattern, refusal });
                }
            }
            Request::Unsubscribe(_) if is_session_unknown(&reply) => {
                self.lose(now, LossReason::Reply(reply));
            }
            // CometD refuses to unsubscribe from a channel it never saw (`400::channel_missing`);
            // either way there is no subscription afterwards.
            Request::Unsubscribe(pattern) => {
                self.events.push_back(Event::Unsubscribed { pattern });
            }
        }
    }

    fn handshaken(&mut self, now: Instant, reply: Message) {
        let Some(client_id) = reply.client_id().map(str::to_owned) else {
            return self.end(End::HandshakeRefused(reply));
        };
        if reply.advice().is_some() && self.advice.reconnect == Reconnect::Handshake {
            self.events.push_back(Event::ContradictoryAdvice);
        }
        // The advice that led here has been followed.
        self.advice.reconnect = Reconnect::Retry;
        self.epoch += 1;
        self.has_untried_credentials = false;
        self.backoff.reset();
        self.send_at = None;
        self.connect_loop = Default::default();
        // The lost session's connect may still be held; the lane is needed.
        self.cancels
            .extend(self.lane_connect.take().map(|it| it.exchange));
        self.state = if self.is_leaving {
            State::Disconnecting {
                client_id,
                n_sent: 0,
            }
        } else {
            self.established(now, client_id)
        };
        self.events.push_back(Event::Handshaken { reply });
    }

    fn handshake_refused(&mut self, now: Instant, reply: Message) {
        let advises_none = reply.advice().is_some() && self.advice.reconnect == Reconnect::None;
        let may_pass = reply.is_transient() || is_session_unknown(&reply);
        if self.is_leaving {
            self.end(End::Disconnected);
        } else if may_pass && !advises_none && self.may_handshake(now) {
            let advised = reply.advice().and(self.advice.interval).unwrap_or_default();
            let delay = self.backoff.next_delay().max(advised);
            self.announce(&refused(&reply), delay);
            self.handshake_again(now, delay);
        } else if self.may_reauthorise(&reply) {
            self.handshake_again(now, Duration::ZERO);
            self.wait_for_credentials(reply, Refused::Handshake);
        } else {
            // Even with the advice to handshake: Faye gives it with every refusal, and
            // obeying would go on for ever.
            self.end(End::HandshakeRefused(reply));
        }
    }

    fn connected(&mut self, now: Instant, reply: Message) {
        let last_alive = self.last_alive;
        let State::Established(established) = &mut self.state else {
            return;
        };
        let n_failed = std::mem::take(&mut established.n_failed);
        let is_first = !std::mem::replace(&mut established.is_connected, true);
        established.was_used = true;
        established.may_hold = true;
        established.late = Default::default();
        self.backoff.reset();
        self.handshakes.session_used();
        if is_first {
            if self.epoch == 1 {
                // Nothing can be missed before there was anything.
                self.renewing_since = None;
            }
            self.events.push_back(Event::Connected);
        } else if n_failed > 0 {
            let since = self.renewing_since.take().or(last_alive).unwrap_or(now);
            let gap = now.saturating_duration_since(since);
            self.events.push_back(Event::Reconnected { gap });
        }
        match (self.advice.reconnect, self.advice.interval) {
            (Reconnect::Retry, Some(interval)) => self.connect_at(now + interval),
            (Reconnect::Handshake, _) if reply.advice().is_some() => {
                self.lose(now, LossReason::Reply(reply));
            }
            (Reconnect::Handshake, interval) => self.connect_at(now + interval.unwrap_or_default()),
            (Reconnect::None, _) | (Reconnect::Retry, None) => self.end(End::AdvisedNone(reply)),
        }
    }

    fn connect_refused(&mut self, now: Instant, reply: Message) {
        if !matches!(self.state, State::Established(_)) {
            return;
        }
        let advised = reply.advice().map(|_| self.advice.reconnect);
        match advised {
            Some(Reconnect::None) if self.may_reauthorise(&reply) => {
                self.lose(now, LossReason::Reply(reply.clone()));
                self.wait_for_credentials(reply, Refused::Connect);
            }
            Some(Reconnect::None) => self.end(End::AdvisedNone(reply)),
            Some(Reconnect::Handshake) => self.lose(now, LossReason::Reply(reply)),
            Some(Reconnect::Retry) | None if is_session_unknown(&reply) => {
                self.lose(now, LossReason::Reply(reply));
            }
            Some(Reconnect::Retry) | None => self.connect_failed(now, &refused(&reply)),
        }
    }

    fn publish_refused(
        &mut self,
        now: Instant,
        mut publication: Publication,
        reply: Message,
        is_current: bool,
    ) {
        if is_session_unknown(&reply) && !self.is_leaving {
            publication.n_lost += 1;
            // The server refused it, so it was not carried out: it may be sent again.
            if publication.n_lost < MOST_PUBLISH_LOSSES
                && self.settings.recovery == Recovery::Always
            {
                self.publish_again(publication);
                if is_current {
                    self.lose(now, LossReason::Reply(reply));
                }
                return;
            }
        }
        self.events.push_back(Event::Rejected {
            publish: publication.publish,
            reply,
        });
    }

    pub(super) fn connect_at(&mut self, at: Instant) {
        if let State::Established(established) = &mut self.state {
            established.connect_at = Some(at);
        }
    }

    /// Notes what became of a subscribe. One that is no longer asked for has been decided
    /// otherwise meanwhile: by an unsubscribe, or by the loss of the session.
    pub(super) fn set_subscription(&mut self, pattern: &str, state: SubscriptionState) {
        if let Some(subscription) = self.asked(pattern) {
            subscription.state = state;
        }
    }

    /// The subscription whose subscribe is under way.
    pub(super) fn asked(&mut self, pattern: &str) -> Option<&mut Subscription> {
        let is_asked = |it: &&mut Subscription| {
            it.pattern.as_str() == pattern && it.state == SubscriptionState::Asked
        };
        self.subscriptions.iter_mut().find(is_asked)
    }

    /// Something but the handshake was successful.
    fn used(&mut self) {
        self.handshakes.session_used();
        if let State::Established(established) = &mut self.state {
            established.was_used = true;
        }
    }

    /// The exchange is over: its lane can take the next request.
    fn free_lane(&mut self, exchange: ExchangeId) -> Option<InFlight> {
        for lane in [&mut self.lane_connect, &mut self.lane_send] {
            if lane.as_ref().is_some_and(|it| it.exchange == exchange) {
                return lane.take();
            }
        }
        None
    }

    pub(super) fn take_pending(&mut self, is_wanted: impl Fn(&Pending) -> bool) -> Vec<Pending> {
        let (wanted, rest) = std::mem::take(&mut self.pending)
            .into_iter()
            .partition(is_wanted);
        self.pending = rest;
        wanted
    }

    /// Reports a renewed session once all its subscriptions are decided.
    pub(super) fn finish_renewal(&mut self, now: Instant) {
        if self.renewing_since.is_none() {
            return;
        }
        let State::Established(established) = &self.state else {
            return;
        };
        let is_renewed = self.epoch > 1 && established.was_used;
        let is_undecided = self.subscriptions.iter().any(|it| {
            matches!(
                it.state,
                SubscriptionState::Wanted | SubscriptionState::Asked
            )
        });
        if !is_renewed || is_undecided || established.n_failed > 0 {
            return;
        }
        if let Some(since) = self.renewing_since.take() {
            let is_confirmed = |state| state == SubscriptionState::Confirmed;
            self.events.push_back(Event::SessionRenewed {
                gap: now.saturating_duration_since(since),
                n_restored: self
                    .subscriptions
                    .iter()
                    .filter(|it| is_confirmed(it.state))
                    .count(),
                n_subscriptions: self.subscriptions.len(),
                replays: self.replays(),
            });
        }
    }

    /// The confirmed subscriptions that continue where they were.
    fn replays(&self) -> Vec<Replayed> {
        let confirmed = self
            .subscriptions
            .iter()
            .filter(|it| it.state == SubscriptionState::Confirmed);
        let replayed = |it: &Subscription| {
            let mut extensions = self.settings.extensions.iter();
            let from = extensions.find_map(|extension| extension.replays_from(&it.pattern))?;
            Some(Replayed {
                pattern: it.pattern.clone(),
                from: from.clone(),
            })
        };
        confirmed.filter_map(replayed).collect()
    }
}

/// A request was refused for a reason that may pass.
#[derive(Debug, thiserror::Error)]
#[error("{channel} refused: {error}")]
struct RequestRefused {
    channel: String,
    error: String,
}

fn refused(reply: &Message) -> Failure {
    let error = reply.failure_reason();
    let error = error.or_else(|| Some(reply.error()?.to_string()));
    Failure {
        stage: Stage::Interrupted,
        permanence: Permanence::Transient,
        retry_after: None,
        is_gateway_timeout: false,
        cause: Arc::new(RequestRefused {
            channel: reply.channel().to_owned(),
            error: error.unwrap_or_default(),
        }),
    }
}

fn is_session_unknown(reply: &Message) -> bool {
    reply.error().is_some_and(|it| it.is_session_unknown())
}
