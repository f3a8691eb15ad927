//! `bayeux serve` that fails on purpose, plays recordings, and publishes of its own accord.

#![cfg(unix)]

use std::fs;

use rustix::process::Signal;

use crate::program::{bayeux, empty_folder, serve, snapshot};

/// The recipe of README.md.
#[test]
fn a_lost_session_is_renewed_and_subscribed_again() {
    let (_serve, url) = serve(&[
        "--timeout",
        "50ms",
        "--fault",
        "connect:expire:every=3",
        "--publish-on-subscribe",
        r#"/demo={"n":1}"#,
    ]);
    let outcome = bayeux(["sub", &url, "/demo", "-n", "2", "-o", "data"]).run();
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    assert_eq!(outcome.stdout(), "{\"n\":1}\n{\"n\":1}\n");
    assert!(
        outcome.stderr().contains("402::session_unknown"),
        "{outcome}"
    );
    assert!(
        outcome.stderr().contains("session renewed: 1 of 1"),
        "{outcome}"
    );
}

#[test]
fn the_seed_is_told_where_there_is_chance() {
    let (mut server, _) = serve(&["--fault", "any:delay=1ms:p=0.5"]);
    server.told("the same chances again: --seed ");
    let (server, _) = serve(&["--fault", "any:delay=1ms:p=0.5", "--seed", "42"]);
    server.signal(Signal::INT);
    assert!(!server.end().stderr().contains("seed"));
}

#[test]
fn a_client_meets_what_it_is_meant_to_meet() {
    for (fault, status, told) in [
        ("handshake:html", 3, "text/html"),
        ("handshake:cut", 3, "cut off after"),
        ("handshake:status=401", 4, "401"),
        ("handshake:infinity", 3, "sent JSON that cannot be read"),
        ("handshake:close=before", 3, "without a response"),
        ("handshake:refuse=403", 4, "403::refused_by_fault"),
    ] {
        let (_serve, url) = serve(&["--fault", fault]);
        let outcome = bayeux(["hs", &url, "--timeout", "2s"]).run();
        assert_eq!(outcome.code(), Some(status), "{fault}: {outcome}");
        assert!(outcome.stderr().contains(told), "{fault}: {outcome}");
    }
}

#[test]
fn the_end_of_standard_input_ends_it_only_if_that_is_asked_for() {
    let ended = bayeux([
        "serve",
        "--listen",
        "127.0.0.1:0",
        "-q",
        "--exit-with-stdin",
    ])
    .stdin("ignored\n");
    snapshot!(ended.run(), @"
    exit: 0
    ----- stdout -----
    http://127.0.0.1:[port]/cometd
    ----- stderr -----
    ");
    // Its standard input is at its end from the start.
    let (server, url) = serve(&["-q"]);
    assert_eq!(bayeux(["hs", &url]).run().code(), Some(0));
    server.signal(Signal::INT);
    assert_eq!(server.end().code(), Some(0));
}

/// What the log says of a page of a stranger would be wrong of it.
#[test]
fn a_status_403_that_was_asked_for_is_told_as_a_fault() {
    let (serve, url) = serve(&["--fault", "any:status=403:first=1"]);
    let refused = bayeux(["hs", &url]).run();
    assert_eq!(refused.code(), Some(4), "{refused}");
    serve.signal(Signal::INT);
    let told = serve.end();
    let stderr = told.stderr();
    let line = stderr.lines().find(|it| it.contains("HTTP 403"));
    let is_told = |it: &str| it.ends_with("got HTTP 403: a fault that was asked for");
    assert!(line.is_some_and(is_told), "{told}");
}

#[test]
fn a_recording_is_played_to_the_same_client() {
    let folder = empty_folder("played");
    let file = folder.join("recorded.jsonl");
    let file = file.to_str().unwrap();
    let (_serve, url) = serve(&["--generate", "/ticks=50"]);
    let recorded = bayeux([
        "sub", &url, "/ticks", "-n", "3", "-o", "data", "--record", file,
    ])
    .run();
    assert_eq!(recorded.code(), Some(0), "{recorded}");
    let (_serve, url) = serve(&["--replay", file]);
    for _ in 0..2 {
        let played = bayeux(["sub", &url, "/ticks", "-n", "3", "-o", "data"]).run();
        assert_eq!(played.stdout(), recorded.stdout(), "{played}");
    }
    assert!(recorded.stdout().contains("\"due_ms\":"), "{recorded}");
}

#[test]
fn what_is_no_recording_is_said_so() {
    let folder = empty_folder("unplayable");
    let file = folder.join("file.jsonl");
    fs::write(&file, "nonsense\n").unwrap();
    let outcome = bayeux([
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--replay",
        file.to_str().unwrap(),
    ])
    .run();
    let text = outcome
        .to_string()
        .replace(folder.to_str().unwrap(), "[folder]");
    snapshot!(text, @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: [tmp]/unplayable/file.jsonl is no recording
    cause: line 1 is no record: not a JSON object
    hint: bayeux sub --record makes one
    ");
    let outcome = bayeux(["serve", "--replay", "there-is-none.jsonl"]).run();
    snapshot!(outcome, @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: cannot read there-is-none.jsonl
    cause: no such file or directory
    ");
}

#[test]
fn what_is_no_schedule_and_no_greeting_is_said_so() {
    snapshot!(bayeux(["serve", "--generate", "/ticks"]).run(), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: invalid value '/ticks' for '--generate <CHANNEL=RATE>': CHANNEL=RATE is wanted, e.g. /ticks=10
    hint: bayeux serve -h lists its options
    ");
    snapshot!(bayeux(["serve", "--generate", "/ticks=0"]).run(), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: invalid value '/ticks=0' for '--generate <CHANNEL=RATE>': a rate is a number above 0, in messages a second
    hint: bayeux serve -h lists its options
    ");
    snapshot!(bayeux(["serve", "--publish-on-subscribe", "/state=nonsense"]).run(), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: invalid value '/state=nonsense' for '--publish-on-subscribe <CHANNEL=JSON>': not JSON: expected ident at line 1 column 2
    hint: bayeux serve -h lists its options
    ");
    snapshot!(bayeux(["serve", "--publish-on-subscribe", "state=1"]).run(), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: invalid value 'state=1' for '--publish-on-subscribe <CHANNEL=JSON>': a channel begins with `/`
    hint: bayeux serve -h lists its options
    ");
}

#[test]
fn what_is_no_fault_is_said_so() {
    snapshot!(bayeux(["serve", "--fault", "conect:drop"]).run(), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: --fault conect:drop is no fault
    cause: no such place: conect
    hint: WHERE:WHAT, with any, handshake, connect, subscribe, unsubscribe, disconnect, publish, delivery, upgrade as WHERE; or expire=DUR, forget=N, token-expires=DUR, busy=N and daily-limit=N
    ");
    snapshot!(bayeux(["serve", "--fault", "connect:dorp"]).run(), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: --fault connect:dorp is no fault
    cause: no such fault: connect:dorp
    hint: connect has expire, refuse=403, status=503, html, delay=200ms, drop, cut=10, drip=10ms, close=before, wrong-id, infinity, advice=none, storm, hold, cookie
    ");
    snapshot!(bayeux(["serve", "--fault", "connect:drop:evry=5"]).run(), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: --fault connect:drop:evry=5 is no fault
    cause: no such condition: evry
    hint: there are every=N, first=N, after=N, after=DUR, for=DUR and p=0.1
    ");
    snapshot!(bayeux(["serve", "--fault", "connect:delay"]).run(), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: --fault connect:delay is no fault
    cause: delay has no value
    hint: write a time: delay=200ms
    ");
}
