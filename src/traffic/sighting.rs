//! What was seen between a client and a server: the input of the watcher.

use std::time::Duration;

use crate::protocol::{Body, ConnectionType};

/// Something that was seen, and where.
#[derive(Clone, Debug)]
pub struct Sighting {
    /// When, since any fixed moment; never before the sighting told last.
    pub at: Duration,
    /// Which connection it was on: a number that no other connection has, or had.
    pub connection: u64,
    /// How messages travel on it.
    pub connection_type: ConnectionType,
    /// What was seen.
    pub seen: Seen,
}

/// What can be seen on a connection.
#[derive(Clone, Debug)]
pub enum Seen {
    /// Messages went to the server: the whole body of a request, or a frame.
    Request {
        /// What was in it.
        body: Body,
        /// The facts of its HTTP head. Without it a request does not end with a response: so it
        /// is on websockets, and in recordings, which tell nothing of HTTP.
        head: Option<RequestHead>,
    },
    /// Messages went to the client: the whole body of a response, or a frame.
    Response {
        /// What was in it; nothing where it was no Bayeux at all.
        body: Body,
        /// The facts of its HTTP head.
        head: Option<ResponseHead>,
    },
    /// The client gave up its connect, or its handshake, and will send it again: its own
    /// recording tells so, where connections are not seen.
    GivenUp,
    /// The connection has ended: what was asked on it will not be answered.
    Closed,
}

/// What matters of the head of an HTTP request.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct RequestHead {
    /// The header `User-Agent`.
    pub user_agent: Option<String>,
    /// The value of `Content-Type`.
    pub content_type: Option<String>,
    /// The names of the cookies that came with it.
    pub cookies: Vec<String>,
}

/// What matters of the head of an HTTP response.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ResponseHead {
    /// The status.
    pub status: u16,
    /// The value of `Content-Type`.
    pub content_type: Option<String>,
    /// The names of the cookies that it sets; those that it deletes are not among them.
    pub cookies_set: Vec<String>,
}
