//! A server that answers as it is told, so that every check has something to fail against.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use serde_json::{Value, json};

/// What the server does where it does not do as it should.
#[derive(Clone, Copy)]
pub(super) struct Script {
    /// Instead of the messages that answer a message; those are given.
    pub(super) answer: fn(&Value, Vec<Value>) -> Vec<Value>,
    /// Instead of a response; the proper one is given.
    pub(super) respond: fn(&Asked, Response) -> Response,
}

/// A request.
pub(super) struct Asked {
    /// Its line and headers.
    pub(super) head: String,
    pub(super) body: String,
}

/// A response.
pub(super) struct Response {
    pub(super) status: u16,
    /// Whole lines, without those for the length.
    pub(super) headers: String,
    pub(super) body: Vec<u8>,
}

pub(super) struct Scripted {
    address: SocketAddr,
    is_over: Arc<AtomicBool>,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            answer: |_, proper| proper,
            respond: |_, proper| proper,
        }
    }
}

impl Scripted {
    pub(super) fn new(script: Script) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let is_over = Arc::new(AtomicBool::new(false));
        let (told, n_sessions) = (Arc::clone(&is_over), Arc::new(AtomicU64::new(0)));
        thread::spawn(move || {
            for stream in listener.incoming() {
                if told.load(Ordering::Relaxed) {
                    return;
                }
                let n_sessions = Arc::clone(&n_sessions);
                // Whoever leaves in the middle is done.
                thread::spawn(move || serve(stream?, script, &n_sessions));
            }
        });
        Self { address, is_over }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/cometd", self.address)
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(self.address);
    }
}

fn serve(stream: TcpStream, script: Script, n_sessions: &AtomicU64) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut writer = stream;
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head)? == 0 {
                return Ok(());
            }
        }
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            let is_length = name.eq_ignore_ascii_case("content-length");
            is_length.then(|| value.trim().parse().unwrap())
        });
        let mut body = vec![0; length.unwrap_or(0)];
        reader.read_exact(&mut body)?;
        let body = String::from_utf8_lossy(&body).into_owned();
        let asked = Asked { head, body };
        let response = (script.respond)(&asked, proper(&asked, script, n_sessions));
        let Response {
            status,
            headers,
            body,
        } = response;
        let length = body.len();
        let head = format!("HTTP/1.1 {status} x\r\n{headers}Content-Length: {length}\r\n\r\n");
        writer.write_all(&[head.as_bytes(), &body].concat())?;
        if headers.contains("Connection: close") {
            return Ok(());
        }
    }
}

/// The response of a server with nothing wrong.
fn proper(asked: &Asked, script: Script, n_sessions: &AtomicU64) -> Response {
    let mut response = Response {
        status: 200,
        headers: "Content-Type: application/json\r\nCache-Control: no-store\r\n".to_owned(),
        body: Vec::new(),
    };
    let messages = match serde_json::from_str(&asked.body) {
        Ok(Value::Array(messages)) => messages,
        Ok(message @ Value::Object(_)) => vec![message],
        Ok(_) | Err(_) => {
            response.status = 400;
            return response;
        }
    };
    let replies: Vec<Value> = messages
        .iter()
        .flat_map(|message| (script.answer)(message, answer(message, n_sessions)))
        .collect();
    response.body = Value::from(replies).to_string().into_bytes();
    response
}

/// The reply, and behind it what was published: everybody is subscribed to everything, and
/// alone.
fn answer(message: &Value, n_sessions: &AtomicU64) -> Vec<Value> {
    let channel = message["channel"].as_str().unwrap_or_default();
    let mut reply = json!({ "channel": channel, "successful": true });
    for echoed in ["id", "subscription"] {
        if let Some(value) = message.get(echoed) {
            reply[echoed] = value.clone();
        }
    }
    match channel {
        "/meta/handshake" => {
            let number = n_sessions.fetch_add(1, Ordering::Relaxed);
            // Spread over the whole id, as random ones are.
            let half = |seed: u64| (number + seed).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let client_id = format!("{:016x}{:016x}", half(7), half(77).rotate_left(32));
            reply["clientId"] = client_id.into();
            reply["version"] = "1.0".into();
            reply["supportedConnectionTypes"] = json!(["long-polling", "callback-polling"]);
            vec![reply]
        }
        "" => {
            reply["successful"] = false.into();
            reply["error"] = "400::no channel".into();
            vec![reply]
        }
        _ if channel.starts_with("/meta/") => vec![reply],
        _ => vec![
            reply,
            json!({ "channel": channel, "data": message["data"] }),
        ],
    }
}
