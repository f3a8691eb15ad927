//! What makes the checks of `msg` fail.

use serde_json::{Value, json};

use super::scripted::{Script, Scripted};
use super::*;

fn outcome(answer: fn(&Value, Vec<Value>) -> Vec<Value>, id: &str) -> String {
    let server = Scripted::new(Script {
        answer,
        ..Script::default()
    });
    outcome_at(&server.url(), ConnectionType::LongPolling, id)
}

#[test]
fn ids_that_are_refused_or_altered_are_seen() {
    assert_eq!(
        outcome_as(Flavor::CometD, "msg.id-types"),
        r#"note: 70 comes back as "70"; "a-b": 405::message_id_invalid"#
    );
}

#[test]
fn messages_without_a_channel_that_are_carried_out_or_break_the_server_are_seen() {
    let id = "msg.channel-missing";
    let accepts = |message: &Value, proper| match message.get("channel") {
        Some(_) => proper,
        None => vec![json!({"id": message["id"], "successful": true})],
    };
    assert_eq!(outcome(accepts, id), "fail: it is carried out");
    let server = Scripted::new(Script {
        respond: |asked, mut proper| {
            if !asked.body.contains("\"channel\"") {
                proper.status = 500;
            }
            proper
        },
        ..Script::default()
    });
    let seen = outcome_at(&server.url(), ConnectionType::LongPolling, id);
    assert_eq!(seen, "fail: HTTP 500");
}

#[test]
fn replies_that_are_missing_or_come_twice_are_seen() {
    let id = "msg.batch-order";
    let silent = |message: &Value, proper| match message["data"] == "second" {
        true => Vec::new(),
        false => proper,
    };
    assert_eq!(outcome(silent, id), "fail: the message 5 has none");
    let twice = |message: &Value, mut proper: Vec<Value>| {
        if message["data"] == "first" {
            proper.push(proper[0].clone());
        }
        proper
    };
    assert_eq!(outcome(twice, id), "fail: the message 4 has 2");
}

#[test]
fn servers_that_mind_two_sessions_in_one_request_are_seen() {
    let id = "msg.two-clients";
    assert_eq!(
        outcome_as(Flavor::CometD, id),
        "note: the message of the second session: 402::session_unknown"
    );
    // Whoever publishes gets it, whoever is subscribed.
    assert_eq!(
        outcome(|_, proper| proper, id),
        "note: the second session is not subscribed, though its reply says so"
    );
}
