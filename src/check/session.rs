//! A session that is driven by hand, over any transport: each message leaves when the check
//! says so, and what comes is not acted upon.

mod waiting;

use std::time::{Duration, Instant};

use serde_json::{Map, Value};

use super::http::{Ask, Http, Pending, Seen};
use super::socket::Socket;
use super::subject::PROMPTLY;
use super::{Obstacle, Subject};
use crate::protocol::{
    Callback, ConnectionType, Json, Kind, Message, MessageBuilder, VERSION, encode, meta,
};
use crate::session::extension::Extensions;
use crate::transport::Trace;

/// A session, or what is to become one. Dropped, it disconnects.
#[derive(Debug)]
pub(super) struct Session {
    line: Line,
    connection_type: ConnectionType,
    extensions: Extensions,
    until: Instant,
    client_id: Option<String>,
    n_messages: u32,
    /// What was delivered so far, in its order.
    pub(super) deliveries: Vec<Message>,
    /// Replies that came while another one was waited for.
    replies: Vec<Message>,
    /// The connect over a websocket whose reply has not come.
    held: Option<Begun>,
    is_left: bool,
}

#[derive(Debug)]
enum Line {
    Posts(Http),
    Callbacks(Http),
    Socket(Box<Socket>),
}

/// A request whose replies have not come.
#[derive(Debug)]
pub(super) struct Begun {
    ids: Vec<String>,
    pending: Option<Pending>,
}

/// How long the last goodbye may take.
const GOODBYE: Duration = Duration::from_secs(1);

impl Session {
    pub(super) fn new(
        subject: &Subject,
        connection_type: ConnectionType,
    ) -> Result<Self, Obstacle> {
        let line = match connection_type {
            ConnectionType::LongPolling => Line::Posts(subject.http()?),
            ConnectionType::CallbackPolling => Line::Callbacks(subject.http()?),
            ConnectionType::WebSocket => Line::Socket(Box::new(Socket::open(subject)?)),
        };
        Ok(Self::on(line, connection_type, subject))
    }

    fn on(line: Line, connection_type: ConnectionType, subject: &Subject) -> Self {
        Self {
            line,
            connection_type,
            extensions: subject.settings().extensions.clone(),
            until: subject.until(),
            client_id: None,
            n_messages: 0,
            deliveries: Vec::new(),
            replies: Vec::new(),
            held: None,
            is_left: false,
        }
    }

    /// Another session of the same browser: with the same cookies, or a websocket of its own.
    pub(super) fn beside(&self, subject: &Subject) -> Result<Self, Obstacle> {
        let line = match &self.line {
            Line::Posts(http) => Line::Posts(http.clone()),
            Line::Callbacks(http) => Line::Callbacks(http.clone()),
            Line::Socket(_) => Line::Socket(Box::new(Socket::open(subject)?)),
        };
        Ok(Self::on(line, self.connection_type, subject))
    }

    /// Starts a message with the next id, the client id and the `ext` that the user gave.
    pub(super) fn message(&mut self, channel: &str) -> MessageBuilder {
        let ext = self.given(channel).clone();
        self.bare_message(channel).json_if("ext", ext.as_ref())
    }

    /// The same with this in its `ext` too.
    pub(super) fn extended(&mut self, channel: &str, name: &str, value: Value) -> MessageBuilder {
        let given = self.given(channel).as_ref();
        let given = given.and_then(|it| serde_json::from_str(it.as_str()).ok());
        let mut ext: Map<String, Value> = given.unwrap_or_default();
        ext.insert(name.to_owned(), value);
        let ext = json(&Value::from(ext).to_string());
        self.bare_message(channel).json("ext", &ext)
    }

    fn bare_message(&mut self, channel: &str) -> MessageBuilder {
        self.n_messages += 1;
        let message = Message::builder(channel).id(&self.n_messages.to_string());
        match &self.client_id {
            Some(client_id) => message.client_id(client_id),
            None => message,
        }
    }

    fn given(&self, channel: &str) -> &Option<Json> {
        let given = &self.extensions;
        match channel {
            meta::HANDSHAKE => &given.handshake,
            meta::CONNECT => &given.connect,
            meta::SUBSCRIBE => &given.subscribe,
            _ if channel.starts_with("/meta/") => &None,
            _ => &given.publish,
        }
    }

