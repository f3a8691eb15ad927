//! `bayeux publish`.

use crate::hostile::{Answer, Hostile, answer, good, refused};
use crate::peer::{denying_server, server};
use crate::program::{Outcome, bayeux, empty_folder, snapshot};

/// The data of the `n` messages that arrive on `/demo` when a publish has these arguments and
/// this standard input, and what it did itself.
fn published(n: &str, words: &[&str], stdin: &str) -> (String, Outcome) {
    let server = server();
    let mut tail = bayeux(["sub", &server.url(), "/demo", "-o", "data", "-n", n]).start();
    tail.told("subscribed");
    let outcome = bayeux(["pub", &server.url(), "/demo"])
        .args(words)
        .stdin(stdin)
        .run();
    (tail.end().stdout(), outcome)
}

#[test]
fn json_is_published_as_it_is_written() {
    let (arrived, outcome) = published("1", &[r#"{"n": 1.00, "user":"ann"}"#], "");
    assert_eq!(arrived, "{\"n\": 1.00, \"user\":\"ann\"}\n");
    snapshot!(outcome, @r#"
    exit: 0
    ----- stdout -----
    ----- stderr -----
    ~ 1 message published, 1 acknowledged in [duration]
    "#);
}

#[test]
fn a_file_is_published() {
    let file = empty_folder("publish").join("message.json");
    std::fs::write(&file, "{\"from\":\n\"a file\"}\n").unwrap();
    let (arrived, outcome) = published("1", &[&format!("@{}", file.display())], "");
    assert_eq!(arrived, "{\"from\": \"a file\"}\n");
    assert_eq!(outcome.code(), Some(0), "{outcome}");
}

#[test]
fn a_dash_is_all_of_standard_input() {
    let (arrived, outcome) = published("1", &["-"], "[1,\n2]\n");
    assert_eq!(arrived, "[1, 2]\n");
    assert_eq!(outcome.code(), Some(0), "{outcome}");
}

#[test]
fn items_make_an_object() {
    let (arrived, outcome) = published("1", &["user=ann", "text=hello", "n:=1.0"], "");
    assert_eq!(arrived, "{\"user\":\"ann\",\"text\":\"hello\",\"n\":1.0}\n");
    assert_eq!(outcome.code(), Some(0), "{outcome}");
}

#[test]
fn text_is_published_as_a_string() {
    let (arrived, outcome) = published("1", &["--text", "say \"hi\""], "");
    assert_eq!(arrived, "\"say \\\"hi\\\"\"\n");
    assert_eq!(outcome.code(), Some(0), "{outcome}");
}

#[test]
fn each_line_of_standard_input_is_published() {
    let (arrived, outcome) = published("3", &["--lines"], "1\n\n{\"a\":1}\n\"three\"\n");
    assert_eq!(arrived, "1\n{\"a\":1}\n\"three\"\n");
    snapshot!(outcome, @r#"
    exit: 0
    ----- stdout -----
    ----- stderr -----
    ~ 3 messages published, 3 acknowledged in [duration]
    "#);
}

#[test]
fn lines_of_text_are_published_as_strings() {
    let (arrived, _) = published("2", &["-l", "--text"], "one\ntwo \"2\"\n");
    assert_eq!(arrived, "\"one\"\n\"two \\\"2\\\"\"\n");
}

#[test]
fn a_rate_loses_no_line() {
    let lines: String = (1..=20).map(|it| format!("{it}\n")).collect();
    let (arrived, outcome) = published("20", &["-l", "--rate", "200"], &lines);
    assert_eq!(arrived, lines);
    assert_eq!(outcome.code(), Some(0), "{outcome}");
}

#[test]
fn repeat_publishes_the_same_again() {
    let (arrived, outcome) = published("3", &["7", "--repeat", "3"], "");
    assert_eq!(arrived, "7\n7\n7\n");
    snapshot!(outcome, @r#"
    exit: 0
    ----- stdout -----
    ----- stderr -----
    ~ 3 messages published, 3 acknowledged in [duration]
    "#);
}

#[test]
fn expect_waits_for_the_message_to_come_back() {
    let server = server();
    let words = [
        "pub",
        &server.url(),
        "/demo",
        r#"{"n":1.0}"#,
        "--expect",
        "/demo",
        "-o",
        "data",
    ];
    snapshot!(bayeux(words).run(), @r#"
    exit: 0
    ----- stdout -----
    {"n":1.0}
    ----- stderr -----
    ~ subscribed to /demo
    ~ came back on /demo, round trip [duration]
    ~ 1 message published, 1 acknowledged in [duration]
    "#);
}

/// Faye refuses to subscribe to one, and no server needs it.
#[test]
fn expect_of_a_service_channel_needs_no_subscription() {
    let server = server();
    let words = ["pub", &server.url(), "/service/echo", "1"];
    let expect = ["--expect", "/service/echo", "-o", "data"];
    snapshot!(bayeux(words).args(&expect).run(), @"
    exit: 0
    ----- stdout -----
    1
    ----- stderr -----
    ~ came back on /service/echo, round trip [duration]
    ~ 1 message published, 1 acknowledged in [duration]
    ");
}

#[test]
fn expect_takes_a_pattern_and_jq() {
    let server = server();
    let words = [
        "pub",
        &server.url(),
        "/demo",
        "n:=1",
        "--expect",
        "/*",
        "--jq",
        ".data.n",
    ];
    snapshot!(bayeux(words).run(), @r#"
    exit: 0
    ----- stdout -----
    1
    ----- stderr -----
    ~ subscribed to /*
    ~ came back on /demo, round trip [duration]
    ~ 1 message published, 1 acknowledged in [duration]
    "#);
}

#[test]
fn expect_of_another_channel_fails_in_time() {
    let server = server();
    let words = [
        "pub",
        &server.url(),
        "/demo",
        "1",
        "--expect",
        "/other",
        "--timeout",
        "1s",
    ];
    snapshot!(bayeux(words).run(), @"
    exit: 6
    ----- stdout -----
    ----- stderr -----
    ~ subscribed to /other
    ~ 1 message published, 1 acknowledged in [duration]
    error: the message did not come back on /other within [duration] (0 of 1)
    hint: it was acknowledged; does the server deliver to the publisher itself?
    ");
}

#[test]
fn a_publish_without_a_handshake_is_refused_by_our_server() {
    let server = server();
    snapshot!(bayeux(["pub", &server.url(), "/demo", "1", "--no-handshake"]).run(), @"
    exit: 5
    ----- stdout -----
    ----- stderr -----
    error: publish to /demo rejected: 402::session_unknown
    hint: this server wants a session: leave --no-handshake out
    ");
}

#[test]
fn jq_shows_the_acknowledgement() {
    let server = server();
    let words = [
        "pub",
        &server.url(),
        "/demo",
        "1",
        "--jq",
        "{channel, successful}",
    ];
    snapshot!(bayeux(words).run(), @r#"
    exit: 0
    ----- stdout -----
    {"channel":"/demo","successful":true}
    ----- stderr -----
    ~ 1 message published, 1 acknowledged in [duration]
    "#);
}

#[test]
fn a_refused_line_is_told_with_its_number() {
    let server = denying_server();
    let outcome = bayeux(["pub", &server.url(), "/admin/x", "-l"])
        .stdin("1\n2\n")
        .run();
    snapshot!(outcome, @"
    exit: 5
    ----- stdout -----
    ----- stderr -----
    warning: line 1: publish to /admin/x rejected: 403:denied_by_security_policy:publish_denied
    warning: line 2: publish to /admin/x rejected: 403:denied_by_security_policy:publish_denied
    ~ 2 messages published, 0 acknowledged, 2 rejected in [duration]
    error: 2 of 2 messages were not acknowledged
    cause: the first: publish to /admin/x rejected: 403:denied_by_security_policy:publish_denied
    hint: the lines above say which
    ");
}

#[test]
fn a_line_that_is_not_json_is_told_and_the_others_are_published() {
    let (arrived, outcome) = published("2", &["-l"], "1\n{\"cut\":\n3\n");
    assert_eq!(arrived, "1\n3\n");
    snapshot!(outcome, @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    warning: line 2 not published: not JSON: EOF while parsing a value at column 7
    ~ 2 messages published, 2 acknowledged in [duration]
    error: not JSON: 1 line of standard input
    hint: --text sends each line as a JSON string
    ");
}

#[test]
fn an_outcome_that_is_unknown_is_said_so_and_not_tried_again() {
    let hostile = Hostile::new(|request| match request.contains("/meta/") {
        true => answer(request, good),
        false => Answer::Last(Vec::new()),
    });
    let outcome = bayeux(["pub", &hostile.url(), "/demo", "1", "--timeout", "5s"]).run();
    snapshot!(outcome, @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: publish to /demo: outcome unknown
    cause: the server closed the connection without a response
    hint: it may have been delivered, so it was not sent again
    ");
    let n_publishes = hostile
        .requests()
        .iter()
        .filter(|it| it.contains("/demo"))
        .count();
    assert_eq!(n_publishes, 1);
}

#[test]
fn some_refused_lines_of_many_are_a_failure() {
    let hostile = Hostile::conversation(|message| {
        if message["data"] == 2 {
            Some(vec![refused(message, "413:2:too big")])
        } else {
            good(message)
        }
    });
    let outcome = bayeux(["pub", &hostile.url(), "/demo", "-l"])
        .stdin("1\n2\n3\n")
        .run();
    snapshot!(outcome, @"
    exit: 5
    ----- stdout -----
    ----- stderr -----
    warning: line 2: publish to /demo rejected: 413:2:too big
    ~ 3 messages published, 2 acknowledged, 1 rejected in [duration]
    error: 1 of 3 messages were not acknowledged
    cause: the first: publish to /demo rejected: 413:2:too big
    hint: the lines above say which
    ");
}
