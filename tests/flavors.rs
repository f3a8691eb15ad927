//! The flavors of the embedded server, held against what the real servers answered:
//! `tests/interop/flavors --save` recorded it in tests/fixtures/flavors. Requests and answers
//! are those of HTTP and of websockets; client ids, values of cookies, and what a scenario's
//! channels begin with are replaced by names.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use bayeux::protocol::{Message, decode};
use bayeux::server::{CloseReason, Event, Flavor, Observer, Server, Settings};
use serde_json::{Value, json};
use tungstenite::protocol::Role;
use tungstenite::{Error, WebSocket};

#[test]
fn the_cometd_flavor_answers_as_cometd() {
    replay(
        Flavor::CometD,
        include_str!("fixtures/flavors/cometd.json"),
        // See `PROTECTION` in tests/interop/flavors.
        &["cache-control", "vary", "x-content-type-options"],
    );
}

#[test]
fn the_faye_flavor_answers_as_faye() {
    replay(
        Flavor::Faye,
        include_str!("fixtures/flavors/faye.json"),
        &["vary"],
    );
}

/// No test waits this long unless it fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// Scenarios that run at the same time.
const N_THREADS: usize = 8;

fn replay(flavor: Flavor, recorded: &str, unread: &'static [&'static str]) {
    let recorded: Value = serde_json::from_str(recorded).unwrap();
    let milliseconds = |name: &str| Duration::from_millis(recorded[name].as_u64().unwrap());
    let doings = Arc::new(Doings::default());
    let settings = Settings {
        timeout: milliseconds("hold"),
        max_interval: milliseconds("expiry"),
        deny: ["/denied", "/denied/**"]
            .map(|it| it.parse().unwrap())
            .into(),
        observer: Some(Arc::clone(&doings) as Arc<dyn Observer>),
        ..Settings::of(flavor)
    };
    let path = settings.path.clone();
    let server = Server::bind("127.0.0.1:0", settings).unwrap();
    let scenarios = recorded["scenarios"].as_array().unwrap();
    let wrong = Mutex::new(Vec::new());
    let run = |number: usize| {
        let scenario = &scenarios[number];
        let conversation = Conversation {
            address: server.address(),
            doings: &doings,
            path: path.clone(),
            root: format!("/r{number}"),
            at_once: milliseconds("at_once"),
            hold: milliseconds("hold"),
            unread,
            clients: HashMap::new(),
            names: Vec::new(),
        };
        if let Some(difference) = conversation.difference(scenario) {
            wrong.lock().unwrap().push(difference);
        }
    };
    let is_alone = |number: usize| scenarios[number]["alone"] == json!(true);
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..N_THREADS {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= scenarios.len() {
                        return;
                    }
                    if !is_alone(number) {
                        run(number);
                    }
                }
            });
        }
    });
    (0..scenarios.len())
        .filter(|it| is_alone(*it))
        .for_each(run);
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// A scenario while it is carried out.
struct Conversation<'a> {
    address: SocketAddr,
    doings: &'a Doings,
    path: String,
    /// What its channels begin with.
    root: String,
    at_once: Duration,
    hold: Duration,
    unread: &'static [&'static str],
    clients: HashMap<String, Client>,
    /// Client ids, and what stands for them.
    names: Vec<(String, String)>,
}

#[derive(Default)]
struct Client {
    cookies: Arc<Mutex<Vec<(String, String)>>>,
    client_id: Option<String>,
    pending: Option<mpsc::Receiver<Response>>,
    web_socket: Option<WebSocket<TcpStream>>,
}

/// A response as it came.
struct Response {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
    took: Duration,
}

/// Headers of the connection and of the server itself.
const UNINTERESTING: [&str; 6] = [
    "connection",
    "content-length",
    "date",
    "keep-alive",
    "server",
    "transfer-encoding",
];

