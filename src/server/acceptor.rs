//! Accepting connections, and refusing them where no descriptors are left.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, ToSocketAddrs};
use std::time::{Duration, Instant};

use mio::net::{TcpListener, TcpStream};

/// How many connections may wait to be accepted.
#[cfg(unix)]
const BACKLOG: i32 = 4096;

/// How long to wait with the next one where not even refusing was possible.
const PAUSE: Duration = Duration::from_millis(50);

/// Of a flood the observer is told no more often than this.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// Listens. A descriptor is kept in reserve: where there is no other, a connection gets it and
/// is closed, so that its client knows. It would wait in the backlog otherwise, and the system
/// would tell of it without end.
pub(crate) struct Acceptor {
    listener: TcpListener,
    /// The same listener; more of it can be had.
    original: std::net::TcpListener,
    reserve: Option<std::net::TcpListener>,
    /// Whether connections may be waiting.
    is_ready: bool,
    paused_until: Option<Instant>,
    told: Option<Instant>,
}

impl Acceptor {
    pub(crate) fn bind(address: impl ToSocketAddrs) -> io::Result<Self> {
        let original = std::net::TcpListener::bind(address)?;
        // The standard library lets 128 connections wait to be accepted. Of thousands that
        // come at once the rest would try again after 1, 3 and 7 s. The system has a limit of
        // its own.
        #[cfg(unix)]
        rustix::net::listen(&original, BACKLOG)?;
        original.set_nonblocking(true)?;
        Ok(Self {
            listener: TcpListener::from_std(original.try_clone()?),
            reserve: Some(original.try_clone()?),
            original,
            is_ready: false,
            paused_until: None,
            told: None,
        })
    }

    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        self.original.local_addr()
    }

    pub(crate) fn listener_mut(&mut self) -> &mut TcpListener {
        &mut self.listener
    }

    /// The system says that connections wait.
    pub(crate) fn note_ready(&mut self) {
        self.is_ready = true;
    }

    /// Whether connections may be waiting of which nobody will tell again.
    pub(crate) fn is_ready(&self) -> bool {
        self.is_ready && self.paused_until.is_none()
    }

    /// When connections will be accepted again.
    pub(crate) fn paused_until(&self) -> Option<Instant> {
        self.paused_until
    }

    /// The next connection. An error is one that had to be refused, or could not even be.
    pub(crate) fn accept(&mut self, now: Instant) -> Option<io::Result<(TcpStream, SocketAddr)>> {
        self.paused_until = self.paused_until.filter(|until| *until > now);
        while self.is_ready() {
            let error = match self.listener.accept() {
                Ok(accepted) => return Some(Ok(accepted)),
                Err(error) => error,
            };
            match error.kind() {
                ErrorKind::WouldBlock => self.is_ready = false,
                _ if is_shortage(&error) => {
                    self.refuse(now);
                    return Some(Err(error));
                }
                // Its client left before it was accepted.
                ErrorKind::Interrupted
                | ErrorKind::ConnectionAborted
                | ErrorKind::ConnectionReset => {}
                _ => {
                    self.paused_until = Some(now + PAUSE);
                    return Some(Err(error));
                }
            }
        }
        None
    }

    /// Whether it is time to tell of one more that was refused.
    pub(crate) fn is_worth_telling(&mut self, now: Instant) -> bool {
        let is_worth_telling = self.told.is_none_or(|told| now >= told + TELL_EVERY);
        if is_worth_telling {
            self.told = Some(now);
        }
        is_worth_telling
    }

    fn refuse(&mut self, now: Instant) {
        drop(self.reserve.take());
        let refused = self.original.accept().map(drop);
        self.reserve = self.original.try_clone().ok();
        if refused.is_err() || self.reserve.is_none() {
            self.paused_until = Some(now + PAUSE);
        }
    }
}

/// Whether descriptors or memory are what is wanting.
#[cfg(unix)]
fn is_shortage(error: &io::Error) -> bool {
    use rustix::io::Errno;

    let shortages = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM];
    let number = error.raw_os_error();
    shortages.iter().any(|it| number == Some(it.raw_os_error()))
}

#[cfg(not(unix))]
fn is_shortage(error: &io::Error) -> bool {
    /// `WSAEMFILE` and `WSAENOBUFS`.
    const SHORTAGES: [i32; 2] = [10_024, 10_055];

    let number = error.raw_os_error();
    number.is_some_and(|it| SHORTAGES.contains(&it))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_flood_no_more_is_told_than_once_in_a_while() {
        let mut acceptor = Acceptor::bind("127.0.0.1:0").unwrap();
        let start = Instant::now();
        let told = [0, 1, 999, 1000, 1001, 1999, 2000]
            .map(|at| acceptor.is_worth_telling(start + Duration::from_millis(at)));
        assert_eq!(told, [true, false, false, true, false, false, true]);
    }
}
