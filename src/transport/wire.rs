//! The TCP level: a socket that costs one write and one read for an exchange.
//!
//! ureq's own transport writes head and body apart, sets a socket timeout for nearly every
//! read, and asks with three system calls, twice, whether a kept-alive connection still
//! stands. Here a request leaves in one write, timeouts are set when they change by a
//! second, and one peek before a reuse is all the asking.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, LazyBuffers, NextTimeout, Transport,
};

use super::dialer::{Dialed, Dialer, at_least_a_millisecond};
use super::ledger::{self, Phase};
use super::proxy::forward;
use super::{TransportError, answer};

/// So much of a request is held back to leave in one write: a body of 64 KiB and its head.
const HELD_BACK: usize = 72 * 1024;

/// Opens connections.
#[derive(Debug)]
pub(super) struct WireConnector {
    pub(super) dialer: Dialer,
    /// What stands before the path in every request: the server's origin, for a proxy.
    pub(super) origin: Option<Arc<str>>,
}

impl Connector for WireConnector {
    type Out = Wire;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        _: Option<()>,
    ) -> Result<Option<Wire>, ureq::Error> {
        let dialed = self.dialer.dial(&details.addrs);
        let Dialed { stream, peer } = dialed.map_err(TransportError::into_ureq)?;
        let (input, output) = (
            details.config.input_buffer_size(),
            details.config.output_buffer_size(),
        );
        Ok(Some(Wire {
            stream,
            peer,
            buffers: LazyBuffers::new(input, output),
            held_back: Vec::new(),
            origin: self.origin.clone(),
            read_timeout: None,
            usage: Usage::Busy,
            broken: None,
        }))
    }
}

/// A socket with its buffers.
#[derive(Debug)]
pub(super) struct Wire {
    stream: Arc<TcpStream>,
    peer: SocketAddr,
    buffers: LazyBuffers,
    held_back: Vec<u8>,
    origin: Option<Arc<str>>,
    read_timeout: Option<Duration>,
    usage: Usage,
    /// Why the rest of a request could not be written.
    broken: Option<io::Error>,
}

#[derive(Clone, Copy, Debug)]
enum Usage {
    /// An exchange goes on.
    Busy,
    /// In ureq's pool.
    Idle { since: Instant },
    /// Read to its end or failed.
    Ended,
}

impl Transport for Wire {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, _: NextTimeout) -> Result<(), ureq::Error> {
        self.usage = Usage::Busy;
        if self.broken.is_some() {
            return Ok(());
        }
        self.hold_back(amount);
        let is_request = ledger::with(|it| {
            it.trace.peer = Some(self.peer);
            it.phase == Phase::Sending
        });
        // A TLS handshake is a conversation, and ends with an alert when it fails: none of
        // it waits for a read that may not come.
        if is_request == Some(true) && self.held_back.len() < HELD_BACK {
            return Ok(());
        }
        self.write_out()
    }

    fn await_input(&mut self, _: NextTimeout) -> Result<bool, ureq::Error> {
        self.write_out()?;
        ledger::with(|it| {
            if it.phase == Phase::Sending {
                it.await_response();
            }
        });
        let n_bytes = match self.read() {
            Ok(n_bytes) => n_bytes,
            Err(error) => {
                self.usage = Usage::Ended;
                return Err(self.broken.take().map_or(error, Into::into));
            }
        };
        if n_bytes == 0 {
            self.usage = Usage::Ended;
            if let Some(error) = self.broken.take() {
                return Err(error.into());
            }
        }
        Ok(n_bytes > 0)
    }

    /// ureq asks twice: when it puts a connection into its pool, and when it takes it out
    /// again. Only the second answer is worth a system call.
    fn is_open(&mut self) -> bool {
        match self.usage {
            Usage::Ended => false,
            Usage::Busy => {
                self.usage = Usage::Idle {
                    since: Instant::now(),
                };
                let status = ledger::with(|it| it.trace.status).flatten();
                let is_welcome = !status.is_some_and(answer::may_close_after);
                // Under TLS what is left can be the server's goodbye.
                is_welcome && self.broken.is_none() && self.buffers.input().is_empty()
            }
            Usage::Idle { since } => {
                let max_idle = ledger::with(|it| it.max_idle).unwrap_or_default();
                since.elapsed() <= max_idle && is_silent(&self.stream)
            }
        }
    }
}

impl Wire {
    fn hold_back(&mut self, amount: usize) {
        let mut output = &self.buffers.output()[..amount];
        if let Some(origin) = &self.origin {
            let is_start = self.held_back.is_empty();
            let is_start = is_start && ledger::with(|it| it.request_sent == 0) == Some(true);
            if let Some(at) = forward::target_start(output).filter(|_| is_start) {
                self.held_back.extend_from_slice(&output[..at]);
                self.held_back.extend_from_slice(origin.as_bytes());
                ledger::with(|it| it.request_with_origin(at, origin));
                output = &output[at..];
            }
        }
        self.held_back.extend_from_slice(output);
    }