impl Conversation<'_> {
    /// What is answered otherwise than recorded. What differs on purpose has to be an answer
    /// all the same, and not an error of the server.
    fn difference(mut self, scenario: &Value) -> Option<String> {
        let is_on_purpose = scenario["on_purpose"].is_string();
        for step in scenario["steps"].as_array().unwrap() {
            let answer = self.step(step);
            let is_right = match is_on_purpose {
                true => answer["status"] != json!(500) || step["answer"]["status"] == json!(500),
                false => answer == step["answer"],
            };
            if !is_right {
                let mut text = format!("{}\n", scenario["name"]);
                let recorded = &step["answer"];
                writeln!(text, "  sent     {step}\n  expected {recorded}").unwrap();
                writeln!(text, "  answered {answer}").unwrap();
                return Some(text);
            }
        }
        None
    }

    fn step(&mut self, step: &Value) -> Value {
        let who = step["who"].as_str().unwrap();
        // A real server says nothing of it, so there it is a time that has to pass.
        if !step["expires"].is_null() {
            let client_id = self.client(who).client_id.clone().unwrap();
            self.doings.until(&Doing::Expired(client_id));
            return Value::Null;
        }
        if let Some(other) = step["jar_of"].as_str() {
            let cookies = Arc::clone(&self.client(other).cookies);
            self.client(who).cookies = cookies;
            return Value::Null;
        }
        if !step["await"].is_null() {
            let response = self.client(who).pending.take().unwrap().recv().unwrap();
            return self.shown(who, response);
        }
        if let Some(headers) = step["open"].as_object() {
            return self.open(who, headers);
        }
        if let Some(text) = step["frame"].as_str() {
            let text = self.filled(text);
            let web_socket = self.client(who).web_socket.as_mut().unwrap();
            web_socket.send(text.into()).unwrap();
            return Value::Null;
        }
        if let Some(n_frames) = step["frames"].as_u64() {
            return self.frames(who, n_frames as usize);
        }
        let request = self.request(step, who);
        let is_kept = step["jar"] != json!(false);
        let cookies = Arc::clone(&self.client(who).cookies);
        let cookies = is_kept.then_some(cookies);
        let exchange = Exchange::begin(self.address, request);
        if step["later"] == json!(true) {
            let peer = exchange.socket.local_addr().unwrap();
            let (sender, receiver) = mpsc::channel();
            thread::spawn(move || sender.send(exchange.end(cookies.as_deref())));
            self.client(who).pending = Some(receiver);
            // It has to be there before what comes next.
            self.doings.until(&Doing::Received(peer));
            return Value::Null;
        }
        let response = exchange.end(cookies.as_deref());
        self.shown(who, response)
    }

    fn client(&mut self, name: &str) -> &mut Client {
        self.clients.entry(name.to_owned()).or_default()
    }

    /// A text of a scenario with client ids and channels in it.
    fn filled(&self, text: &str) -> String {
        let mut text = text.replace('~', &self.root);
        for (name, client) in &self.clients {
            if let Some(client_id) = &client.client_id {
                text = text.replace(&format!("<{name}>"), client_id);
            }
        }
        text
    }

    fn request(&mut self, step: &Value, who: &str) -> String {
        let method = step["method"].as_str().unwrap();
        let mut below = self.filled(step["below"].as_str().unwrap());
        let mut body = self.filled(step["body"].as_str().unwrap());
        if let Some(query) = step["query"].as_array() {
            let messages = self.filled(query[1].as_str().unwrap());
            let prefix = query[0].as_str().unwrap();
            let query = format!("{prefix}message={}", percent(&messages));
            match method {
                "GET" => write!(below, "?{query}").unwrap(),
                _ => body = query,
            }
        }
        let path = match step["path"].as_str() {
            Some(path) => path.to_owned(),
            None => format!("{}{below}", self.path),
        };
        let mut request = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\n", self.address);
        for (name, value) in step["headers"].as_object().unwrap() {
            write!(request, "{name}: {}\r\n", value.as_str().unwrap()).unwrap();
        }
        if step["jar"] != json!(false) {
            request.push_str(&self.cookie_header(who));
        }
        if matches!(method, "POST" | "PUT") {
            write!(request, "Content-Length: {}\r\n", body.len()).unwrap();
        }
        request + "\r\n" + &body
    }

    fn cookie_header(&mut self, who: &str) -> String {
        let cookies = self.client(who).cookies.lock().unwrap();
        let pairs: Vec<_> = cookies.iter().map(|(n, v)| format!("{n}={v}")).collect();
        match pairs.is_empty() {
            true => String::new(),
            false => format!("Cookie: {}\r\n", pairs.join("; ")),
        }
    }

    fn open(&mut self, who: &str, headers: &serde_json::Map<String, Value>) -> Value {
        let cookies = self.cookie_header(who);
        let mut request = format!(
            "GET {} HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: eHh4eHh4eHh4eHh4eHh4eA==\r\n\
             {cookies}",
            self.path, self.address,
        );
        for (name, value) in headers {
            write!(request, "{name}: {}\r\n", value.as_str().unwrap()).unwrap();
        }
        let mut socket = TcpStream::connect(self.address).unwrap();
        write!(socket, "{request}\r\n").unwrap();
        let (status, headers, rest) = head(&mut socket);
        let protocol = headers
            .iter()
            .find(|(name, _)| name == "Sec-WebSocket-Protocol");
        let web_socket = WebSocket::from_partially_read(socket, rest, Role::Client, None);
        self.client(who).web_socket = Some(web_socket);
        match protocol {
            Some((_, protocol)) => json!({"status": status, "protocol": protocol}),
            None => json!({"status": status}),
        }
    }

    /// The messages of the next frames, and that nothing follows them.
    fn frames(&mut self, who: &str, n_frames: usize) -> Value {
        let mut frames = Vec::new();
        let (mut n_messages, owed) = (0, self.hold + Duration::from_secs(2));
        loop {
            // Several messages may come in a frame where the real server has one in each.
            let patience = match n_messages < n_frames {
                true => owed,
                false => Duration::from_millis(150),
            };
            let web_socket = self.client(who).web_socket.as_mut().unwrap();
            web_socket
                .get_ref()
                .set_read_timeout(Some(patience))
                .unwrap();
            match web_socket.read() {
                Ok(tungstenite::Message::Text(text)) => {
                    self.learn(who, &text);
                    let messages = decode(text.as_bytes()).unwrap().messages;
                    n_messages += messages.len().max(1);
                    match messages.is_empty() {
                        true => frames.push(text.to_string()),
                        false => frames.extend(messages.iter().map(|it| it.raw().to_owned())),
                    }
                }
                Ok(tungstenite::Message::Close(frame)) => {
                    frames.push(format!("closed {}", frame.map_or(0, |it| it.code.into())));
                    break;
                }
                Ok(_) => {}
                Err(Error::Io(error))
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) =>
                {
                    break;
                }
                Err(_) => {
                    frames.push("closed 0".to_owned());
                    break;
                }
            }
        }
        let frames: Vec<_> = frames.iter().map(|it| self.plain(it)).collect();
        json!({ "frames": frames })
    }

    /// Takes the client id of the reply to a handshake.
    fn learn(&mut self, who: &str, body: &str) {
        let array = body.find('[').and_then(|begin| {
            let end = body.rfind(']')?;
            body.get(begin..=end)
        });
        let messages = array.and_then(|array| decode(array.as_bytes()).ok());
        for message in messages.iter().flat_map(|body| &body.messages) {
            let is_handshake = message.channel() == "/meta/handshake";
            if is_handshake && message.successful() == Some(true) {
                let client_id = Message::client_id(message).unwrap().to_owned();
                self.names.push((client_id.clone(), format!("<{who}>")));
                self.client(who).client_id = Some(client_id);
            }
        }
    }

    fn shown(&mut self, who: &str, response: Response) -> Value {
        self.learn(who, &response.body);
        let mut headers: Vec<_> = response
            .headers
            .iter()
            .filter(|(name, _)| {
                let name = name.to_ascii_lowercase();
                !UNINTERESTING.contains(&&*name) && !self.unread.contains(&&*name)
            })
            .map(|(name, value)| self.plain(&format!("{name}: {}", without_value(name, value))))
            .collect();
        headers.sort();
        let mut body = self.plain(&response.body);
        // A line for people, where others have a page.
        if response.status >= 400 {
            body.clear();
            headers.retain(|it| it.starts_with("Set-Cookie"));
        }
        let held = response.took >= self.at_once;
        json!({"status": response.status, "headers": headers, "body": body, "held": held})
    }

    fn plain(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (client_id, name) in &self.names {
            text = text.replace(client_id, name);
        }
        text.replace(&self.address.to_string(), "<host>")
            .replace(&format!("{}/", self.root), "~/")
    }
}

