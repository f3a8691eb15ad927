//! The pages of `bayeux serve`, as HTTP.

#![cfg(unix)]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use crate::program::{Running, bayeux, snapshot};

fn serve(options: &[&str]) -> (Running, String) {
    let mut serve = bayeux(["serve"]).args(options).start();
    let url = serve.first_line();
    let address = url.strip_prefix("http://").unwrap();
    let (address, _) = address.split_once('/').unwrap();
    let address = address.to_owned();
    (serve, address)
}

/// Status, header lines and body of the response to a request with these header lines.
pub(crate) fn ask(address: &str, request: &str, lines: &str) -> (u16, String, String) {
    let mut socket = TcpStream::connect(address).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    let request = format!("{request} HTTP/1.1\r\nConnection: close\r\n{lines}\r\n");
    socket.write_all(request.as_bytes()).unwrap();
    let mut response = String::new();
    socket.read_to_string(&mut response).unwrap();
    let (head, body) = response.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head.to_owned(), body.to_owned())
}

/// What the interface answers, held against the schema.
pub(crate) fn api(address: &str, request: &str) -> (u16, Value) {
    let schema = include_str!("../../schema/inspector.v1.json");
    let schema: Value = serde_json::from_str(schema).unwrap();
    let schema = jsonschema::validator_for(&schema).unwrap();
    let (status, _, body) = ask(address, request, &format!("Host: {address}\r\n"));
    let answer = serde_json::from_str(&body).unwrap();
    if let Err(error) = schema.validate(&answer) {
        panic!("{error}: {body}");
    }
    (status, answer)
}

#[test]
fn the_chat_is_where_a_browser_looks_first() {
    let (_serve, address) = serve(&["--listen", "127.0.0.1:0", "--path", "/faye"]);
    let (status, head, body) = ask(&address, "GET /", "");
    assert_eq!(status, 200);
    assert!(head.contains("\r\nContent-Security-Policy: default-src 'none'"));
    assert!(body.contains("data-endpoint=\"/faye\""), "{body}");
    // Whoever takes it for the endpoint is told where that is, as before.
    let (status, _, body) = ask(&address, "POST /", "Content-Length: 2\r\n");
    assert_eq!(status, 404);
    assert_eq!(body, "nothing here; the endpoint is /faye\n");
}

#[test]
fn the_interface_answers_as_its_schema_says() {
    let (_serve, address) = serve(&["--listen", "127.0.0.1:0"]);
    let url = format!("http://{address}/cometd");
    assert_eq!(bayeux(["pub", &url, "/demo", "1"]).run().code(), Some(0));
    let mut tail = bayeux(["sub", &url, "/a", "/b/*"]).start();
    tail.told("subscribed to /b/*");
    let (status, state) = api(&address, "GET /inspector/api/state");
    assert_eq!(status, 200);
    assert_eq!(state["n_channels"], 2);
    let name = concat!("bayeux ", env!("CARGO_PKG_VERSION"));
    assert_eq!(state["sessions"][0]["client"], name);
    let (_, told) = api(&address, "GET /inspector/api/traffic?after=0");
    let types = told["traffic"].as_array().unwrap().iter();
    let types: Vec<&str> = types.filter_map(|it| it["type"].as_str()).collect();
    assert!(types.contains(&"message") && types.contains(&"remark"));
    let (_, faults) = api(&address, "PUT /inspector/api/faults/expire=1h");
    assert_eq!(faults["faults"][0], "expire=1h");
    let (_, faults) = api(&address, "DELETE /inspector/api/faults/expire=1h");
    assert_eq!(faults["faults"].as_array().map(Vec::len), Some(0));
    let (status, _) = api(&address, "PUT /inspector/api/faults/slow");
    assert_eq!(status, 400);
    tail.signal(Signal::INT);
    assert_eq!(tail.end().code(), Some(0));
}

#[test]
fn a_client_recovers_when_its_session_is_forgotten() {
    let (_serve, address) = serve(&["--listen", "127.0.0.1:0"]);
    let url = format!("http://{address}/cometd");
    let mut tail = bayeux(["sub", &url, "/demo"]).start();
    tail.told("subscribed to /demo");
    let (_, forgotten) = api(&address, "DELETE /inspector/api/sessions");
    assert_eq!(forgotten["forgotten"], 1);
    tail.told("session renewed");
    tail.signal(Signal::INT);
    assert_eq!(tail.end().code(), Some(0));
}

#[test]
fn on_loopback_another_name_gets_nothing() {
    let (_serve, address) = serve(&["--listen", "127.0.0.1:0"]);
    let request = "GET /inspector/api/state";
    assert_eq!(ask(&address, request, "Host: evil.example\r\n").0, 403);
    let lines = "Host: localhost\r\nOrigin: http://evil.example\r\n";
    assert_eq!(ask(&address, request, lines).0, 403);
    assert_eq!(ask(&address, request, "Host: localhost\r\n").0, 200);
}

#[test]
fn elsewhere_the_inspector_has_a_token_in_its_url() {
    let (mut serve, address) = serve(&["--listen", "0.0.0.0:0"]);
    serve.told("#token=");
    let request = "GET /inspector/api/state";
    assert_eq!(ask(&address, request, "Host: localhost\r\n").0, 401);
    let lines = "Host: localhost\r\nAuthorization: Bearer 0\r\n";
    assert_eq!(ask(&address, request, lines).0, 401);
    serve.signal(Signal::INT);
    let outcome = serve.end();
    let stderr = outcome.stderr();
    let token = stderr
        .split("#token=")
        .nth(1)
        .unwrap()
        .lines()
        .next()
        .unwrap();
    assert_eq!(token.len(), 32, "{token}");
    snapshot!(outcome, @"
    exit: 0
    ----- stdout -----
    http://127.0.0.1:[port]/cometd
    ----- stderr -----
    ~ chat http://127.0.0.1:[port]/, inspector http://127.0.0.1:[port]/inspector#token=[client id]
    warning: reachable from other machines: --require-token says who may use it
    ~ stopped, 0 sessions were open
    ");
}
