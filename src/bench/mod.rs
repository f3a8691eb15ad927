//! Loading a server, and measuring what becomes of the load.
//!
//! [`run`] carries out the [`Plan`] in its [`Settings`] and returns what it measured as a [`Run`].
//! [`steered`] does so while somebody else says how many clients there are and how fast is published.
//!
//! ```text
//! conductor     opens, warms up, measures, drains
//! steersman     the same for a run that somebody else steers while it goes on
//!   steering    what is wanted of it
//!   ongoing     a run's threads and what they hand over, for either of them
//!   engine      poll loops, each on a thread, with thousands of sessions
//!   board       what the threads share: orders, clock, what has been published
//!   progress    how far they are
//!   intervals   what they hand over, second by second
//!   results     puts together what all of them measured
//! participant   one session's part: what its events mean, whatever drives it
//!   subscriber  a client: what becomes of each delivery to it
//!   publisher   a publisher: what becomes of each message that it sends
//!   plan        who is there, who publishes what, when it ends              (pure)
//!   pacer       when a publisher's turns come                               (pure)
//!   tempo       how fast, until that changes                                (pure)
//!   payload     the stamp in every message                                  (pure)
//!   reception   what a client got of a publisher, by sequence numbers       (pure)
//! recorder      what one thread measures
//! run           what was measured: the results, which merge without loss    (pure)
//! metric, expectation   values of the results, and what they are to be      (pure)
//! report        the results as files                                        (pure)
//! ```
//!
//! A message carries when it *was to be* sent, by a schedule that waits for nobody; latency counts
//! from there, so that a server that stalls is seen to stall.

mod board;
mod conductor;
mod crew;
mod distribution;
mod engine;
mod expectation;
mod intervals;
mod kinds;
mod metric;
mod ongoing;
mod pacer;
mod packed;
mod participant;
mod payload;
mod plan;
mod progress;
mod publisher;
mod reception;
mod receptions;
mod recorder;
pub mod report;
mod results;
mod run;
mod settings;
mod steering;
mod steersman;
mod subscriber;
mod system;
mod tempo;
#[cfg(test)]
mod tests;
mod threads;

pub use conductor::run;
pub use distribution::{Distribution, NotAHistogram, PERCENTILES};
pub use expectation::{Bound, Expectation, ExpectationError, Outcome};
pub use metric::{METRICS, Metric, Unit};
pub use packed::Packed;
pub use payload::{Payload, RunId, SMALLEST, Stamp, TooSmall};
pub use plan::{Plan, PlanError, Rate, Stop};
pub use run::{
    ClientUse, Config, ErrorCount, Interval, Latencies, LostBy, Messages, Request, Run, Sessions,
    Shortfall, Slowest, Traffic,
};
pub use settings::{
    BenchError, Capacity, Engine, Heard, Interrupt, Limit, Progress, Settings, Stage, Witness,
};
pub use steering::{Portion, Steering};
pub use steersman::steered;
pub use system::capacity;
