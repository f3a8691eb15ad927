//! Websockets: our own server, and servers that speak badly over them or go without a word.

use std::net::{TcpListener, TcpStream};
use std::thread;

use bayeux::server::Server;
use serde_json::{Value, json};
use tungstenite::protocol::CloseFrame;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::{Message, WebSocket};

use crate::authority::{Dates, self_signed};
use crate::hostile;
use crate::peer::{publish, server};
use crate::program::{bayeux, empty_folder, snapshot};
use crate::tls_relay::TlsRelay;

/// A server for one connection after the other; the URL of its websocket.
pub(crate) fn listen(serve: impl Fn(TcpStream) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/cometd", listener.local_addr().unwrap());
    thread::spawn(move || listener.incoming().for_each(|it| serve(it.unwrap())));
    url
}

/// Opens the websocket, answers handshakes, and does this with what comes after.
pub(crate) fn talking(
    misbehave: impl Fn(&mut WebSocket<TcpStream>, &Value) + Send + 'static,
) -> String {
    listen(move |stream| {
        let Ok(mut socket) = tungstenite::accept(stream) else {
            return;
        };
        while let Ok(frame) = socket.read() {
            let Message::Text(text) = frame else { continue };
            for request in serde_json::from_str::<Vec<Value>>(&text).unwrap() {
                match request["channel"].as_str() {
                    Some("/meta/handshake") => say(&mut socket, &json!([accepted(&request)])),
                    _ => misbehave(&mut socket, &request),
                }
            }
        }
    })
}

/// A successful reply of a server that has websockets.
pub(crate) fn accepted(request: &Value) -> Value {
    let mut reply = hostile::accepted(request);
    if request["channel"] == "/meta/handshake" {
        reply["supportedConnectionTypes"] = json!(["websocket"]);
    }
    reply
}

pub(crate) fn say(socket: &mut WebSocket<TcpStream>, messages: &Value) {
    let _ = socket.send(Message::text(messages.to_string()));
}

pub(crate) fn close(socket: &mut WebSocket<TcpStream>, code: u16, reason: &'static str) {
    let _ = socket.close(Some(CloseFrame {
        code: CloseCode::from(code),
        reason: reason.into(),
    }));
}

/// The websocket of our own server.
fn own(server: &Server) -> String {
    server.url().replacen("http:", "ws:", 1)
}

