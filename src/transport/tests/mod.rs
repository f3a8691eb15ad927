//! The transport against small servers that send canned bytes.

mod answers;
#[path = "../../../tests/cli/authority.rs"]
pub(crate) mod authority;
mod authorization;
mod callback;
mod connections;
mod nonblocking;
mod proxies;
mod route;
mod tls;
#[path = "../../../tests/cli/tls_relay.rs"]
pub(crate) mod tls_relay;
mod traffic;
mod upgrade;

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::{Capture, Connections, Exchange, Polling, Settings, Tls, TransportError};
use crate::protocol::{ConnectionType, Message};

/// Long enough for no test to reach it.
const LONG: Duration = Duration::from_secs(60);

/// A server whose conduct is a function of its listener.
struct Server<R> {
    url: String,
    thread: JoinHandle<R>,
}

impl<R: Send + 'static> Server<R> {
    fn run(conduct: impl FnOnce(Listener) -> R + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/cometd", listener.local_addr().unwrap());
        let thread = thread::spawn(|| conduct(Listener(listener)));
        Self { url, thread }
    }

    fn finish(self) -> R {
        self.thread.join().unwrap()
    }
}

struct Listener(TcpListener);

impl Listener {
    fn accept(&self) -> Peer {
        Peer(self.0.accept().unwrap().0)
    }

    /// Fails if a client has connected once more.
    fn expect_no_other_connection(&self) {
        self.0.set_nonblocking(true).unwrap();
        assert_eq!(self.0.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
    }
}

/// One connection, from the server's side.
struct Peer(TcpStream);

impl Peer {
    /// Reads one request.
    fn request(&mut self) -> String {
        let mut request = String::new();
        loop {
            let n_missing = match request.split_once("\r\n\r\n") {
                Some((head, body)) => length_in(head) - body.len(),
                None => usize::MAX,
            };
            if n_missing == 0 {
                return request;
            }
            request.push_str(&self.read_once());
        }
    }

    /// Reads one request; nothing once the client has left.
    fn request_or_end(&mut self) -> String {
        match self.0.peek(&mut [0; 1]) {
            Ok(1..) => self.request(),
            Ok(0) | Err(_) => String::new(),
        }
    }

    /// Reads one request that has no body.
    fn head(&mut self) -> String {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            head.push_str(&self.read_once());
        }
        head
    }

    /// What a single read finds.
    fn read_once(&mut self) -> String {
        let mut bytes = vec![0; 256 * 1024];
        let n_bytes = self.0.read(&mut bytes).unwrap();
        assert_ne!(n_bytes, 0, "the client closed the connection");
        String::from_utf8(bytes[..n_bytes].to_vec()).unwrap()
    }

    fn write(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.write_all(bytes.as_ref()).unwrap();
    }

    fn answer(&mut self, body: &str) {
        self.write(ok(body));
    }

    /// Reads until the client leaves, whatever it sends until then.
    fn expect_end_of_anything(mut self) {
        // A reset is an end as well.
        let _ = self.0.read_to_end(&mut Vec::new());
    }

    /// Reads until the client leaves.
    fn expect_end(mut self) {
        let mut rest = Vec::new();
        // A reset is an end as well.
        let _ = self.0.read_to_end(&mut rest);
        assert_eq!(String::from_utf8_lossy(&rest), "");
    }
}

fn length_in(head: &str) -> usize {
    if head.starts_with("GET ") {
        return 0;
    }
    let lower = head.to_lowercase();
    let (_, value) = lower.split_once("content-length: ").unwrap();
    value.lines().next().unwrap().parse().unwrap()
}

/// A response with a JSON body.
fn ok(body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )
}

const REPLY: &str = r#"[{"channel":"/meta/connect","successful":true}]"#;

fn settings(url: &str) -> Settings {
    Settings {
        endpoint: url.parse().unwrap(),
        tls: Tls::default(),
        proxy: None,
        headers: Vec::new(),
        authorization: None,
        connect_timeout: LONG,
        network_timeout: LONG,
        max_body: 1_000_000,
        capture: Capture::Nothing,
        connections: Connections::default(),
    }
}

fn client(url: &str) -> Polling {
    polling(settings(url)).unwrap()
}

fn polling(settings: Settings) -> Result<Polling, TransportError> {
    Polling::new(ConnectionType::LongPolling, settings)
}

fn connect() -> Message {
    Message::builder("/meta/connect").id("1").build()
}

fn publish() -> Message {
    Message::builder("/demo").id("2").build()
}

/// A connect that the server does not hold.
fn exchange(client: &Polling) -> Exchange {
    client.exchange(&[connect()], Duration::ZERO, None)
}

/// One exchange with a server that answers these bytes and closes.
fn answered(response: impl AsRef<[u8]> + Send + 'static) -> Exchange {
    answered_with(response, |settings| settings)
}

fn answered_with(
    response: impl AsRef<[u8]> + Send + 'static,
    change: impl FnOnce(Settings) -> Settings,
) -> Exchange {
    answered_to(response, |url| polling(change(settings(url))).unwrap())
}

/// The same for a client of the server's URL.
fn answered_to(
    response: impl AsRef<[u8]> + Send + 'static,
    client: impl FnOnce(&str) -> Polling,
) -> Exchange {
    let server = Server::run(|listener| {
        let mut peer = listener.accept();
        peer.request();
        peer.write(response);
        listener
    });
    let exchange = exchange(&client(&server.url));
    server.finish().expect_no_other_connection();
    exchange
}

fn channels(exchange: &Exchange) -> Vec<&str> {
    let body = exchange.outcome.as_ref().unwrap();
    body.messages.iter().map(Message::channel).collect()
}
