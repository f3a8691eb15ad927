//! What one exchange looked like on the wire.

use std::fmt;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use ureq::http::header::{self, HeaderMap};

use super::{Generation, retry_after};

/// Whether the bytes of requests and responses are kept.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Capture {
    /// Only counters and times.
    Nothing,
    /// Every byte of HTTP, as it went into and came out of TLS where there is TLS.
    Text,
}

/// What one exchange looked like: times from its start, counters, and the text if it was captured.
#[derive(Debug)]
#[non_exhaustive]
pub struct Trace {
    /// When it began.
    pub started: SystemTime,
    /// How long the host's name was looked up; nothing if it was known.
    pub resolve: Option<Duration>,
    /// How long the TCP connection took, and the tunnel through a proxy if there is one;
    /// nothing on a connection that was kept alive.
    pub connect: Option<Duration>,
    /// How long the TLS handshake took, if there was one.
    pub handshake: Option<Duration>,
    /// Whether the connection is encrypted.
    pub is_tls: bool,
    /// The server's address, or its proxy's, once connected.
    pub peer: Option<SocketAddr>,
    /// When the first byte of a response came.
    pub first_byte: Option<Duration>,
    /// When it ended.
    pub total: Duration,
    /// Bytes given to the socket, encryption and its handshake included.
    pub bytes_sent: u64,
    /// Bytes taken from the socket, encryption and its handshake included.
    pub bytes_received: u64,
    /// Which value of [`Authorization`](super::Authorization) it carried.
    pub credential: Option<Generation>,
    /// The attempt before this one, whose credentials the server refused with HTTP 401.
    pub refused: Option<Box<Self>>,
    /// The response's status.
    pub status: Option<u16>,
    /// The response's headers. Those that came before decompression are in the text only:
    /// of a gzip response, `Content-Encoding` and `Content-Length` are missing here.
    pub headers: HeaderMap,
    /// The names of the cookies that the response set.
    pub cookies_set: Vec<String>,
    /// The request, head and body; empty unless captured.
    pub request: Plaintext,
    /// The response, head and body, chunked and compressed as it came; empty unless captured.
    pub response: Plaintext,
}

impl Trace {
    /// What the response's `Date` header says.
    pub fn date(&self) -> Option<SystemTime> {
        retry_after::parse_date(self.headers.get(header::DATE)?.to_str().ok()?)
    }

    pub(super) fn new(started: SystemTime) -> Self {
        Self {
            started,
            resolve: None,
            connect: None,
            handshake: None,
            is_tls: false,
            peer: None,
            first_byte: None,
            total: Duration::ZERO,
            bytes_sent: 0,
            bytes_received: 0,
            credential: None,
            refused: None,
            status: None,
            headers: HeaderMap::new(),
            cookies_set: Vec::new(),
            request: Plaintext::default(),
            response: Plaintext::default(),
        }
    }
}

/// Captured bytes. They hold credentials, so that `Debug` shows their number only.
#[derive(Clone, Default, Eq, PartialEq)]
pub struct Plaintext(pub(super) Vec<u8>);

impl Plaintext {
    /// The bytes, credentials included.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Plaintext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}
