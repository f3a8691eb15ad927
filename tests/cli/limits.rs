//! Limits that a user gives are kept: of time, of rate, and at their extremes.

use std::time::{Duration, Instant};

use crate::hostile::{Answer, Hostile, answer, good};
use crate::peer::server;
use crate::program::bayeux;

/// A server that is good until it is asked on this channel; then it never answers.
fn silent_on(channel: &'static str) -> Hostile {
    Hostile::new(move |request| {
        if request.contains(channel) {
            return Answer::Silence;
        }
        answer(request, good)
    })
}

/// Well below the network timeout of 10 s that holds where no limit does.
fn is_soon(started: Instant) -> bool {
    started.elapsed() < Duration::from_secs(8)
}

#[test]
fn the_deadline_covers_all_requests_of_a_publish() {
    let (server, started) = (silent_on("/demo"), Instant::now());
    let outcome = bayeux(["pub", &server.url(), "/demo", "1", "--timeout", "2s"]).run();
    assert_eq!(outcome.code(), Some(6), "{outcome}");
    assert!(
        outcome
            .stderr()
            .contains("without acknowledgement may have been delivered")
    );
    assert!(is_soon(started), "{:?}", started.elapsed());
}

#[test]
fn leaving_does_not_wait_for_a_server_that_is_silent() {
    let (server, started) = (silent_on("/meta/disconnect"), Instant::now());
    let outcome = bayeux(["hs", &server.url()]).run();
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    assert!(is_soon(started), "{:?}", started.elapsed());
}

#[test]
fn a_rate_delays_nothing_after_the_last_message() {
    let (server, started) = (server(), Instant::now());
    let outcome = bayeux(["pub", &server.url(), "/demo", "1", "--rate", "0.001"]).run();
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    assert!(is_soon(started), "{:?}", started.elapsed());
}

#[test]
fn the_same_channel_twice_is_one_subscription() {
    let server = server();
    let outcome = bayeux(["sub", &server.url(), "/demo", "/demo", "--duration", "50ms"]).run();
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    assert_eq!(outcome.stderr().matches("subscribed to /demo").count(), 1);
}

#[test]
fn the_longest_durations_and_the_slowest_rates_are_no_panic() {
    const LONG: &str = "10000000000000000000s";
    let server = server();
    let url = server.url();
    for words in [
        [
            "hs",
            "--timeout",
            LONG,
            "--retry",
            LONG,
            "--network-timeout",
            LONG,
        ],
        ["pub", "--timeout", LONG, "/demo", "1", "--rate", "1e-300"],
        ["pub", "--timeout", LONG, "/demo", "1", "--expect", "/demo"],
    ] {
        let outcome = bayeux([words[0], &url]).args(&words[1..]).run();
        assert_eq!(outcome.code(), Some(0), "{outcome}");
    }
    let words = [
        "/demo",
        "--timeout",
        LONG,
        "--duration",
        "10ms",
        "--idle",
        LONG,
    ];
    let outcome = bayeux(["sub", &url]).args(&words).run();
    assert_eq!(outcome.code(), Some(0), "{outcome}");
}
