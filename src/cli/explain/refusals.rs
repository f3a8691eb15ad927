//! What a server refuses in Bayeux: handshakes, subscribes, publishes.

use bayeux::protocol::{Channel, ChannelPattern, Message};
use bayeux::session::{Failure, LossReason, Refusal};
use bayeux::transport::{Endpoint, TransportError};

use super::transport::{CLOSED_TOO_LARGE, NO_LIMIT, TOO_LARGE, transport_error};
use super::wordings;
use crate::cli::exit::{Exit, Stop};

/// A subscribe that the server refused.
pub(crate) fn subscribe_refused(pattern: &ChannelPattern, refusal: &Refusal) -> Stop {
    let stop = |error: String| {
        Stop::new(
            Exit::Refused,
            format!("subscribe to {pattern} refused: {error}"),
        )
    };
    match refusal {
        Refusal::Reply(reply) => {
            let stop = stop(error_of(reply)).hint(wordings::DENIED);
            with_hidden_reason(stop, reply)
        }
        Refusal::Failure(failure) => stop(failure.to_string())
            .hint("the server answers without a reply to it; -v shows what"),
    }
}

/// A subscribe that the server confirmed once, and refuses now that the session is another.
pub(crate) fn subscribe_refused_again(pattern: &ChannelPattern, refusal: &Refusal) -> Stop {
    let mut stop = subscribe_refused(pattern, refusal);
    if let Some(report) = &mut stop.report
        && report.hint.as_deref() == Some(wordings::DENIED)
    {
        report.hint = Some(
            "the lost session had it: did a token or a signature in ext expire meanwhile?"
                .to_owned(),
        );
    }
    stop
}

/// A publish that the server rejected.
pub(crate) fn publish_rejected(channel: &Channel, reply: &Message) -> Stop {
    let error = format!("publish to {channel} rejected: {}", error_of(reply));
    let stop = Stop::new(Exit::Refused, error);
    if channel.is_meta() {
        return stop.hint("channels below /meta/ belong to the protocol");
    }
    with_hidden_reason(stop.hint(wordings::DENIED), reply)
}

/// A publish of which nobody knows whether it was carried out.
pub(crate) fn outcome_unknown(channel: &Channel, failure: &Failure) -> Stop {
    let stop = match transport_error(failure) {
        Some(TransportError::Status {
            status: 414 | 431, ..
        }) => Stop::new(Exit::Refused, format!("publish to {channel} refused")).hint(NO_LIMIT),
        Some(TransportError::Status { status: 413, .. }) => {
            Stop::new(Exit::Refused, format!("publish to {channel} refused")).hint(TOO_LARGE)
        }
        Some(TransportError::WebSocketClosed {
            code: Some(CLOSED_TOO_LARGE),
            ..
        }) => Stop::new(
            Exit::Unreachable,
            format!("publish to {channel}: outcome unknown"),
        )
        .hint(TOO_LARGE),
        Some(
            TransportError::Status {
                status: 400..=499, ..
            }
            | TransportError::Unauthorised { .. },
        ) => Stop::new(Exit::Refused, format!("publish to {channel} refused")),
        Some(TransportError::Proxy { .. }) => {
            Stop::new(Exit::Unreachable, format!("publish to {channel} not sent"))
        }
        _ => Stop::new(
            Exit::Unreachable,
            format!("publish to {channel}: outcome unknown"),
        )
        .hint("it may have been delivered, so it was not sent again"),
    };
    stop.cause(failure)
}

/// A handshake that the server refused.
pub(super) fn handshake_refused(reply: &Message, endpoint: &Endpoint) -> Stop {
    if reply.successful() == Some(true) {
        return Stop::new(
            Exit::Unreachable,
            format!("{endpoint} accepts the handshake without a clientId"),
        )
        .hint("that is not Bayeux; -v shows the reply");
    }
    let error = format!("handshake refused by {endpoint}: {}", error_of(reply));
    let stop = Stop::new(Exit::Unauthorised, error);
    // There was no session yet that could be lost.
    if reply.error().is_some_and(|it| it.is_session_unknown()) {
        return stop.hint("it may pass: `--retry 30s` tries again meanwhile");
    }
    let stop = stop.hint(
        "credentials are given with --token, --token-cmd, --user, -H or --ext; -v shows the reply",
    );
    with_hidden_reason(stop, reply)
}

/// A refusal that ends a session: its reason is the cause.
pub(super) fn refusal(stop: Stop, reply: &Message) -> Stop {
    with_hidden_reason(stop.cause(error_of(reply)), reply)
}

/// How a lost session showed, in one line.
pub(crate) fn loss(reason: &LossReason) -> String {
    match reason {
        LossReason::Reply(reply) => error_of(reply),
        LossReason::Silence(failure) => failure.to_string(),
    }
}

/// The `error` of a refusal, in the server's words.
pub(crate) fn error_of(reply: &Message) -> String {
    match reply.error() {
        Some(error) if !error.to_string().is_empty() => error.to_string(),
        Some(_) | None => "the server gives no reason".to_owned(),
    }
}

/// Salesforce says in `ext` what is really wrong; known wordings have a hint of their own.
fn with_hidden_reason(stop: Stop, reply: &Message) -> Stop {
    let reason = reply.failure_reason();
    let hint = wordings::hint(reason.as_deref().unwrap_or(&error_of(reply)));
    let stop = match reason {
        Some(reason) => stop.cause(reason),
        None => stop,
    };
    match hint {
        Some(hint) => stop.hint(hint),
        None => stop,
    }
}
