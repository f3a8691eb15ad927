//! `bayeux subscribe`.

use crate::peer::{Observed, denying_server, publish, server};
use crate::program::{Outcome, bayeux, snapshot};

/// What a tail with these options makes of two messages.
fn tail(options: &[&str]) -> Outcome {
    let server = server();
    let mut tail = bayeux(["sub", &server.url(), "/demo"])
        .args(options)
        .start();
    tail.told("subscribed to /demo");
    publish(&server, "/demo", r#"{"user":"ann","text":"hi","n":1.00}"#);
    publish(
        &server,
        "/demo",
        r#"{"user":"bob","text":"ho","n":9007199254740993}"#,
    );
    tail.end()
}

#[test]
fn count_ends_in_success() {
    snapshot!(tail(&["-n", "1", "-o", "json"]), @r#"
    exit: 0
    ----- stdout -----
    {"type":"message","time":"[timestamp]","dir":"in","channel":"/demo","transport":"long-polling","message":{"data":{"user":"ann","text":"hi","n":1.00},"channel":"/demo"}}
    ----- stderr -----
    ~ subscribed to /demo
    ~ 1 message received in [duration]
    "#);
    snapshot!(tail(&["--count", "2", "-o", "json"]), @r#"
    exit: 0
    ----- stdout -----
    {"type":"message","time":"[timestamp]","dir":"in","channel":"/demo","transport":"long-polling","message":{"data":{"user":"ann","text":"hi","n":1.00},"channel":"/demo"}}
    {"type":"message","time":"[timestamp]","dir":"in","channel":"/demo","transport":"long-polling","message":{"data":{"user":"bob","text":"ho","n":9007199254740993},"channel":"/demo"}}
    ----- stderr -----
    ~ subscribed to /demo
    ~ 2 messages received in [duration]
    "#);
}

#[test]
fn pretty_shows_data_below_an_arrow() {
    snapshot!(tail(&["-n", "2", "-o", "pretty"]), @r#"
    exit: 0
    ----- stdout -----
    [time]  < /demo
    { "user": "ann", "text": "hi", "n": 1.00 }
    [time]  < /demo
    { "user": "bob", "text": "ho", "n": 9007199254740993 }
    ----- stderr -----
    ~ subscribed to /demo
    ~ 2 messages received in [duration]
    "#);
}

#[test]
fn compact_is_one_line_a_message() {
    snapshot!(tail(&["-n", "2", "-o", "compact"]), @r#"
    exit: 0
    ----- stdout -----
    [time] < /demo {"user":"ann","text":"hi","n":1.00}
    [time] < /demo {"user":"bob","text":"ho","n":9007199254740993}
    ----- stderr -----
    ~ subscribed to /demo
    ~ 2 messages received in [duration]
    "#);
}

#[test]
fn data_is_only_the_data() {
    snapshot!(tail(&["-n", "2", "-o", "data"]), @r#"
    exit: 0
    ----- stdout -----
    {"user":"ann","text":"hi","n":1.00}
    {"user":"bob","text":"ho","n":9007199254740993}
    ----- stderr -----
    ~ subscribed to /demo
    ~ 2 messages received in [duration]
    "#);
}

#[test]
fn a_variable_sets_the_view() {
    let server = server();
    let mut tail = bayeux(["sub", &server.url(), "/demo", "-n", "1"])
        .env("BAYEUX_OUTPUT", "data")
        .start();
    tail.told("subscribed");
    publish(&server, "/demo", "1.0");
    assert_eq!(tail.end().stdout(), "1.0\n");
}

#[test]
fn jq_drops_what_it_gives_nothing_for() {
    snapshot!(tail(&["-n", "1", "-o", "json", "--jq", r#"select(.data.user=="bob")"#]), @r#"
    exit: 0
    ----- stdout -----
    {"data":{"user":"bob","text":"ho","n":9007199254740993},"channel":"/demo"}
    ----- stderr -----
    ~ subscribed to /demo
    ~ 2 messages received, 1 matched in [duration]
    "#);
}

#[test]
fn jq_projects_and_prints_strings_raw() {
    snapshot!(tail(&["-n", "2", "--jq", ".data.text, .data.n"]), @r#"
    exit: 0
    ----- stdout -----
    hi
    1.00
    ho
    9007199254740993
    ----- stderr -----
    ~ subscribed to /demo
    ~ 2 messages received, 2 matched in [duration]
    "#);
}

#[test]
fn a_jq_that_fails_on_messages_is_told_once() {
    snapshot!(tail(&["--timeout", "1s", "-n", "1", "--jq", ".data.user.x"]), @r#"
    exit: 6
    ----- stdout -----
    ----- stderr -----
    ~ subscribed to /demo
    warning: --jq: cannot index "ann" with "x"
    warning: --jq: cannot index "bob" with "x"
    ~ 2 messages received, 0 matched in [duration]
    error: no message matching --jq within [duration] on /demo (2 received, 0 matched)
    hint: drop --jq to see what arrives
    "#);
}

#[test]
fn duration_ends_in_success() {
    snapshot!(tail(&["--duration", "1s", "-o", "data"]), @r#"
    exit: 0
    ----- stdout -----
    {"user":"ann","text":"hi","n":1.00}
    {"user":"bob","text":"ho","n":9007199254740993}
    ----- stderr -----
    ~ subscribed to /demo
    ~ 2 messages received in [duration]
    "#);
}

#[test]
fn idle_ends_in_success_after_a_quiet_spell() {
    snapshot!(tail(&["--idle", "1s", "-o", "data"]), @r#"
    exit: 0
    ----- stdout -----
    {"user":"ann","text":"hi","n":1.00}
    {"user":"bob","text":"ho","n":9007199254740993}
    ----- stderr -----
    ~ subscribed to /demo
    ~ 2 messages received in [duration]
    "#);
}

#[test]
fn v_shows_the_traffic_both_ways() {
    let outcome = tail(&["-n", "2", "-v", "-o", "compact"]);
    let stderr = outcome.stderr();
    for wanted in [
        "> /meta/handshake",
        "< /meta/handshake",
        "> /meta/subscribe",
        "< /meta/subscribe",
        "> /meta/connect",
        "> /meta/disconnect",
        "< /meta/disconnect",
    ] {
        assert!(stderr.contains(wanted), "no {wanted}: {outcome}");
    }
    assert!(!stderr.contains("HTTP"), "{outcome}");
    assert_eq!(outcome.stdout().lines().count(), 2, "{outcome}");
}

#[test]
fn vv_shows_the_lines_of_http() {
    let outcome = tail(&["-n", "2", "-vv", "-o", "pretty"]);
    let stderr = outcome.stderr();
    for wanted in [
        "> POST /cometd HTTP/1.1",
        "< HTTP/1.1 200 OK",
        "Content-Type: ",
        "(connect",
    ] {
        assert!(stderr.contains(wanted), "no {wanted}: {outcome}");
    }
}

#[test]
fn q_tells_nothing_but_errors() {
    let peer = Observed::new();
    let tail = bayeux(["sub", &peer.server.url(), "/demo", "-n", "1", "-q"])
        .args(&["-o", "data"])
        .start();
    peer.until("> /meta/subscribe");
    publish(&peer.server, "/demo", "1");
    snapshot!(tail.end(), @r#"
    exit: 0
    ----- stdout -----
    1
    ----- stderr -----
    "#);
}

#[test]
fn several_channels_and_patterns_are_tailed_at_once() {
    let server = server();
    let mut tail = bayeux(["sub", &server.url(), "/a", "/b/*", "/c/**"])
        .args(&["-n", "3", "--jq", r#""\(.channel) \(.data)""#])
        .start();
    for channel in ["/a", "/b/*", "/c/**"] {
        tail.told(&format!("subscribed to {channel}\n"));
    }
    for (nth, channel) in ["/a", "/a/x", "/b/x", "/b/x/y", "/c/x/y"]
        .iter()
        .enumerate()
    {
        publish(&server, channel, &nth.to_string());
    }
    snapshot!(tail.end(), @r#"
    exit: 0
    ----- stdout -----
    /a 0
    /b/x 2
    /c/x/y 4
    ----- stderr -----
    ~ subscribed to /a
    ~ subscribed to /b/*
    ~ subscribed to /c/**
    ~ 3 messages received, 3 matched in [duration]
    "#);
}

#[test]
fn a_lost_session_is_renewed_and_told() {
    let server = server();
    let mut tail = bayeux(["sub", &server.url(), "/demo", "-n", "1", "-o", "data"]).start();
    tail.told("subscribed");
    server.forget_sessions();
    tail.told("session renewed");
    publish(&server, "/demo", "1");
    snapshot!(tail.end(), @r#"
    exit: 0
    ----- stdout -----
    1
    ----- stderr -----
    ~ subscribed to /demo
    ~ session lost after [duration]: 402::session_unknown
    ~ subscribed to /demo
    ~ session renewed: 1 of 1 subscription restored, gap [duration]
    ~ 1 message received in [duration], 1 session lost
    "#);
}

#[test]
fn one_refused_channel_of_two_is_a_failure() {
    let server = denying_server();
    snapshot!(bayeux(["sub", &server.url(), "/demo", "/admin/x"]).run(), @"
    exit: 5
    ----- stdout -----
    ----- stderr -----
    ~ subscribed to /demo
    error: subscribe to /admin/x refused: 403:denied_by_security_policy:subscribe_denied
    hint: the session is up; other channels may be allowed
    ");
}

#[test]
fn a_doubtful_channel_name_is_told_and_tried() {
    let server = server();
    snapshot!(bayeux(["sub", &server.url(), "/a b", "--duration", "100ms"]).run(), @r#"
    exit: 0
    ----- stdout -----
    ----- stderr -----
    warning: ' ' is outside the channel grammar of Bayeux 1.0; Faye refuses it, CometD may accept it
    ~ subscribed to /a b
    ~ 0 messages received in [duration]
    "#);
}
