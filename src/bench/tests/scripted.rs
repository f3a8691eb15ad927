//! A small server that does exactly what its script says, so that a run's figures can be held
//! against what really happened.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// What the server does, by numbers that begin with 0.
pub(super) struct Script {
    /// With a request, of whatever kind: what came before it, and the channel of its first message.
    /// How many requests it takes until something happens depends on how busy the machine is, since
    /// a publisher that is late sends several messages in one.
    pub(super) request: fn(&Counts, &str) -> Reaction,
    /// With a handshake.
    pub(super) handshake: fn(u64) -> Handshake,
    /// With a published message.
    pub(super) publish: fn(u64) -> Published,
    /// How long a subscribe's confirmation waits; deliveries do not, and come before it.
    pub(super) subscribe_delay: Duration,
    /// Requests until a connection is closed, and whether the last response says so.
    pub(super) requests_a_connection: Option<(u64, Announced)>,
}

#[derive(Clone, Copy)]
pub(super) enum Reaction {
    Serve,
    /// These bytes instead of an answer.
    Raw(&'static str),
    /// No answer, ever.
    Silence,
}

#[derive(Clone, Copy)]
pub(super) enum Handshake {
    Accept,
    Refuse,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Published {
    Deliver,
    /// Everything, everybody and every connection waits so long first.
    AfterStall(Duration),
    /// The acknowledgement comes so much later than the delivery.
    AcknowledgeLate(Duration),
    Lose,
    Twice,
    /// Behind the next one.
    BehindTheNext,
    Reject,
    RejectAndDeliver,
    /// Neither delivered nor answered.
    Swallow,
    /// Delivered, and not answered.
    DeliverInSilence,
    /// Delivered, and so is this instead of its data.
    WithData(&'static str),
}

#[derive(Clone, Copy, Eq, PartialEq)]
pub(super) enum Announced {
    ByHeader,
    Not,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            request: |_, _| Reaction::Serve,
            handshake: |_| Handshake::Accept,
            publish: |_| Published::Deliver,
            subscribe_delay: Duration::ZERO,
            requests_a_connection: None,
        }
    }
}

pub(super) struct Scripted {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    script: Script,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    sessions: HashMap<String, Session>,
    sockets: Vec<TcpStream>,
    /// Grows with each death, whose listener and connections are of no more use.
    life: u64,
    stalled_until: Option<Instant>,
    counts: Counts,
    /// What is delivered behind the next message.
    held_back: Option<Value>,
}

/// What the server has seen.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    pub(super) n_requests: u64,
    pub(super) n_handshakes: u64,
    pub(super) n_publishes: u64,
    /// Requests that got something else than an answer.
    pub(super) n_raw: u64,
    pub(super) n_connections: u64,
    /// Deliveries to a session, whether it came for them or not.
    pub(super) n_deliveries: u64,
}

#[derive(Default)]
struct Session {
    channels: Vec<String>,
    queue: Vec<Value>,
}

