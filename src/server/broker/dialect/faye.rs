//! Faye 1.4.3 for Node.js, as tests/interop/flavors finds it: wordings, order of fields, what
//! is legal. A reply repeats id, client id and channel as they were sent, unless they are
//! nothing to JavaScript.

use serde_json::Value;

use super::members;
use crate::protocol::{Channel, ChannelPattern, Json, Message, MessageBuilder, VERSION, meta};
use crate::server::broker::refusal::Refusal;
use crate::server::broker::reply::{connection_types, literal, milliseconds};
use crate::server::{Flavor, Settings};

/// What an emulated Faye knows.
pub(in crate::server::broker) struct Faye {
    advice: Json,
}

impl Faye {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            advice: literal(&format!(
                r#"{{"reconnect":"retry","interval":{},"timeout":{}}}"#,
                milliseconds(settings.interval),
                milliseconds(settings.timeout),
            )),
        }
    }

    pub(super) fn handshaken(&self, request: &Message, client_id: &str) -> Message {
        let field = |name| truthy(request, name).and_then(|it| it.parse().ok());
        // Where the request had a client id, the new one stands in its place.
        let (there, behind) = match truthy(request, "clientId") {
            Some(_) => (Some(client_id), None),
            None => (None, Some(client_id)),
        };
        let add = |message: MessageBuilder, client_id: Option<&str>| match client_id {
            Some(client_id) => message.client_id(client_id),
            None => message,
        };
        let message = MessageBuilder::empty().json_if("id", field("id").as_ref());
        let message = add(message, there)
            .json_if("channel", field("channel").as_ref())
            .successful(true)
            .string("version", VERSION)
            .json("supportedConnectionTypes", &connection_types(Flavor::Faye));
        add(message, behind).json("advice", &self.advice).build()
    }

    pub(super) fn connected(&self, client_id: &str, id: Option<&Json>) -> Message {
        MessageBuilder::empty()
            .json_if("id", id)
            .client_id(client_id)
            .string("channel", meta::CONNECT)
            .successful(true)
            .json("advice", &self.advice)
            .build()
    }
}

/// What stands against a message before its session is looked at.
pub(super) fn objection(message: &Message) -> Option<Refusal> {
    match message.channel() {
        meta::HANDSHAKE => handshake_objection(message),
        meta::CONNECT => connect_objection(message),
        meta::SUBSCRIBE | meta::UNSUBSCRIBE => truthy(message, "subscription")
            .is_none()
            .then_some(Refusal::SubscriptionMissing),
        meta::DISCONNECT => None,
        name if name == "/meta" || name.starts_with("/meta/") => {
            Some(Refusal::Forbidden(name.into()))
        }
        _ if message.data().is_none() => Some(Refusal::DataMissing),
        name => (!is_channel(name)).then_some(Refusal::ChannelInvalid),
    }
}

fn handshake_objection(message: &Message) -> Option<Refusal> {
    let Some(types) = truthy(message, "supportedConnectionTypes") else {
        return Some(Refusal::ConnectionTypesMissing);
    };
    let known = Flavor::Faye.advertised();
    let is_known = |it: &Value| it.as_str().is_some_and(|it| known.contains(&it));
    match serde_json::from_str(types) {
        Ok(Value::Array(types)) if types.iter().any(is_known) => truthy(message, "version")
            .is_none()
            .then_some(Refusal::VersionMissing),
        _ => Some(Refusal::ConnectionTypes(as_text(types))),
    }
}

fn connect_objection(message: &Message) -> Option<Refusal> {
    let Some(connection_type) = truthy(message, "connectionType") else {
        return Some(Refusal::ConnectionTypeMissing);
    };
    let connection_type = as_text(connection_type);
    let is_known = Flavor::Faye.advertised().contains(&&*connection_type);
    (!is_known).then_some(Refusal::ConnectionTypes(connection_type))
}