    fn write_out(&mut self) -> Result<(), ureq::Error> {
        let mut written = 0;
        while let Some(rest @ [_, ..]) = self.held_back.get(written..) {
            match (&*self.stream).write(rest) {
                Ok(n_bytes) => {
                    written += n_bytes;
                    ledger::with(|it| it.socket_sent(n_bytes));
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.held_back.clear();
                    return self.break_off(error);
                }
            }
        }
        self.held_back.clear();
        // What one large request needed is not kept for the small ones.
        self.held_back.shrink_to(8 * 1024);
        Ok(())
    }

    /// A server that refuses a large request answers and closes before it has read it all,
    /// and one that misses a client certificate sends an alert: either says more than our
    /// broken pipe, so it is read before the error is told.
    fn break_off(&mut self, error: io::Error) -> Result<(), ureq::Error> {
        use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset};
        let is_anything_sent = ledger::with(|it| {
            it.is_send_broken = true;
            it.trace.bytes_sent > 0
        });
        if is_timeout(&error) {
            return Err(ureq::Error::Timeout(ureq::Timeout::SendBody));
        }
        match error.kind() {
            BrokenPipe | ConnectionAborted | ConnectionReset if is_anything_sent == Some(true) => {
                self.broken = Some(error);
                Ok(())
            }
            _ => Err(error.into()),
        }
    }

    fn read(&mut self) -> Result<usize, ureq::Error> {
        loop {
            let Some(remaining) = ledger::with(|it| it.remaining()).flatten() else {
                return Err(ureq::Error::Timeout(ureq::Timeout::RecvResponse));
            };
            let timeout = Some(whole_seconds(remaining));
            if self.read_timeout != timeout {
                set_read_timeout(&self.stream, timeout)?;
                self.read_timeout = timeout;
            }
            match (&*self.stream).read(self.buffers.input_append_buf()) {
                Ok(n_bytes) => {
                    self.buffers.input_appended(n_bytes);
                    ledger::with(|it| it.socket_received(n_bytes));
                    return Ok(n_bytes);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Whether the time is over is decided by the clock alone.
                Err(error) if is_timeout(&error) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// Rounds up to whole seconds, so that equal waits lead to equal timeouts: an error of up to
/// a second for the kernel's part, and none early. The last second is exact.
fn whole_seconds(remaining: Duration) -> Duration {
    if remaining <= Duration::from_secs(1) {
        return at_least_a_millisecond(remaining);
    }
    Duration::from_secs(remaining.as_secs() + u64::from(remaining.subsec_nanos() > 0))
}

fn set_read_timeout(stream: &TcpStream, timeout: Option<Duration>) -> io::Result<()> {
    match stream.set_read_timeout(timeout) {
        // macOS refuses once the server has closed; there may be a response to read all the same.
        Err(error) if cfg!(target_os = "macos") && error.kind() == io::ErrorKind::InvalidInput => {
            Ok(())
        }
        result => result,
    }
}

/// Elsewhere than on Windows `TimedOut` is not ours: the kernel gave the connection up.
fn is_timeout(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
        || cfg!(windows) && error.kind() == io::ErrorKind::TimedOut
}

/// Whether an idle connection stands and nothing came in: an end of file, or bytes that
/// nobody asked for, make it useless.
#[cfg(unix)]
fn is_silent(stream: &TcpStream) -> bool {
    use rustix::net::{RecvFlags, recv};

    let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
    matches!(
        recv(stream, &mut [0_u8; 1][..], flags),
        Err(rustix::io::Errno::AGAIN)
    )
}

#[cfg(not(unix))]
fn is_silent(stream: &TcpStream) -> bool {
    let peek = |stream: &TcpStream| {
        stream.set_nonblocking(true)?;
        let result = stream.peek(&mut [0; 1]);
        stream.set_nonblocking(false)?;
        result
    };
    matches!(peek(stream), Err(error) if error.kind() == io::ErrorKind::WouldBlock)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn socket_timeouts_are_never_early_and_at_most_a_second_late() {
        for millis in [1, 20, 999, 1000, 1001, 39_999, 40_000] {
            let remaining = Duration::from_millis(millis);
            let timeout = whole_seconds(remaining);
            assert!(timeout >= remaining && timeout - remaining < Duration::from_secs(1));
        }
        let nearly = Duration::from_secs(40) - Duration::from_micros(30);
        assert_eq!(whole_seconds(nearly), Duration::from_secs(40));
        assert_eq!(whole_seconds(Duration::ZERO), Duration::from_millis(1));
    }
}
