//! What both ends of TLS need: certificates to trust, a certificate of one's own, and its private
//! key.

mod identity;
mod pem;

pub use identity::{CertificateChain, Identity, PrivateKey};
pub use pem::{PemError, Root};