#[test]
fn a_handshake_over_the_websocket_of_our_own_server() {
    let server = server();
    let words = ["hs", &own(&server), "-v", "-o", "compact"];
    snapshot!(bayeux(words).run(), @r#"
    exit: 0
    ----- stdout -----
    [time] < /meta/handshake {"minimumVersion":"1.0","clientId":"[client id]","supportedConnectionTypes":["websocket","long-polling","callback-polling"],"advice":{"interval":0,"timeout":30000,"reconnect":"retry"},"channel":"/meta/handshake","id":"1","version":"1.0","successful":true}
    server      bayeux serve (bayeux/[version])
    version     1.0, minimum 1.0
    client id   [client id]
    transports  websocket, long-polling, callback-polling
    advice      retry, interval 0 ms, connects held for 30s
    extensions  none
    cookies     none set
    round trip  [duration]
    ----- stderr -----
    [time] > /meta/handshake {"channel":"/meta/handshake","id":"1","version":"1.0","minimumVersion":"1.0","supportedConnectionTypes":["websocket"]}
    [time] < /meta/handshake {"minimumVersion":"1.0","clientId":"[client id]","supportedConnectionTypes":["websocket","long-polling","callback-polling"],"advice":{"interval":0,"timeout":30000,"reconnect":"retry"},"channel":"/meta/handshake","id":"1","version":"1.0","successful":true}
    ~ connected over websocket
    [time] > /meta/disconnect {"channel":"/meta/disconnect","id":"2","clientId":"[client id]"}
    [time] < /meta/disconnect {"channel":"/meta/disconnect","id":"2","successful":true}
    "#);
    let words = ["hs", &server.url(), "-t", "websocket", "-o", "json"];
    snapshot!(bayeux(words).run(), @r#"
    exit: 0
    ----- stdout -----
    {"type":"message","time":"[timestamp]","dir":"in","channel":"/meta/handshake","transport":"websocket","message":{"minimumVersion":"1.0","clientId":"[client id]","supportedConnectionTypes":["websocket","long-polling","callback-polling"],"advice":{"interval":0,"timeout":30000,"reconnect":"retry"},"channel":"/meta/handshake","id":"1","version":"1.0","successful":true}}
    ----- stderr -----
    "#);
}

#[test]
fn a_tail_and_a_publish_over_the_websocket_of_our_own_server() {
    let server = server();
    let url = own(&server);
    let mut tail = bayeux(["sub", &url, "/demo", "-n", "3", "-o", "json"]).start();
    tail.told("subscribed to /demo");
    snapshot!(bayeux(["pub", &url, "/demo", "--lines"]).stdin("1\n2.00\n").run(), @"
    exit: 0
    ----- stdout -----
    ----- stderr -----
    ~ 2 messages published, 2 acknowledged in [duration]
    ");
    publish(&server, "/demo", "3");
    snapshot!(tail.end(), @r#"
    exit: 0
    ----- stdout -----
    {"type":"message","time":"[timestamp]","dir":"in","channel":"/demo","transport":"websocket","message":{"data":1,"channel":"/demo"}}
    {"type":"message","time":"[timestamp]","dir":"in","channel":"/demo","transport":"websocket","message":{"data":2.00,"channel":"/demo"}}
    {"type":"message","time":"[timestamp]","dir":"in","channel":"/demo","transport":"websocket","message":{"data":3,"channel":"/demo"}}
    ----- stderr -----
    ~ subscribed to /demo
    ~ 3 messages received in [duration]
    "#);
    assert_eq!(server.n_sessions(), 0);
}

#[test]
fn a_session_that_the_server_forgets_is_renewed_over_its_websocket() {
    let server = server();
    let mut tail = bayeux(["sub", &own(&server), "/demo", "-n", "1", "-o", "data"]).start();
    tail.told("subscribed to /demo");
    server.forget_sessions();
    tail.told("session renewed");
    publish(&server, "/demo", "1");
    snapshot!(tail.end(), @"
    exit: 0
    ----- stdout -----
    1
    ----- stderr -----
    ~ subscribed to /demo
    ~ session lost after [duration]: 402::session_unknown
    ~ subscribed to /demo
    ~ session renewed: 1 of 1 subscription restored, gap [duration]
    ~ 1 message received in [duration], 1 session lost
    ");
}

#[test]
fn a_server_of_our_own_that_is_stopped_says_so() {
    let server = server();
    let mut tail = bayeux(["sub", &own(&server), "/demo", "--no-reconnect"]).start();
    tail.told("subscribed to /demo");
    server.stop();
    tail.told("1001 (going away): the server stops");
    let outcome = tail.end();
    assert_eq!(outcome.code(), Some(8), "{outcome}");
}

#[test]
fn a_text_frame_that_is_no_json() {
    let url = talking(|socket, _| {
        let _ = socket.send(Message::text("\u{1b}[2Jhello"));
    });
    snapshot!(bayeux(["pub", &url, "/demo", "1"]).run(), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: publish to /demo: outcome unknown
    cause: a bad frame came over the websocket: expected an array of messages: �[2Jhello
    hint: it may have been delivered, so it was not sent again
    ");
}

#[test]
fn a_binary_frame() {
    let url = talking(|socket, _| {
        let _ = socket.send(Message::binary(vec![0; 7]));
    });
    snapshot!(bayeux(["sub", &url, "/demo", "-n", "1"]).run(), @"
    exit: 8
    ----- stdout -----
    ----- stderr -----
    error: session lost after [duration]: a binary frame of 7 bytes came over the websocket
    hint: it answered before: was it stopped or replaced? -vv shows the headers of its answers
    ");
}

#[test]
fn a_frame_larger_than_max_body() {
    let url = talking(|socket, _| say(socket, &json!(["x".repeat(5000)])));
    snapshot!(bayeux(["pub", &url, "/demo", "1", "--max-body", "4KiB"]).run(), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: publish to /demo: outcome unknown
    cause: a message is larger than 4096 bytes
    hint: it may have been delivered, so it was not sent again
    ");
}

#[test]
fn a_frame_of_more_messages_than_are_read() {
    let messages = format!("[{}1]", "{},".repeat(250_000));
    let url = talking(move |socket, _| {
        let _ = socket.send(Message::text(messages.clone()));
    });
    snapshot!(bayeux(["pub", &url, "/demo", "1"]).run(), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: publish to /demo: outcome unknown
    cause: more than 250000 messages came at once
    hint: it may have been delivered, so it was not sent again
    ");
}

#[test]
fn a_close_with_1011_in_the_middle_of_a_publish() {
    let url = talking(|socket, _| close(socket, 1011, "boom"));
    snapshot!(bayeux(["pub", &url, "/demo", "1"]).run(), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: publish to /demo: outcome unknown
    cause: the server closed the websocket: 1011 (internal error): boom
    hint: it may have been delivered, so it was not sent again
    ");
}

#[test]
fn a_close_for_a_policy_ends_a_tail() {
    let url = talking(|socket, request| match request["channel"].as_str() {
        Some("/meta/connect") => close(socket, 1008, "not \u{7}you"),
        _ => say(socket, &json!([accepted(request)])),
    });
    snapshot!(bayeux(["sub", &url, "/demo"]).run(), @"
    exit: 8
    ----- stdout -----
    ----- stderr -----
    ~ subscribed to /demo
    ~ 0 messages received in [duration]
    error: session lost after [duration]: the server closed the websocket: 1008 (policy violation): not �you
    hint: it answered before: was it stopped or replaced? -vv shows the headers of its answers
    ");
}

#[test]
fn a_server_that_goes_without_a_word_during_a_publish() {
    let url = talking(|socket, _| drop(socket.get_ref().shutdown(std::net::Shutdown::Both)));
    snapshot!(bayeux(["pub", &url, "/demo", "1"]).run(), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: publish to /demo: outcome unknown
    cause: the websocket's connection ended without a goodbye
    hint: it may have been delivered, so it was not sent again
    ");
}

#[test]
fn a_socket_that_ends_is_opened_again_and_the_session_goes_on() {
    let url = talking(|socket, request| match request["channel"].as_str() {
        Some("/meta/connect") if request.get("advice").is_none() => {
            say(
                socket,
                &json!([{ "channel": "/demo", "data": request["id"] }]),
            );
            close(socket, 1001, "restarting");
        }
        _ => say(socket, &json!([accepted(request)])),
    });
    snapshot!(bayeux(["sub", &url, "/demo", "-n", "2", "-o", "data"]).run(), @r#"
    exit: 0
    ----- stdout -----
    "4"
    "6"
    ----- stderr -----
    ~ subscribed to /demo
    ~ reconnecting in [duration] (attempt 1): the server closed the websocket: 1001 (going away): restarting
    ~ connected again after [duration], same session
    ~ 2 messages received in [duration]
    "#);
}

/// The URL of a server behind TLS, and a file with its certificate.
fn over_tls(name: &str, url: &str) -> (String, String, TlsRelay) {
    let identity = self_signed("127.0.0.1", Dates::Now);
    let relay = TlsRelay::new(&url.replacen("ws:", "http:", 1), identity.server());
    let file = empty_folder(&format!("wss-{name}")).join("ca.pem");
    std::fs::write(&file, &identity.certificates).unwrap();
    let url = relay.url("127.0.0.1").replacen("https:", "wss:", 1);
    (url, file.to_str().unwrap().to_owned(), relay)
}

#[test]
fn a_websocket_behind_tls() {
    let (url, cacert, _relay) = over_tls(
        "good",
        &talking(|socket, request| match request["channel"].as_str() {
            Some("/meta/connect") if request.get("advice").is_none() => {
                for n in 0..500 {
                    say(socket, &json!([{ "channel": "/demo", "data": n }]));
                }
            }
            _ => say(socket, &json!([accepted(request)])),
        }),
    );
    let outcome = bayeux(["sub", &url, "/demo", "-n", "500", "-o", "data"])
        .args(&["--cacert", &cacert])
        .run();
    let all: String = (0..500).map(|n| format!("{n}\n")).collect();
    assert_eq!((outcome.code(), outcome.stdout()), (Some(0), all));
}

#[test]
fn a_websocket_behind_tls_whose_certificate_is_not_trusted() {
    let (url, _, _relay) = over_tls("untrusted", &talking(|_, _| {}));
    snapshot!(bayeux(["sub", &url, "/demo"]).run(), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: cannot reach wss://127.0.0.1:[port]/cometd
    cause: the server's certificate is not accepted: it is self-signed
    hint: if it is the right one: openssl s_client -connect 127.0.0.1:[port] </dev/null | openssl x509 >ca.pem, then --cacert ca.pem
    ");
}

#[test]
fn a_server_that_disconnects_the_session() {
    let url = talking(|socket, request| match request["channel"].as_str() {
        Some("/meta/connect") if request.get("advice").is_none() => {
            say(socket, &json!([{ "channel": "/meta/disconnect" }]));
        }
        _ => say(socket, &json!([accepted(request)])),
    });
    snapshot!(bayeux(["sub", &url, "/demo"]).run(), @"
    exit: 8
    ----- stdout -----
    ----- stderr -----
    ~ subscribed to /demo
    ~ 0 messages received in [duration]
    error: session lost after [duration]: the server disconnected the session
    hint: the server's own code or an operator did this; see its log
    ");
}

#[test]
fn curl_has_no_websocket_and_that_is_told() {
    let note = "~ no websocket with curl: the same handshake over long-polling\n";
    for words in [
        &["hs", "ws://127.0.0.1:1/cometd", "--curl"][..],
        &[
            "hs",
            "http://127.0.0.1:1/cometd",
            "-t",
            "websocket",
            "--curl",
        ],
    ] {
        let outcome = bayeux([]).args(words).run();
        assert_eq!(outcome.stderr(), note);
        assert!(
            outcome.stdout().contains("'http://127.0.0.1:1/cometd'"),
            "{outcome}"
        );
    }
}
