//! The one table that turns what happened into an exit status, a cause and a hint.

use std::time::Duration;

use bayeux::protocol::{Channel, ChannelPattern, Message};
use bayeux::session::{End, Failure, LossReason, NoReply, Refusal};
use bayeux::transport::{Endpoint, ProxyFailure, TransportError, UpgradeRefusal};

use super::exit::{Exit, Stop, root};
use super::tls_hint::tls_hint;
use super::wordings;
use crate::output::words;

/// What the explanation of an end needs to know beside it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Circumstances<'a> {
    pub(crate) endpoint: &'a Endpoint,
    /// Whether a handshake had succeeded before.
    pub(crate) was_established: bool,
    /// How long the session had lived.
    pub(crate) age: Duration,
    /// The names of the cookies in the jar.
    pub(crate) cookies: &'a [String],
}

/// Why a session ended before the goal.
pub(crate) fn ended(end: &End, at: Circumstances<'_>) -> Stop {
    let lost = format!("session lost after {}", words::duration(at.age));
    match end {
        // The caller asked for it; whatever it wanted before was not reached.
        End::Disconnected => Stop::new(Exit::Local, "the session ended early"),
        End::HandshakeRefused(reply) if at.was_established => refusal(
            Stop::new(Exit::Lost, format!("{lost}: the new handshake is refused")),
            reply,
        ),
        End::HandshakeRefused(reply) => handshake_refused(reply, at.endpoint),
        End::Unreachable(failure) if at.was_established => {
            let stop = unreachable(failure, at.endpoint);
            match stop.exit {
                Exit::Unauthorised => stop,
                _ => Stop::new(Exit::Lost, format!("{lost}: {failure}")).hint(
                    "it answered before: was it stopped or replaced? -vv shows the headers of its answers",
                ),
            }
        }
        End::Unreachable(failure) => unreachable(failure, at.endpoint),
        End::AdvisedNone(reply) => refusal(
            Stop::new(
                Exit::Lost,
                format!("{lost}: the server advises not to reconnect"),
            )
            .hint("it will not take this session back; check credentials and server log"),
            reply,
        ),
        End::DisconnectedByServer(_) => Stop::new(
            Exit::Lost,
            format!("{lost}: the server disconnected the session"),
        )
        .hint("the server's own code or an operator did this; see its log"),
        End::Lost(reason) => Stop::new(Exit::Lost, format!("{lost}: {}", loss(reason)))
            .hint("drop --no-reconnect to recover from this"),
        End::NotKept {
            n_handshakes,
            reason,
        } => Stop::new(
            Exit::Lost,
            format!(
                "{} looks like several servers behind one address without stickiness",
                at.endpoint
            ),
        )
        .cause(format!(
            "{n_handshakes} handshakes in a row succeeded, then: {} ({})",
            loss(reason),
            match at.cookies {
                [] => "no cookie was set".to_owned(),
                names => format!("cookies: {}", names.join(", ")),
            }
        ))
        .hint("keep a client on one server (nginx: ip_hash, or hash its cookie); one alone? see its log"),
        End::TooManyHandshakes { n_handshakes } => {
            Stop::new(Exit::Lost, format!("{lost} again and again"))
                .cause(format!("{n_handshakes} handshakes within a minute"))
                .hint("several servers behind one address without stickiness do this; -v shows what is refused")
        }
        End::TightLoop { n_connects, within } => Stop::new(
            Exit::Lost,
            format!("{} answers every /meta/connect at once", at.endpoint),
        )
        .cause(format!(
            "{n_connects} connects within {} brought nothing",
            words::duration(*within)
        ))
        .hint("the server should hold them; check its timeout and interval settings"),
        _ => Stop::new(Exit::Lost, lost),
    }
}

/// Held connects that do not live as long as the server advised.
pub(crate) fn hold_cut(after: Duration, advised: Duration, asked: Duration) -> String {
    let enough = advised + Duration::from_secs(5);
    format!(
        "the held connect is cut at about {}, advised {}: a proxy's read timeout? \
         raise it (nginx: proxy_read_timeout {}s); asking the server for {} meanwhile",
        words::duration(after),
        words::duration(advised),
        enough.as_secs(),
        words::duration(asked)
    )
}

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
            let stop =
                stop(error_of(reply)).hint("the session is up; other channels may be allowed");
            with_hidden_reason(stop, reply)
        }
        Refusal::Failure(failure) => stop(failure.to_string())
            .hint("the server answers without a reply to it; -v shows what"),
    }
}

