//! Nothing was achieved: nothing here may end with exit status 0, whatever the command.

use serde_json::json;

use crate::hostile::{Hostile, accepted, good, page, response};
use crate::peer::{denying_server, guarded_server, server};
use crate::program::{bayeux, snapshot};

/// Every command that talks to a server, short of patience.
fn assert_no_green(url: &str, status: i32) {
    let commands = [
        &["hs", url][..],
        &["hs", url, "--jq", ".successful"],
        &["sub", url, "/demo", "-n", "1"],
        &["sub", url, "/demo", "--duration", "1s"],
        &["sub", url, "/demo", "--idle", "1s"],
        &["sub", url, "/demo"],
        &["pub", url, "/demo", "1"],
        &["pub", url, "/demo", "1", "--repeat", "3"],
        &["pub", url, "/demo", "1", "--expect", "/demo"],
        &["pub", url, "/demo", "-l"],
        &["pub", url, "/demo", "1", "--no-handshake"],
    ];
    // All at once: most of them wait.
    let running = commands.map(|words| {
        let program = bayeux([]).args(words).args(&["--timeout", "500ms"]);
        (words, program.stdin("1\n").start())
    });
    for (words, program) in running {
        let outcome = program.end();
        assert_eq!(outcome.code(), Some(status), "{words:?} {outcome}");
        assert_eq!(outcome.stdout(), "", "{words:?} {outcome}");
        let is_told = outcome.stderr().starts_with("error: ");
        assert!(is_told, "{words:?} {outcome}");
    }
}

#[test]
fn html_instead_of_json_is_never_a_success() {
    let hostile = Hostile::canned(page("200 OK"));
    assert_no_green(&hostile.url(), 3);
}

#[test]
fn http_500_is_never_a_success() {
    let hostile = Hostile::canned(page("500 Internal Server Error"));
    assert_no_green(&hostile.url(), 3);
}

#[test]
fn http_401_is_never_a_success() {
    let hostile = Hostile::canned(page("401 Unauthorized"));
    assert_no_green(&hostile.url(), 4);
}

#[test]
fn an_empty_array_is_never_a_success() {
    let hostile = Hostile::canned(response("200 OK", "application/json", "[]"));
    assert_no_green(&hostile.url(), 3);
}

#[test]
fn a_server_that_never_answers_is_never_a_success() {
    let hostile = Hostile::silent();
    assert_no_green(&hostile.url(), 6);
}

#[test]
fn a_denied_handshake_is_never_a_success() {
    let server = guarded_server();
    for words in [
        &["hs"][..],
        &["sub", "/demo", "-n", "1"],
        &["sub", "/demo"],
        &["pub", "/demo", "1"],
        &["pub", "/demo", "-l"],
    ] {
        let outcome = bayeux([])
            .args(words)
            .env("BAYEUX_URL", &server.url())
            .stdin("1\n")
            .run();
        assert_eq!(outcome.code(), Some(4), "{words:?} {outcome}");
    }
}

