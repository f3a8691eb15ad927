//! The client over websockets of servers that do as the test wants.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::thread;

use serde_json::{Value, json};
use tungstenite::{Message as Frame, WebSocket, accept};

use super::*;

/// The server's side of a websocket.
struct Peer {
    socket: WebSocket<TcpStream>,
}

impl Peer {
    fn accept(listener: &TcpListener) -> Self {
        let (stream, _) = listener.accept().unwrap();
        Self {
            socket: accept(stream).unwrap(),
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
        let text = format!(r#"[{{"channel":"/demo","data":"{}"}}]"#, "x".repeat(200));
        let length = u16::try_from(text.len()).unwrap().to_be_bytes();
        let frame = [&[0x81, 126], &length[..], text.as_bytes()].concat();
        let frames = frame.repeat(1000);
        while peer.socket.get_mut().write_all(&frames).is_ok() {}
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
