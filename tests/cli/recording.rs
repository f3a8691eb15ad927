//! `--record` and `-o json`: every line follows `schema/record.v1.json`.

use serde_json::Value;

use crate::archive::entries_of;
use crate::hostile::{Hostile, accepted, good, page};
use crate::peer::{publish, server};
use crate::program::{Outcome, bayeux, empty_folder};

/// Checks every line, and says what types there are.
fn validated(lines: &str) -> Vec<String> {
    let schema: Value = serde_json::from_str(include_str!("../../schema/record.v1.json")).unwrap();
    let schema = jsonschema::validator_for(&schema).unwrap();
    let lines = lines.lines().map(|line| {
        let record: Value = serde_json::from_str(line).unwrap();
        if let Err(error) = schema.validate(&record) {
            panic!("{error}: {line}");
        }
        let what = [&record["dir"], &record["channel"], &record["state"]];
        let what = what.iter().filter_map(|it| it.as_str());
        let what: Vec<&str> = std::iter::once(record["type"].as_str().unwrap())
            .chain(what)
            .collect();
        what.join(" ")
    });
    lines.collect()
}

fn recorded(name: &str, words: &[&str]) -> (Vec<String>, Outcome) {
    let file = empty_folder(name).join("traffic.ndjson");
    let record = ["--record", file.to_str().unwrap()];
    let outcome = bayeux([]).args(words).args(&record).run();
    (validated(&std::fs::read_to_string(file).unwrap()), outcome)
}

