//! The one table that turns what happened into an exit status, a cause and a hint. Each file
//! has the rows of one concern.

mod ended;
mod proxy;
mod refusals;
mod tls;
mod transport;
mod warnings;
mod wordings;

pub(crate) use ended::{Circumstances, ended};
pub(crate) use refusals::{
    error_of, loss, outcome_unknown, publish_rejected, subscribe_refused, subscribe_refused_again,
};
pub(crate) use transport::{transport, unreachable};
pub(crate) use warnings::{Displaced, KNOWN_LATE, connected_late, hold_cut, multiple_clients};
