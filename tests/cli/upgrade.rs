//! Servers that open a websocket badly, or not at all.

use std::io::{Read, Write};
use std::thread;

use serde_json::{Value, json};
use tungstenite::Message;
use tungstenite::handshake::server::{Request, Response};

use crate::hostile::{Hostile, good};
use crate::program::{bayeux, snapshot};
use crate::web_socket::{accepted, close, listen, say};

/// Answers the upgrade with this.
fn refusing(response: &'static str) -> String {
    listen(move |mut stream| {
        let mut request = [0; 4096];
        let _ = stream.read(&mut request);
        let _ = stream.write_all(response.as_bytes());
    })
}

#[test]
fn a_subprotocol_that_the_server_does_not_take() {
    let url = listen(|stream| drop(tungstenite::accept(stream)));
    let asking = bayeux(["hs", &url, "-t", "websocket"]).args(&["-H", "Sec-WebSocket-Protocol: x"]);
    snapshot!(asking.run(), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: ws://127.0.0.1:[port]/cometd opens no websocket
    cause: the websocket's subprotocol: the server takes none of those asked for
    hint: -H 'Sec-WebSocket-Protocol: NAME' asks for one; without it none is asked for
    ");
}

#[test]
fn an_upgrade_answered_with_200_is_explained() {
    let url = refusing(
        "HTTP/1.1 200 OK\r\nServer: pages\r\nContent-Type: text/html\r\nContent-Length: 13\r\n\r\n<h1>hi</h1>\r\n",
    );
    snapshot!(bayeux(["hs", &url, "-t", "websocket"]).run(), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: ws://127.0.0.1:[port]/cometd refused the websocket: HTTP 200
    cause: the upgrade to a websocket was answered by HTTP 200 OK (server: pages, content-type: text/html)
    hint: does a proxy pass the upgrade on (nginx: proxy_set_header Upgrade $http_upgrade)? -t long-polling does without
    ");
}

#[test]
fn an_upgrade_answered_with_400_is_explained() {
    let url = refusing("HTTP/1.1 400 Bad Request\r\nServer: amb\r\nContent-Length: 0\r\n\r\n");
    snapshot!(bayeux(["hs", &url, "-t", "websocket"]).run(), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: ws://127.0.0.1:[port]/cometd refused the websocket: HTTP 400
    cause: the upgrade to a websocket was answered by HTTP 400 Bad Request (server: amb)
    hint: does a proxy pass the upgrade on (nginx: proxy_set_header Upgrade $http_upgrade)? -t long-polling does without
    ");
}

#[test]
fn an_upgrade_answered_with_401_wants_credentials() {
    let url = refusing(
        "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Bearer\r\nContent-Length: 0\r\n\r\n",
    );
    snapshot!(bayeux(["hs", &url]).run(), @"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: ws://127.0.0.1:[port]/cometd refused the websocket: HTTP 401
    cause: the upgrade to a websocket was answered by HTTP 401 Unauthorized (www-authenticate: Bearer)
    hint: give credentials: -H 'Authorization: Bearer TOKEN'
    ");
}

#[test]
fn an_upgrade_answered_with_403_is_explained() {
    let url = refusing("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
    snapshot!(bayeux(["hs", &url, "-t", "websocket"]).run(), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: ws://127.0.0.1:[port]/cometd refused the websocket: HTTP 403
    cause: the upgrade to a websocket was answered by HTTP 403 Forbidden
    hint: some servers want an -H 'Origin: URL' they know; -t long-polling does without
    ");
}

#[test]
fn an_upgrade_answered_with_404_is_explained() {
    let url = refusing("HTTP/1.1 404 Not Found\r\nVia: 1.1 edge\r\nContent-Length: 0\r\n\r\n");
    snapshot!(bayeux(["hs", &url, "-t", "websocket"]).run(), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: ws://127.0.0.1:[port]/cometd refused the websocket: HTTP 404
    cause: the upgrade to a websocket was answered by HTTP 404 Not Found (via: 1.1 edge)
    hint: is this the endpoint's path, and has it a websocket? -t long-polling does without
    ");
}

#[test]
fn an_upgrade_answered_with_502_is_explained() {
    let url = refusing("HTTP/1.1 502 Bad Gateway\r\nServer: nginx\r\nContent-Length: 0\r\n\r\n");
    snapshot!(bayeux(["hs", &url, "-t", "websocket"]).run(), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: ws://127.0.0.1:[port]/cometd refused the websocket: HTTP 502
    cause: the upgrade to a websocket was answered by HTTP 502 Bad Gateway (server: nginx)
    hint: the proxy cannot reach the server behind it
    ");
}

#[test]
fn an_upgrade_that_is_no_http() {
    let url = refusing("SSH-2.0-OpenSSH_9.2\r\n");
    snapshot!(bayeux(["hs", &url, "-t", "websocket"]).run(), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: ws://127.0.0.1:[port]/cometd does not speak Bayeux
    cause: the response is not HTTP: SSH-2.0-OpenSSH_9.2
    hint: another program listens at this port: is it the right one?
    ");
}

#[test]
fn an_upgrade_that_is_cut_off() {
    let url = refusing("HTTP/1.1 101 Switching");
    snapshot!(bayeux(["hs", &url, "-t", "websocket"]).run(), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: ws://127.0.0.1:[port]/cometd broke the connection
    cause: the response is cut off after 22 bytes
    hint: a crash or a proxy's limit? the server's log may tell
    ");
}

#[test]
fn an_upgrade_with_a_wrong_key() {
    let url = refusing(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n",
    );
    snapshot!(bayeux(["hs", &url, "-t", "websocket"]).run(), @r#"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: ws://127.0.0.1:[port]/cometd opens no websocket
    cause: the upgrade to a websocket failed: WebSocket protocol error: Key mismatch in "Sec-WebSocket-Accept" header
    hint: something between changes the upgrade; -t long-polling does without
    "#);
}

#[test]
fn a_server_without_websockets_is_spoken_to_by_long_polling() {
    let server = Hostile::conversation(good);
    let url = server.url().replacen("http:", "ws:", 1);
    snapshot!(bayeux(["pub", &url, "/demo", "1"]).run(), @"
    exit: 0
    ----- stdout -----
    ----- stderr -----
    warning: no websocket, long-polling instead: the server closed the connection without a response
    ~ 1 message published, 1 acknowledged in [duration]
    ");
}

#[test]
fn a_websocket_that_was_asked_for_has_no_substitute() {
    let server = Hostile::conversation(good);
    let pub_over_websocket = ["pub", &server.url(), "/demo", "1", "-t", "websocket"];
    assert_eq!(bayeux(pub_over_websocket).run().code(), Some(3));
}

#[test]
fn a_server_that_takes_the_upgrade_and_never_answers() {
    let url = listen(|stream| {
        thread::spawn(move || {
            let mut rest = Vec::new();
            let mut stream = stream;
            let _ = stream.read_to_end(&mut rest);
        });
    });
    let patience = ["--network-timeout", "300ms", "-t", "websocket"];
    snapshot!(bayeux(["hs", &url]).args(&patience).run(), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: ws://127.0.0.1:[port]/cometd does not answer
    cause: no response within [duration]
    hint: --network-timeout waits longer
    ");
}

/// CometD takes no message from a client that loses its `BAYEUX_BROWSER`, which is HttpOnly.
#[test]
#[expect(clippy::result_large_err, reason = "tungstenite's own type")]
fn cookies_of_an_upgrade_come_back_with_the_next_one() {
    let url = listen(|stream| {
        let asked = std::sync::Mutex::new(String::new());
        let upgrade = |request: &Request, mut response: Response| {
            let cookie = request.headers().get("cookie");
            *asked.lock().unwrap() = cookie.map_or("", |it| it.to_str().unwrap()).to_owned();
            let cookie = "BAYEUX_BROWSER=b1; Path=/; HttpOnly".parse().unwrap();
            response.headers_mut().insert("set-cookie", cookie);
            Ok(response)
        };
        let mut socket = tungstenite::accept_hdr(stream, upgrade).unwrap();
        let cookie = asked.into_inner().unwrap();
        while let Ok(Message::Text(text)) = socket.read() {
            for request in serde_json::from_str::<Vec<Value>>(&text).unwrap() {
                say(&mut socket, &json!([accepted(&request)]));
                let is_held = request.get("advice").is_none();
                if request["channel"] == "/meta/connect" && is_held {
                    say(
                        &mut socket,
                        &json!([{ "channel": "/demo", "data": cookie }]),
                    );
                    close(&mut socket, 1001, "");
                }
            }
        }
    });
    let outcome = bayeux(["sub", &url, "/demo", "-n", "2", "-o", "data"]).run();
    assert_eq!(
        outcome.stdout(),
        "\"\"\n\"BAYEUX_BROWSER=b1\"\n",
        "{outcome}"
    );
}
