//! What passes over one connection, as HTTP first and perhaps as frames then: which bytes go on,
//! and what they say.
//!
//! ```text
//!   Http ---> Frames   after a response 101
//!     |          |
//!     +----------+---> Unseen: what cannot be followed is passed on all the same
//! ```

use std::collections::VecDeque;
use std::io;

use super::event::{Side, What};
use super::frames::{Frames, Passed};
use super::heads::{RequestHead, ResponseHead, with_headers};
use super::http1::{Part, Scan, Strange};
use super::hub::Hub;
use super::inflate::Inflate;
use super::outgoing::Outgoing;
use super::readable::{self, Kind};
use crate::protocol::{Body, ConnectionType};
use crate::server::connection::pipe::Pipe;
use crate::traffic::{self, Seen};

/// What passes over one connection.
#[derive(Debug)]
pub(super) struct Talk {
    connection: u64,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    Http(Box<Http>),
    Frames(Box<[Frames; 2]>),
    Unseen,
}

#[derive(Debug)]
struct Http {
    requests: Scan,
    responses: Scan,
    /// The request that is coming.
    request: Option<(RequestHead, Copy)>,
    /// Requests whose responses are to come.
    awaited: VecDeque<Awaited>,
    /// The response that is coming.
    response: Option<(ResponseHead, Copy)>,
    /// What the client sent behind the request for a websocket: how it has to be read depends on
    /// the response.
    held_back: Vec<u8>,
}

/// A request that was passed on.
#[derive(Debug)]
struct Awaited {
    method: String,
    target: String,
    kind: Kind,
    is_upgrade: bool,
    since: std::time::Instant,
}

/// A body as it is looked at, up to a length.
#[derive(Debug, Default)]
struct Copy {
    bytes: Vec<u8>,
    is_too_long: bool,
}

/// Where bytes go to.
pub(super) struct Ways<'a> {
    pub(super) client: &'a mut Pipe,
    pub(super) server: &'a mut Outgoing,
}

impl Talk {
    pub(super) fn new(connection: u64) -> Self {
        Self {
            connection,
            stage: Stage::Http(Box::new(Http {
                requests: Scan::new(),
                responses: Scan::new(),
                request: None,
                awaited: VecDeque::new(),
                response: None,
                held_back: Vec::new(),
            })),
        }
    }

    /// Whether no more of the client is to be read now.
    pub(super) fn holds_back(&self) -> bool {
        match &self.stage {
            Stage::Http(http) => http.is_upgrading(),
            Stage::Frames(_) | Stage::Unseen => false,
        }
    }

    /// Whether a head of a request has begun and is not there.
    pub(super) fn awaits_head(&self) -> bool {
        matches!(&self.stage, Stage::Http(http) if http.requests.is_in_head())
    }

    /// Whether an answer of the proxy's own would be the response to a request.
    pub(super) fn awaits_response(&self) -> bool {
        match &self.stage {
            Stage::Http(http) => http.n_unanswered() > 0 && http.responses.is_idle(),
            Stage::Frames(_) | Stage::Unseen => false,
        }
    }

    /// Requests without a whole response.
    pub(super) fn n_unanswered(&self) -> usize {
        match &self.stage {
            Stage::Http(http) => http.n_unanswered(),
            Stage::Frames(_) | Stage::Unseen => 0,
        }
    }

    pub(super) fn connection_type(&self) -> ConnectionType {
        match &self.stage {
            Stage::Frames(_) => ConnectionType::WebSocket,
            Stage::Http(_) | Stage::Unseen => ConnectionType::LongPolling,
        }
    }

    /// Passes on what the client has sent.
    pub(super) fn from_client(
        &mut self,
        hub: &Hub,
        bytes: &[u8],
        ways: &mut Ways<'_>,
    ) -> io::Result<()> {
        match &mut self.stage {
            Stage::Http(http) => {
                if let Err(Strange(reason)) = http.from_client(hub, self.connection, bytes, ways) {
                    self.give_up(hub, Side::Client, &reason);
                }
            }
            Stage::Frames(frames) => {
                ways.server.push(bytes);
                if hub.is_observed() {
                    look(&mut frames[0], hub, self.connection, Side::Client, bytes);
                }
            }
            Stage::Unseen => ways.server.push(bytes),
        }
        Ok(())
    }

