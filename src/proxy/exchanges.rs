//! The requests and responses of one connection: which bytes go on, and what they say.
//!
//! Without faults both are passed on as they come and only looked at. With faults a request is
//! read whole first, and the next one waits until its response is through.

mod passed;
mod responses;

use std::collections::VecDeque;
use std::time::Instant;

use super::disturbance::{Forward, Treatment, Verdict};
use super::event::{Side, What};
use super::exchange::{Begun, Passed};
use super::heads::{RequestHead, ResponseHead, with_body, with_headers};
use super::http1::{Part, Scan, Strange};
use super::hub::Hub;
use super::readable::{self, Kind};
use super::talk::Ways;
use crate::protocol::{Body, Message, encode};
use crate::server::response::{self, Persistence};
use crate::traffic::{self, Seen};

#[derive(Debug)]
pub(super) struct Exchanges {
    connection: u64,
    requests: Scan,
    responses: Scan,
    /// Whether faults may meet what passes.
    is_armed: bool,
    /// The request that is coming.
    request: Option<Incoming<RequestHead>>,
    /// Requests whose responses are to come.
    awaited: VecDeque<Awaited>,
    /// The response that is coming.
    response: Option<Incoming<ResponseHead>>,
    /// What the client sent before its turn.
    held_back: Vec<u8>,
}

/// A request or a response that is coming.
#[derive(Debug)]
struct Incoming<H> {
    head: H,
    body: Copy,
    /// What was not passed on yet.
    kept: Option<Vec<u8>>,
    /// When the head had come.
    since: Instant,
    /// Of a request, for whoever records it.
    begun: Option<Begun>,
}

/// A request that was passed on.
#[derive(Debug)]
struct Awaited {
    method: String,
    target: String,
    kind: Kind,
    /// Whose session it is of, or nobody's.
    client_id: String,
    /// The page that sent it.
    origin: Option<String>,
    is_upgrade: bool,
    since: Instant,
    treatment: Treatment,
    /// For whoever records it; what was told already is not told again.
    begun: Option<Begun>,
}

/// A body as it is looked at, up to a length.
#[derive(Debug, Default)]
struct Copy {
    bytes: Vec<u8>,
    is_too_long: bool,
}

/// What a response made of the connection.
pub(super) enum Answered {
    Stays,
    /// It has come for which this was held back.
    Released(Vec<u8>),
    Upgraded(Upgraded),
}

/// The connection goes on with frames.
pub(super) struct Upgraded {
    /// What was agreed upon.
    pub(super) extensions: Option<String>,
    /// Where the first frame begins.
    pub(super) frames_at: usize,
    /// Whether what came was passed on as it is.
    pub(super) is_passed_on: bool,
    /// What the client sent too early.
    pub(super) held_back: Vec<u8>,
}

impl Exchanges {
    pub(super) fn new(connection: u64, hub: &Hub) -> Self {
        Self {
            connection,
            requests: Scan::new(),
            responses: Scan::new(),
            is_armed: hub.disturbance().is_armed(),
            request: None,
            awaited: VecDeque::new(),
            response: None,
            held_back: Vec::new(),
        }
    }

    /// Whether no more of the client is to be read now: what follows a request for a websocket
    /// has to be read as its response says, and faults meet one request after the other.
    pub(super) fn holds_back(&self) -> bool {
        let last = self.awaited.back();
        last.is_some_and(|it| it.is_upgrade || self.is_armed)
    }

    pub(super) fn awaits_request(&self) -> bool {
        let is_kept = self.request.as_ref().is_some_and(|it| it.kept.is_some());
        self.requests.is_in_head() || is_kept
    }

    pub(super) fn awaits_response(&self) -> bool {
        self.n_unanswered() > 0 && self.responses.is_idle()
    }

    pub(super) fn n_unanswered(&self) -> usize {
        self.awaited.len() + usize::from(self.request.is_some())
    }

