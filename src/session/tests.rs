//! Conversations between a session and a server, in simulated time.

mod authorisation;
mod endings;
mod extensions;
mod holds;
mod property;
mod pushed;
mod recovery;
mod scenario;
mod talk;
