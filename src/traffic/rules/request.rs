//! One request by itself.

use super::Breach;
use super::catalogue::{
    CON_REQUEST, DIS_REQUEST, HS_REQUEST, MSG_CHANNEL, MSG_CLIENT_ID, MSG_ID_MISSING, MSG_ID_TYPES,
    PUB_CHANNEL_CHARS, PUB_DATA, PUB_META, PUB_PATTERN, SUB_META, SUB_REQUEST, SUB_WILD,
};
use crate::protocol::{Channel, ChannelError, ChannelPattern, Message, meta};

/// What is wrong with a request.
///
/// ```
/// use bayeux::protocol::Message;
/// use bayeux::traffic::rules;
///
/// let publish = Message::parse(r#"{"channel":"/a/*","id":"1","clientId":"x","data":1}"#)?;
/// let breaches = rules::request(&publish);
/// assert_eq!(breaches[0].rule.id, "pub.pattern");
/// # Ok::<(), bayeux::protocol::JsonError>(())
/// ```
pub fn request(message: &Message) -> Vec<Breach> {
    let mut breaches = Vec::new();
    match message.channel() {
        "" => breaches.push(Breach::of(
            MSG_CHANNEL,
            "channel",
            "a message without channel",
        )),
        meta::HANDSHAKE => handshake(message, &mut breaches),
        meta::CONNECT => {
            if !is_text(message, "connectionType") {
                let sentence = "a connect that does not name its connectionType";
                breaches.push(Breach::of(CON_REQUEST, "connectionType", sentence));
            }
        }
        meta::SUBSCRIBE | meta::UNSUBSCRIBE => subscription(message, &mut breaches),
        meta::DISCONNECT => {
            if message.client_id().is_none() {
                let sentence = "a disconnect that does not say whose session it ends";
                breaches.push(Breach::of(DIS_REQUEST, "clientId", sentence));
            }
        }
        channel => publish(channel, message, &mut breaches),
    }
    let channel = message.channel();
    let needs_session = [meta::CONNECT, meta::SUBSCRIBE, meta::UNSUBSCRIBE].contains(&channel);
    if needs_session && message.client_id().is_none() {
        let sentence = format!("{channel} without clientId");
        breaches.push(Breach::of(MSG_CLIENT_ID, "clientId", sentence));
    }
    match message.get("id") {
        None | Some("null") => {
            let sentence = "a request without id: its reply cannot be told from others";
            breaches.push(Breach::of(MSG_ID_MISSING, "id", sentence));
        }
        Some(id) if !id.starts_with('"') => {
            let sentence = "an id is a string; CometD answers a number with a string";
            breaches.push(Breach::of(MSG_ID_TYPES, "id", sentence));
        }
        Some(_) if !message.id().is_some_and(is_id) => {
            let sentence = "an id has letters and digits only; CometD 8.0.10 refuses others";
            breaches.push(Breach::of(MSG_ID_TYPES, "id", sentence));
        }
        Some(_) => {}
    }
    breaches
}

fn handshake(message: &Message, breaches: &mut Vec<Breach>) {
    if !is_text(message, "version") {
        let sentence = "a handshake that does not say its version";
        breaches.push(Breach::of(HS_REQUEST, "version", sentence));
    }
    let types = message
        .get("supportedConnectionTypes")
        .and_then(|it| serde_json::from_str::<Vec<String>>(it).ok());
    if types.is_none_or(|it| it.is_empty()) {
        let sentence = "a handshake that names no connection types";
        breaches.push(Breach::of(HS_REQUEST, "supportedConnectionTypes", sentence));
    }
}

fn subscription(message: &Message, breaches: &mut Vec<Breach>) {
    let patterns = message.subscriptions();
    if patterns.is_empty() {
        let sentence = format!("{} that names no channel", message.channel());
        breaches.push(Breach::of(SUB_REQUEST, "subscription", sentence));
    }
    for pattern in patterns {
        if pattern.starts_with("/meta/") {
            let sentence = format!("{pattern} is the protocol's own: nobody is delivered it");
            breaches.push(Breach::of(SUB_META, "subscription", sentence));
        }
        if let Err(error) = pattern.parse::<ChannelPattern>() {
            let rule = match error {
                ChannelError::InnerWildcard => SUB_WILD,
                _ => SUB_REQUEST,
            };
            breaches.push(Breach::of(
                rule,
                "subscription",
                format!("{pattern:?}: {error}"),
            ));
        }
    }
}

fn publish(channel: &str, message: &Message, breaches: &mut Vec<Breach>) {
    match channel.parse::<Channel>() {
        Ok(name) if name.is_meta() => {
            let sentence = format!("{channel} is no channel of the protocol");
            breaches.push(Breach::of(PUB_META, "channel", sentence));
        }
        Ok(name) => {
            if let Some(note) = name.grammar_note() {
                let sentence = format!("{channel:?}: {note}");
                breaches.push(Breach::of(PUB_CHANNEL_CHARS, "channel", sentence));
            }
        }
        Err(ChannelError::Wildcard) => {
            let sentence = format!("{channel} is a pattern: it can be subscribed to only");
            breaches.push(Breach::of(PUB_PATTERN, "channel", sentence));
        }
        Err(error) => {
            let sentence = format!("{channel:?}: {error}");
            breaches.push(Breach::of(PUB_CHANNEL_CHARS, "channel", sentence));
        }
    }
    if message.data().is_none() {
        breaches.push(Breach::of(PUB_DATA, "data", "a publish without data"));
    }
}

fn is_text(message: &Message, field: &str) -> bool {
    message.get(field).is_some_and(|it| it.starts_with('"'))
}

fn is_id(id: &str) -> bool {
    !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric())
}
