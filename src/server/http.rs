//! HTTP/1.1 requests out of the bytes of a connection, without socket. The framing is
//! ureq-proto's.
//!
//! ```text
//!   bytes -> push() -> poll() -> NeedsMore | Continue | Answered | Request | Refused | Upgrade
//!                        ^                        |          |         |         |
//!                        +-------- next request --+----------+         |         +-- no more HTTP
//!                                                                      +-- the connection ends
//! ```

mod body;
mod head;
mod limits;
#[cfg(test)]
mod tests;

use std::mem;
use std::sync::Arc;

use ureq_proto::http::{self, Method};
use ureq_proto::server::state::RecvRequest;
use ureq_proto::server::{RecvRequestResult, Reply};

use self::body::{Coding, Incoming};
pub(super) use self::head::Head;
use self::head::{MAX_HEAD, bad_request, check, check_no_body, too_long_head};
pub(super) use self::limits::Limits;
use super::headers::persistence;
use super::origin::{self, Access};
use super::pages::PageRequest;
use super::query::Query;
use super::refused::Refused;
use super::response::{self, Persistence};
use super::upgrade::Upgrade;
use crate::protocol::ConnectionType;

/// Reads the requests of one connection.
pub(super) struct Receiver {
    limits: Arc<Limits>,
    input: Vec<u8>,
    /// Up to where the input was searched for the end of a head.
    searched: usize,
    stage: Stage,
}

/// What a receiver made of its input.
#[derive(Debug)]
pub(super) enum Received {
    /// A request has begun or is awaited; more bytes are needed.
    NeedsMore,
    /// The client waits for these bytes before it sends its body.
    Continue(Vec<u8>),
    /// One whole request.
    Request(Request),
    /// What is to be said to the request, which asked for nothing but that.
    Answered(Vec<u8>, Persistence),
    /// One whole request for a page, or for what belongs to it.
    Page(PageRequest),
    /// The connection is of no further use once this was answered.
    Refused(Refused),
    /// The connection is to go on as a websocket, with these bytes, which came already.
    Upgrade(Upgrade, Vec<u8>),
}

/// Messages for the endpoint: a POST with them in its body, or a GET with them in its query.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Request {
    pub(super) head: Head,
    pub(super) body: Vec<u8>,
}

enum Stage {
    Head,
    Body(Box<Incoming>),
}

impl Receiver {
    pub(super) fn new(limits: Arc<Limits>) -> Self {
        Self {
            limits,
            input: Vec::new(),
            searched: 0,
            stage: Stage::Head,
        }
    }

    /// Takes bytes from the connection.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.input.extend_from_slice(bytes);
    }

    /// Goes on with what was pushed. To be called until it needs more.
    pub(super) fn poll(&mut self) -> Received {
        let polled = match mem::replace(&mut self.stage, Stage::Head) {
            Stage::Head => self.head(),
            Stage::Body(incoming) => {
                let access = incoming.access().clone();
                self.body(incoming)
                    .map_err(|error| error.to(&Method::POST, &access))
            }
        };
        if self.input.is_empty() {
            // Thousands of idle connections should not keep the buffer of their last request.
            self.input = Vec::new();
        }
        polled.unwrap_or_else(Received::Refused)
    }

    /// Whether nothing of a next request has come.
    pub(super) fn is_idle(&self) -> bool {
        self.input.is_empty() && matches!(self.stage, Stage::Head)
    }

    fn head(&mut self) -> Result<Received, Refused> {
        // The head is parsed from its start each time: only do so when a line has ended,
        // or a client that sends single bytes would cost the square of their number.
        if !self.input[self.searched..].contains(&b'\n') {
            self.searched = self.input.len();
            return self.more_head();
        }
        self.searched = self.input.len();
        let mut reply: Reply<RecvRequest> = Reply::new().map_err(bad_request)?;
        let (used, request) = reply.try_request(&self.input).map_err(bad_request)?;
        let Some(request) = request else {
            return self.more_head();
        };
        // It may have come in one piece.
        if used > MAX_HEAD {
            return Err(too_long_head());
        }
        self.input.drain(..used);
        self.searched = 0;
        if let Some(page) = PageRequest::of(&request, &self.limits.path) {
            return page
                .map(Received::Page)
                .map_err(|error| error.to(request.method(), &Access::default()));
        }
        let access = self.limits.access(&request)?;
        let method = request.method().clone();
        self.begin(reply, request, &access)
            .map_err(|error| error.to(&method, &access))
    }

    /// Goes on with a request whose head is there.
    fn begin(
        &mut self,
        reply: Reply<RecvRequest>,
        request: http::Request<()>,
        access: &Access,
    ) -> Result<Received, Refused> {
        let web_socket = ConnectionType::WebSocket;
        if self.limits.connection_types.contains(&web_socket)
            && let Some(upgrade) = Upgrade::asked_for(&request)
        {
            return upgrade.map(|it| Received::Upgrade(it, mem::take(&mut self.input)));
        }
        check(&request)?;
        let persistence = persistence(&request);
        if request.method() == Method::OPTIONS {
            check_no_body(&request)?;
            let lines = origin::preflight_lines(request.headers());
            let response = response::options(&lines, access, persistence);
            return Ok(Received::Answered(response, persistence));
        }
        let query = self.limits.query(&request)?;
        let (callback, body) = match query {
            Some(Query { callback, messages }) => (Some(callback), messages),
            None => (None, Vec::new()),
        };
        let head = Head::of(&request, callback, access.clone());
        let coding = Coding::of(request.headers());
        match reply.proceed() {
            Some(RecvRequestResult::RecvBody(reply)) => {
                let incoming = Incoming::new(reply, &self.limits, coding, head, body)?;
                self.body(incoming)
            }
            Some(RecvRequestResult::Send100(reply)) => {
                let mut line = [0; 64];
                let (length, reply) = reply.accept(&mut line).map_err(bad_request)?;
                let incoming = Incoming::new(reply, &self.limits, coding, head, body)?;
                self.stage = Stage::Body(incoming);
                // A client that did not wait for the line needs it all the same.
                Ok(Received::Continue(line[..length].to_vec()))
            }
            Some(RecvRequestResult::ProvideResponse(_)) => {
                Ok(Received::Request(Request { head, body }))
            }
            None => self.more_head(),
        }
    }

    fn more_head(&self) -> Result<Received, Refused> {
        if self.input.len() > MAX_HEAD {
            return Err(too_long_head());
        }
        Ok(Received::NeedsMore)
    }

    fn body(&mut self, mut incoming: Box<Incoming>) -> Result<Received, Refused> {
        incoming.read(&mut self.input, &self.limits)?;
        if incoming.is_whole() {
            let (head, body) = incoming.into_parts();
            return Ok(Received::Request(Request { head, body }));
        }
        self.stage = Stage::Body(incoming);
        Ok(Received::NeedsMore)
    }
}
