//! Why an exchange brought no Bayeux messages.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::excerpt::Excerpt;
use super::tls::CertificateProblem;
use super::{AuthorizationError, ProxyFailure};
use crate::session::{Failure, Permanence, Stage};

/// Why an exchange brought no Bayeux messages. Texts of a server are cut short and free of
/// control characters.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransportError {
    /// The system's name lookup failed: no such host, or no name server.
    #[error("cannot find the host: {host}")]
    Resolve {
        /// The host's name.
        host: String,
        /// The system's reason.
        source: io::Error,
    },
    /// The system's name lookup did not end within the connect timeout.
    #[error("the name lookup did not end within {}: {host}", seconds(.after))]
    ResolveTimeout {
        /// The host's name.
        host: String,
        /// How long it was waited for.
        after: Duration,
    },
    /// None of the host's addresses took the connection.
    #[error("{} ({})", reason(.source), list(.addresses))]
    Connect {
        /// The addresses that were tried.
        addresses: Vec<SocketAddr>,
        /// What the last one of them said.
        source: io::Error,
    },
    /// None of the host's addresses answered.
    #[error("no connection within {} ({})", seconds(.after), list(.addresses))]
    ConnectTimeout {
        /// The addresses that were tried.
        addresses: Vec<SocketAddr>,
        /// The connect timeout.
        after: Duration,
    },
    /// The proxy did not lead to the server.
    #[error("the proxy {proxy}: {failure}")]
    Proxy {
        /// The proxy's URL, without credentials.
        proxy: String,
        /// What went wrong.
        failure: ProxyFailure,
        /// How far the request got beyond the proxy.
        stage: Stage,
    },
    /// The server's certificate is not trusted, or is another host's.
    #[error("the server's certificate is not accepted: {problem}")]
    Certificate {
        /// What is wrong with it.
        problem: CertificateProblem,
    },
    /// The server wants a certificate of its clients, and there is none for it.
    #[error("the server wants a client certificate")]
    ClientCertificateWanted,
    /// The server does not take the certificate that it was given.
    #[error("the server does not accept the client certificate: {reason}")]
    ClientCertificateRefused {
        /// What it has against it.
        reason: String,
    },
    /// The server speaks no version of TLS that this program does.
    #[error("the server speaks neither TLS 1.2 nor TLS 1.3")]
    TlsVersion,
    /// TLS failed for another reason than the certificate.
    #[error("TLS failed: {reason}")]
    Tls {
        /// What either side objected to.
        reason: String,
        /// How far the request got; TLS can fail after its handshake.
        stage: Stage,
    },
    /// The connection ended within the TLS handshake.
    #[error("the server closed the connection during the TLS handshake")]
    TlsCut {
        /// How the end showed.
        source: io::Error,
    },
    /// The TLS handshake took longer than the connect timeout.
    #[error("the TLS handshake did not end within {}", seconds(.after))]
    TlsTimeout {
        /// The connect timeout.
        after: Duration,
    },
    /// The URL says https or wss and the server speaks something else.
    #[error("the URL asks for TLS, and the server at this port speaks none")]
    TlsToPlainPort,
    /// The URL says http or ws and the server speaks TLS.
    #[error("the URL asks for no TLS, and the server at this port speaks it")]
    PlainToTlsPort,
    /// The messages make a longer URL than can be sent.
    #[error("the request's URL would have {length} bytes")]
    UrlTooLong {
        /// Its length.
        length: usize,
    },
    /// The request could not be written to its end.
    #[error("cannot send the request: {}", reason(.source))]
    Send {
        /// The system's reason.
        source: io::Error,
        /// Whether any byte of it left.
        stage: Stage,
    },
    /// The connection ended before the first byte of a response.
    #[error("the server closed the connection without a response")]
    Closed {
        /// How the end showed.
        source: io::Error,
    },
    /// The connection ended within the response.
    #[error("the response is cut off after {received} bytes")]
    Cut {
        /// Bytes of HTTP that came, head and body.
        received: u64,
    },
    /// The response, or its end, did not come in time.
    #[error("{}", timeout(.waited, .received))]
    Timeout {
        /// How long the exchange took so far.
        waited: Duration,
        /// How long the server was allowed to hold the response.
        hold: Duration,
        /// The network timeout, which is added to it.
        network: Duration,
        /// Bytes of HTTP that came, head and body.
        received: u64,
        /// Whether any byte of the request left.
        stage: Stage,
    },
    /// This program shut its connections down.
    #[error("the request was given up")]
    Aborted {
        /// How far it got.
        stage: Stage,
    },
    /// The server speaks something else than HTTP/1.
    #[error("the response is not HTTP: {excerpt}")]
    NotHttp {
        /// How the response begins.
        excerpt: Excerpt,
    },
    /// The response begins as HTTP does and cannot be read: a bad header or chunk.
    #[error("the response is not valid HTTP: {reason}")]
    BadHttp {
        /// The parser's reason.
        reason: String,
    },
    /// The response's head is larger than this program reads.
    #[error("the response's head is larger than {limit} bytes")]
    HeadTooLarge {
        /// The limit.
        limit: usize,
    },
    /// The body is larger than the settings allow.
    #[error("the response's body is larger than {limit} bytes")]
    TooLarge {
        /// The limit, for the decompressed body.
        limit: u64,
    },
    /// The body says that it is compressed, and cannot be decompressed.
    #[error("the response's body cannot be decompressed")]
    Compression {
        /// The decoder's reason.
        source: io::Error,
    },
    /// A status other than 200.
    #[error("HTTP status {status}{}", phrase(*.status))]
    Status {
        /// The status.
        status: u16,
        /// The body's media type.
        content_type: Option<String>,
        /// Bytes of the body that were read, decompressed.
        length: u64,
        /// How the body begins.
        excerpt: Excerpt,
        /// When to try again.
        retry_after: Option<Duration>,
    },
    /// HTTP 401, and there are no other credentials to be had.
    #[error("HTTP status 401, and no new credentials: {reason}")]
    Unauthorised {
        /// Why not.
        reason: AuthorizationError,
    },
    /// A redirect. It is not followed: a browser would turn the POST into a GET.
    #[error("HTTP status {status}, the server redirects to: {location}")]
    Redirect {
        /// The status.
        status: u16,
        /// Where to, as the server wrote it but for secrets in the query.
        location: Excerpt,
        /// When to try again.
        retry_after: Option<Duration>,
    },
    /// HTTP 200 with nothing in the body.
    #[error("the response is empty")]
    Empty,
    /// HTTP 200 with something else than JSON, for example a login page.
    #[error("the response is not JSON{}: {excerpt}", media_type(.content_type))]
    NotJson {
        /// The body's media type.
        content_type: Option<String>,
        /// How the body begins.
        excerpt: Excerpt,
        /// Where reading stopped.
        offset: usize,
        /// Why.
        reason: String,
    },
    /// HTTP 200 with JSON in which no message with a channel is found.
    #[error("the response is JSON without a Bayeux message: {excerpt}")]
    NotBayeux {
        /// How the body begins.
        excerpt: Excerpt,
    },
    /// A body, or a frame of a websocket, holds more messages than this program reads at once.
    #[error("more than {limit} messages came at once")]
    TooManyMessages {
        /// The limit.
        limit: usize,
    },
    /// The server answered the upgrade to a websocket with another status than 101.
    #[error("{0}")]
    UpgradeRefused(Box<UpgradeRefusal>),
    /// The subprotocols of client and server do not fit (RFC 6455 4.1).
    #[error("the websocket's subprotocol: {reason}")]
    Subprotocol {
        /// What does not fit.
        reason: &'static str,
    },
    /// The server answered the upgrade with status 101 and broke the rules beside it.
    #[error("the upgrade to a websocket failed: {reason}")]
    BadUpgrade {
        /// The rule.
        reason: String,
    },
    /// The server closed the websocket.
    #[error("the server closed the websocket{}", close(.code, .reason))]
    WebSocketClosed {
        /// The code of its close frame (RFC 6455 7.4), if it gave one.
        code: Option<u16>,
        /// Its words, if it gave any.
        reason: Excerpt,
    },
    /// The connection ended without a close frame.
    #[error("the websocket's connection ended without a goodbye")]
    WebSocketGone {
        /// How the end showed.
        source: Option<io::Error>,
    },
    /// Nothing came, not even an answer to a ping.
    #[error("nothing came over the websocket for {}, not even an answer to a ping", seconds(.silence))]
    WebSocketSilent {
        /// For how long.
        silence: Duration,
    },
    /// A message of a websocket is larger than the settings allow.
    #[error("a message is larger than {limit} bytes")]
    FrameTooLarge {
        /// The limit.
        limit: u64,
    },
    /// The server sent something binary, which Bayeux never is.
    #[error("a binary frame of {length} bytes came over the websocket")]
    BinaryFrame {
        /// Its length.
        length: usize,
    },
    /// A frame that breaks the rules of websockets or of JSON.
    #[error("a bad frame came over the websocket: {reason}")]
    BadFrame {
        /// The rule, or how the text begins.
        reason: String,
    },
    /// Anything else that the HTTP library refused.
    #[error("the HTTP exchange failed")]
    Http {
        /// The library's reason.
        source: Box<dyn Error + Send + Sync>,
        /// How far the request got.
        stage: Stage,
    },
}

