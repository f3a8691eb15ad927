//! What every stage of a connection goes by: whose it is, and how much it does in one turn.

use std::net::SocketAddr;

use mio::Token;

/// Requests that are carried out, and pieces that are read, before others have their turn.
pub(super) const MOST_AT_ONCE: u32 = 32;

/// Whose connection it is.
#[derive(Clone, Copy, Debug)]
pub(in crate::server) struct Caller {
    pub(in crate::server) token: Token,
    pub(in crate::server) peer: SocketAddr,
}

/// What a connection needs after its turn.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::server) enum Turn {
    /// An event, or its deadline.
    Waits,
    /// Another turn soon: there is more to do, and others come first.
    Unfinished,
    /// Nothing any more.
    Over,
}
