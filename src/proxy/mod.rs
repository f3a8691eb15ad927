//! A reverse proxy that sits between clients and a Bayeux server and tells what passes, over
//! long-polling, callback-polling and websocket.
//!
//! ```text
//!              pair: one connection of a client's, one to the server
//!   client <-> pipe <--------- bytes as they come ---------> outgoing <-> server
//!                       \                             /
//!                        talk: heads, bodies, frames ---> observer
//! ```
//!
//! Bytes are passed on as they come and in their order, from one connection to the one that
//! belongs to it: keep-alive, cookies, stickiness and order stay what they are. One line is
//! written anew, the `Host` of each request, since servers look at it. What passes is looked at
//! on the way; a message that is too long, or no HTTP at all, is passed on unseen.
//!
//! Where one side takes nothing more, the other is not read. The end of either direction is
//! passed on too. A server that cannot be reached is an HTTP 502 with a sentence to whoever
//! asked.
//!
//! With [`Settings::faults`] it does to requests and responses what a [`Server`] with the same
//! faults would do, as far as that can be done from between the two. Only then are requests and
//! responses read whole before they are passed on.
//!
//! [`Server`]: crate::server::Server

mod answers;
mod disturbance;
mod event;
mod event_loop;
mod exchange;
mod exchanges;
mod frames;
mod heads;
mod http1;
mod hub;
mod inflate;
mod inspection;
mod listener;
mod outgoing;
mod pair;
mod readable;
mod settings;
mod talk;
#[cfg(test)]
mod tests;
mod web_socket;

pub use event::{Event, Observer, Side, What};
pub use exchange::{Exchange, Passed, PassedBody};
pub use listener::{Proxy, ProxyError};
pub use settings::{Detail, Settings};