/// What a subscribe or unsubscribe names, up to the first that is refused.
pub(super) fn subscriptions(message: &Message) -> (Vec<ChannelPattern>, Option<Refusal>) {
    let text = message.get("subscription").unwrap_or("null");
    let names = match serde_json::from_str(text) {
        Ok(Value::Array(names)) => names,
        Ok(name) => vec![name],
        Err(_) => Vec::new(),
    };
    let mut patterns = Vec::new();
    for name in names {
        match subscription(&as_text(&name.to_string())) {
            Ok(pattern) => patterns.push(pattern),
            Err(refusal) => return (patterns, Some(refusal)),
        }
    }
    (patterns, None)
}

fn subscription(name: &str) -> Result<ChannelPattern, Refusal> {
    let pattern = is_pattern(name).then(|| name.parse().ok()).flatten();
    let Some(pattern) = pattern else {
        return Err(Refusal::SubscriptionInvalid(name.into()));
    };
    let first = name.split('/').nth(1);
    if matches!(first, Some("meta" | "service")) {
        return Err(Refusal::Forbidden(name.into()));
    }
    Ok(pattern)
}

/// The grammar of the specification (Bayeux 1.0, "Channels"), which Faye keeps to.
fn is_channel(name: &str) -> bool {
    let channel = name.parse::<Channel>();
    channel.is_ok_and(|it| it.grammar_note().is_none())
}

fn is_pattern(name: &str) -> bool {
    let pattern = name.parse::<ChannelPattern>();
    pattern.is_ok_and(|it| it.grammar_note().is_none())
}

/// The id of a message as it was written.
pub(super) fn id(message: &Message) -> Option<Json> {
    truthy(message, "id")?.parse().ok()
}

/// The reply to a message that was carried out.
pub(super) fn done(request: &Message) -> Message {
    let message = begun(request, WithClientId::AsSent).successful(true);
    let subscription = match request.channel() {
        meta::SUBSCRIBE | meta::UNSUBSCRIBE => subscription_of(request),
        _ => None,
    };
    message
        .json_if("subscription", subscription.as_ref())
        .build()
}

pub(super) fn refused(request: &Message, refusal: &Refusal) -> Message {
    let error = error(request, refusal);
    let client_id = match request.channel() {
        meta::CONNECT | meta::DISCONNECT => WithClientId::Never,
        _ => WithClientId::AsSent,
    };
    let message = begun(request, client_id);
    // What an extension refuses has its error before anything is done.
    let is_of_extension = matches!(
        refusal,
        Refusal::HandshakeDenied
            | Refusal::SubscribeDenied(_)
            | Refusal::PublishDenied
            | Refusal::Fault(_)
    );
    let place = match (is_of_extension, request.channel(), refusal) {
        (true, _, _) => Place::Second,
        (_, meta::HANDSHAKE, _) if truthy(request, "version").is_some() => Place::Fourth,
        (_, _, Refusal::Forbidden(_) | Refusal::SubscriptionInvalid(_)) => Place::Fourth,
        _ => Place::Third,
    };
    let at = |message: MessageBuilder, here: Place| match here == place {
        true => message.string("error", &error),
        false => message,
    };
    let message = at(message, Place::Second).successful(false);
    let message = match request.channel() {
        meta::HANDSHAKE => {
            let message = at(message.string("version", VERSION), Place::Third);
            let types = connection_types(Flavor::Faye);
            at(
                message.json("supportedConnectionTypes", &types),
                Place::Fourth,
            )
        }
        meta::SUBSCRIBE | meta::UNSUBSCRIBE => {
            let subscription = subscription_of(request).unwrap_or_else(|| literal("[]"));
            let message = at(message, Place::Third).json("subscription", &subscription);
            at(message, Place::Fourth)
        }
        _ if place == Place::Second => message,
        _ => message.string("error", &error),
    };
    match request.channel() {
        channel @ (meta::HANDSHAKE | meta::CONNECT) => {
            message.json("advice", &advice(refusal, channel)).build()
        }
        _ => message.build(),
    }
}

