//! What makes the checks of `ws` and `jsonp` fail.

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread;

use tungstenite::{Message as Frame, accept};

use super::tampering::{Tampering, outcome_between};
use super::*;

type Socket = tungstenite::WebSocket<TcpStream>;

/// What a check comes to over a websocket whose other side does this with it.
fn outcome_of_socket(serve: fn(Socket) -> Option<()>, id: &str) -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = format!("http://{}/cometd", listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        // Until the check has enough of it.
        serve(accept(stream).unwrap())
    });
    let outcome = outcome_at(&url, ConnectionType::WebSocket, id);
    server.join().unwrap();
    outcome
}

#[test]
fn a_server_that_overlooks_what_is_no_json_is_told() {
    let deaf = |mut socket: Socket| {
        loop {
            socket.read().ok()?;
        }
    };
    assert_eq!(
        outcome_of_socket(deaf, "ws.bad-json"),
        "note: nothing comes: whoever sent it waits for replies in vain"
    );
}

#[test]
fn a_server_that_does_not_stop_talking_keeps_no_check() {
    let talkative = |mut socket: Socket| {
        socket.read().ok()?;
        let reply = r#"[{"channel":"/meta/handshake","id":"1","clientId":"x","successful":true}]"#;
        socket.send(Frame::text(reply)).ok()?;
        loop {
            let reply = r#"[{"channel":"/meta/connect","id":"no","successful":true}]"#;
            socket.send(Frame::text(reply)).ok()?;
        }
    };
    assert_eq!(
        outcome_of_socket(talkative, "con.fields"),
        "fail: no answer in time"
    );
}

/// What a check of websockets comes to against the embedded server with these settings.
fn outcome(settings: ServerSettings, id: &str) -> String {
    let server = Server::bind("127.0.0.1:0", settings).unwrap();
    outcome_at(&server.url(), ConnectionType::WebSocket, id)
}

#[test]
fn a_websocket_that_is_offered_and_refused_is_told() {
    let seen = outcome_of_fault("upgrade:status=403", "ws.upgrade");
    assert!(
        seen.starts_with("note: the upgrade to a websocket was answered by HTTP 403 Forbidden"),
        "{seen}"
    );
    assert!(
        seen.ends_with("clients that prefer websockets fail, or lose time until they do without"),
        "{seen}"
    );
    assert_eq!(
        outcome_as(Flavor::Salesforce, "ws.upgrade"),
        "skip: the handshake does not offer websockets"
    );
}

#[test]
fn a_subprotocol_that_clients_have_to_know_is_told() {
    let settings = ServerSettings {
        web_socket_protocol: Some("bayeux".to_owned()),
        faults: vec!["upgrade:status=400:first=1".parse().unwrap()],
        ..ServerSettings::default()
    };
    let seen = outcome(settings, "ws.subprotocol");
    assert!(
        seen.starts_with("note: it opens with the subprotocol \"bayeux\", but without one: the"),
        "{seen}"
    );
}

#[test]
fn faye_pushes_nothing_before_the_first_connect() {
    let id = "ws.push-without-connect";
    let seen = outcome(ServerSettings::of(Flavor::Faye), id);
    assert_eq!(seen, "note: nothing came within 2 s");
}

#[test]
fn a_reply_with_another_id_cannot_be_told_over_a_websocket() {
    let settings = ServerSettings {
        faults: vec!["subscribe:wrong-id".parse().unwrap()],
        ..ServerSettings::default()
    };
    assert_eq!(
        outcome(settings, "ws.reply-ids"),
        "note: the reply on /meta/subscribe has the id fault where the request has the id 3"
    );
}

#[test]
fn a_callback_without_a_name_is_called_jsonpcallback() {
    let renamed = Tampering {
        response: |asked, body| {
            if asked.contains("jsonp=") {
                body
            } else {
                body.replace("jsonpcallback", "callback")
            }
        },
        ..Tampering::default()
    };
    assert_eq!(
        outcome_between(
            renamed,
            ConnectionType::CallbackPolling,
            "jsonp.default-name"
        ),
        "fail: the response calls no jsonpcallback"
    );
}

#[test]
fn a_script_in_place_of_a_callback_is_told_where_it_would_run() {
    let obliging = Tampering {
        request: |head| head.replace("jsonp=alert%281%29%3Bx", "jsonp=alertx"),
        response: |_, body| body.replace("alertx(", "alert(1);x("),
    };
    let id = "jsonp.evil-callback";
    assert_eq!(
        outcome_between(obliging, ConnectionType::CallbackPolling, id),
        "note: the response runs alert(1): a link to this server runs scripts of whoever made it"
    );
}
