//! The requests and responses of one connection: which bytes go on, and what they say.
//!
//! Without faults both are passed on as they come and only looked at. With faults a request is
//! read whole first, and the next one waits until its response is through.

use std::collections::VecDeque;
use std::io;
use std::time::Instant;

use super::disturbance::{Forward, Treatment, Verdict};
use super::event::{Side, What};
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
    /// A delivery that waits for the next one.
    late: Option<Message>,
}

/// A request or a response that is coming.
#[derive(Debug)]
struct Incoming<H> {
    head: H,
    body: Copy,
    /// What was not passed on yet.
    kept: Option<Vec<u8>>,
}

/// A request that was passed on.
#[derive(Debug)]
struct Awaited {
    method: String,
    target: String,
    kind: Kind,
    is_upgrade: bool,
    since: Instant,
    treatment: Treatment,
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
            late: None,
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
        let Some(Incoming { head, body, kept }) = self.request.take() else {
            return;
        };
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
        let mut awaited = Awaited {
            method: head.method.clone(),
            target: head.target.clone(),
            kind,
            is_upgrade: head.is_upgrade,
            since: hub.now,
            treatment: Treatment::default(),
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
            let response = response::instead(instead, Persistence::KeepAlive);
            let status = instead.status();
            self.tell_answered(hub, &awaited, status, None, Body::default());
            return push(ways, &verdict.treatment, response);
        }
        awaited.treatment = verdict.treatment;
        match verdict.forward {
            Forward::AsItIs => ways.server.push(&raw),
            Forward::Others(messages) => {
                let request = with_messages(hub, &head, &awaited.kind, &messages);
                ways.server.push(&request);
            }
            Forward::Nothing => return self.answer(hub, ways, &awaited),
        }
        self.awaited.push_back(awaited);
    }

    /// Answers a request of which nothing went on to the server.
    fn answer(&mut self, hub: &Hub, ways: &mut Ways<'_>, awaited: &Awaited) {
        let nothing = Body::default();
        let (messages, _) =
            hub.disturbance()
                .treat(hub.now, &awaited.treatment, &nothing, &mut self.late);
        let text = awaited.treatment.passage.encode(&messages);
        let (content_type, text) = match &awaited.kind {
            Kind::CallbackPolling(callback) => ("text/javascript", callback.call(&text)),
            Kind::LongPolling | Kind::Other => ("application/json", text),
        };
        let head = format!("HTTP/1.1 200 OK\r\nContent-Type: {content_type};charset=UTF-8\r\n\r\n");
        let response = with_body(head.as_bytes(), &[], text.as_bytes());
        let messages = messages.iter().map(|it| Message::clone(it)).collect();
        let body = Body {
            messages,
            ..Body::default()
        };
        let content_type = Some(content_type.to_owned());
        self.tell_answered(hub, awaited, 200, content_type, body);
        push(ways, &awaited.treatment, response);
    }

    /// Passes on responses. What is no HTTP has been passed on as well.
    pub(super) fn server_sent(
        &mut self,
        hub: &Hub,
        bytes: &[u8],
        ways: &mut Ways<'_>,
    ) -> io::Result<Result<Answered, Strange>> {
        let keeps = self.is_armed && !self.awaited.is_empty() && self.wants_whole(hub);
        if !keeps {
            ways.client.send(bytes)?;
        }
        let mut at = 0;
        let mut kept = Vec::new();
        loop {
            let method = self.awaited.front().map_or("", |it| it.method.as_str());
            let rest = &bytes[at..];
            let (used, part) = match self.responses.response(rest, method) {
                Ok(found) => found,
                Err(strange) => {
                    if keeps {
                        kept.extend(self.take_response());
                        ways.client.send(&kept)?;
                        ways.client.send(rest)?;
                    }
                    return Ok(Err(strange));
                }
            };
            let looked_at = &rest[..used];
            at += used;
            if keeps {
                match self.response.as_mut().and_then(|it| it.kept.as_mut()) {
                    Some(kept) => kept.extend_from_slice(looked_at),
                    // What of a head came before is in the head.
                    None => match &part {
                        Some(Part::Response(_)) | None => {}
                        Some(_) => kept.extend_from_slice(looked_at),
                    },
                }
            }
            match part {
                Some(Part::Response(head)) if head.is_interim() => {
                    if keeps {
                        ways.client.send(&head.raw)?;
                    }
                }
                Some(Part::Response(head)) if head.status == 101 => {
                    let treatment = self.awaited.front().map(|it| it.treatment.clone());
                    if keeps {
                        push(ways, &treatment.unwrap_or_default(), head.raw);
                    }
                    return Ok(Ok(Answered::Upgraded(Upgraded {
                        extensions: head.extensions,
                        frames_at: at,
                        is_passed_on: !keeps,
                        held_back: self.take_held_back(),
                    })));
                }
                Some(Part::Response(head)) => {
                    self.response = Some(Incoming {
                        kept: keeps.then(|| head.raw.clone()),
                        head: *head,
                        body: Copy::default(),
                    });
                }
                Some(Part::Body(part)) => {
                    if let Some(response) = &mut self.response {
                        let body = &looked_at[part];
                        response.body.take(body, hub.settings.max_body);
                        if response.body.is_too_long
                            && let Some(kept) = &mut response.kept
                        {
                            // It passes as it comes from here on.
                            ways.client.send(&std::mem::take(kept))?;
                        }
                    }
                }
                Some(Part::End) => {
                    self.answered(hub, ways)?;
                    if !self.holds_back() && !self.held_back.is_empty() {
                        // What else has come is of a response that nobody asked for yet.
                        return Ok(Ok(Answered::Released(self.take_held_back())));
                    }
                }
                Some(Part::Request(_)) | None => return Ok(Ok(Answered::Stays)),
            }
        }
    }

    /// The server sends nothing more: what was kept of a response is all there will be.
    pub(super) fn server_ended(&mut self, hub: &Hub, ways: &mut Ways<'_>) -> io::Result<()> {
        if self.responses.ends_with_connection() {
            return self.answered(hub, ways);
        }
        let kept = self.take_response();
        ways.client.send(&kept)
    }

    /// Whether the response that comes, or comes next, has to be there before it is passed on.
    fn wants_whole(&self, hub: &Hub) -> bool {
        if let Some(response) = &self.response {
            return response.kept.is_some();
        }
        let first = self.awaited.front();
        first.is_some_and(|it| {
            let is_delivery = it.kind != Kind::Other && hub.disturbance().concerns_deliveries();
            is_delivery || !it.treatment.is_nothing() || it.is_upgrade
        })
    }

    fn take_response(&mut self) -> Vec<u8> {
        let kept = self.response.as_mut().and_then(|it| it.kept.take());
        let mut all = kept.unwrap_or_default();
        if self.responses.is_in_head() && self.is_armed {
            all.extend(self.responses.take_kept());
        }
        all
    }

    /// A response is whole.
    fn answered(&mut self, hub: &Hub, ways: &mut Ways<'_>) -> io::Result<()> {
        let Some(Incoming { head, body, kept }) = self.response.take() else {
            return Ok(());
        };
        let Some(awaited) = self.awaited.pop_front() else {
            return match kept {
                Some(kept) => ways.client.send(&kept),
                None => Ok(()),
            };
        };
        if !hub.is_observed() && kept.is_none() {
            return Ok(());
        }
        let limit = hub.settings.max_body;
        let readable = match body.is_too_long {
            true => Err(too_long(hub)),
            false => readable::of_response(&awaited.kind, &head, &body.bytes, limit),
        };
        let messages = readable.unwrap_or_else(|reason| {
            let from = Side::Server;
            hub.tell(self.connection, What::Unread { from, reason });
            Some(Body::default())
        });
        let content_type = head.content_type.clone();
        if messages.is_none() {
            let path = awaited.target.split('?').next().unwrap_or_default();
            let other = What::Other {
                method: awaited.method.clone(),
                path: path.to_owned(),
                status: head.status,
                content_type,
                latency: hub.now.saturating_duration_since(awaited.since),
            };
            hub.tell(self.connection, other);
        }
        let mut messages = messages.unwrap_or_default();
        if let Some(kept) = kept.filter(|it| !it.is_empty()) {
            self.disturb(hub, ways, &awaited, (&head, kept), &mut messages);
        }
        self.tell_response(hub, &awaited, &head, messages);
        Ok(())
    }

    /// Passes a response on as the faults want it; `messages` are then what the client gets.
    fn disturb(
        &mut self,
        hub: &Hub,
        ways: &mut Ways<'_>,
        awaited: &Awaited,
        (head, kept): (&ResponseHead, Vec<u8>),
        messages: &mut Body,
    ) {
        let treatment = &awaited.treatment;
        let mut disturbance = hub.disturbance();
        let (treated, is_changed) = disturbance.treat(hub.now, treatment, messages, &mut self.late);
        drop(disturbance);
        let sound = encode(treated.iter().map(AsRef::as_ref));
        let text = treatment.passage.encode(&treated);
        let is_bayeux = awaited.kind != Kind::Other && !messages.messages.is_empty();
        if !is_bayeux || !is_changed && text == sound {
            return push(ways, treatment, kept);
        }
        messages.messages = treated.iter().map(|it| Message::clone(it)).collect();
        let text = match &awaited.kind {
            Kind::CallbackPolling(callback) => callback.call(&text),
            Kind::LongPolling | Kind::Other => text,
        };
        push(ways, treatment, with_body(&head.raw, &[], text.as_bytes()));
    }

    fn tell_response(&self, hub: &Hub, awaited: &Awaited, head: &ResponseHead, body: Body) {
        if awaited.kind != Kind::Other {
            let head = Some(traffic::ResponseHead {
                status: head.status,
                content_type: head.content_type.clone(),
                cookies_set: head.set_cookies.clone(),
            });
            let seen = Seen::Response { body, head };
            hub.tell_seen(self.connection, awaited.kind.connection_type(), seen);
        }
    }

    /// Tells of an answer of the proxy's own.
    fn tell_answered(
        &self,
        hub: &Hub,
        awaited: &Awaited,
        status: u16,
        content_type: Option<String>,
        body: Body,
    ) {
        if awaited.kind != Kind::Other {
            let head = Some(traffic::ResponseHead {
                status,
                content_type,
                cookies_set: Vec::new(),
            });
            let seen = Seen::Response { body, head };
            hub.tell_seen(self.connection, awaited.kind.connection_type(), seen);
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
