//! Something between a check and the embedded server that changes what they say: for what no
//! fault of the server does.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::outcome_at;
use crate::protocol::ConnectionType;
use crate::server::{Server, Settings as ServerSettings};

/// What is changed; the bodies of both directions are texts.
pub(super) struct Tampering {
    /// A request's body (of a GET its head): what the server gets instead.
    pub(super) request: fn(String) -> String,
    /// A request's body (of a GET its head) and that of the response: what the client gets.
    pub(super) response: fn(&str, String) -> String,
}

impl Default for Tampering {
    fn default() -> Self {
        Self {
            request: |it| it,
            response: |_, it| it,
        }
    }
}

pub(super) struct Between {
    address: SocketAddr,
    is_over: Arc<AtomicBool>,
}

impl Between {
    pub(super) fn new(server: &Server, tampering: Tampering) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let upstream = server.url();
        let upstream = upstream.trim_start_matches("http://");
        let upstream = upstream.split('/').next().unwrap().to_owned();
        let is_over = Arc::new(AtomicBool::new(false));
        let tampering = Arc::new(tampering);
        let over = Arc::clone(&is_over);
        thread::spawn(move || {
            while let Ok((client, _)) = listener.accept() {
                if over.load(Ordering::Relaxed) {
                    break;
                }
                let server = TcpStream::connect(&upstream).unwrap();
                let tampering = Arc::clone(&tampering);
                thread::spawn(move || serve(&tampering, client, server));
            }
        });
        Self { address, is_over }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/cometd", self.address)
    }
}

impl Drop for Between {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        // The listener's thread sees that it is over.
        let _ = TcpStream::connect(self.address);
    }
}

/// Until one of the two has enough.
fn serve(tampering: &Tampering, client: TcpStream, server: TcpStream) -> Option<()> {
    let (mut to_client, mut to_server) = (client.try_clone().ok()?, server.try_clone().ok()?);
    let (mut client, mut server) = (BufReader::new(client), BufReader::new(server));
    loop {
        let (head, body) = message(&mut client)?;
        let (asked, request) = if body.is_empty() {
            (head.clone(), written((tampering.request)(head), body))
        } else {
            let changed = (tampering.request)(body.clone());
            (body, written(head, changed))
        };
        to_server.write_all(&request).ok()?;
        let (head, body) = message(&mut server)?;
        let answered = (tampering.response)(&asked, body);
        to_client.write_all(&written(head, answered)).ok()?;
    }
}

/// The next head, without its length, and body.
fn message(reader: &mut BufReader<TcpStream>) -> Option<(String, String)> {
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let lower = line.to_ascii_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        } else if line.trim().is_empty() {
            break;
        } else {
            head += &line;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((head, String::from_utf8(body).unwrap()))
}

fn written(head: String, body: String) -> Vec<u8> {
    let is_get = head.starts_with("GET");
    let length = if is_get {
        String::new()
    } else {
        format!("Content-Length: {}\r\n", body.len())
    };
    format!("{head}{length}\r\n{body}").into_bytes()
}

/// What a check comes to over long-polling where the embedded server gets other requests.
pub(super) fn outcome_of_requests(request: fn(String) -> String, id: &str) -> String {
    let tampering = Tampering {
        request,
        ..Tampering::default()
    };
    outcome_between(tampering, ConnectionType::LongPolling, id)
}

/// What a check comes to over long-polling where it gets other responses.
pub(super) fn outcome_of_responses(response: fn(&str, String) -> String, id: &str) -> String {
    let tampering = Tampering {
        response,
        ..Tampering::default()
    };
    outcome_between(tampering, ConnectionType::LongPolling, id)
}

pub(super) fn outcome_between(tampering: Tampering, over: ConnectionType, id: &str) -> String {
    let server = Server::bind("127.0.0.1:0", ServerSettings::default()).unwrap();
    let between = Between::new(&server, tampering);
    outcome_at(&between.url(), over, id)
}
