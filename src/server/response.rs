//! HTTP/1.1 responses as bytes, head and body in one piece, so that they leave in one packet.

use ureq_proto::http::StatusCode;

/// What happens to a connection after a response (RFC 9112, 9.3).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Persistence {
    /// It stays open; nothing needs to be said.
    KeepAlive,
    /// It stays open, which a client of HTTP/1.0 has to be told.
    KeepAliveHttp10,
    /// It is closed.
    Close,
}

/// How the server names itself.
const SERVER: &str = concat!("bayeux/", env!("CARGO_PKG_VERSION"));

/// A response with Bayeux messages.
pub(super) fn json(messages: &str, persistence: Persistence) -> Vec<u8> {
    let content_type = "application/json;charset=UTF-8";
    response(StatusCode::OK, content_type, messages, persistence)
}

/// A response with one line for a human.
pub(super) fn text(status: StatusCode, line: &str, persistence: Persistence) -> Vec<u8> {
    let content_type = "text/plain;charset=UTF-8";
    response(status, content_type, &format!("{line}\n"), persistence)
}

/// The head of a response alone.
pub(super) fn without_body(mut response: Vec<u8>) -> Vec<u8> {
    let end = response.windows(4).position(|it| it == b"\r\n\r\n");
    response.truncate(end.map_or(response.len(), |end| end + 4));
    response
}

fn response(
    status: StatusCode,
    content_type: &str,
    body: &str,
    persistence: Persistence,
) -> Vec<u8> {
    let allow = match status {
        StatusCode::METHOD_NOT_ALLOWED => "Allow: POST\r\n",
        _ => "",
    };
    let connection = match persistence {
        Persistence::KeepAlive => "",
        Persistence::KeepAliveHttp10 => "Connection: keep-alive\r\n",
        Persistence::Close => "Connection: close\r\n",
    };
    let reason = status.canonical_reason().unwrap_or("");
    let length = body.len();
    let code = status.as_str();
    format!(
        "HTTP/1.1 {code} {reason}\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n\
         Cache-Control: no-store\r\nServer: {SERVER}\r\n{allow}{connection}\r\n{body}"
    )
    .into_bytes()
}
