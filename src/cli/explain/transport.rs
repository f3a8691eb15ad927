//! A server that cannot be reached, or answers what is no Bayeux.

use bayeux::session::{Failure, NoReply};
use bayeux::transport::{Endpoint, TransportError, UpgradeRefusal};

use super::proxy::proxy_failed;
use super::tls::tls_hint;
use super::wordings;
use crate::cli::exit::{Exit, Stop, root};

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

/// What a transport says.
pub(crate) fn transport(error: &TransportError, endpoint: &Endpoint) -> Stop {
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
        | E::TlsCut { .. }
        | E::TlsTimeout { .. } => cannot_reach(endpoint)
            .cause(error)
            .hint(tls_hint(error, endpoint)),
        E::TlsToPlainPort => {
            // https becomes http, and wss ws.
            let plain = endpoint.to_string().replacen("s:", ":", 1);
            cannot_reach(endpoint)
                .cause(error)
                .hint(format!("try {plain}"))
        }
        E::PlainToTlsPort => {
            let secure = endpoint.to_string().replacen(':', "s:", 1);
            cannot_reach(endpoint)
                .cause(error)
                .hint(format!("try {secure}"))
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
            // A refusal may come with the HTTP status of its code, as 503::too_many_sessions of `serve`.
            let is_bayeux = excerpt.as_str().contains("\"channel\"");
            let error = format!(
                "answered HTTP {status} ({media_type}, {}){}",
                bytes(*length),
                if is_bayeux { "" } else { ", not Bayeux" }
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
        E::NotHttp { .. } => answered("does not speak Bayeux".to_owned())
            .cause(error)
            .hint("another program listens at this port: is it the right one?"),
        E::HeadTooLarge { .. } => answered("sent more than is read".to_owned())
            .cause(error)
            .hint("another program at this port, or a proxy that adds headers? -vv shows them"),
        E::NotJson { .. } | E::NotBayeux { .. } | E::BadHttp { .. } => {
            answered("does not speak Bayeux".to_owned())
                .cause(error)
                .hint(path_hint(endpoint))
        }
        E::TooLarge { .. } => answered("sent more than --max-body".to_owned())
            .cause(error)
            .hint("--max-body 1GiB takes more"),
        E::TooManyMessages { .. } => answered("sent too many messages at once".to_owned())
            .cause(error)
            .hint("no option takes more; a server can bound the queue of a session (CometD: maxQueue)"),
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
        E::WebSocketClosed {
            code: Some(CLOSED_TOO_LARGE),
            ..
        } => answered("closed the websocket".to_owned())
            .cause(error)
            .hint(TOO_LARGE),
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

/// What a message that is too large needs.
pub(super) const TOO_LARGE: &str =
    "the server takes no message as large (CometD: maxMessageSize, ws.maxMessageSize)";
/// The close code of a websocket for a message that is too large (RFC 6455 7.4.1).
pub(super) const CLOSED_TOO_LARGE: u16 = 1009;

/// What helps where a URL is too long.
pub(super) const NO_LIMIT: &str =
    "-t long-polling sends messages in a body, which may be longer than a URL";

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
        400 => "is this a Bayeux endpoint, and does it know this transport? see -t",
        413 => TOO_LARGE,
        415 => {
            "it takes no JSON in a POST: is it the Bayeux endpoint? -t callback-polling sends a GET"
        }
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

pub(super) fn transport_error(failure: &Failure) -> Option<&TransportError> {
    failure.cause.downcast_ref()
}

fn bytes(length: u64) -> String {
    match length {
        0..1024 => format!("{length} B"),
        1024..1_048_576 => format!("{:.1} KiB", length as f64 / 1024.0),
        _ => format!("{:.1} MiB", length as f64 / 1_048_576.0),
    }
}