fn without_value(name: &str, value: &str) -> String {
    match (name, value.split_once('=')) {
        ("Set-Cookie", Some((cookie, rest))) => {
            let attributes = rest.split_once(';').map_or("", |(_, it)| it);
            format!("{cookie}=<value>;{attributes}")
        }
        _ => value.to_owned(),
    }
}

/// A request that has left on a connection of its own.
struct Exchange {
    began: Instant,
    socket: TcpStream,
    request: String,
}

impl Exchange {
    fn begin(address: SocketAddr, request: String) -> Self {
        let began = Instant::now();
        let mut socket = TcpStream::connect(address).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.write_all(request.as_bytes()).unwrap();
        Self {
            began,
            socket,
            request,
        }
    }

    /// Reads the response. The cookies that it sets are put to the others.
    fn end(mut self, cookies: Option<&Mutex<Vec<(String, String)>>>) -> Response {
        let (status, headers, mut body) = head(&mut self.socket);
        let length = headers
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
            .map_or(0, |(_, value)| value.parse().unwrap());
        let is_without_body = self.request.starts_with("HEAD");
        while body.len() < length && !is_without_body {
            let mut buffer = [0; 4096];
            let n_bytes = self.socket.read(&mut buffer).unwrap();
            assert_ne!(n_bytes, 0, "cut off");
            body.extend_from_slice(&buffer[..n_bytes]);
        }
        let set = headers.iter().filter(|(name, _)| name == "Set-Cookie");
        for (_, value) in set {
            let pair = value.split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            if let Some(cookies) = cookies {
                let mut cookies = cookies.lock().unwrap();
                cookies.retain(|(known, _)| known != name);
                cookies.push((name.to_owned(), value.to_owned()));
            }
        }
        Response {
            status,
            headers,
            body: String::from_utf8(body).unwrap(),
            took: self.began.elapsed(),
        }
    }
}

