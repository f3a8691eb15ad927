//! Carrying out messages of clients other than connects: one function for each channel of the
//! protocol, and one for publishes.

use std::sync::Arc;
use std::time::Instant;

use serde_json::Value;

use super::Broker;
use super::clock::later;
use super::exchange::SessionEvent;
use super::extension::{Carriers, Extensions};
use super::keys::SessionKey;
use super::refusal::Refusal;
use super::reply;
use super::sessions::Client;
use super::turn::Turn;
use super::{salesforce, services};
use crate::protocol::{Channel, ChannelPattern, ConnectionType, GrammarNote, Message, meta};
use crate::server::client_name::client_name;
use crate::server::{ChannelGrammar, CloseReason, UnconnectedPublish};

/// Longest name of a channel in bytes: a session keeps those that it subscribes to.
const MAX_CHANNEL: usize = 2048;

impl Broker {
    /// Everything but connects.
    pub(super) fn carry_out(
        &mut self,
        now: Instant,
        turn: &mut Turn<'_>,
        message: &Message,
    ) -> Result<Message, Refusal> {
        match message.channel() {
            meta::HANDSHAKE => self.handshake(now, turn, message),
            meta::SUBSCRIBE => match self.dialect.salesforce() {
                None => self.subscribe(now, turn, message),
                Some(_) => self.subscribe_with_replay(now, turn, message),
            },
            meta::UNSUBSCRIBE => self.unsubscribe(now, turn, message),
            meta::DISCONNECT => self.disconnect(now, turn, message),
            _ => self.publish_from(now, turn, message),
        }
    }

    /// What stands against a message in itself, whoever sent it.
    pub(super) fn message_objection(&self, message: &Message) -> Option<Refusal> {
        let name = message.channel();
        if name.len() > MAX_CHANNEL {
            return Some(Refusal::ChannelInvalid);
        }
        let objection = self.dialect.objection(message);
        let is_within = || {
            let channel = name.parse::<Channel>();
            channel.is_ok_and(|it| !self.is_outside_grammar(it.grammar_note()))
        };
        objection.or_else(|| match self.settings.channel_grammar {
            ChannelGrammar::Lenient => None,
            ChannelGrammar::Strict => (!is_within()).then_some(Refusal::ChannelInvalid),
        })
    }

