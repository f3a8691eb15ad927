//! HTTP/1.1 responses as bytes, head and body in one piece, so that they leave in one packet.

use std::borrow::Cow;

use ureq_proto::http::StatusCode;

use super::broker::Answer;
use super::fault::{Instead, PAGE};
use super::flavor::{PRIVATE, Wire};
use super::origin::Access;
use crate::protocol::{Callback, ConnectionType};

/// What happens to a connection after a response (RFC 9112, 9.3).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Persistence {
    /// It stays open; nothing needs to be said.
    KeepAlive,
    /// It stays open, which a client of HTTP/1.0 has to be told.
    KeepAliveHttp10,
    /// It is closed.
    Close,
}

/// What a response with messages looks like.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Form {
    /// The function that a script calls, for callback-polling; without it JSON, for
    /// long-polling.
    pub(super) callback: Option<Callback>,
    /// What is said to the page that sent the request.
    pub(super) access: Access,
}

impl Form {
    /// The transport that has this form.
    pub(super) fn connection_type(&self) -> ConnectionType {
        match self.callback {
            None => ConnectionType::LongPolling,
            Some(_) => ConnectionType::CallbackPolling,
        }
    }
}

const JSON: &str = "application/json;charset=UTF-8";

const ALLOW: &str = "Allow: GET, POST, OPTIONS\r\n";

/// What the older one of two connects of a session is told, where it gets a status.
pub(super) const SUPERSEDED: &str = "a newer connect came";

/// How the server names itself.
pub(super) const SERVER: &str = concat!("bayeux/", env!("CARGO_PKG_VERSION"));

/// The response that an answer of the broker becomes; `array` are its messages.
///
/// To a client that is to come again later HTTP tells it as well, for those who know no Bayeux,
/// such as a balancer. A script would not be run with such a status.
pub(super) fn answer(
    answer: &Answer,
    array: &str,
    form: &Form,
    wire: &Wire,
    persistence: Persistence,
) -> Vec<u8> {
    if let Some(status) = answer.superseded {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        return text(status, SUPERSEDED, &form.access, persistence);
    }
    let mut lines = form.access.header_lines().into_owned();
    for set_cookie in &answer.set_cookies {
        lines += &format!("Set-Cookie: {set_cookie}\r\n");
    }
    let mut status = StatusCode::OK;
    let (content_type, body) = match &form.callback {
        None => {
            if let Some(after) = answer.retry_after {
                status = StatusCode::SERVICE_UNAVAILABLE;
                lines += &format!("Retry-After: {}\r\n", after.as_secs());
            }
            (wire.json, array.into())
        }
        Some(callback) => {
            lines += wire.script_headers;
            let [before, behind] = wire.around_call;
            let call = callback.bare_call(array);
            (wire.script, Cow::from(format!("{before}{call}{behind}")))
        }
    };
    let lines = [wire.headers, &lines];
    whole(status, content_type, lines, &body, persistence)
}

/// A response with other JSON.
pub(super) fn json(
    status: StatusCode,
    json: &str,
    access: &Access,
    persistence: Persistence,
) -> Vec<u8> {
    response(status, JSON, &access.header_lines(), json, persistence)
}

/// A response with one line for a human.
pub(super) fn text(
    status: StatusCode,
    line: &str,
    access: &Access,
    persistence: Persistence,
) -> Vec<u8> {
    line_of_text(status, line, &access.header_lines(), persistence)
}

fn line_of_text(
    status: StatusCode,
    line: &str,
    access_lines: &str,
    persistence: Persistence,
) -> Vec<u8> {
    let instead = match status {
        StatusCode::METHOD_NOT_ALLOWED => ALLOW,
        // The header of Upgrade is a MUST (RFC 9110, 15.5.22).
        StatusCode::UPGRADE_REQUIRED => {
            "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nConnection: Upgrade\r\n"
        }
        // These two tell a client when, and with what, to come again.
        StatusCode::SERVICE_UNAVAILABLE => "Retry-After: 1\r\n",
        StatusCode::UNAUTHORIZED => "WWW-Authenticate: Bearer\r\n",
        _ => "",
    };
    let lines = format!("{access_lines}{instead}");
    let body = format!("{line}\n");
    response(
        status,
        "text/plain;charset=UTF-8",
        &lines,
        &body,
        persistence,
    )
}

/// The response to OPTIONS; `lines` are what it has to say in its head.
pub(super) fn options(lines: &str, access: &Access, persistence: Persistence) -> Vec<u8> {
    let access = access.header_lines();
    let connection = connection(persistence);
    format!("HTTP/1.1 204 No Content\r\nServer: {SERVER}\r\n{ALLOW}{access}{lines}{connection}\r\n")
        .into_bytes()
}

/// What a fault shows in place of a response; `access_lines` tell the page that sent the request
/// that it may read it.
pub(crate) fn instead(instead: Instead, access_lines: &str, persistence: Persistence) -> Vec<u8> {
    match instead {
        Instead::Status(status) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
            let line = "a fault that was asked for";
            line_of_text(status, line, access_lines, persistence)
        }
        Instead::Html => {
            let content_type = "text/html;charset=UTF-8";
            response(
                StatusCode::OK,
                content_type,
                access_lines,
                PAGE,
                persistence,
            )
        }
    }
}

/// The head of a response alone.
pub(super) fn without_body(mut response: Vec<u8>) -> Vec<u8> {
    let end = response.windows(4).position(|it| it == b"\r\n\r\n");
    response.truncate(end.map_or(response.len(), |end| end + 4));
    response
}

/// A response with header lines of its own, each with its end.
pub(super) fn response(
    status: StatusCode,
    content_type: &str,
    lines: &str,
    body: &str,
    persistence: Persistence,
) -> Vec<u8> {
    whole(status, content_type, [PRIVATE, lines], body, persistence)
}

fn whole(
    status: StatusCode,
    content_type: &str,
    [private, lines]: [&str; 2],
    body: &str,
    persistence: Persistence,
) -> Vec<u8> {
    let connection = connection(persistence);
    let reason = status.canonical_reason().unwrap_or("");
    let length = body.len();
    let code = status.as_str();
    format!(
        "HTTP/1.1 {code} {reason}\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n\
         {private}Server: {SERVER}\r\n{lines}{connection}\r\n{body}"
    )
    .into_bytes()
}

fn connection(persistence: Persistence) -> &'static str {
    match persistence {
        Persistence::KeepAlive => "",
        Persistence::KeepAliveHttp10 => "Connection: keep-alive\r\n",
        Persistence::Close => "Connection: close\r\n",
    }
}
