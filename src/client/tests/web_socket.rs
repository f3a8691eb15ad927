//! The client over websockets of servers that do as the test wants.

use std::error::Error;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::thread;

use serde_json::{Value, json};
use tungstenite::handshake::server::{Request, Response};
use tungstenite::{Message as Frame, WebSocket, accept_hdr};

use super::*;
use crate::transport::{CredentialSource, Secret};

/// The server's side of a websocket, and the credentials that it was asked for with.
struct Peer {
    socket: WebSocket<TcpStream>,
    authorization: String,
}

impl Peer {
    fn accept(listener: &TcpListener) -> Self {
        let (stream, _) = listener.accept().unwrap();
        let mut authorization = String::new();
        #[expect(clippy::result_large_err, reason = "tungstenite wants it so")]
        let look = |request: &Request, response: Response| {
            if let Some(value) = request.headers().get("authorization") {
                value.to_str().unwrap().clone_into(&mut authorization);
            }
            Ok(response)
        };
        let socket = accept_hdr(stream, look).unwrap();
        Self {
            socket,
            authorization,
        }
    }

    /// The next message of the client's; nothing once it is gone.
    fn next(&mut self) -> Option<Value> {
        loop {
            if let Frame::Text(text) = self.socket.read().ok()? {
                let messages: Value = serde_json::from_str(text.as_str()).unwrap();
                return Some(messages[0].clone());
            }
        }
    }

    /// Answers a message; false once the client is gone.
    fn reply(&mut self, message: &Value, fields: Value) -> bool {
        let mut reply = json!({
            "channel": message["channel"], "id": message["id"],
            "clientId": "one", "successful": true,
        });
        let members = fields.as_object().unwrap().clone();
        reply.as_object_mut().unwrap().extend(members);
        self.say(&json!([reply]))
    }

    fn say(&mut self, messages: &Value) -> bool {
        self.socket.send(Frame::text(messages.to_string())).is_ok()
    }

    /// Delivers without a pause, until the client is gone.
    fn flood(&mut self) {
        let text = format!(r#"[{{"channel":"/demo","data":"{}"}}]"#, "x".repeat(200));
        let length = u16::try_from(text.len()).unwrap().to_be_bytes();
        let frame = [&[0x81, 126], &length[..], text.as_bytes()].concat();
        let frames = frame.repeat(1000);
        let started = Instant::now();
        while started.elapsed() < 2 * PATIENCE {
            if self.socket.get_mut().write_all(&frames).is_err() {
                return;
            }
        }
    }
}

fn listen() -> (TcpListener, Settings) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/cometd", listener.local_addr().unwrap());
    let settings = Settings::new(url.parse().unwrap());
    (listener, settings)
}

#[test]
fn a_deadline_passes_while_deliveries_come_all_the_time() {
    let (listener, settings) = listen();
    let server = thread::spawn(move || {
        let mut peer = Peer::accept(&listener);
        let handshake = peer.next().unwrap();
        peer.reply(&handshake, json!({}));
        peer.flood();
    });
    let mut client = Client::new(settings).unwrap();
    until(&mut client, |it| matches!(it, Event::Received { .. }));
    let deadline = Instant::now() + Duration::from_millis(50);
    while client.next(Some(deadline)).is_some() {
        assert!(deadline.elapsed() < PATIENCE, "it does not bound");
    }
    drop(client);
    server.join().unwrap();
}

#[test]
fn a_server_that_does_not_stop_delivering_is_left_all_the_same() {
    let (listener, settings) = listen();
    let server = thread::spawn(move || {
        let mut peer = Peer::accept(&listener);
        while let Some(message) = peer.next() {
            peer.reply(&message, json!({}));
            if message["channel"] == "/meta/disconnect" {
                return peer.flood();
            }
        }
    });
    let mut client = Client::new(settings).unwrap();
    until(&mut client, |it| matches!(it, Event::Connected));
    client.disconnect();
    until(&mut client, |it| {
        matches!(it, Event::Ended(End::Disconnected))
    });
    let started = Instant::now();
    assert!(client.next(None).is_none());
    assert!(started.elapsed() < PATIENCE / 4);
    drop(client);
    server.join().unwrap();
}

/// The upgrade carries the credentials, so others need a websocket of their own.
#[test]
fn new_credentials_open_a_new_websocket() {
    let (listener, mut settings) = listen();
    let server = thread::spawn(move || {
        let mut peer = Peer::accept(&listener);
        let handshake = peer.next().unwrap();
        peer.reply(
            &handshake,
            json!({"successful": false, "error": "401::expired", "advice": {"reconnect": "none"}}),
        );
        // The same again, were it to come here.
        while let Some(handshake) = peer.next() {
            peer.reply(
                &handshake,
                json!({"successful": false, "error": "401::expired"}),
            );
        }
        let mut renewed = Peer::accept(&listener);
        let handshake = renewed.next().unwrap();
        renewed.reply(&handshake, json!({}));
        while renewed.next().is_some() {}
        [peer.authorization, renewed.authorization]
    });
    let first = Secret::new("Bearer old");
    let authorization = Authorization::renewable(&first, Next).unwrap();
    settings.transport.authorization = Some(Arc::new(authorization));
    let mut client = Client::new(settings).unwrap();
    until(&mut client, |it| {
        matches!(it, Event::Handshaken { .. } | Event::Ended(_))
    });
    assert!(!client.is_ended());
    drop(client);
    assert_eq!(server.join().unwrap(), ["Bearer old", "Bearer new"]);
}

struct Next;

impl CredentialSource for Next {
    fn fetch(&self, _: Option<Instant>) -> Result<Secret, Box<dyn Error + Send + Sync>> {
        Ok(Secret::new("Bearer new"))
    }
}
