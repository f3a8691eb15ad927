//! What the session makes of failures: what is sent again, when, and what is given up.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::event::{End, Event, LossReason, Refusal};
use super::guard::NOT_HELD;
use super::machine::Session;
use super::pending::{Pending, Request};
use super::queue::{Publication, SubscriptionState};
use super::state::{InFlight, State};
use super::{ExchangeId, Failure, NoReply, Permanence, Recovery, Stage};

/// How often a subscribe without a reply, or with a transient refusal, is sent again.
const MOST_SUBSCRIBE_FAILURES: u32 = 5;
/// The longest wait between two tries of the first handshake: somebody waits for a server
/// to come up.
const LONGEST_FIRST_DELAY: Duration = Duration::from_secs(1);
impl Session {
    /// A request failed as a whole, or its reply never came: what may be sent again is told
    /// by how far it got.
    pub(super) fn request_failed(&mut self, now: Instant, pending: Pending, failure: &Failure) {
        if self.is_ended() {
            return;
        }
        let is_permanent = failure.permanence == Permanence::Permanent;
        let is_current = pending.epoch == self.epoch;
        match pending.request {
            Request::Handshake if self.is_leaving => self.end(End::Disconnected),
            Request::Handshake if is_permanent => self.end(End::Unreachable(failure.clone())),
            Request::Handshake => self.handshake_failed(now, failure),
            Request::Connect if is_current && self.is_session_doubtful(failure) => {
                self.lose(now, LossReason::Silence(failure.clone()));
            }
            Request::Connect if is_current => self.connect_failed(now, failure),
            Request::Subscribe(pattern) if is_current => {
                if is_permanent {
                    return self.end(End::Unreachable(failure.clone()));
                }
                // A subscribe does no harm twice. While the network is down it is the connect
                // that counts; a server that never replies is given up.
                let is_unanswered = failure.cause.is::<NoReply>();
                if is_unanswered && !self.subscribe_again(now, pattern.as_str()) {
                    self.set_subscription(pattern.as_str(), SubscriptionState::Refused);
                    let refusal = Refusal::Failure(failure.clone());
                    self.events
                        .push_back(Event::SubscribeRefused { pattern, refusal });
                } else if !is_unanswered {
                    self.set_subscription(pattern.as_str(), SubscriptionState::Wanted);
                    self.rest(now, failure);
                }
            }
            Request::Publish(publication) => {
                if failure.stage == Stage::Unsent && !is_permanent && !self.is_leaving {
                    self.publish_again(publication);
                    self.rest(now, failure);
                } else {
                    let (publish, failure) = (publication.publish, failure.clone());
                    self.events
                        .push_back(Event::Unacknowledged { publish, failure });
                }
            }
            Request::Disconnect => match &self.state {
                // One more try where the connection was stale or gone, and no third.
                State::Disconnecting { n_sent: 1, .. } if failure.stage != Stage::Interrupted => {}
                _ => self.end(End::Disconnected),
            },
            Request::Unsubscribe(pattern) => {
                self.events.push_back(Event::Unsubscribed { pattern });
            }
            Request::Connect | Request::Subscribe(_) => {}
        }
    }

    /// Whether the session is of no more use but another may be: its connect left and its response broke off, and
    /// what was in that comes again in a new session only.
    pub(super) fn is_session_doubtful(&self, failure: &Failure) -> bool {
        let is_broken = failure.permanence == Permanence::Transient
            && failure.stage != Stage::Unsent
            && !failure.cause.is::<NoReply>();
        let mut extensions = self.settings.extensions.iter();
        is_broken && extensions.any(|it| it.needs_new_session())
    }

    pub(super) fn connect_failed(&mut self, now: Instant, failure: &Failure) {
        if !matches!(self.state, State::Established(_)) {
            return;
        }
        if failure.permanence == Permanence::Permanent {
            return self.end(End::Unreachable(failure.clone()));
        }
        for extension in &mut self.settings.extensions {
            extension.connect_failed();
        }
        let lifetime = self.lifetime();
        let silence = now.saturating_duration_since(self.last_alive.unwrap_or(now));
        self.renewing_since = self.renewing_since.or(self.last_alive);
        if silence > lifetime {
            return self.lose(now, LossReason::Silence(failure.clone()));
        }
        if self.settings.recovery == Recovery::Never {
            return self.end(End::Lost(LossReason::Silence(failure.clone())));
        }
        let delay = self.retry(failure);
        if let State::Established(established) = &mut self.state {
            established.n_failed += 1;
            established.may_hold = false;
        }
        self.connect_at(now + delay);
    }

