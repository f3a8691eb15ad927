//! The inspector of `bayeux proxy`, as HTTP.

#![cfg(unix)]

use std::time::Duration;

use bayeux::server::Settings;
use rustix::process::Signal;

use crate::pages::{api, ask};
use crate::peer::{server, server_with};
use crate::program::{Running, bayeux, snapshot};

/// A proxy, its URL, and where its inspector is.
fn inspected(upstream: &str, options: &[&str]) -> (Running, String, String) {
    let mut proxy = bayeux(["proxy", upstream, "--listen", "127.0.0.1:0"])
        .args(&["--inspector", "127.0.0.1:0"])
        .args(options)
        .start();
    let url = proxy.first_line();
    let line = proxy.line_with("inspector http://");
    let (_, rest) = line.split_once("http://").unwrap();
    let (address, path) = rest.split_once('/').unwrap();
    assert_eq!(path, "inspector");
    (proxy, url, address.to_owned())
}

#[test]
fn it_shows_who_passes_and_what() {
    let server = server();
    let (_proxy, url, inspector) = inspected(&server.url(), &[]);
    let mut tails = ["long-polling", "websocket"].map(|transport| {
        let mut tail = bayeux(["sub", &url, "/a", "/b/*", "-t", transport]).start();
        tail.told("subscribed to /b/*");
        tail
    });
    assert_eq!(bayeux(["pub", &url, "/a", "1"]).run().code(), Some(0));
    for tail in &mut tails {
        tail.printed("\n");
    }
    let (status, state) = api(&inspector, "GET /inspector/api/state");
    assert_eq!(status, 200);
    assert_eq!(state["flavor"], "proxy");
    assert_eq!(state["endpoint"], "/cometd");
    assert_eq!(state["n_sessions"], 2, "{state}");
    let name = concat!("bayeux ", env!("CARGO_PKG_VERSION"));
    assert_eq!(state["sessions"][0]["client"], name);
    let transports = [0, 1].map(|it| state["sessions"][it]["transport"].clone());
    assert_eq!(transports, ["long-polling", "websocket"]);
    assert_eq!(state["sessions"][0]["subscriptions"], 2);
    assert_eq!(state["channels"][1]["channel"], "/b/*");
    assert_eq!(
        state["channels"][1]["subscribers"],
        serde_json::json!([1, 2])
    );
    let known = state["known_faults"].as_array().unwrap();
    let can = |spec: &str| known.iter().any(|it| it["fault"] == spec);
    assert!(can("any:html") && !can("expire=10s"), "{known:?}");
    let (_, told) = api(&inspector, "GET /inspector/api/traffic?after=0");
    let told = told["traffic"].as_array().unwrap();
    let published = told
        .iter()
        .find(|it| it["channel"] == "/a" && it["dir"] == "in")
        .unwrap();
    assert!(
        published["peer"]
            .as_str()
            .unwrap()
            .starts_with("127.0.0.1:")
    );
    assert!(told.iter().any(|it| it["type"] == "remark"), "{told:?}");
    for tail in tails {
        tail.signal(Signal::INT);
        assert_eq!(tail.end().code(), Some(0));
    }
}

