//! The byte stream below a websocket: it blocks, within the exchange's deadlines, until the
//! websocket is open, and never again after that.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use super::super::dialer::at_least_a_millisecond;
use super::super::ledger;

/// A TCP connection.
#[derive(Debug)]
pub(in crate::transport) struct Stream {
    socket: Arc<TcpStream>,
    mode: Mode,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Mode {
    /// Every wait ends with the deadline in the thread's ledger.
    Blocking,
    /// There may be something to read.
    Readable,
    /// Everything that was there has been read; to ask the system again would only cost.
    Drained,
}

impl Stream {
    pub(in crate::transport) fn new(socket: Arc<TcpStream>) -> Self {
        Self {
            socket,
            mode: Mode::Blocking,
        }
    }

    pub(super) fn socket(&self) -> &TcpStream {
        &self.socket
    }

    /// From now on nothing waits.
    pub(super) fn stop_blocking(&mut self) -> io::Result<()> {
        self.socket.set_nonblocking(true)?;
        self.mode = Mode::Readable;
        Ok(())
    }

    /// The system says that there is something to read.
    pub(super) fn is_readable(&mut self) {
        if self.mode == Mode::Drained {
            self.mode = Mode::Readable;
        }
    }

    fn wait(&self) -> io::Result<()> {
        let remaining = ledger::with(|it| it.remaining()).flatten();
        let remaining = remaining.ok_or(io::ErrorKind::TimedOut)?;
        let timeout = Some(at_least_a_millisecond(remaining));
        self.socket.set_read_timeout(timeout)
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.mode {
            Mode::Drained => Err(io::ErrorKind::WouldBlock.into()),
            Mode::Readable => {
                let result = (&*self.socket).read(buffer);
                let is_all = match &result {
                    // An end of file shows again with the next read.
                    Ok(n_bytes) => *n_bytes > 0 && *n_bytes < buffer.len(),
                    Err(error) => error.kind() == io::ErrorKind::WouldBlock,
                };
                if is_all {
                    self.mode = Mode::Drained;
                }
                result
            }
            Mode::Blocking => loop {
                self.wait()?;
                match (&*self.socket).read(buffer) {
                    Ok(n_bytes) => {
                        ledger::with(|it| it.socket_received(n_bytes));
                        return Ok(n_bytes);
                    }
                    // Whether the time is over is decided by the clock alone.
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(error) if cfg!(windows) && error.kind() == io::ErrorKind::TimedOut => {}
                    Err(error) => return Err(error),
                }
            },
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let result = (&*self.socket).write(bytes);
        match result {
            Ok(n_bytes) if self.mode == Mode::Blocking => {
                ledger::with(|it| it.socket_sent(n_bytes));
                Ok(n_bytes)
            }
            Err(error)
                if self.mode == Mode::Blocking && error.kind() == io::ErrorKind::WouldBlock =>
            {
                Err(io::ErrorKind::TimedOut.into())
            }
            result => result,
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
