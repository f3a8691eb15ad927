//! CometD 9.0.0, as tests/interop/flavors finds it: wordings, order of fields, what is legal.
//!
//! CometD keeps a message in a hash table, so its fields stand in the order of their buckets,
//! which for those that it writes itself is the order in which they are written here.

use std::collections::HashSet;
use std::time::Duration;

use serde_json::Value;

use super::members;
use crate::protocol::{ChannelPattern, Json, Message, MessageBuilder, VERSION, meta};
use crate::server::broker::refusal::Refusal;
use crate::server::broker::reply::{BUSY_INTERVAL, connection_types, literal, milliseconds};
use crate::server::{Flavor, Settings};

/// Most channels of which it is remembered that they were used.
const MOST_CHANNELS: usize = 10_000;

/// What an emulated CometD remembers.
pub(in crate::server::broker) struct CometD {
    advice: Json,
    /// Channels that were used: an unsubscribe from another one fails. CometD itself forgets
    /// them some seconds after their last use.
    channels: HashSet<Box<str>>,
}

impl CometD {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            advice: literal(&format!(
                r#"{{"interval":{},"timeout":{},"reconnect":"retry"}}"#,
                milliseconds(settings.interval),
                milliseconds(settings.timeout),
            )),
            channels: HashSet::new(),
        }
    }

    pub(super) fn advice(&self) -> &Json {
        &self.advice
    }

    pub(super) fn use_channel(&mut self, name: &str) {
        if self.channels.contains(name) {
            return;
        }
        if self.channels.len() >= MOST_CHANNELS {
            self.channels.clear();
        }
        self.channels.insert(name.into());
    }

    pub(super) fn has_used(&self, name: &str) -> bool {
        self.channels.contains(name)
    }

    pub(super) fn handshaken(&self, request: &Message, client_id: &str) -> Message {
        MessageBuilder::empty()
            .string("minimumVersion", VERSION)
            .client_id(client_id)
            .json(
                "supportedConnectionTypes",
                &connection_types(Flavor::CometD),
            )
            .json("advice", &self.advice)
            .string("channel", request.channel())
            .json_if("id", id(request).as_ref())
            .string("version", VERSION)
            .successful(true)
            .build()
    }
}

/// What stands against a message before its channel is looked at.
pub(super) fn objection(message: &Message) -> Option<Refusal> {
    let is_wrong = match (message.id(), message.get("id")) {
        (Some(id), _) => id.is_empty() || !id.bytes().all(|it| it.is_ascii_alphanumeric()),
        (None, None | Some("null" | "true" | "false")) => false,
        (None, Some(_)) => true,
    };
    if is_wrong {
        return Some(Refusal::IdInvalid);
    }
    if is_without_channel(message) {
        return Some(Refusal::ChannelMissing);
    }
    let channel = channel(message.channel());
    channel.is_none().then_some(Refusal::ChannelInvalid)
}

fn is_without_channel(message: &Message) -> bool {
    message.channel().is_empty() && matches!(message.get("channel"), None | Some("null"))
}

/// The channel or pattern of this name, if it is one: CometD allows more characters than the
/// specification and a slash at the end, and does not mind publishes to patterns.
pub(super) fn channel(name: &str) -> Option<ChannelPattern> {
    let is_legal = |it: u8| it.is_ascii_alphanumeric() || b" !#$()*+-./@_{}~".contains(&it);
    let name = name.strip_suffix('/').unwrap_or(name);
    let pattern = name.parse().ok()?;
    name.bytes().all(is_legal).then_some(pattern)
}

/// What a subscribe or unsubscribe names.
pub(super) fn subscriptions(message: &Message) -> Result<Vec<ChannelPattern>, Refusal> {
    let wrong = || Refusal::SubscriptionInvalid("".into());
    let text = message.get("subscription").unwrap_or("null");
    let names = match serde_json::from_str(text) {
        Ok(Value::Null) => return Err(Refusal::SubscriptionMissing),
        Ok(Value::Array(names)) => names,
        Ok(name) => vec![name],
        Err(_) => return Err(wrong()),
    };
    let read = |name: &Value| channel(name.as_str()?);
    names.iter().map(|it| read(it).ok_or_else(wrong)).collect()
}

/// The id of a message, always a string.
pub(super) fn id(message: &Message) -> Option<Json> {
    let text = match message.id() {
        Some(id) => id,
        None => message.get("id").filter(|it| *it != "null")?,
    };
    Some(Json::string(text))
}

/// The reply to a message that was carried out.
pub(super) fn done(request: &Message) -> Message {
    answer(request, None, None)
}

