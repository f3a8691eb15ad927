//! From an HTTP response, or its failure, to messages or an error.

use std::time::SystemTime;

use serde::de::IgnoredAny;
use ureq::http::StatusCode;
use ureq::http::header::{self, HeaderMap, HeaderName};

use super::TransportError;
use super::excerpt::Excerpt;
use super::ledger::Ledger;
use super::retry_after;
use super::standing::Late;
use crate::protocol::{Body, DecodeError, Finding, FindingKind, decode};
use crate::redaction::redact_url;

/// Reads a whole response.
pub(super) fn read(
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    decode: impl Fn(&[u8]) -> Result<Body, DecodeError>,
) -> Result<Body, TransportError> {
    match status {
        StatusCode::OK => read_messages(headers, body, decode),
        _ => Err(refusal(status.as_u16(), headers, body)),
    }
}

fn read_messages(
    headers: &HeaderMap,
    bytes: &[u8],
    decode: impl Fn(&[u8]) -> Result<Body, DecodeError>,
) -> Result<Body, TransportError> {
    let not_json = |offset, reason| TransportError::NotJson {
        content_type: text(headers, &header::CONTENT_TYPE),
        excerpt: Excerpt::of_body(bytes),
        offset,
        reason,
    };
    let not_bayeux = || TransportError::NotBayeux {
        excerpt: Excerpt::of_body(bytes),
    };
    let body = match decode(bytes) {
        Ok(body) => body,
        Err(DecodeError::NotJson { offset, reason }) => {
            return Err(match serde_json::from_slice::<IgnoredAny>(bytes) {
                Ok(_) => not_bayeux(),
                Err(_) => not_json(offset, reason),
            });
        }
        Err(DecodeError::Empty) => return Err(TransportError::Empty),
        Err(DecodeError::TooMany { limit }) => {
            return Err(TransportError::TooManyMessages { limit });
        }
    };
    if body.messages.iter().any(|it| !it.channel().is_empty()) {
        return Ok(body);
    }
    for Finding { offset, kind } in &body.findings {
        match kind {
            FindingKind::NotJson { reason, .. } => return Err(not_json(*offset, reason.clone())),
            FindingKind::Truncated => return Err(not_json(*offset, "cut off".to_owned())),
            _ => {}
        }
    }
    let is_odd = |it: &Finding| it.kind == FindingKind::NotAnObject;
    if !body.messages.is_empty() || body.findings.iter().any(is_odd) {
        Err(not_bayeux())
    } else if bytes.contains(&b']') {
        // `[]` is how a server says that it has nothing to say.
        Ok(body)
    } else {
        Err(not_json(bytes.len(), "cut off".to_owned()))
    }
}

fn refusal(status: u16, headers: &HeaderMap, body: &[u8]) -> TransportError {
    if status == 400 && is_complaint_about_plain_http(body) {
        return TransportError::PlainToTlsPort;
    }
    if status == 400 && is_complaint_about_no_certificate(body) {
        return TransportError::ClientCertificateWanted;
    }
    let retry_after = text(headers, &header::RETRY_AFTER);
    let retry_after = retry_after.and_then(|it| retry_after::parse(&it, SystemTime::now()));
    match headers.get(header::LOCATION) {
        Some(location) if (300..400).contains(&status) => TransportError::Redirect {
            status,
            location: {
                // Where to log in, with a session of its own more often than not.
                let location = String::from_utf8_lossy(location.as_bytes());
                Excerpt::of(redact_url(&location).as_bytes())
            },
            retry_after,
        },
        _ => TransportError::Status {
            status,
            content_type: text(headers, &header::CONTENT_TYPE),
            length: body.len() as u64,
            excerpt: Excerpt::of_body(body),
            retry_after,
        },
    }
}

