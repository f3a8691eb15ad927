//! `bayeux proxy --record`: whose messages they are, and that traffic goes on without a disk.

#![cfg(target_os = "linux")]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use bayeux::recording::{Record, Recording, State};
use rustix::process::Signal;
use serde_json::Value;

use crate::archive::entries_of;
use crate::peer::server;
use crate::program::{Running, bayeux, empty_folder};

/// No test waits this long unless it fails.
const PATIENCE: Duration = Duration::from_secs(20);

fn recording_proxy(upstream: &str, file: &str) -> (Running, String) {
    let mut proxy = bayeux(["proxy", upstream, "--listen", "127.0.0.1:0", "-q"])
        .args(&["--record", file])
        .start();
    let url = proxy.first_line();
    (proxy, url)
}

#[test]
fn each_message_has_its_client_and_a_report_tells_them_apart() {
    let file = empty_folder("proxy-recorded").join("passed.ndjson");
    let file = file.to_str().unwrap();
    let server = server();
    let (proxy, url) = recording_proxy(&server.url(), file);
    for transport in ["long-polling", "websocket"] {
        let outcome = bayeux(["pub", &url, "/demo", "1", "-t", transport]).run();
        assert_eq!(outcome.code(), Some(0), "{outcome}");
    }
    proxy.signal(Signal::INT);
    assert_eq!(proxy.end().code(), Some(0));
    let recording = Recording::read(&std::fs::read(file).unwrap()).unwrap();
    let mut peers: Vec<_> = recording
        .records
        .iter()
        .filter_map(|it| match it {
            Record::Message(it) => Some(it.peer.unwrap()),
            _ => None,
        })
        .collect();
    assert_eq!(peers.len(), 12, "{peers:?}");
    peers.dedup();
    assert_eq!(peers.len(), 2, "{peers:?}");
    let report = bayeux(["report", file, "-o", "compact"]).run().stdout();
    assert!(
        report.contains("conversation  6 requests, 0 deliveries in "),
        "{report}"
    );
    assert_eq!(report.matches("\nsession  ").count(), 2, "{report}");
    assert!(!report.contains("broken rule"), "{report}");
}

