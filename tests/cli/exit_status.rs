//! One test for each row of the table of exit statuses.

use crate::hostile::{Hostile, accepted, good, refused};
use crate::peer::{denying_server, guarded_server, publish, server};
use crate::program::{bayeux, snapshot};
use serde_json::json;

#[test]
fn status_0_the_goal_was_reached() {
    let server = server();
    assert_eq!(
        bayeux(["pub", &server.url(), "/demo", "1"]).run().code(),
        Some(0)
    );
}

#[cfg(target_os = "linux")]
#[test]
fn status_1_standard_output_cannot_be_written() {
    let server = server();
    let full = std::fs::File::options()
        .write(true)
        .open("/dev/full")
        .unwrap();
    snapshot!(bayeux(["hs", &server.url()]).stdout(full).run(), @"
    exit: 1
    ----- stdout -----
    ----- stderr -----
    error: cannot write to standard output
    cause: no space left on device
    hint: is the disk full?
    ");
}

#[test]
fn status_2_the_command_line_cannot_be_used() {
    snapshot!(bayeux(["hs", ":8080/cometd", "--nonsense"]).run(), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: unexpected argument '--nonsense' found
    hint: to pass '--nonsense' as a value, use '-- --nonsense'
    ");
}

#[test]
fn status_3_the_server_cannot_be_reached() {
    let url = {
        let server = server();
        server.url()
    };
    snapshot!(bayeux(["hs", &url]).run(), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: cannot reach http://127.0.0.1:[port]/cometd
    cause: connection refused (127.0.0.1:[port])
    hint: is the server running? `--retry 30s` waits for it
    ");
}

#[test]
fn status_4_the_handshake_is_refused() {
    let server = guarded_server();
    snapshot!(bayeux(["hs", &server.url()]).run(), @"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: handshake refused by http://127.0.0.1:[port]/cometd: 403::handshake_denied
    hint: its security policy wants credentials, or other ones: --token, --token-cmd, --user, -H or --ext
    ");
}

#[test]
fn status_5_the_operation_is_refused() {
    let server = denying_server();
    snapshot!(bayeux(["sub", &server.url(), "/admin/**"]).run(), @"
    exit: 5
    ----- stdout -----
    ----- stderr -----
    error: subscribe to /admin/** refused: 403:denied_by_security_policy:subscribe_denied
    hint: the session is up; other channels may be allowed
    ");
}

#[test]
fn status_6_the_goal_was_not_reached_in_time() {
    let server = server();
    let words = ["sub", &server.url(), "/demo", "-n", "3", "--timeout", "1s"];
    let mut tail = bayeux(words).args(&["-o", "data"]).start();
    tail.told("subscribed");
    publish(&server, "/demo", "1");
    snapshot!(tail.end(), @r#"
    exit: 6
    ----- stdout -----
    1
    ----- stderr -----
    ~ subscribed to /demo
    ~ 1 message received in [duration]
    error: 1 of 3 messages within [duration] on /demo
    hint: the subscription is confirmed: does somebody publish?
    "#);
}

#[test]
fn status_8_the_session_is_lost_and_not_recovered() {
    let server = server();
    let mut tail = bayeux(["sub", &server.url(), "/demo", "--no-reconnect"]).start();
    tail.told("subscribed");
    server.forget_sessions();
    snapshot!(tail.end(), @"
    exit: 8
    ----- stdout -----
    ----- stderr -----
    ~ subscribed to /demo
    ~ 0 messages received in [duration]
    error: session lost after [duration]: 402::session_unknown
    hint: drop --no-reconnect to recover from this
    ");
}

#[test]
fn status_8_the_server_advises_none() {
    let hostile = Hostile::conversation(|message| match message["channel"].as_str() {
        Some("/meta/connect") => {
            let mut reply = refused(message, "403::go away");
            reply["advice"] = json!({"reconnect": "none"});
            Some(vec![reply])
        }
        _ => good(message),
    });
    snapshot!(bayeux(["sub", &hostile.url(), "/demo", "-n", "1"]).run(), @"
    exit: 8
    ----- stdout -----
    ----- stderr -----
    ~ subscribed to /demo
    ~ 0 messages received in [duration]
    error: session lost after [duration]: the server advises not to reconnect
    cause: 403::go away
    hint: it will not take this session back; check credentials and server log
    ");
}

#[test]
fn status_8_the_server_forgets_every_session() {
    let hostile = Hostile::conversation(|message| match message["channel"].as_str() {
        Some("/meta/handshake" | "/meta/disconnect") => Some(vec![accepted(message)]),
        _ => {
            let mut reply = refused(message, "402::unknown client");
            reply["advice"] = json!({"reconnect": "handshake"});
            Some(vec![reply])
        }
    });
    let outcome = bayeux(["sub", &hostile.url(), "/demo", "-n", "1"]).run();
    snapshot!(outcome, @"
    exit: 8
    ----- stdout -----
    ----- stderr -----
    ~ session lost after [duration]: 402::unknown client
    error: http://127.0.0.1:[port]/cometd looks like several servers behind one address without stickiness
    cause: 3 handshakes in a row succeeded, then: 402::unknown client (no cookie was set)
    hint: keep a client on one server (nginx: ip_hash, or hash its cookie); one alone? see its log
    ");
}

#[test]
fn status_8_connects_return_at_once_for_ever() {
    let hostile = Hostile::conversation(|message| Some(vec![accepted(message)]));
    snapshot!(bayeux(["sub", &hostile.url(), "/demo", "-n", "1"]).run(), @"
    exit: 8
    ----- stdout -----
    ----- stderr -----
    ~ subscribed to /demo
    ~ 0 messages received in [duration]
    error: http://127.0.0.1:[port]/cometd answers every /meta/connect at once
    cause: 20 connects within [duration] brought nothing
    hint: the server should hold them; check its timeout and interval settings
    ");
}

#[cfg(unix)]
mod signals {
    use rustix::process::Signal;

    use super::*;

    #[test]
    fn status_130_interrupted_before_the_goal() {
        let server = server();
        let mut tail = bayeux(["sub", &server.url(), "/demo", "-n", "1"]).start();
        tail.told("subscribed");
        tail.signal(Signal::INT);
        snapshot!(tail.end(), @r#"
        exit: 130
        ----- stdout -----
        ----- stderr -----
        ~ subscribed to /demo
        ~ 0 messages received in [duration]
        "#);
    }

    #[test]
    fn status_143_terminated_before_the_goal() {
        let server = server();
        let mut tail = bayeux(["sub", &server.url(), "/demo", "--duration", "1h"]).start();
        tail.told("subscribed");
        tail.signal(Signal::TERM);
        snapshot!(tail.end(), @r#"
        exit: 143
        ----- stdout -----
        ----- stderr -----
        ~ subscribed to /demo
        ~ 0 messages received in [duration]
        "#);
    }
}
