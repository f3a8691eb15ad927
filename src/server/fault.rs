//! What goes wrong on purpose: how it is written, when it happens, and what it does.
//!
//! ```text
//!   "connect:drop:every=5" -> Fault -> Faults: a message, a delivery, an upgrade comes -> Effects
//!                                                                                          |
//!      the broker: refusals, lost sessions, altered replies, deliveries twice <------------+
//!      the connection: what is written of a response, and when (Passage) <--------------------+
//! ```
//!
//! Nothing here has a socket, a thread or a clock. A chance is drawn from a seed, the place of
//! the fault in the list and the number of the occasion, so that the same requests in the same
//! order meet the same faults.

mod alteration;
mod effects;
mod faults;
mod parsing;
mod passage;
mod spec;

pub(crate) use alteration::altered;
pub(crate) use effects::{Delivered, Effects, Instead, NONE, PAGE};
pub(crate) use faults::Faults;
pub(crate) use passage::{Passage, Step};
pub(crate) use spec::Place;
pub use spec::{Fault, FaultError};
