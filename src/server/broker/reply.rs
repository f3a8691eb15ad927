//! The messages that a broker writes: replies, deliveries and the advice in them.

use std::time::Duration;

use super::salesforce::denial::Denial;
use crate::protocol::{Json, Message, MessageBuilder, VERSION, meta};
use crate::server::{Flavor, Settings};

/// When to come again while there are too many sessions.
pub(super) const BUSY_INTERVAL: Duration = Duration::from_secs(10);

/// Why a message was not carried out, in the words of CometD 5 and later wherever it has one
/// for the case (Bayeux 1.0, "error": code, arguments, text).
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Refusal {
    ChannelMissing,
    ChannelInvalid,
    SessionUnknown,
    DataMissing,
    SubscriptionMissing,
    SubscriptionInvalid,
    TooManySubscriptions,
    SubscribeDenied,
    PublishDenied,
    /// A channel below `/meta/` that the protocol does not know, or may not be subscribed to.
    MetaChannel(Box<str>),
    HandshakeDenied,
    /// Bayeux 1.0, "Handshake Request": nothing else in the request. CometD 8.0.10 answers
    /// such a request with HTTP 500 as a whole.
    HandshakeBatched,
    /// Bayeux 1.0, "supportedConnectionTypes": without a common one the handshake MUST fail.
    /// CometD 8.0.10 accepts it all the same; the code is Faye's.
    ConnectionTypes(String),
    TooManySessions,
    /// A [`Fault`](crate::server::Fault) refuses it, with this code.
    Fault(u16),
    /// Known of Salesforce alone.
    Salesforce(Denial),
}

impl Refusal {
    pub(super) fn error(&self) -> String {
        match self {
            Self::ChannelMissing => "400::channel_missing".into(),
            Self::ChannelInvalid => "405::channel_invalid".into(),
            Self::SessionUnknown => "402::session_unknown".into(),
            Self::DataMissing => "400::data_missing".into(),
            Self::SubscriptionMissing => "403::subscription_missing".into(),
            Self::SubscriptionInvalid => "403::subscription_invalid".into(),
            Self::TooManySubscriptions => "403:too_many_subscriptions:subscribe_failed".into(),
            Self::SubscribeDenied => "403:denied_by_security_policy:subscribe_denied".into(),
            Self::PublishDenied => "403:denied_by_security_policy:publish_denied".into(),
            Self::MetaChannel(channel) => format!("403:{channel}:meta_channel_denied"),
            Self::HandshakeDenied => "403::handshake_denied".into(),
            Self::HandshakeBatched => "400::handshake_batched".into(),
            Self::ConnectionTypes(types) => format!("301:{types}:connection_types_unsupported"),
            // 503 is the one code by which a client knows that trying again can help.
            Self::TooManySessions => "503::too_many_sessions".into(),
            Self::Fault(code) => format!("{code}::refused_by_fault"),
            Self::Salesforce(denial) => denial.error(),
        }
    }

    /// What the client should do now. Only replies on the channels that open and keep a
    /// session carry advice: CometD 8.0.10 sends none with a 402 on other channels.
    pub(super) fn advice(&self, channel: &str) -> Option<Json> {
        match (self, channel) {
            // A server that is not well asks to be tried again; one that says no, to stop.
            (Self::Fault(500..), meta::HANDSHAKE) => Some(advice("handshake", 0)),
            (Self::Fault(500..), meta::CONNECT) => Some(advice("retry", 0)),
            (Self::Fault(402), meta::CONNECT) => Some(advice("handshake", 0)),
            (Self::Fault(_), meta::CONNECT) => Some(advice("none", 0)),
            (Self::HandshakeBatched, _) => None,
            (Self::TooManySessions, meta::HANDSHAKE) => {
                Some(advice("handshake", milliseconds(BUSY_INTERVAL)))
            }
            (_, meta::HANDSHAKE) => Some(advice("none", 0)),
            (Self::SessionUnknown, meta::CONNECT) => Some(advice("handshake", 0)),
            _ => None,
        }
    }
}

/// Begins the reply to a request: its channel, its id as it was written, and whether it was
/// carried out.
pub(super) fn reply_to(request: &Message, successful: bool) -> MessageBuilder {
    reply(request.channel(), message_id(request).as_ref(), successful)
}

