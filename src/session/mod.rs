//! The client's side of a Bayeux session, without socket, thread or clock.
//!
//! A driver hands in commands ([`Session::subscribe`], [`Session::publish`], ...) and what
//! came from the network ([`Session::handle_response`], [`Session::handle_failure`]), together
//! with the time, and then drains the outputs: requests to send
//! ([`Session::poll_transmit`]), exchanges to give up ([`Session::poll_cancel`]) and events
//! ([`Session::poll_event`]). The machine never waits; drivers never decide.
//!
//! ```text
//! Idle -> Handshaking -> Established <-> (connect loop)
//!             |  ^            | session unknown, advice handshake, silence
//!             |  '-- wait <---'
//!             |               | advice none
//!             '----> Ended <--+--- Disconnecting
//! ```
//!
//! Where credentials are renewable, a session that is refused for its credentials does not end
//! but waits in `Unauthorised` for others, and then handshakes.
//!
//! A session has two lanes, each with at most one request in flight: the connect, which the
//! server holds, and everything else. Over a websocket a request is in flight only until it
//! has left ([`Session::handle_sent`]), apart from the connect, and messages come on their
//! own ([`Session::handle_messages`]).

mod authorisation;
mod backoff;
mod event;
mod exchange;
pub mod extension;
mod failures;
mod guard;
mod hold;
mod late;
mod machine;
mod pending;
mod pushed;
mod queue;
mod replies;
mod requests;
mod settings;
mod state;
#[cfg(test)]
mod tests;

pub use event::{End, Event, LossReason, PublishId, Refusal, Replayed};
pub use exchange::{ExchangeId, Failure, Lane, Permanence, Stage, Transmit};
pub use machine::Session;
pub use settings::{Connects, Credentials, Recovery, Settings};

/// No reply came to a message, although its response did.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("no reply to {channel}")]
pub struct NoReply {
    /// The channel of the message.
    pub channel: String,
}
