//! What the proxy itself says to a client: that the server cannot be reached, or that its request
//! takes too long.

use std::error::Error;

use crate::transport::TransportError;

/// The lowest reason why the server cannot be reached, without the system's number of it.
pub(super) fn cause(error: &TransportError) -> String {
    let mut cause: &dyn Error = error;
    while let Some(lower) = cause.source() {
        cause = lower;
    }
    let text = cause.to_string();
    match text.find(" (os error ") {
        Some(end) => text[..end].to_lowercase(),
        None => text,
    }
}

/// HTTP 502, with why.
pub(super) fn unreachable(upstream: &str, cause: &str) -> Vec<u8> {
    let line = format!("bayeux proxy cannot reach {upstream}: {cause}");
    text("502 Bad Gateway", &line)
}

/// HTTP 504, where nothing was refused and nothing came.
pub(super) fn late(upstream: &str) -> Vec<u8> {
    let line = format!("bayeux proxy got no connection to {upstream} in time");
    text("504 Gateway Timeout", &line)
}

/// HTTP 408 for a head that does not come to its end.
pub(super) fn slow() -> Vec<u8> {
    text("408 Request Timeout", "the request took too long to arrive")
}

fn text(status: &str, line: &str) -> Vec<u8> {
    let length = line.len() + 1;
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain;charset=UTF-8\r\n\
         Content-Length: {length}\r\nConnection: close\r\n\r\n{line}\n"
    )
    .into_bytes()
}
