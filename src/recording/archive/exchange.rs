//! What an archive is told: exchanges of HTTP and messages of websockets.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use crate::protocol::Message;
use crate::recording::Direction;

/// A request of HTTP and what came of it.
#[derive(Clone, Copy, Debug)]
pub struct HttpExchange<'a> {
    /// When it began.
    pub started: SystemTime,
    /// Whether it was encrypted.
    pub is_tls: bool,
    /// The client's end of the connection, where several clients are recorded.
    pub client: Option<SocketAddr>,
    /// The server's address, or its proxy's, where that is known.
    pub peer: Option<SocketAddr>,
    /// How long the host's name was looked up, if it was.
    pub resolve: Option<Duration>,
    /// How long the connection took, if there was a new one.
    pub connect: Option<Duration>,
    /// How long its TLS handshake took, if there was one.
    pub handshake: Option<Duration>,
    /// When the first byte of the response came, from the start.
    pub first_byte: Option<Duration>,
    /// When it ended, from the start.
    pub total: Duration,
    /// The request.
    pub request: HttpText<'a>,
    /// The response; one without a head is none.
    pub response: HttpText<'a>,
    /// The messages of the response: they stand for its body where that is compressed.
    pub messages: &'a [Message],
    /// Why there is no response.
    pub error: Option<&'a str>,
}

/// A request or a response.
#[derive(Clone, Copy, Debug)]
pub enum HttpText<'a> {
    /// Head and body as they were on the wire, chunked and compressed.
    AsSent(&'a [u8]),
    /// Somebody in the middle has taken them apart.
    Apart {
        /// As it was on the wire.
        head: &'a [u8],
        /// The body without the lengths of its chunks, compressed where the head says so; or why
        /// it is left out.
        body: Result<&'a [u8], &'a str>,
    },
}

/// A message of a websocket, where several clients are recorded.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// When it passed.
    pub time: SystemTime,
    /// Which way it went.
    pub direction: Direction,
    /// The client's end of the connection.
    pub client: SocketAddr,
    /// Its text, or why that is not known.
    pub text: Result<&'a str, &'a str>,
}