impl Scripted {
    pub(super) fn new(script: Script) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            script,
            state: Mutex::default(),
            changed: Condvar::new(),
        });
        let scripted = Self { address, shared };
        scripted.listen(listener);
        scripted
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/cometd", self.address)
    }

    pub(super) fn counts(&self) -> Counts {
        self.shared.lock().counts
    }

    /// Breaks every connection, forgets every session, and refuses connections from now on.
    pub(super) fn die(&self) {
        let mut state = self.shared.lock();
        state.life += 1;
        state.sessions.clear();
        for socket in state.sockets.drain(..) {
            // It may have ended by itself.
            let _ = socket.shutdown(Shutdown::Both);
        }
        drop(state);
        self.shared.changed.notify_all();
        // The listener's thread sees that it is over.
        let _ = TcpStream::connect(self.address);
    }

    /// Forgets the session of whoever has subscribed.
    pub(super) fn forget_subscribers(&self) {
        let sessions = &mut self.shared.lock().sessions;
        sessions.retain(|_, session| session.channels.is_empty());
        self.shared.changed.notify_all();
    }

    /// Is there again, on the same port.
    pub(super) fn revive(&self) {
        let until = Instant::now() + Duration::from_secs(5);
        let listener = loop {
            match TcpListener::bind(self.address) {
                Ok(listener) => break listener,
                Err(error) => assert!(Instant::now() < until, "{error}"),
            }
            thread::sleep(Duration::from_millis(5));
        };
        self.listen(listener);
    }

    fn listen(&self, listener: TcpListener) {
        let shared = Arc::clone(&self.shared);
        let life = shared.lock().life;
        thread::spawn(move || {
            while let Ok((socket, _)) = listener.accept() {
                let mut state = shared.lock();
                if state.life != life {
                    break;
                }
                state.counts.n_connections += 1;
                state.sockets.push(socket.try_clone().unwrap());
                drop(state);
                let shared = Arc::clone(&shared);
                thread::spawn(move || shared.serve(socket, life));
            }
        });
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.die();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn serve(&self, mut socket: TcpStream, life: u64) {
        let mut reader = BufReader::new(socket.try_clone().unwrap());
        let mut n_requests = 0;
        while let Some(messages) = read_request(&mut reader) {
            n_requests += 1;
            let first = messages[0]["channel"].as_str().unwrap().to_owned();
            let reaction = {
                let counts = &mut self.lock().counts;
                let reaction = (self.script.request)(counts, &first);
                counts.n_requests += 1;
                counts.n_raw += u64::from(matches!(reaction, Reaction::Raw(_)));
                reaction
            };
            let answered = match reaction {
                Reaction::Serve => self.answer(&messages, life),
                Reaction::Raw(bytes) => {
                    if socket.write_all(bytes.as_bytes()).is_err() {
                        return;
                    }
                    continue;
                }
                Reaction::Silence => None,
            };
            let Some(replies) = answered else {
                // Nothing comes, until the other side gives up.
                let _ = socket.read(&mut [0]);
                return;
            };
            let limit = self.script.requests_a_connection;
            let is_last = limit.is_some_and(|(most, _)| n_requests >= most);
            let is_told = limit.is_some_and(|(_, it)| it == Announced::ByHeader);
            let close = if is_last && is_told {
                "Connection: close\r\n"
            } else {
                ""
            };
            let body = Value::from(replies).to_string();
            let response = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n{close}Content-Length: {}\r\n\r\n{body}",
                body.len()
            );
            if socket.write_all(response.as_bytes()).is_err() || is_last {
                let _ = socket.shutdown(Shutdown::Both);
                return;
            }
        }
    }

    /// The replies to one request; none where it stays without an answer.
    fn answer(&self, messages: &[Value], life: u64) -> Option<Vec<Value>> {
        let mut replies = Vec::new();
        for message in messages {
            let mut state = self.unstalled();
            if state.life != life {
                return None;
            }
            let id = message["clientId"].as_str().unwrap_or_default().to_owned();
            let channel = message["channel"].as_str().unwrap();
            let mut reply = json!({"channel": channel, "id": message["id"], "successful": true});
            let is_unknown = channel != "/meta/handshake" && !state.sessions.contains_key(&id);
            if is_unknown {
                refuse(&mut reply, "402::session_unknown");
                reply["advice"] = json!({"reconnect": "handshake", "interval": 0});
                replies.push(reply);
                continue;
            }
            match channel {
                "/meta/handshake" => {
                    let nth = state.counts.n_handshakes;
                    state.counts.n_handshakes += 1;
                    match (self.script.handshake)(nth) {
                        Handshake::Accept => {
                            let id = format!("client{nth}");
                            state.sessions.insert(id.clone(), Session::default());
                            reply["clientId"] = Value::from(id);
                            reply["version"] = Value::from("1.0");
                            reply["supportedConnectionTypes"] = json!(["long-polling"]);
                            reply["advice"] =
                                json!({"reconnect": "retry", "interval": 0, "timeout": 20_000});
                        }
                        Handshake::Refuse => {
                            refuse(&mut reply, "403::handshake 7 denied");
                            reply["advice"] = json!({"reconnect": "none"});
                        }
                    }
                }
                "/meta/subscribe" => {
                    let subscription = message["subscription"].as_str().unwrap();
                    let session = state.sessions.get_mut(&id).unwrap();
                    session.channels.push(subscription.to_owned());
                    reply["subscription"] = Value::from(subscription);
                    if !self.script.subscribe_delay.is_zero() {
                        drop(state);
                        thread::sleep(self.script.subscribe_delay);
                        state = self.lock();
                        let session = state.sessions.get_mut(&id);
                        replies.extend(session.into_iter().flat_map(|it| it.queue.drain(..)));
                    }
                }
                "/meta/disconnect" => {
                    // What is still there comes with it.
                    let session = state.sessions.remove(&id);
                    replies.extend(session.into_iter().flat_map(|it| it.queue));
                    self.changed.notify_all();
                }
                "/meta/connect" => {
                    let is_at_once = message["advice"]["timeout"] == 0;
                    let patience = Duration::from_secs(if is_at_once { 0 } else { 20 });
                    let waits = |it: &mut State| {
                        it.stalled_until.is_some()
                            || it.sessions.get(&id).is_some_and(|it| it.queue.is_empty())
                    };
                    let waited = self.changed.wait_timeout_while(state, patience, waits);
                    state = waited.unwrap().0;
                    let is_over = state.life != life;
                    match state.sessions.get_mut(&id) {
                        Some(session) => replies.append(&mut session.queue),
                        None if is_over => return None,
                        None => refuse(&mut reply, "402::session_unknown"),
                    }
                }
                _ => {
                    let nth = state.counts.n_publishes;
                    state.counts.n_publishes += 1;
                    drop(state);
                    if !self.publish(nth, message, &mut reply) {
                        return None;
                    }
                }
            }
            replies.push(reply);
        }
        Some(replies)
    }

    /// Whether the publish is answered.
    fn publish(&self, nth: u64, message: &Value, reply: &mut Value) -> bool {
        let delivery = json!({"channel": message["channel"], "data": message["data"]});
        let published = (self.script.publish)(nth);
        if let Published::AfterStall(duration) = published {
            self.lock().stalled_until = Some(Instant::now() + duration);
            thread::sleep(duration);
            self.lock().stalled_until = None;
            self.changed.notify_all();
        }
        let mut state = self.lock();
        match published {
            Published::Deliver
            | Published::AfterStall(_)
            | Published::AcknowledgeLate(_)
            | Published::RejectAndDeliver
            | Published::DeliverInSilence => state.deliver(&delivery),
            Published::Twice => {
                state.deliver(&delivery);
                state.deliver(&delivery);
            }
            Published::WithData(data) => {
                let data: Value = serde_json::from_str(data).unwrap();
                let run = delivery["data"]["bench"].as_str().unwrap();
                let run = run.split('.').next().unwrap();
                let data = data.to_string().replace("RUN", run);
                let data: Value = serde_json::from_str(&data).unwrap();
                state.deliver(&json!({"channel": message["channel"], "data": data}));
                state.deliver(&delivery);
            }
            Published::BehindTheNext | Published::Lose | Published::Reject | Published::Swallow => {
            }
        }
        if let Some(held_back) = state.held_back.take() {
            state.deliver(&held_back);
        }
        if matches!(published, Published::BehindTheNext) {
            state.held_back = Some(delivery);
        }
        drop(state);
        self.changed.notify_all();
        match published {
            Published::AcknowledgeLate(delay) => thread::sleep(delay),
            Published::Reject | Published::RejectAndDeliver => {
                refuse(reply, "403:/bench,9:create_denied");
            }
            _ => {}
        }
        !matches!(published, Published::Swallow | Published::DeliverInSilence)
    }

    /// The state, once nothing stalls.
    fn unstalled(&self) -> MutexGuard<'_, State> {
        let stalled = |it: &mut State| it.stalled_until.is_some_and(|at| Instant::now() < at);
        let state = self.changed.wait_while(self.lock(), stalled);
        state.unwrap()
    }
}

impl State {
    fn deliver(&mut self, delivery: &Value) {
        let channel = delivery["channel"].as_str().unwrap();
        for session in self.sessions.values_mut() {
            if session.channels.iter().any(|it| it == channel) {
                session.queue.push(delivery.clone());
                self.counts.n_deliveries += 1;
            }
        }
    }
}

fn refuse(reply: &mut Value, error: &str) {
    reply["successful"] = Value::from(false);
    reply["error"] = Value::from(error);
}

/// The messages of one request; none once the client has left.
fn read_request(reader: &mut BufReader<TcpStream>) -> Option<Vec<Value>> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim_end().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length: ") {
            length = value.parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    match serde_json::from_slice(&body).unwrap() {
        Value::Array(messages) => Some(messages),
        message => Some(vec![message]),
    }
}
