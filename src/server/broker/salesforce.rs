//! What a broker does where it passes for the Streaming API of Salesforce: the checks of a
//! request, subscriptions with replay, and events that are kept.
//!
//! ```text
//!   request -> objection: version, token, cookie -> as everywhere
//!   publish -> event with replay id -> kept --------+-> subscribers
//!   subscribe with ext.replay -> what is kept ------+
//! ```

pub(super) mod cookies;
pub(super) mod denial;
mod event;
mod filter;
pub(super) mod refused;
mod replay;
pub(super) mod replies;
pub(in crate::server) mod rest;
mod retained;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use self::denial::Denial;
use self::event::{Kind, Stamp};
use self::retained::Retained;
use super::Broker;
use super::browsers::BROWSER;
use super::clock::later;
use super::cookie::value;
use super::exchange::Request;
use super::keys::SessionKey;
use super::refusal::Refusal;
use super::reply::literal;
use super::sessions::Session;
use super::turn::Turn;
use crate::protocol::{Channel, Json, Message, meta};
use crate::server::fault::Faults;
use crate::server::{Flavor, Settings};

/// The oldest version of the API that is served.
const OLDEST_VERSION: u32 = 37;

/// Most tokens of which the age is remembered.
const MOST_TOKENS: usize = 10_000;

/// What an emulated Salesforce remembers.
pub(super) struct Salesforce {
    pub(super) advice: Json,
    retained: Retained,
    /// When each token was seen first.
    tokens: HashMap<Box<str>, Instant>,
    /// Subscribes that were refused by the fault `busy=N`.
    n_refused: u32,
    n_delivered: u32,
}

impl Salesforce {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            advice: replies::advice(settings),
            retained: Retained::new(),
            tokens: HashMap::new(),
            n_refused: 0,
            n_delivered: 0,
        }
    }

    /// When the token of a request stops being valid, with the fault `token-expires=DUR`.
    pub(super) fn token_ends(
        &mut self,
        now: Instant,
        token: Option<&str>,
        faults: &Faults,
    ) -> Option<Instant> {
        let lifetime = faults.token_lifetime()?;
        let token = token.unwrap_or_default();
        if self.tokens.len() >= MOST_TOKENS && !self.tokens.contains_key(token) {
            // More than anybody tests with; what is beyond stays fresh.
            return Some(later(now, lifetime));
        }
        let since = *self.tokens.entry(token.into()).or_insert(now);
        Some(later(since, lifetime))
    }
}

