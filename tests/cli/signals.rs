//! Ctrl-C and TERM: the session is left, and the exit status says whether a goal was missed.

#![cfg(unix)]

use std::time::Instant;

use rustix::process::Signal;

use crate::hostile::{Hostile, good};
use crate::peer::Observed;
use crate::program::{Outcome, Running, bayeux, snapshot};

/// A tail that a signal ends, after the server was told.
fn tail(options: &[&str], signal: Signal) -> Outcome {
    let peer = Observed::new();
    let mut tail = bayeux(["sub", &peer.server.url(), "/demo"])
        .args(options)
        .start();
    tail.told("subscribed");
    assert_eq!(peer.server.n_sessions(), 1);
    tail.signal(signal);
    let outcome = tail.end();
    peer.until("< /meta/disconnect");
    assert_eq!(peer.server.n_sessions(), 0);
    outcome
}

#[test]
fn an_interrupt_ends_a_tail_with_success() {
    snapshot!(tail(&[], Signal::INT), @r#"
    exit: 0
    ----- stdout -----
    ----- stderr -----
    ~ subscribed to /demo
    ~ 0 messages received in [duration]
    "#);
}

#[test]
fn a_termination_ends_a_tail_with_success() {
    snapshot!(tail(&[], Signal::TERM), @r#"
    exit: 0
    ----- stdout -----
    ----- stderr -----
    ~ subscribed to /demo
    ~ 0 messages received in [duration]
    "#);
}

#[test]
fn a_deadline_is_no_goal() {
    assert_eq!(tail(&["--timeout", "1h"], Signal::INT).code(), Some(0));
}

#[test]
fn a_signal_before_a_goal_is_no_success() {
    assert_eq!(tail(&["-n", "1"], Signal::INT).code(), Some(130));
    assert_eq!(tail(&["--idle", "1h"], Signal::TERM).code(), Some(143));
}

#[test]
fn an_interrupt_ends_a_publish_that_waits_for_lines() {
    let peer = Observed::new();
    let publish = bayeux(["pub", &peer.server.url(), "/demo", "-l"])
        .idle_stdin()
        .start();
    peer.until("> /meta/handshake");
    publish.signal(Signal::INT);
    let outcome = publish.end();
    assert_eq!(outcome.code(), Some(130), "{outcome}");
    assert_eq!(peer.server.n_sessions(), 0);
}

#[test]
fn an_interrupt_ends_a_publish_that_waits_for_its_message() {
    let peer = Observed::new();
    let mut publish = bayeux([
        "pub",
        &peer.server.url(),
        "/demo",
        "1",
        "--expect",
        "/other",
    ])
    .start();
    publish.told("subscribed");
    publish.signal(Signal::TERM);
    let outcome = publish.end();
    assert_eq!(outcome.code(), Some(143), "{outcome}");
    assert_eq!(peer.server.n_sessions(), 0);
}

/// Starts a command against a server that never answers, and interrupts it.
fn hanging(words: &[&str], signal: Signal) -> Running {
    let hostile = Hostile::silent();
    let program = bayeux([])
        .args(words)
        .env("BAYEUX_URL", &hostile.url())
        .start();
    hostile.until("POST /cometd");
    program.signal(signal);
    program
}

#[test]
fn an_interrupt_ends_a_handshake_that_hangs() {
    snapshot!(hanging(&["hs"], Signal::INT).end(), @r#"
    exit: 130
    ----- stdout -----
    ----- stderr -----
    "#);
}

#[test]
fn a_signal_ends_every_command_that_hangs_before_its_goal() {
    let commands = [
        (&["hs"][..], Signal::TERM, 143),
        (&["pub", "/demo", "1"], Signal::INT, 130),
        (&["pub", "/demo", "1", "--no-handshake"], Signal::INT, 130),
        (&["pub", "/demo", "1", "--repeat", "2"], Signal::INT, 130),
        (&["pub", "/demo", "-l"], Signal::TERM, 143),
        (&["sub", "/demo", "-n", "1"], Signal::INT, 130),
    ];
    let running = commands.map(|(words, signal, status)| (words, hanging(words, signal), status));
    for (words, program, status) in running {
        let outcome = program.end();
        assert_eq!(outcome.code(), Some(status), "{words:?} {outcome}");
    }
}

/// The way to end what has no goal, even though nothing was received yet.
#[test]
fn an_interrupt_ends_a_tail_whose_handshake_hangs() {
    snapshot!(hanging(&["sub", "/demo"], Signal::INT).end(), @r#"
    exit: 0
    ----- stdout -----
    ----- stderr -----
    "#);
}

#[test]
fn a_second_interrupt_exits_at_once() {
    let hostile = Hostile::conversation(|message| match message["channel"].as_str() {
        // It hangs.
        Some("/meta/disconnect") => None,
        _ => good(message),
    });
    let mut tail = bayeux(["sub", &hostile.url(), "/demo"]).start();
    tail.told("subscribed");
    tail.signal(Signal::INT);
    hostile.until("/meta/disconnect");
    tail.signal(Signal::INT);
    // Whoever waits for the disconnect instead ends with 0.
    let outcome = tail.end();
    assert_eq!(outcome.code(), Some(130), "{outcome}");
}

#[test]
fn a_server_that_hangs_delays_the_end_for_a_second() {
    let hostile = Hostile::conversation(|message| match message["channel"].as_str() {
        Some("/meta/disconnect") => None,
        _ => good(message),
    });
    let mut tail = bayeux(["sub", &hostile.url(), "/demo"]).start();
    tail.told("subscribed");
    let began = Instant::now();
    tail.signal(Signal::TERM);
    let outcome = tail.end();
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    assert!(began.elapsed().as_secs() < 5, "{:?}", began.elapsed());
}

#[test]
fn an_interrupt_ends_a_handshake_that_waits_for_the_next_try() {
    let hostile = Hostile::canned(crate::hostile::page("503 Service Unavailable"));
    let words = ["hs", &hostile.url(), "--retry", "1h", "--timeout", "1h"];
    let mut handshake = bayeux(words).start();
    handshake.told("reconnecting");
    handshake.signal(Signal::INT);
    let outcome = handshake.end();
    assert_eq!(outcome.code(), Some(130), "{outcome}");
}
