//! What goes to the server and was not taken yet.

use std::io::{self, ErrorKind, Write};

use crate::transport::nonblocking::Link;

/// Bytes for the server, in memory only while they wait.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    waiting: Vec<u8>,
    n_sent: usize,
    /// TLS has something that the socket did not take.
    is_unflushed: bool,
}

impl Outgoing {
    /// Takes bytes for the next [`send`](Self::send).
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.waiting.extend_from_slice(bytes);
    }

    /// Sends what waits, as far as the socket takes it; whether anything left.
    pub(super) fn send(&mut self, link: &mut Link) -> io::Result<bool> {
        let before = self.n_sent;
        while self.n_sent < self.waiting.len() {
            match link.write(&self.waiting[self.n_sent..]) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(n_bytes) => self.n_sent += n_bytes,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        let n_taken = self.n_sent - before;
        self.is_unflushed = match link.flush() {
            Ok(()) => false,
            Err(error) if error.kind() == ErrorKind::WouldBlock => true,
            Err(error) => return Err(error),
        };
        if self.n_sent == self.waiting.len() {
            // Thousands of connections should not keep the buffer of their last request.
            self.waiting = Vec::new();
            self.n_sent = 0;
        }
        Ok(n_taken > 0)
    }

    pub(super) fn n_waiting(&self) -> usize {
        self.waiting.len() - self.n_sent
    }

    /// Whether something waits that the socket did not take.
    pub(super) fn is_blocked(&self) -> bool {
        self.is_unflushed || self.n_waiting() > 0
    }
}
