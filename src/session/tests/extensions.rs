//! What the extensions make of a session.

mod ack;
mod replay;
mod timesync;

use std::time::{Duration, SystemTime};

use super::scenario::*;
use crate::protocol::{Json, meta};
use crate::session::extension::{
    Ack, ClockReading, Extension, Extensions, Fallback, Replay, ReplayFrom, TimeSync,
};
use crate::session::{Lane, Settings, Stage};

fn with(extensions: Vec<Box<dyn Extension>>) -> Scenario {
    Scenario::new(Settings {
        extensions,
        ..settings()
    })
}

fn json(text: &str) -> Json {
    text.parse().unwrap()
}

fn from(text: &str) -> ReplayFrom {
    text.parse().unwrap()
}

/// Handshakes and subscribes; the connect is held.
fn begin(scenario: &mut Scenario, channel: &str, handshake: Reply) {
    scenario.session.subscribe(channel.parse().unwrap());
    scenario.expect_sent(["/meta/handshake"]);
    scenario.server_replies([handshake]);
    scenario.expect_sent([format!("/meta/subscribe {channel}").as_str()]);
    scenario.server_replies([accepted(meta::SUBSCRIBE)]);
    scenario.expect_sent(["/meta/connect at once"]);
}

/// The server forgets the session, and a new one is there and has sent its subscribe.
fn lose(scenario: &mut Scenario, channel: &str, handshake: Reply) {
    scenario.server_replies([refused(meta::CONNECT, "403::Unknown client")
        .advice(r#"{"reconnect":"handshake","interval":0}"#)]);
    scenario.passes(Duration::from_secs(1));
    scenario.expect_sent(["/meta/handshake"]);
    scenario.server_replies([handshake]);
    scenario.expect_sent([format!("/meta/subscribe {channel}").as_str()]);
}

#[test]
fn what_is_given_is_sent_as_it_is_written_with_its_kind_of_message() {
    let mut scenario = with(vec![Box::new(Extensions {
        handshake: Some(json(r#"{ "token": "a" }"#)),
        connect: Some(json(r#"{"c":1.00}"#)),
        subscribe: Some(json(r#"{"s":[ ]}"#)),
        publish: Some(json("{}")),
    })]);
    scenario.session.subscribe("/demo".parse().unwrap());
    scenario.expect_sent(["/meta/handshake"]);
    assert_eq!(
        scenario.ext_in_flight(meta::HANDSHAKE),
        [r#"{ "token": "a" }"#]
    );
    scenario.server_replies([handshake_accepted("one")]);
    scenario.expect_sent(["/meta/subscribe /demo"]);
    assert_eq!(scenario.ext_in_flight(meta::SUBSCRIBE), [r#"{"s":[ ]}"#]);
    scenario.server_replies([accepted(meta::SUBSCRIBE)]);
    scenario
        .session
        .publish("/demo".parse().unwrap(), json("1"));
    scenario.expect_sent(["/demo", "/meta/connect at once"]);
    assert_eq!(scenario.ext_in_flight("/demo"), ["{}"]);
    assert_eq!(scenario.ext_in_flight(meta::CONNECT), [r#"{"c":1.00}"#]);
}

#[test]
fn members_of_all_extensions_make_one_object_and_the_users_go_first() {
    let given = Extensions {
        handshake: Some(json(r#"{"b":1.0, "ack" : "mine"}"#)),
        ..Extensions::default()
    };
    let replay = Replay::new([], ReplayFrom::New, Fallback::Fail);
    let mut scenario = with(vec![
        Box::new(given),
        Box::new(Ack::new()),
        Box::new(replay),
    ]);
    scenario.expect_sent(["/meta/handshake"]);
    assert_eq!(
        scenario.ext_in_flight(meta::HANDSHAKE),
        [r#"{"b":1.0, "ack" : "mine","replay":true}"#]
    );
}

#[test]
fn without_extensions_no_message_has_an_ext() {
    let mut scenario = Scenario::connected("/demo");
    scenario
        .session
        .publish("/demo".parse().unwrap(), json("1"));
    scenario.expect_sent(["/demo"]);
    assert_eq!(scenario.ext_in_flight("/demo"), ["-"]);
    assert_eq!(scenario.ext_in_flight(meta::CONNECT), ["-"]);
}