#[test]
fn it_switches_faults_and_ends_sessions() {
    let server = server();
    let (_proxy, url, inspector) = inspected(&server.url(), &[]);
    // Both connections are there before anything is switched.
    let mut tail = bayeux(["sub", &url, "/demo"]).start();
    tail.told("subscribed to /demo");
    let (_, faults) = api(&inspector, "PUT /inspector/api/faults/handshake:refuse=403");
    assert_eq!(faults["faults"][0], "handshake:refuse=403");
    assert_eq!(bayeux(["hs", &url]).run().code(), Some(4));
    let (_, faults) = api(&inspector, "DELETE /inspector/api/faults");
    assert_eq!(faults["faults"].as_array().map(Vec::len), Some(0));
    assert_eq!(bayeux(["hs", &url]).run().code(), Some(0));
    let (status, refused) = api(&inspector, "PUT /inspector/api/faults/expire=1h");
    assert_eq!(status, 400);
    assert_eq!(refused["error"], "proxy has no such fault: expire=1h");

    let (status, _) = api(&inspector, "DELETE /inspector/api/sessions/1");
    assert_eq!(status, 200);
    assert_eq!(api(&inspector, "DELETE /inspector/api/sessions/99").0, 404);
    // Its connect is held until there is something to deliver.
    server.publish(&"/demo".parse().unwrap(), &"1".parse().unwrap());
    tail.told("session renewed");
    tail.signal(Signal::INT);
    assert_eq!(tail.end().code(), Some(0));
}

#[test]
fn a_websocket_that_is_open_meets_what_is_switched_on() {
    let server = server_with(Settings {
        timeout: Duration::from_millis(500),
        ..Settings::default()
    });
    let (_proxy, url, inspector) = inspected(&server.url(), &[]);
    let mut tail = bayeux(["sub", &url, "/demo", "-t", "websocket"]).start();
    tail.told("subscribed to /demo");
    api(
        &inspector,
        "PUT /inspector/api/faults/delivery:drop:first=1",
    );
    for data in ["1", "2"] {
        server.publish(&"/demo".parse().unwrap(), &data.parse().unwrap());
    }
    tail.printed(r#""data":2"#);
    let (status, _) = api(&inspector, "DELETE /inspector/api/sessions/1");
    assert_eq!(status, 200);
    tail.told("session renewed");
    tail.signal(Signal::INT);
    let outcome = tail.end();
    assert_eq!(outcome.code(), Some(0));
    assert!(!outcome.stdout().contains(r#""data":1"#), "{outcome}");
}

#[test]
fn nothing_but_the_inspector_is_there_and_nobody_elses_page_may_ask() {
    let server = server();
    let (_proxy, _, inspector) = inspected(&server.url(), &[]);
    let host = format!("Host: {inspector}\r\n");
    for path in ["/", "/inspector"] {
        let (status, _, body) = ask(&inspector, &format!("GET {path}"), &host);
        assert_eq!(status, 200);
        assert!(
            body.contains("<title>Inspector · bayeux proxy</title>"),
            "{body}"
        );
        assert!(!body.contains("Chat"), "{body}");
    }
    assert_eq!(ask(&inspector, "GET /cometd", &host).0, 404);
    let state = "GET /inspector/api/state";
    assert_eq!(ask(&inspector, state, "Host: evil.example\r\n").0, 403);
    let foreign = format!("{host}Origin: http://evil.example\r\n");
    assert_eq!(ask(&inspector, state, &foreign).0, 403);
}

#[test]
fn an_address_that_is_none_is_refused() {
    snapshot!(bayeux(["proxy", ":1/", "--listen", "127.0.0.1:0", "--inspector", "x"]).run(), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: cannot listen on x
    cause: invalid socket address
    hint: --inspector wants HOST:PORT: 127.0.0.1:[port], or 127.0.0.1:0 for a free port
    ");
}

#[test]
fn elsewhere_it_has_a_token_in_its_url() {
    let server = server();
    let mut proxy = bayeux(["proxy", &server.url(), "--listen", "127.0.0.1:0"])
        .args(&["--inspector", "0.0.0.0:0"])
        .start();
    let line = proxy.line_with("inspector http://");
    let (address, token) = line.split_once("/inspector#token=").unwrap();
    let (_, address) = address.split_once("http://").unwrap();
    assert_eq!(token.len(), 32, "{token}");
    let state = "GET /inspector/api/state";
    assert_eq!(ask(address, state, "Host: x\r\n").0, 401);
    let lines = format!("Host: x\r\nAuthorization: Bearer {token}\r\n");
    assert_eq!(ask(address, state, &lines).0, 200);
}