#[test]
fn a_tail_that_gets_nothing_is_no_success() {
    let server = server();
    let words = ["sub", &server.url(), "/demo", "-n", "1", "--timeout", "1s"];
    snapshot!(bayeux(words).run(), @"
    exit: 6
    ----- stdout -----
    ----- stderr -----
    ~ subscribed to /demo
    ~ 0 messages received in [duration]
    error: 0 of 1 messages within [duration] on /demo
    hint: the subscription is confirmed: does somebody publish?
    ");
    let outcome = bayeux(words).args(&["--jq", "select(.data.n == 1)"]).run();
    snapshot!(outcome, @"
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
fn a_deadline_without_a_goal_is_no_success() {
    let server = server();
    snapshot!(bayeux(["sub", &server.url(), "/demo", "--timeout", "1s"]).run(), @"
    exit: 6
    ----- stdout -----
    ----- stderr -----
    ~ subscribed to /demo
    ~ 0 messages received in [duration]
    error: no end within [duration] on /demo
    hint: --duration ends in success, --timeout in failure
    ");
}

#[test]
fn a_refused_publish_is_no_success() {
    let server = denying_server();
    snapshot!(bayeux(["pub", &server.url(), "/admin/x", "1"]).run(), @"
    exit: 5
    ----- stdout -----
    ----- stderr -----
    error: publish to /admin/x rejected: 403:denied_by_security_policy:publish_denied
    hint: the session is up; other channels may be allowed
    ");
}

#[test]
fn a_publish_below_meta_is_no_success() {
    let server = server();
    snapshot!(bayeux(["pub", &server.url(), "/meta/nonsense", "1"]).run(), @"
    exit: 5
    ----- stdout -----
    ----- stderr -----
    error: publish to /meta/nonsense rejected: 403:denied_by_security_policy:channel_create_denied
    hint: channels below /meta/ belong to the protocol
    ");
}

#[test]
fn an_acknowledgement_that_never_comes_is_no_success() {
    let hostile = Hostile::conversation(|message| {
        crate::hostile::good(message).map(|replies| match message["channel"] == "/demo" {
            true => Vec::new(),
            false => replies,
        })
    });
    snapshot!(bayeux(["pub", &hostile.url(), "/demo", "1", "--timeout", "2s"]).run(), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: publish to /demo: outcome unknown
    cause: no reply to /demo
    hint: it may have been delivered, so it was not sent again
    ");
}

#[test]
fn nothing_to_publish_in_standard_input_is_no_success() {
    let server = server();
    snapshot!(bayeux(["pub", &server.url(), "/demo", "-"]).run(), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: no DATA to publish: standard input is empty
    hint: `null` is the JSON for nothing
    ");
}

/// Nothing was asked for and nothing was published: `seq 0 | bayeux pub -l` is no failure of
/// a script, and the note says that there was nothing.
#[test]
fn no_line_in_standard_input_publishes_nothing_and_says_so() {
    let server = server();
    snapshot!(bayeux(["pub", &server.url(), "/demo", "-l"]).run(), @r#"
    exit: 0
    ----- stdout -----
    ----- stderr -----
    warning: nothing was published: standard input had no line
    "#);
}

#[test]
fn no_line_in_standard_input_does_not_hide_that_there_is_no_server() {
    let hostile = Hostile::canned(page("404 Not Found"));
    let outcome = bayeux(["pub", &hostile.url(), "/demo", "-l"]).run();
    assert_eq!(outcome.code(), Some(3), "{outcome}");
}

#[cfg(unix)]
#[test]
fn a_closed_standard_input_changes_nothing() {
    use crate::program::shell;

    let server = server();
    let url = server.url();
    for (script, status) in [
        (format!("bayeux hs {url} <&-"), 0),
        (format!("bayeux pub {url} /demo 1 <&-"), 0),
        (format!("bayeux sub {url} /demo --duration 100ms <&-"), 0),
        (
            format!("bayeux sub {url} /demo -n 1 --timeout 200ms <&-"),
            6,
        ),
        (format!("bayeux pub {url} /demo 1 --expect /demo <&-"), 0),
    ] {
        let outcome = shell(&script).run();
        assert_eq!(outcome.code(), Some(status), "{script} {outcome}");
    }
}

#[cfg(unix)]
#[test]
fn a_closed_standard_input_has_nothing_to_publish() {
    use crate::program::shell;

    let server = server();
    let url = server.url();
    snapshot!(shell(&format!("bayeux pub {url} /demo - <&-")).run(), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: no DATA to publish: standard input is empty
    hint: `null` is the JSON for nothing
    ");
    snapshot!(shell(&format!("bayeux pub {url} /demo -l <&-")).run(), @r#"
    exit: 0
    ----- stdout -----
    ----- stderr -----
    warning: nothing was published: standard input had no line
    "#);
}

#[test]
fn an_idle_standard_input_changes_nothing() {
    let server = server();
    let url = server.url();
    for words in [
        &["hs", &url][..],
        &["pub", &url, "/demo", "1"],
        &["sub", &url, "/demo", "--duration", "100ms"],
    ] {
        let outcome = bayeux([]).args(words).idle_stdin().run();
        assert_eq!(outcome.code(), Some(0), "{words:?} {outcome}");
    }
}

#[test]
fn a_message_on_another_channel_is_not_the_one_that_was_waited_for() {
    let hostile = Hostile::conversation(|message| match message["channel"].as_str().unwrap() {
        "/meta/subscribe" => Some(vec![
            json!({"channel": "/other", "data": 1}),
            accepted(message),
        ]),
        _ => good(message),
    });
    let words = ["sub", &hostile.url(), "/demo", "-n", "1", "--timeout", "2s"];
    let outcome = bayeux(words).run();
    assert_eq!(outcome.code(), Some(6), "{outcome}");
    assert!(outcome.stderr().contains("not subscribed to"), "{outcome}");
}