    pub(super) fn take_held_back(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.held_back)
    }

    /// Passes on requests, each with the server's name in its `Host`. On an error all that came
    /// has been passed on.
    pub(super) fn client_sent(
        &mut self,
        hub: &Hub,
        bytes: &[u8],
        ways: &mut Ways<'_>,
    ) -> Result<(), Strange> {
        let mut rest = bytes;
        loop {
            if self.holds_back() {
                self.held_back.extend_from_slice(rest);
                return Ok(());
            }
            let (used, part) = match self.requests.request(rest) {
                Ok(found) => found,
                Err(strange) => {
                    if self.requests.is_in_head() {
                        ways.server.push(&self.requests.take_kept());
                    }
                    self.pass_request_on(ways);
                    ways.server.push(rest);
                    return Err(strange);
                }
            };
            let (looked_at, next) = rest.split_at(used);
            rest = next;
            match part {
                Some(Part::Request(head)) => {
                    self.begin(hub, *head, ways);
                    continue;
                }
                Some(Part::Body(at)) => {
                    self.take(looked_at, ways);
                    if let Some(request) = &mut self.request {
                        request.body.take(&looked_at[at], hub.settings.max_body);
                        if request.body.is_too_long {
                            self.pass_request_on(ways);
                        }
                    }
                }
                Some(Part::End) => {
                    self.take(looked_at, ways);
                    self.requested(hub, ways);
                }
                Some(Part::Response(_)) | None => {
                    if self.request.is_some() {
                        self.take(looked_at, ways);
                    }
                    return Ok(());
                }
            }
        }
    }

    /// Passes on, or keeps for now, a part of a request.
    fn take(&mut self, bytes: &[u8], ways: &mut Ways<'_>) {
        match self.request.as_mut().and_then(|it| it.kept.as_mut()) {
            Some(kept) => kept.extend_from_slice(bytes),
            None => ways.server.push(bytes),
        }
    }

    /// The head of a request has come.
    fn begin(&mut self, hub: &Hub, head: RequestHead, ways: &mut Ways<'_>) {
        if self.awaited.is_empty() && self.response.is_none() {
            // Somebody may have switched a fault since.
            self.is_armed = hub.disturbance().is_armed();
        }
        let mut changes: Vec<(&str, Option<&[u8]>)> = vec![("host", Some(&hub.host))];
        if self.is_armed {
            // What is compressed cannot be altered, and whoever waits for a word of the server
            // would wait for ever, since the server has not heard of the request.
            changes.extend([
                ("accept-encoding", None),
                ("sec-websocket-extensions", None),
                ("expect", None),
            ]);
            if head.expects_continue {
                ways.client.push(b"HTTP/1.1 100 Continue\r\n\r\n".to_vec());
            }
        }
        let raw = with_headers(&head.raw, &changes);
        let begun = Begun::with_head(hub, &head.raw);
        let kept = match self.is_armed {
            true => Some(raw),
            false => {
                ways.server.push(&raw);
                None
            }
        };
        self.request = Some(Incoming {
            head,
            body: Copy::default(),
            kept,
            since: hub.now,
            begun,
        });
    }

    /// A request is not read whole after all.
    fn pass_request_on(&mut self, ways: &mut Ways<'_>) {
        if let Some(kept) = self.request.as_mut().and_then(|it| it.kept.take()) {
            ways.server.push(&kept);
        }
    }

    /// A request is whole.
    fn requested(&mut self, hub: &Hub, ways: &mut Ways<'_>) {
        let Some(Incoming {
            head,
            body,
            kept,
            mut begun,
            ..
        }) = self.request.take()
        else {
            return;
        };
        if let Some(begun) = &mut begun {
            begun.request.body = self.body_of_request(hub, &body);
        }
        let is_looked_at = hub.is_observed() || self.is_armed;
        let (kind, messages) = match is_looked_at {
            true => readable::of_request(&head, &body.bytes),
            false => (Kind::Other, None),
        };
        if body.is_too_long {
            let (from, reason) = (Side::Client, too_long(hub));
            hub.tell(self.connection, What::Unread { from, reason });
        }
        if let Some(body) = messages.clone() {
            let head = Some(traffic::RequestHead {
                content_type: head.content_type.clone(),
                cookies: head.cookies.clone(),
                user_agent: head.user_agent.clone(),
            });
            let seen = Seen::Request { body, head };
            hub.tell_seen(self.connection, kind.connection_type(), seen);
        }
        let mut client_ids = messages.iter().flat_map(|it| &it.messages);
        let client_id = client_ids.find_map(Message::client_id);
        let client_id = client_id.unwrap_or_default().to_owned();
        let mut awaited = Awaited {
            method: head.method.clone(),
            target: head.target.clone(),
            kind,
            client_id,
            origin: head.origin.clone(),
            is_upgrade: head.is_upgrade,
            since: hub.now,
            treatment: Treatment::default(),
            begun,
        };
        let Some(raw) = kept else {
            self.awaited.push_back(awaited);
            return;
        };
        let verdict = match (&messages, head.is_upgrade) {
            (_, true) => hub.disturbance().upgrade(hub.now),
            (Some(body), false) => hub.disturbance().judge(hub.now, &body.messages),
            (None, false) => Verdict::default(),
        };
        hub.tell_faults(self.connection, &verdict.faults);
        if let Some(instead) = verdict.instead {
            let response =
                response::instead(instead, &awaited.access_lines(), Persistence::KeepAlive);
            let status = instead.status();
            let head = traffic::ResponseHead {
                status,
                content_type: None,
                cookies_set: Vec::new(),
            };
            self.tell_exchange(hub, &mut awaited, Passed::of(&response), hub.now, &[]);
            self.tell_response(hub, &awaited, head, Body::default());
            return push(ways, &verdict.treatment, response);
        }
        awaited.treatment = verdict.treatment;
        match verdict.forward {
            Forward::AsItIs => ways.server.push(&raw),
            Forward::Others(messages) => {
                let request = with_messages(hub, &head, &awaited.kind, &messages);
                ways.server.push(&request);
            }
            Forward::Nothing => return self.answer(hub, ways, &mut awaited),
        }
        self.awaited.push_back(awaited);
    }

    /// Answers a request of which nothing went on to the server.
    fn answer(&mut self, hub: &Hub, ways: &mut Ways<'_>, awaited: &mut Awaited) {
        let (treatment, nothing) = (&awaited.treatment, Body::default());
        let (messages, _) =
            hub.disturbance()
                .treat_for(hub.now, treatment, &nothing, &awaited.client_id);
        let text = awaited.treatment.passage.encode(&messages);
        let (content_type, text) = match &awaited.kind {
            Kind::CallbackPolling(callback) => ("text/javascript", callback.call(&text)),
            Kind::LongPolling | Kind::Other => ("application/json", text),
        };
        let access_lines = awaited.access_lines();
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: {content_type};charset=UTF-8\r\n{access_lines}\r\n"
        );
        let response = with_body(head.as_bytes(), &[], text.as_bytes());
        let messages = messages.iter().map(|it| Message::clone(it)).collect();
        let body = Body {
            messages,
            ..Body::default()
        };
        let head = traffic::ResponseHead {
            status: 200,
            content_type: Some(content_type.to_owned()),
            cookies_set: Vec::new(),
        };
        let passed = Passed::of(&response);
        self.tell_exchange(hub, awaited, passed, hub.now, &body.messages);
        self.tell_response(hub, awaited, head, body);
        push(ways, &awaited.treatment, response);
    }
}