fn advice(refusal: &Refusal, channel: &str) -> Json {
    match refusal.advice_of_fault(channel) {
        Some(reconnect) => literal(&format!(r#"{{"reconnect":"{reconnect}","interval":0}}"#)),
        None => literal(r#"{"reconnect":"handshake"}"#),
    }
}

/// Where a reply has its error.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Place {
    Second,
    Third,
    Fourth,
}

/// A message as its subscribers get it: as it was published, without the client id.
pub(super) fn delivery(published: &Message) -> Message {
    let mut members = members::distinct(published);
    members.retain(|(name, _)| name != "clientId");
    members::message(&members)
}

/// The reply to an element of the array that is no object.
pub(super) fn unreadable() -> Message {
    MessageBuilder::empty()
        .successful(false)
        .string("error", "402:data:Missing required parameter")
        .build()
}

enum WithClientId {
    AsSent,
    Never,
}

fn begun(request: &Message, client_id: WithClientId) -> MessageBuilder {
    let field = |name| truthy(request, name).and_then(|it| it.parse().ok());
    let client_id = match client_id {
        WithClientId::AsSent => field("clientId"),
        WithClientId::Never => None,
    };
    MessageBuilder::empty()
        .json_if("id", field("id").as_ref())
        .json_if("clientId", client_id.as_ref())
        .json_if("channel", field("channel").as_ref())
}

fn subscription_of(request: &Message) -> Option<Json> {
    truthy(request, "subscription")?.parse().ok()
}

fn error(request: &Message, refusal: &Refusal) -> String {
    let missing = |name: &str| format!("402:{name}:Missing required parameter");
    let text = |name: &str| truthy(request, name).map(as_text).unwrap_or_default();
    match refusal {
        Refusal::VersionMissing => missing("version"),
        Refusal::ConnectionTypesMissing => missing("supportedConnectionTypes"),
        Refusal::ConnectionTypeMissing => missing("connectionType"),
        Refusal::DataMissing => missing("data"),
        Refusal::SubscriptionMissing => missing("subscription"),
        Refusal::ConnectionTypes(types) => format!("301:{types}:Connection types not supported"),
        Refusal::SessionUnknown if truthy(request, "clientId").is_none() => missing("clientId"),
        Refusal::SessionUnknown => format!("401:{}:Unknown client", text("clientId")),
        Refusal::ChannelInvalid | Refusal::ChannelMissing => {
            format!("405:{}:Invalid channel", text("channel"))
        }
        Refusal::SubscriptionInvalid(name) => format!("405:{name}:Invalid channel"),
        Refusal::Forbidden(name) | Refusal::SubscribeDenied(name) => {
            format!("403:{name}:Forbidden channel")
        }
        Refusal::PublishDenied => format!("403:{}:Forbidden channel", text("channel")),
        // Faye has no words of its own for these.
        Refusal::HandshakeDenied => "403::Handshake denied".into(),
        Refusal::TooManySubscriptions => "503::Too many subscriptions".into(),
        Refusal::TooManySessions => "503::Too many clients".into(),
        Refusal::Fault(_) => refusal.error(request.channel()),
        Refusal::IdInvalid
        | Refusal::SubscriptionUnknown
        | Refusal::HandshakeBatched
        | Refusal::Salesforce(_) => "400::Bad request".into(),
    }
}

/// A field that JavaScript does not take for false, as it was written.
fn truthy<'a>(message: &'a Message, name: &str) -> Option<&'a str> {
    let text = message.get(name)?;
    let is_zero = || text.parse::<f64>().is_ok_and(|it| it == 0.0);
    (!matches!(text, "null" | "false" | "\"\"") && !is_zero()).then_some(text)
}

/// A value as JavaScript makes a text of it.
fn as_text(json: &str) -> String {
    match serde_json::from_str(json) {
        Ok(Value::String(text)) => text,
        Ok(Value::Object(_)) => "[object Object]".to_owned(),
        Ok(Value::Array(items)) => {
            let items: Vec<_> = items.iter().map(|it| as_text(&it.to_string())).collect();
            items.join(",")
        }
        _ => json.to_owned(),
    }
}
