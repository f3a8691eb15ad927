//! `bayeux serve`.

#![cfg(unix)]

use std::io::{ErrorKind, Read};
use std::net::TcpStream;
use std::time::Duration;

use rustix::process::Signal;

use crate::program::{Running, bayeux, shell, snapshot};

/// No test waits this long unless it fails.
const PATIENCE: Duration = Duration::from_secs(20);

fn serve(options: &[&str]) -> (Running, String) {
    let mut serve = bayeux(["serve", "--listen", "127.0.0.1:0"])
        .args(options)
        .start();
    let url = serve.first_line();
    (serve, url)
}

#[test]
fn the_first_line_is_the_url_and_an_interrupt_ends_it() {
    let (serve, url) = serve(&[]);
    assert!(url.starts_with("http://127.0.0.1:"), "{url}");
    assert_eq!(bayeux(["hs", &url]).run().code(), Some(0));
    serve.signal(Signal::INT);
    snapshot!(serve.end(), @r#"
    exit: 0
    ----- stdout -----
    http://127.0.0.1:[port]/cometd
    ----- stderr -----
    {"type":"message","time":"[timestamp]","dir":"in","channel":"/meta/handshake","transport":"long-polling","message":{"channel":"/meta/handshake","id":"1","version":"1.0","minimumVersion":"1.0","supportedConnectionTypes":["long-polling"]}}
    {"type":"message","time":"[timestamp]","dir":"out","channel":"/meta/handshake","transport":"long-polling","message":{"channel":"/meta/handshake","id":"1","successful":true,"version":"1.0","minimumVersion":"1.0","supportedConnectionTypes":["long-polling","callback-polling","websocket"],"clientId":"[client id]","advice":{"reconnect":"retry","interval":0,"timeout":30000,"maxInterval":10000}}}
    {"type":"message","time":"[timestamp]","dir":"in","channel":"/meta/disconnect","transport":"long-polling","message":{"channel":"/meta/disconnect","id":"2","clientId":"[client id]"}}
    ~ session [client id] ended: disconnected
    {"type":"message","time":"[timestamp]","dir":"out","channel":"/meta/disconnect","transport":"long-polling","message":{"channel":"/meta/disconnect","id":"2","successful":true}}
    ~ stopped, 0 sessions were open
    "#);
}

#[test]
fn a_termination_ends_it_too() {
    let (serve, _) = serve(&["-q", "--path", "/faye"]);
    serve.signal(Signal::TERM);
    snapshot!(serve.end(), @r#"
    exit: 0
    ----- stdout -----
    http://127.0.0.1:[port]/faye
    ----- stderr -----
    "#);
}

#[test]
fn the_traffic_is_told() {
    let (mut serve, url) = serve(&["-o", "compact"]);
    assert_eq!(bayeux(["pub", &url, "/demo", "1"]).run().code(), Some(0));
    for wanted in [
        "< /meta/handshake",
        "< /demo",
        "> /demo",
        "ended: disconnected",
    ] {
        serve.told(wanted);
    }
}

#[test]
fn denied_channels_are_refused() {
    let (_serve, url) = serve(&["--deny", "/admin/**", "--deny", "/x"]);
    snapshot!(bayeux(["sub", &url, "/admin/x", "-n", "1"]).run(), @"
    exit: 5
    ----- stdout -----
    ----- stderr -----
    error: subscribe to /admin/x refused: 403:denied_by_security_policy:subscribe_denied
    hint: the session is up; other channels may be allowed
    ");
    snapshot!(bayeux(["pub", &url, "/x", "1"]).run(), @"
    exit: 5
    ----- stdout -----
    ----- stderr -----
    error: publish to /x rejected: 403:denied_by_security_policy:publish_denied
    hint: the session is up; other channels may be allowed
    ");
}

#[test]
fn a_token_can_be_required() {
    let (_serve, url) = serve(&["--require-token", "s3cret"]);
    snapshot!(bayeux(["hs", &url]).run(), @"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: handshake refused by http://127.0.0.1:[port]/cometd: 403::handshake_denied
    hint: its security policy wants credentials, or other ones: --token, --token-cmd, --user, -H or --ext
    ");
    let outcome = bayeux(["hs", &url, "-H", "Authorization: Bearer s3cret"]).run();
    assert_eq!(outcome.code(), Some(0), "{outcome}");
}

#[test]
fn an_address_in_use_is_said_so() {
    let (_serve, url) = serve(&[]);
    let address = url
        .strip_prefix("http://")
        .unwrap()
        .strip_suffix("/cometd")
        .unwrap();
    snapshot!(bayeux(["serve", "--listen", address]).run(), @"
    exit: 1
    ----- stdout -----
    ----- stderr -----
    error: cannot listen on 127.0.0.1:[port]
    cause: address already in use
    hint: --listen 127.0.0.1:0 takes a free port
    ");
}

#[test]
fn an_address_that_is_none_is_said_so() {
    snapshot!(bayeux(["serve", "--listen", "nonsense"]).run(), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: cannot listen on nonsense
    cause: invalid socket address
    hint: --listen 127.0.0.1:0 takes a free port
    ");
}

#[test]
fn websockets_are_told_as_such_and_why_they_were_closed() {
    let (mut serve, url) = serve(&[]);
    let (mut socket, _) = tungstenite::connect(url.replace("http", "ws")).unwrap();
    socket
        .send(r#"[{"channel":"/demo","id":"1","data":1}]"#.into())
        .unwrap();
    let reply = socket.read().unwrap();
    assert!(reply.to_text().unwrap().contains("402::session_unknown"));
    socket.send("hello".into()).unwrap();
    serve.told("was closed with 1007");
    serve.signal(Signal::INT);
    snapshot!(serve.end(), @r#"
    exit: 0
    ----- stdout -----
    http://127.0.0.1:[port]/cometd
    ----- stderr -----
    {"type":"message","time":"[timestamp]","dir":"in","channel":"/demo","transport":"websocket","message":{"channel":"/demo","id":"1","data":1}}
    {"type":"message","time":"[timestamp]","dir":"out","channel":"/demo","transport":"websocket","message":{"channel":"/demo","id":"1","successful":false,"error":"402::session_unknown"}}
    ~ the websocket of 127.0.0.1:[port] was closed with 1007: not JSON: expected an array of messages at byte 0
    ~ stopped, 0 sessions were open
    "#);
}

#[test]
fn a_soft_limit_of_descriptors_is_raised() {
    // Not the shell's function `bayeux`, which cannot replace the shell.
    let program = env!("CARGO_BIN_EXE_bayeux");
    let script =
        format!("ulimit -S -n 40; exec '{program}' serve --listen 127.0.0.1:0 -q --path /");
    let mut serve = shell(&script).start();
    let url = serve.first_line();
    let address = url.trim_start_matches("http://").trim_end_matches('/');
    let _connections: Vec<_> = (0..60)
        .map(|_| TcpStream::connect(address).unwrap())
        .collect();
    assert_eq!(bayeux(["hs", &url]).run().code(), Some(0));
}

#[test]
fn connections_beyond_the_limit_of_descriptors_are_refused_until_there_are_some() {
    let program = env!("CARGO_BIN_EXE_bayeux");
    let script = format!("ulimit -n 48; exec '{program}' serve --listen 127.0.0.1:0");
    let mut serve = shell(&script).start();
    let url = serve.first_line();
    let address = url.split('/').nth(2).unwrap();
    let connections: Vec<TcpStream> = (0..100)
        .map(|_| TcpStream::connect(address).unwrap())
        .collect();
    serve.told("cannot accept: Too many open files");
    // The last one did not come in: it is at its end, or was reset.
    let mut last = connections.last().unwrap();
    last.set_read_timeout(Some(PATIENCE)).unwrap();
    match last.read(&mut [0]) {
        Ok(length) => assert_eq!(length, 0),
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
    }
    drop(connections);
    // It may not have seen yet that they are gone.
    let outcome = bayeux(["hs", &url, "--retry", "20s", "-q"]).run();
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    serve.signal(Signal::TERM);
    assert_eq!(serve.end().code(), Some(0));
}