    /// The handshake that every client sends.
    pub(super) fn handshake(&mut self) -> Message {
        let types = json(r#"["long-polling","callback-polling","websocket"]"#);
        self.message(meta::HANDSHAKE)
            .string("version", VERSION)
            .json("supportedConnectionTypes", &types)
            .build()
    }

    /// A connect, with this `advice.timeout` if one is given.
    pub(super) fn connect(&mut self, timeout: Option<Duration>) -> Message {
        let connection_type = self.connection_type.as_str();
        let message = self
            .message(meta::CONNECT)
            .string("connectionType", connection_type);
        match timeout {
            None => message.build(),
            Some(timeout) => {
                let advice = format!("{{\"timeout\":{}}}", timeout.as_millis());
                message.json("advice", &json(&advice)).build()
            }
        }
    }

    /// Begins the session; where the server refuses, there is nothing to check.
    pub(super) fn open(&mut self) -> Result<Message, Obstacle> {
        let handshake = self.handshake();
        let reply = self.ask(handshake)?;
        if reply.successful() != Some(true) {
            let error = reply.error().map_or_else(String::new, |it| it.to_string());
            return Err(Obstacle::Inapplicable(format!(
                "the server refuses the handshake: {error}"
            )));
        }
        self.adopt(&reply)?;
        Ok(reply)
    }

    /// From now on messages have the client id of this reply.
    pub(super) fn adopt(&mut self, reply: &Message) -> Result<(), Obstacle> {
        match reply.client_id() {
            Some(client_id) => self.client_id = Some(client_id.to_owned()),
            None => {
                return Err(Obstacle::Unusable(
                    "the reply to the handshake has no clientId".to_owned(),
                ));
            }
        }
        Ok(())
    }

    /// A connect that is not to be held; its reply.
    pub(super) fn connect_at_once(&mut self) -> Result<Message, Obstacle> {
        let connect = self.connect(Some(Duration::ZERO));
        self.ask(connect)
    }

    /// Subscribes; a refusal is an obstacle.
    pub(super) fn subscribe(&mut self, pattern: &str) -> Result<Message, Obstacle> {
        let subscribe = self
            .message(meta::SUBSCRIBE)
            .string("subscription", pattern)
            .build();
        let reply = self.ask(subscribe)?;
        accepted(&reply, "the subscribe")?;
        Ok(reply)
    }

    /// Publishes JSON; a refusal is an obstacle.
    pub(super) fn publish(&mut self, channel: &str, data: &str) -> Result<Message, Obstacle> {
        let publish = self.message(channel).json("data", &json(data)).build();
        let reply = self.ask(publish)?;
        accepted(&reply, "the publish")?;
        Ok(reply)
    }

    /// Leaves; its reply.
    pub(super) fn disconnect(&mut self) -> Result<Message, Obstacle> {
        self.is_left = true;
        let disconnect = self.message(meta::DISCONNECT).build();
        self.ask(disconnect)
    }

    /// It has been ended, or nobody knows it any more: there is nothing to leave.
    pub(super) fn forget(&mut self) {
        self.is_left = true;
    }

    /// Sends a message and waits for its reply.
    pub(super) fn ask(&mut self, message: Message) -> Result<Message, Obstacle> {
        let what = format!("{} (id {})", message.channel(), message.id().unwrap_or("-"));
        let replies = self.ask_all(vec![message])?;
        let mut replies = replies.into_iter();
        replies
            .next()
            .ok_or_else(|| Obstacle::Unusable(format!("no reply to {what}")))
    }

    /// The same, with what the exchange looked like; of a websocket that is the upgrade.
    pub(super) fn ask_traced(
        &mut self,
        message: Message,
    ) -> Result<(Message, Option<Box<Trace>>), Obstacle> {
        let ask = match &self.line {
            Line::Posts(_) => Ask::post(encode([&message])),
            Line::Callbacks(_) => Ask::callback(&Callback::default(), &[message]),
            Line::Socket(_) => {
                let reply = self.ask(message)?;
                return Ok((reply, self.socket()?.trace.take()));
            }
        };
        let seen = self.http()?.ask(&ask)?;
        let messages = self.read(&seen)?;
        let reply = self.sort(messages).into_iter().next();
        let reply = reply.ok_or_else(|| Obstacle::Unusable("no reply".to_owned()))?;
        Ok((reply, Some(Box::new(seen.trace))))
    }

    /// Sends messages in one request, or one frame, and waits for their replies: in the order in
    /// which they came, and only as many as came.
    pub(super) fn ask_all(&mut self, messages: Vec<Message>) -> Result<Vec<Message>, Obstacle> {
        let begun = self.begin(messages)?;
        let patience = self.until.saturating_duration_since(Instant::now());
        let patience = match self.line {
            // The network timeout ends it.
            Line::Posts(_) | Line::Callbacks(_) => patience,
            Line::Socket(_) => patience.min(PROMPTLY * 2),
        };
        self.replies_to(&begun, patience)?
            .ok_or(Obstacle::OutOfTime)
    }

    /// Sends messages, and goes on without their replies.
    pub(super) fn begin(&mut self, messages: Vec<Message>) -> Result<Begun, Obstacle> {
        let ids = messages.iter().filter_map(Message::id).map(str::to_owned);
        let ids = ids.collect();
        let hold = self.until.saturating_duration_since(Instant::now());
        let pending = match &mut self.line {
            Line::Posts(http) => Some(http.begin(Ask::post(encode(&messages)).held(hold))),
            Line::Callbacks(http) => {
                let ask = Ask::callback(&Callback::default(), &messages).held(hold);
                Some(http.begin(ask))
            }
            Line::Socket(socket) => {
                socket.send(&encode(&messages))?;
                None
            }
        };
        Ok(Begun { ids, pending })
    }

    /// The replies to what was sent, if they come within this time. Deliveries are kept.
    pub(super) fn replies_to(
        &mut self,
        begun: &Begun,
        patience: Duration,
    ) -> Result<Option<Vec<Message>>, Obstacle> {
        if let Some(pending) = &begun.pending {
            let Some(seen) = pending.within(patience)? else {
                return Ok(None);
            };
            let messages = self.read(&seen)?;
            return Ok(Some(self.sort(messages)));
        }
        let until = Instant::now() + patience;
        let mut found = Vec::new();
        loop {
            let is_wanted = |it: &Message| {
                it.id()
                    .is_some_and(|id| begun.ids.iter().any(|wanted| wanted == id))
            };
            found.extend(self.replies.extract_if(.., |it| is_wanted(it)));
            if found.len() >= begun.ids.len().max(1) {
                return Ok(Some(found));
            }
            let left = until.saturating_duration_since(Instant::now());
            let Line::Socket(socket) = &mut self.line else {
                return Ok(Some(found));
            };
            // A server that does not stop talking must not keep it here.
            let came = if left.is_zero() {
                None
            } else {
                socket.messages(left)?
            };
            match came {
                Some(messages) => {
                    let replies = self.sort(messages);
                    self.replies.extend(replies);
                }
                None if found.is_empty() => return Ok(None),
                None => return Ok(Some(found)),
            }
        }
    }

    /// The data of what was delivered on a channel.
    pub(super) fn delivered(&self, channel: &str) -> Vec<&str> {
        let on_it = self.deliveries.iter().filter(|it| it.channel() == channel);
        on_it.map(|it| it.data().unwrap_or("")).collect()
    }

    pub(super) fn client_id(&self) -> Option<&str> {
        self.client_id.as_deref()
    }

    pub(super) fn connection_type(&self) -> ConnectionType {
        self.connection_type
    }

    /// The client below, where there is HTTP.
    pub(super) fn http(&self) -> Result<&Http, Obstacle> {
        match &self.line {
            Line::Posts(http) | Line::Callbacks(http) => Ok(http),
            Line::Socket(_) => Err(Obstacle::Inapplicable("it is about HTTP".to_owned())),
        }
    }

    /// The websocket below, where it is one.
    pub(super) fn socket(&mut self) -> Result<&mut Socket, Obstacle> {
        match &mut self.line {
            Line::Socket(socket) => Ok(socket),
            Line::Posts(_) | Line::Callbacks(_) => {
                Err(Obstacle::Inapplicable("it is about websockets".to_owned()))
            }
        }
    }

    fn read(&self, seen: &Seen) -> Result<Vec<Message>, Obstacle> {
        let Line::Callbacks(_) = &self.line else {
            return seen.messages();
        };
        if seen.status != 200 {
            return Err(Obstacle::Unusable(format!("HTTP {}", seen.status)));
        }
        let body = Callback::default().decode(&seen.body);
        let body =
            body.map_err(|error| Obstacle::Unusable(format!("no call in the response: {error}")))?;
        Ok(body.messages)
    }

    /// Keeps the deliveries; what is left are replies.
    fn sort(&mut self, messages: Vec<Message>) -> Vec<Message> {
        let (deliveries, replies): (Vec<_>, Vec<_>) = messages
            .into_iter()
            .partition(|it| it.kind() == Kind::Delivery);
        self.deliveries.extend(deliveries);
        replies
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if self.client_id.is_none() || self.is_left {
            return;
        }
        // The check may have used up its time; a session that stays behind is worse.
        self.until = Instant::now() + GOODBYE;
        match &mut self.line {
            Line::Posts(http) | Line::Callbacks(http) => http.take_leave(self.until),
            Line::Socket(socket) => socket.take_leave(self.until),
        }
        let disconnect = self.message(meta::DISCONNECT).build();
        if let Ok(begun) = self.begin(vec![disconnect]) {
            let _ = self.replies_to(&begun, GOODBYE);
        }
    }
}

/// A request that was refused is nothing to go on from: what may be done on which channel is the
/// server's to say, and whether it says so properly is for other checks.
pub(super) fn accepted(reply: &Message, what: &str) -> Result<(), Obstacle> {
    if reply.successful() == Some(true) {
        return Ok(());
    }
    let error = reply.error().map_or_else(String::new, |it| it.to_string());
    Err(Obstacle::Inapplicable(format!(
        "the server refuses {what}: {error}"
    )))
}

/// JSON that a check has in its source.
pub(super) fn json(text: &str) -> Json {
    // Not an `expect`: a slip in one check must not end the others.
    text.parse().unwrap_or_else(|_| Json::string(text))
}