pub(super) fn refused(request: &Message, refusal: &Refusal) -> Message {
    let subscription = match request.channel() {
        meta::SUBSCRIBE | meta::UNSUBSCRIBE => subscription(request),
        _ => None,
    };
    reply_to(request, false)
        .json_if("subscription", subscription.as_ref())
        .string("error", &refusal.error())
        .json_if("advice", refusal.advice(request.channel()).as_ref())
        .build()
}

/// The reply to an element of the array that is no object; it has neither channel nor id.
pub(super) fn unreadable() -> Message {
    reply("", None, false)
        .string("error", "400::message_invalid")
        .build()
}

pub(super) fn handshaken(request: &Message, client_id: &str, advice: &Json) -> Message {
    let types = connection_types(Flavor::CometD);
    reply_to(request, true)
        .string("version", VERSION)
        .string("minimumVersion", VERSION)
        .json("supportedConnectionTypes", &types)
        .client_id(client_id)
        .json("advice", advice)
        .build()
}

pub(super) fn subscribed(request: &Message) -> Message {
    reply_to(request, true)
        .json_if("subscription", subscription(request).as_ref())
        .build()
}

pub(super) fn connected(id: Option<&Json>, advice: Option<&Json>) -> Message {
    reply(meta::CONNECT, id, true)
        .json_if("advice", advice)
        .build()
}

/// The end of a held connect whose session is gone.
pub(super) fn connect_of_unknown_session(id: Option<&Json>) -> Message {
    let refusal = Refusal::SessionUnknown;
    reply(meta::CONNECT, id, false)
        .string("error", &refusal.error())
        .json_if("advice", refusal.advice(meta::CONNECT).as_ref())
        .build()
}

/// A delivery has neither the publisher's client id (Bayeux 1.0, "clientId": MUST NOT leak)
/// nor its message id; `id` is for what a service sends back to the one who asked.
pub(super) fn delivery(channel: &str, id: Option<&Json>, data: &Json) -> Message {
    Message::builder(channel)
        .json_if("id", id)
        .json("data", data)
        .build()
}

/// The advice of a session that is well.
pub(super) fn retry_advice(settings: &Settings) -> Json {
    literal(&format!(
        r#"{{"reconnect":"retry","interval":{},"timeout":{},"maxInterval":{}}}"#,
        milliseconds(settings.interval),
        milliseconds(settings.timeout),
        milliseconds(settings.max_interval),
    ))
}

/// Tells a client that the server ended its session.
pub(super) fn ended_by_server() -> Message {
    reply(meta::DISCONNECT, None, true).build()
}

/// The reply to the connect with which the server ended a session: CometD 9.0.0 lets the
/// client stop, where one that finds its session gone begins another.
pub(super) fn connect_of_ended_session(id: Option<&Json>) -> Message {
    reply(meta::CONNECT, id, false)
        .string("error", &Refusal::SessionUnknown.error())
        .json("advice", &stop_advice())
        .build()
}

/// Tells the client of a session that it ended itself to stop (CometD 8.0.10 does so too).
pub(super) fn stop_advice() -> Json {
    advice("none", 0)
}

/// The id of a message as it was written, so that a number stays a number.
pub(super) fn message_id(request: &Message) -> Option<Json> {
    request.id()?;
    request.get("id")?.parse().ok()
}

pub(super) fn reply(channel: &str, id: Option<&Json>, successful: bool) -> MessageBuilder {
    Message::builder(channel)
        .json_if("id", id)
        .successful(successful)
}

fn subscription(request: &Message) -> Option<Json> {
    request.get("subscription")?.parse().ok()
}

fn advice(reconnect: &str, interval: u128) -> Json {
    literal(&format!(
        r#"{{"reconnect":"{reconnect}","interval":{interval}}}"#
    ))
}

/// The transports of a flavor, as its handshake reply names them.
pub(super) fn connection_types(flavor: Flavor) -> Json {
    let names = flavor.connection_types().iter();
    let names: Vec<String> = names.map(|it| format!("\"{it}\"")).collect();
    literal(&format!("[{}]", names.join(",")))
}

pub(super) fn literal(json: &str) -> Json {
    json.parse()
        .expect("every caller writes JSON, of its own or of values that were parsed")
}

pub(super) fn milliseconds(duration: Duration) -> u128 {
    duration.as_millis()
}
