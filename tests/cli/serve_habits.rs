//! What the options of `bayeux serve` change of what it answers, seen by a client that keeps no
//! cookies and waits for nothing.

#![cfg(unix)]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::program::{Program, Running, bayeux};

/// No test waits this long unless it fails.
const PATIENCE: Duration = Duration::from_secs(20);

struct Serve {
    running: Running,
    address: String,
}

impl Serve {
    fn start(options: &[&str]) -> Self {
        Self::of(bayeux(["serve", "--listen", "127.0.0.1:0", "-q"]).args(options))
    }

    fn of(program: Program) -> Self {
        let mut running = program.start();
        let url = running.first_line();
        let address = url.split('/').nth(2).unwrap().to_owned();
        Self { running, address }
    }

    /// The replies to a request with these messages and this `Cookie` header.
    fn post(&self, cookie: &str, messages: &Value) -> Value {
        let mut socket = TcpStream::connect(&self.address).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let body = messages.to_string();
        let request = format!(
            "POST /cometd HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nCookie: {cookie}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        );
        socket.write_all(request.as_bytes()).unwrap();
        let mut response = String::new();
        socket.read_to_string(&mut response).unwrap();
        let (_, body) = response.split_once("\r\n\r\n").unwrap();
        serde_json::from_str(body).unwrap()
    }

    /// What the inspector knows.
    fn state(&self) -> String {
        let mut socket = TcpStream::connect(&self.address).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let request =
            "GET /inspector/api/state HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        socket.write_all(request.as_bytes()).unwrap();
        let mut state = String::new();
        socket.read_to_string(&mut state).unwrap();
        state
    }

    fn handshake(&self, cookie: &str) -> Value {
        let handshake = json!([{
            "channel": "/meta/handshake", "version": "1.0",
            "supportedConnectionTypes": ["long-polling"],
        }]);
        self.post(cookie, &handshake)[0].clone()
    }

    fn connect(&self, cookie: &str, client_id: &Value) -> Value {
        let connect = json!([{
            "channel": "/meta/connect", "clientId": client_id, "connectionType": "long-polling",
        }]);
        self.post(cookie, &connect)[0].clone()
    }
}

#[test]
fn a_session_of_faye_lives_twice_as_long_as_a_connect_is_held() {
    let serve = Serve::start(&["--flavor", "faye", "--path", "/cometd", "--timeout", "50ms"]);
    assert_eq!(serve.handshake("")["successful"], true);
    let begun = Instant::now();
    while !serve.state().contains(r#""n_sessions":0,"#) {
        // One of CometD's lives for 10 s.
        assert!(begun.elapsed() < Duration::from_secs(9), "it still lives");
    }
}

#[test]
fn the_advice_is_what_was_asked_for() {
    let serve = Serve::start(&["--timeout", "5s", "--interval", "100ms"]);
    let advice = serve.handshake("")["advice"].clone();
    let expected = json!({"interval": 100, "timeout": 5000, "reconnect": "retry"});
    assert_eq!(advice, expected);
    let serve = Serve::start(&["--flavor", "faye", "--path", "/cometd"]);
    assert_eq!(serve.handshake("")["advice"]["timeout"], 60_000);
}

#[test]
fn no_traffic_is_shown_where_none_is_wanted() {
    let serve = Serve::start(&[]);
    assert_eq!(serve.handshake("")["successful"], true);
    serve.running.signal(Signal::INT);
    let outcome = serve.running.end();
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    assert_eq!(outcome.stderr(), "");
}

/// On a command line it would stand in the list of processes.
#[test]
fn the_required_token_may_come_from_the_environment() {
    let program = bayeux(["serve", "--listen", "127.0.0.1:0", "-q"]);
    let serve = Serve::of(program.env("BAYEUX_REQUIRE_TOKEN", "s3cret"));
    let handshake = |token: &str| {
        let messages = json!([{
            "channel": "/meta/handshake", "version": "1.0",
            "supportedConnectionTypes": ["long-polling"], "ext": {"token": token},
        }]);
        serve.post("", &messages)[0]["successful"].clone()
    };
    assert_eq!(handshake("other"), false);
    assert_eq!(handshake("s3cret"), true);
}

#[test]
fn who_keeps_no_cookie_is_served_by_the_flavor_only_where_client_ids_are_trusted() {
    for (options, is_served) in [
        (&[][..], true),
        (&["--flavor", "cometd"], false),
        (&["--flavor", "cometd", "--trust-client-id"], true),
    ] {
        let serve = Serve::start(options);
        let reply = serve.handshake("");
        assert_eq!(reply["successful"], true);
        let reply = serve.connect("", &reply["clientId"]);
        assert_eq!(reply["successful"], is_served, "{options:?}: {reply}");
        let error = (!is_served).then_some("402::session_unknown");
        assert_eq!(reply["error"].as_str(), error);
    }
}

#[test]
fn one_session_of_a_browser_is_held_and_the_others_are_advised_to_wait() {
    const COOKIE: &str = "BAYEUX_BROWSER=1";
    let serve = Serve::start(&["--max-per-browser", "1", "--timeout", "60s"]);
    let ids = [(); 2].map(|()| serve.handshake(COOKIE)["clientId"].clone());
    for id in &ids {
        assert_eq!(serve.connect(COOKIE, id)["successful"], true);
    }
    // The connect of the first one is held, and nobody waits for its response.
    let mut socket = TcpStream::connect(&serve.address).unwrap();
    let connect = json!([{"channel": "/meta/connect", "clientId": ids[0]}]).to_string();
    let request = format!(
        "POST /cometd HTTP/1.1\r\nHost: {}\r\nCookie: {COOKIE}\r\nContent-Length: {}\r\n\r\n{connect}",
        serve.address,
        connect.len()
    );
    socket.write_all(request.as_bytes()).unwrap();
    let is_held = || serve.state().contains(r#""stage":"held""#);
    let begun = Instant::now();
    while !is_held() {
        assert!(begun.elapsed() < PATIENCE, "the connect is not held");
    }
    let advice = serve.connect(COOKIE, &ids[1])["advice"].clone();
    assert_eq!(advice["multiple-clients"], true, "{advice}");
    assert_eq!(advice["interval"], 2000, "{advice}");
}

#[test]
fn the_same_seed_has_the_same_faults_and_another_one_others() {
    let refused = |seed: &str| -> Vec<bool> {
        let serve = Serve::start(&["--fault", "handshake:refuse:p=0.5", "--seed", seed]);
        let handshakes = (0..32).map(|_| serve.handshake("")["successful"] == false);
        handshakes.collect()
    };
    let once = refused("42");
    assert!(once.contains(&true) && once.contains(&false), "{once:?}");
    assert_eq!(refused("42"), once);
    assert_ne!(refused("43"), once);
}

#[test]
fn what_is_older_than_asked_for_is_not_replayed() {
    for (age, n_replayed) in [("1h", 1), ("1ns", 0)] {
        let serve = Serve::start(&["--retain", "10", "--retain-age", age]);
        let id = serve.handshake("")["clientId"].clone();
        let publish = json!([{"channel": "/demo", "clientId": id, "data": 1}]);
        assert_eq!(serve.post("", &publish)[0]["successful"], true);
        let replies = serve.post(
            "",
            &json!([{
                "channel": "/meta/subscribe", "clientId": id, "subscription": "/demo",
                "ext": {"replay": {"/demo": -2}},
            }]),
        );
        let replies = replies.as_array().unwrap();
        let delivered = replies.iter().filter(|it| it["channel"] == "/demo");
        assert_eq!(delivered.count(), n_replayed, "{age}: {replies:?}");
    }
}
