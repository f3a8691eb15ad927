//! `bayeux check`.

#![cfg(unix)]

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::program::{bayeux, empty_folder, serve, snapshot};

#[test]
fn a_server_that_does_as_it_should_passes() {
    let (_serve, url) = serve(&[]);
    snapshot!(bayeux(["check", &url, "--only", "hs.id-echo", "--only", "http.json-post"]).run(), @"
    exit: 0
    ----- stdout -----
    bayeux check  http://127.0.0.1:[port]/cometd  long-polling  bayeux serve

    http
      ok    http.json-post  an array of messages posted as JSON is answered with one  [duration]

    hs
      ok    hs.id-echo  the reply to a handshake has the id of the handshake  [duration]

    passed: 2 pass
    ----- stderr -----
    ");
}

#[test]
fn what_deviates_is_shown_with_its_exchange_and_the_field() {
    let (_serve, url) = serve(&["--fault", "handshake:wrong-id"]);
    snapshot!(bayeux(["check", &url, "--only", "hs.id-echo"]).run(), @r#"
    exit: 7
    ----- stdout -----
    bayeux check  http://127.0.0.1:[port]/cometd  long-polling  bayeux serve

    hs
      FAIL  hs.id-echo  the reply to a handshake has the id of the handshake  [duration]
            the request has the id "1", its reply "fault"
            | > POST /cometd
            | Content-Type: application/json;charset=UTF-8
            | [{"channel":"/meta/handshake","id":"1","version":"1.0","supportedConnectionTypes":["long-polling","callback-polling","websocket"]}]
            | < HTTP 200  [duration]
            | content-type: application/json
            | content-length: 282
            | cache-control: no-store
            | x-content-type-options: nosniff
            | server: bayeux/[version]
            | vary: Origin
            | [
            |   {
            |     "minimumVersion": "1.0",
            |     "clientId": "[client id]",
            |     "supportedConnectionTypes": [
            |       "websocket",
            |       "long-polling",
            |       "callback-polling"
            |     ],
            |     "advice": {
            |       "interval": 0,
            |       "timeout": 30000,
            |       "reconnect": "retry"
            |     },
            |     "channel": "/meta/handshake",
         -> |     "id": "fault",
            |     "version": "1.0",
            |     "successful": true
            |   }
            | ]

    failed: 0 pass, 1 fail
    cause: hs.id-echo: the request has the id "1", its reply "fault"
    hint: `bayeux check --only hs.id-echo` shows it alone; see Bayeux 1.0, "Meta Channels"
    ----- stderr -----
    error: the check failed
    "#);
}

#[test]
fn compact_shows_what_is_not_as_it_should_be_and_data_the_verdict() {
    let (_serve, url) = serve(&["--fault", "handshake:wrong-id"]);
    let check = |view| {
        bayeux([
            "check",
            &url,
            "--only",
            "hs.id-echo",
            "--only",
            "http.json-post",
            "-o",
            view,
        ])
        .run()
    };
    snapshot!(check("compact"), @r#"
    exit: 7
    ----- stdout -----
    bayeux check  http://127.0.0.1:[port]/cometd  long-polling  bayeux serve

    hs
      FAIL  hs.id-echo  the reply to a handshake has the id of the handshake  [duration]
            the request has the id "1", its reply "fault"
            | > POST /cometd
            | Content-Type: application/json;charset=UTF-8
            | [{"channel":"/meta/handshake","id":"1","version":"1.0","supportedConnectionTypes":["long-polling","callback-polling","websocket"]}]
            | < HTTP 200  [duration]
            | content-type: application/json
            | content-length: 282
            | cache-control: no-store
            | x-content-type-options: nosniff
            | server: bayeux/[version]
            | vary: Origin
            | [
            |   {
            |     "minimumVersion": "1.0",
            |     "clientId": "[client id]",
            |     "supportedConnectionTypes": [
            |       "websocket",
            |       "long-polling",
            |       "callback-polling"
            |     ],
            |     "advice": {
            |       "interval": 0,
            |       "timeout": 30000,
            |       "reconnect": "retry"
            |     },
            |     "channel": "/meta/handshake",
         -> |     "id": "fault",
            |     "version": "1.0",
            |     "successful": true
            |   }
            | ]

    failed: 1 pass, 1 fail
    cause: hs.id-echo: the request has the id "1", its reply "fault"
    hint: `bayeux check --only hs.id-echo` shows it alone; see Bayeux 1.0, "Meta Channels"
    ----- stderr -----
    error: 1 of 2 checks failed
    "#);
    snapshot!(check("data"), @r#"
    exit: 7
    ----- stdout -----
    {"passed":false,"summary":"1 pass, 1 fail","cause":"hs.id-echo: the request has the id \"1\", its reply \"fault\"","remedy":"`bayeux check --only hs.id-echo` shows it alone; see Bayeux 1.0, \"Meta Channels\""}
    ----- stderr -----
    error: 1 of 2 checks failed
    "#);
}

#[test]
fn json_follows_the_shipped_schema() {
    let (_serve, url) = serve(&["--fault", "handshake:wrong-id"]);
    let outcome = bayeux(["check", &url, "--only", "hs.*", "-o", "json"]).run();
    let document: Value = serde_json::from_str(&outcome.stdout()).unwrap();
    let schema = include_str!("../../schema/check.v1.json");
    let schema = serde_json::from_str(schema).unwrap();
    jsonschema::validate(&schema, &document).unwrap();
    assert_eq!(document["server"], "bayeux serve");
    assert_eq!(document["verdict"]["passed"], false);
}

#[test]
fn reports_are_written_in_the_form_of_their_ending() {
    let folder = empty_folder("check-reports");
    let (_serve, url) = serve(&[]);
    let name = |ending: &str| {
        folder
            .join(format!("checks.{ending}"))
            .display()
            .to_string()
    };
    let outcome = bayeux(["check", &url, "--only", "hs.id-echo"])
        .args(&[
            "--report",
            &name("xml"),
            "--report",
            &name("json"),
            "--report",
            &name("tap"),
        ])
        .run();
    assert_eq!(outcome.code(), Some(0), "{}", outcome.stderr());
    let read = |ending: &str| fs::read_to_string(name(ending)).unwrap();
    assert!(read("xml").contains("<testcase classname=\"bayeux.check.hs\""));
    assert!(read("json").contains("\"id\": \"hs.id-echo\""));
    assert!(read("tap").starts_with("TAP version 14\n1..1\nok 1 - hs.id-echo"));
    snapshot!(bayeux(["check", &url, "--report", "checks.txt"]).run(), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: invalid value 'checks.txt' for '--report <FILE>': the name ends in .xml, .json, .tap
    hint: bayeux check -h lists its options
    ");
}

#[test]
fn the_checks_are_listed() {
    snapshot!(bayeux(["check", "--list", "--only", "hs.id-echo"]).run(), @"
    exit: 0
    ----- stdout -----
    hs.id-echo  the reply to a handshake has the id of the handshake  (must)
    ----- stderr -----
    ");
    let outcome = bayeux(["check", "--list", "-o", "json"]).run();
    for line in outcome.stdout().lines() {
        let check: Value = serde_json::from_str(line).unwrap();
        assert!(check["id"].as_str().unwrap().contains('.'), "{line}");
        assert!(check["intrusive"].is_boolean(), "{line}");
    }
}

#[test]
fn what_cannot_be_chosen_is_said() {
    snapshot!(bayeux(["check", ":1", "--only", "nothing.*"]).run(), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: no check has such a name
    hint: `bayeux check --list` shows all of them
    ");
    snapshot!(bayeux(["check", ":1", "--as", "comet"]).run(), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: invalid value 'comet' for '--as <SERVER>': no such server: comet; known are bayeux, cometd, cometd-nodejs, faye, salesforce, and `none`
    hint: bayeux check -h lists its options
    ");
    snapshot!(bayeux(["check", ":1", "--as", "faye@new"]).run(), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: invalid value 'faye@new' for '--as <SERVER>': a version is numbers with dots between them, e.g. 8.0.10; known are bayeux, cometd, cometd-nodejs, faye, salesforce, and `none`
    hint: bayeux check -h lists its options
    ");
}

#[test]
fn a_server_that_is_not_there_is_exit_status_3() {
    snapshot!(bayeux(["check", ":1/cometd", "--only", "hs.id-echo", "-o", "data"]).run(), @r#"
    exit: 3
    ----- stdout -----
    {"passed":false,"summary":"0 pass, 1 fail","cause":"hs.id-echo: connection refused (127.0.0.1:1)","remedy":"`bayeux check --only 'path.*'` looks at the way to the server, and says what to change"}
    ----- stderr -----
    error: cannot reach http://localhost:1/cometd
    "#);
}

#[test]
fn checks_that_are_not_tried_are_told_in_one_line() {
    snapshot!(bayeux(["check", ":1/cometd", "--only", "path.*", "--only", "hs.*", "-o", "pretty"]).run(), @"
    exit: 3
    ----- stdout -----
    bayeux check  http://localhost:1/cometd  long-polling  unknown

    path
      ok    path.name  the host has an address  [duration]
            127.0.0.1 (IPv4), found in [duration]
      FAIL  path.tcp  the host takes connections  [duration]
            connection refused (127.0.0.1:1)
            is the server running, and does it listen on this address and port (`ss -ltn` on its machine)?

    skipped  23 checks: path.tcp failed

    failed: 1 pass, 1 fail, 23 skipped
    cause: path.tcp: connection refused (127.0.0.1:1)
    hint: is the server running, and does it listen on this address and port (`ss -ltn` on its machine)?
    ----- stderr -----
    error: cannot reach http://localhost:1/cometd
    ");
}

#[test]
fn a_refused_handshake_is_exit_status_4() {
    let (_serve, url) = serve(&["--require-token", "s3cret"]);
    snapshot!(bayeux(["check", &url, "--only", "hs.id-echo", "-o", "data"]).run(), @r#"
    exit: 4
    ----- stdout -----
    {"passed":false,"summary":"1 pass","cause":"the server refuses the handshake: 403::handshake_denied","remedy":null}
    ----- stderr -----
    error: http://127.0.0.1:[port]/cometd refuses the handshake: 403::handshake_denied
    hint: credentials: --token, --user, -H 'Name: value' or --ext JSON
    "#);
    let outcome = bayeux(["check", &url, "--only", "hs.id-echo", "--token", "s3cret"]).run();
    assert_eq!(outcome.code(), Some(0), "{}", outcome.stderr());
    let outcome = bayeux([
        "check",
        &url,
        "--only",
        "hs.id-echo",
        "--ext",
        r#"{"token":"s3cret"}"#,
    ])
    .run();
    assert_eq!(outcome.code(), Some(0), "{}", outcome.stderr());
}

#[test]
fn a_known_deviation_does_not_fail_unless_strict() {
    let (_serve, url) = serve(&["--flavor", "cometd"]);
    let check = |more: &[&str]| {
        let outcome = bayeux([
            "check",
            &url,
            "--as",
            "cometd",
            "--only",
            "hs.no-common-type",
            "-o",
            "json",
        ])
        .args(more)
        .run();
        let document: Value = serde_json::from_str(&outcome.stdout()).unwrap();
        (
            document["checks"][0]["status"].as_str().unwrap().to_owned(),
            outcome.code(),
        )
    };
    assert_eq!(check(&[]), ("known".to_owned(), Some(0)));
    assert_eq!(check(&["--strict"]), ("known".to_owned(), Some(7)));
    let outcome = bayeux([
        "check",
        &url,
        "--as",
        "none",
        "--only",
        "hs.no-common-type",
        "-o",
        "data",
    ])
    .run();
    assert_eq!(outcome.code(), Some(7), "{}", outcome.stdout());
}

/// What is behind a port, and what comes of checking it: an end, and a verdict.
fn checked_stranger(
    serve: impl Fn(&mut std::net::TcpStream) + Send + Sync + 'static,
) -> (Value, Option<i32>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/cometd", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let serve = std::sync::Arc::new(serve);
        for socket in listener.incoming() {
            let serve = std::sync::Arc::clone(&serve);
            let Ok(mut socket) = socket else { return };
            std::thread::spawn(move || serve(&mut socket));
        }
    });
    let started = Instant::now();
    let outcome = bayeux([
        "check",
        &url,
        "--timeout",
        "3s",
        "--network-timeout",
        "1s",
        "-o",
        "data",
    ])
    .run();
    assert!(
        started.elapsed() < Duration::from_secs(15),
        "{:?}",
        started.elapsed()
    );
    let verdict = serde_json::from_str(outcome.stdout().lines().last().unwrap());
    (
        verdict.unwrap_or_else(|_| panic!("{} {}", outcome.stdout(), outcome.stderr())),
        outcome.code(),
    )
}

fn respond(socket: &mut std::net::TcpStream, response: &[u8]) {
    let mut buffer = [0; 4096];
    while matches!(socket.read(&mut buffer), Ok(1..)) {
        if socket.write_all(response).is_err() {
            return;
        }
    }
}

#[test]
fn what_is_not_bayeux_gets_a_verdict() {
    let page = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 25\r\n\r\n<title>Shop</title>Shoes!";
    let (verdict, code) = checked_stranger(|socket| respond(socket, page));
    assert_eq!(
        (verdict["passed"].as_bool(), code),
        (Some(false), Some(3)),
        "{verdict}"
    );
    let (verdict, code) = checked_stranger(|socket| {
        let _ = socket.write_all(b"SSH-2.0-OpenSSH_9.2\r\n");
        respond(socket, b"");
    });
    assert_eq!(
        (verdict["passed"].as_bool(), code),
        (Some(false), Some(3)),
        "{verdict}"
    );
    let (verdict, code) = checked_stranger(|socket| {
        let mut buffer = [0; 4096];
        while let Ok(n @ 1..) = socket.read(&mut buffer) {
            if socket.write_all(&buffer[..n]).is_err() {
                return;
            }
        }
    });
    assert_eq!(
        (verdict["passed"].as_bool(), code),
        (Some(false), Some(3)),
        "{verdict}"
    );
}

#[test]
fn a_server_that_never_answers_or_drips_or_never_ends_gets_a_verdict() {
    let (verdict, code) = checked_stranger(|socket| respond(socket, b""));
    assert_eq!(
        (verdict["passed"].as_bool(), code),
        (Some(false), Some(3)),
        "{verdict}"
    );
    let (verdict, code) = checked_stranger(|socket| {
        for byte in
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n"
                .iter()
                .chain([b' '; 60].iter())
        {
            std::thread::park_timeout(Duration::from_millis(200));
            if socket.write_all(&[*byte]).is_err() {
                return;
            }
        }
    });
    assert_eq!(
        (verdict["passed"].as_bool(), code),
        (Some(false), Some(3)),
        "{verdict}"
    );
    let (verdict, code) = checked_stranger(|socket| {
        let _ = socket.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n[");
        while socket.write_all(&[b' '; 65536]).is_ok() {}
    });
    assert_eq!(
        (verdict["passed"].as_bool(), code),
        (Some(false), Some(3)),
        "{verdict}"
    );
}

#[test]
fn the_hint_fits_what_the_stranger_does() {
    let hint = |verdict: &Value| verdict["remedy"].as_str().unwrap_or_default().to_owned();
    let (verdict, _) = checked_stranger(|socket| {
        respond(socket, b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n[")
    });
    assert!(
        hint(&verdict).starts_with("the response begins and does not end"),
        "{verdict}"
    );
    let (verdict, _) = checked_stranger(|socket| respond(socket, b""));
    assert!(
        hint(&verdict).starts_with("the connection is taken and nothing is said"),
        "{verdict}"
    );
    let (verdict, _) = checked_stranger(|socket| {
        let head = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "a".repeat(100_000));
        respond(socket, head.as_bytes());
    });
    assert!(
        hint(&verdict).starts_with("no reply to a handshake is as long"),
        "{verdict}"
    );
    // A handshake that comes back is no reply to it.
    let (verdict, code) = checked_stranger(|socket| {
        let echo = r#"[{"channel":"/meta/handshake","id":"1","version":"1.0"}]"#;
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length:";
        let response = format!("{head} {}\r\n\r\n{echo}", echo.len());
        respond(socket, response.as_bytes());
    });
    assert!(
        hint(&verdict).starts_with("the way is free, and what answers is no Bayeux"),
        "{verdict}"
    );
    assert_eq!(code, Some(3));
}
