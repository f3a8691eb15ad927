//! What the replies of several dialects have in common.

use std::time::Duration;

use super::refusal::Refusal;
use crate::protocol::{ChannelPattern, Json, Message, MessageBuilder, meta};
use crate::server::Flavor;

/// When to come again while there are too many sessions.
pub(super) const BUSY_INTERVAL: Duration = Duration::from_secs(10);

/// Begins the reply to a request: its channel, its id as it was written, and whether it was
/// carried out.
pub(super) fn reply_to(request: &Message, successful: bool) -> MessageBuilder {
    reply(request.channel(), message_id(request).as_ref(), successful)
}

/// The reply to a subscribe, unsubscribe, disconnect or publish that was carried out.
pub(super) fn done(request: &Message) -> Message {
    let subscription = match request.channel() {
        meta::SUBSCRIBE | meta::UNSUBSCRIBE => request.subscription(),
        _ => None,
    };
    let subscription = subscription.and_then(|it| it.parse().ok());
    reply_to(request, true)
        .json_if("subscription", subscription.as_ref())
        .build()
}

pub(super) fn connected(id: Option<&Json>, advice: Option<&Json>) -> Message {
    reply(meta::CONNECT, id, true)
        .json_if("advice", advice)
        .build()
}

/// What the server itself publishes.
pub(super) fn published(channel: &str, data: &Json) -> Message {
    Message::builder(channel).json("data", data).build()
}

/// What a service sends back to the one who asked.
pub(super) fn answer(channel: &str, id: Option<&Json>, data: &Json) -> Message {
    Message::builder(channel)
        .json_if("id", id)
        .json("data", data)
        .build()
}

/// Tells the client of a session that it ended itself to stop.
pub(super) fn stop_advice() -> Json {
    literal(r#"{"reconnect":"none","interval":0}"#)
}

/// The patterns of a subscribe or unsubscribe; all of them are legal.
pub(super) fn subscriptions(message: &Message) -> Result<Vec<ChannelPattern>, Refusal> {
    let names = message.subscriptions();
    if names.is_empty() {
        return match message.subscription().map(str::trim) {
            None | Some("null") => Err(Refusal::SubscriptionMissing),
            Some(_) => Err(Refusal::SubscriptionInvalid("".into())),
        };
    }
    let read = |name: &str| {
        name.parse()
            .map_err(|_| Refusal::SubscriptionInvalid(name.into()))
    };
    names.iter().map(|name| read(name)).collect()
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

/// The transports of a flavor, as its handshake reply names them.
pub(super) fn connection_types(flavor: Flavor) -> Json {
    let names: Vec<String> = flavor
        .advertised()
        .iter()
        .map(|it| format!("\"{it}\""))
        .collect();
    literal(&format!("[{}]", names.join(",")))
}

pub(super) fn literal(json: &str) -> Json {
    json.parse()
        .expect("every caller writes JSON, of its own or of values that were parsed")
}

pub(super) fn milliseconds(duration: Duration) -> u128 {
    duration.as_millis()
}
