//! Servers that misbehave: canned bytes, scripted conversations, silence.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

/// No test waits this long unless it fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a request is answered with.
pub(crate) enum Answer {
    /// These bytes; the connection stays open.
    Bytes(Vec<u8>),
    /// These bytes; the connection is closed.
    Last(Vec<u8>),
    /// Nothing, while the client keeps the connection.
    Silence,
}

/// A server that does what it is told, and nothing else.
pub(crate) struct Hostile {
    address: SocketAddr,
    requests: Mutex<Requests>,
    is_stopped: Arc<AtomicBool>,
}

struct Requests {
    incoming: Receiver<String>,
    seen: Vec<String>,
}

type Script = dyn Fn(&str) -> Answer + Send + Sync;

impl Hostile {
    /// Answers each request, head and body, as the script says.
    pub(crate) fn new(script: impl Fn(&str) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let is_stopped = Arc::new(AtomicBool::new(false));
        let (sender, incoming) = channel();
        let stopped = Arc::clone(&is_stopped);
        let script: Arc<Script> = Arc::new(script);
        std::thread::spawn(move || {
            for socket in listener.incoming() {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                let (script, sender) = (Arc::clone(&script), sender.clone());
                std::thread::spawn(move || serve(socket.unwrap(), &*script, &sender));
            }
        });
        Self {
            address,
            requests: Mutex::new(Requests {
                incoming,
                seen: Vec::new(),
            }),
            is_stopped,
        }
    }

    /// Answers every request with these bytes and closes the connection.
    pub(crate) fn canned(response: impl Into<Vec<u8>>) -> Self {
        let response = response.into();
        Self::new(move |_| Answer::Last(response.clone()))
    }

    /// Takes requests and never answers.
    pub(crate) fn silent() -> Self {
        Self::new(|_| Answer::Silence)
    }

    /// Nobody may send it anything: see [`assert_unused`](Self::assert_unused).
    pub(crate) fn untouched() -> Self {
        Self::silent()
    }

    /// Answers each message with the replies that the script gives, `None` for silence.
    pub(crate) fn conversation(
        script: impl Fn(&Value) -> Option<Vec<Value>> + Send + Sync + 'static,
    ) -> Self {
        Self::new(move |request| answer(request, &script))
    }

    /// Host and port, as a proxy is given.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/cometd", self.address)
    }

    /// Waits until a request contains this.
    pub(crate) fn until(&self, wanted: &str) {
        let mut requests = self.requests.lock().unwrap();
        while !requests.seen.iter().any(|it| it.contains(wanted)) {
            match requests.incoming.recv_timeout(PATIENCE) {
                Ok(request) => requests.seen.push(request),
                Err(_) => panic!("no request with {wanted:?}, but {:#?}", requests.seen),
            }
        }
    }

    /// The requests so far.
    pub(crate) fn requests(&self) -> Vec<String> {
        let mut requests = self.requests.lock().unwrap();
        let more: Vec<String> = requests.incoming.try_iter().collect();
        requests.seen.extend(more);
        requests.seen.clone()
    }

    pub(crate) fn assert_unused(&self) {
        assert_eq!(self.requests(), [""; 0], "something was sent");
    }
}

impl Drop for Hostile {
    fn drop(&mut self) {
        self.is_stopped.store(true, Ordering::SeqCst);
        // Ends the accept; a server that is gone needs no waking.
        let _ = TcpStream::connect(self.address);
    }
}

fn serve(mut socket: TcpStream, script: &Script, requests: &Sender<String>) {
    while let Some(request) = read_request(&mut socket) {
        // Nobody listens any more once the test is over.
        let _ = requests.send(request.clone());
        let is_last = match script(&request) {
            Answer::Silence => {
                // Until the client is gone.
                let _ = socket.read(&mut [0; 1]);
                true
            }
            Answer::Bytes(bytes) => socket.write_all(&bytes).is_err(),
            Answer::Last(bytes) => {
                let _ = socket.write_all(&bytes);
                let _ = socket.shutdown(std::net::Shutdown::Write);
                // What still comes in would reset the connection before the answer is read.
                let _ = std::io::copy(&mut socket, &mut std::io::sink());
                true
            }
        };
        if is_last {
            break;
        }
    }
}

/// A whole request; the first bytes of what is no HTTP.
fn read_request(socket: &mut TcpStream) -> Option<String> {
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&request);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let head = head.to_ascii_lowercase();
            let length = head.split("content-length: ").nth(1);
            let length = length.and_then(|it| it.split("\r\n").next());
            let length = length.map_or(0, |it| it.parse().unwrap());
            if body.len() >= length {
                return Some(text.into_owned());
            }
        }
        match socket.read(&mut buffer) {
            Ok(0) => return None,
            Ok(n) => request.extend(&buffer[..n]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return None,
        }
        // A TLS handshake.
        if request[0] == 0x16 {
            return Some("TLS".to_owned());
        }
    }
}

/// Answers each message of a request with the replies that the script gives; one `None` is
/// silence for all.
pub(crate) fn answer(request: &str, script: impl Fn(&Value) -> Option<Vec<Value>>) -> Answer {
    let body = request.split_once("\r\n\r\n").unwrap().1;
    let messages: Vec<Value> = serde_json::from_str(body).unwrap();
    let replies: Option<Vec<Vec<Value>>> = messages.iter().map(script).collect();
    match replies {
        Some(replies) => {
            let body = Value::from(replies.concat()).to_string();
            Answer::Bytes(response("200 OK", "application/json", &body))
        }
        None => Answer::Silence,
    }
}

/// An HTTP response.
pub(crate) fn response(status: &str, content_type: &str, body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// An HTML page.
pub(crate) fn page(status: &str) -> Vec<u8> {
    let body = format!("<!DOCTYPE html>\n<html><body><h1>{status}</h1></body></html>\n");
    response(status, "text/html; charset=utf-8", &body)
}

/// What a good server replies to a message; `None` for a connect, which it holds.
pub(crate) fn good(message: &Value) -> Option<Vec<Value>> {
    match message["channel"].as_str().unwrap() {
        "/meta/connect" => None,
        _ => Some(vec![accepted(message)]),
    }
}

/// A successful reply.
pub(crate) fn accepted(message: &Value) -> Value {
    let mut reply = json!({
        "channel": message["channel"],
        "id": message["id"],
        "successful": true,
    });
    match message["channel"].as_str().unwrap() {
        "/meta/handshake" => {
            reply["version"] = json!("1.0");
            reply["supportedConnectionTypes"] = json!(["long-polling"]);
            reply["clientId"] = json!("0123456789abcdef0123456789abcdef");
            reply["advice"] = json!({"reconnect": "retry", "interval": 0, "timeout": 30000});
        }
        "/meta/subscribe" => reply["subscription"] = message["subscription"].clone(),
        _ => {}
    }
    reply
}

/// A reply that refuses.
pub(crate) fn refused(message: &Value, error: &str) -> Value {
    json!({
        "channel": message["channel"],
        "id": message["id"],
        "successful": false,
        "error": error,
    })
}
