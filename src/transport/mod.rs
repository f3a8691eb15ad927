//! How messages get to a server and back.

mod endpoint;
mod header;
mod secret;

pub use endpoint::{Endpoint, EndpointError};
pub use header::{Header, HeaderError};
pub use secret::Secret;
