//! Carrying out messages of clients: one function for each channel of the protocol, and one
//! for publishes.

use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::dialect::Dialect;
use super::extension::{Carriers, Extensions, Reply, Standing};
use super::reply::{self, Refusal};
use super::sessions::{AdviceWanted, Client, Held, SessionKey};
use super::{Broker, HoldId, LinkId, SessionEvent, Turn, later};
use super::{salesforce, services};
use crate::protocol::{
    Advice, Channel, ChannelPattern, ConnectionType, GrammarNote, Json, Message, meta,
};
use crate::server::client_name::client_name;
use crate::server::fault::Effects;
use crate::server::playback::Played;
use crate::server::{ChannelGrammar, CloseReason, UnconnectedPublish};

/// Longest name of a channel in bytes: a session keeps those that it subscribes to.
const MAX_CHANNEL: usize = 2048;

/// What becomes of a connect.
pub(super) enum Connected {
    Reply(Arc<Message>),
    Held(HoldId),
}

impl Broker {
    /// Everything but connects.
    pub(super) fn carry_out(
        &mut self,
        now: Instant,
        turn: &mut Turn<'_>,
        message: &Message,
    ) -> Result<Message, Refusal> {
        match message.channel() {
            "" => Err(Refusal::ChannelMissing),
            meta::HANDSHAKE => self.handshake(now, turn, message),
            meta::SUBSCRIBE => match self.dialect {
                Dialect::CometD { .. } => self.subscribe(now, turn, message),
                Dialect::Salesforce(_) => self.subscribe_with_replay(now, turn, message),
            },
            meta::UNSUBSCRIBE => self.unsubscribe(now, turn, message),
            meta::DISCONNECT => self.disconnect(now, turn, message),
            name => {
                if name.len() > MAX_CHANNEL {
                    return Err(Refusal::ChannelInvalid);
                }
                let channel: Channel = name.parse().map_err(|_| Refusal::ChannelInvalid)?;
                if self.is_outside_grammar(channel.grammar_note()) {
                    return Err(Refusal::ChannelInvalid);
                }
                if channel.is_meta() {
                    return Err(Refusal::MetaChannel(name.into()));
                }
                self.publish_from(now, turn, message, &channel)
            }
        }
    }

    fn handshake(
        &mut self,
        now: Instant,
        turn: &mut Turn<'_>,
        message: &Message,
    ) -> Result<Message, Refusal> {
        if let (Some(token), Dialect::CometD { .. }) = (&self.settings.require_token, &self.dialect)
        {
            let by_header = turn.request.bearer.is_some_and(|it| token.fits(it));
            let by_ext = ext_token(message).is_some_and(|it| token.fits(&it));
            if !by_header && !by_ext {
                return Err(Refusal::HandshakeDenied);
            }
        }
        if let Some(types) = connection_types(message)
            && !types.iter().any(|it| self.speaks(it))
        {
            return Err(Refusal::ConnectionTypes(types.join(",")));
        }
        if self.sessions.len() >= self.settings.max_sessions {
            // A handshake is alone in its request, or nothing of the request is carried out.
            if let Dialect::CometD { .. } = self.dialect {
                turn.retry_after = Some(reply::BUSY_INTERVAL);
            }
            return Err(Refusal::TooManySessions);
        }
        let deadline = self.connect_deadline(now);
        let client_id: Arc<str> = (self.client_ids)().ok_or(Refusal::TooManySessions)?.into();
        let client = Client {
            name: client_name(message, turn.request.user_agent),
            connection_type: turn.request.connection_type,
            opened: now,
        };
        let ends = self.faults.session_lifetime().map(|it| later(now, it));
        let extensions = Extensions::agreed(&self.settings, self.started.at(now), message);
        let key = self
            .sessions
            .open(Arc::clone(&client_id), client, extensions, deadline, ends)
            .ok_or(Refusal::TooManySessions)?;
        let reply = self.dialect.handshaken(message, &client_id);
        self.events.push_back(SessionEvent::Opened(client_id));
        if let Some(n) = self.n_to_forget.checked_sub(1) {
            self.n_to_forget = n;
            self.close(key, CloseReason::Fault);
        }
        Ok(reply)
    }

