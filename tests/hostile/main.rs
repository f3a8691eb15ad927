//! Hostile input against `bayeux serve`, as a process and over raw sockets. After each of it an
//! ordinary session works, the memory is back, and nothing has panicked (`serve.rs`).

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bodies;
mod framing;
mod heads;
mod jsonp;
mod limits;
mod messages;
mod pace;
mod sessions;
mod terminal;
mod tls;
mod web_socket;

mod serve;
mod wire;