    /// Passes on what the server has sent.
    pub(super) fn from_server(
        &mut self,
        hub: &Hub,
        bytes: &[u8],
        ways: &mut Ways<'_>,
    ) -> io::Result<()> {
        match &mut self.stage {
            Stage::Http(http) => {
                ways.client.send(bytes)?;
                match http.from_server(hub, self.connection, bytes) {
                    Ok(Answered::Stays) => {}
                    Ok(Answered::Upgraded(extensions, used)) => {
                        let held_back = std::mem::take(&mut http.held_back);
                        let max = hub.settings.max_body;
                        let [client, server] = Inflate::agreed(extensions.as_deref());
                        let frames = [Frames::new(max, client), Frames::new(max, server)];
                        self.stage = Stage::Frames(Box::new(frames));
                        let connection = self.connection;
                        hub.tell(connection, What::Upgraded);
                        if let Stage::Frames(frames) = &mut self.stage {
                            look(
                                &mut frames[1],
                                hub,
                                connection,
                                Side::Server,
                                &bytes[used..],
                            );
                        }
                        self.from_client(hub, &held_back, ways)?;
                    }
                    Ok(Answered::Refused) => {
                        let held_back = std::mem::take(&mut http.held_back);
                        self.from_client(hub, &held_back, ways)?;
                    }
                    Err(Strange(reason)) => {
                        let held_back = std::mem::take(&mut http.held_back);
                        ways.server.push(&held_back);
                        self.give_up(hub, Side::Server, &reason);
                    }
                }
            }
            Stage::Frames(frames) => {
                ways.client.send(bytes)?;
                if hub.is_observed() {
                    look(&mut frames[1], hub, self.connection, Side::Server, bytes);
                }
            }
            Stage::Unseen => ways.client.send(bytes)?,
        }
        Ok(())
    }

    /// The server sends nothing more.
    pub(super) fn server_ended(&mut self, hub: &Hub) {
        if let Stage::Http(http) = &mut self.stage
            && http.responses.ends_with_connection()
        {
            http.answered(hub, self.connection);
        }
    }

    fn give_up(&mut self, hub: &Hub, from: Side, reason: &str) {
        self.stage = Stage::Unseen;
        let reason = format!("{reason}; what follows on this connection is not looked at");
        hub.tell(self.connection, What::Unread { from, reason });
    }
}

/// What a response made of the connection.
enum Answered {
    Stays,
    /// It goes on with frames: the extensions that were agreed, and where the frames begin.
    Upgraded(Option<String>, usize),
    /// It asked for a websocket and got none.
    Refused,
}

impl Http {
    fn is_upgrading(&self) -> bool {
        self.awaited.back().is_some_and(|it| it.is_upgrade)
    }

    fn n_unanswered(&self) -> usize {
        self.awaited.len() + usize::from(self.request.is_some())
    }

    /// Passes on requests, each with the server's name in its `Host`. On an error all that came
    /// has been passed on.
    fn from_client(
        &mut self,
        hub: &Hub,
        connection: u64,
        bytes: &[u8],
        ways: &mut Ways<'_>,
    ) -> Result<(), Strange> {
        let mut rest = bytes;
        loop {
            if self.is_upgrading() {
                self.held_back.extend_from_slice(rest);
                return Ok(());
            }
            let (used, part) = match self.requests.request(rest) {
                Ok(found) => found,
                Err(strange) => {
                    if self.requests.is_in_head() {
                        ways.server.push(&self.requests.take_kept());
                    }
                    ways.server.push(rest);
                    return Err(strange);
                }
            };
            let (looked_at, next) = rest.split_at(used);
            rest = next;
            match part {
                Some(Part::Request(head)) => {
                    let host: &[u8] = &hub.host;
                    ways.server
                        .push(&with_headers(&head.raw, &[("host", Some(host))]));
                    self.request = Some((*head, Copy::default()));
                    continue;
                }
                Some(Part::Body(at)) => {
                    if let Some((_, copy)) = &mut self.request {
                        copy.take(&looked_at[at], hub.settings.max_body);
                    }
                }
                Some(Part::End) => {
                    ways.server.push(looked_at);
                    self.requested(hub, connection);
                    continue;
                }
                Some(Part::Response(_)) | None => {
                    if self.request.is_some() {
                        ways.server.push(looked_at);
                    }
                    return Ok(());
                }
            }
            ways.server.push(looked_at);
        }
    }

