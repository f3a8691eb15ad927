//! The Bayeux protocol, from the client's side and from the server's.

pub mod protocol;
pub mod recording;
pub mod redaction;
pub mod session;
