//! What the session sends, and when.

use std::time::{Duration, Instant};

use crate::protocol::{ConnectionType, Json, Message, MessageBuilder, VERSION, encoded_len};

use super::extension;
use super::machine::Session;
use super::pending::{Pending, Request};
use super::queue::{Subscription, SubscriptionState};
use super::state::{InFlight, State};
use super::{Lane, Transmit};

/// The answer to a connect with this advice comes at once: CometD, cometd-nodejs and Faye
/// all honour it.
const ANSWER_AT_ONCE: &str = r#"{"timeout":0}"#;
/// Messages without a reply beyond which no publish leaves. Over HTTP there are never as many.
const MOST_UNANSWERED: usize = 256;

impl Session {
    /// The next request to send, if one is due. Call it until it returns `None`.
    pub fn poll_transmit(&mut self, now: Instant) -> Option<Transmit> {
        self.poll_send(now).or_else(|| self.poll_connect(now))
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) at the latest.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let handshake_at = match &self.state {
            State::Unconnected { handshake_at } if self.lane_send.is_none() => Some(*handshake_at),
            _ => None,
        };
        let connect_at = match &self.state {
            State::Established(established) if self.lane_connect.is_none() => established
                .connect_at
                .filter(|_| !self.is_subscribing_first()),
            _ => None,
        };
        let send_at = self
            .send_at
            .filter(|_| self.lane_send.is_none() && self.has_to_send());
        let deadlines = self.pending.iter().filter_map(|it| it.deadline);
        [handshake_at, connect_at, send_at]
            .into_iter()
            .flatten()
            .chain(deadlines)
            .min()
    }

    /// Whether a message that is published now leaves with the next
    /// [`poll_transmit`](Self::poll_transmit), before and beside nothing else.
    pub fn is_free_to_publish(&self, now: Instant) -> bool {
        matches!(self.state, State::Established(_))
            && self.lane_send.is_none()
            && self.send_at.is_none_or(|it| it <= now)
            && self.pending.len() < MOST_UNANSWERED
            && !self.has_to_send()
    }

    fn poll_send(&mut self, now: Instant) -> Option<Transmit> {
        if self.lane_send.is_some() {
            return None;
        }
        match &mut self.state {
            State::Unconnected { handshake_at } if now >= *handshake_at => {
                self.state = State::Handshaking;
                Some(self.transmit(now, vec![Request::Handshake], None))
            }
            // Only what a session sends rests after a failure, never its way in or out.
            State::Established(_) if self.send_at.is_some_and(|at| now < at) => None,
            State::Established(_) => {
                self.send_at = None;
                self.poll_established(now)
            }
            // Over a websocket the lane is free before the reply is there.
            State::Disconnecting { .. } if is_asked(&self.pending) => None,
            State::Disconnecting { n_sent, .. } => {
                *n_sent += 1;
                Some(self.transmit(now, vec![Request::Disconnect], None))
            }
            State::Idle
            | State::Unconnected { .. }
            | State::Handshaking
            | State::Unauthorised(_)
            | State::Ended => None,
        }
    }

    /// Subscribes first, then what waits to be published; never both in one request, since
    /// a refusal of the one must not delay the other.
    fn poll_established(&mut self, now: Instant) -> Option<Transmit> {
        let mut requests = Vec::new();
        for subscription in &mut self.subscriptions {
            match subscription.state {
                // One subscribe for each channel: what a server did with the other channels
                // of an array when it refused one is not defined.
                SubscriptionState::Wanted => {
                    subscription.state = SubscriptionState::Asked;
                    requests.push(Request::Subscribe(subscription.pattern.clone()));
                }
                SubscriptionState::Unwanted => {
                    requests.push(Request::Unsubscribe(subscription.pattern.clone()));
                }
                SubscriptionState::Asked
                | SubscriptionState::Confirmed
                | SubscriptionState::Refused => {}
            }
        }
        self.subscriptions
            .retain(|it| it.state != SubscriptionState::Unwanted);
        if requests.is_empty() && self.pending.len() < MOST_UNANSWERED {
            let n_publishes = self.publications.len().min(self.settings.max_batch.max(1));
            requests.reserve_exact(n_publishes);
            requests.extend(self.publications.drain(..n_publishes).map(Request::Publish));
        }
        (!requests.is_empty()).then(|| self.transmit(now, requests, None))
    }

    fn poll_connect(&mut self, now: Instant) -> Option<Transmit> {
        if self.lane_connect.is_some() || self.is_subscribing_first() {
            return None;
        }
        let State::Established(established) = &mut self.state else {
            return None;
        };
        let connect_at = established.connect_at?;
        if now < connect_at {
            return None;
        }
        established.connect_at = None;
        let may_hold = established.may_hold;
        self.connect_leaves(now, connect_at);
        let hold = may_hold.then(|| self.expected_hold());
        Some(self.transmit(now, vec![Request::Connect], hold))
    }

    /// A new session subscribes before its first connect, so that nothing is missed. If the
    /// send lane rests after a failure, the connect goes first.
    fn is_subscribing_first(&self) -> bool {
        let State::Established(established) = &self.state else {
            return false;
        };
        let is_subscribing = self.subscriptions.iter().any(|it| match it.state {
            SubscriptionState::Wanted => self.send_at.is_none(),
            SubscriptionState::Asked => true,
            SubscriptionState::Confirmed
            | SubscriptionState::Refused
            | SubscriptionState::Unwanted => false,
        });
        !established.is_connected && is_subscribing
    }

    fn has_to_send(&self) -> bool {
        match &self.state {
            State::Established(_) => {
                let waits = |it: &super::queue::Subscription| {
                    matches!(
                        it.state,
                        SubscriptionState::Wanted | SubscriptionState::Unwanted
                    )
                };
                !self.publications.is_empty() || self.subscriptions.iter().any(waits)
            }
            State::Idle
            | State::Unconnected { .. }
            | State::Handshaking
            | State::Unauthorised(_)
            | State::Disconnecting { .. }
            | State::Ended => false,
        }
    }

    /// `hold` is given for a connect that the server may hold.
    fn transmit(
        &mut self,
        now: Instant,
        requests: Vec<Request>,
        hold: Option<Duration>,
    ) -> Transmit {
        let exchange = self.next_exchange();
        // Every caller has at least one request, and those of one call share their lane.
        let lane = requests.first().map_or(Lane::Send, Request::lane);
        let mut messages = Vec::with_capacity(requests.len());
        let mut room = Room::new(self.settings.max_encoded);
        let mut requests = requests.into_iter();
        let mut surplus = None;
        for request in requests.by_ref() {
            let (id, message) = self.message(now, &request, hold);
            if !room.takes(&message) {
                surplus = Some(request);
                break;
            }
            self.pending.push(Pending {
                id,
                exchange,
                epoch: self.epoch,
                request,
                deadline: None,
            });
            messages.push(message);
        }
        surplus
            .into_iter()
            .chain(requests)
            .for_each(|it| self.put_back(it));
        let in_flight = InFlight {
            exchange,
            epoch: self.epoch,
            sent: now,
            may_be_held: hold.is_some(),
            n_delivered_before: self.n_delivered,
        };
        match lane {
            Lane::Connect => self.lane_connect = Some(in_flight),
            Lane::Send => self.lane_send = Some(in_flight),
        }
        Transmit {
            exchange,
            lane,
            messages,
            hold: hold.unwrap_or_default(),
        }
    }

    /// Leaves a request that has no room in the present one for the next.
    fn put_back(&mut self, request: Request) {
        match request {
            Request::Publish(publication) => self.publish_again(publication),
            Request::Subscribe(pattern) => {
                self.set_subscription(pattern.as_str(), SubscriptionState::Wanted);
            }
            Request::Unsubscribe(pattern) => self.subscriptions.push(Subscription {
                pattern,
                state: SubscriptionState::Unwanted,
                n_failed: 0,
            }),
            // Each is the first and only one of its request, and that one always has room.
            Request::Handshake | Request::Connect | Request::Disconnect => {}
        }
    }

    /// Writes a request's message, with an id.
    fn message(
        &mut self,
        now: Instant,
        request: &Request,
        hold: Option<Duration>,
    ) -> (u64, Message) {
        // Every message has an id: nothing else ties a reply to it on every server.
        let id = self.next_id();
        let message = Message::builder(request.channel()).id(&id.to_string());
        let message = match self.client_id() {
            Some(client_id) => message.client_id(client_id),
            None => message,
        };
        let message = match request {
            Request::Handshake => handshake(message, self.settings.connection_type),
            Request::Connect => {
                let message =
                    message.string("connectionType", self.settings.connection_type.as_str());
                match (hold, self.asked_hold()) {
                    (None, _) => answer_at_once(message),
                    (Some(_), Some(asked)) => answer_after(message, asked),
                    (Some(_), None) => message,
                }
            }
            Request::Subscribe(pattern) | Request::Unsubscribe(pattern) => {
                message.string("subscription", pattern.as_str())
            }
            Request::Publish(publication) => message.json("data", &publication.data),
            Request::Disconnect => message,
        };
        let extensions = &mut self.settings.extensions;
        let message = extension::members(extensions, now, request.outgoing()).write(message);
        (id, message.build())
    }
}

