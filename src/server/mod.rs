//! A Bayeux server to embed: for tests, demonstrations and debugging, over long-polling,
//! callback-polling and websocket.
//!
//! ```text
//!   accept thread --> a thread for each connection: http -> broker -> http
//!                                                    |
//!   timer thread ------ holds, expiry -------------> broker --> responses to held connects
//!
//!   a thread of a websocket: frames -> broker -> what is to be pushed, taken as the socket allows
//! ```
//!
//! The broker decides everything and does no input or output. A held connect
//! costs no wake-up: its thread is blocked reading, and whoever publishes writes the response.
//! It is not meant for the open internet: there is no TLS and no limit to connections.
//!
//! Callback-polling is made to get around the same-origin rule: any page in a browser that
//! reaches the server can publish to it and read from it, as with CometD and Faye. That is a
//! reason to stay on loopback, and to ask for a token where the messages matter.

mod broker;
mod connection;
mod exchanges;
mod fault;
mod flavor;
mod http;
mod listener;
mod observer;
mod query;
mod readable;
mod response;
mod settings;
mod shared;
#[cfg(test)]
mod tests;
mod upgrade;
mod waker;
mod web_socket;

pub use fault::{Fault, FaultError};
pub use flavor::{Flavor, UnknownFlavor};
pub use listener::{Server, ServerError};
pub use observer::{CloseReason, Event, Observer};
pub use settings::{Settings, Token, UnconnectedPublish};
