//! PEM files: the certificates and the private key in them.

use rustls::RootCertStore;
use rustls::pki_types::pem::{Error, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// A certificate to trust: an authority's, or a server's own that is self-signed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Root(pub(crate) CertificateDer<'static>);

/// What is wrong with a PEM file. No text of it is told: it may be a key.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PemError {
    /// There is no line that begins a PEM block.
    #[error("it is not in PEM format")]
    NotPem,
    /// A block does not end, or is not in base64.
    #[error("it is damaged PEM")]
    Damaged,
    /// Blocks, but none is a certificate.
    #[error("there is no certificate in it")]
    NoCertificate,
    /// One of the certificates is none.
    #[error("certificate {0} in it cannot be read")]
    Certificate(usize),
    /// Blocks, but none is a private key.
    #[error("there is no private key in it")]
    NoKey,
    /// The private key needs a passphrase.
    #[error("its private key is encrypted")]
    EncryptedKey,
    /// A kind of key, or a size, that is not supported.
    #[error(
        "its private key cannot be used: it takes RSA from 2048 bits on, P-256, P-384 or Ed25519"
    )]
    Key,
    /// The certificate has another key.
    #[error("the private key does not belong to the certificate")]
    OtherKey,
}

impl Root {
    /// The certificates of a PEM file, at least one.
    ///
    /// # Errors
    /// When there is none, or when one of them cannot be read.
    pub fn from_pem(text: &[u8]) -> Result<Vec<Self>, PemError> {
        let certificates = certificates(text)?;
        for (nth, certificate) in certificates.iter().enumerate() {
            RootCertStore::empty()
                .add(certificate.clone())
                .map_err(|_| PemError::Certificate(nth + 1))?;
        }
        Ok(certificates.into_iter().map(Self).collect())
    }
}

/// The certificates of a PEM file, at least one.
pub(super) fn certificates(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, PemError> {
    assert_pem(text)?;
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(text)
        .collect::<Result<_, _>>()
        .map_err(|_| PemError::Damaged)?;
    match certificates.as_slice() {
        [] => Err(PemError::NoCertificate),
        _ => Ok(certificates),
    }
}

/// The first private key of a PEM file.
pub(super) fn private_key(text: &[u8]) -> Result<PrivateKeyDer<'static>, PemError> {
    assert_pem(text)?;
    match PrivateKeyDer::from_pem_slice(text) {
        Ok(key) => Ok(key),
        Err(_) if is_encrypted(text) => Err(PemError::EncryptedKey),
        Err(Error::NoItemsFound) => Err(PemError::NoKey),
        Err(_) => Err(PemError::Damaged),
    }
}

fn assert_pem(text: &[u8]) -> Result<(), PemError> {
    match contains(text, b"-----BEGIN ") {
        true => Ok(()),
        false => Err(PemError::NotPem),
    }
}

/// PKCS#8 says so in the block's name, the traditional form in a header of the block.
fn is_encrypted(text: &[u8]) -> bool {
    contains(text, b"-----BEGIN ENCRYPTED PRIVATE KEY-----") || contains(text, b"4,ENCRYPTED")
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|it| it == part)
}
