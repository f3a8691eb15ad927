//! How messages get to a server and back: long-polling and callback-polling over HTTP, with [ureq].
//!
//! A [`Polling`] is one client of one [`Endpoint`], with its connections and its cookies.
//! Its [`exchange`](Polling::exchange) blocks; the two lanes of a session call it from
//! two threads. It sends a request twice only if the server refuses its credentials (HTTP 401,
//! so that it was not carried out) and [`Authorization`] has others, and follows no redirect:
//! what else to repeat is the session's decision, and [`TransportError`] says exactly how far
//! a request got.
//!
//! ```text
//! Polling       one request: deadlines, body limit, what the response means
//!   authorization  the credentials, and others when they are refused
//!   cookies     the jar
//!   ureq        HTTP/1.1, chunked, gzip, the pool of idle connections
//!     tap       plaintext bytes: capture, time of the first byte
//!     tls       for https, over rustls
//!     wire      the socket: one write a request, deadlines, probe
//!     dialer    connecting, a tunnel through a proxy, abort
//! ```
//!
//! A [`Route`] goes the same way a step at a time, for looking at it.
//!
//! Every layer notes what it does in the ledger of the exchange, a thread-local.

mod answer;
mod authorization;
mod connections;
mod cookies;
mod dialer;
mod endpoint;
mod error;
mod excerpt;
mod header;
mod ledger;
pub(crate) mod nonblocking;
mod polling;
mod proxy;
mod question;
mod resolver;
mod retry_after;
mod route;
mod secret;
mod standing;
mod tap;
mod tls;
mod trace;
mod web_socket;
mod wire;

#[cfg(test)]
pub(crate) mod tests;

pub use authorization::{
    Authorization, AuthorizationError, Credential, CredentialSource, Generation,
};
pub use connections::Connections;
pub use cookies::Cookie;
pub use endpoint::{Endpoint, EndpointError};
pub use error::{TransportError, UpgradeRefusal};
pub use excerpt::Excerpt;
pub use header::{Header, HeaderError};
pub use polling::{Exchange, Polling, Settings};
pub use proxy::{Proxy, ProxyChoiceError, ProxyError, ProxyFailure};
pub use question::{Answer, Asked, JarUse, Question, Response};
pub use route::Route;
pub use secret::Secret;
pub use tls::{Certificate, CertificateProblem, Chain, Shown, Tls, Untrusted, Verification};
pub use trace::{Capture, Plaintext, Trace};
pub use web_socket::{Incoming, RawSocket, Refused, Unopened, Wake, WebSocket};
