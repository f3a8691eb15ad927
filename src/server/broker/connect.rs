//! Carrying out a connect: whether it is answered at once or held, and until when.

use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Broker;
use super::clock::later;
use super::dialect::ConnectAdvice;
use super::extension::{Carriers, Reply, Standing};
use super::keys::{HoldId, LinkId, SessionKey};
use super::refusal::Refusal;
use super::sessions::{AdviceWanted, Held};
use super::turn::{Connected, Turn};
use crate::protocol::{Advice, ConnectionType, Message, meta};
use crate::server::CloseReason;
use crate::server::fault::Effects;
use crate::server::playback::Played;

impl Broker {
    /// Answers a connect, or holds it until there is something to report.
    pub(super) fn connect(
        &mut self,
        now: Instant,
        turn: &mut Turn<'_>,
        message: &Message,
        (effects, played): (&Effects, &Option<Played>),
    ) -> Connected {
        let Some(key) = self.session_of(turn, message) else {
            return self.unknown(message);
        };
        self.supersede(now, key);
        self.attach(key, turn.link);
        turn.sender.get_or_insert(key);
        let timeout = self.hold_timeout(turn.request.connection_type, message);
        let wants_advice = message.advice().is_some();
        if let Some(played) = played {
            self.schedule(now, message, played);
        }
        let id = self.dialect.id(message);
        let at = self.clock.at(now);
        let Some(session) = self.sessions.get_mut(key) else {
            return self.unknown(message);
        };
        session.client.connection_type = turn.request.connection_type;
        let standing = session.extensions.received(at, message, &mut session.queue);
        if standing == Standing::Inactive {
            self.close(key, CloseReason::Inactive);
            turn.deliveries
                .push(Arc::new(self.dialect.ended_by_server()));
            let reply = self.dialect.connect_that_ends_session(id.as_ref());
            return Connected::Reply(Arc::new(reply));
        }
        let is_first = !mem::replace(&mut session.has_connected, true);
        let habits = self.dialect.habits();
        let advice = match habits.connect_advice {
            ConnectAdvice::OnRequest if wants_advice => AdviceWanted::Wanted,
            ConnectAdvice::First if is_first => AdviceWanted::Wanted,
            ConnectAdvice::Always => AdviceWanted::Wanted,
            ConnectAdvice::OnRequest | ConnectAdvice::First => AdviceWanted::Unchanged,
        };
        let client_id = Arc::clone(&session.client_id);
        let request = turn.request;
        let n_others = match habits.holds_batches {
            true => {
                let is_connect = |it: &&Message| it.channel() == meta::CONNECT;
                request.messages.iter().filter(is_connect).count() - 1
            }
            false => request.messages.len() + request.n_unreadable - 1,
        };
        // What waits for a link leaves by itself.
        let has_something = session.pushes_to().is_none() && !session.queue.is_empty();
        let (is_first, timeout) = match effects.hold() {
            true => (false, self.settings.timeout),
            false => (is_first && habits.answers_first_connect, timeout),
        };
        let is_answered = is_first || timeout.is_zero() || has_something || effects.storm();
        if n_others == 0 && !is_answered {
            if self.shares_browser(key, &request) {
                return self.crowded(now, key, id.as_ref());
            }
            self.last_hold += 1;
            let hold = HoldId(self.last_hold);
            let is_authorised_until = self.dialect.token_ends(now, request.bearer, &self.faults);
            if let Some(session) = self.sessions.get_mut(key) {
                session.held = Some(Held {
                    hold,
                    id,
                    advice,
                    before: None,
                    is_authorised_until,
                    effects: effects.clone(),
                    played: played.clone(),
                });
            }
            self.holds.insert(hold, key);
            let until = later(now, timeout);
            let until = is_authorised_until.map_or(until, |it| it.min(until));
            self.sessions.move_deadline(key, until);
            return Connected::Held(hold);
        }
        self.expect_connect(now, key);
        let reply = self.dialect.connected(&client_id, id.as_ref(), advice);
        let Some(session) = self.sessions.get_mut(key) else {
            return Connected::Reply(Arc::new(reply));
        };
        let mut deliveries = match session.extensions.carriers() {
            // They go with whatever the response answers.
            Carriers::All => Vec::new(),
            Carriers::Connects if turn.sender == Some(key) => session.queue.take(),
            Carriers::Connects => Vec::new(),
        };
        let to = Reply::Connect(&deliveries);
        let reply = session.extensions.extended(at, reply, to);
        turn.deliveries.append(&mut deliveries);
        Connected::Reply(Arc::new(reply))
    }

    fn unknown(&self, connect: &Message) -> Connected {
        let reply = self.dialect.refused(connect, &Refusal::SessionUnknown);
        Connected::Reply(Arc::new(reply))
    }

    /// From now on the session's messages are pushed over this link, or wait for its connects.
    pub(super) fn attach(&mut self, key: SessionKey, link: Option<LinkId>) {
        let Some(session) = self.sessions.get_mut(key) else {
            return;
        };
        if let Some(before) = mem::replace(&mut session.link, link) {
            self.links.detach(before, key);
        }
        if let Some(link) = link {
            self.links.attach(link, key);
            // What the reply to this connect leaves in the queue follows at once.
            self.woken.push(key);
        }
    }

    /// How long this connect may be held: as the client asked, but no more than twice as long
    /// as the settings say.
    fn hold_timeout(&self, connection_type: ConnectionType, connect: &Message) -> Duration {
        let configured = self.settings.timeout;
        let asked = connect
            .advice()
            .and_then(|advice| Advice::parse(advice, connection_type))
            .and_then(|advice| advice.timeout);
        match asked {
            Some(asked) => asked.min(configured.saturating_mul(2)),
            None => configured,
        }
    }
}