    fn handshake(
        &mut self,
        now: Instant,
        turn: &mut Turn<'_>,
        message: &Message,
    ) -> Result<Message, Refusal> {
        if let (Some(token), None) = (&self.settings.require_token, self.dialect.salesforce()) {
            let by_header = turn.request.bearer.is_some_and(|it| token.fits(it));
            let by_ext = ext_token(message).is_some_and(|it| token.fits(&it));
            if !by_header && !by_ext {
                return Err(Refusal::HandshakeDenied);
            }
        }
        if let Some(refusal) = self.dialect.types_objection(message) {
            return Err(refusal);
        }
        if self.sessions.len() >= self.settings.max_sessions {
            // Where a handshake is alone in its request, or nothing of the request is carried
            // out, HTTP may say it, too.
            if self.dialect.habits().tells_http_of_limits {
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
        let extensions = Extensions::agreed(&self.settings, self.clock.at(now), message);
        let key = self
            .sessions
            .open(Arc::clone(&client_id), client, extensions, deadline, ends)
            .ok_or(Refusal::TooManySessions)?;
        self.bind_to_browser(turn, key);
        if self.dialect.habits().pushes_from_handshake {
            self.attach(key, turn.link);
        }
        let reply = self.dialect.handshaken(message, &client_id);
        self.events.push_back(SessionEvent::Opened(client_id));
        if let Some(n) = self.n_to_forget.checked_sub(1) {
            self.n_to_forget = n;
            self.close(key, CloseReason::Fault);
        }
        Ok(reply)
    }

    fn subscribe(
        &mut self,
        now: Instant,
        turn: &mut Turn<'_>,
        message: &Message,
    ) -> Result<Message, Refusal> {
        let key = self.sender(now, turn, message)?;
        let (mut patterns, mut refused) = self.dialect.subscriptions(message);
        let objections = patterns.iter().map(|it| self.subscription_objection(it));
        let first = objections.enumerate().find_map(|(at, it)| Some((at, it?)));
        if let Some((at, refusal)) = first {
            refused = Some(refusal);
            patterns.truncate(at);
        }
        // The reply has only one `successful`.
        if !self.dialect.habits().keeps_leading_subscriptions
            && let Some(refusal) = refused
        {
            return Err(refusal);
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
        for pattern in &patterns {
            self.dialect.use_channel(pattern.as_str());
        }
        for kept in replayed {
            self.enqueue_kept(now, key, &kept);
        }
        match refused {
            Some(refusal) => Err(refusal),
            None => Ok(self.dialect.done(message)),
        }
    }

    fn subscription_objection(&self, pattern: &ChannelPattern) -> Option<Refusal> {
        let name = pattern.as_str();
        if name.len() > MAX_CHANNEL || self.is_outside_grammar(pattern.grammar_note()) {
            return Some(Refusal::SubscriptionInvalid(name.into()));
        }
        if name.starts_with("/meta/") {
            return Some(Refusal::Forbidden(name.into()));
        }
        let is_denied = self.is_denied(name);
        is_denied.then(|| Refusal::SubscribeDenied(name.into()))
    }

    fn unsubscribe(
        &mut self,
        now: Instant,
        turn: &mut Turn<'_>,
        message: &Message,
    ) -> Result<Message, Refusal> {
        let key = self.sender(now, turn, message)?;
        let (patterns, refused) = self.dialect.subscriptions(message);
        let session = self.sessions.get_mut(key).ok_or(Refusal::SessionUnknown)?;
        let mut objections = patterns
            .iter()
            .map(ChannelPattern::as_str)
            // What it is subscribed to is in use, however long ago that was noted.
            .filter(|name| !session.subscriptions.contains(*name))
            .filter_map(|name| self.dialect.unsubscribe_objection(name));
        if let Some(refusal) = refused.or_else(|| objections.next()) {
            return Err(refusal);
        }
        for pattern in &patterns {
            session.subscriptions.remove(pattern.as_str());
            let channel = self.dialect.channel_of(pattern.as_str());
            let mut others = session.subscriptions_to(channel);
            if !others.any(|it| self.dialect.channel_of(it) == channel) {
                self.subscriptions.remove(channel, key);
            }
        }
        Ok(self.dialect.done(message))
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
            && self.dialect.delivers_with(&turn.request)
        {
            let mut queue = session.queue;
            turn.deliveries.extend(queue.take_all());
        }
        Ok(self.dialect.done(message))
    }

    fn publish_from(
        &mut self,
        now: Instant,
        turn: &mut Turn<'_>,
        message: &Message,
    ) -> Result<Message, Refusal> {
        let habits = self.dialect.habits();
        let sender = match (message.client_id(), self.settings.unconnected_publish) {
            _ if habits.publishes_without_session => None,
            (None, UnconnectedPublish::Accepted) => None,
            (None, UnconnectedPublish::Refused) | (Some(_), _) => {
                Some(self.sender(now, turn, message)?)
            }
        };
        let channel = self.dialect.channel(message)?;
        if self.is_denied(channel) {
            return Err(Refusal::PublishDenied);
        }
        let data = message.data();
        if data.is_none() && !self.dialect.takes_no_data() {
            return Err(Refusal::DataMissing);
        }
        if self.dialect.salesforce().is_some() && !salesforce::is_durable(channel) {
            return Err(Refusal::PublishDenied);
        }
        self.dialect.use_channel(channel);
        if !habits.has_services || !channel.starts_with("/service/") {
            self.broadcast(now, channel, message);
        } else if let (Some(key), Some(data)) = (sender, data)
            && let Ok(data) = data.parse()
            && let Some(answer) = services::answer(channel, &data, self.clock.at(now))
        {
            let id = self.dialect.id(message);
            let answer = reply::answer(channel, id.as_ref(), &answer);
            self.enqueue(now, key, &Arc::new(answer));
        }
        Ok(self.dialect.done(message))
    }

    /// The session of a message, if its request may speak for it.
    pub(super) fn session_of(&self, turn: &Turn<'_>, message: &Message) -> Option<SessionKey> {
        let key = self.sessions.find(message.client_id().unwrap_or(""))?;
        let session = self.sessions.get(key)?;
        let is_another = self.dialect.habits().one_session_a_request
            && turn.request.connection_type != ConnectionType::WebSocket
            && turn.sender.is_some_and(|sender| sender != key);
        (self.is_of_browser(session, &turn.request) && !is_another).then_some(key)
    }

    /// The session of a message other than handshake and connect. Such a message is a sign
    /// of life and puts off the session's expiry.
    pub(super) fn sender(
        &mut self,
        now: Instant,
        turn: &mut Turn<'_>,
        message: &Message,
    ) -> Result<SessionKey, Refusal> {
        let key = self
            .session_of(turn, message)
            .ok_or(Refusal::SessionUnknown)?;
        turn.sender.get_or_insert(key);
        self.sessions
            .extend(key, later(now, self.settings.max_interval));
        let at = self.clock.at(now);
        if let Some(session) = self.sessions.get_mut(key) {
            // Only connects are looked at for whether the session goes on.
            let _ = session.extensions.received(at, message, &mut session.queue);
        }
        Ok(key)
    }

    fn is_outside_grammar(&self, note: Option<GrammarNote>) -> bool {
        match self.settings.channel_grammar {
            ChannelGrammar::Lenient => false,
            ChannelGrammar::Strict => note.is_some(),
        }
    }

    pub(super) fn is_denied(&self, name: &str) -> bool {
        self.settings
            .deny
            .iter()
            .any(|pattern| pattern.matches(name))
    }
}

fn ext_token(message: &Message) -> Option<String> {
    let ext: Value = serde_json::from_str(message.ext()?).ok()?;
    Some(ext.get("token")?.as_str()?.to_owned())
}
