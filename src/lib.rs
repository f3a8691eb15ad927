//! The Bayeux protocol, from the client's side and from the server's.
//!
//! ```text
//! protocol <- session <- transport <- client <- bench
//! protocol <- redaction <- recording <- server
//! protocol <- filter, traffic
//! bench <- locust
//! protocol, session, traffic, transport <- check
//! tls, wire <- server, transport
//! server, transport, traffic, redaction <- proxy
//! ```
//!
//! [`client::Client`] is where to begin; [`server::Server`] is what to test it with.

pub mod bench;
#[cfg(feature = "check")]
pub mod check;
pub mod client;
#[cfg(feature = "jq")]
pub mod filter;
#[cfg(feature = "locust")]
pub mod locust;
pub mod protocol;
pub mod proxy;
pub mod recording;
pub mod redaction;
pub mod server;
pub mod session;
pub mod tls;
pub mod traffic;
pub mod transport;

mod markup;
mod rfc3339;
mod wire;

/// The examples of README.md, compiled and run with the others.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
