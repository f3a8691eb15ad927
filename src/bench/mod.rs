//! Loading a server, and measuring what becomes of the load.
//!
//! ```text
//! plan     who is there, who publishes what, when it ends      (pure)
//! pacer    when a publisher's turns come                       (pure)
//! payload  the stamp in every message                          (pure)
//! reception  what one client got of one publisher's sequence   (pure)
//! run      what was measured: the results, mergeable
//! ```

mod distribution;
mod pacer;
mod payload;
mod plan;
mod reception;
mod run;

pub use distribution::{Distribution, NotAHistogram, PERCENTILES};
pub use pacer::{Due, Pacer, Phase, Turn};
pub use payload::{Payload, RunId, SMALLEST, Stamp, TooSmall};
pub use plan::{Plan, PlanError, Rate, Stop};
pub use reception::{Arrival, Balance, Reception};
pub use run::{
    ClientUse, Config, ErrorCount, Interval, Latencies, LostBy, Messages, Run, Sessions, Shortfall,
    Slowest, Traffic,
};
