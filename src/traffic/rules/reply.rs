//! A request and its reply.

use super::catalogue::{
    CON_FIELDS, DIS_REPLY, HS_CLIENT_ID_CHARSET, HS_COMMON_TYPE, HS_ERROR_SHAPE, HS_FIELDS,
    MSG_ERROR_SHAPE, MSG_ID_ECHO, MSG_SUCCESSFUL, PUB_REPLY, SUB_FIELDS,
};
use super::{Breach, Rule};
use crate::protocol::{FindingKind, Message, meta};

/// What is wrong with a reply to this request.
///
/// ```
/// use bayeux::protocol::Message;
/// use bayeux::traffic::rules;
///
/// let request = Message::parse(r#"{"channel":"/meta/connect","id":"1","clientId":"x"}"#)?;
/// let reply = Message::parse(r#"{"channel":"/meta/connect","id":"2","successful":true}"#)?;
/// assert_eq!(rules::reply(&request, &reply)[0].rule.id, "hs.id-echo");
/// # Ok::<(), bayeux::protocol::JsonError>(())
/// ```
pub fn reply(request: &Message, reply: &Message) -> Vec<Breach> {
    let mut breaches = Vec::new();
    if request.channel() != reply.channel() {
        let rule = of_channel(request.channel());
        let sentence = format!("{:?} answers {}", reply.channel(), request.channel());
        breaches.push(Breach::of(rule, "channel", sentence));
    }
    id(request, reply, &mut breaches);
    successful(request, reply, &mut breaches);
    match request.channel() {
        meta::HANDSHAKE => handshake(request, reply, &mut breaches),
        meta::SUBSCRIBE | meta::UNSUBSCRIBE if reply.subscription().is_none() => {
            // cometd-nodejs-server 1.2.1 leaves it out where it does not know the session.
            let sentence = "the reply does not say which subscription it is about";
            breaches.push(Breach::of(SUB_FIELDS, "subscription", sentence));
        }
        meta::SUBSCRIBE | meta::UNSUBSCRIBE => subscription(request, reply, &mut breaches),
        _ => {}
    }
    breaches
}

fn id(request: &Message, reply: &Message, breaches: &mut Vec<Breach>) {
    // `/service/` channels and publishes only SHOULD repeat it, and all known servers do.
    match (request.id(), reply.id()) {
        (Some(asked), Some(told)) if asked != told => {
            let sentence = format!("the request has the id {asked:?}, its reply {told:?}");
            breaches.push(Breach::of(MSG_ID_ECHO, "id", sentence));
        }
        (Some(asked), None) => {
            let sentence = format!("the reply does not repeat the id {asked:?}");
            breaches.push(Breach::of(MSG_ID_ECHO, "id", sentence));
        }
        _ => {}
    }
}

fn successful(request: &Message, reply: &Message, breaches: &mut Vec<Breach>) {
    let is_odd = reply.findings().iter().any(|it| {
        matches!(
            it.kind,
            FindingKind::WrongType {
                field: "successful"
            }
        )
    });
    if reply.successful().is_none() {
        let rule = of_channel(request.channel());
        let sentence = "the reply does not say whether the request was successful";
        breaches.push(Breach::of(rule, "successful", sentence));
    } else if is_odd {
        let sentence = "successful is neither true nor false";
        breaches.push(Breach::of(MSG_SUCCESSFUL, "successful", sentence));
    }
    if reply.successful() != Some(false) {
        return;
    }
    match reply.error() {
        None if request.channel() != meta::HANDSHAKE => {
            let sentence = "a request is refused without a word why";
            breaches.push(Breach::of(MSG_ERROR_SHAPE, "error", sentence));
        }
        Some(error) if error.code.is_none() => {
            let sentence = format!("the error has no code before it: {error}");
            breaches.push(Breach::of(MSG_ERROR_SHAPE, "error", sentence));
        }
        _ => {}
    }
}

fn handshake(request: &Message, reply: &Message, breaches: &mut Vec<Breach>) {
    if reply.successful() == Some(false) {
        if reply.error().is_none() {
            let sentence = "a handshake is refused without a word why";
            breaches.push(Breach::of(HS_ERROR_SHAPE, "error", sentence));
        }
        if reply.client_id().is_some() {
            let sentence = "a refused handshake has a clientId";
            breaches.push(Breach::of(HS_ERROR_SHAPE, "clientId", sentence));
        }
        return;
    }
    if reply.get("version").is_none() {
        let sentence = "the reply to the handshake has no version";
        breaches.push(Breach::of(HS_FIELDS, "version", sentence));
    }
    match reply.client_id() {
        None => {
            let sentence = "the reply to the handshake has no clientId";
            breaches.push(Breach::of(HS_FIELDS, "clientId", sentence));
        }
        // Of a recording: the rest of it was taken away.
        Some(client_id) if client_id.ends_with('…') => {}
        Some(client_id) => {
            let odd = client_id.chars().find(|it| !it.is_ascii_alphanumeric());
            if let Some(odd) = odd {
                let sentence = format!("the clientId has {odd:?}; letters and digits are allowed");
                breaches.push(Breach::of(HS_CLIENT_ID_CHARSET, "clientId", sentence));
            } else if client_id.is_empty() {
                let sentence = "the clientId is empty";
                breaches.push(Breach::of(HS_CLIENT_ID_CHARSET, "clientId", sentence));
            }
        }
    }
    let types = |message: &Message| -> Option<Vec<String>> {
        serde_json::from_str(message.get("supportedConnectionTypes")?).ok()
    };
    match (types(reply), types(request)) {
        (None, _) => {
            let sentence = "the reply to the handshake names no connection types";
            let field = "supportedConnectionTypes";
            breaches.push(Breach::of(HS_FIELDS, field, sentence));
        }
        (Some(servers), Some(clients)) if !servers.iter().any(|it| clients.contains(it)) => {
            let sentence = format!(
                "the handshake is accepted, but the server speaks {} and the client {}",
                servers.join(", "),
                clients.join(", ")
            );
            let field = "supportedConnectionTypes";
            breaches.push(Breach::of(HS_COMMON_TYPE, field, sentence));
        }
        _ => {}
    }
}

fn subscription(request: &Message, reply: &Message, breaches: &mut Vec<Breach>) {
    let (mut asked, mut told) = (request.subscriptions(), reply.subscriptions());
    asked.sort();
    told.sort();
    if asked != told {
        let sentence = format!(
            "{} was asked for, the reply is about {}",
            asked.join(", "),
            told.join(", ")
        );
        breaches.push(Breach::of(SUB_FIELDS, "subscription", sentence));
    }
}

/// The rule about the fields of a reply to a request on this channel.
fn of_channel(channel: &str) -> Rule {
    match channel {
        meta::HANDSHAKE => HS_FIELDS,
        meta::CONNECT => CON_FIELDS,
        meta::SUBSCRIBE | meta::UNSUBSCRIBE => SUB_FIELDS,
        meta::DISCONNECT => DIS_REPLY,
        _ => PUB_REPLY,
    }
}
