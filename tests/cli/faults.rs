//! `bayeux serve` that fails on purpose.

#![cfg(unix)]

use rustix::process::Signal;

use crate::program::{Running, bayeux, snapshot};

fn serve(options: &[&str]) -> (Running, String) {
    let mut serve = bayeux(["serve", "--listen", "127.0.0.1:0"])
        .args(options)
        .start();
    let url = serve.first_line();
    (serve, url)
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
        ("handshake:cut", 3, ""),
        ("handshake:status=401", 4, "401"),
        ("handshake:infinity", 3, "sent JSON that cannot be read"),
        ("handshake:close=before", 3, ""),
        ("handshake:refuse=403", 4, "403::refused_by_fault"),
    ] {
        let (_serve, url) = serve(&["--fault", fault]);
        let outcome = bayeux(["hs", &url, "--timeout", "2s"]).run();
        assert_eq!(outcome.code(), Some(status), "{fault}: {outcome}");
        assert!(outcome.stderr().contains(told), "{fault}: {outcome}");
    }
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
