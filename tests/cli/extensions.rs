//! `--ext`, `--ack` and `--timesync`.

use std::sync::Mutex;

use serde_json::{Value, json};

use crate::hostile::{Hostile, accepted, good};
use crate::peer::server;
use crate::program::{bayeux, snapshot};

/// Agrees to ack, and loses the reply to its second connect behind two messages. Then it sends
/// them again, as CometD does.
fn losing_a_reply() -> Hostile {
    let n_connects = Mutex::new(0);
    Hostile::conversation(move |message| {
        let mut reply = accepted(message);
        let event = |n| json!({"channel": "/demo", "data": n});
        match message["channel"].as_str().unwrap() {
            "/meta/handshake" => reply["ext"] = json!({"ack": true}),
            "/meta/connect" => {
                let mut n_connects = n_connects.lock().unwrap();
                *n_connects += 1;
                let asked = message["ext"]["ack"].as_u64();
                match *n_connects {
                    1 => {
                        assert_eq!(asked, Some(0));
                        reply["ext"] = json!({"ack": 1});
                    }
                    2 => {
                        assert_eq!(asked, Some(1));
                        return Some(vec![event(7), event(8)]);
                    }
                    3 => {
                        assert_eq!(asked, Some(1));
                        reply["ext"] = json!({"ack": 3});
                        return Some(vec![event(7), event(8), event(9), reply]);
                    }
                    _ => return None,
                }
            }
            _ => {}
        }
        Some(vec![reply])
    })
}

#[test]
fn what_comes_again_after_a_failure_is_told_once_and_not_counted() {
    let peer = losing_a_reply();
    snapshot!(
        bayeux(["sub", &peer.url(), "/demo", "--ack", "-n", "3", "-o", "data"]).run(),
        @"
    exit: 0
    ----- stdout -----
    7
    8
    9
    ----- stderr -----
    ~ subscribed to /demo
    ~ reconnecting in [duration] (attempt 1): no reply to /meta/connect
    warning: messages on /demo come again, from before the connection failed; they are not shown twice
    ~ connected again after [duration], same session
    ~ 3 messages received in [duration], 2 duplicates dropped
    "
    );
}

#[test]
fn duplicates_are_in_the_traffic() {
    let peer = losing_a_reply();
    let outcome = bayeux(["sub", &peer.url(), "/demo", "--ack", "-n", "3"])
        .args(&["-o", "json", "-v"])
        .run();
    assert_eq!(outcome.stdout().lines().count(), 3, "{outcome}");
    let stderr = outcome.stderr();
    let again = stderr.lines().filter(|it| it.contains(r#""data":"#));
    assert_eq!(again.count(), 2, "{outcome}");
}

#[test]
fn a_server_without_the_extensions_is_told() {
    let peer = Hostile::conversation(good);
    snapshot!(
        bayeux(["hs", &peer.url(), "--ack", "--timesync", "-o", "pretty", "--jq", ".successful"]).run(),
        @"
    exit: 0
    ----- stdout -----
    true
    ----- stderr -----
    warning: the server does not know the ack extension
    warning: the server does not know the timesync extension
    "
    );
}

#[test]
fn our_own_server_has_them_for_those_who_ask() {
    let server = server();
    let outcome = bayeux(["hs", &server.url(), "--ack", "--timesync", "-o", "pretty"]).run();
    let stdout = outcome.stdout();
    assert!(outcome.stderr().is_empty(), "{outcome}");
    assert!(stdout.contains("its clock   "), "{outcome}");
    assert!(stdout.contains(r#""ack": true"#), "{outcome}");
    let outcome = bayeux(["hs", &server.url(), "-o", "json"]).run();
    assert!(!outcome.stdout().contains("ext"), "{outcome}");
}

#[test]
fn timesync_is_in_the_digest() {
    let peer = Hostile::conversation(|message| {
        let mut reply = accepted(message);
        let tc = message["ext"]["timesync"]["tc"].as_u64();
        if let Some(tc) = tc {
            // A minute is longer than the message takes.
            reply["ext"] = json!({"timesync": {"tc": tc, "ts": tc + 60_000, "p": 0, "a": -60_000}});
        }
        Some(vec![reply])
    });
    let outcome = bayeux(["hs", &peer.url(), "--timesync", "-o", "pretty"]).run();
    let stdout = outcome.stdout();
    let clock = stdout.lines().last().unwrap();
    assert!(clock.starts_with("its clock   "), "{outcome}");
    assert!(clock.contains(" ahead, lag "), "{outcome}");

    let silent = Hostile::conversation(good);
    let outcome = bayeux(["hs", &silent.url(), "--timesync", "-o", "pretty"]).run();
    let stdout = outcome.stdout();
    let clock = stdout.lines().last().unwrap();
    assert_eq!(clock, "its clock   the server does not tell its time");
}

#[test]
fn the_users_member_goes_before_that_of_an_option() {
    let peer = Hostile::conversation(good);
    let options = [
        "--ack",
        "--timesync",
        "--ext",
        r#"{"ack": "mine", "x": 1.00}"#,
    ];
    let outcome = bayeux(["hs", &peer.url()]).args(&options).run();
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    let requests = peer.requests();
    let body = requests[0].split_once("\r\n\r\n").unwrap().1;
    assert!(
        body.contains(r#""ext":{"ack": "mine", "x": 1.00,"timesync":{"tc":"#),
        "{body}"
    );
    let messages: Value = serde_json::from_str(body).unwrap();
    assert_eq!(messages[0]["ext"]["ack"], "mine");
}

#[test]
fn curl_has_the_same_extensions() {
    let outcome = bayeux(["hs", ":1/cometd", "--curl", "--ack", "--ext", r#"{"a":1}"#]).run();
    assert!(
        outcome.stdout().contains(r#""ext":{"a":1,"ack":true}"#),
        "{outcome}"
    );
}
