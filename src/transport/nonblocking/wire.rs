//! The bytes of one connection: a socket that never blocks, and TLS over it.

use std::io::{self, Read, Write};

use mio::event::Event;
use mio::net::TcpStream;
use rustls::{ClientConnection, StreamOwned};

use super::Traffic;

/// Whether the next event tells of more once a read has found less than it had room for, as
/// with epoll and kqueue. mio promises it only after a read that found nothing (its issue 1611),
/// for the sake of other systems.
const TELLS_OF_MORE: bool = cfg!(any(
    target_os = "android",
    target_os = "freebsd",
    target_os = "ios",
    target_os = "linux",
    target_os = "macos",
    target_os = "netbsd",
    target_os = "openbsd",
));

/// A socket that asks the system only when there may be an answer.
#[derive(Debug)]
pub(super) struct Wire {
    socket: TcpStream,
    /// Whether there may be something to read.
    is_readable: bool,
    /// Whether the server will send no more than what is there.
    is_ending: bool,
    /// What nobody has counted yet.
    traffic: Traffic,
}

/// A socket with TLS or without.
#[derive(Debug)]
pub(super) enum Layers {
    Plain(Wire),
    Tls(Box<StreamOwned<ClientConnection, Wire>>),
}

impl Wire {
    pub(super) fn new(socket: TcpStream) -> Self {
        Self {
            socket,
            is_readable: false,
            is_ending: false,
            traffic: Traffic::default(),
        }
    }

    pub(super) fn socket(&self) -> &TcpStream {
        &self.socket
    }

    /// Notes what the system says about the socket.
    pub(super) fn note(&mut self, event: &Event) {
        let is_ending = event.is_read_closed() || event.is_error();
        self.is_ending |= is_ending;
        self.is_readable |= is_ending || event.is_readable();
    }

    /// Whether the server will send no more than what is there.
    pub(super) fn is_ending(&self) -> bool {
        self.is_ending
    }

    /// Whether there may be something to read.
    pub(super) fn is_readable(&self) -> bool {
        self.is_readable
    }

    /// There may be something to read, whatever the system said before.
    pub(super) fn look_again(&mut self) {
        self.is_readable = true;
    }

    pub(super) fn take_traffic(&mut self) -> Traffic {
        std::mem::take(&mut self.traffic)
    }
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.is_readable {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let result = self.socket.read(buffer);
        match &result {
            Ok(n_bytes) => {
                self.traffic.received += *n_bytes as u64;
                // An end shows with one more read.
                let is_all = *n_bytes < buffer.len() && *n_bytes > 0 && !self.is_ending;
                self.is_readable = !(is_all && TELLS_OF_MORE);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.is_readable = false,
            Err(_) => {}
        }
        result
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n_bytes = self.socket.write(bytes)?;
        self.traffic.sent += n_bytes as u64;
        Ok(n_bytes)
    }

    /// TLS has several pieces at times.
    fn write_vectored(&mut self, pieces: &[io::IoSlice<'_>]) -> io::Result<usize> {
        let n_bytes = self.socket.write_vectored(pieces)?;
        self.traffic.sent += n_bytes as u64;
        Ok(n_bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Layers {
    pub(super) fn new(wire: Wire, tls: Option<ClientConnection>) -> Self {
        match tls {
            Some(connection) => Self::Tls(Box::new(StreamOwned::new(connection, wire))),
            None => Self::Plain(wire),
        }
    }

    pub(super) fn wire(&self) -> &Wire {
        match self {
            Self::Plain(wire) => wire,
            Self::Tls(tls) => &tls.sock,
        }
    }

    pub(super) fn wire_mut(&mut self) -> &mut Wire {
        match self {
            Self::Plain(wire) => wire,
            Self::Tls(tls) => &mut tls.sock,
        }
    }

    /// Goes on with the TLS handshake, if there is one; fails with `WouldBlock` until it is done.
    pub(super) fn shake_hands(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(_) => Ok(()),
            Self::Tls(tls) => {
                let StreamOwned { conn, sock } = &mut **tls;
                while conn.is_handshaking() {
                    conn.complete_io(sock)?;
                }
                Ok(())
            }
        }
    }
}

impl Read for Layers {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(wire) => wire.read(buffer),
            Self::Tls(tls) => tls.read(buffer),
        }
    }
}

impl Write for Layers {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(wire) => wire.write(bytes),
            Self::Tls(tls) => tls.write(bytes),
        }
    }

    /// TLS keeps what the socket did not take.
    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(wire) => wire.flush(),
            Self::Tls(tls) => tls.flush(),
        }
    }
}
