//! The kinds that errors are counted by: no figures, addresses or ids, so that what happens to a
//! thousand sessions is one kind, and what differs is two.

use std::io;

use crate::protocol::{ErrorString, Message};
use crate::session::{End, Failure, LossReason, NoReply};
use crate::transport::{ProxyFailure, TransportError};

/// The longest name of a kind, in characters.
const LONGEST: usize = 80;

/// The kind of a failure.
pub(super) fn of_failure(failure: &Failure) -> String {
    if let Some(error) = failure.cause.downcast_ref::<TransportError>() {
        return of_error(error);
    }
    if let Some(NoReply { channel }) = failure.cause.downcast_ref::<NoReply>() {
        // A run may publish on thousands of channels.
        let is_meta = channel.starts_with("/meta/");
        return format!(
            "no reply to {}",
            if is_meta { channel } else { "a publish" }
        );
    }
    // What a server refused and the session tries again: `/meta/connect refused: 503::Busy`.
    let text = failure.to_string();
    match text.split_once(" refused: ") {
        Some((channel, error)) => {
            format!(
                "{channel} refused: {}",
                of_words(&ErrorString::parse(error))
            )
        }
        None => plain(&text),
    }
}

/// The kind of a refusal.
pub(super) fn of_reply(reply: &Message) -> String {
    match reply.error() {
        Some(error) => of_words(&error),
        None => "no reason given".to_owned(),
    }
}

/// A reply in full, or what of it a report has room for.
pub(super) fn in_full(reply: &Message) -> String {
    reply.raw().chars().take(400).collect()
}

/// Why a session was lost: the kind, and the first one in full.
pub(super) fn of_loss(reason: &LossReason) -> (String, String) {
    match reason {
        LossReason::Reply(reply) => (of_reply(reply), in_full(reply)),
        LossReason::Silence(failure) => (of_failure(failure), failure.to_string()),
    }
}

/// How a session ended: the kind, and the first one in full.
pub(super) fn of_end(end: &End) -> (String, String) {
    match end {
        End::Disconnected => ("disconnected".to_owned(), String::new()),
        End::HandshakeRefused(reply) => {
            let text = format!("handshake refused: {}", of_reply(reply));
            (text, in_full(reply))
        }
        End::Unreachable(failure) => (
            format!("unreachable: {}", of_failure(failure)),
            failure.to_string(),
        ),
        End::AdvisedNone(reply) => {
            let text = format!("session ended by advice none: {}", of_reply(reply));
            (text, in_full(reply))
        }
        End::DisconnectedByServer(reply) => {
            ("disconnected by the server".to_owned(), in_full(reply))
        }
        End::Lost(reason) => {
            let (text, sample) = of_loss(reason);
            (format!("session lost: {text}"), sample)
        }
        End::NotKept { reason, .. } => {
            let (text, sample) = of_loss(reason);
            (format!("session never kept: {text}"), sample)
        }
        End::TooManyHandshakes { n_handshakes } => (
            "too many handshakes".to_owned(),
            format!("{n_handshakes} handshakes within a minute"),
        ),
        End::TightLoop { n_connects, within } => (
            "connects return at once".to_owned(),
            format!("{n_connects} connects in a row within {within:?} brought nothing"),
        ),
    }
}

fn of_words(error: &ErrorString<'_>) -> String {
    let text = plain(error.text);
    match error.code {
        Some(code) => format!("{code} {text}").trim_end().to_owned(),
        None => text,
    }
}

fn of_error(error: &TransportError) -> String {
    use TransportError as E;

    match error {
        E::Resolve { .. } => "cannot find the host".to_owned(),
        E::ResolveTimeout { .. } => "the name lookup did not end in time".to_owned(),
        E::Connect { source, .. } => of_io(source),
        E::ConnectTimeout { .. } => "no connection in time".to_owned(),
        E::Proxy { failure, .. } => format!("the proxy: {}", of_proxy(failure)),
        E::Certificate { .. } => "the server's certificate is not accepted".to_owned(),
        E::ClientCertificateRefused { .. } => {
            "the server does not accept the client certificate".to_owned()
        }
        E::Tls { reason, .. } => format!("TLS failed: {}", plain(reason)),
        E::TlsTimeout { .. } => "the TLS handshake did not end in time".to_owned(),
        E::UrlTooLong { .. } => "the request's URL would be too long".to_owned(),
        E::Send { source, .. } => format!("cannot send the request: {}", of_io(source)),
        E::Cut { .. } => "the response is cut off".to_owned(),
        E::Timeout { received: 0, .. } => "no response in time".to_owned(),
        E::Timeout { .. } => "the response did not end in time".to_owned(),
        E::NotHttp { .. } => "the response is not HTTP".to_owned(),
        E::BadHttp { .. } => "the response is not valid HTTP".to_owned(),
        E::HeadTooLarge { .. } => "the response's head is too large".to_owned(),
        E::TooLarge { .. } => "the response's body is too large".to_owned(),
        // The status is the kind; its body may name a request's id.
        E::Status { status, .. } => format!("HTTP {status}"),
        E::Unauthorised { .. } => "HTTP 401".to_owned(),
        E::Redirect { status, .. } => format!("HTTP {status}, a redirect"),
        E::NotJson { .. } => "the response is not JSON".to_owned(),
        E::NotBayeux { .. } => "the response is JSON without a Bayeux message".to_owned(),
        E::TooManyMessages { .. } => "too many messages came at once".to_owned(),
        E::UpgradeRefused(refusal) => {
            format!("the upgrade to a websocket: HTTP {}", refusal.status)
        }
        E::BadUpgrade { .. } => "the upgrade to a websocket failed".to_owned(),
        E::WebSocketClosed { code, .. } => {
            let code = code.map_or_else(|| "no code".to_owned(), |it| format!("code {it}"));
            format!("the server closed the websocket: {code}")
        }
        E::WebSocketSilent { .. } => "nothing came over the websocket".to_owned(),
        E::FrameTooLarge { .. } => "a message is too large".to_owned(),
        E::BinaryFrame { .. } => "a binary frame came over the websocket".to_owned(),
        E::BadFrame { .. } => "a bad frame came over the websocket".to_owned(),
        // Their texts are the same each time.
        E::ClientCertificateWanted
        | E::TlsVersion
        | E::TlsCut { .. }
        | E::TlsToPlainPort
        | E::PlainToTlsPort
        | E::Closed { .. }
        | E::Aborted { .. }
        | E::Compression { .. }
        | E::Empty
        | E::Subprotocol { .. }
        | E::WebSocketGone { .. }
        | E::Http { .. } => error.to_string(),
    }
}

