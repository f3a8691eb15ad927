//! The bytes of one connection, and how many there were.

use std::io::{self, Read, Write};

use rustls::ClientConnection;

use super::Traffic;
use crate::wire::{Layers, Socket};

/// A connection with TLS or without.
pub(super) type Wire = Layers<ClientConnection, Counted>;

/// A socket whose bytes are counted, those of TLS included.
#[derive(Debug)]
pub(super) struct Counted {
    pub(super) socket: Socket,
    /// What nobody has asked for yet.
    traffic: Traffic,
}

impl Counted {
    pub(super) fn new(socket: Socket) -> Self {
        Self {
            socket,
            traffic: Traffic::default(),
        }
    }

    pub(super) fn take_traffic(&mut self) -> Traffic {
        std::mem::take(&mut self.traffic)
    }
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n_bytes = self.socket.read(buffer)?;
        self.traffic.received += n_bytes as u64;
        Ok(n_bytes)
    }
}

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n_bytes = self.socket.write(bytes)?;
        self.traffic.sent += n_bytes as u64;
        Ok(n_bytes)
    }

    fn write_vectored(&mut self, pieces: &[io::IoSlice<'_>]) -> io::Result<usize> {
        let n_bytes = self.socket.write_vectored(pieces)?;
        self.traffic.sent += n_bytes as u64;
        Ok(n_bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}
