//! A websocket's stream with TLS or without, and its plaintext for the trace.

use std::io::{self, Read, Write};

use rustls::ClientConnection;

use super::super::ledger;
use super::stream::Stream;
use crate::wire;

/// What tungstenite reads from and writes to.
#[derive(Debug)]
pub(super) struct Layers {
    layers: wire::Layers<ClientConnection, Stream>,
    /// Whether the plaintext is told to the thread's ledger: until the websocket is open.
    is_traced: bool,
}

impl Layers {
    /// With TLS where there is a side of it, whose handshake is done.
    pub(super) fn new(stream: Stream, tls: Option<ClientConnection>) -> Self {
        Self {
            layers: wire::Layers::new(stream, tls),
            is_traced: true,
        }
    }

    pub(super) fn stream(&self) -> &Stream {
        self.layers.socket()
    }

    pub(super) fn stream_mut(&mut self) -> &mut Stream {
        self.layers.socket_mut()
    }

    /// The websocket is open: from now on nothing waits, and its messages are not traced.
    pub(super) fn opened(&mut self) -> io::Result<()> {
        self.is_traced = false;
        self.stream_mut().stop_blocking()
    }
}

impl Read for Layers {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n_bytes = self.layers.read(buffer)?;
        if self.is_traced {
            ledger::with(|it| it.response(&buffer[..n_bytes]));
        }
        Ok(n_bytes)
    }
}

impl Write for Layers {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n_bytes = self.layers.write(bytes)?;
        if self.is_traced {
            ledger::with(|it| it.request(&bytes[..n_bytes]));
        }
        Ok(n_bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.layers.flush()
    }
}
