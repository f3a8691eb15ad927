//! A websocket's stream with TLS or without, and its plaintext for the trace.

use std::io::{self, Read, Write};

use rustls::{ClientConnection, StreamOwned};

use super::super::ledger;
use super::stream::Stream;

/// What tungstenite reads from and writes to.
#[derive(Debug)]
pub(super) struct Layers {
    transport: Transport,
    /// Whether the plaintext is told to the thread's ledger: until the websocket is open.
    is_traced: bool,
}

#[derive(Debug)]
enum Transport {
    Plain(Stream),
    Tls(Box<StreamOwned<ClientConnection, Stream>>),
}

impl Layers {
    pub(super) fn plain(stream: Stream) -> Self {
        Self {
            transport: Transport::Plain(stream),
            is_traced: true,
        }
    }

    /// The TLS handshake is done.
    pub(super) fn tls(connection: ClientConnection, stream: Stream) -> Self {
        Self {
            transport: Transport::Tls(Box::new(StreamOwned::new(connection, stream))),
            is_traced: true,
        }
    }

    pub(super) fn stream(&self) -> &Stream {
        match &self.transport {
            Transport::Plain(stream) => stream,
            Transport::Tls(tls) => &tls.sock,
        }
    }

    pub(super) fn stream_mut(&mut self) -> &mut Stream {
        match &mut self.transport {
            Transport::Plain(stream) => stream,
            Transport::Tls(tls) => &mut tls.sock,
        }
    }

    /// The websocket is open: from now on nothing waits, and its messages are not traced.
    pub(super) fn opened(&mut self) -> io::Result<()> {
        self.is_traced = false;
        self.stream_mut().stop_blocking()
    }
}

impl Read for Layers {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n_bytes = match &mut self.transport {
            Transport::Plain(stream) => stream.read(buffer)?,
            Transport::Tls(tls) => tls.read(buffer)?,
        };
        if self.is_traced {
            ledger::with(|it| it.response(&buffer[..n_bytes]));
        }
        Ok(n_bytes)
    }
}

impl Write for Layers {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n_bytes = match &mut self.transport {
            Transport::Plain(stream) => stream.write(bytes)?,
            Transport::Tls(tls) => tls.write(bytes)?,
        };
        if self.is_traced {
            ledger::with(|it| it.request(&bytes[..n_bytes]));
        }
        Ok(n_bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.transport {
            Transport::Plain(stream) => stream.flush(),
            Transport::Tls(tls) => tls.flush(),
        }
    }
}
