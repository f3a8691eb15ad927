//! What both ends of TLS need: certificates to trust, a certificate of one's own, and its private
//! key.

mod identity;
mod pem;
#[cfg(feature = "self-signed")]
mod self_signed;

pub use identity::{CertificateChain, Identity, PrivateKey};
pub use pem::{PemError, Root};
#[cfg(feature = "self-signed")]
pub use self_signed::{SelfSigned, SelfSignedError};
