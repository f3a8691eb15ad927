//! The Bayeux protocol, from the client's side and from the server's.

#[cfg(feature = "jq")]
pub mod filter;
pub mod protocol;
pub mod recording;
pub mod redaction;
pub mod server;
pub mod session;
pub mod transport;