#[test]
fn a_tail_is_recorded_both_ways() {
    let server = server();
    let file = empty_folder("record-tail").join("traffic.ndjson");
    let mut tail = bayeux(["sub", &server.url(), "/demo", "-n", "1", "-o", "json"])
        .args(&["--record", file.to_str().unwrap()])
        .start();
    tail.told("subscribed");
    publish(&server, "/demo", r#"{"n": 1.00}"#);
    let outcome = tail.end();
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    let recording = std::fs::read_to_string(file).unwrap();
    let types = validated(&recording);
    assert_eq!(types[0], "header");
    for wanted in [
        "message out /meta/handshake",
        "message in /meta/handshake",
        "state handshaken",
        "message out /meta/subscribe",
        "message in /meta/subscribe",
        "message out /meta/connect",
        "message in /demo",
        "message out /meta/disconnect",
        "message in /meta/disconnect",
    ] {
        assert!(
            types.contains(&wanted.to_owned()),
            "no {wanted}: {types:#?}"
        );
    }
    assert!(recording.contains(r#""data":{"n": 1.00}"#), "{recording}");
    // What is printed is what is recorded.
    assert_eq!(validated(&outcome.stdout()), ["message in /demo"]);
    assert!(
        recording.contains(outcome.stdout().trim_end()),
        "{recording}"
    );
}

#[test]
fn a_delivery_that_jq_drops_is_recorded_all_the_same() {
    let server = server();
    let file = empty_folder("record-jq").join("traffic.ndjson");
    let mut tail = bayeux([
        "sub",
        &server.url(),
        "/demo",
        "-n",
        "1",
        "--jq",
        "select(.data==2)",
    ])
    .args(&["--record", file.to_str().unwrap()])
    .start();
    tail.told("subscribed");
    publish(&server, "/demo", "1");
    publish(&server, "/demo", "2");
    assert_eq!(tail.end().code(), Some(0));
    let types = validated(&std::fs::read_to_string(file).unwrap());
    let deliveries = types.iter().filter(|it| *it == "message in /demo");
    assert_eq!(deliveries.count(), 2, "{types:#?}");
}

#[test]
fn a_handshake_and_a_publish_are_recorded() {
    let server = server();
    let (types, outcome) = recorded("record-handshake", &["hs", &server.url()]);
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    assert_eq!(
        types,
        [
            "header",
            "message out /meta/handshake",
            "message in /meta/handshake",
            "state handshaken",
            "message out /meta/disconnect",
            "message in /meta/disconnect",
        ]
    );
    let (types, outcome) = recorded("record-publish", &["pub", &server.url(), "/demo", "1"]);
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    assert!(
        types.contains(&"state /demo acknowledged".to_owned()),
        "{types:#?}"
    );
}

#[test]
fn a_failure_is_recorded_and_told_as_a_record() {
    let hostile = Hostile::canned(page("404 Not Found"));
    let (types, outcome) = recorded("record-failure", &["hs", &hostile.url(), "-o", "json"]);
    assert_eq!(outcome.code(), Some(3), "{outcome}");
    assert_eq!(types, ["header", "message out /meta/handshake", "failure"]);
    let stderr = outcome.stderr();
    assert_eq!(validated(stderr.lines().last().unwrap()), ["failure"]);
}

#[test]
fn v_in_the_json_view_tells_records() {
    let server = server();
    let outcome = bayeux(["pub", &server.url(), "/demo", "1", "-v", "-o", "json"]).run();
    let stderr = outcome.stderr();
    let (records, notes): (Vec<&str>, Vec<&str>) =
        stderr.lines().partition(|it| it.starts_with('{'));
    let types = validated(&records.join("\n"));
    assert!(types.contains(&"message in /demo".to_owned()), "{types:#?}");
    assert_eq!(notes.len(), 1, "{notes:?}");
}

#[test]
fn what_is_no_message_is_recorded_as_unreadable() {
    let hostile = Hostile::new(|request| {
        let body = request.split_once("\r\n\r\n").unwrap().1;
        let messages: Vec<Value> = serde_json::from_str(body).unwrap();
        let reply = match good(&messages[0]) {
            Some(_) => accepted(&messages[0]),
            None => return crate::hostile::Answer::Silence,
        };
        let body = format!("[{reply}, 17]");
        crate::hostile::Answer::Bytes(crate::hostile::response(
            "200 OK",
            "application/json",
            &body,
        ))
    });
    let (types, outcome) = recorded("record-odd", &["hs", &hostile.url()]);
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    assert!(types.contains(&"unreadable in".to_owned()), "{types:#?}");
}

/// The first line of standard output, and what ends the server.
fn recording_server(file: &str, words: &[&str]) -> (crate::program::Running, String) {
    let mut server = bayeux(["serve", "--listen", "127.0.0.1:0", "--record", file])
        .args(words)
        .start();
    let url = server.first_line().trim().to_owned();
    (server, url)
}

#[cfg(unix)]
#[test]
fn a_server_records_its_clients_and_its_recording_can_be_played() {
    let file = empty_folder("record-serve").join("traffic.ndjson");
    let file = file.to_str().unwrap();
    let (server, url) = recording_server(file, &["-q"]);
    for data in ["1", "2"] {
        let outcome = bayeux(["pub", &url, "/demo", data]).run();
        assert_eq!(outcome.code(), Some(0), "{outcome}");
    }
    server.signal(rustix::process::Signal::INT);
    assert_eq!(server.end().code(), Some(0));
    let text = std::fs::read_to_string(file).unwrap();
    let types = validated(&text);
    for wanted in ["message in /meta/handshake", "message out /meta/handshake"] {
        assert!(types.contains(&wanted.to_owned()), "{types:#?}");
    }
    assert!(text.contains(r#""side":"server""#) && text.contains(r#""peer":"127.0.0.1:"#));
    // Two clients, each with a session of its own.
    let report = bayeux(["report", file, "-o", "compact"]).run().stdout();
    assert_eq!(report.matches("\nsession ").count(), 2, "{report}");
    let (server, url) = {
        let again = empty_folder("record-serve-again").join("traffic.ndjson");
        let again = again.to_str().unwrap().to_owned();
        recording_server(&again, &["--replay", file])
    };
    let outcome = bayeux(["pub", &url, "/demo", "1"]).run();
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    server.signal(rustix::process::Signal::INT);
    assert_eq!(server.end().code(), Some(0));
}

/// What a full disk does to each command that records: its goal is reached.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_ends_the_recording_and_nothing_else() {
    let server = server();
    let url = server.url();
    let mut told = String::new();
    for words in [
        &["hs", &url][..],
        &["pub", &url, "/demo", "1"],
        &["sub", &url, "/demo", "--duration", "50ms", "-o", "compact"],
    ] {
        let outcome = bayeux([])
            .args(words)
            .args(&["--record", "/dev/full", "-q"])
            .run();
        assert_eq!(outcome.code(), Some(1), "{outcome}");
        told.push_str(&outcome.stderr());
    }
    insta::assert_snapshot!(told, @"
    error: cannot write to the recording /dev/full
    cause: no space left on device
    hint: all else goes on; the exit status will be 1
    error: cannot write to the recording /dev/full
    cause: no space left on device
    hint: all else goes on; the exit status will be 1
    error: cannot write to the recording /dev/full
    cause: no space left on device
    hint: all else goes on; the exit status will be 1
    ");
    // Other failures are what the exit status tells.
    let outcome = bayeux(["hs", "127.0.0.1:1/cometd", "--record", "/dev/full"]).run();
    assert_eq!(outcome.code(), Some(3), "{outcome}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_server_with_a_full_disk_serves_on() {
    let (server, url) = recording_server("/dev/full", &[]);
    let outcome = bayeux(["pub", &url, "/demo", "1"]).run();
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    server.signal(rustix::process::Signal::INT);
    let outcome = server.end();
    assert_eq!(outcome.code(), Some(1), "{outcome}");
    let stderr = outcome.stderr();
    assert_eq!(
        stderr.matches("cannot write to the recording").count(),
        1,
        "{stderr}"
    );
}

/// Everything that the server sends, byte for byte but for the date.
#[cfg(unix)]
#[test]
fn a_client_that_is_driven_twice_hears_the_same_bytes() {
    use std::io::{Read, Write};
    use std::net::TcpStream;

    let file = empty_folder("record-twice").join("traffic.ndjson");
    let file = file.to_str().unwrap();
    std::fs::write(file, include_str!("../fixtures/recorded.jsonl")).unwrap();
    let heard = || {
        let mut server = bayeux(["serve", "--listen", "127.0.0.1:0", "--replay", file]).start();
        let url = server.first_line().trim().to_owned();
        let address = url.split('/').nth(2).unwrap();
        let mut heard = String::new();
        let mut client_id = String::new();
        for message in [
            r#"{"channel":"/meta/handshake","id":"a","version":"1.0","supportedConnectionTypes":["long-polling"]}"#,
            r#"{"channel":"/meta/subscribe","id":"b","clientId":"CLIENT","subscription":"/demo"}"#,
            r#"{"channel":"/meta/connect","id":"c","clientId":"CLIENT","connectionType":"long-polling","advice":{"timeout":0}}"#,
            r#"{"channel":"/demo","id":"d","clientId":"CLIENT","data":1}"#,
            r#"{"channel":"/meta/connect","id":"e","clientId":"CLIENT","connectionType":"long-polling","advice":{"timeout":0}}"#,
        ] {
            let body = format!("[{}]", message.replace("CLIENT", &client_id));
            let mut socket = TcpStream::connect(address).unwrap();
            write!(
                socket,
                "POST /cometd HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n\
                 Connection: close\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            )
            .unwrap();
            let mut response = String::new();
            socket.read_to_string(&mut response).unwrap();
            if let Some((_, rest)) = response.split_once("\"clientId\":\"") {
                client_id = rest.split('"').next().unwrap().to_owned();
            }
            let lines = response.split_inclusive("\r\n");
            let lines =
                lines.filter(|it| !it.starts_with("Date:") && !it.starts_with("Set-Cookie:"));
            heard.push_str(&lines.collect::<String>().replace(&client_id, "CLIENT"));
        }
        server.signal(rustix::process::Signal::INT);
        server.end();
        heard
    };
    let first = heard();
    assert_eq!(first.matches("HTTP/1.1 200").count(), 5, "{first}");
    assert!(first.contains(r#""channel":"/demo""#), "{first}");
    assert_eq!(first, heard());
}

/// The entries of the archive that a command makes.
fn archived(name: &str, words: &[&str], status: i32) -> Vec<Value> {
    let file = empty_folder(name).join("traffic.har");
    let record = ["--record", file.to_str().unwrap()];
    let outcome = bayeux([]).args(words).args(&record).run();
    assert_eq!(outcome.code(), Some(status), "{outcome}");
    entries_of(&file)
}

#[test]
fn an_archive_has_every_request_and_its_response() {
    let server = server();
    let url = server.url();
    for (name, transport) in [("lp", "long-polling"), ("cb", "callback-polling")] {
        let words = ["pub", &url, "/demo", "{\"n\":1.50}", "-t", transport];
        let entries = archived(&format!("record-har-{name}"), &words, 0);
        assert!(entries.len() >= 3, "{entries:#?}");
        let text = Value::from(entries).to_string();
        assert!(text.contains("1.50"), "{text}");
    }
    let entries = archived(
        "record-har-bare",
        &["pub", &url, "/demo", "1", "--no-handshake"],
        5,
    );
    assert_eq!(entries.len(), 1, "{entries:#?}");
    let entries = archived("record-har-hs", &["hs", &url, "-q"], 0);
    let statuses: Vec<_> = entries
        .iter()
        .map(|it| it["response"]["status"].clone())
        .collect();
    assert_eq!(statuses, [200, 200]);
}

#[test]
fn an_archive_has_the_frames_of_a_websocket() {
    let server = server();
    let url = server.url();
    let entries = archived(
        "record-har-ws",
        &["pub", &url, "/demo", "1", "-t", "websocket"],
        0,
    );
    assert_eq!(entries.len(), 1, "{entries:#?}");
    assert_eq!(entries[0]["response"]["status"], 101);
    let frames = entries[0]["_webSocketMessages"].as_array().unwrap();
    let (first, n_sent) = (
        &frames[0],
        frames.iter().filter(|it| it["type"] == "send").count(),
    );
    assert_eq!(first["type"], "send");
    assert!(first["data"].as_str().unwrap().contains("/meta/handshake"));
    assert!(n_sent >= 3 && frames.len() > n_sent, "{frames:#?}");
}

#[test]
fn a_server_records_no_archive() {
    let outcome = bayeux(["serve", "--listen", "127.0.0.1:0", "--record", "x.har"]).run();
    insta::assert_snapshot!(outcome, @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: cannot record to x.har: only clients and proxies record archives
    hint: any other name makes a recording of JSON lines
    ");
}

#[test]
fn a_load_test_records_the_session_of_its_first_client() {
    let server = server();
    let file = empty_folder("record-bench").join("traffic.ndjson");
    let file = file.to_str().unwrap();
    let load = ["--clients", "3", "--rate", "100", "-n", "20", "-q"];
    let outcome = bayeux(["bench", &server.url(), "--record", file])
        .args(&load)
        .run();
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    let types = validated(&std::fs::read_to_string(file).unwrap());
    let count = |wanted: &str| types.iter().filter(|it| *it == wanted).count();
    assert_eq!(count("message out /meta/handshake"), 1, "{types:#?}");
    assert!(
        types
            .iter()
            .filter(|it| it.starts_with("message in /bench"))
            .count()
            >= 20
    );
    let report = bayeux(["report", file, "-o", "compact"]).run();
    assert!(report.stdout().contains("\nsession "), "{report}");
    assert!(!report.stdout().contains("broken rule"), "{report}");
    let outcome = bayeux([
        "bench",
        &server.url(),
        "--record",
        file,
        "--engine",
        "threads",
    ])
    .run();
    insta::assert_snapshot!(outcome, @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: --record is of no use with --engine threads
    hint: the loop engine records one of its sessions
    ");
}

#[cfg(target_os = "linux")]
#[test]
fn a_load_test_goes_on_when_the_disk_is_full() {
    let server = server();
    let outcome = bayeux(["bench", &server.url(), "--record", "/dev/full"])
        .args(&["--clients", "2", "--rate", "100", "-n", "5", "-o", "data"])
        .run();
    assert_eq!(outcome.code(), Some(1), "{outcome}");
    let stderr = outcome.stderr();
    assert_eq!(
        stderr.matches("cannot write to the recording").count(),
        1,
        "{stderr}"
    );
    assert!(outcome.stdout().contains("\"delivered\":10"), "{outcome}");
}
