//! The bytes of one connection: its wire, and what that did not take yet.

use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::time::{Duration, Instant};

use super::course::{Course, Next};
use super::wire::Wire;
use crate::server::fault::Step;

/// A client that reads more slowly than this keeps memory for too long.
const MIN_BYTES_PER_SECOND: u64 = 64 * 1024;

/// A wire with a buffer, which is there only while something waits to be sent.
#[derive(Debug)]
pub(crate) struct Pipe {
    wire: Wire,
    waiting: Vec<u8>,
    /// How much of what waits has left.
    n_sent: usize,
    /// Whether the wire takes nothing more for now.
    is_blocked: bool,
    /// Since when something waits that the wire did not take.
    blocked_since: Option<Instant>,
    /// How much it took since.
    n_taken: u64,
    /// Since when it is known that the client sends nothing more, while a fault waits.
    ending_since: Option<Instant>,
    /// What leaves in steps, by a fault; it goes before all that is pushed or sent later.
    course: Option<Box<Course>>,
}

/// How far the steps are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Advance {
    /// There are none left, or they wait.
    Goes,
    /// Nothing will be sent any more.
    Silent,
}

impl Pipe {
    pub(crate) fn new(wire: Wire) -> Self {
        Self {
            wire,
            waiting: Vec::new(),
            n_sent: 0,
            is_blocked: false,
            blocked_since: None,
            n_taken: 0,
            ending_since: None,
            course: None,
        }
    }

    pub(crate) fn wire_mut(&mut self) -> &mut Wire {
        &mut self.wire
    }

    /// Takes bytes for the next [`send_waiting`](Self::send_waiting).
    pub(crate) fn push(&mut self, bytes: Vec<u8>) {
        if let Some(course) = &mut self.course {
            return course.extend([Step::Write(bytes)]);
        }
        match self.waiting.is_empty() {
            true => self.waiting = bytes,
            false => self.waiting.extend_from_slice(&bytes),
        }
    }

    /// Takes what is to leave in steps; [`advance`](Self::advance) has to follow.
    pub(crate) fn push_steps(&mut self, steps: Vec<Step>) {
        self.course.get_or_insert_default().extend(steps);
    }

    /// Takes the steps whose time has come. Fails where one of them ends the connection.
    pub(crate) fn advance(&mut self, now: Instant) -> io::Result<Advance> {
        while self.course.is_some() {
            self.send_waiting()?;
            // TLS may have taken all, and keep it.
            if self.is_blocked {
                break;
            }
            let Some(course) = &mut self.course else {
                break;
            };
            match course.next(now) {
                Next::Pause => break,
                Next::Write(bytes) => self.waiting = bytes,
                Next::Close => return Err(ErrorKind::ConnectionAborted.into()),
                Next::Silence => {
                    self.course = None;
                    return Ok(Advance::Silent);
                }
                Next::Over => self.course = None,
            }
        }
        Ok(Advance::Goes)
    }

    /// Until when a fault waits, while the wire would take more.
    fn pause(&self) -> Option<Instant> {
        match self.is_blocked {
            true => None,
            false => self.course.as_ref()?.until(),
        }
    }

    /// Whether the next step of a fault has its time now.
    pub(crate) fn is_pause_over(&self, now: Instant) -> bool {
        self.pause().is_some_and(|until| until <= now)
    }