/// How a server refused the upgrade to a websocket.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the upgrade to a websocket was answered by HTTP {status}{}{}", phrase(*.status), told(.headers, .excerpt))]
pub struct UpgradeRefusal {
    /// The status.
    pub status: u16,
    /// The headers that tell who refused, and why, free of secrets.
    pub headers: Vec<(String, Excerpt)>,
    /// How the body begins, as far as it came with the head.
    pub excerpt: Excerpt,
}

impl TransportError {
    /// How far the request got.
    pub fn stage(&self) -> Stage {
        match self {
            Self::Resolve { .. }
            | Self::ResolveTimeout { .. }
            | Self::Connect { .. }
            | Self::ConnectTimeout { .. }
            | Self::Certificate { .. }
            // Under TLS 1.3 a request may follow our certificate at once. A server reads none
            // of it before it has accepted that.
            | Self::ClientCertificateWanted
            | Self::ClientCertificateRefused { .. }
            | Self::TlsVersion
            | Self::TlsCut { .. }
            | Self::TlsTimeout { .. }
            | Self::TlsToPlainPort
            | Self::UpgradeRefused { .. }
            | Self::Subprotocol { .. }
            | Self::BadUpgrade { .. }
            | Self::UrlTooLong { .. } => Stage::Unsent,
            Self::Tls { stage, .. }
            | Self::Send { stage, .. }
            | Self::Timeout { stage, .. }
            | Self::Aborted { stage }
            | Self::Proxy { stage, .. }
            | Self::Http { stage, .. } => *stage,
            Self::Closed { .. } => Stage::Unanswered,
            Self::PlainToTlsPort
            | Self::Cut { .. }
            | Self::NotHttp { .. }
            | Self::BadHttp { .. }
            | Self::HeadTooLarge { .. }
            | Self::TooLarge { .. }
            | Self::Compression { .. }
            | Self::Status { .. }
            | Self::Unauthorised { .. }
            | Self::Redirect { .. }
            | Self::Empty
            | Self::NotJson { .. }
            | Self::NotBayeux { .. }
            | Self::TooManyMessages { .. }
            | Self::WebSocketClosed { .. }
            | Self::WebSocketGone { .. }
            | Self::WebSocketSilent { .. }
            | Self::FrameTooLarge { .. }
            | Self::BinaryFrame { .. }
            | Self::BadFrame { .. } => Stage::Interrupted,
        }
    }

