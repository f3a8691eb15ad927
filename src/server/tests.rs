//! The whole server over real connections.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use super::*;

mod faults;
mod idle;
mod limits;
mod requests;
mod sessions;
mod web_socket;

/// No test waits this long unless it fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// One connection. `'` stands for `"` in requests and responses.
struct Client {
    socket: BufReader<TcpStream>,
}

struct Response {
    status: u16,
    head: String,
    body: String,
}

impl Client {
    fn new(server: &Server) -> Self {
        let socket = TcpStream::connect(server.address()).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let socket = BufReader::with_capacity(1024, socket);
        Self { socket }
    }

    /// A client with a session that has made its first connect, and its client id.
    fn connected(server: &Server) -> (Self, String) {
        let mut client = Self::new(server);
        let handshake = client.exchange("[{'channel':'/meta/handshake'}]");
        let client_id = handshake.split("'clientId':'").nth(1).unwrap();
        let client_id = client_id.split('\'').next().unwrap().to_owned();
        client.exchange(&connect(&client_id));
        (client, client_id)
    }

    /// A client whose connect is held, subscribed to these channels.
    fn held(server: &Server, subscription: &str) -> (Self, String) {
        let (mut client, client_id) = Self::connected(server);
        client.exchange(&subscribe(&client_id, subscription));
        client.send(&connect(&client_id));
        (client, client_id)
    }

    fn write(&mut self, bytes: &str) {
        self.socket.get_mut().write_all(bytes.as_bytes()).unwrap();
    }

    fn send(&mut self, body: &str) {
        self.write(&post(body));
    }

    fn response(&mut self) -> Response {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(self.socket.read_line(&mut head).unwrap(), 0, "{head}");
        }
        let length = head.split("Content-Length: ").nth(1).unwrap();
        let length = length.split("\r\n").next().unwrap().parse().unwrap();
        let mut body = vec![0; length];
        self.socket.read_exact(&mut body).unwrap();
        Response {
            status: head.split(' ').nth(1).unwrap().parse().unwrap(),
            body: String::from_utf8(body).unwrap().replace('"', "'"),
            head,
        }
    }

    fn exchange(&mut self, body: &str) -> String {
        self.send(body);
        let response = self.response();
        assert_eq!(response.status, 200, "{}", response.body);
        response.body
    }

    fn is_at_end(&mut self) -> bool {
        match self.socket.fill_buf() {
            Ok(rest) => rest.is_empty(),
            Err(error) => error.kind() == ErrorKind::ConnectionReset,
        }
    }
}

fn post(body: &str) -> String {
    let body = body.replace('\'', "\"");
    format!(
        "POST /cometd HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn get(callback: &str, body: &str) -> String {
    let body = body.replace('\'', "%22");
    format!("GET /cometd?jsonp={callback}&message={body} HTTP/1.1\r\nHost: a\r\n\r\n")
}

fn connect(client_id: &str) -> String {
    format!(
        "[{{'channel':'/meta/connect','clientId':'{client_id}','connectionType':'long-polling'}}]"
    )
}

fn subscribe(client_id: &str, subscription: &str) -> String {
    format!(
        "[{{'channel':'/meta/subscribe','clientId':'{client_id}','subscription':'{subscription}'}}]"
    )
}

fn publish(client_id: &str, data: &str) -> String {
    format!("[{{'channel':'/demo','clientId':'{client_id}','data':{data}}}]")
}

/// These clients keep no cookies.
fn bind(settings: Settings) -> Server {
    let settings = Settings {
        browser_cookie: BrowserCookie::Ignored,
        ..settings
    };
    Server::bind("127.0.0.1:0", settings).unwrap()
}

/// A server and what it tells, as lines.
fn observed(settings: Settings) -> (Server, mpsc::Receiver<String>) {
    struct Lines(Mutex<mpsc::Sender<String>>);
    impl Observer for Lines {
        fn observe(&self, event: &Event<'_>) {
            let line = match event {
                Event::SessionOpened { .. } => "opened".to_owned(),
                Event::SessionClosed { reason, .. } => format!("closed: {reason}"),
                Event::Received { messages, .. } => format!("received {}", messages.len()),
                Event::Sent { messages, .. } => format!("sent {}", messages.len()),
                Event::Refused { status, reason, .. } => format!("refused {status}: {reason}"),
                Event::Disturbed { status, .. } => format!("disturbed {status}"),
                Event::WebSocketClosed { code, reason, .. } => format!("closed {code}: {reason}"),
                Event::Posted { path, status, .. } => format!("posted {status}: {path}"),
                Event::Dropped { reason, .. } => format!("dropped: {reason}"),
                Event::AcceptFailed { error } => format!("accept failed: {error}"),
            };
            let _ = self.0.lock().unwrap().send(line);
        }
    }
    let (sender, receiver) = mpsc::channel();
    let observer = Some(Arc::new(Lines(Mutex::new(sender))) as Arc<dyn Observer>);
    let server = bind(Settings {
        observer,
        ..settings
    });
    (server, receiver)
}

fn wait_for(events: &mpsc::Receiver<String>, expected: &str) {
    while events.recv_timeout(PATIENCE).expect(expected) != expected {}
}
