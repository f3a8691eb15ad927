//! A connection to which all was said: the last of it is on its way, and what still comes is
//! not looked at.

use std::io::{self, ErrorKind, Read};
use std::net::Shutdown;
use std::time::{Duration, Instant};

use super::pipe::{Advance, Pipe};
use super::turn::{MOST_AT_ONCE, Turn};
use crate::server::Settings;

/// How long we wait for the end of a client to which all was said.
const LINGER: Duration = Duration::from_secs(2);

/// How long a connection is kept that has fallen silent by a fault.
const SILENCE: Duration = Duration::from_secs(600);

/// A connection that is to end.
pub(super) struct Lingering {
    pub(super) pipe: Pipe,
    /// Since everything was said.
    until: Option<Instant>,
}

impl Lingering {
    /// All that is to be sent is sent; after that the client has a moment to end it as well.
    pub(super) fn new(pipe: Pipe) -> Self {
        Self { pipe, until: None }
    }

    /// Nothing is sent any more.
    pub(super) fn silent(pipe: Pipe, now: Instant) -> Self {
        let until = Some(now + SILENCE);
        Self { pipe, until }
    }

    pub(super) fn turn(&mut self, now: Instant, scratch: &mut [u8]) -> io::Result<Turn> {
        if self.pipe.advance(now)? == Advance::Silent {
            self.until = Some(now + SILENCE);
        }
        self.pipe.send_waiting()?;
        if self.pipe.is_blocked() {
            return Ok(Turn::Waits);
        }
        if self.until.is_none() {
            self.pipe.shut_down(Shutdown::Write);
            self.until = Some(now + LINGER);
        }
        for _ in 0..MOST_AT_ONCE {
            match self.pipe.read(scratch) {
                Ok(0) => return Ok(Turn::Over),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Turn::Waits),
                Err(error) => return Err(error),
            }
        }
        Ok(Turn::Unfinished)
    }

    pub(super) fn deadline(&mut self, settings: &Settings, now: Instant) -> Option<Instant> {
        let patience = settings.response_timeout;
        self.until.or_else(|| self.pipe.deadline(now, patience))
    }
}

#[cfg(test)]
mod tests {
    use super::super::pipe::tests::pair;
    use super::*;

    #[test]
    fn who_does_not_end_the_connection_has_a_moment_to_do_so() {
        let (pipe, mut client) = pair();
        let mut lingering = Lingering::new(pipe);
        let now = Instant::now();
        let settings = Settings::default();
        assert_eq!(lingering.deadline(&settings, now), None);
        assert_eq!(lingering.turn(now, &mut [0]).unwrap(), Turn::Waits);
        let until = now + Duration::from_secs(2);
        assert_eq!(lingering.deadline(&settings, now), Some(until));
        // It has been told that nothing more comes. That it is still there is no reason to wait.
        assert_eq!(client.read(&mut [0]).unwrap(), 0);
        let later = now + Duration::from_secs(1);
        assert_eq!(lingering.turn(later, &mut [0]).unwrap(), Turn::Waits);
        assert_eq!(lingering.deadline(&settings, later), Some(until));
    }
}