impl Broker {
    /// What a request is answered with that has no token where one is required.
    pub(super) fn unauthorised(&self, request: &Request<'_>) -> Option<&'static str> {
        self.dialect.salesforce()?;
        let is_required = self.settings.require_token.is_some();
        (is_required && request.bearer.is_none()).then_some("401::Request requires authentication")
    }

    /// What stands against carrying out a message, before anything is looked at that
    /// concerns its channel.
    pub(super) fn objection(
        &mut self,
        now: Instant,
        request: &Request<'_>,
        message: &Message,
    ) -> Option<Refusal> {
        self.dialect.salesforce()?;
        if let Err(denial) = check_version(request.below) {
            return Some(Refusal::Salesforce(denial));
        }
        let connection_type = request.connection_type;
        if !Flavor::Salesforce
            .connection_types()
            .contains(&connection_type)
        {
            let denial = Denial::ConnectionType(connection_type.as_str().into());
            return Some(Refusal::Salesforce(denial));
        }
        let is_accepted = self.takes_token(now, request.bearer);
        let denial = match (message.channel(), message.client_id()) {
            (meta::HANDSHAKE, _) if !is_accepted => return Some(Refusal::HandshakeDenied),
            (meta::HANDSHAKE, _) => return None,
            _ if !is_accepted => Denial::AuthenticationInvalid,
            (_, Some(client_id))
                if self.sessions.find(client_id).is_some()
                    && value(request.cookies, BROWSER).is_none() =>
            {
                Denial::BrowserCookieMissing(client_id.into())
            }
            (meta::CONNECT, _) => match message.get("connectionType") {
                None | Some(r#""long-polling""#) => return None,
                Some(other) => Denial::ConnectionType(other.trim_matches('"').into()),
            },
            _ => return None,
        };
        Some(Refusal::Salesforce(denial))
    }

    /// Whether the token of a request is the required one, if any is, and not expired.
    fn takes_token(&mut self, now: Instant, bearer: Option<&str>) -> bool {
        let Some(salesforce) = self.dialect.salesforce_mut() else {
            return true;
        };
        let required = self.settings.require_token.as_ref();
        required.is_none_or(|it| bearer.is_some_and(|bearer| it.fits(bearer)))
            && salesforce
                .token_ends(now, bearer, &self.faults)
                .is_none_or(|ends| now < ends)
    }

    /// A subscribe, with what `ext.replay` asks for.
    pub(super) fn subscribe_with_replay(
        &mut self,
        now: Instant,
        turn: &mut Turn<'_>,
        message: &Message,
    ) -> Result<Message, Refusal> {
        let key = self.sender(now, turn, message)?;
        let names = message.subscriptions();
        if names.is_empty() {
            return Err(Refusal::SubscriptionMissing);
        }
        let mut replayed = Vec::new();
        for name in &names {
            let (channel, _) = split(name);
            let is_channel = |it: &str| it.parse::<Channel>().is_ok() && Kind::of(it).is_some();
            if !name.starts_with('/') {
                return Err(Refusal::Salesforce(Denial::LeadingSlash));
            } else if !is_channel(channel) || self.is_denied(channel) {
                return Err(Refusal::Salesforce(Denial::ChannelUnknown(
                    name.as_ref().into(),
                )));
            }
            let Some(salesforce) = self.dialect.salesforce_mut() else {
                return Err(Refusal::SubscribeDenied(name.as_ref().into()));
            };
            if salesforce.n_refused < self.faults.n_busy() {
                salesforce.n_refused += 1;
                return Err(Refusal::Salesforce(Denial::Busy));
            }
            let limit = self.faults.daily_limit();
            if limit.is_some_and(|limit| salesforce.n_delivered >= limit) {
                return Err(Refusal::Salesforce(Denial::DailyLimit));
            }
            let (asked, from) = replay::asked(message, name).map_err(Refusal::Salesforce)?;
            let Some(kept) = salesforce.retained.replay(now, channel, from) else {
                return Err(Refusal::Salesforce(Denial::ReplayInvalid(asked.into())));
            };
            replayed.push((name, kept));
        }
        let session = self.sessions.get_mut(key).ok_or(Refusal::SessionUnknown)?;
        if session.subscriptions.len() + names.len() > self.settings.max_subscriptions {
            return Err(Refusal::TooManySubscriptions);
        }
        let client_id = Arc::clone(&session.client_id);
        for (name, _) in &replayed {
            session.subscriptions.insert(name.as_ref().into());
            self.subscriptions.add(split(name).0, key);
        }
        for (name, kept) in replayed {
            let (channel, query) = split(name);
            let wanted = |data: &Json| query.is_none_or(|query| filter::passes(query, data));
            for data in kept.iter().filter(|data| wanted(data)) {
                self.deliver(now, key, delivery(channel, &client_id, data));
            }
        }
        Ok(replies::subscribed(message, &client_id))
    }

    /// Makes an event of what was published, keeps it and delivers it.
    pub(super) fn publish_event(&mut self, now: Instant, channel: &str, published: &Json) {
        let uuid = self.uuid();
        self.publish_stamped(now, channel, published, uuid);
    }

    fn publish_stamped(&mut self, now: Instant, channel: &str, published: &Json, uuid: String) {
        let created = self.clock.at(now).wall;
        let Some(salesforce) = self.dialect.salesforce_mut() else {
            return;
        };
        let Some(kind) = Kind::of(channel) else {
            return;
        };
        let stamp = Stamp {
            replay_id: salesforce.retained.next_id(),
            created: humantime::format_rfc3339_millis(created).to_string(),
            uuid,
        };
        let data = event::event(kind, channel, published, &stamp);
        for key in self.subscriptions.of(channel) {
            let Some(session) = self.sessions.get_mut(key) else {
                continue;
            };
            if wants(session, channel, &data) {
                let delivery = delivery(channel, &session.client_id, &data);
                self.deliver(now, key, delivery);
            }
        }
        if let Some(salesforce) = self.dialect.salesforce_mut() {
            let replay_id = stamp.replay_id;
            salesforce.retained.keep(now, channel, replay_id, data);
        }
    }

    fn deliver(&mut self, now: Instant, key: SessionKey, delivery: Message) {
        if let Some(salesforce) = self.dialect.salesforce_mut() {
            salesforce.n_delivered = salesforce.n_delivered.saturating_add(1);
        }
        self.enqueue(now, key, &Arc::new(delivery));
    }

    fn uuid(&mut self) -> String {
        let random = (self.client_ids)().unwrap_or_default();
        let hash = random.bytes().fold(0_u128, |hash, byte| {
            hash.wrapping_mul(0x0100_0000_0000_0000_0000_013b) ^ u128::from(byte)
        });
        let digits = format!("{hash:032x}");
        let (a, b, c) = (&digits[..8], &digits[8..12], &digits[13..16]);
        format!("{a}-{b}-4{c}-8{}-{}", &digits[17..20], &digits[20..])
    }
}

/// Whether an event can be published on this channel.
pub(super) fn is_durable(channel: &str) -> bool {
    Kind::of(channel).is_some()
}

/// The version in `/NN.0`, which is what stands below the endpoint.
fn check_version(below: &str) -> Result<(), Denial> {
    let segment = below.trim_start_matches('/').split('/').next();
    let Some((major, minor)) = segment.and_then(|it| it.split_once('.')) else {
        return Err(Denial::ApiVersionMissing);
    };
    let is_number = |it: &str| !it.is_empty() && it.bytes().all(|byte| byte.is_ascii_digit());
    match major.parse::<u32>() {
        _ if !is_number(major) || !is_number(minor) => Err(Denial::ApiVersionMissing),
        Ok(OLDEST_VERSION..) => Ok(()),
        Ok(_) | Err(_) => Err(Denial::ApiVersionUnsupported),
    }
}

/// A subscription as its channel and its conditions.
fn split(subscription: &str) -> (&str, Option<&str>) {
    match subscription.split_once('?') {
        Some((channel, query)) => (channel, Some(query)),
        None => (subscription, None),
    }
}

/// Whether one of a session's subscriptions to the channel takes this event.
fn wants(session: &Session, channel: &str, data: &Json) -> bool {
    let mut subscriptions = session.subscriptions_to(channel).map(split);
    subscriptions.any(|(known, query)| {
        known == channel && query.is_none_or(|query| filter::passes(query, data))
    })
}

fn delivery(channel: &str, client_id: &str, data: &Json) -> Message {
    let client_id = match Kind::of(channel) {
        Some(Kind::Topic | Kind::Generic) => Some(client_id),
        Some(Kind::Platform | Kind::Change) | None => None,
    };
    replies::delivery(channel, client_id, data)
}