impl Awaited {
    /// The lines by which a browser lets its page read an answer of the proxy's own; those of
    /// the server's responses are the server's.
    ///
    /// Any page may: there is nothing of the server in it, and pages that the server does not
    /// allow have been told so by the server before, when they asked whether they may send JSON.
    fn access_lines(&self) -> String {
        match &self.origin {
            Some(origin) => format!(
                "Access-Control-Allow-Origin: {origin}\r\n\
                 Access-Control-Allow-Credentials: true\r\nVary: Origin\r\n"
            ),
            None => String::new(),
        }
    }
}

impl Copy {
    fn take(&mut self, piece: &[u8], limit: usize) {
        if self.is_too_long || self.bytes.len() + piece.len() > limit {
            self.is_too_long = true;
            self.bytes = Vec::new();
        } else {
            self.bytes.extend_from_slice(piece);
        }
    }
}

/// Hands a response to the client, in the steps that faults want.
fn push(ways: &mut Ways<'_>, treatment: &Treatment, response: Vec<u8>) {
    match treatment.passage.is_sound() {
        true => ways.client.push(response),
        false => ways.client.push_steps(treatment.passage.steps(response)),
    }
}

/// The request with other messages.
fn with_messages(hub: &Hub, head: &RequestHead, kind: &Kind, messages: &[Message]) -> Vec<u8> {
    let changes: [(&str, Option<&[u8]>); 4] = [
        ("host", Some(&hub.host)),
        ("accept-encoding", None),
        ("expect", None),
        ("content-type", Some(b"application/json;charset=UTF-8")),
    ];
    match kind {
        Kind::CallbackPolling(callback) => {
            let path = head.target.split('?').next().unwrap_or_default();
            let target = format!("{path}?{}", callback.query(messages));
            let raw = with_headers(&head.raw, &changes[..3]);
            let text = String::from_utf8_lossy(&raw);
            text.replacen(&head.target, &target, 1).into_bytes()
        }
        Kind::LongPolling | Kind::Other => {
            with_body(&head.raw, &changes, encode(messages).as_bytes())
        }
    }
}

fn too_long(hub: &Hub) -> String {
    let limit = hub.settings.max_body;
    format!("a body is longer than {limit} bytes")
}
