//! Who somebody is: a certificate and its private key.

use std::fmt;
use std::sync::Arc;

use rustls::InconsistentKeys;
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::CertificateDer;
use rustls::sign::{CertifiedKey, SigningKey};

use super::{PemError, pem};

/// A certificate with its private key: a client's for a server that asks, or a server's. `Debug`
/// shows nothing of it.
#[derive(Clone)]
pub struct Identity(Arc<CertifiedKey>);

/// A certificate, and those after it that lead to its authority.
#[derive(Clone, Debug)]
pub struct CertificateChain(Vec<CertificateDer<'static>>);

/// A private key. `Debug` shows nothing of it.
#[derive(Clone)]
pub struct PrivateKey(Arc<dyn SigningKey>);

impl Identity {
    /// A certificate and its key.
    ///
    /// # Errors
    /// When they do not belong together, or when the certificate cannot be read.
    pub fn new(
        CertificateChain(certificates): CertificateChain,
        PrivateKey(key): PrivateKey,
    ) -> Result<Self, PemError> {
        let identity = CertifiedKey::new(certificates, key);
        match identity.keys_match() {
            Ok(()) | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => {
                Ok(Self(Arc::new(identity)))
            }
            Err(rustls::Error::InconsistentKeys(_)) => Err(PemError::OtherKey),
            Err(_) => Err(PemError::Certificate(1)),
        }
    }

    /// The same for the library.
    pub(crate) fn certified_key(&self) -> &Arc<CertifiedKey> {
        &self.0
    }
}

impl CertificateChain {
    /// The certificates of a PEM file, at least one.
    ///
    /// # Errors
    /// When there is none.
    pub fn from_pem(text: &[u8]) -> Result<Self, PemError> {
        pem::certificates(text).map(Self)
    }
}

impl PrivateKey {
    /// The first private key of a PEM file: PKCS#8, PKCS#1 or SEC1.
    ///
    /// # Errors
    /// When there is none, or none that can be used.
    pub fn from_pem(text: &[u8]) -> Result<Self, PemError> {
        any_supported_type(&pem::private_key(text)?)
            .map(Self)
            .map_err(|_| PemError::Key)
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity")
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey")
    }
}