    /// A handshake failed in a way that may pass: try again, if there is still time for it.
    pub(super) fn handshake_failed(&mut self, now: Instant, failure: &Failure) {
        let delay = self.backoff.next_delay();
        let delay = match self.was_established() {
            true => delay,
            false => delay.min(LONGEST_FIRST_DELAY),
        };
        let delay = delay.max(failure.patience());
        if self.may_handshake(now + delay) {
            self.announce(failure, delay);
            self.handshake_again(now, delay);
        } else {
            self.end(End::Unreachable(failure.clone()));
        }
    }

    /// Announces one more attempt and returns how long to wait for it.
    fn retry(&mut self, failure: &Failure) -> Duration {
        let delay = self.backoff.next_delay().max(failure.patience());
        self.announce(failure, delay);
        delay
    }

    pub(super) fn announce(&mut self, failure: &Failure, delay: Duration) {
        self.events.push_back(Event::Reconnecting {
            failure: failure.clone(),
            attempt: self.backoff.n_attempts(),
            delay,
        });
    }

    /// Lets the send lane rest after a failure.
    pub(super) fn rest(&mut self, now: Instant, failure: &Failure) {
        if self.send_at.is_none() {
            self.send_at = Some(now + self.retry(failure));
        }
    }

    /// Whether a handshake may be tried at this time: always in a session that once was
    /// there, else as long as the settings say.
    pub(super) fn may_handshake(&self, at: Instant) -> bool {
        if self.was_established() {
            return self.settings.recovery == Recovery::Always;
        }
        let since = self.started.unwrap_or(at);
        at.saturating_duration_since(since) < self.settings.first_handshake
    }

    /// Puts a subscription back to be asked for again; `false` if that was done too often.
    pub(super) fn subscribe_again(&mut self, now: Instant, pattern: &str) -> bool {
        let Some(subscription) = self.asked(pattern) else {
            return true;
        };
        subscription.n_failed += 1;
        if subscription.n_failed >= MOST_SUBSCRIBE_FAILURES {
            return false;
        }
        subscription.state = SubscriptionState::Wanted;
        if self.send_at.is_none() {
            self.send_at = Some(now + self.backoff.next_delay());
        }
        true
    }

    /// Puts a publication back where it was in the order.
    pub(super) fn publish_again(&mut self, publication: Publication) {
        let later = |it: &Publication| it.publish > publication.publish;
        let at = self
            .publications
            .iter()
            .position(later)
            .unwrap_or(self.publications.len());
        self.publications.insert(at, publication);
    }

    /// A response is there, and requests that it was for are still without a reply. With a
    /// connect in flight the reply may come through it; without one there is no other way.
    pub(super) fn expect_replies_soon(&mut self, now: Instant, exchange: ExchangeId) {
        let unanswered = self.take_pending(|it| it.exchange == exchange);
        for mut pending in unanswered {
            let may_come_elsewhere = match pending.request {
                Request::Handshake | Request::Connect | Request::Disconnect => false,
                Request::Subscribe(_) | Request::Unsubscribe(_) | Request::Publish(_) => {
                    self.lane_connect.is_some()
                }
            };
            if may_come_elsewhere {
                pending.deadline = Some(now + self.settings.network_timeout);
                self.pending.push(pending);
            } else {
                let failure = no_reply(&pending.request);
                self.request_failed(now, pending, &failure);
            }
        }
    }

    pub(super) fn check_loop(&mut self, now: Instant, in_flight: &InFlight) {
        let has_interval = self.advice.interval.is_some_and(|it| it >= NOT_HELD);
        if !matches!(self.state, State::Established(_)) || has_interval {
            return;
        }
        let n_deliveries = self.n_delivered - in_flight.n_delivered_before;
        let found = self
            .connect_loop
            .connect_returned(in_flight.sent, now, n_deliveries);
        if let Some((n_connects, within)) = found {
            self.end(End::TightLoop { n_connects, within });
        }
    }
}

pub(super) fn no_reply(request: &Request) -> Failure {
    Failure {
        stage: Stage::Interrupted,
        permanence: Permanence::Transient,
        retry_after: None,
        is_gateway_timeout: false,
        cause: Arc::new(NoReply {
            channel: request.channel().to_owned(),
        }),
    }
}
