//! `bayeux call`.

use serde_json::{Value, json};

use crate::hostile::{Hostile, accepted, good};
use crate::peer::{denying_server, publish, server};
use crate::program::{bayeux, snapshot};

/// Answers a publish to `/service/x` with these messages, behind the acknowledgement.
fn answering(answers: impl Fn(&Value) -> Vec<Value> + Send + Sync + 'static) -> Hostile {
    Hostile::conversation(move |message| {
        let mut replies = good(message)?;
        if message["channel"] == "/service/x" {
            replies.extend(answers(message));
        }
        Some(replies)
    })
}

#[test]
fn a_service_is_called_without_a_subscription() {
    let server = server();
    let words = ["call", &server.url(), "/service/echo", r#"{"n": 1.00}"#];
    snapshot!(bayeux(words).run(), @r#"
    exit: 0
    ----- stdout -----
    {"n": 1.00}
    ----- stderr -----
    ~ answered on /service/echo, round trip [duration]
    "#);
    let words = ["call", &server.url(), "/service/echo", "n:=1"];
    snapshot!(bayeux(words).args(&["-o", "json"]).run(), @r#"
    exit: 0
    ----- stdout -----
    {"type":"message","time":"[timestamp]","dir":"in","channel":"/service/echo","transport":"long-polling","message":{"channel":"/service/echo","id":"2","data":{"n":1}}}
    ----- stderr -----
    ~ answered on /service/echo, round trip [duration]
    "#);
    snapshot!(bayeux(words).args(&["-o", "compact", "-q"]).run(), @r#"
    exit: 0
    ----- stdout -----
    [time] < /service/echo {"n":1}
    ----- stderr -----
    "#);
    snapshot!(bayeux(words).args(&["--jq", ".data.n + 1"]).run(), @"
    exit: 0
    ----- stdout -----
    2
    ----- stderr -----
    ~ answered on /service/echo, round trip [duration]
    ");
    let words = ["call", &server.url(), "/service/echo", "--text", "-", "-q"];
    snapshot!(bayeux(words).stdin("say \"hi\"").run(), @r#"
    exit: 0
    ----- stdout -----
    "say \"hi\""
    ----- stderr -----
    "#);
    assert_eq!(server.n_sessions(), 0);
}

#[test]
fn it_works_by_callback_polling() {
    let server = server();
    let words = ["call", &server.url(), "/service/echo", "1"];
    let outcome = bayeux(words).args(&["-t", "callback-polling"]).run();
    assert_eq!(outcome.stdout(), "1\n", "{outcome}");
}

#[test]
fn answers_on_another_channel_are_subscribed_to_first() {
    let server = server();
    let tail = bayeux(["sub", &server.url(), "/requests", "-n", "1", "-o", "data"]);
    let mut tail = tail.start();
    tail.told("subscribed");
    let words = ["call", &server.url(), "/requests", "\"q\"", "-n", "2"];
    let call = bayeux(words)
        .args(&["--reply", "/answers/*", "--jq", "select(.data > 1) | .data"])
        .start();
    tail.printed("\"q\"");
    for answer in ["1", "2", "3"] {
        publish(&server, "/answers/1", answer);
    }
    snapshot!(call.end(), @"
    exit: 0
    ----- stdout -----
    2
    3
    ----- stderr -----
    ~ subscribed to /answers/*
    ~ answered on /answers/1, round trip [duration]
    ~ answered on /answers/1, round trip [duration]
    ");
}

#[test]
fn on_a_broadcast_channel_the_message_itself_is_an_answer() {
    let server = server();
    snapshot!(bayeux(["call", &server.url(), "/demo", "1"]).run(), @"
    exit: 0
    ----- stdout -----
    1
    ----- stderr -----
    ~ subscribed to /demo
    ~ answered on /demo, round trip [duration]
    ");
}

/// CometD may answer a connect before it answers the publish that caused it.
#[test]
fn an_answer_may_come_before_the_acknowledgement() {
    let server = answering(|_| vec![json!({"channel": "/service/x", "data": "late"})]);
    let words = ["call", &server.url(), "/service/x", "1", "-q"];
    assert_eq!(bayeux(words).run().stdout(), "\"late\"\n");
    let server = Hostile::conversation(|message| match message["channel"].as_str() {
        Some("/service/x") => Some(vec![
            json!({"channel": "/service/x", "data": "early"}),
            accepted(message),
        ]),
        _ => good(message),
    });
    let words = ["call", &server.url(), "/service/x", "1"];
    snapshot!(bayeux(words).run(), @r#"
    exit: 0
    ----- stdout -----
    "early"
    ----- stderr -----
    ~ answered on /service/x, round trip [duration]
    "#);
}

/// CometD answers a remote call with the id of the message.
#[test]
fn an_answer_to_something_else_does_not_count() {
    let server = answering(|message| {
        vec![
            json!({"channel": "/service/x", "id": "other", "data": 1}),
            json!({"channel": "/service/y", "data": 2}),
            json!({"channel": "/service/x", "id": message["id"], "data": 3}),
        ]
    });
    let words = ["call", &server.url(), "/service/x", "1"];
    snapshot!(bayeux(words).run(), @"
    exit: 0
    ----- stdout -----
    3
    ----- stderr -----
    ~ answered on /service/x, round trip [duration]
    ");
}

#[test]
fn no_answer_is_a_timeout() {
    let server = server();
    let words = ["call", &server.url(), "/service/none", "1"];
    let timeout = ["--timeout", "1s"];
    snapshot!(bayeux(words).args(&timeout).run(), @"
    exit: 6
    ----- stdout -----
    ----- stderr -----
    error: no answer on /service/none within [duration]
    hint: every server acknowledges a publish to a service channel that nobody handles
    ");
    let words = [
        "call",
        &server.url(),
        "/service/echo",
        "1",
        "-n",
        "99999999999",
    ];
    snapshot!(bayeux(words).args(&timeout).run(), @"
    exit: 6
    ----- stdout -----
    1
    ----- stderr -----
    ~ answered on /service/echo, round trip [duration]
    error: 1 of 99999999999 answers on /service/echo within [duration]
    hint: -v shows what else the server sends
    ");
    let words = [
        "call",
        &server.url(),
        "/service/echo",
        "1",
        "--jq",
        "select(.data == 2)",
    ];
    snapshot!(bayeux(words).args(&timeout).run(), @"
    exit: 6
    ----- stdout -----
    ----- stderr -----
    error: no answer matching --jq within [duration] on /service/echo (1 received, 0 matched)
    hint: drop --jq to see what arrives
    ");
    let words = [
        "call",
        &server.url(),
        "/requests",
        "1",
        "--reply",
        "/answers",
    ];
    snapshot!(bayeux(words).args(&timeout).run(), @"
    exit: 6
    ----- stdout -----
    ----- stderr -----
    ~ subscribed to /answers
    error: no answer on /answers within [duration]
    hint: the message was acknowledged: does somebody answer it there? see --reply
    ");
}

#[test]
fn a_refusal_is_told() {
    let server = denying_server();
    let words = [
        "call",
        &server.url(),
        "/admin/x",
        "1",
        "--reply",
        "/service/x",
    ];
    snapshot!(bayeux(words).run(), @"
    exit: 5
    ----- stdout -----
    ----- stderr -----
    error: publish to /admin/x rejected: 403:denied_by_security_policy:publish_denied
    hint: the session is up; other channels may be allowed
    ");
    let words = ["call", &server.url(), "/demo", "1", "--reply", "/admin/x"];
    snapshot!(bayeux(words).run(), @"
    exit: 5
    ----- stdout -----
    ----- stderr -----
    error: subscribe to /admin/x refused: 403:denied_by_security_policy:subscribe_denied
    hint: the session is up; other channels may be allowed
    ");
    assert_eq!(server.n_sessions(), 0);
}

#[test]
fn what_cannot_be_called_is_refused_before_anything_is_sent() {
    let server = Hostile::untouched();
    snapshot!(bayeux(["call", &server.url(), "/service/echo"]).run(), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: no DATA to publish
    hint: give JSON, @FILE, `-` for standard input, or items like user=ann n:=1
    ");
    let words = ["call", &server.url(), "/service/echo", "1", "--reply", "x"];
    snapshot!(bayeux(words).run(), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: invalid value 'x' for '--reply <CHANNEL>': a channel begins with `/`
    hint: bayeux call -h lists its options
    ");
    snapshot!(bayeux(["call", &server.url(), "/service/*", "1"]).run(), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: not a channel: /service/*
    cause: cannot publish to a pattern: `*` and `**` are for subscribing
    hint: a channel is like /demo, a pattern like /demo/* or /demo/**
    ");
    server.assert_unused();
}

#[cfg(unix)]
#[test]
fn an_interrupt_before_the_answer_is_no_success() {
    let server = crate::peer::Observed::new();
    let url = server.server.url();
    let call = bayeux(["call", &url, "/service/none", "1", "--timeout", "1m"]).start();
    server.until("> /service/none");
    call.signal(rustix::process::Signal::INT);
    let outcome = call.end();
    assert_eq!(outcome.code(), Some(130), "{outcome}");
    server.until("closed: disconnected");
}
