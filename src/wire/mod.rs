//! What is below HTTP and frames, for clients and for the server: sockets that never block, and
//! TLS.

mod layers;
mod socket;

pub(crate) use layers::Layers;
pub(crate) use socket::Socket;