    /// Whether a fault makes a client wait that left some time ago, as far as can be told.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.ending_since.is_some() && self.pause().is_some()
    }

    /// Sends bytes; what the wire does not take waits.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.course.is_some() {
            self.push(bytes.to_vec());
            return Ok(());
        }
        let n_sent = match self.waiting.is_empty() {
            true => write(&mut self.wire, bytes)?,
            false => 0,
        };
        if n_sent < bytes.len() {
            self.waiting.extend_from_slice(&bytes[n_sent..]);
            self.is_blocked = true;
        }
        Ok(())
    }

    /// Sends what waits, as far as the wire takes it.
    pub(crate) fn send_waiting(&mut self) -> io::Result<()> {
        let n_taken = write(&mut self.wire, &self.waiting[self.n_sent..])?;
        self.n_sent += n_taken;
        self.n_taken += n_taken as u64;
        // TLS may have more to say than we gave it.
        let is_flushed = flush(&mut self.wire)?;
        self.is_blocked = self.n_waiting() > 0 || !is_flushed;
        if !self.is_blocked {
            // Thousands of connections should not keep the buffer of their last response.
            self.waiting = Vec::new();
            self.n_sent = 0;
            self.blocked_since = None;
            self.n_taken = 0;
        }
        Ok(())
    }

    pub(crate) fn n_waiting(&self) -> usize {
        self.waiting.len() - self.n_sent
    }

    /// Whether the handshake of TLS has begun and is not done.
    pub(super) fn is_shaking_hands(&self) -> bool {
        self.wire.is_shaking_hands()
    }

    /// Whether the wire takes nothing more for now.
    pub(crate) fn is_blocked(&self) -> bool {
        self.is_blocked || self.course.is_some()
    }

    /// Until when a wire that is blocked has to take more. Each byte that it takes gives it
    /// the time of a byte more, so that no client is waited for without end.
    pub(crate) fn deadline(&mut self, now: Instant, patience: Duration) -> Option<Instant> {
        if !self.is_blocked {
            let until = self.pause()?;
            // Nothing is read meanwhile, and the client may have left for good. Or it waits and
            // has nothing more to say: so it gets a while.
            if !self.wire.is_ending() {
                return Some(until);
            }
            let since = *self.ending_since.get_or_insert(now);
            return since.checked_add(patience).map(|it| it.min(until));
        }
        if self.blocked_since.is_none() {
            // What it had room for says nothing about how fast it is read.
            self.n_taken = 0;
        }
        let since = *self.blocked_since.get_or_insert(now);
        let earned = Duration::from_millis(self.n_taken * 1000 / MIN_BYTES_PER_SECOND);
        since.checked_add(patience.saturating_add(earned))
    }

    pub(crate) fn shut_down(&mut self, how: Shutdown) {
        // Of a socket that is gone already nothing is wanted.
        let _ = self.wire.shut_down(how);
    }
}

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.wire.read(buffer) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }
}

/// Takes all or nothing: so whoever writes needs no buffer of their own.
impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.flush()?;
        self.send(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.send_waiting()?;
        match self.is_blocked() {
            true => Err(ErrorKind::WouldBlock.into()),
            false => Ok(()),
        }
    }
}

/// Writes as much as can be written at once.
fn write(wire: &mut Wire, bytes: &[u8]) -> io::Result<usize> {
    let mut n_sent = 0;
    while n_sent < bytes.len() {
        match wire.write(&bytes[n_sent..]) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(more) => n_sent += more,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) => return Err(error),
        }
    }
    Ok(n_sent)
}

/// Whether the wire kept nothing back.
fn flush(wire: &mut Wire) -> io::Result<bool> {
    match wire.flush() {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    /// A pipe, and the client's end of its connection.
    pub(in super::super) fn pair() -> (Pipe, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let theirs = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let ours = listener.accept().unwrap().0;
        ours.set_nonblocking(true).unwrap();
        let socket = mio::net::TcpStream::from_std(ours);
        (Pipe::new(Wire::new(socket, None).unwrap()), theirs)
    }

    #[test]
    fn who_takes_more_of_what_waits_has_as_much_more_time() {
        const PATIENCE: Duration = Duration::from_secs(1);
        let (mut pipe, mut client) = pair();
        // More than the sockets' buffers take.
        pipe.send(&vec![b'x'; 20_000_000]).unwrap();
        let start = Instant::now();
        assert_eq!(pipe.deadline(start, PATIENCE), Some(start + PATIENCE));
        let n_waiting = pipe.n_waiting();
        let mut buffer = vec![0; 1 << 20];
        while pipe.n_waiting() + 640 * 1024 > n_waiting {
            assert_ne!(client.read(&mut buffer).unwrap(), 0);
            pipe.send_waiting().unwrap();
        }
        assert!(pipe.is_blocked());
        let n_taken = (n_waiting - pipe.n_waiting()) as u64;
        let earned = Duration::from_millis(n_taken * 1000 / (64 * 1024));
        assert!(earned >= Duration::from_secs(10));
        let later = start + Duration::from_millis(500);
        let until = start + PATIENCE + earned;
        assert_eq!(pipe.deadline(later, PATIENCE), Some(until));
    }
}
