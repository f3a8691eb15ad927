//! HTTP/1.1 requests out of the bytes of a connection, without socket. The framing is
//! ureq-proto's.
//!
//! ```text
//!   bytes -> push() -> poll() -> NeedsMore | Continue | Answered | Request | Refused | Upgrade
//!                        ^                        |          |         |         |
//!                        +-------- next request --+----------+         |         +-- no more HTTP
//!                                                                      +-- the connection ends
//! ```

#[cfg(test)]
mod tests;

use std::mem;
use std::sync::Arc;

use ureq_proto::BodyMode;
use ureq_proto::http::{self, HeaderMap, HeaderName, Method, StatusCode, Version, header};
use ureq_proto::server::state::{RecvBody, RecvRequest};
use ureq_proto::server::{RecvRequestResult, Reply};

use super::AllowedOrigin;
use super::origin::{self, Access};
use super::pages::PageRequest;
use super::query::{self, Query};
use super::response::{self, Form, Persistence};
use super::upgrade::Upgrade;
use crate::protocol::ConnectionType;

/// Longest request head, and longest line of a chunked body.
const MAX_HEAD: usize = 64 * 1024;

/// Reads the requests of one connection.
pub(super) struct Receiver {
    limits: Arc<Limits>,
    input: Vec<u8>,
    /// Up to where the input was searched for the end of a head.
    searched: usize,
    stage: Stage,
}

/// What a receiver accepts.
#[derive(Clone, Debug)]
pub(super) struct Limits {
    /// Path of the endpoint, without a slash at its end.
    pub(super) path: String,
    /// The transports that are spoken at the endpoint.
    pub(super) connection_types: &'static [ConnectionType],
    /// Where there is something else that takes a POST.
    pub(super) other_path: Option<&'static str>,
    /// Longest body in bytes.
    pub(super) max_body: usize,
    /// Whose pages may send anything, beside those on loopback.
    pub(super) allow_origins: Vec<AllowedOrigin>,
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

/// What the server wants to know of a request's head.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Head {
    pub(super) persistence: Persistence,
    pub(super) path: String,
    /// What the response has to look like.
    pub(super) form: Form,
    /// The token of an `Authorization: Bearer` (or `OAuth`) header.
    pub(super) bearer: Option<String>,
    /// The values of all `Cookie` headers, as one.
    pub(super) cookies: String,
    /// The `User-Agent` header.
    pub(super) user_agent: Option<String>,
}

/// A request that is answered with an HTTP error.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Refused {
    pub(super) status: StatusCode,
    /// One line of text for a human.
    pub(super) reason: String,
    method: Method,
    access: Access,
}

enum Stage {
    Head,
    Body(Box<Incoming>),
}

/// A request whose body is being received.
struct Incoming {
    reply: Reply<RecvBody>,
    head: Head,
    coding: Coding,
    body: Vec<u8>,
}

