//! `bayeux bench`: what a run reports, and how it ends.

use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::Value;

use crate::hostile::{Answer, Hostile, accepted, good, page};
use crate::peer::{Observed, denying_server, guarded_server, server};
use crate::program::{Outcome, bayeux, empty_folder, snapshot};

/// A run that is over in no time, with nothing left to chance.
const SHORT: [&str; 8] = [
    "--count", "50", "--rate", "500", "--warmup", "0s", "--drain", "10s",
];

fn bench(url: &str, options: &[&str]) -> Outcome {
    bayeux(["bench", url]).args(&SHORT).args(options).run()
}

fn report(outcome: &Outcome) -> Value {
    serde_json::from_slice(&outcome.stdout).unwrap_or_else(|_| panic!("no JSON: {outcome}"))
}

/// Both engines, over both transports, account for every message alike.
#[test]
fn every_message_is_accounted_for() {
    let server = server();
    for engine in ["loop", "threads"] {
        for transport in ["long-polling", "websocket"] {
            let options = [
                "-o", "json", "-c", "5", "--engine", engine, "-t", transport, "--seed", "7",
            ];
            let outcome = bench(&server.url(), &options);
            assert_eq!(outcome.code(), Some(0), "{engine} {transport} {outcome}");
            let report = report(&outcome);
            let count = |part: &str, name: &str| report[part][name].as_u64();
            for (name, n) in [
                ("intended", 50),
                ("published", 50),
                ("acknowledged", 50),
                ("expected", 250),
                ("delivered", 250),
                ("lost", 0),
                ("duplicates", 0),
                ("out_of_order", 0),
                ("rejected", 0),
                ("unsent", 0),
                ("foreign", 0),
            ] {
                assert_eq!(count("messages", name), Some(n), "{name} {outcome}");
            }
            assert_eq!(count("sessions", "wanted"), Some(6), "{outcome}");
            assert_eq!(count("sessions", "up"), Some(6), "{outcome}");
            assert_eq!(count("config", "seed"), Some(7), "{outcome}");
            assert_eq!(report["config"]["engine"], engine);
            assert_eq!(report["config"]["transport"], transport);
            assert_eq!(server.n_sessions(), 0, "{engine} {transport}");
        }
    }
}

#[test]
fn rooms_and_batches_are_accounted_for_as_well() {
    let server = server();
    let options = [
        "/rooms",
        "-o",
        "json",
        "-c",
        "6",
        "--channels",
        "3",
        "--per-client",
        "2",
        "--publishers",
        "2",
        "--batch",
        "5",
        "--churn",
        "0",
        "--payload",
        "{\"user\": \"ann\"}",
        "--ack",
    ];
    let outcome = bench(&server.url(), &options);
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    let report = report(&outcome);
    // Each channel has four of the six clients.
    assert_eq!(report["messages"]["delivered"], 200, "{outcome}");
    assert_eq!(report["config"]["channel"], "/rooms");
    assert_eq!(report["config"]["ack"], true);
}

#[test]
fn a_channel_alone_takes_the_url_of_the_environment() {
    let server = server();
    let outcome = bayeux(["bench", "/only"])
        .args(&SHORT)
        .env("BAYEUX_URL", &server.url())
        .run();
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    assert!(outcome.stdout().contains(&server.url()), "{outcome}");
}

#[test]
fn the_report_is_plain_in_a_pipe_and_coloured_where_that_is_asked_for() {
    let server = server();
    let plain = bench(&server.url(), &[]);
    let coloured = bench(&server.url(), &["--color", "always"]);
    let is_coloured = |it: &Outcome| it.stdout().contains('\u{1b}');
    assert!(!is_coloured(&plain) && is_coloured(&coloured), "{plain}");
    let unwanted = bayeux(["bench", &server.url()])
        .args(&SHORT)
        .env("NO_COLOR", "1")
        .env("CLICOLOR_FORCE", "1")
        .run();
    assert!(!is_coloured(&unwanted), "{unwanted}");
    // A run of a moment has no progress to tell.
    assert_eq!(plain.stderr(), "");
}

