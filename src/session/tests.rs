//! Conversations between a session and a server, in simulated time.

mod extensions;
mod property;
mod pushed;
mod recovery;
mod scenario;
mod talk;
