//! What a worker asks of whoever drives it.

use std::time::{Duration, Instant};

use crate::locust::message::Options;

/// What a worker asks of whoever drives it.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The master has taken the worker in, under this number.
    Registered {
        /// From 0.
        index: u64,
    },
    /// A run is to begin.
    Begin {
        /// With so many users.
        users: Users,
        /// The master's options.
        options: Options,
    },
    /// The run is to have other users, and perhaps another rate.
    Steer {
        /// So many.
        users: Users,
        /// The master's options, as they are now.
        options: Options,
    },
    /// The run is to end; [`Worker::handle_ended`](super::Worker::handle_ended) is to be told.
    Stop {
        /// When it is to wait no longer for what is on its way, if somebody waits for its figures.
        hurry: Option<Instant>,
    },
    /// Everything is said, once [`Worker::poll_transmit`](super::Worker::poll_transmit) has
    /// nothing more: the connection and the program can end. Where the run has not ended by now,
    /// its last figures came too late.
    Quit,
    /// A new connection is wanted: the master could not read what came over this one.
    Reconnect,
    /// The master has not taken the worker in for so long. A new connection is wanted, which may
    /// fare better, since it has another id.
    Silent {
        /// How long.
        after: Duration,
    },
    /// Nothing has come from the master for so long: the connection is of no use.
    MasterGone {
        /// How long.
        after: Duration,
    },
    /// Something that is of no consequence, but explains what is seen.
    Note(String),
}

/// How many users: clients, in the words of a load test.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Users {
    /// Of this worker.
    pub own: usize,
    /// Of all workers; its rate is to the whole as `own` is to this.
    pub total: usize,
}
