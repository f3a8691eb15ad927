//! What the fuzz targets reach of the server's parsers, in builds of theirs alone.

use std::io::{self, Read, Write};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use tungstenite::WebSocket;
use tungstenite::protocol::{Role, WebSocketConfig};

use super::broker::{self, Broker, Handled, Now};
use super::http::{Limits, Received, Receiver, Request};
use super::playback::Playback;
use super::query::{Query, messages_of_form};
use super::readable::readable;
use super::{BrowserCookie, Flavor, Recording, Settings};
use crate::protocol::{ConnectionType, Json, Message, decode, encode, member};

/// Reads the bytes of a connection at once and in pieces, of which the first byte tells the
/// size: the requests have to be the same.
pub fn requests(bytes: &[u8]) {
    let Some((&size, bytes)) = bytes.split_first() else {
        return;
    };
    let whole = received(bytes.chunks(bytes.len().max(1)));
    let pieces = received(bytes.chunks(usize::from(size).max(1)));
    assert_eq!(whole, pieces);
}

fn received<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Vec<Request> {
    const MAX_BODY: usize = 100;

    let mut receiver = Receiver::new(Arc::new(Limits {
        scheme: "http",
        path: "/cometd".into(),
        connection_types: Flavor::CometD.connection_types(),
        allow_origins: Vec::new(),
        other_path: None,
        max_body: MAX_BODY,
    }));
    let mut requests = Vec::new();
    for piece in pieces {
        receiver.push(piece);
        loop {
            match receiver.poll() {
                Received::NeedsMore => break,
                Received::Continue(line) => assert!(line.starts_with(b"HTTP/1.1 100 ")),
                Received::Request(request) => {
                    assert!(request.body.len() <= MAX_BODY);
                    requests.push(request);
                }
                Received::Answered(response, _) => assert!(response.starts_with(b"HTTP/1.1 ")),
                Received::Page(_) => {}
                Received::Refused(refused) => {
                    assert!(refused.response().starts_with(b"HTTP/1.1 "));
                    assert_ne!(refused.status.as_u16(), 500);
                    return requests;
                }
                Received::Upgrade(upgrade, _) => {
                    let response = upgrade.response(None);
                    assert!(response.ends_with(b"\r\n\r\n"));
                    return requests;
                }
            }
        }
    }
    requests
}

/// Reads frames of a client as a websocket of the server does: no message is longer than the
/// limit, and what is text is read as a body.
pub fn frames(bytes: &[u8]) {
    const MAX_BODY: usize = 1000;

    let config = WebSocketConfig::default()
        .read_buffer_size(64)
        .write_buffer_size(0)
        .max_message_size(Some(MAX_BODY))
        .max_frame_size(Some(MAX_BODY));
    let mut web_socket = WebSocket::from_raw_socket(Sent(bytes), Role::Server, Some(config));
    while let Ok(message) = web_socket.read() {
        assert!(message.len() <= MAX_BODY);
        if let tungstenite::Message::Text(text) = message {
            let _ = readable(text.as_bytes());
        }
    }
}

/// What a client sent; it takes whatever comes.
struct Sent<'a>(&'a [u8]);

impl Read for Sent<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for Sent<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Reads a query.
pub fn query(query: &str) {
    if let Ok(query) = Query::parse(query) {
        // A name that is accepted can be nothing but a name in a script.
        let name = query.callback.to_string();
        assert!(!name.contains([
            '(', ')', '<', '>', '"', '\'', ';', '\\', '/', ' ', '\n', '\r'
        ]));
        let _ = readable(&query.messages);
    }
}

/// Reads the body of a form.
pub fn form(body: &[u8]) {
    let messages = messages_of_form(body.to_vec());
    // What a value decodes to is never longer; between two are a comma, and brackets around all.
    assert!(messages.len() <= body.len() + 2);
    let _ = readable(&messages);
}

/// Plays a recording to whoever sends the messages in it: what was answered there is answered.
pub fn recording(text: &str) {
    let Ok(recording) = text.parse::<Recording>() else {
        return;
    };
    let n_requests = recording.n_requests();
    let mut playback = Playback::new(Arc::new(recording));
    let mut n_played = 0;
    for line in text.lines() {
        let Some(request) = member(line, "message").and_then(|it| Message::parse(it).ok()) else {
            continue;
        };
        let Some(played) = playback.play(&request) else {
            continue;
        };
        n_played += 1;
        let id = Json::string("of today");
        let reply = played.reply(Some(&id), Some("c1"));
        assert_eq!(reply.channel(), request.channel());
        assert_eq!(reply.id(), Some("of today"));
    }
    assert!(n_played >= n_requests, "{n_played} of {n_requests}");
}

/// Lets a broker carry out one body a line. It has the session `c1`, which has connected; a
/// handshake of the body's may open `c2` and so on. Every message has its reply.
pub fn conversation(bodies: &[u8]) {
    for flavor in [Flavor::CometD, Flavor::Faye, Flavor::Salesforce] {
        let settings = Arc::new(Settings {
            max_sessions: 4,
            max_subscriptions: 8,
            max_queue_messages: 64,
            browser_cookie: BrowserCookie::Ignored,
            ..Settings::of(flavor)
        });
        let mut n_ids = 0;
        let ids = move || {
            n_ids += 1;
            Some(format!("c{n_ids}"))
        };
        let start = Instant::now();
        let started = Now {
            instant: start,
            wall: SystemTime::UNIX_EPOCH,
        };
        let mut broker = Broker::new(settings, Box::new(ids), started);
        let first = br#"{"channel":"/meta/handshake","version":"1.0","supportedConnectionTypes":["long-polling"]}
{"channel":"/meta/connect","clientId":"c1","connectionType":"long-polling"}"#;
        let lines = first.split(|&it| it == b'\n');
        for (n, line) in lines.chain(bodies.split(|&it| it == b'\n')).enumerate() {
            let now = start + Duration::from_millis(n as u64 * 100);
            handle(&mut broker, now, line);
            broker.handle_timeout(now);
            while broker.poll_released().is_some() {}
            while broker.poll_event().is_some() {}
            while broker.poll_ready().is_some() {}
        }
    }
}

fn handle(broker: &mut Broker, now: Instant, line: &[u8]) {
    let Ok(body) = readable(line) else {
        return;
    };
    let request = broker::Request {
        messages: &body.messages,
        n_unreadable: body.findings.len(),
        connection_type: ConnectionType::LongPolling,
        bearer: Some("t"),
        below: "",
        cookies: "",
        user_agent: None,
    };
    match broker.handle(now, request) {
        Handled::Answer(answer) => {
            let n_messages = body.messages.len() + body.findings.len();
            assert!(answer.messages.len() >= n_messages);
            let text = encode(answer.messages.iter().map(Arc::as_ref));
            let read = decode(text.as_bytes()).map(|it| it.messages.len());
            assert_eq!(read, Ok(answer.messages.len()));
        }
        Handled::Held(_) | Handled::Unauthorised(_) | Handled::Instead(_) => {}
    }
}