/// What is left of the URL that a request's messages have to fit into.
struct Room {
    left: Option<usize>,
    is_empty: bool,
}

impl Room {
    fn new(max_encoded: Option<usize>) -> Self {
        Self {
            // The brackets.
            left: max_encoded.map(|it| it.saturating_sub(encoded_len("[]"))),
            is_empty: true,
        }
    }

    /// Whether this message goes into the request; the first one always does.
    fn takes(&mut self, message: &Message) -> bool {
        let Some(left) = self.left else {
            return true;
        };
        let length = encoded_len(message.raw()) + encoded_len(",");
        let is_taken = length <= left || self.is_empty;
        self.left = Some(left.saturating_sub(length));
        self.is_empty = false;
        is_taken
    }
}

fn handshake(message: MessageBuilder, connection_type: ConnectionType) -> MessageBuilder {
    let connection_types = format!("[{}]", Json::string(connection_type.as_str()));
    message
        .string("version", VERSION)
        .string("minimumVersion", VERSION)
        .json("supportedConnectionTypes", &valid(&connection_types))
}

/// Whether a disconnect is under way.
fn is_asked(pending: &[Pending]) -> bool {
    let mut requests = pending.iter().map(|it| &it.request);
    requests.any(|it| matches!(it, Request::Disconnect))
}

fn answer_at_once(message: MessageBuilder) -> MessageBuilder {
    message.json("advice", &valid(ANSWER_AT_ONCE))
}

fn answer_after(message: MessageBuilder, hold: Duration) -> MessageBuilder {
    let advice = format!(r#"{{"timeout":{}}}"#, hold.as_millis());
    message.json("advice", &valid(&advice))
}

fn valid(json: &str) -> Json {
    json.parse().expect("written above as valid JSON")
}
