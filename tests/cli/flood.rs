//! Servers that send without a pause over a websocket: they keep no deadline from being met,
//! and take no memory.

use std::io::Write;
use std::net::TcpStream;

use serde_json::{Value, json};
use tungstenite::WebSocket;

use crate::program::{bayeux, snapshot};
use crate::web_socket::{accepted, say, talking};

/// Confirms the subscribe and sends these bytes until the client is gone.
fn flooding(bytes: Vec<u8>) -> String {
    let bytes = bytes.repeat(200);
    talking(move |socket, request| match request["channel"].as_str() {
        Some("/meta/subscribe") => {
            say(socket, &json!([accepted(request)]));
            flood(socket, &bytes);
        }
        _ => say(socket, &json!([accepted(request)])),
    })
}

fn flood(socket: &mut WebSocket<TcpStream>, bytes: &[u8]) {
    while socket.get_mut().write_all(bytes).is_ok() {}
}

/// A short text frame of a server.
fn text(messages: &Value) -> Vec<u8> {
    let text = messages.to_string();
    let length = u8::try_from(text.len()).unwrap();
    assert!(length < 126, "{length}");
    [&[0x81, length], text.as_bytes()].concat()
}

fn late(url: &str) -> crate::program::Outcome {
    let goal = ["--jq", "select(false)", "-n", "1", "--timeout", "200ms"];
    bayeux(["sub", url, "/demo"]).args(&goal).run()
}

#[test]
fn pongs_without_a_pause_keep_no_deadline_from_being_met() {
    snapshot!(late(&flooding(vec![0x8a, 0])), @"
    exit: 6
    ----- stdout -----
    ----- stderr -----
    ~ subscribed to /demo
    ~ 0 messages received, 0 matched in [duration]
    error: no message matching --jq within [duration] on /demo (0 received, 0 matched)
    hint: the subscription is confirmed: does somebody publish?
    ");
}

#[test]
fn pings_whose_answers_are_not_taken_end_the_websocket() {
    let mut ping = vec![0x89, 125];
    ping.extend([b'x'; 125]);
    let url = talking(move |socket, _| flood(socket, &ping.repeat(200)));
    snapshot!(bayeux(["pub", &url, "/demo", "1"]).run(), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: publish to /demo: outcome unknown
    cause: a bad frame came over the websocket: 1000 pings whose answers the server does not take
    hint: it may have been delivered, so it was not sent again
    ");
}

#[test]
fn empty_frames_without_a_pause_keep_no_deadline_from_being_met() {
    snapshot!(late(&flooding(text(&json!([])))), @"
    exit: 6
    ----- stdout -----
    ----- stderr -----
    ~ subscribed to /demo
    ~ 0 messages received, 0 matched in [duration]
    error: no message matching --jq within [duration] on /demo (0 received, 0 matched)
    hint: the subscription is confirmed: does somebody publish?
    ");
}

#[test]
fn deliveries_without_a_pause_keep_no_tail_from_leaving() {
    let url = flooding(text(&json!([{"channel": "/demo", "data": 1}])));
    let outcome = late(&url);
    assert_eq!(outcome.code(), Some(6), "{outcome}");
    let outcome = bayeux(["sub", &url, "/demo", "-n", "3"]).run();
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    assert_eq!(outcome.stdout().lines().count(), 3);
}

#[test]
fn odd_messages_without_a_pause_keep_no_tail_from_leaving() {
    let outcome = late(&flooding(text(
        &json!([7, {"channel": "/demo", "data": 1}]),
    )));
    assert_eq!(outcome.code(), Some(6), "{outcome}");
}