    /// Whether trying again can help.
    pub fn permanence(&self) -> Permanence {
        let is_permanent = match self {
            Self::Proxy { failure, .. } => return failure.permanence(),
            // A name server or a laptop's network may come back.
            Self::Resolve { .. }
            | Self::ResolveTimeout { .. }
            | Self::Connect { .. }
            | Self::ConnectTimeout { .. }
            | Self::TlsCut { .. }
            | Self::TlsTimeout { .. }
            | Self::Send { .. }
            | Self::Closed { .. }
            | Self::Cut { .. }
            | Self::Timeout { .. }
            | Self::Aborted { .. }
            | Self::Compression { .. }
            // The next response may be smaller, or have something in it.
            | Self::TooLarge { .. }
            | Self::TooManyMessages { .. }
            | Self::Empty
            | Self::WebSocketGone { .. }
            | Self::WebSocketSilent { .. }
            | Self::FrameTooLarge { .. }
            | Self::BadFrame { .. }
            | Self::Http { .. } => false,
            Self::Certificate { .. }
            | Self::ClientCertificateWanted
            | Self::ClientCertificateRefused { .. }
            | Self::TlsVersion
            | Self::TlsToPlainPort
            | Self::PlainToTlsPort
            | Self::UrlTooLong { .. }
            | Self::NotHttp { .. }
            | Self::BadHttp { .. }
            | Self::HeadTooLarge { .. }
            | Self::Unauthorised { .. }
            | Self::Redirect { .. }
            | Self::NotBayeux { .. }
            | Self::Subprotocol { .. }
            | Self::BadUpgrade { .. }
            | Self::BinaryFrame { .. } => true,
            Self::UpgradeRefused(refusal) => {
                refusal.status < 400 || is_permanent_status(refusal.status)
            }
            Self::WebSocketClosed { code, .. } => is_permanent_close(*code),
            // Later it is a damaged connection, and the next one may be sound.
            Self::Tls { stage, .. } => *stage == Stage::Unsent,
            Self::Status { status, .. } => is_permanent_status(*status),
            // A page instead of JSON stays one; JSON with a mistake in it passes.
            Self::NotJson { content_type, excerpt, .. } => {
                let is_meant = |it: &str| it.contains("json") || it.contains("javascript");
                let is_json = content_type.as_deref().is_some_and(is_meant);
                !is_json || excerpt.as_str().starts_with('<')
            }
        };
        if is_permanent {
            Permanence::Permanent
        } else {
            Permanence::Transient
        }
    }