#[test]
fn an_expectation_that_is_not_met_is_no_success() {
    let server = server();
    let options = [
        "-q",
        "-o",
        "json",
        "--min",
        "delivered=1k",
        "--max",
        "lost=0",
    ];
    let outcome = bench(&server.url(), &options);
    assert_eq!(report(&outcome)["verdict"]["passed"], false);
    assert_eq!(outcome.code(), Some(7));
    let told: Vec<_> = outcome.stderr().lines().map(str::to_owned).collect();
    snapshot!(told[..2].join("\n"), @"
    error: 1 of 4 expectations failed: delivered >= 1 000
    cause: delivered: 500
    ");
}

/// A server that holds every connect for ever but the first: what is published is acknowledged,
/// and lost.
#[test]
fn lost_deliveries_are_no_success_unless_they_are_allowed() {
    let lossy = || {
        let is_held = |it: &str| it.contains("/meta/connect") && !it.contains(r#"{"timeout":0}"#);
        Hostile::new(move |request| match is_held(request) {
            true => crate::hostile::Answer::Silence,
            false => crate::hostile::answer(request, |it| Some(vec![crate::hostile::accepted(it)])),
        })
    };
    let options = [
        "-c", "1", "-n", "5", "-r", "100", "--warmup", "0s", "--drain", "1s",
    ];
    let run = |more: &[&str]| {
        let server = lossy();
        let outcome = bayeux(["bench", &server.url()])
            .args(&options)
            .args(more)
            .run();
        (outcome.code(), outcome.stderr())
    };
    let (code, told) = run(&[]);
    assert_eq!(code, Some(7), "{told}");
    snapshot!(told, @"
    error: 1 of 3 expectations failed: lost <= 0
    cause: lost: 5
    hint: --max lost=N allows as many
    ");
    let (code, told) = run(&["--max", "lost=5"]);
    assert_eq!(code, Some(0), "{told}");
}

#[test]
fn a_server_that_is_not_there_is_named() {
    let outcome = bench("127.0.0.1:1", &[]);
    assert_eq!(outcome.stdout(), "");
    snapshot!(outcome, @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: cannot reach http://127.0.0.1:1/
    cause: connection refused (127.0.0.1:1)
    hint: is the server running? `bayeux handshake --retry 30s` waits for it
    ");
}

#[test]
fn what_is_no_bayeux_is_named() {
    let web_site = Hostile::canned(page("404 Not Found"));
    let outcome = bench(&web_site.url(), &[]);
    assert_eq!(outcome.code(), Some(3), "{outcome}");
    snapshot!(outcome, @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: http://127.0.0.1:[port]/cometd answered HTTP 404 (text/html; charset=utf-8, 65 B), not Bayeux
    hint: is this the endpoint's path? bayeux handshake -vv shows the response's headers
    ");
}

#[test]
fn a_handshake_that_is_refused_is_told_and_a_token_helps() {
    let server = guarded_server();
    snapshot!(bench(&server.url(), &[]), @"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: handshake refused by http://127.0.0.1:[port]/cometd: 403::handshake_denied
    hint: its security policy wants credentials, or other ones: --token, --token-cmd, --user, -H or --ext
    ");
    let outcome = bench(&server.url(), &["--token", "s3cret"]);
    assert_eq!(outcome.code(), Some(0), "{outcome}");
}

#[test]
fn a_channel_that_is_denied_is_told() {
    let server = denying_server();
    let outcome = bench(&server.url(), &["/admin/bench", "-q", "-o", "json"]);
    assert_eq!(outcome.code(), Some(5), "{outcome}");
}

#[test]
fn results_are_written_and_a_place_where_they_cannot_be_is_told_first() {
    let folder = empty_folder("bench_results");
    let file = folder.join("run.json");
    let server = server();
    let outcome = bench(&server.url(), &["--report", file.to_str().unwrap()]);
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    let text = std::fs::read_to_string(file).unwrap();
    let written: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(written["messages"]["published"], 50);

    let untouched = Hostile::untouched();
    let place = folder.join("missing").join("run.json");
    let outcome = bench(&untouched.url(), &["--report", place.to_str().unwrap()]);
    assert_eq!(outcome.code(), Some(1), "{outcome}");
    assert!(outcome.stderr().contains("run.json"), "{outcome}");
    untouched.assert_unused();
}

/// How the run ended is for others to know than who reads the report.
#[cfg(unix)]
#[test]
fn a_reader_that_goes_away_changes_no_status() {
    let server = server();
    for (options, status) in [("", 0), ("--min delivered=1k", 7)] {
        let script = format!(
            "{{ bayeux bench {} {} {options} -q; echo \"exit $?\" >&2; }} | head -0",
            server.url(),
            SHORT.join(" ")
        );
        let outcome = crate::program::shell(&script).run();
        let told = outcome.stderr();
        assert!(told.contains(&format!("exit {status}\n")), "{outcome}");
    }
}

#[cfg(unix)]
#[test]
fn a_signal_ends_a_run_with_the_report_of_what_was_measured() {
    use rustix::process::Signal;

    for (signal, status) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let peer = Observed::new();
        let run = bayeux(["bench", &peer.server.url(), "-d", "1h", "--warmup", "0s"])
            .args(&["-o", "json", "-c", "2", "-q"])
            .start();
        peer.until("< /bench");
        run.signal(signal);
        let outcome = run.end();
        assert_eq!(outcome.code(), Some(status), "{outcome}");
        assert_eq!(report(&outcome)["verdict"]["interrupted"], true);
        assert_eq!(outcome.stderr(), "");
    }
}

/// 0.0.0.0 is this machine, but does not say so.
#[cfg(target_os = "linux")]
#[test]
fn a_server_that_may_be_somebody_elses_is_named_before_it_is_loaded() {
    let server = server();
    let url = server.url().replace("127.0.0.1", "0.0.0.0");
    let mut run = bayeux(["bench", &url]).args(&SHORT).start();
    run.told("skips this pause");
    run.signal(rustix::process::Signal::INT);
    let outcome = run.end();
    let shown = outcome.to_string().replace(&url, "[url]");
    snapshot!(shown, @"
    exit: 130
    ----- stdout -----
    ----- stderr -----
    ~ target  [url], channel /bench
    ~ load    11 sessions, 2 000 a second; then 500 messages/s, 5 000 deliveries/s, 50 of them
    ~ begins in [duration]: Ctrl-C stops it, --yes skips this pause
    ");

    let outcome = bench(&url, &["--yes"]);
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    assert!(!outcome.stderr().contains("pause"), "{outcome}");
    assert!(outcome.stderr().contains("~ target  "), "{outcome}");
}

#[cfg(unix)]
#[test]
fn sessions_that_do_not_fit_are_refused_before_anything_is_sent() {
    let untouched = Hostile::untouched();
    let script = format!("ulimit -n 64; bayeux bench {} -c 1k", untouched.url());
    let outcome = crate::program::shell(&script).run();
    assert_eq!(outcome.code(), Some(1), "{outcome}");
    let told = outcome.stderr();
    assert!(told.contains("1 001 sessions do not fit"), "{told}");
    assert!(told.contains("64 open files"), "{told}");
    untouched.assert_unused();
}

#[cfg(unix)]
#[test]
fn a_signal_before_any_session_has_come_up_says_so_and_what_was_in_the_way() {
    use rustix::process::Signal;

    let silent = Hostile::silent();
    let run = bayeux(["bench", &silent.url()]).args(&SHORT).start();
    silent.until("/meta/handshake");
    run.signal(Signal::INT);
    snapshot!(run.end(), @"
    exit: 130
    ----- stdout -----
    ----- stderr -----
    error: interrupted before any session had come up
    ");

    let busy = Hostile::canned(page("503 Service Unavailable"));
    let run = bayeux(["bench", &busy.url()]).args(&SHORT).start();
    // With the second one it is known what came of the first.
    while busy.requests().len() < 2 {
        std::thread::yield_now();
    }
    run.signal(Signal::TERM);
    snapshot!(run.end(), @"
    exit: 143
    ----- stdout -----
    ----- stderr -----
    error: interrupted before any session had come up
    cause: HTTP status 503 Service Unavailable
    ");
}

#[test]
fn what_was_in_the_way_before_a_handshake_failed_for_good_is_told_as_well() {
    let n_requests = AtomicU64::new(0);
    let server = Hostile::new(move |_| match n_requests.fetch_add(1, Ordering::Relaxed) {
        0 => Answer::Last(page("503 Service Unavailable")),
        _ => Answer::Last(page("404 Not Found")),
    });
    snapshot!(bench(&server.url(), &[]), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: http://127.0.0.1:[port]/cometd answered HTTP 404 (text/html; charset=utf-8, 65 B), not Bayeux
    cause: also in the way: HTTP status 503 Service Unavailable
    hint: is this the endpoint's path? bayeux handshake -vv shows the response's headers
    ");
}

#[test]
fn a_server_that_does_not_know_ack_is_told_once() {
    let server = Hostile::conversation(|message| match message["channel"].as_str().unwrap() {
        // The first one, which is not held.
        "/meta/connect" if message["advice"].is_object() => Some(vec![accepted(message)]),
        _ => good(message),
    });
    let outcome = bayeux(["bench", &server.url(), "-c", "3", "--ack", "-o", "json"])
        .args(&["-n", "10", "-r", "500", "--warmup", "0s", "--drain", "0s"])
        .args(&["--max", "lost=30"])
        .run();
    let report = report(&outcome);
    let unknown = &report["errors"][0];
    assert_eq!(
        unknown["kind"], "extension unknown to the server: ack",
        "{outcome}"
    );
    assert_eq!(unknown["count"], 1, "{outcome}");
}
