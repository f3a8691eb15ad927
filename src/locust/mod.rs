//! A worker of a Locust master: a load test that a master on another machine starts, steers and
//! stops, and that hands its figures over.
//!
//! ```text
//! worker    when it registers, begins, reports and gives up      (pure)
//! stats     what a run measured, as a master adds it up          (pure)
//! message   what worker and master say, in MessagePack           (pure)
//! zmtp      the connection: ZeroMQ's protocol, the side of a DEALER
//! ```
//!
//! Nothing here carries out a load test: whoever drives the worker gives the run's portions to it
//! and does what its events say. Locust documents neither messages nor statistics; they are what
//! its versions 2.32.0 and 2.47.0 say and take (`locust/runners.py`, `locust/stats.py`).

#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
mod message;
mod stats;
mod worker;
mod zmtp;

pub use message::{Exception, FromMaster, MessageError, Options, Spawn, State, ToMaster};
pub use stats::{Report, UserCounts};
pub use worker::{Event, Users, Worker};
pub use zmtp::{Link, LinkError, Sender, Up};