    /// When the server wants to be asked again.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } | Self::Redirect { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// What a session is told.
    pub fn failure(self: &Arc<Self>) -> Failure {
        Failure {
            stage: self.stage(),
            permanence: self.permanence(),
            retry_after: self.retry_after(),
            is_gateway_timeout: matches!(&**self, Self::Status { status: 504, .. }),
            cause: Arc::clone(self) as Arc<dyn Error + Send + Sync>,
        }
    }

    /// Takes this error through ureq; [`answer::failure`](super::answer::failure) gets it back.
    pub(super) fn into_ureq(self) -> ureq::Error {
        ureq::Error::Other(Box::new(self))
    }
}

/// 4xx says that the request is wrong, apart from those that speak of the moment (RFC 9110,
/// RFC 6585); of 5xx only 501, 505 and 511 (a captive portal) say more than "not now".
pub(super) fn is_permanent_status(status: u16) -> bool {
    match status {
        408 | 409 | 421 | 423 | 425 | 429 => false,
        400..=499 | 501 | 505 | 511 => true,
        _ => false,
    }
}

/// That what we send breaks a rule or a policy, will be so again (RFC 6455 7.4.1). A message
/// too big (1009) concerns that message alone, and 1011 is a server's own trouble.
fn is_permanent_close(code: Option<u16>) -> bool {
    matches!(code, Some(1002 | 1003 | 1007 | 1008))
}

fn close(code: &Option<u16>, reason: &Excerpt) -> String {
    let meaning = match code {
        None | Some(1005) => "",
        Some(1000) => " (normal closure)",
        Some(1001) => " (going away)",
        Some(1002) => " (protocol error)",
        Some(1003) => " (unsupported data)",
        Some(1007) => " (not valid text)",
        Some(1008) => " (policy violation)",
        Some(1009) => " (message too big)",
        Some(1011) => " (internal error)",
        Some(1012) => " (restarting)",
        Some(1013) => " (try again later)",
        Some(_) => "",
    };
    let code = code.map_or_else(|| " without a code".to_owned(), |it| format!(": {it}"));
    let reason = reason.as_str().trim();
    let words = if reason.is_empty() { "" } else { ": " };
    format!("{code}{meaning}{words}{reason}")
}

fn told(headers: &[(String, Excerpt)], excerpt: &Excerpt) -> String {
    let headers = headers
        .iter()
        .map(|(name, value)| format!("{name}: {value}"));
    // A page says nothing that the headers do not.
    let is_telling = |it: &String| !it.trim().is_empty() && !it.starts_with('<');
    let body = Some(excerpt.to_string()).filter(is_telling);
    let texts: Vec<String> = headers.chain(body).collect();
    if texts.is_empty() {
        return String::new();
    }
    format!(" ({})", texts.join(", "))
}

fn reason(error: &io::Error) -> String {
    match error.kind() {
        // These have a text of their own; the others' ends in "(os error 111)".
        io::ErrorKind::Other => error.to_string(),
        kind if format!("{kind:?}") == "Uncategorized" => error.to_string(),
        kind => kind.to_string(),
    }
}

fn timeout(waited: &Duration, received: &u64) -> String {
    let waited = seconds(waited);
    match received {
        0 => format!("no response within {waited}"),
        _ => format!("the response did not end within {waited}, {received} bytes came"),
    }
}

pub(super) fn seconds(duration: &Duration) -> humantime::FormattedDuration {
    let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    humantime::format_duration(Duration::from_millis(millis))
}

fn list(addresses: &[SocketAddr]) -> String {
    let texts: Vec<String> = addresses.iter().map(SocketAddr::to_string).collect();
    texts.join(", ")
}

pub(super) fn phrase(status: u16) -> String {
    let status = ureq::http::StatusCode::from_u16(status).ok();
    let phrase = status.and_then(|it| it.canonical_reason());
    phrase.map_or_else(String::new, |it| format!(" {it}"))
}

fn media_type(content_type: &Option<String>) -> String {
    let text = content_type.as_deref();
    text.map_or_else(String::new, |it| format!(", it is {it}"))
}
