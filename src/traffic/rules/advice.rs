//! The advice of a message.

use serde_json::{Map, Value};

use super::Breach;
use super::catalogue::{ADV_SHAPE, CON_MULTI_SESSION};
use crate::protocol::{ConnectionType, FindingKind, Message};

/// What is wrong with the advice of a message from the server.
pub fn advice(message: &Message) -> Vec<Breach> {
    let mut breaches = Vec::new();
    let is_no_object = message
        .findings()
        .iter()
        .any(|it| matches!(it.kind, FindingKind::WrongType { field: "advice" }));
    if is_no_object {
        breaches.push(Breach::of(ADV_SHAPE, "advice", "the advice is no object"));
    }
    let advice = message.advice().map(serde_json::from_str);
    if let Some(Ok(Value::Object(advice))) = advice {
        section(&advice, &mut breaches);
        // A connection type's own section overrides the rest.
        for connection_type in [
            ConnectionType::CallbackPolling,
            ConnectionType::LongPolling,
            ConnectionType::WebSocket,
        ] {
            if let Some(Value::Object(own)) = advice.get(connection_type.as_str()) {
                section(own, &mut breaches);
            }
        }
    }
    breaches
}

fn section(advice: &Map<String, Value>, breaches: &mut Vec<Breach>) {
    if let Some(reconnect) = advice.get("reconnect") {
        let known = ["retry", "handshake", "none"];
        if !reconnect.as_str().is_some_and(|it| known.contains(&it)) {
            let sentence = format!("reconnect is {reconnect}, not retry, handshake or none");
            breaches.push(Breach::of(ADV_SHAPE, "advice.reconnect", sentence));
        }
    }
    for (name, field) in [
        ("interval", "advice.interval"),
        ("timeout", "advice.timeout"),
        ("maxInterval", "advice.maxInterval"),
    ] {
        let Some(value) = advice.get(name) else {
            continue;
        };
        // CometD's negative interval means: do not connect again.
        let is_allowed = value.is_u64() || (name == "interval" && value.is_i64());
        if !is_allowed {
            let sentence = format!("{name} is {value}, not a number of milliseconds");
            breaches.push(Breach::of(ADV_SHAPE, field, sentence));
        }
    }
    if advice.get("multiple-clients") == Some(&Value::Bool(true)) {
        let sentence = "the server sees several sessions with one cookie and turns to slow polling";
        breaches.push(Breach::of(
            CON_MULTI_SESSION,
            "advice.multiple-clients",
            sentence,
        ));
    }
}
