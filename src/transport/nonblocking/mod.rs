//! Connections below a load: thousands of them on one thread, none of which ever blocks.
//!
//! The thread has one [`mio::Poll`]; who owns a connection gives it each of its events. A
//! connection keeps next to nothing while it waits: what it reads goes through the one buffer
//! of the thread, and only what comes in pieces is kept with it.
//!
//! ```text
//! Http          one keep-alive connection, one exchange at a time
//!   response    where a response ends
//! Socket        one websocket
//!   upgrade     from HTTP to frames
//!   frames      what came, frame by frame
//! link          TCP, and TLS where the URL asks for it; the next address if one is of no use
//!   wire        the socket and TLS over it, with their bytes counted
//! Target        the server: addresses, the request's first lines, TLS; shared by all threads
//! Jar           the cookies of one client
//! ```
//!
//! What a response or a failure means is told as for [`Polling`](super::Polling) and
//! [`WebSocket`](super::WebSocket). Nothing here reads a clock: deadlines are the owner's.

mod frames;
mod http;
mod jar;
mod link;
mod response;
mod socket;
mod target;
#[cfg(test)]
mod tests;
mod upgrade;
mod wire;

use std::fmt;
use std::io;
use std::ops::AddAssign;
use std::sync::Arc;

use mio::Registry;

pub(crate) use http::{Http, Progress};
pub(crate) use jar::Jar;
pub(crate) use link::Link;
pub(crate) use socket::{Incoming, Sent, Socket};
pub(crate) use target::Target;

/// One read of a socket: most responses are whole in it.
const READ_BUFFER: usize = 64 * 1024;

/// What the connections of one thread share.
pub(crate) struct Shared {
    target: Arc<Target>,
    registry: Registry,
    /// What was just read.
    input: Box<[u8]>,
    /// The request that is being written.
    request: Vec<u8>,
    /// What all of them have sent and received.
    pub(crate) traffic: Traffic,
}

/// Bytes on the wire, those of TLS included.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Traffic {
    pub(crate) sent: u64,
    pub(crate) received: u64,
}

impl Shared {
    /// # Errors
    /// When the system has no more file descriptors.
    pub(crate) fn new(target: Arc<Target>, registry: &Registry) -> io::Result<Self> {
        Ok(Self {
            target,
            registry: registry.try_clone()?,
            input: vec![0; READ_BUFFER].into(),
            request: Vec::new(),
            traffic: Traffic::default(),
        })
    }

    /// Where the connections lead to.
    pub(crate) fn target(&self) -> &Target {
        &self.target
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("traffic", &self.traffic)
            .finish_non_exhaustive()
    }
}

impl AddAssign for Traffic {
    fn add_assign(&mut self, other: Self) {
        self.sent += other.sent;
        self.received += other.received;
    }
}
