//! `bayeux proxy`: what it shows of what passes, and that it outlives those who misbehave.

#![cfg(target_os = "linux")]

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use bayeux::server::{Server, Settings};
use rustix::process::Signal;

use crate::program::{Running, bayeux, snapshot};

/// No test waits this long unless it fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// A snapshot without the latencies.
macro_rules! shown {
    ($outcome:expr, @$text:literal) => {{
        let mut filters = crate::program::filters();
        filters.push((r"  (held )?\d+(\.\d+)? ?(ms|s)\b", "  [latency]"));
        insta::with_settings!({ filters => filters }, {
            insta::assert_snapshot!($outcome, @$text)
        })
    }};
}

fn server() -> Server {
    Server::bind("127.0.0.1:0", Settings::default()).unwrap()
}

fn proxy(upstream: &str, options: &[&str]) -> (Running, String) {
    let mut proxy = bayeux(["proxy", upstream, "--listen", "127.0.0.1:0"])
        .args(options)
        .start()
        .patient(PATIENCE);
    let url = proxy.first_line();
    (proxy, url)
}

#[test]
fn the_first_line_is_the_url_and_the_traffic_is_told() {
    let server = server();
    let (proxy, url) = proxy(&server.url(), &["-o", "compact"]);
    assert!(url.starts_with("http://127.0.0.1:"), "{url}");
    assert_eq!(bayeux(["pub", &url, "/demo", "1"]).run().code(), Some(0));
    proxy.signal(Signal::INT);
    shown!(proxy.end(), @r#"
    exit: 0
    ----- stdout -----
    http://127.0.0.1:[port]/cometd
    ----- stderr -----
    [time] > /meta/handshake {"channel":"/meta/handshake","id":"1","version":"1.0","minimumVersion":"1.0","supportedConnectionTypes":["long-polling"]}
    [time] < /meta/handshake {"minimumVersion":"1.0","clientId":"[client id]","supportedConnectionTypes":["websocket","long-polling","callback-polling"],"advice":{"interval":0,"timeout":30000,"reconnect":"retry"},"channel":"/meta/handshake","id":"1","version":"1.0","successful":true}  [latency]  session 1
    ~ session 1 opened: [client id]
    [time] > /demo {"channel":"/demo","id":"2","clientId":"[client id]","data":1}  session 1
    [time] < /demo {"channel":"/demo","id":"2","successful":true}  [latency]  session 1
    [time] > /meta/disconnect {"channel":"/meta/disconnect","id":"3","clientId":"[client id]"}  session 1
    [time] < /meta/disconnect {"channel":"/meta/disconnect","id":"3","successful":true}  [latency]  session 1
    ~ session 1 ended after [duration]
    ~ stopped
    "#);
}

#[test]
fn records_are_those_of_a_client() {
    let server = server();
    let (mut proxy, url) = proxy(&server.url(), &["-o", "json"]);
    assert_eq!(
        bayeux(["hs", &url, "-t", "websocket"]).run().code(),
        Some(0)
    );
    proxy.told("session 1 ended");
    proxy.signal(Signal::TERM);
    shown!(proxy.end(), @r#"
    exit: 0
    ----- stdout -----
    http://127.0.0.1:[port]/cometd
    ----- stderr -----
    ~ connection 1: now a websocket
    {"type":"message","time":"[timestamp]","dir":"out","channel":"/meta/handshake","transport":"websocket","peer":"127.0.0.1:[port]","message":{"channel":"/meta/handshake","id":"1","version":"1.0","minimumVersion":"1.0","supportedConnectionTypes":["websocket"]}}
    {"type":"message","time":"[timestamp]","dir":"in","channel":"/meta/handshake","transport":"websocket","peer":"127.0.0.1:[port]","message":{"minimumVersion":"1.0","clientId":"[client id]","supportedConnectionTypes":["websocket","long-polling","callback-polling"],"advice":{"interval":0,"timeout":30000,"reconnect":"retry"},"channel":"/meta/handshake","id":"1","version":"1.0","successful":true}}
    ~ session 1 opened: [client id]
    {"type":"message","time":"[timestamp]","dir":"out","channel":"/meta/disconnect","transport":"websocket","peer":"127.0.0.1:[port]","message":{"channel":"/meta/disconnect","id":"2","clientId":"[client id]"}}
    {"type":"message","time":"[timestamp]","dir":"in","channel":"/meta/disconnect","transport":"websocket","peer":"127.0.0.1:[port]","message":{"channel":"/meta/disconnect","id":"2","successful":true}}
    ~ session 1 ended after [duration]
    ~ stopped
    "#);
}

#[test]
fn a_lost_session_is_told_as_it_happens() {
    let server = server();
    let (mut proxy, url) = proxy(
        &server.url(),
        &["-o", "compact", "--fault", "connect:expire:first=1"],
    );
    let client = bayeux(["sub", &url, "/demo"]).start();
    proxy.told("has 1 subscription again");
    client.signal(Signal::INT);
    assert_eq!(client.end().code(), Some(0));
    proxy.signal(Signal::INT);
    let told = proxy.end().stderr();
    for part in [
        "fault connect:expire",
        "session 1 lost after",
        "session 2 replaces session 1",
        "402::session_unknown",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
}

#[test]
fn a_server_that_is_not_there_is_told() {
    let (proxy, url) = proxy("http://127.0.0.1:1/cometd", &[]);
    assert_eq!(bayeux(["hs", &url]).run().code(), Some(3));
    proxy.signal(Signal::INT);
    shown!(proxy.end(), @r#"
    exit: 0
    ----- stdout -----
    http://127.0.0.1:[port]/cometd
    ----- stderr -----
    {"type":"message","time":"[timestamp]","dir":"out","channel":"/meta/handshake","transport":"long-polling","peer":"127.0.0.1:[port]","message":{"channel":"/meta/handshake","id":"1","version":"1.0","minimumVersion":"1.0","supportedConnectionTypes":["long-polling"]}}
    warning: connection 1: the server cannot be reached: connection refused
    {"type":"state","time":"[timestamp]","state":"warning","reason":"no reply to /meta/handshake id 1 after [duration]: the connection ended"}
    {"type":"state","time":"[timestamp]","state":"connection-ended","peer":"127.0.0.1:[port]"}
    ~ connection 1: ended by the server, 1 request without a response
    ~ stopped
    "#);
}

#[test]
fn what_cannot_be_used_is_refused() {
    snapshot!(bayeux(["proxy"]).env("BAYEUX_URL", "").run(), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: no URL
    hint: give one, like :8080/cometd, or set BAYEUX_URL, or url in a profile
    ");
    snapshot!(bayeux(["proxy", ":1/", "--fault", "expire=10m"]).run(), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: --fault expire=10m: nobody between a client and a server can do it
    hint: bayeux serve --fault has it
    ");
    snapshot!(bayeux(["proxy", ":1/", "--fault", "connect:dorp"]).run(), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: --fault connect:dorp is no fault
    cause: no such fault: connect:dorp
    hint: connect has expire, refuse=403, status=503, html, delay=200ms, drop, cut=10, drip=10ms, close=before, wrong-id, infinity, advice=none, storm, hold, cookie
    ");
    snapshot!(bayeux(["proxy", ":1/", "--listen", "192.0.2.1:0"]).run(), @"
    exit: 1
    ----- stdout -----
    ----- stderr -----
    error: cannot listen on 192.0.2.1:0
    cause: cannot assign requested address
    hint: it has to be an address of this machine: 127.0.0.1, or 0.0.0.0 for all of them
    ");
    snapshot!(bayeux(["proxy", ":1/", "--record", "/nowhere/x.jsonl"]).run(), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: cannot record to /nowhere/x.jsonl
    cause: no such file or directory
    ");
}

#[test]
fn a_thousand_connects_are_held_through_it_and_all_are_woken() {
    const N: usize = 1000;
    let server = server();
    let (proxy, url) = proxy(&server.url(), &["-q"]);
    let mut held: Vec<_> = (0..N).map(|_| Subscriber::held(&url)).collect();
    server.publish(&"/demo".parse().unwrap(), &"\"wake\"".parse().unwrap());
    for subscriber in &mut held {
        let woken = subscriber.response();
        assert!(woken.contains("\"wake\""), "{woken}");
    }
    drop(held);
    proxy.signal(Signal::INT);
    assert_eq!(proxy.end().code(), Some(0));
}

#[test]
fn ten_thousand_clients_that_leave_leave_nothing_behind() {
    const N: usize = 10_000;
    let server = server();
    let (proxy, url) = proxy(&server.url(), &["-q"]);
    let address = address(&url);
    let folder = format!("/proc/{}/fd", proxy.id());
    let n_open = || fs::read_dir(&folder).unwrap().count();
    let before = n_open();
    let requests = [
        "",
        "PO",
        "POST /cometd HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n[{",
        "GET /cometd HTTP/1.1\r\nHost: x\r\n\r\n",
        "\u{16}\u{3}\u{1}",
    ];
    for n in 0..N {
        let mut client = TcpStream::connect(&address).unwrap();
        client
            .write_all(requests[n % requests.len()].as_bytes())
            .unwrap();
        // Dropped: with a response unread it is a reset, else an end.
    }
    let start = Instant::now();
    while n_open() > before {
        assert!(
            start.elapsed() < PATIENCE,
            "{} are open, {before} were",
            n_open()
        );
        std::thread::yield_now();
    }
    assert_eq!(bayeux(["hs", &url]).run().code(), Some(0));
    proxy.signal(Signal::INT);
    assert_eq!(proxy.end().code(), Some(0));
}

fn address(url: &str) -> String {
    let rest = url.strip_prefix("http://").unwrap();
    rest.split('/').next().unwrap().to_owned()
}

/// A client over a raw socket, whose connect is held.
struct Subscriber(TcpStream);

impl Subscriber {
    fn held(url: &str) -> Self {
        let stream = TcpStream::connect(address(url)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut subscriber = Self(stream);
        subscriber.send(r#"[{"channel":"/meta/handshake","version":"1.0","supportedConnectionTypes":["long-polling"]}]"#);
        let reply = subscriber.response();
        let client_id = reply.split(r#""clientId":""#).nth(1).unwrap();
        let client_id = client_id.split('"').next().unwrap().to_owned();
        subscriber.send(&format!(
            r#"[{{"channel":"/meta/subscribe","clientId":"{client_id}","subscription":"/demo"}}]"#
        ));
        subscriber.response();
        let connect = format!(
            r#"[{{"channel":"/meta/connect","clientId":"{client_id}","connectionType":"long-polling"}}]"#
        );
        subscriber.send(&connect);
        subscriber.response();
        subscriber.send(&connect);
        subscriber
    }

    fn send(&mut self, body: &str) {
        let length = body.len();
        let request = format!(
            "POST /cometd HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\n\r\n{body}"
        );
        self.0.write_all(request.as_bytes()).unwrap();
    }

    fn response(&mut self) -> String {
        let mut text = Vec::new();
        let mut buffer = [0; 4096];
        loop {
            let n_bytes = self.0.read(&mut buffer).unwrap();
            assert!(n_bytes > 0, "{}", String::from_utf8_lossy(&text));
            text.extend_from_slice(&buffer[..n_bytes]);
            let seen = String::from_utf8_lossy(&text);
            if let Some((head, body)) = seen.split_once("\r\n\r\n") {
                let length = head.split("Content-Length: ").nth(1).unwrap();
                let length: usize = length.split("\r\n").next().unwrap().parse().unwrap();
                if body.len() == length {
                    return body.to_owned();
                }
            }
        }
    }
}