/// Several servers answer plain HTTP on a TLS port in plain HTTP: nginx with "The plain HTTP
/// request was sent to HTTPS port", Apache with "speaking plain HTTP to an SSL-enabled server
/// port", Go with "Client sent an HTTP request to an HTTPS server", `bayeux serve` with "this port
/// speaks TLS".
fn is_complaint_about_plain_http(body: &[u8]) -> bool {
    let text = String::from_utf8_lossy(body);
    let complaints = [
        "plain HTTP",
        "HTTP request to an HTTPS server",
        "this port speaks TLS",
    ];
    complaints.iter().any(|it| text.contains(it))
}

/// nginx completes the TLS handshake without a client certificate that it needs, and then says
/// "400 No required SSL certificate was sent".
fn is_complaint_about_no_certificate(body: &[u8]) -> bool {
    String::from_utf8_lossy(body).contains("No required SSL certificate was sent")
}

fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    Some(
        Excerpt::of(headers.get(name)?.as_bytes())
            .as_str()
            .to_owned(),
    )
}

/// Reads the text of a websocket's frame: one message or an array of them.
pub(super) fn read_frame(text: &[u8]) -> Result<Body, TransportError> {
    read_messages(&HeaderMap::new(), text, decode).map_err(|error| match error {
        TransportError::NotJson {
            excerpt, reason, ..
        } => TransportError::BadFrame {
            reason: format!("{reason}: {excerpt}"),
        },
        error => error,
    })
}

/// What an error of ureq means for the exchange in the ledger.
pub(super) fn failure(error: ureq::Error, ledger: &Ledger) -> TransportError {
    use ureq::Error as E;

    let standing = ledger.standing();
    match error {
        E::Timeout(_) => timed_out(ledger),
        E::Io(error) => standing.failed(error),
        E::Decompress(_, source) => match source.kind() {
            std::io::ErrorKind::UnexpectedEof => standing.cut(),
            _ => TransportError::Compression { source },
        },
        E::BodyExceedsLimit(limit) => TransportError::TooLarge { limit },
        E::LargeResponseHeader(_, limit) => TransportError::HeadTooLarge { limit },
        E::BodyStalled => standing.cut(),
        E::Protocol(error) if ledger.response_received > 0 => {
            let reason = error.to_string();
            standing
                .strange()
                .unwrap_or(TransportError::BadHttp { reason })
        }
        E::Other(inner) => match inner.downcast() {
            Ok(error) => *error,
            Err(source) => TransportError::Http {
                source,
                stage: standing.stage(),
            },
        },
        error => TransportError::Http {
            source: Box::new(error),
            stage: standing.stage(),
        },
    }
}

/// What an exchange is told whose time is over.
pub(super) fn timed_out(ledger: &Ledger) -> TransportError {
    ledger.standing().timed_out(Late {
        addresses: Vec::from_iter(ledger.trace.peer),
        connect: ledger.budget.connect,
        waited: ledger.elapsed(),
        hold: ledger.budget.hold,
        network: ledger.budget.network,
    })
}

/// `Debug` of headers must not show what a cookie is.
pub(super) fn mark_secrets(headers: &mut HeaderMap) {
    if let header::Entry::Occupied(mut cookies) = headers.entry(header::SET_COOKIE) {
        cookies.iter_mut().for_each(|it| it.set_sensitive(true));
    }
}

/// Whether a server that answers so may close the connection behind it without a word: Jetty
/// 12.1 does after HTTP 414. The next publish must not be the one to find out.
pub(super) fn may_close_after(status: u16) -> bool {
    matches!(status, 400 | 408 | 413 | 414 | 431)
}

/// The names of the cookies that a response sets.
pub(super) fn cookie_names(headers: &HeaderMap) -> Vec<String> {
    let cookies = headers.get_all(header::SET_COOKIE).into_iter();
    let texts = cookies.map(|it| String::from_utf8_lossy(it.as_bytes()));
    let name = |it: &str| {
        it.split_once('=')
            .map_or(it, |(name, _)| name)
            .trim()
            .to_owned()
    };
    texts.map(|it| name(&it)).collect()
}
