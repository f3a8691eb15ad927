//! CONNECT: a proxy's tunnel to a server (RFC 9110, section 9.3.6).

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::{Proxy, ProxyFailure};
use crate::session::Stage;
use crate::transport::dialer::at_least_a_millisecond;
use crate::transport::{Endpoint, Excerpt, TransportError, ledger};

/// The largest head of an answer that is read.
const MAX_HEAD: usize = 16 * 1024;
const MAX_HEADERS: usize = 100;
/// So much of a refusal's page is read, for its excerpt.
const MAX_PAGE: usize = 16 * 1024;
/// How long the page may take, where the status has said the most.
const PATIENCE_FOR_PAGE: Duration = Duration::from_secs(1);

/// The way through a proxy to one host and port.
#[derive(Clone, Debug)]
pub(in crate::transport) struct Tunnel {
    proxy: Proxy,
    /// Host and port of the server.
    authority: Box<str>,
}

/// The head of an answer.
struct Head {
    status: u16,
    length: Option<usize>,
    is_chunked: bool,
    /// Whether a page follows, for people.
    is_page: bool,
    /// squid's name for what went wrong.
    squid_error: Option<String>,
}

impl Tunnel {
    pub(in crate::transport) fn new(proxy: Proxy, endpoint: &Endpoint) -> Self {
        let (host, port) = (endpoint.host(), endpoint.port());
        let authority = if host.contains(':') {
            format!("[{host}]:{port}")
        } else {
            format!("{host}:{port}")
        };
        Self {
            proxy,
            authority: authority.into(),
        }
    }

    /// Asks for the tunnel on a connection to the proxy, within the exchange's deadline. What
    /// follows the answer's head stays in the socket: it is the server's.
    pub(in crate::transport) fn open(&self, stream: &TcpStream) -> Result<(), TransportError> {
        self.ask(stream).map_err(|failure| TransportError::Proxy {
            proxy: self.proxy.to_string(),
            failure,
            stage: Stage::Unsent,
        })
    }

    fn ask(&self, stream: &TcpStream) -> Result<(), ProxyFailure> {
        let request = self.request();
        let mut writer = stream;
        writer.write_all(request.as_bytes()).map_err(failure)?;
        ledger::with(|it| it.socket_sent(request.len()));
        let head = read_head(stream)?;
        match head.status {
            // Whoever reads next has deadlines of its own. A tunnel has no content type: a portal
            // that wants somebody to log in answers everything with its page.
            200..=299 if !head.is_page => stream.set_read_timeout(None).map_err(failure),
            407 => Err(ProxyFailure::Credentials {
                were_sent: self.proxy.authorization().is_some(),
            }),
            status => Err(ProxyFailure::Refused {
                status,
                reason: reason(stream, &head),
            }),
        }
    }

    fn request(&self) -> String {
        let authority = &self.authority;
        let mut request = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n");
        request.push_str(concat!(
            "User-Agent: bayeux/",
            env!("CARGO_PKG_VERSION"),
            "\r\n"
        ));
        if let Some(authorization) = self.proxy.authorization() {
            let authorization = authorization.expose();
            request.push_str(&format!("Proxy-Authorization: {authorization}\r\n"));
        }
        request.push_str("\r\n");
        request
    }
}

/// Looks at what came before it takes it, so that no byte beyond the head is taken.
fn read_head(stream: &TcpStream) -> Result<Head, ProxyFailure> {
    let mut bytes = Vec::new();
    loop {
        let n_taken = bytes.len();
        if n_taken >= MAX_HEAD {
            return Err(ProxyFailure::HeadTooLarge { limit: MAX_HEAD });
        }
        bytes.resize(MAX_HEAD, 0);
        let n_seen = wait(stream, |it| it.peek(&mut bytes[n_taken..]))?;
        bytes.truncate(n_taken + n_seen);
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut response = httparse::Response::new(&mut headers);
        match response.parse(&bytes) {
            Ok(httparse::Status::Complete(length)) => {
                let head = Head::of(&response);
                take(stream, &mut vec![0; length - n_taken])?;
                return Ok(head);
            }
            Ok(httparse::Status::Partial) if n_seen == 0 => return Err(ProxyFailure::Closed),
            Ok(httparse::Status::Partial) => take(stream, &mut bytes[n_taken..])?,
            Err(_) => {
                return Err(ProxyFailure::NotHttp {
                    excerpt: Excerpt::of(&bytes[..bytes.len().min(64)]),
                });
            }
        }
    }
}