#[test]
fn a_connection_that_ends_leaves_its_requests_unanswered_in_the_report() {
    let file = empty_folder("proxy-recorded-end").join("passed.ndjson");
    let file = file.to_str().unwrap();
    let upstream = crate::hostile::Hostile::silent();
    let (proxy, url) = recording_proxy(&upstream.url(), file);
    let address = url.strip_prefix("http://").unwrap().split('/').next();
    let mut client = TcpStream::connect(address.unwrap()).unwrap();
    let own = client.local_addr().unwrap();
    let body = r#"[{"channel":"/meta/handshake","id":"1","version":"1.0","supportedConnectionTypes":["long-polling"]}]"#;
    let length = body.len();
    let request = format!(
        "POST /cometd HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    client.write_all(request.as_bytes()).unwrap();
    upstream.until("/meta/handshake");
    // It ends both ways at once, and is done with when the proxy has nothing open for it.
    drop(upstream);
    client.shutdown(std::net::Shutdown::Write).unwrap();
    client.read_to_end(&mut Vec::new()).unwrap();
    let start = Instant::now();
    let ended = loop {
        let recording = Recording::read(&std::fs::read(file).unwrap()).unwrap();
        let ended = recording.records.iter().find_map(|it| match it {
            Record::State(it) => match it.state {
                State::ConnectionEnded { peer } => Some(peer),
                _ => None,
            },
            _ => None,
        });
        match ended {
            Some(peer) => break peer,
            None => assert!(start.elapsed() < PATIENCE, "no end was recorded"),
        }
    };
    assert_eq!(ended, Some(own));
    proxy.signal(Signal::INT);
    assert_eq!(proxy.end().code(), Some(0));
    let report = bayeux(["report", file, "-o", "compact"]).run().stdout();
    assert!(report.contains("1 unanswered"), "{report}");
}

#[test]
fn a_rule_that_is_broken_is_told_once_with_its_section_by_the_proxy_and_by_the_report() {
    let file = empty_folder("proxy-recorded-rules").join("passed.ndjson");
    let file = file.to_str().unwrap();
    let server = server();
    let mut proxy = bayeux(["proxy", &server.url(), "--listen", "127.0.0.1:0"])
        .args(&["--record", file])
        .start();
    let url = proxy.first_line();
    let address = url.strip_prefix("http://").unwrap().split('/').next();
    let sent = |body: &str| {
        let length = body.len();
        let mut client = TcpStream::connect(address.unwrap()).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        let request = format!(
            "POST /cometd HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
             Connection: close\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        client.write_all(request.as_bytes()).unwrap();
        client
    };
    let mut shaken = String::new();
    let handshake = r#"[{"channel":"/meta/handshake","id":"1","version":"1.0","supportedConnectionTypes":["long-polling"]}]"#;
    sent(handshake).read_to_string(&mut shaken).unwrap();
    let (_, rest) = shaken.split_once(r#""clientId":""#).unwrap();
    let (client_id, _) = rest.split_once('"').unwrap();
    let connect = |id: u8, advice: &str| {
        format!(
            r#"[{{"channel":"/meta/connect","id":"{id}","clientId":"{client_id}","connectionType":"long-polling"{advice}}}]"#
        )
    };
    // The first is answered at once, the second is held, and the third comes meanwhile.
    let mut answer = String::new();
    sent(&connect(2, r#","advice":{"timeout":0}"#))
        .read_to_string(&mut answer)
        .unwrap();
    let _held = sent(&connect(3, ""));
    proxy.told(r#""id":"3""#);
    let _second = sent(&connect(4, ""));
    let broken = "[con.single: Connect Request]";
    proxy.told(broken);
    proxy.signal(Signal::INT);
    let outcome = proxy.end();
    assert_eq!(
        outcome.stderr().matches("con.single").count(),
        1,
        "{outcome}"
    );
    let report = bayeux(["report", file, "-o", "compact"]).run();
    let report = report.stdout();
    assert_eq!(report.matches(broken).count(), 1, "{report}");
    let (told, summary) = report.split_once("\nconversation  ").unwrap();
    assert_eq!(told.matches("con.single").count(), 1, "{report}");
    assert_eq!(summary.matches("con.single").count(), 1, "{report}");
}

#[test]
fn a_full_disk_is_said_once_and_the_traffic_goes_on() {
    let server = server();
    let (proxy, url) = recording_proxy(&server.url(), "/dev/full");
    for data in ["1", "2"] {
        let outcome = bayeux(["pub", &url, "/demo", data, "--expect", "/demo"]).run();
        assert_eq!(outcome.code(), Some(0), "{outcome}");
    }
    proxy.signal(Signal::INT);
    insta::assert_snapshot!(
        proxy.end().to_string().replace(&url, "[url]"),
        @"
    exit: 1
    ----- stdout -----
    [url]
    ----- stderr -----
    error: cannot write to the recording /dev/full
    cause: no space left on device
    hint: all else goes on; the exit status will be 1
    "
    );
}

fn statuses(entries: &[Value]) -> Vec<i64> {
    let statuses = entries.iter().map(|it| &it["response"]["status"]);
    statuses.map(|it| it.as_i64().unwrap()).collect()
}

fn n_messages(entry: &Value) -> usize {
    let text = entry["response"]["content"]["text"].as_str();
    let text: Value = serde_json::from_str(text.unwrap()).unwrap();
    text.as_array().unwrap().len()
}

#[test]
fn an_archive_has_every_exchange_and_the_frames_of_each_websocket_by_themselves() {
    let file = empty_folder("proxy-archive").join("passed.har");
    let file = file.to_str().unwrap();
    let server = server();
    let mut proxy = bayeux(["proxy", &server.url(), "--listen", "127.0.0.1:0"])
        .args(&["--record", file])
        .start();
    let url = proxy.first_line();
    let publish = |data: &str, transport: &str| {
        let outcome = bayeux(["pub", &url, "/demo", data, "-t", transport]).run();
        assert_eq!(outcome.code(), Some(0), "{outcome}");
    };
    let mut subscriber = bayeux(["sub", &url, "/demo", "-n", "4", "-t", "websocket"]).start();
    subscriber.told("subscribed");
    publish("1.50", "long-polling");
    publish("2.50", "callback-polling");
    publish("3.50", "websocket");
    publish("4.50", "websocket");
    assert_eq!(subscriber.end().code(), Some(0));
    // What is told of a session was recorded before.
    for n in 1..=5 {
        proxy.told(&format!("session {n} ended"));
    }
    // It is valid and complete without the proxy's doing anything more.
    proxy.signal(Signal::KILL);
    proxy.end();
    let entries = entries_of(file);
    let (sockets, exchanges): (Vec<_>, Vec<_>) = entries
        .into_iter()
        .partition(|it| it["_resourceType"] == "websocket");
    assert_eq!(statuses(&sockets), [101; 3]);
    assert_eq!(statuses(&exchanges), [200; 6], "{exchanges:#?}");
    assert_eq!(n_messages(&exchanges[0]), 1);
    let own = exchanges[0]["request"]["url"].as_str().unwrap();
    assert_eq!(own, url);
    for (entry, data) in sockets.iter().zip(["/meta/subscribe", "3.50", "4.50"]) {
        let frames = entry["_webSocketMessages"].as_array().unwrap();
        let sent = frames.iter().filter(|it| it["type"] == "send");
        let sent: Vec<_> = sent.map(|it| it["data"].as_str().unwrap()).collect();
        assert!(sent.iter().any(|it| it.contains(data)), "{sent:#?}");
        assert!(sent.len() < frames.len(), "{frames:#?}");
    }
    let frames = sockets[0]["_webSocketMessages"].as_array().unwrap();
    for data in ["1.50", "2.50", "3.50", "4.50"] {
        let has = |it: &&Value| it["data"].as_str().unwrap().contains(data);
        assert_eq!(frames.iter().filter(has).count(), 1, "{frames:#?}");
    }
}

#[test]
fn an_archive_has_no_secrets_and_no_bodies_that_are_too_long_or_none_of_bayeux() {
    let file = empty_folder("proxy-archive-secrets").join("passed.har");
    let file = file.to_str().unwrap();
    let server = server();
    let (proxy, url) = {
        let mut proxy = bayeux(["proxy", &server.url(), "--listen", "127.0.0.1:0", "-q"])
            .args(&["--record", file, "--max-body", "400"])
            .start();
        let url = proxy.first_line();
        (proxy, url)
    };
    let address = url.strip_prefix("http://").unwrap().split('/').next();
    let upstream = server.url();
    let ext = r#""ext":{"auth":{"token":"pl4nted-ext"}}"#;
    let long = "x".repeat(500);
    let bodies = [
        (
            "/cometd?token=pl4nted-query",
            "application/json",
            format!(
                r#"[{{"channel":"/meta/handshake","id":"1","version":"1.0","supportedConnectionTypes":["long-polling"],{ext}}}]"#
            ),
        ),
        (
            "/login",
            "application/x-www-form-urlencoded",
            "user=ann&password=pl4nted-form".to_owned(),
        ),
        (
            "/cometd",
            "application/json",
            format!(r#"[{{"channel":"/a","id":"1","clientId":"pl4nted-client","data":"{long}"}}]"#),
        ),
    ];
    for (target, content_type, body) in &bodies {
        let mut client = TcpStream::connect(address.unwrap()).unwrap();
        let length = body.len();
        let request = format!(
            "POST {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer pl4nted-bearer\r\nCookie: sid=pl4nted-cookie\r\nReferer: {upstream}?token=pl4nted-referer\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        client.write_all(request.as_bytes()).unwrap();
        client.read_to_end(&mut Vec::new()).unwrap();
    }
    let outcome = bayeux(["pub", &url, "/demo", "1", "-t", "websocket"])
        .args(&["--token", "pl4nted-websocket"])
        .run();
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    proxy.signal(Signal::INT);
    assert_eq!(proxy.end().code(), Some(0));
    let text = std::fs::read_to_string(file).unwrap();
    assert!(!text.contains("pl4nted"), "{text}");
    let entries = entries_of(file);
    let post = |at: usize| &entries[at]["request"]["postData"];
    assert!(post(0)["text"].as_str().unwrap().contains("***"));
    assert_eq!(
        post(1)["comment"],
        "left out: it is none of Bayeux (--show-secrets has it)"
    );
    assert_eq!(
        post(2)["comment"],
        "left out: a body is longer than 400 bytes"
    );
    let client_id = entries[0]["response"]["content"]["text"].as_str().unwrap();
    assert!(client_id.contains("…"), "{client_id}");
}

#[test]
fn an_archive_has_what_was_not_answered_and_what_the_proxy_answered_itself() {
    let file = empty_folder("proxy-archive-unanswered").join("passed.har");
    let file = file.to_str().unwrap();
    let upstream = crate::hostile::Hostile::silent();
    let (proxy, url) = recording_proxy(&upstream.url(), file);
    let address = url.strip_prefix("http://").unwrap().split('/').next();
    let mut client = TcpStream::connect(address.unwrap()).unwrap();
    let request = b"GET /held HTTP/1.1\r\nHost: x\r\n\r\n";
    client.write_all(request).unwrap();
    upstream.until("GET /held");
    // While the client still waits.
    proxy.signal(Signal::INT);
    assert_eq!(proxy.end().code(), Some(0));
    let entries = entries_of(file);
    assert_eq!(statuses(&entries), [0]);
    let error = "the connection ended before the response had come";
    assert_eq!(entries[0]["_error"], error);

    let (proxy, url) = recording_proxy("http://127.0.0.1:1/cometd", file);
    let outcome = bayeux(["hs", &url, "-q"]).run();
    assert_ne!(outcome.code(), Some(0), "{outcome}");
    proxy.signal(Signal::INT);
    proxy.end();
    let entries = entries_of(file);
    assert_eq!(statuses(&entries), [502]);
    let text = entries[0]["response"]["content"]["text"].as_str().unwrap();
    assert!(text.contains("connection refused"), "{text}");

    // What the client got, not what the server sent.
    let server = server();
    let mut proxy = bayeux(["proxy", &server.url(), "--listen", "127.0.0.1:0", "-q"])
        .args(&["--record", file, "--fault", "subscribe:refuse=444"])
        .start();
    let url = proxy.first_line();
    let subscribing = bayeux(["sub", &url, "/demo", "-n", "1", "-q"]).run();
    assert_ne!(subscribing.code(), Some(0), "{subscribing}");
    proxy.signal(Signal::INT);
    proxy.end();
    let text = Value::from(entries_of(file)).to_string();
    assert!(text.contains("444"), "{text}");
}
