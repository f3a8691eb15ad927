//! Our own server, and what it sees.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bayeux::server::{Event, Observer, Server, Settings, Token};

/// No test waits this long unless it fails.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn server() -> Server {
    server_with(Settings::default())
}

pub(crate) fn server_with(settings: Settings) -> Server {
    Server::bind("127.0.0.1:0", settings).unwrap()
}

/// A server that refuses `/admin/**`.
pub(crate) fn denying_server() -> Server {
    server_with(Settings {
        deny: vec!["/admin/**".parse().unwrap()],
        ..Settings::default()
    })
}

/// A server that wants the token `s3cret`.
pub(crate) fn guarded_server() -> Server {
    server_with(Settings {
        require_token: Some(Token::new("s3cret")),
        ..Settings::default()
    })
}

pub(crate) fn publish(server: &Server, channel: &str, data: &str) {
    server.publish(&channel.parse().unwrap(), &data.parse().unwrap());
}

/// A server whose doings can be waited for.
pub(crate) struct Observed {
    pub(crate) server: Server,
    told: Receiver<String>,
}

impl Observed {
    pub(crate) fn new() -> Self {
        let (sender, told) = channel();
        let observer: Arc<dyn Observer> = Arc::new(Lines(Mutex::new(sender)));
        let server = server_with(Settings {
            observer: Some(observer),
            ..Settings::default()
        });
        Self { server, told }
    }

    /// Waits until the server did this: `< /meta/connect` came in, `> /meta/connect` went out,
    /// `closed: disconnected`.
    pub(crate) fn until(&self, wanted: &str) {
        let mut seen = Vec::new();
        loop {
            match self.told.recv_timeout(PATIENCE) {
                Ok(line) if line == wanted => return,
                Ok(line) => seen.push(line),
                Err(_) => panic!("the server never did {wanted:?}, but {seen:?}"),
            }
        }
    }
}

struct Lines(Mutex<Sender<String>>);

impl Observer for Lines {
    fn observe(&self, event: &Event<'_>) {
        let lines: Vec<String> = match event {
            Event::Received { messages, .. } => messages
                .iter()
                .map(|it| format!("< {}", it.channel()))
                .collect(),
            Event::Sent { messages, .. } => messages
                .iter()
                .map(|it| format!("> {}", it.channel()))
                .collect(),
            Event::SessionClosed { reason, .. } => vec![format!("closed: {reason}")],
            _ => return,
        };
        for line in lines {
            // Nobody listens any more once the test is over.
            let _ = self.0.lock().unwrap().send(line);
        }
    }
}
