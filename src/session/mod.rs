//! The client's side of a Bayeux session, without socket, thread or clock.

mod exchange;

pub use exchange::{ExchangeId, Failure, Lane, Permanence, Stage, Transmit};
