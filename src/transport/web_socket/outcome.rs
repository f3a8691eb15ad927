//! What tungstenite's errors and a server's close frames mean.

use std::io;

use tungstenite::Error;
use tungstenite::error::{CapacityError, ProtocolError, SubProtocolError};
use tungstenite::protocol::CloseFrame;
use ureq::http::header::HeaderName;

use super::super::answer;
use super::super::excerpt::Excerpt;
use super::super::ledger::Ledger;
use super::super::standing::Standing;
use super::super::{Tls, TransportError, UpgradeRefusal};
use crate::session::Stage;

/// Headers of a refusal that say who refused and why; the rest is noise.
const TELLING: [&str; 6] = [
    "server",
    "via",
    "content-type",
    "location",
    "www-authenticate",
    "sec-websocket-version",
];

/// Why an upgrade failed; `of_io` says what an error of the connection means.
pub(in crate::transport) fn of_upgrade(
    error: Error,
    standing: Standing<'_>,
    of_io: impl FnOnce(io::Error) -> TransportError,
) -> TransportError {
    match error {
        Error::Http(response) => {
            let (head, body) = response.into_parts();
            let telling = |name: &'static str| {
                let value = head.headers.get(HeaderName::from_static(name))?;
                let value = String::from_utf8_lossy(value.as_bytes());
                let value = match name {
                    "location" => crate::redaction::redact_url(&value).into_owned(),
                    _ => value.into_owned(),
                };
                Some((name.to_owned(), Excerpt::of(value.as_bytes())))
            };
            let headers = TELLING.into_iter().filter_map(telling).collect();
            TransportError::UpgradeRefused(Box::new(UpgradeRefusal {
                status: head.status.as_u16(),
                headers,
                excerpt: Excerpt::of_body(&body.unwrap_or_default()),
            }))
        }
        Error::Protocol(ProtocolError::HandshakeIncomplete) => {
            let error = io::ErrorKind::UnexpectedEof.into();
            standing.failed(error)
        }
        Error::Io(error) => of_io(error),
        Error::Protocol(ProtocolError::SecWebSocketSubProtocolError(error)) => {
            TransportError::Subprotocol {
                reason: match error {
                    SubProtocolError::NoSubProtocol => "the server takes none of those asked for",
                    SubProtocolError::ServerSentSubProtocolNoneRequested => {
                        "the server names one that nobody asked for"
                    }
                    SubProtocolError::InvalidSubProtocol => {
                        "the server names another one than those asked for"
                    }
                },
            }
        }
        error => match standing.strange() {
            Some(error) => error,
            None => TransportError::BadUpgrade {
                reason: Excerpt::of(error.to_string().as_bytes())
                    .as_str()
                    .to_owned(),
            },
        },
    }
}

/// Why the connection failed before the websocket was open.
pub(in crate::transport) fn of_io(error: io::Error, tls: &Tls, ledger: &Ledger) -> TransportError {
    let by_tls = error.get_ref().and_then(|it| it.downcast_ref());
    match by_tls {
        Some(error) => tls.failure(error, ledger.stage()),
        None if error.kind() == io::ErrorKind::TimedOut => answer::timed_out(ledger),
        None => ledger.standing().failed(error),
    }
}

/// Why an open websocket is of no use any more.
pub(in crate::transport) fn of_socket(error: Error, tls: &Tls, limit: u64) -> TransportError {
    match error {
        Error::Capacity(CapacityError::MessageTooLong { .. }) => {
            TransportError::FrameTooLarge { limit }
        }
        Error::ConnectionClosed | Error::AlreadyClosed => TransportError::WebSocketClosed {
            code: None,
            reason: Excerpt::of(b""),
        },
        // The peer went without a close frame.
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => {
            TransportError::WebSocketGone { source: None }
        }
        Error::Io(source) => match source.get_ref().and_then(|it| it.downcast_ref()) {
            Some(error) => tls.failure(error, Stage::Interrupted),
            None => TransportError::WebSocketGone {
                source: Some(source),
            },
        },
        error => TransportError::BadFrame {
            reason: Excerpt::of(error.to_string().as_bytes())
                .as_str()
                .to_owned(),
        },
    }
}

/// The server's close frame.
pub(in crate::transport) fn of_close(frame: Option<&CloseFrame>) -> TransportError {
    TransportError::WebSocketClosed {
        code: frame.map(|it| it.code.into()),
        reason: Excerpt::of(frame.map_or("", |it| it.reason.as_str()).as_bytes()),
    }
}
