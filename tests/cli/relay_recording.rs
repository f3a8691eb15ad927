//! `bayeux proxy --record`: whose messages they are, and that traffic goes on without a disk.

#![cfg(target_os = "linux")]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use bayeux::recording::{Record, Recording, State};
use rustix::process::Signal;

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
