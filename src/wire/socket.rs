//! A socket that never blocks and asks the system only when there may be an answer.

use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;

use mio::event::Event;
use mio::net::TcpStream;

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

/// A socket, and what the system has said about it.
#[derive(Debug)]
pub(crate) struct Socket {
    socket: TcpStream,
    /// Whether there may be something to read.
    is_readable: bool,
    /// Whether the peer will send no more than what is there.
    is_ending: bool,
}

impl Socket {
    pub(crate) fn new(socket: TcpStream) -> Self {
        Self {
            socket,
            is_readable: false,
            is_ending: false,
        }
    }

    /// Notes what the system says about the socket.
    pub(crate) fn note(&mut self, event: &Event) {
        let is_ending = event.is_read_closed() || event.is_error();
        self.is_ending |= is_ending;
        self.is_readable |= is_ending || event.is_readable();
    }

    /// There may be something to read, whatever the system said before.
    pub(crate) fn look_again(&mut self) {
        self.is_readable = true;
    }

    pub(crate) fn shut_down(&self, how: Shutdown) -> io::Result<()> {
        self.socket.shutdown(how)
    }

    pub(crate) fn socket(&self) -> &TcpStream {
        &self.socket
    }

    /// Whether there may be something to read.
    pub(crate) fn is_readable(&self) -> bool {
        self.is_readable
    }

    /// Whether the peer will send no more than what is there.
    pub(crate) fn is_ending(&self) -> bool {
        self.is_ending
    }
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.is_readable {
            return Err(ErrorKind::WouldBlock.into());
        }
        let result = self.socket.read(buffer);
        match &result {
            Ok(n_bytes) => {
                // An end shows with one more read.
                let is_all = *n_bytes < buffer.len() && *n_bytes > 0 && !self.is_ending;
                self.is_readable = !(is_all && TELLS_OF_MORE);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => self.is_readable = false,
            Err(_) => {}
        }
        result
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.socket.write(bytes)
    }

    /// TLS has several pieces at times.
    fn write_vectored(&mut self, pieces: &[io::IoSlice<'_>]) -> io::Result<usize> {
        self.socket.write_vectored(pieces)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