    /// A request is whole.
    fn requested(&mut self, hub: &Hub, connection: u64) {
        let Some((head, copy)) = self.request.take() else {
            return;
        };
        let (kind, body) = match hub.is_observed() {
            true => readable::of_request(&head, &copy.bytes),
            false => (Kind::Other, None),
        };
        if copy.is_too_long {
            let reason = too_long(hub);
            let from = Side::Client;
            hub.tell(connection, What::Unread { from, reason });
        }
        if let Some(body) = body {
            let head = Some(traffic::RequestHead {
                content_type: head.content_type,
                cookies: head.cookies,
            });
            let seen = Seen::Request { body, head };
            hub.tell_seen(connection, kind.connection_type(), seen);
        }
        self.awaited.push_back(Awaited {
            method: head.method,
            target: head.target,
            kind,
            is_upgrade: head.is_upgrade,
            since: hub.now,
        });
    }

    /// Looks at responses; they have been passed on.
    fn from_server(
        &mut self,
        hub: &Hub,
        connection: u64,
        bytes: &[u8],
    ) -> Result<Answered, Strange> {
        let mut at = 0;
        loop {
            let method = self.awaited.front().map_or("", |it| it.method.as_str());
            let (used, part) = self.responses.response(&bytes[at..], method)?;
            let looked_at = at..at + used;
            at += used;
            match part {
                Some(Part::Response(head)) if head.is_interim() => {}
                Some(Part::Response(head)) if head.status == 101 => {
                    return Ok(Answered::Upgraded(head.extensions, at));
                }
                Some(Part::Response(head)) => self.response = Some((*head, Copy::default())),
                Some(Part::Body(part)) => {
                    if let Some((_, copy)) = &mut self.response {
                        let body = &bytes[looked_at][part];
                        copy.take(body, hub.settings.max_body);
                    }
                }
                Some(Part::End) => {
                    if self.answered(hub, connection) {
                        // What else has come is the next response, once it is asked for.
                        return Ok(Answered::Refused);
                    }
                }
                Some(Part::Request(_)) | None => return Ok(Answered::Stays),
            }
        }
    }

    /// A response is whole; whether it is to a request for a websocket.
    fn answered(&mut self, hub: &Hub, connection: u64) -> bool {
        let Some((head, copy)) = self.response.take() else {
            return false;
        };
        let Some(awaited) = self.awaited.pop_front() else {
            return false;
        };
        if !hub.is_observed() {
            return awaited.is_upgrade;
        }
        let body = match copy.is_too_long {
            true => Err(too_long(hub)),
            false => {
                let limit = hub.settings.max_body;
                readable::of_response(&awaited.kind, &head, &copy.bytes, limit)
            }
        };
        let body = body.unwrap_or_else(|reason| {
            let from = Side::Server;
            hub.tell(connection, What::Unread { from, reason });
            Some(Body::default())
        });
        if body.is_none() {
            let path = awaited.target.split('?').next().unwrap_or_default();
            let other = What::Other {
                method: awaited.method,
                path: path.to_owned(),
                status: head.status,
                content_type: head.content_type.clone(),
                latency: hub.now.saturating_duration_since(awaited.since),
            };
            hub.tell(connection, other);
        }
        if awaited.kind != Kind::Other {
            let head = Some(traffic::ResponseHead {
                status: head.status,
                content_type: head.content_type,
                cookies_set: head.set_cookies,
            });
            let body = body.unwrap_or_default();
            let seen = Seen::Response { body, head };
            hub.tell_seen(connection, awaited.kind.connection_type(), seen);
        }
        awaited.is_upgrade
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

/// Looks at what passes over a websocket.
fn look(frames: &mut Frames, hub: &Hub, connection: u64, from: Side, bytes: &[u8]) {
    let mut rest = bytes;
    loop {
        let (used, passed) = frames.look(rest);
        rest = &rest[used..];
        let Some(passed) = passed else { return };
        tell(hub, connection, from, passed);
    }
}

fn tell(hub: &Hub, connection: u64, from: Side, passed: Passed) {
    let unread = |reason| What::Unread { from, reason };
    hub.tell(
        connection,
        match passed {
            Passed::Control => return,
            Passed::Unknown(reason) | Passed::Lost(reason) => unread(reason),
            Passed::Close(code, reason) => What::WebSocketClosed { from, code, reason },
            Passed::Text(text) => {
                let Some(body) = readable::of_text(&text) else {
                    return hub.tell(connection, unread("a frame that is no Bayeux".to_owned()));
                };
                let seen = match from {
                    Side::Client => Seen::Request { body, head: None },
                    Side::Server => Seen::Response { body, head: None },
                };
                return hub.tell_seen(connection, ConnectionType::WebSocket, seen);
            }
        },
    );
}

fn too_long(hub: &Hub) -> String {
    let limit = hub.settings.max_body;
    format!("a body is longer than {limit} bytes")
}
