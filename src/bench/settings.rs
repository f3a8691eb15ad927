//! What a run is told when it begins.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::protocol::{ConnectionType, Message};
use crate::session::extension::Extension;
use crate::transport::Settings as TransportSettings;

use super::Plan;

/// The settings of a run.
#[derive(Clone)]
pub struct Settings {
    /// What to do.
    pub plan: Plan,
    /// Whom to talk to.
    pub transport: TransportSettings,
    /// How: [`ConnectionType::LongPolling`] or [`ConnectionType::WebSocket`].
    pub connection_type: ConnectionType,
    /// Who drives the sessions.
    pub engine: Engine,
    /// Makes the extensions of one session; each session has its own.
    pub extensions: Arc<dyn Fn() -> Vec<Box<dyn Extension>> + Send + Sync>,
    /// Local addresses to connect from, in turns. None leaves it to the system, which on loopback
    /// is helped beyond 25 000 connections.
    pub sources: Vec<IpAddr>,
    /// What all randomness of the run begins with.
    pub seed: u64,
    /// Is told what one session says and hears, by the loop engine: that of the first client, or
    /// of the first publisher where there are no clients. It has the thread of many others.
    pub witness: Option<Witness>,
}

/// Who is told what one session says and hears.
pub type Witness = Arc<dyn Fn(Heard<'_>) + Send + Sync>;

/// What a witness is told.
#[derive(Clone, Copy, Debug)]
pub enum Heard<'a> {
    /// Messages left.
    Sent(&'a [Message]),
    /// Messages came.
    Received(&'a [Message]),
}

/// Who drives the sessions.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Engine {
    /// Poll loops, each on a thread, each with thousands of sessions.
    Loop {
        /// How many.
        n_threads: usize,
    },
    /// A thread for each session, with the client and the transport of the other commands: to
    /// check the loop against.
    Threads,
}

/// Connections from one local address to one server that are sure to find a port: Linux has
/// 28 232 of them (32768 to 60999).
pub(super) const PORTS: usize = 25_000;

impl Settings {
    /// The local addresses that connections come from; none leaves it to the system.
    pub(super) fn sources(&self) -> Vec<IpAddr> {
        let n_connections = self.n_connections();
        match self.sources.is_empty()
            && n_connections > PORTS
            && self.transport.endpoint.is_loopback()
        {
            true => (1..=n_connections.div_ceil(PORTS).min(250) as u8)
                .map(|it| IpAddr::V4(Ipv4Addr::new(127, 0, 0, it)))
                .collect(),
            false => self.sources.clone(),
        }
    }

    /// Connections that the run has open at once.
    pub(super) fn n_connections(&self) -> usize {
        let plan = &self.plan;
        match self.connection_type {
            ConnectionType::WebSocket => plan.n_sessions(),
            // A publisher's held connect must not be in the way of what it publishes.
            ConnectionType::LongPolling | ConnectionType::CallbackPolling => {
                plan.n_sessions() + plan.n_publishers
            }
        }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("plan", &self.plan)
            .field("connection_type", &self.connection_type)
            .field("engine", &self.engine)
            .finish_non_exhaustive()
    }
}

/// Where a run is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Stage {
    /// Sessions are handshaking and subscribing.
    Opening,
    /// Messages are published, and do not count yet.
    Warmup,
    /// Messages are published, and count.
    Measuring,
    /// Missing deliveries are waited for.
    Draining,
}

/// How far a run is.
#[derive(Clone, Debug)]
pub struct Progress {
    /// Where it is.
    pub stage: Stage,
    /// For how long it has been there.
    pub elapsed: Duration,
    /// How long that takes at the most, where it is known.
    pub total: Option<Duration>,
    /// Sessions that are up.
    pub n_up: usize,
    /// Sessions that are wanted.
    pub n_wanted: usize,
    /// Messages published in the measured time.
    pub n_published: u64,
    /// Their deliveries that came.
    pub n_delivered: u64,
    /// Their deliveries that are to come in all.
    pub n_expected: u64,
    /// Errors.
    pub n_errors: u64,
    /// Of the deliveries so far, from the intended time.
    pub p99: Option<Duration>,
}

/// Ends a run from another thread: what was measured until then is its result.
#[derive(Clone, Debug, Default)]
pub struct Interrupt(Arc<Urgency>);

#[derive(Debug, Default)]
struct Urgency {
    is_interrupted: AtomicBool,
    is_hurried: AtomicBool,
}

impl Interrupt {
    /// Ends the run.
    pub fn interrupt(&self) {
        self.0.is_interrupted.store(true, Ordering::Relaxed);
    }

    /// Does not wait any longer for what is on its way in a run that is steered.
    pub fn hurry(&self) {
        self.0.is_hurried.store(true, Ordering::Relaxed);
    }

    /// Whether the run is to end.
    pub fn is_interrupted(&self) -> bool {
        self.0.is_interrupted.load(Ordering::Relaxed)
    }

    /// Whether nothing is to be waited for any longer.
    pub(super) fn is_hurried(&self) -> bool {
        self.0.is_hurried.load(Ordering::Relaxed)
    }
}

/// How many sessions fit on this machine, and what limits them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Capacity {
    /// Sessions that fit.
    pub n_sessions: usize,
    /// What limits them.
    pub limit: Limit,
}

/// What limits the number of sessions.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Limit {
    /// Open files of this process.
    Descriptors {
        /// How many may be open.
        limit: u64,
    },
    /// Ports of the local addresses that connections come from.
    Ports {
        /// Local addresses.
        n_sources: usize,
    },
    /// Threads of this process.
    Threads {
        /// How many.
        limit: u64,
    },
}

/// A run that could not begin.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BenchError {
    /// The plan cannot be carried out.
    #[error(transparent)]
    Plan(#[from] super::PlanError),
    /// The server's address or the settings of the connection are of no use.
    #[error(transparent)]
    Transport(#[from] crate::transport::TransportError),
    /// More sessions than this machine has room for.
    #[error("{n_wanted} sessions do not fit: {} do", capacity.n_sessions)]
    NoRoom {
        /// Sessions that were wanted.
        n_wanted: usize,
        /// What fits.
        capacity: Capacity,
    },
    /// No session came up.
    #[error("no session came up")]
    NoSession {
        /// How the first one ended; its failure or refusal is in it.
        first: Box<crate::session::End>,
        /// What was in the way of one that came up when the run gave up.
        last: Option<Box<crate::session::Failure>>,
    },
    /// Only the poll loops let clients come and go as somebody else wants it.
    #[error("a thread for each session cannot be steered from elsewhere")]
    NotSteerable,
    /// The system refused what a run needs.
    #[error("{what}")]
    System {
        /// What it refused.
        what: &'static str,
        /// The system's words.
        source: std::io::Error,
    },
}