/// How the messages stand in a body.
#[derive(Clone, Copy)]
enum Coding {
    /// As JSON, whatever the type is said to be: clients say `text/json`, `text/plain` or
    /// nothing.
    Json,
    /// In the fields `message` of a form (Bayeux 1.0, "The long-polling transport"), as
    /// dojox.cometd 1.7 and older clients send them.
    Form,
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
                let access = incoming.head.form.access.clone();
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
        let access = self.access(&request)?;
        let method = request.method().clone();
        self.begin(reply, request, &access)
            .map_err(|error| error.to(&method, &access))
    }

    /// Whether there is something at the path for the page that sends this, if a page does.
    fn access(&self, request: &http::Request<()>) -> Result<Access, Refused> {
        self.check_path(request)
            .and_then(|()| Access::of(request, &self.limits.allow_origins))
            .map_err(|error| error.to(request.method(), &Access::default()))
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
        let query = self.query(&request)?;
        let (callback, body) = match query {
            Some(Query { callback, messages }) => (Some(callback), messages),
            None => (None, Vec::new()),
        };
        let access = access.clone();
        let head = Head {
            persistence,
            path: request.uri().path().to_owned(),
            form: Form { callback, access },
            bearer: bearer(request.headers()),
            cookies: cookies(request.headers()),
            user_agent: text(request.headers(), header::USER_AGENT).map(str::to_owned),
        };
        let coding = Coding::of(request.headers());
        match reply.proceed() {
            Some(RecvRequestResult::RecvBody(reply)) => {
                self.check_length(reply.body_mode())?;
                self.body(Box::new(Incoming {
                    reply,
                    head,
                    coding,
                    body,
                }))
            }
            Some(RecvRequestResult::Send100(reply)) => {
                let mut line = [0; 64];
                let (length, reply) = reply.accept(&mut line).map_err(bad_request)?;
                self.check_length(reply.body_mode())?;
                self.stage = Stage::Body(Box::new(Incoming {
                    reply,
                    head,
                    coding,
                    body,
                }));
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

    fn check_path(&self, request: &http::Request<()>) -> Result<(), Refused> {
        let path = request.uri().path();
        let is_below = |parent: &str| {
            let rest = path.strip_prefix(parent);
            rest.is_some_and(|it| it.is_empty() || it.starts_with('/'))
        };
        let other_path = self.limits.other_path;
        let is_for_it = matches!(*request.method(), Method::POST | Method::OPTIONS);
        let other_path = other_path.filter(|_| is_for_it);
        if is_below(&self.limits.path) || other_path.is_some_and(is_below) {
            return Ok(());
        }
        let reason = format!("nothing here; the endpoint is {}", self.limits.path);
        Err(refused(StatusCode::NOT_FOUND, &reason))
    }

    /// What a GET has in its query instead of a body.
    fn query(&self, request: &http::Request<()>) -> Result<Option<Query>, Refused> {
        if request.method() != Method::GET {
            return Ok(None);
        }
        check_no_body(request)?;
        let query = Query::parse(request.uri().query().unwrap_or_default())
            .map_err(|error| refused(StatusCode::BAD_REQUEST, &error.to_string()))?;
        if query.messages.len() > self.limits.max_body {
            return Err(self.body_too_long());
        }
        Ok(Some(query))
    }

    fn check_length(&self, mode: BodyMode) -> Result<(), Refused> {
        match mode {
            BodyMode::LengthDelimited(length) if length > self.limits.max_body as u64 => {
                Err(self.body_too_long())
            }
            _ => Ok(()),
        }
    }

    fn body(&mut self, mut incoming: Box<Incoming>) -> Result<Received, Refused> {
        let Incoming { reply, body, .. } = &mut *incoming;
        // The framing stops after each chunk: of many small ones none may cost a look at all
        // that has come.
        let (mut used, mut length) = (0, body.len());
        body.resize(length + self.input.len(), 0);
        while !reply.is_ended() {
            let (read, written) = reply
                .read(&self.input[used..], &mut body[length..])
                .map_err(bad_request)?;
            used += read;
            length += written;
            if read == 0 {
                break;
            }
        }
        body.truncate(length);
        self.input.drain(..used);
        if length > self.limits.max_body {
            return Err(self.body_too_long());
        }
        if incoming.reply.is_ended() {
            let Incoming {
                head, coding, body, ..
            } = *incoming;
            let body = match coding {
                Coding::Json => body,
                Coding::Form => query::messages_of_form(body),
            };
            return Ok(Received::Request(Request { head, body }));
        }
        if self.input.len() > MAX_HEAD {
            let reason = "a line of the chunked body is too long";
            return Err(refused(StatusCode::BAD_REQUEST, reason));
        }
        self.stage = Stage::Body(incoming);
        Ok(Received::NeedsMore)
    }

    fn body_too_long(&self) -> Refused {
        let reason = format!("the body is longer than {} bytes", self.limits.max_body);
        refused(StatusCode::PAYLOAD_TOO_LARGE, &reason)
    }
}

impl Refused {
    /// A client that is too slow to keep a thread for.
    pub(super) fn timed_out() -> Self {
        refused(
            StatusCode::REQUEST_TIMEOUT,
            "the request did not arrive in time",
        )
    }

    fn to(self, method: &Method, access: &Access) -> Self {
        let (method, access) = (method.clone(), access.clone());
        Self {
            method,
            access,
            ..self
        }
    }

    /// The response to it, after which the connection is closed.
    pub(super) fn response(&self) -> Vec<u8> {
        let response = response::text(self.status, &self.reason, &self.access, Persistence::Close);
        match self.method {
            // A response to HEAD has no body (RFC 9110, 9.3.2).
            Method::HEAD => response::without_body(response),
            _ => response,
        }
    }
}

fn check(request: &http::Request<()>) -> Result<(), Refused> {
    let headers = request.headers();
    let known = [Method::GET, Method::POST, Method::OPTIONS];
    if !known.contains(request.method()) {
        let reason = "GET and POST are known here";
        return Err(refused(StatusCode::METHOD_NOT_ALLOWED, reason));
    }
    check_coding(request)?;
    if request.method() == Method::POST
        && request.version() == Version::HTTP_11
        && !headers.contains_key(header::CONTENT_LENGTH)
        && !headers.contains_key(header::TRANSFER_ENCODING)
    {
        // ureq-proto would take such a body for a chunked one and wait for it.
        let reason = "neither Content-Length nor Transfer-Encoding is given";
        return Err(refused(StatusCode::LENGTH_REQUIRED, reason));
    }
    Ok(())
}

fn check_no_body(request: &http::Request<()>) -> Result<(), Refused> {
    let headers = request.headers();
    let length = headers.get(header::CONTENT_LENGTH);
    if length.is_none_or(|it| it == "0") && !headers.contains_key(header::TRANSFER_ENCODING) {
        return Ok(());
    }
    let reason = format!("a {} has no body here", request.method());
    Err(refused(StatusCode::BAD_REQUEST, &reason))
}

/// A body whose end two headers tell differently is how requests are smuggled past a proxy
/// (RFC 9112, 6.3); a coding other than chunked cannot be read (RFC 9112, 6.1).
fn check_coding(request: &http::Request<()>) -> Result<(), Refused> {
    let headers = request.headers();
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
    let Some(coding) = codings.next() else {
        return Ok(());
    };
    if headers.contains_key(header::CONTENT_LENGTH) {
        let reason = "both Content-Length and Transfer-Encoding are given";
        Err(refused(StatusCode::BAD_REQUEST, reason))
    } else if request.version() == Version::HTTP_10 {
        let reason = "HTTP/1.0 has no Transfer-Encoding";
        Err(refused(StatusCode::BAD_REQUEST, reason))
    } else if codings.next().is_some() {
        let reason = "more than one Transfer-Encoding is given";
        Err(refused(StatusCode::BAD_REQUEST, reason))
    } else if !coding.as_bytes().eq_ignore_ascii_case(b"chunked") {
        let reason = "of the transfer codings only chunked is known";
        Err(refused(StatusCode::NOT_IMPLEMENTED, reason))
    } else {
        Ok(())
    }
}

impl Coding {
    fn of(headers: &HeaderMap) -> Self {
        let content_type = headers.get(header::CONTENT_TYPE);
        let content_type = content_type.and_then(|it| it.to_str().ok()).unwrap_or("");
        let essence = content_type.split(';').next().unwrap_or("").trim();
        match essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            true => Self::Form,
            false => Self::Json,
        }
    }
}

pub(super) fn persistence(request: &http::Request<()>) -> Persistence {
    let has = |token| has_token(request.headers(), header::CONNECTION, token);
    match request.version() {
        _ if has("close") => Persistence::Close,
        Version::HTTP_10 if has("keep-alive") => Persistence::KeepAliveHttp10,
        Version::HTTP_10 => Persistence::Close,
        _ => Persistence::KeepAlive,
    }
}

/// Whether a header that is a list has this element, in whatever case.
pub(super) fn has_token(headers: &HeaderMap, name: HeaderName, token: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|it| it.trim().eq_ignore_ascii_case(token))
}

pub(super) fn bearer(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    // The second one is what older clients of Salesforce send.
    let mut schemes = ["Bearer", "OAuth"].iter();
    schemes
        .any(|it| scheme.eq_ignore_ascii_case(it))
        .then(|| token.trim().to_owned())
}

/// The value of a header, if it is text.
pub(super) fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

fn cookies(headers: &HeaderMap) -> String {
    let cookies = headers.get_all(header::COOKIE);
    let values: Vec<&str> = cookies.iter().filter_map(|it| it.to_str().ok()).collect();
    values.join("; ")
}

fn bad_request(error: ureq_proto::Error) -> Refused {
    match error {
        ureq_proto::Error::HttpParseTooManyHeaders => too_much_head("too many headers"),
        error => refused(StatusCode::BAD_REQUEST, &error.to_string()),
    }
}

fn too_long_head() -> Refused {
    too_much_head("the request head is too long")
}

fn too_much_head(reason: &str) -> Refused {
    refused(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, reason)
}

pub(super) fn refused(status: StatusCode, reason: &str) -> Refused {
    Refused {
        status,
        reason: reason.to_owned(),
        method: Method::POST,
        access: Access::default(),
    }
}