/// What the server has done so far, and may be waited for.
#[derive(Default)]
struct Doings {
    done: Mutex<Vec<Doing>>,
    more: Condvar,
}

#[derive(Debug, PartialEq)]
enum Doing {
    /// It has read a request that came from there, and carries it out before any other.
    Received(SocketAddr),
    /// It has ended the session with this client id, which did not connect for too long.
    Expired(String),
}

impl Doings {
    fn until(&self, wanted: &Doing) {
        let done = self.done.lock().unwrap();
        let is_missing = |done: &mut Vec<Doing>| !done.contains(wanted);
        let waited = self.more.wait_timeout_while(done, PATIENCE, is_missing);
        let (done, waited) = waited.unwrap();
        assert!(!waited.timed_out(), "never {wanted:?}, but {done:?}");
    }
}

impl Observer for Doings {
    fn observe(&self, event: &Event<'_>) {
        let doing = match event {
            Event::Received { peer, .. } => Doing::Received(*peer),
            Event::SessionClosed {
                client_id,
                reason: CloseReason::Expired,
            } => Doing::Expired((*client_id).to_owned()),
            _ => return,
        };
        self.done.lock().unwrap().push(doing);
        self.more.notify_all();
    }
}

/// Status and headers of a response, and what came of its body with them.
fn head(socket: &mut TcpStream) -> (u16, Vec<(String, String)>, Vec<u8>) {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|it| it == b"\r\n\r\n") {
            break end;
        }
        let mut buffer = [0; 4096];
        let n_bytes = socket.read(&mut buffer).unwrap();
        assert_ne!(n_bytes, 0, "no response");
        bytes.extend_from_slice(&buffer[..n_bytes]);
    };
    let rest = bytes.split_off(end + 4);
    let text = String::from_utf8(bytes).unwrap();
    let mut lines = text.trim_end().lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap();
    let headers = lines
        .map(|line| line.split_once(": ").unwrap())
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    (status.parse().unwrap(), headers, rest)
}

fn percent(text: &str) -> String {
    let encoded = |byte: u8| match byte.is_ascii_alphanumeric() {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    text.bytes().map(encoded).collect()
}
