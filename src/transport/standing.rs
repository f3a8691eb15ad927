//! How far an exchange has got, and what a failure means for it there.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use super::TransportError;
use super::excerpt::Excerpt;
use crate::session::Stage;

/// How far an exchange has got.
#[derive(Clone, Copy, Debug)]
pub(super) struct Standing<'a> {
    pub(super) step: Step,
    /// Bytes of the request that the socket took.
    pub(super) sent: u64,
    /// Whether writing the request failed.
    pub(super) is_send_broken: bool,
    /// Plaintext bytes of the response.
    pub(super) received: u64,
    /// The first bytes of a response that does not begin as HTTP does.
    pub(super) strange_opening: &'a [u8],
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Step {
    /// There is no connection.
    Tcp,
    /// There is one, without TLS as yet.
    Tls,
    /// Everything that needs a connection.
    Exchange,
}

/// What an exchange is told that took too long.
#[derive(Debug)]
pub(super) struct Late {
    /// The addresses that did not answer.
    pub(super) addresses: Vec<SocketAddr>,
    /// How long connecting may take.
    pub(super) connect: Duration,
    /// How long it took.
    pub(super) waited: Duration,
    /// How long the server may keep the response back.
    pub(super) hold: Duration,
    /// Network and server time beyond that.
    pub(super) network: Duration,
}

impl Standing<'_> {
    /// How far the request got, for an exchange that ended with the connection.
    pub(super) fn stage(&self) -> Stage {
        if self.sent == 0 {
            Stage::Unsent
        } else if self.received == 0 {
            Stage::Unanswered
        } else {
            Stage::Interrupted
        }
    }

    /// Reading or writing failed.
    pub(super) fn failed(&self, error: io::Error) -> TransportError {
        match self.step {
            Step::Tls => TransportError::TlsCut { source: error },
            // Setting up a fresh socket failed.
            Step::Tcp => TransportError::Send {
                source: error,
                stage: self.stage(),
            },
            Step::Exchange if self.received > 0 => self.strange().unwrap_or_else(|| self.cut()),
            Step::Exchange if self.is_send_broken => TransportError::Send {
                source: error,
                stage: self.stage(),
            },
            Step::Exchange => TransportError::Closed { source: error },
        }
    }

    /// The response ended early.
    pub(super) fn cut(&self) -> TransportError {
        TransportError::Cut {
            received: self.received,
        }
    }

    /// A response that does not begin as one of HTTP: a TLS alert, or another protocol's greeting.
    pub(super) fn strange(&self) -> Option<TransportError> {
        match self.strange_opening {
            [] => None,
            [0x15, 0x03, ..] => Some(TransportError::PlainToTlsPort),
            opening => Some(TransportError::NotHttp {
                excerpt: Excerpt::of(opening),
            }),
        }
    }

    /// The time was over.
    pub(super) fn timed_out(&self, late: Late) -> TransportError {
        match self.step {
            Step::Tls => TransportError::TlsTimeout {
                after: late.connect,
            },
            Step::Tcp => TransportError::ConnectTimeout {
                addresses: late.addresses,
                after: late.connect,
            },
            Step::Exchange => TransportError::Timeout {
                waited: late.waited,
                hold: late.hold,
                network: late.network,
                received: self.received,
                stage: match self.stage() {
                    // Late is not closed: the connection stood.
                    Stage::Unanswered => Stage::Interrupted,
                    stage => stage,
                },
            },
        }
    }
}

/// The first bytes of a response, if it does not begin as HTTP does.
pub(super) fn strange_opening(bytes: &[u8]) -> Option<&[u8]> {
    let version = &b"HTTP/"[..bytes.len().min(5)];
    (!bytes.starts_with(version)).then(|| &bytes[..bytes.len().min(64)])
}
