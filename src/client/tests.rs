//! The client against the embedded server.