impl Head {
    fn of(response: &httparse::Response<'_, '_>) -> Self {
        let header = |name: &str| {
            let header = response
                .headers
                .iter()
                .find(|it| it.name.eq_ignore_ascii_case(name));
            header.and_then(|it| std::str::from_utf8(it.value).ok())
        };
        let squid_error = header("X-Squid-Error").and_then(|it| it.split(' ').next());
        Self {
            // It is complete, so it has a status.
            status: response.code.unwrap_or_default(),
            length: header("Content-Length").and_then(|it| it.trim().parse().ok()),
            is_chunked: header("Transfer-Encoding").is_some(),
            is_page: header("Content-Type").is_some_and(|it| it.contains("html")),
            squid_error: squid_error.map(str::to_owned),
        }
    }
}

/// Takes bytes that were seen already, so this does not wait.
fn take(mut stream: &TcpStream, bytes: &mut [u8]) -> Result<(), ProxyFailure> {
    ledger::with(|it| it.socket_received(bytes.len()));
    stream.read_exact(bytes).map_err(failure)
}

/// Why a proxy refuses, in one line: the name of squid's page, else what its page says.
fn reason(stream: &TcpStream, head: &Head) -> Option<Excerpt> {
    if let Some(name) = &head.squid_error {
        return Some(Excerpt::of(name.as_bytes()));
    }
    let page = read_page(stream, head.length.unwrap_or(MAX_PAGE).min(MAX_PAGE));
    let page = match httparse::parse_chunk_size(&page) {
        // Its first chunk tells enough.
        Ok(httparse::Status::Complete((start, _))) if head.is_chunked => &page[start..],
        _ => &page[..],
    };
    Some(Excerpt::of_page(page)).filter(|it| !it.as_str().is_empty())
}

/// As much of a page as comes soon. A page that cannot be read is one without words.
fn read_page(mut stream: &TcpStream, length: usize) -> Vec<u8> {
    let remaining = ledger::with(|it| it.remaining()).flatten();
    let until = Instant::now() + remaining.unwrap_or_default().min(PATIENCE_FOR_PAGE);
    let mut page = vec![0; length];
    let mut n_bytes = 0;
    while n_bytes < length {
        let patience = until.saturating_duration_since(Instant::now());
        if patience.is_zero() || stream.set_read_timeout(Some(patience)).is_err() {
            break;
        }
        match stream.read(&mut page[n_bytes..]) {
            Ok(0) | Err(_) => break,
            Ok(n_more) => n_bytes += n_more,
        }
    }
    page.truncate(n_bytes);
    page
}

/// Waits for bytes, as long as the exchange's deadline allows.
fn wait(
    stream: &TcpStream,
    mut read: impl FnMut(&TcpStream) -> io::Result<usize>,
) -> Result<usize, ProxyFailure> {
    loop {
        let remaining = ledger::with(|it| it.remaining()).flatten();
        let Some(remaining) = remaining else {
            return Err(timeout());
        };
        let patience = at_least_a_millisecond(remaining);
        stream.set_read_timeout(Some(patience)).map_err(failure)?;
        match read(stream) {
            Ok(n_bytes) => return Ok(n_bytes),
            Err(error) => match error.kind() {
                // Whether the time is over is decided by the clock alone.
                ErrorKind::Interrupted | ErrorKind::WouldBlock | ErrorKind::TimedOut => {}
                _ => return Err(failure(error)),
            },
        }
    }
}

fn timeout() -> ProxyFailure {
    ProxyFailure::Timeout {
        after: ledger::with(|it| it.budget.connect).unwrap_or_default(),
    }
}

fn failure(error: io::Error) -> ProxyFailure {
    match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => timeout(),
        _ => ProxyFailure::Closed,
    }
}