pub(super) fn refused(request: &Message, refusal: &Refusal) -> Message {
    answer(
        request,
        advice(refusal, request.channel()).as_ref(),
        Some(&refusal.error(request.channel())),
    )
}

fn answer(request: &Message, advice: Option<&Json>, error: Option<&str>) -> Message {
    let channel = match is_without_channel(request) {
        true => None,
        false => Some(Json::string(request.channel())),
    };
    // Whatever the message is, as CometD does.
    let subscription = match request.channel() {
        // Even what is none.
        meta::SUBSCRIBE | meta::UNSUBSCRIBE => request.get("subscription"),
        _ => request.subscription(),
    };
    let subscription = subscription.filter(|it| *it != "null");
    let subscription: Option<Json> = subscription.and_then(|it| it.parse().ok());
    let message = MessageBuilder::empty()
        .json_if("advice", advice)
        .json_if("channel", channel.as_ref())
        .json_if("id", id(request).as_ref())
        .json_if("subscription", subscription.as_ref());
    ended(message, error)
}

fn ended(message: MessageBuilder, error: Option<&str>) -> Message {
    match error {
        Some(error) => message.string("error", error).successful(false).build(),
        None => message.successful(true).build(),
    }
}

pub(super) fn connected(id: Option<&Json>, advice: Option<&Json>) -> Message {
    ended(connect(id, advice), None)
}

/// The end of a held connect whose session its client has ended.
pub(super) fn connect_of_ended_session(id: Option<&Json>) -> Message {
    connected(id, Some(&literal(r#"{"reconnect":"none"}"#)))
}

/// The end of a held connect whose session is gone.
pub(super) fn connect_of_unknown_session(id: Option<&Json>) -> Message {
    let refusal = Refusal::SessionUnknown;
    let advice = advice(&refusal, meta::CONNECT);
    let error = refusal.error(meta::CONNECT);
    ended(connect(id, advice.as_ref()), Some(&error))
}

/// Tells a client that the server ended its session.
pub(super) fn ended_by_server() -> Message {
    ended(
        MessageBuilder::empty().string("channel", meta::DISCONNECT),
        None,
    )
}

/// The reply to the connect with which the server ended a session.
pub(super) fn connect_that_ends_session(id: Option<&Json>) -> Message {
    let advice = literal(r#"{"interval":0,"reconnect":"none"}"#);
    let error = Refusal::SessionUnknown.error(meta::CONNECT);
    ended(connect(id, Some(&advice)), Some(&error))
}

/// The reply to a connect that is not held because its browser has others.
pub(super) fn connect_of_crowded_browser(id: Option<&Json>, interval: Duration) -> Message {
    let advice = literal(&format!(
        r#"{{"multiple-clients":true,"interval":{},"reconnect":"retry"}}"#,
        milliseconds(interval)
    ));
    connected(id, Some(&advice))
}

fn connect(id: Option<&Json>, advice: Option<&Json>) -> MessageBuilder {
    MessageBuilder::empty()
        .json_if("advice", advice)
        .string("channel", meta::CONNECT)
        .json_if("id", id)
}

/// A message as its subscribers get it: everything that was published but who it was by.
pub(super) fn delivery(published: &Message) -> Message {
    const HIDDEN: [&str; 2] = ["clientId", "id"];
    let mut members = members::distinct(published);
    let n_came = members.len();
    members.retain(|(name, _)| !HIDDEN.contains(&&**name));
    members::sort_as_java(&mut members, n_came);
    members::message(&members)
}

/// The reply to an element of the array that is no object; it has neither channel nor id.
pub(super) fn unreadable() -> Message {
    ended(MessageBuilder::empty(), Some("400::message_invalid"))
}

/// What the client should do now. Only replies on the channels that open and keep a session
/// carry advice.
fn advice(refusal: &Refusal, channel: &str) -> Option<Json> {
    if let Refusal::Fault(_) = refusal {
        let reconnect = refusal.advice_of_fault(channel)?;
        return Some(literal(&format!(
            r#"{{"interval":0,"reconnect":"{reconnect}"}}"#
        )));
    }
    let advice = match (refusal, channel) {
        (Refusal::HandshakeBatched | Refusal::IdInvalid, _) => return None,
        (Refusal::TooManySessions, meta::HANDSHAKE) => {
            let interval = milliseconds(BUSY_INTERVAL);
            return Some(literal(&format!(
                r#"{{"interval":{interval},"reconnect":"handshake"}}"#
            )));
        }
        (_, meta::HANDSHAKE) => r#"{"reconnect":"none"}"#,
        (Refusal::SessionUnknown, meta::CONNECT) => r#"{"interval":0,"reconnect":"handshake"}"#,
        _ => return None,
    };
    Some(literal(advice))
}