/// A publish that the server rejected.
pub(crate) fn publish_rejected(channel: &Channel, reply: &Message) -> Stop {
    let error = format!("publish to {channel} rejected: {}", error_of(reply));
    let is_unknown = reply.error().is_some_and(|it| it.is_session_unknown());
    let stop = Stop::new(Exit::Refused, error).hint(if channel.is_meta() {
        "channels below /meta/ belong to the protocol"
    } else if is_unknown {
        "the handshake before it succeeded: several servers behind one address without stickiness?"
    } else {
        "the session is up; other channels may be allowed"
    });
    with_hidden_reason(stop, reply)
}

/// A publish of which nobody knows whether it was carried out.
pub(crate) fn outcome_unknown(channel: &Channel, failure: &Failure) -> Stop {
    let stop = match transport_error(failure) {
        Some(TransportError::Status {
            status: 414 | 431, ..
        }) => Stop::new(Exit::Refused, format!("publish to {channel} refused")).hint(NO_LIMIT),
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
fn handshake_refused(reply: &Message, endpoint: &Endpoint) -> Stop {
    if reply.successful() == Some(true) {
        return Stop::new(
            Exit::Unreachable,
            format!("{endpoint} accepts the handshake without a clientId"),
        )
        .hint("that is not Bayeux; -v shows the reply");
    }
    let error = format!("handshake refused by {endpoint}: {}", error_of(reply));
    let stop = Stop::new(Exit::Unauthorised, error).hint(
        "credentials are given with --token, --token-cmd, --user, -H or --ext; -v shows the reply",
    );
    with_hidden_reason(stop, reply)
}

/// A server that cannot be reached, or answers what is no Bayeux.
pub(crate) fn unreachable(failure: &Failure, endpoint: &Endpoint) -> Stop {
    match transport_error(failure) {
        Some(error) => transport(error, endpoint),
        None if failure.cause.is::<NoReply>() => Stop::new(
            Exit::Unreachable,
            format!("{endpoint} answers Bayeux, but not this request"),
        )
        .cause(failure)
        .hint("-v shows what it answered; is a proxy or a cache between?"),
        None => cannot_reach(endpoint).cause(failure),
    }
}

fn transport(error: &TransportError, endpoint: &Endpoint) -> Stop {
    use TransportError as E;
    let answered = |what: String| Stop::new(Exit::Unreachable, format!("{endpoint} {what}"));
    match error {
        E::Resolve { .. } | E::ResolveTimeout { .. } => cannot_reach(endpoint)
            .cause(error)
            .hint("check the host name and the name server"),
        E::Connect { .. } => cannot_reach(endpoint)
            .cause(error)
            .hint("is the server running? `--retry 30s` waits for it"),
        E::ConnectTimeout { .. } => cannot_reach(endpoint)
            .cause(error)
            .hint("a firewall that drops packets? --connect-timeout waits longer"),
        E::Proxy { proxy, failure, .. } => proxy_failed(proxy, failure, endpoint),
        E::Certificate { .. }
        | E::ClientCertificateWanted
        | E::ClientCertificateRefused { .. }
        | E::TlsVersion
        | E::Tls { .. }
        | E::TlsCut { .. } => cannot_reach(endpoint)
            .cause(error)
            .hint(tls_hint(error, endpoint)),
        E::TlsToPlainPort => {
            let http = endpoint.to_string().replacen("https:", "http:", 1);
            cannot_reach(endpoint)
                .cause(error)
                .hint(format!("try {http}"))
        }
        E::PlainToTlsPort => {
            let https = endpoint.to_string().replacen("http:", "https:", 1);
            cannot_reach(endpoint)
                .cause(error)
                .hint(format!("try {https}"))
        }
        E::UrlTooLong { .. } => Stop::usage("the message is too long for callback-polling")
            .cause(error)
            .hint(NO_LIMIT),
        E::Status {
            status,
            content_type,
            length,
            excerpt,
            ..
        } => {
            let media_type = content_type.as_deref().unwrap_or("no content type");
            let error = format!(
                "answered HTTP {status} ({media_type}, {}), not Bayeux",
                bytes(*length)
            );
            let stop = match status {
                401 | 403 => Stop::new(Exit::Unauthorised, format!("{endpoint} {error}")),
                _ => answered(error),
            };
            let is_html = media_type.contains("html") || excerpt.as_str().starts_with('<');
            let stop = if is_html || excerpt.as_str().trim().is_empty() {
                stop
            } else {
                stop.cause(excerpt.as_str())
            };
            match wordings::hint(excerpt.as_str()) {
                Some(hint) => stop.hint(hint),
                None => stop.hint(status_hint(*status, endpoint)),
            }
        }
        E::Unauthorised { reason } => Stop::new(
            Exit::Unauthorised,
            format!("{endpoint} answered HTTP 401, and there are no new credentials"),
        )
        .cause(reason)
        .hint("--token-cmd is run again for every 401: what does it print in a shell?"),
        E::Redirect {
            status, location, ..
        } => answered(format!(
            "redirects (HTTP {status}) to {}",
            location.as_str()
        ))
        .hint("a POST is not redirected; give that URL if it is the right one"),
        E::Empty => answered("answered HTTP 200 with nothing in it, not Bayeux".to_owned())
            .hint(path_hint(endpoint)),
        E::NotJson {
            content_type,
            excerpt,
            reason,
            ..
        } if is_meant_as_json(content_type.as_deref(), excerpt.as_str()) => {
            answered("sent JSON that cannot be read".to_owned())
                .cause(format!("{reason}: {}", excerpt.as_str()))
                .hint("does a proxy cut responses off? the server's log may tell")
        }
        E::NotJson { .. } | E::NotBayeux { .. } | E::NotHttp { .. } | E::BadHttp { .. } => {
            answered("does not speak Bayeux".to_owned())
                .cause(error)
                .hint(path_hint(endpoint))
        }
        E::TooLarge { .. } => answered("sent more than --max-body".to_owned())
            .cause(error)
            .hint("--max-body 1GiB takes more"),
        E::Timeout { .. } => Stop::new(Exit::Unreachable, format!("{endpoint} does not answer"))
            .cause(error)
            .hint("--network-timeout waits longer"),
        E::Closed { .. } | E::Cut { .. } => answered("broke the connection".to_owned())
            .cause(error)
            .hint("a crash or a proxy's limit? the server's log may tell"),
        E::UpgradeRefused(refusal) => upgrade_refused(refusal, endpoint),
        E::Subprotocol { .. } => answered("opens no websocket".to_owned())
            .cause(error)
            .hint("-H 'Sec-WebSocket-Protocol: NAME' asks for one; without it none is asked for"),
        E::BadUpgrade { .. } => answered("opens no websocket".to_owned())
            .cause(error)
            .hint("something between changes the upgrade; -t long-polling does without"),
        E::WebSocketClosed { .. } => answered("closed the websocket".to_owned())
            .cause(error)
            .hint("the server's log tells more; -t long-polling does without"),
        E::WebSocketGone { .. } | E::WebSocketSilent { .. } => {
            answered("broke the connection".to_owned())
                .cause(error)
                .hint("a crash or a proxy's limit? the server's log may tell")
        }
        E::FrameTooLarge { .. } => answered("sent more than --max-body".to_owned())
            .cause(error)
            .hint("--max-body 1GiB takes more"),
        E::BinaryFrame { .. } | E::BadFrame { .. } => answered("does not speak Bayeux".to_owned())
            .cause(error)
            .hint("is this websocket the Bayeux endpoint's? -vv shows the headers of the upgrade"),
        _ => cannot_reach(endpoint).cause(root(error)),
    }
}

/// The status and the headers say who refused: the server, or what stands before it.
fn upgrade_refused(refusal: &UpgradeRefusal, endpoint: &Endpoint) -> Stop {
    let exit = match refusal.status {
        401 => Exit::Unauthorised,
        _ => Exit::Unreachable,
    };
    let hint = match refusal.status {
        401 => "give credentials: -H 'Authorization: Bearer TOKEN'",
        404 => "is this the endpoint's path, and has it a websocket? -t long-polling does without",
        403 => "some servers want an -H 'Origin: URL' they know; -t long-polling does without",
        502..=504 => "the proxy cannot reach the server behind it",
        _ => {
            "does a proxy pass the upgrade on (nginx: proxy_set_header Upgrade $http_upgrade)? \
             -t long-polling does without"
        }
    };
    Stop::new(
        exit,
        format!("{endpoint} refused the websocket: HTTP {}", refusal.status),
    )
    .cause(refusal)
    .hint(hint)
}

/// A proxy that does not lead to the server.
fn proxy_failed(proxy: &str, failure: &ProxyFailure, endpoint: &Endpoint) -> Stop {
    use ProxyFailure as F;
    let stop = |exit, what: &str| Stop::new(exit, format!("the proxy {proxy} {what}"));
    match failure {
        F::Unreachable(_) => {
            Stop::new(Exit::Unreachable, format!("cannot reach the proxy {proxy}"))
                .hint("-x or a variable such as https_proxy names it; `-x none` goes without")
        }
        F::Credentials { .. } => stop(Exit::Unauthorised, "asks for credentials")
            .hint("-x http://USER:PASS@HOST:PORT gives them"),
        F::Refused { status, .. } => {
            let origin = endpoint.origin();
            stop(Exit::Unreachable, &format!("does not lead to {origin}")).hint(match status {
                500.. => "it cannot reach the server itself; does it know that host and port?",
                _ => "its rules forbid that host or port; `-x none` goes without",
            })
        }
        F::NotHttp { .. } | F::HeadTooLarge { .. } => stop(Exit::Unreachable, "is no HTTP proxy")
            .hint("is this its port? -x http://HOST:PORT names another one"),
        F::Timeout { .. } => stop(Exit::Unreachable, "does not answer")
            .hint("is this its port? --connect-timeout waits longer"),
        _ => stop(Exit::Unreachable, "does not answer")
            .hint("is this its port? its log tells why it closes connections"),
    }
    .cause(failure)
}

/// What helps where a URL is too long.
const NO_LIMIT: &str = "-t long-polling sends messages in a body, which may be longer than a URL";

/// A page is none, whatever its content type says.
fn is_meant_as_json(content_type: Option<&str>, excerpt: &str) -> bool {
    content_type.is_some_and(|it| it.contains("json")) && excerpt.starts_with(['[', '{'])
}

fn status_hint(status: u16, endpoint: &Endpoint) -> String {
    let hint = match status {
        401 => {
            "are these credentials right, if there are any? see --token, --token-cmd, --user and -H"
        }
        403 => "these credentials, or none, are not allowed here; see -H",
        404 | 405 => return path_hint(endpoint),
        407 => "a proxy on the way wants credentials: -x http://USER:PASS@HOST:PORT",
        400 | 415 => "is this a Bayeux endpoint, and does it know this transport? see -t",
        413 => "the message is too large for the server",
        414 | 431 => NO_LIMIT,
        429 | 503 => "the server is busy or starting; `--retry 30s` waits for it",
        502 | 504 => "the proxy cannot reach the server behind it",
        _ => "the server's log tells more; -vv shows the response's headers",
    };
    hint.to_owned()
}

fn path_hint(endpoint: &Endpoint) -> String {
    if endpoint.path() == "/" {
        let port = endpoint.port();
        format!(
            "the endpoint usually has a path: try :{port}/cometd, :{port}/bayeux or :{port}/faye"
        )
    } else {
        "is this the endpoint's path? -vv shows the response's headers".to_owned()
    }
}

fn cannot_reach(endpoint: &Endpoint) -> Stop {
    Stop::new(Exit::Unreachable, format!("cannot reach {endpoint}"))
}

fn transport_error(failure: &Failure) -> Option<&TransportError> {
    failure.cause.downcast_ref()
}

fn refusal(stop: Stop, reply: &Message) -> Stop {
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

/// Salesforce says in `ext` what is really wrong; what its wordings mean has a hint of its own.
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

fn bytes(length: u64) -> String {
    match length {
        0..1024 => format!("{length} B"),
        1024..1_048_576 => format!("{:.1} KiB", length as f64 / 1024.0),
        _ => format!("{:.1} MiB", length as f64 / 1_048_576.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_hold_names_what_to_raise_and_what_is_done_meanwhile() {
        let millis = Duration::from_millis;
        assert_eq!(
            hold_cut(millis(5_030), millis(20_000), millis(4_000)),
            "the held connect is cut at about 5s, advised 20s: a proxy's read timeout? \
             raise it (nginx: proxy_read_timeout 25s); asking the server for 4s meanwhile"
        );
    }
}
