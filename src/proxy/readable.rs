//! The messages in what passes, if it is Bayeux.

use crate::protocol::{Body, Callback, ConnectionType, decode};
use crate::server::query::{Query, messages_of_form};

use super::heads::{RequestHead, ResponseHead};
use super::inflate;

/// What a request is, as far as its response is concerned.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    /// A POST with messages.
    LongPolling,
    /// A GET with messages in its query; the response calls this function.
    CallbackPolling(Callback),
    /// None of Bayeux, as far as can be told.
    Other,
}

impl Kind {
    pub(super) fn connection_type(&self) -> ConnectionType {
        match self {
            Self::LongPolling | Self::Other => ConnectionType::LongPolling,
            Self::CallbackPolling(_) => ConnectionType::CallbackPolling,
        }
    }
}

/// The messages of a request, and what kind of request it is.
pub(super) fn of_request(head: &RequestHead, body: &[u8]) -> (Kind, Option<Body>) {
    match head.method.as_str() {
        "POST" => {
            let content_type = head.content_type.as_deref().unwrap_or_default();
            let essence = content_type.split(';').next().unwrap_or_default().trim();
            let is_form = essence.eq_ignore_ascii_case("application/x-www-form-urlencoded");
            let messages = match is_form {
                true => of_text(&messages_of_form(body.to_vec())),
                false => of_text(body),
            };
            match messages {
                None => (Kind::Other, None),
                Some(messages) => (Kind::LongPolling, Some(messages)),
            }
        }
        "GET" => {
            let query = head.target.split_once('?').map(|(_, query)| query);
            match query.and_then(|it| Query::parse(it).ok()) {
                Some(Query { callback, messages }) => {
                    (Kind::CallbackPolling(callback), of_text(&messages))
                }
                None => (Kind::Other, None),
            }
        }
        _ => (Kind::Other, None),
    }
}

/// The messages of a response to a request of this kind.
///
/// # Errors
/// Why it cannot be told whether there are any.
pub(super) fn of_response(
    kind: &Kind,
    head: &ResponseHead,
    body: &[u8],
    limit: usize,
) -> Result<Option<Body>, String> {
    let decoded;
    let body = match &head.encoding {
        None => body,
        Some(coding) => {
            decoded = inflate::decoded(body, coding, limit)?;
            &decoded
        }
    };
    Ok(match kind {
        Kind::LongPolling => of_text(body),
        Kind::CallbackPolling(callback) => callback.decode(body).ok().filter(is_bayeux),
        Kind::Other => None,
    })
}

/// The messages of a text, if it is Bayeux.
pub(super) fn of_text(text: &[u8]) -> Option<Body> {
    decode(text).ok().filter(is_bayeux)
}

/// Any array of objects can be read: one whose objects name a channel is Bayeux, and an empty one.
fn is_bayeux(body: &Body) -> bool {
    match body.messages.is_empty() {
        true => body.findings.is_empty(),
        false => body.messages.iter().any(|it| !it.channel().is_empty()),
    }
}