    pub(super) fn connect(
        &mut self,
        now: Instant,
        turn: &mut Turn<'_>,
        message: &Message,
        (effects, played): (&Effects, &Option<Played>),
    ) -> Connected {
        let client_id = message.client_id().unwrap_or("");
        let Some(key) = self.sessions.find(client_id) else {
            return self.unknown(message);
        };
        // One connect at a time (Bayeux 1.0, "Connect Request": MUST). The older one is
        // answered, since a client may still wait for it; CometD 8.0.10 ends it with HTTP
        // 500, Faye 1.4.3 never.
        self.release_held(now, key);
        self.attach(key, turn.link);
        turn.sender.get_or_insert(key);
        let timeout = self.hold_timeout(turn.request.connection_type, message);
        let wants_advice = message.advice().is_some();
        if let Some(played) = played {
            self.schedule(now, message, played);
        }
        let id = reply::message_id(message);
        let at = self.started.at(now);
        let Some(session) = self.sessions.get_mut(key) else {
            return self.unknown(message);
        };
        session.client.connection_type = turn.request.connection_type;
        let standing = session.extensions.received(at, message, &mut session.queue);
        if standing == Standing::Inactive {
            self.close(key, CloseReason::Inactive);
            turn.deliveries.push(Arc::new(reply::ended_by_server()));
            return Connected::Reply(Arc::new(reply::connect_of_ended_session(id.as_ref())));
        }
        let is_first = !mem::replace(&mut session.has_connected, true);
        let advice = match is_first || (wants_advice && self.dialect.repeats_advice()) {
            true => AdviceWanted::Wanted,
            false => AdviceWanted::Unchanged,
        };
        let is_alone = turn.request.messages.len() + turn.request.n_unreadable == 1;
        // The dojox client sends nothing else before its first connect succeeded: that one
        // is answered at once (CometD does, Faye 1.4.3 and cometd-nodejs-server 1.2.1 hold
        // it). Nor do the replies of a batch wait for the connect among them.
        // What waits for a link leaves by itself.
        let has_something = session.pushes_to().is_none() && !session.queue.is_empty();
        let (is_first, timeout) = match effects.hold() {
            true => (false, self.settings.timeout),
            false => (is_first, timeout),
        };
        let is_answered = is_first || timeout.is_zero() || has_something || effects.storm();
        if is_alone && !is_answered {
            if self.shares_browser(key, &turn.request) {
                return self.crowded(now, key, id.as_ref());
            }
            self.last_hold += 1;
            let hold = HoldId(self.last_hold);
            let is_authorised_until = match &mut self.dialect {
                Dialect::CometD { .. } => None,
                Dialect::Salesforce(it) => it.token_ends(now, turn.request.bearer, &self.faults),
            };
            if let Some(session) = self.sessions.get_mut(key) {
                session.held = Some(Held {
                    hold,
                    id,
                    advice,
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
        let reply = self.dialect.connected(client_id, id.as_ref(), advice);
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
    fn attach(&mut self, key: SessionKey, link: Option<LinkId>) {
        let Some(session) = self.sessions.get_mut(key) else {
            return;
        };
        if let Some(before) = mem::replace(&mut session.link, link) {
            self.links.detach(before, key);
        }
        if let Some(link) = link {
            self.links.attach(link, key);
            // What the reply to this connect leaves in the queue follows at once.
            self.woken.insert(key);
        }
    }

    fn subscribe(
        &mut self,
        now: Instant,
        turn: &mut Turn<'_>,
        message: &Message,
    ) -> Result<Message, Refusal> {
        let key = self.sender(now, turn, message)?;
        let patterns = patterns(message)?;
        let notes = patterns.iter().filter_map(ChannelPattern::grammar_note);
        if self.is_outside_grammar(notes.into_iter().next()) {
            return Err(Refusal::SubscriptionInvalid);
        }
        // All of an array or nothing of it: the reply has only one `successful`. CometD, Faye
        // and cometd-nodejs-server keep what stands before the one that failed.
        for pattern in &patterns {
            let name = pattern.as_str();
            if name.starts_with("/meta/") {
                return Err(Refusal::MetaChannel(name.into()));
            }
            if self.is_denied(name) {
                return Err(Refusal::SubscribeDenied);
            }
        }
        let replayed = self.replayed(now, message, &patterns)?;
        let session = self.sessions.get_mut(key).ok_or(Refusal::SessionUnknown)?;
        if session.subscriptions.len() + patterns.len() > self.settings.max_subscriptions {
            return Err(Refusal::TooManySubscriptions);
        }
        // Services answer only the one who asked; subscriptions to them SHOULD NOT be
        // recorded (Bayeux 1.0, "Service Channels").
        let recorded = patterns
            .iter()
            .map(ChannelPattern::as_str)
            .filter(|name| !name.starts_with("/service/"));
        for name in recorded {
            session.subscriptions.insert(name.into());
            self.subscriptions.add(name, key);
        }
        for kept in replayed {
            self.enqueue_kept(now, key, &kept);
        }
        Ok(reply::subscribed(message))
    }

    fn unsubscribe(
        &mut self,
        now: Instant,
        turn: &mut Turn<'_>,
        message: &Message,
    ) -> Result<Message, Refusal> {
        let key = self.sender(now, turn, message)?;
        let patterns = patterns(message)?;
        let session = self.sessions.get_mut(key).ok_or(Refusal::SessionUnknown)?;
        for pattern in &patterns {
            session.subscriptions.remove(pattern.as_str());
            let channel = self.dialect.channel_of(pattern.as_str());
            let mut others = session.subscriptions_to(channel);
            if !others.any(|it| self.dialect.channel_of(it) == channel) {
                self.subscriptions.remove(channel, key);
            }
        }
        Ok(reply::subscribed(message))
    }

    fn disconnect(
        &mut self,
        now: Instant,
        turn: &mut Turn<'_>,
        message: &Message,
    ) -> Result<Message, Refusal> {
        let key = self.sender(now, turn, message)?;
        if let Some(session) = self.close(key, CloseReason::Disconnected)
            && session.extensions.carriers() == Carriers::All
            && turn.sender == Some(key)
        {
            let mut queue = session.queue;
            turn.deliveries.extend(queue.take_all());
        }
        Ok(reply::reply_to(message, true).build())
    }

    fn publish_from(
        &mut self,
        now: Instant,
        turn: &mut Turn<'_>,
        message: &Message,
        channel: &Channel,
    ) -> Result<Message, Refusal> {
        let sender = match (message.client_id(), self.settings.unconnected_publish) {
            (None, UnconnectedPublish::Accepted) => None,
            (None, UnconnectedPublish::Refused) | (Some(_), _) => {
                Some(self.sender(now, turn, message)?)
            }
        };
        if self.is_denied(channel.as_str()) {
            return Err(Refusal::PublishDenied);
        }
        let data = message.data().and_then(|data| data.parse().ok());
        let data: Json = data.ok_or(Refusal::DataMissing)?;
        if let Dialect::Salesforce(_) = self.dialect
            && !salesforce::is_durable(channel.as_str())
        {
            return Err(Refusal::PublishDenied);
        }
        if !channel.is_service() {
            self.broadcast(now, channel.as_str(), &data);
        } else if let Some(key) = sender
            && let Some(answer) = services::answer(channel.as_str(), &data, self.started.at(now))
        {
            let id = reply::message_id(message);
            let answer = reply::delivery(channel.as_str(), id.as_ref(), &answer);
            self.enqueue(now, key, &Arc::new(answer));
        }
        Ok(reply::reply_to(message, true).build())
    }

    /// The session of a message other than handshake and connect. Such a message is a sign
    /// of life and puts off the session's expiry.
    pub(super) fn sender(
        &mut self,
        now: Instant,
        turn: &mut Turn<'_>,
        message: &Message,
    ) -> Result<SessionKey, Refusal> {
        let client_id = message.client_id().unwrap_or("");
        let key = self
            .sessions
            .find(client_id)
            .ok_or(Refusal::SessionUnknown)?;
        turn.sender.get_or_insert(key);
        self.sessions
            .extend(key, later(now, self.settings.max_interval));
        let at = self.started.at(now);
        if let Some(session) = self.sessions.get_mut(key) {
            // Only connects are looked at for whether the session goes on.
            let _ = session.extensions.received(at, message, &mut session.queue);
        }
        Ok(key)
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

    fn is_outside_grammar(&self, note: Option<GrammarNote>) -> bool {
        match self.settings.channel_grammar {
            ChannelGrammar::Lenient => false,
            ChannelGrammar::Strict => note.is_some(),
        }
    }

    fn speaks(&self, connection_type: &str) -> bool {
        let mut spoken = self.settings.flavor.connection_types().iter();
        spoken.any(|it| it.as_str() == connection_type)
    }

    pub(super) fn is_denied(&self, name: &str) -> bool {
        self.settings
            .deny
            .iter()
            .any(|pattern| pattern.matches(name))
    }
}

/// The patterns of a subscribe or unsubscribe; all of them are legal.
fn patterns(message: &Message) -> Result<Vec<ChannelPattern>, Refusal> {
    let names = message.subscriptions();
    if names.is_empty() {
        return match message.get("subscription").map(str::trim) {
            None | Some("null") => Err(Refusal::SubscriptionMissing),
            Some(_) => Err(Refusal::SubscriptionInvalid),
        };
    }
    names
        .iter()
        .map(|name| match name.len() {
            0..=MAX_CHANNEL => name.parse().map_err(|_| Refusal::SubscriptionInvalid),
            _ => Err(Refusal::SubscriptionInvalid),
        })
        .collect()
}

fn ext_token(message: &Message) -> Option<String> {
    let ext: Value = serde_json::from_str(message.ext()?).ok()?;
    Some(ext.get("token")?.as_str()?.to_owned())
}

/// What a handshake says about its connection types. The dojox client leaves the field out of
/// its cross-origin handshake (dojox 1.7.12), which is no reason to refuse it.
fn connection_types(message: &Message) -> Option<Vec<String>> {
    serde_json::from_str(message.get("supportedConnectionTypes")?).ok()
}
