//! Nothing that a server says reaches the terminal raw, and the answer reaches its reader.

use serde_json::{Value, json};

use crate::hostile::{Hostile, accepted, good, refused, response};
use crate::peer::{publish, server};
use crate::program::{Outcome, bayeux, snapshot};

/// Clears the screen, rings the bell, sets the title, in 7 and in 8 bits; reorders text.
const EVIL: &str = "\u{1b}[2J\u{7}\u{1b}]0;x\u{7}\u{9b}31m\u{7f}\r\u{202e}";

/// Only colours, line breaks and what can be seen.
fn assert_harmless(outcome: &Outcome) {
    for bytes in [&outcome.stdout, &outcome.stderr] {
        let text = String::from_utf8(bytes.clone()).unwrap();
        let mut rest = text.as_str();
        while let Some(at) = rest.find(|it: char| it.is_control() && it != '\n' || it == '\u{202e}')
        {
            let after = &rest[at..];
            let color = after
                .strip_prefix("\u{1b}[")
                .and_then(|it| it.split_once('m'));
            let is_color =
                color.is_some_and(|(code, _)| code.bytes().all(|it| it.is_ascii_digit()));
            assert!(is_color, "{:?} in {text:?}", &after[..after.len().min(12)]);
            rest = color.unwrap().1;
        }
    }
}

/// In colour as for a terminal: all views, and as much as can be told.
fn assert_harmless_in_all_views(words: &[&str], status: i32) {
    for view in ["pretty", "compact", "json", "data"] {
        for verbosity in [&[][..], &["-vv"]] {
            let outcome = bayeux(["--color", "always", "-o", view])
                .args(words)
                .args(verbosity)
                .run();
            assert_harmless(&outcome);
            assert_eq!(outcome.code(), Some(status), "{words:?} {outcome}");
        }
    }
}

#[test]
fn a_delivery_is_harmless() {
    let hostile = Hostile::conversation(|message| {
        let mut replies = good(message)?;
        if message["channel"] == "/meta/subscribe" {
            replies.push(json!({
                "channel": format!("/demo/{EVIL}"),
                "id": EVIL,
                "data": {EVIL: EVIL},
                EVIL: [EVIL],
            }));
        }
        Some(replies)
    });
    assert_harmless_in_all_views(&["sub", &hostile.url(), "/demo/*", "-n", "1"], 0);
    assert_harmless_in_all_views(
        &[
            "sub",
            &hostile.url(),
            "/demo/*",
            "-n",
            "1",
            "--jq",
            ".channel, .data",
        ],
        0,
    );
}

#[test]
fn a_refusal_is_harmless() {
    let hostile = Hostile::conversation(|message| {
        let mut reply = refused(message, &format!("403:{EVIL}:{EVIL}"));
        reply["id"] = message["id"].clone();
        reply["ext"] = json!({"failureReason": EVIL, EVIL: 1});
        Some(vec![reply])
    });
    assert_harmless_in_all_views(&["hs", &hostile.url()], 4);
    assert_harmless_in_all_views(&["sub", &hostile.url(), "/demo"], 4);
}

#[test]
fn the_reply_to_a_handshake_is_harmless() {
    let hostile = Hostile::conversation(|message| {
        let mut reply = accepted(message);
        if message["channel"] == "/meta/handshake" {
            reply["clientId"] = json!(EVIL);
            reply["version"] = json!(EVIL);
            reply["supportedConnectionTypes"] = json!(["long-polling", EVIL]);
            reply["ext"] = json!({EVIL: EVIL});
        }
        Some(vec![reply])
    });
    assert_harmless_in_all_views(&["hs", &hostile.url()], 0);
}

#[test]
fn the_refusal_of_a_subscribe_and_of_a_publish_is_harmless() {
    let hostile = Hostile::conversation(|message| match message["channel"].as_str().unwrap() {
        "/demo" | "/meta/subscribe" => {
            let mut reply = refused(message, &format!("403:{EVIL}:{EVIL}"));
            reply["ext"] = json!({"failureReason": EVIL});
            Some(vec![reply])
        }
        _ => good(message),
    });
    assert_harmless_in_all_views(&["sub", &hostile.url(), "/demo"], 5);
    assert_harmless_in_all_views(&["pub", &hostile.url(), "/demo", "1"], 5);
}

