//! The replies of Salesforce to what it carries out.

use crate::protocol::{Json, Message, VERSION, meta};
use crate::server::broker::reply::{connection_types, literal, milliseconds, reply, reply_to};
use crate::server::{Flavor, Settings};

/// There is no advice in it: it comes with the first connect.
pub(in crate::server::broker) fn handshaken(request: &Message, client_id: &str) -> Message {
    reply_to(request, true)
        .json("ext", &literal(r#"{"replay":true,"payload.format":true}"#))
        .string("minimumVersion", VERSION)
        .client_id(client_id)
        .json(
            "supportedConnectionTypes",
            &connection_types(Flavor::Salesforce),
        )
        .string("version", VERSION)
        .build()
}

pub(in crate::server::broker) fn connected(
    client_id: &str,
    id: Option<&Json>,
    advice: Option<&Json>,
) -> Message {
    reply(meta::CONNECT, id, true)
        .client_id(client_id)
        .json_if("advice", advice)
        .build()
}

pub(in crate::server::broker) fn subscribed(request: &Message, client_id: &str) -> Message {
    let subscription = request.get("subscription").and_then(|it| it.parse().ok());
    reply_to(request, true)
        .client_id(client_id)
        .json_if("subscription", subscription.as_ref())
        .build()
}

/// The documents show a client id with PushTopic and generic events, and none with others.
pub(in crate::server::broker) fn delivery(
    channel: &str,
    client_id: Option<&str>,
    data: &Json,
) -> Message {
    let message = Message::builder(channel);
    let message = match client_id {
        Some(client_id) => message.client_id(client_id),
        None => message,
    };
    message.json("data", data).build()
}

/// The advice of the first connect.
pub(super) fn advice(settings: &Settings) -> Json {
    literal(&format!(
        r#"{{"interval":{},"timeout":{},"reconnect":"retry"}}"#,
        milliseconds(settings.interval),
        milliseconds(settings.timeout),
    ))
}
