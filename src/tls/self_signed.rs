//! A certificate for a server to test with, from an authority that exists for nothing else.

use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose,
};
use ring::digest::{SHA256, digest};

use super::{CertificateChain, Identity, PrivateKey};

/// Longer than a test or a week of debugging, and shorter than anybody forgets whom he trusts.
const LIFETIME: Duration = Duration::from_secs(30 * 24 * 3600);

/// For clients whose clocks are behind.
const BEFORE: Duration = Duration::from_secs(24 * 3600);

/// An identity that was made a moment ago, and the authority that signed it. It is valid for 30
/// days.
///
/// They are two certificates, since some clients, rustls among them, do not take an authority for
/// a server, even where they trust it. The authority's key is forgotten: it signs nothing else.
///
/// ```
/// use bayeux::tls::{Root, SelfSigned};
///
/// let made = SelfSigned::new(["localhost", "127.0.0.1"])?;
/// let trusted = Root::from_pem(made.authority.as_bytes())?;
/// assert_eq!(trusted.len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct SelfSigned {
    /// For the server.
    pub identity: Identity,
    /// What clients have to trust, as PEM.
    pub authority: String,
    /// SHA-256 of the server's certificate in hexadecimal pairs, as openssl and browsers show it.
    pub fingerprint: String,
}

/// There is no certificate for these names, or no randomness to make one.
#[derive(Debug, thiserror::Error)]
#[error("cannot make a certificate: {0}")]
pub struct SelfSignedError(String);

impl SelfSigned {
    /// A certificate for these names and IP addresses.
    ///
    /// # Errors
    /// When a name can be in no certificate, or when the system gives no randomness.
    pub fn new<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self, SelfSignedError> {
        let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
        let issuer = CertifiedIssuer::self_signed(authority()?, KeyPair::generate()?)?;
        let key = KeyPair::generate()?;
        let certificate = server(names)?.signed_by(&key, &issuer)?;
        let chain = CertificateChain::from_pem(certificate.pem().as_bytes());
        let private = PrivateKey::from_pem(key.serialize_pem().as_bytes());
        let unread = |error: super::PemError| SelfSignedError(error.to_string());
        Ok(Self {
            identity: Identity::new(chain.map_err(unread)?, private.map_err(unread)?)
                .map_err(unread)?,
            authority: issuer.pem(),
            fingerprint: fingerprint(certificate.der()),
        })
    }
}

impl From<rcgen::Error> for SelfSignedError {
    fn from(error: rcgen::Error) -> Self {
        Self(error.to_string())
    }
}

fn authority() -> Result<CertificateParams, rcgen::Error> {
    let mut params = dated(CertificateParams::new([])?);
    let name = "bayeux, made for one server to test with";
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    Ok(params)
}

fn server(names: Vec<String>) -> Result<CertificateParams, rcgen::Error> {
    let name = names.first().cloned().unwrap_or_default();
    let mut params = dated(CertificateParams::new(names)?);
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::ExplicitNoCa;
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    Ok(params)
}

fn dated(mut params: CertificateParams) -> CertificateParams {
    let now = SystemTime::now();
    params.not_before = (now - BEFORE).into();
    params.not_after = (now + LIFETIME).into();
    params
}

fn fingerprint(der: &[u8]) -> String {
    let pairs: Vec<_> = digest(&SHA256, der)
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02X}"))
        .collect();
    pairs.join(":")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_no_certificate_can_have_is_refused() {
        let error = SelfSigned::new(["h\u{f6}st"]).unwrap_err();
        assert!(
            error.to_string().contains("cannot make a certificate"),
            "{error}"
        );
    }

    #[test]
    fn two_of_them_are_not_the_same() {
        let [one, other] = [(); 2].map(|()| SelfSigned::new(["localhost"]).unwrap());
        assert_ne!(one.fingerprint, other.fingerprint);
        assert_ne!(one.authority, other.authority);
        assert_eq!(one.fingerprint.len(), 32 * 3 - 1);
    }
}