#[test]
fn http_is_harmless() {
    let visible = EVIL.replace('\r', "");
    for body in [
        format!("HTTP/1.1 500 Oops\r\nX-Evil: {visible}\r\nContent-Type: text/plain\r\n\r\n{EVIL}"),
        format!("HTTP/1.1 302 Found\r\nLocation: /{visible}\r\nContent-Length: 0\r\n\r\n"),
        format!("HTTP/1.1 200 OK\r\nContent-Type: {visible}\r\n\r\n{EVIL}"),
        format!("HTTP/1.1 200 OK\r\nX: \u{9b}31m\r\nContent-Type: text/plain\r\n\r\n{EVIL}"),
        format!("HTTP/1.1 200 {EVIL}\r\n\r\n{EVIL}"),
        format!("{EVIL}\r\n\r\n"),
    ] {
        let hostile = Hostile::canned(body);
        assert_harmless_in_all_views(&["hs", &hostile.url()], 3);
    }
}

#[test]
fn an_odd_message_is_harmless() {
    let hostile = Hostile::new(|request| {
        let body = request.split_once("\r\n\r\n").unwrap().1;
        let messages: Vec<Value> = serde_json::from_str(body).unwrap();
        let reply = accepted(&messages[0]);
        let unasked = json!({"channel": format!("/meta/{EVIL}"), "id": EVIL, "successful": true});
        let body = format!("[{reply},{unasked},{},{{\"{EVIL}\":]", json!(EVIL));
        crate::hostile::Answer::Bytes(response("200 OK", "application/json", &body))
    });
    assert_harmless_in_all_views(&["hs", &hostile.url()], 0);
}

/// In a pipe JSON stays what it was: there, what JSON itself escapes is escaped.
#[test]
fn a_pipe_gets_json_as_it_was_and_no_byte_that_json_forbids() {
    let server = server();
    let mut tail = bayeux(["sub", &server.url(), "/demo", "-n", "1", "-o", "data"]).start();
    tail.told("subscribed");
    publish(&server, "/demo", &json!(EVIL).to_string());
    let stdout = tail.end().stdout();
    assert_eq!(stdout, json!(EVIL).to_string() + "\n");
    assert!(stdout.trim_end().bytes().all(|it| it >= 0x20));
}

#[test]
fn a_reader_that_goes_away_ends_a_tail_with_success() {
    let server = server();
    let mut tail = bayeux(["sub", &server.url(), "/demo", "-o", "data"])
        .stdout_for_one_line()
        .start();
    tail.told("subscribed");
    publish(&server, "/demo", "1");
    tail.printed("1\n");
    tail.unread();
    publish(&server, "/demo", "2");
    let outcome = tail.end();
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    assert!(!outcome.stderr().contains("error"), "{outcome}");
    assert_eq!(server.n_sessions(), 0);
}

#[cfg(unix)]
#[test]
fn a_reader_that_goes_away_is_no_error_of_a_short_command() {
    let server = server();
    let script = "{ bayeux \"$@\" -o pretty; echo \"exit $?\" >&2; } | head -1";
    let script = script.replace("\"$@\"", &format!("hs {}", server.url()));
    snapshot!(crate::program::shell(&script).run(), @r#"
    exit: 0
    ----- stdout -----
    [time]  < /meta/handshake  id 1  ok
    ----- stderr -----
    exit 0
    "#);
    let script = "{ bayeux completions bash; echo \"exit $?\" >&2; } | head -0";
    snapshot!(crate::program::shell(script).run(), @r#"
    exit: 0
    ----- stdout -----
    ----- stderr -----
    exit 0
    "#);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error_of_every_command() {
    let server = server();
    let full = || {
        std::fs::File::options()
            .write(true)
            .open("/dev/full")
            .unwrap()
    };
    for words in [
        &["hs", &server.url()][..],
        &["pub", &server.url(), "/demo", "1", "--jq", "."],
        &["pub", &server.url(), "/demo", "1", "--expect", "/demo"],
        &["serve", "--listen", "127.0.0.1:0"],
        &["demo"],
        &["completions", "bash"],
        &["man"],
        &["--help"],
        &["--version"],
    ] {
        let outcome = bayeux([]).args(words).stdout(full()).run();
        assert_eq!(outcome.code(), Some(1), "{words:?} {outcome}");
    }
}
