//! What makes the checks of `hs` fail.

use serde_json::{Value, json};

use super::scripted::{Script, Scripted};
use super::*;

/// What a check comes to where messages are answered with these.
fn outcome(answer: fn(&Value, Vec<Value>) -> Vec<Value>, id: &str) -> String {
    let script = Script {
        answer,
        ..Script::default()
    };
    let server = Scripted::new(script);
    outcome_at(&server.url(), ConnectionType::LongPolling, id)
}

/// The reply with this field made so; without it where that is null.
fn with(mut answer: Vec<Value>, field: &str, value: Value) -> Vec<Value> {
    for it in &mut answer {
        let object = it.as_object_mut().unwrap();
        match value.is_null() {
            true => drop(object.remove(field)),
            false => drop(object.insert(field.to_owned(), value.clone())),
        }
    }
    answer
}

#[test]
fn fields_that_are_missing_are_seen() {
    let id = "hs.fields";
    for (field, seen) in [
        (
            "successful",
            "the reply does not say whether the request was successful",
        ),
        ("version", "the reply to the handshake has no version"),
        ("clientId", "the reply to the handshake has no clientId"),
        (
            "supportedConnectionTypes",
            "the reply to the handshake names no connection types",
        ),
    ] {
        let answer: fn(&Value, Vec<Value>) -> Vec<Value> = match field {
            "successful" => |_, it| with(it, "successful", Value::Null),
            "version" => |_, it| with(it, "version", Value::Null),
            "clientId" => |_, it| with(it, "clientId", Value::Null),
            _ => |_, it| with(it, "supportedConnectionTypes", Value::Null),
        };
        assert_eq!(outcome(answer, id), format!("fail: {seen}"));
    }
}

#[test]
fn wrong_ids_are_seen_over_every_transport() {
    let settings = ServerSettings {
        faults: vec!["handshake:wrong-id".parse().unwrap()],
        ..ServerSettings::default()
    };
    let server = Server::bind("127.0.0.1:0", settings).unwrap();
    for over in [
        ConnectionType::LongPolling,
        ConnectionType::CallbackPolling,
        ConnectionType::WebSocket,
    ] {
        let seen = outcome_at(&server.url(), over, "hs.id-echo");
        assert_eq!(
            seen, r#"fail: the request has the id "1", its reply "fault""#,
            "over {over}"
        );
    }
    let none = outcome(|_, it| with(it, "id", Value::Null), "hs.id-echo");
    assert_eq!(none, r#"fail: the reply does not repeat the id "1""#);
}

#[test]
fn handshakes_that_should_be_refused_and_are_not_are_seen() {
    for (id, severity) in [
        ("hs.version-required", "fail"),
        ("hs.version-negotiation", "note"),
        ("hs.no-common-type", "fail"),
    ] {
        let seen = outcome(|_, proper| proper, id);
        assert_eq!(seen, format!("{severity}: it is accepted"), "{id}");
    }
    for id in ["hs.version-required", "hs.no-common-type"] {
        let seen = outcome_as(Flavor::Faye, id);
        assert!(seen.starts_with("pass: "), "{id}: {seen}");
    }
}

#[test]
fn connection_types_that_are_not_offered_are_seen() {
    let without = |_: &Value, it| with(it, "supportedConnectionTypes", json!(["websocket"]));
    assert_eq!(
        outcome(without, "hs.long-polling-listed"),
        "fail: it offers websocket"
    );
    assert_eq!(
        outcome_as(Flavor::Salesforce, "hs.callback-listed"),
        "warn: it offers long-polling"
    );
    let odd = |_: &Value, it| with(it, "supportedConnectionTypes", json!({"long-polling": 1}));
    assert_eq!(
        outcome(odd, "hs.long-polling-listed"),
        r#"fail: supportedConnectionTypes is {"long-polling":1}"#
    );
}

#[test]
fn what_is_done_beside_a_handshake_is_seen() {
    let id = "hs.alone";
    assert_eq!(
        outcome(|_, proper| proper, id),
        "fail: the publish beside it is carried out"
    );
    assert_eq!(
        outcome_as(Flavor::Faye, id),
        "fail: the publish beside it is carried out"
    );
    let ignores = |message: &Value, proper| match message["channel"] == "/meta/handshake" {
        true => proper,
        false => Vec::new(),
    };
    assert_eq!(outcome(ignores, id), "pass");
}

#[test]
fn client_ids_that_can_be_guessed_are_seen() {
    let odd = |_: &Value, it| with(it, "clientId", "a-b".into());
    assert_eq!(
        outcome(odd, "hs.clientid-charset"),
        "fail: the clientId has '-'; letters and digits are allowed"
    );
    assert_eq!(
        outcome(odd, "hs.clientid-entropy"),
        "warn: at most 0 bits in 3 characters"
    );
    assert_eq!(
        outcome(odd, "hs.clientid-unique"),
        "fail: both have the same clientId"
    );
    assert_eq!(
        outcome(odd, "hs.clientid-distinct"),
        "fail: 1 clientIds for 200 sessions"
    );
    let obeys = |message: &Value, it| match message.get("clientId") {
        Some(theirs) => with(it, "clientId", theirs.clone()),
        None => it,
    };
    assert_eq!(
        outcome(obeys, "hs.clientid-unique"),
        "fail: a handshake with the clientId of a session is given that session"
    );
}

#[test]
fn refusals_without_a_reason_or_with_a_client_id_are_seen() {
    let refuses = |message: &Value, it: Vec<Value>| match message["channel"] == "/meta/handshake" {
        true => with(it, "successful", false.into()),
        false => it,
    };
    assert_eq!(
        outcome(refuses, "hs.error-shape"),
        "fail: a handshake is refused without a word why; a refused handshake has a clientId"
    );
}

#[test]
fn a_server_that_refuses_everybody_is_not_said_to_refuse_what_is_odd() {
    for id in [
        "hs.version-required",
        "hs.version-negotiation",
        "hs.no-common-type",
        "hs.alone",
        "hs.fields",
    ] {
        assert_eq!(
            outcome_of_fault("handshake:refuse=403", id),
            "skip: the server refuses the handshake: 403::refused_by_fault",
            "{id}"
        );
    }
}
