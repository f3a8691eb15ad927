//! The Bayeux protocol as data: messages, channels, advice and error strings.
//!
//! Nothing here opens a socket, reads a clock or prints. Bytes come in through
//! [`decode`] and go out through [`encode`]; in between a [`Message`] is its raw JSON
//! text plus the fields that the protocol reads, so that nothing a server sent is lost
//! or re-spelt: digits of numbers, order of keys, duplicate keys, unknown fields.
//!
//! What is odd but readable becomes a [`Finding`], never an error.

mod advice;
mod body;
mod builder;
mod callback;
mod channel;
mod connection_type;
mod elements;
mod error_string;
mod failure_reason;
mod fields;
mod finding;
mod json;
mod member;
mod message;

pub use advice::{Advice, Reconnect};
pub use body::{Body, DecodeError, MAX_ELEMENTS, decode, encode};
pub use builder::MessageBuilder;
pub(crate) use callback::ENCODED;
pub use callback::{Callback, InvalidCallback, encoded_len};
pub use channel::{Channel, ChannelError, ChannelPattern, GrammarNote};
pub use connection_type::{ConnectionType, UnknownConnectionType};
pub use error_string::ErrorString;
pub use finding::{Finding, FindingKind};
pub use json::{Json, JsonError, Token, TokenKind, tokens};
pub use member::{member, members};
pub use message::{Kind, Message};

/// The channels of the protocol itself (Bayeux 1.0, "Meta Channels").
pub mod meta {
    /// Negotiates a session.
    pub const HANDSHAKE: &str = "/meta/handshake";
    /// Heartbeat of a session; over long polling the server holds it and answers with messages.
    pub const CONNECT: &str = "/meta/connect";
    /// Ends a session.
    pub const DISCONNECT: &str = "/meta/disconnect";
    /// Adds subscriptions to a session.
    pub const SUBSCRIBE: &str = "/meta/subscribe";
    /// Removes subscriptions from a session.
    pub const UNSUBSCRIBE: &str = "/meta/unsubscribe";
}

/// The protocol version that this library speaks (Bayeux 1.0, "Version").
pub const VERSION: &str = "1.0";
