//! The inputs of a transport whose replies come on their own, as they do over a websocket.

use std::time::Instant;

use crate::protocol::{ConnectionType, Kind, Message};

use super::event::{End, LossReason};
use super::machine::Session;
use super::pending::{Pending, Request};
use super::state::{InFlight, State};
use super::{Connects, ExchangeId, Failure};

impl Session {
    /// A request has left. Its replies will come through
    /// [`handle_messages`](Self::handle_messages), in any order and among other messages; the
    /// send lane is free for the next request.
    pub fn handle_sent(&mut self, now: Instant, exchange: ExchangeId) {
        if self
            .lane_send
            .as_ref()
            .is_some_and(|it| it.exchange == exchange)
        {
            self.lane_send = None;
        }
        let is_held = |it: &InFlight| it.exchange == exchange && it.may_be_held;
        let hold = match &self.lane_connect {
            Some(in_flight) if is_held(in_flight) => self.hold(),
            Some(_) | None => Default::default(),
        };
        let deadline = now + self.settings.network_timeout + hold;
        for pending in &mut self.pending {
            if pending.exchange == exchange {
                pending.deadline = Some(deadline);
            }
        }
    }

    /// Takes messages that came on their own. Deliveries alone lead to events, and to nothing that
    /// has to be sent or that has to happen earlier than it had to before.
    pub fn handle_messages(&mut self, now: Instant, messages: Vec<Message>) {
        let is_delivery = |it: &Message| it.kind() == Kind::Delivery;
        let is_unsettled = !messages.iter().all(is_delivery);
        // Most of what comes are deliveries of which there is nothing to learn, often many at once.
        if !is_unsettled
            && self.settings.extensions.is_empty()
            && messages.iter().all(|it| it.advice().is_none())
        {
            self.n_delivered += messages.len() as u64;
            self.last_alive = Some(now);
            return self.events.extend(messages);
        }
        for message in messages {
            self.handle_message(now, message);
        }
        if is_unsettled {
            self.settle_connect(now);
            self.finish_renewal(now);
        }
    }

    /// The connection is gone: what left through it and has no reply will get none.
    pub fn handle_disconnected(&mut self, now: Instant, failure: &Failure) {
        self.lane_connect = None;
        self.lane_send = None;
        let is_connect = |it: &Pending| matches!(it.request, Request::Connect);
        let connects = self.take_pending(is_connect);
        if connects.is_empty() {
            self.connection_failed(now, failure);
        }
        for pending in connects {
            self.request_failed(now, pending, failure);
        }
        if let State::Established(established) = &self.state {
            // One announcement is enough: the rest waits as long as the connect does.
            self.send_at = self.send_at.or(established.connect_at);
        }
        for pending in self.take_pending(|_| true) {
            self.request_failed(now, pending, failure);
        }
        self.finish_renewal(now);
    }

    /// The connection failed while no connect was under way: what was on its way to us is lost
    /// all the same, so the next connect counts as one that is tried again.
    fn connection_failed(&mut self, now: Instant, failure: &Failure) {
        let State::Established(established) = &self.state else {
            return;
        };
        // A connect that was to leave through it has been handed back.
        let is_waiting = established.connect_at.is_some_and(|it| it > now);
        let is_known = established.n_failed > 0 && is_waiting;
        match self.settings.connects {
            Connects::Never => {}
            Connects::Held if self.is_session_doubtful(failure) => {
                self.lose(now, LossReason::Silence(failure.clone()));
            }
            Connects::Held if is_known => {}
            Connects::Held => self.connect_failed(now, failure),
        }
    }

    /// Begins anew over another transport. Only before the first handshake has succeeded.
    pub fn fall_back(&mut self, now: Instant, connection_type: ConnectionType) {
        if self.was_established() || self.is_ended() {
            return;
        }
        if self.is_leaving {
            return self.end(End::Disconnected);
        }
        self.settings.connection_type = connection_type;
        self.lane_send = None;
        self.take_pending(|it| matches!(it.request, Request::Handshake));
        self.state = State::Unconnected { handshake_at: now };
    }

    /// The connect keeps its lane until its reply is there, or will not come any more.
    pub(super) fn settle_connect(&mut self, now: Instant) {
        let is_over = |it: &mut InFlight| {
            let is_its = |pending: &Pending| pending.exchange == it.exchange;
            !self.pending.iter().any(is_its)
        };
        if let Some(in_flight) = self.lane_connect.take_if(is_over)
            && in_flight.may_be_held
            && in_flight.epoch == self.epoch
        {
            self.check_loop(now, &in_flight);
        }
    }
}