fn of_proxy(failure: &ProxyFailure) -> String {
    match failure {
        ProxyFailure::Unreachable(error) => of_error(error),
        ProxyFailure::Refused { status, .. } => format!("HTTP {status}"),
        ProxyFailure::Credentials { .. } => "HTTP 407".to_owned(),
        ProxyFailure::NotHttp { .. } => "it does not speak HTTP".to_owned(),
        ProxyFailure::HeadTooLarge { .. } => "the head of its answer is too large".to_owned(),
        ProxyFailure::Closed => failure.to_string(),
        ProxyFailure::Timeout { .. } => "no answer in time".to_owned(),
    }
}

/// The system's words, without the number of the error.
fn of_io(error: &io::Error) -> String {
    let text = match (error.raw_os_error(), format!("{:?}", error.kind()).as_str()) {
        (Some(_), "Uncategorized") | (None, _) => error.to_string(),
        (Some(_), _) => error.kind().to_string(),
    };
    let text = text.split(" (os error").next().unwrap_or_default();
    plain(text)
}

/// A text without the words that differ from one time to the next: those with a digit, and those
/// in quotation marks.
fn plain(text: &str) -> String {
    let mut kind = String::new();
    let mut is_quoted = false;
    for word in text.split_whitespace() {
        let n_quotes = word.matches(['"', '\'']).count();
        let differs = is_quoted
            || n_quotes >= 2
            || word.contains('"')
            || word.contains(|it: char| it.is_ascii_digit());
        if word.contains('"') {
            is_quoted ^= word.matches('"').count() % 2 == 1;
        }
        let word = if differs { "…" } else { word };
        if differs && kind.ends_with('…') {
            continue;
        }
        if !kind.is_empty() {
            kind.push(' ');
        }
        kind.push_str(word);
    }
    kind.chars().take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::session::Stage;

    fn kind(error: TransportError) -> String {
        of_failure(&Arc::new(error).failure())
    }

    #[test]
    fn what_differs_from_session_to_session_is_not_in_the_kind() {
        let address = "127.0.0.1:8080".parse().unwrap();
        assert_eq!(
            kind(TransportError::Connect {
                addresses: vec![address],
                source: io::Error::from(io::ErrorKind::ConnectionRefused),
            }),
            "connection refused"
        );
        assert_eq!(
            kind(TransportError::Connect {
                addresses: vec![address],
                // Of Linux: too many open files.
                source: io::Error::from_raw_os_error(24),
            })
            .to_lowercase(),
            io::Error::from_raw_os_error(24)
                .to_string()
                .to_lowercase()
                .replace(" (os error 24)", "")
        );
        let late = |received| TransportError::Timeout {
            waited: Duration::from_millis(1234),
            hold: Duration::ZERO,
            network: Duration::from_secs(1),
            received,
            stage: Stage::Interrupted,
        };
        assert_eq!(kind(late(0)), "no response in time");
        assert_eq!(kind(late(17)), "the response did not end in time");
        assert_eq!(
            kind(TransportError::Cut { received: 17 }),
            "the response is cut off"
        );
    }

    #[test]
    fn a_refusal_is_counted_by_its_words_and_not_by_its_ids() {
        let of = |error: &str| {
            let reply = format!(
                r#"{{"channel":"/meta/connect","successful":false,"error":{}}}"#,
                serde_json::Value::from(error)
            );
            of_reply(&Message::parse(&reply).unwrap())
        };
        assert_eq!(of("402::session_unknown"), "402 session_unknown");
        assert_eq!(of("401:1a2b3c:Unknown client"), "401 Unknown client");
        assert_eq!(of("Unknown client 1a2b3c 77"), "Unknown client …");
        assert_eq!(of("no session \"ab cd\" here"), "no session … here");
        assert_eq!(of("can't say"), "can't say");
        assert_eq!(of("503::"), "503");
        assert_eq!(of(&"x".repeat(500)).len(), LONGEST);
        let silent = Message::parse(r#"{"channel":"/bench","successful":false}"#).unwrap();
        assert_eq!(of_reply(&silent), "no reason given");
    }

    #[test]
    fn a_missing_reply_is_one_kind_whatever_the_channel() {
        let of = |channel: &str| {
            let cause = NoReply {
                channel: channel.to_owned(),
            };
            of_failure(&Failure {
                stage: Stage::Interrupted,
                permanence: crate::session::Permanence::Transient,
                retry_after: None,
                is_gateway_timeout: false,
                cause: Arc::new(cause),
            })
        };
        assert_eq!(of("/bench/17"), "no reply to a publish");
        assert_eq!(of("/meta/subscribe"), "no reply to /meta/subscribe");
    }
}
