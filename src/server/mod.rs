//! A Bayeux server to embed: for tests, demonstrations and debugging, over long-polling,
//! callback-polling and websocket.
//!
//! ```text
//!   other threads --- commands ---+       one thread, one loop
//!                                 v
//!   sockets <--> connections <--> hub: broker, who waits for it, observer
//!                (HTTP, frames)
//! ```
//!
//! The broker decides everything and does no input or output. The loop gives each connection
//! its turn when its socket, the time or another connection has something for it; a held
//! connect costs some memory and nothing else. No client makes another one wait: what its
//! socket does not take is kept for it, within limits.
//!
//! It is not meant for the open internet.
//!
//! A browser finds a chat at `/` and an inspector at `/inspector`, which shows sessions, channels
//! and traffic, ends sessions and switches faults; [`Server::inspector_url`] is where to look.
//!
//! Pages in a browser may use it if they come from loopback or their [`AllowedOrigin`] is named
//! in the settings. A request of any other is refused before its messages are read, on every
//! transport: also by callback-polling, which is made to get around the same-origin rule.

pub(crate) mod acceptor;
pub(crate) mod alarms;
mod broker;
pub(crate) mod client_name;
pub(crate) mod connection;
pub(crate) mod encryption;
mod event_loop;
pub(crate) mod fault;
mod flavor;
pub(crate) mod frames;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
mod headers;
mod http;
mod hub;
mod listener;
mod observer;
mod origin;
pub(crate) mod page_service;
pub(crate) mod pages;
mod playback;
pub(crate) mod query;
mod readable;
mod refused;
pub(crate) mod response;
mod settings;
pub(crate) mod slab;
#[cfg(test)]
mod tests;
mod upgrade;

pub use fault::{Fault, FaultError};
pub use flavor::{Flavor, UnknownFlavor};
pub use listener::{Server, ServerError};
pub use observer::{CloseReason, Event, Observer};
pub use origin::{AllowedOrigin, InvalidOrigin};
pub use playback::{Recording, RecordingError};
pub use settings::{
    BrowserCookie, ChannelGrammar, Generated, Retention, Settings, Token, UnconnectedPublish,
};
