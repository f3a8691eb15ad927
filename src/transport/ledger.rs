//! What the exchange on this thread has done so far, and until when it may go on.
//!
//! ureq gives a connection no hint for which request it is used, and a request no hint which
//! connection it got. But an exchange runs on one thread from its start to its end, so the
//! layers of a connection find their exchange in a thread-local. Deadlines are kept here as
//! well: given to ureq they would cost a copy of its whole configuration for every request.

use std::cell::RefCell;
use std::time::{Duration, Instant, SystemTime};

use super::Capture;
use super::standing::{Standing, Step, strange_opening};
use super::trace::Trace;
use crate::session::Stage;

thread_local! {
    static CURRENT: RefCell<Option<Ledger>> = const { RefCell::new(None) };
}

/// The longest time that is added to an `Instant`, so that the sum is always one.
pub(super) const FOREVER: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// How long each part of an exchange may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    /// Name lookup, TCP and TLS together.
    pub(super) connect: Duration,
    /// How long the server may keep the response back.
    pub(super) hold: Duration,
    /// Network and server time beyond that; for the response's body again.
    pub(super) network: Duration,
    /// When all of it must be over.
    pub(super) until: Option<Instant>,
}

impl Budget {
    /// The time after this duration, or the end of all time.
    fn after(&self, duration: Duration) -> Instant {
        let after = Instant::now() + duration.min(FOREVER);
        self.until.map_or(after, |until| after.min(until))
    }
}

/// Where an exchange is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Phase {
    /// Getting a connection, TLS handshake included.
    Connecting,
    /// Writing the request.
    Sending,
    /// Waiting for the response's head.
    Awaiting,
    /// Reading the response's body.
    Receiving,
}

/// One exchange.
pub(super) struct Ledger {
    pub(super) phase: Phase,
    pub(super) budget: Budget,
    pub(super) deadline: Instant,
    /// How long a kept-alive connection may have been idle to be used for this request.
    pub(super) max_idle: Duration,
    /// The number of aborts when it began.
    pub(super) epoch: u64,
    /// Bytes given to the socket since the request began; in this count, nothing of the
    /// TLS handshake.
    pub(super) request_sent: u64,
    /// Whether writing the request failed.
    pub(super) is_send_broken: bool,
    /// Plaintext bytes of a response.
    pub(super) response_received: u64,
    /// The first bytes of a response that does not begin as HTTP does.
    pub(super) strange_opening: Vec<u8>,
    pub(super) trace: Trace,
    started: Instant,
    capture: Capture,
}

impl Ledger {
    pub(super) fn new(budget: Budget, max_idle: Duration, capture: Capture, epoch: u64) -> Self {
        let started = Instant::now();
        Self {
            phase: Phase::Connecting,
            budget,
            deadline: budget.after(budget.connect),
            max_idle,
            epoch,
            request_sent: 0,
            is_send_broken: false,
            response_received: 0,
            strange_opening: Vec::new(),
            trace: Trace::new(SystemTime::now()),
            started,
            capture,
        }
    }

    /// Makes this the current exchange of the thread.
    pub(super) fn open(self) {
        CURRENT.set(Some(self));
    }

    /// Takes the current exchange out again.
    pub(super) fn close() -> Option<Self> {
        let mut ledger = CURRENT.take()?;
        ledger.trace.total = ledger.elapsed();
        Some(ledger)
    }

    /// Notes bytes of the request on their way into TLS or to the socket.
    pub(super) fn request(&mut self, plaintext: &[u8]) {
        if self.phase == Phase::Connecting {
            self.phase = Phase::Sending;
        }
        if self.capture == Capture::Text {
            self.trace.request.0.extend_from_slice(plaintext);
        }
    }

    /// The wire put the server's origin into the request's first line, which was noted without.
    pub(super) fn request_with_origin(&mut self, at: usize, origin: &str) {
        if self.capture == Capture::Text {
            self.trace.request.0.splice(at..at, origin.bytes());
        }
    }

    /// The request is out; from now on the server may think.
    pub(super) fn await_response(&mut self) {
        self.phase = Phase::Awaiting;
        self.deadline = self
            .budget
            .after(self.budget.hold.saturating_add(self.budget.network));
    }

    /// Notes bytes of the response as they came out of TLS or from the socket.
    pub(super) fn response(&mut self, plaintext: &[u8]) {
        if self.response_received == 0 && !plaintext.is_empty() {
            self.trace.first_byte = Some(self.elapsed());
            if let Some(opening) = strange_opening(plaintext) {
                self.strange_opening = opening.to_vec();
            }
        }
        self.response_received += plaintext.len() as u64;
        if self.capture == Capture::Text {
            self.trace.response.0.extend_from_slice(plaintext);
        }
    }

    /// The head is there; the body has the network's time, however many pieces it comes in,
    /// and what is left of the hold: a server may send the head first and then hold the body.
    pub(super) fn receive_body(&mut self) {
        self.phase = Phase::Receiving;
        self.deadline = self.deadline.max(self.budget.after(self.budget.network));
    }

    /// Notes bytes that the socket took.
    pub(super) fn socket_sent(&mut self, n_bytes: usize) {
        self.trace.bytes_sent += n_bytes as u64;
        if self.phase != Phase::Connecting {
            self.request_sent += n_bytes as u64;
        }
    }

    /// Notes bytes that the socket gave.
    pub(super) fn socket_received(&mut self, n_bytes: usize) {
        self.trace.bytes_received += n_bytes as u64;
    }

    /// The time since the start.
    pub(super) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// The time that is left in this phase; nothing if it is over.
    pub(super) fn remaining(&self) -> Option<Duration> {
        let remaining = self.deadline.saturating_duration_since(Instant::now());
        (!remaining.is_zero()).then_some(remaining)
    }

    /// How far the request got, for an exchange that ended with the connection.
    pub(super) fn stage(&self) -> Stage {
        self.standing().stage()
    }

    /// How far the exchange got.
    pub(super) fn standing(&self) -> Standing<'_> {
        Standing {
            step: match self.phase {
                Phase::Connecting if self.trace.peer.is_some() => Step::Tls,
                Phase::Connecting => Step::Tcp,
                Phase::Sending | Phase::Awaiting | Phase::Receiving => Step::Exchange,
            },
            sent: self.request_sent,
            is_send_broken: self.is_send_broken,
            received: self.response_received,
            strange_opening: &self.strange_opening,
        }
    }
}

/// Does something with the thread's current exchange, if there is one.
pub(super) fn with<R>(f: impl FnOnce(&mut Ledger) -> R) -> Option<R> {
    CURRENT.with_borrow_mut(|it| it.as_mut().map(f))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger(until: Option<Instant>) -> Ledger {
        let budget = Budget {
            connect: Duration::from_secs(1),
            hold: Duration::from_secs(100),
            network: Duration::from_secs(10),
            until,
        };
        Ledger::new(budget, Duration::ZERO, Capture::Nothing, 0)
    }

    #[test]
    fn a_body_that_is_held_after_its_head_has_the_time_of_the_hold() {
        let mut ledger = ledger(None);
        ledger.await_response();
        ledger.receive_body();
        assert!(ledger.remaining() > Some(Duration::from_secs(50)));
    }

    #[test]
    fn no_part_outlives_the_end_of_the_whole() {
        let until = Instant::now() + Duration::from_millis(500);
        let mut ledger = ledger(Some(until));
        assert_eq!(ledger.deadline, until);
        ledger.await_response();
        assert_eq!(ledger.deadline, until);
        ledger.receive_body();
        assert_eq!(ledger.deadline, until);
    }
}
