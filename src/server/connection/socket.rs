//! The socket of one connection, which never blocks and asks the system only when there may be
//! an answer.

use std::io::{self, Read, Write};
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

#[derive(Debug)]
pub(super) struct Socket {
    socket: TcpStream,
    /// Whether there may be something to read.
    is_readable: bool,
    /// Whether nothing was read yet.
    is_fresh: bool,
    /// Whether the client will send no more than what is there.
    is_ending: bool,
}

impl Socket {
    pub(super) fn new(socket: TcpStream) -> Self {
        Self {
            socket,
            is_readable: false,
            is_fresh: true,
            is_ending: false,
        }
    }

    /// Notes what the system says about the socket.
    pub(super) fn note(&mut self, event: &Event) {
        let is_ending = event.is_read_closed() || event.is_error();
        self.is_ending |= is_ending;
        self.is_readable |= is_ending || event.is_readable();
    }

    /// Whether the client sends nothing more than what is there.
    pub(super) fn is_ending(&self) -> bool {
        self.is_ending
    }

    /// The first byte of all, as long as it was not read. It stays where it is.
    pub(super) fn first_byte(&self) -> io::Result<Option<u8>> {
        let mut byte = [0];
        match self.is_fresh && self.is_readable {
            true => Ok((self.socket.peek(&mut byte)? == 1).then_some(byte[0])),
            false => Ok(None),
        }
    }

    pub(super) fn shut_down(&self, how: Shutdown) -> io::Result<()> {
        self.socket.shutdown(how)
    }
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.is_readable {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let result = self.socket.read(buffer);
        match &result {
            Ok(n_bytes) => {
                self.is_fresh = false;
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

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.socket.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
