//! The heads of HTTP requests and responses.

use super::Breach;
use super::catalogue::{HTTP_CTYPE, HTTP_REPLY_CTYPE, HTTP_STATUS};
use crate::protocol::ConnectionType;
use crate::traffic::{RequestHead, ResponseHead};

/// What is wrong with the head of a request.
pub fn request_head(head: &RequestHead, connection_type: ConnectionType) -> Vec<Breach> {
    if connection_type != ConnectionType::LongPolling {
        return Vec::new();
    }
    let sentence = match head.content_type.as_deref() {
        None => "no Content-Type: Faye 1.4 answers it with HTTP 400".to_owned(),
        Some(value) if is(value, &["application/json"]) => return Vec::new(),
        // The specification allows a form with the messages in one of its fields.
        Some(value) if is(value, &["application/x-www-form-urlencoded"]) => return Vec::new(),
        Some(value) => format!("Content-Type is {value}, not application/json"),
    };
    vec![Breach::of(HTTP_CTYPE, "Content-Type", sentence)]
}

/// What is wrong with the head of a response.
pub fn response_head(head: &ResponseHead, connection_type: ConnectionType) -> Vec<Breach> {
    if head.status != 200 {
        let sentence = format!("HTTP {} instead of replies", head.status);
        return vec![Breach::whole(HTTP_STATUS, sentence)];
    }
    let expected: &[&str] = match connection_type {
        ConnectionType::LongPolling => &["application/json"],
        ConnectionType::CallbackPolling => &["text/javascript", "application/javascript"],
        ConnectionType::WebSocket => return Vec::new(),
    };
    let sentence = match head.content_type.as_deref() {
        None => format!("no Content-Type, not {}", expected[0]),
        Some(value) if is(value, expected) => return Vec::new(),
        Some(value) => format!("Content-Type is {value}, not {}", expected[0]),
    };
    vec![Breach::of(HTTP_REPLY_CTYPE, "Content-Type", sentence)]
}

/// Whether a media type with its parameters is one of these.
fn is(value: &str, expected: &[&str]) -> bool {
    let essence = value.split(';').next().unwrap_or(value).trim();
    expected.iter().any(|it| essence.eq_ignore_ascii_case(it))
}
