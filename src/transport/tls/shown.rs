//! What a server shows of itself: its certificates as it sent them, whether they are accepted or
//! not, and whether one is missing among them.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, Error, SignatureScheme};
use webpki::EndEntityCert;

use super::certificate::{common_name, element};
use crate::tls::Root;
use crate::transport::{Excerpt, TransportError};

/// What a server showed in a TLS handshake.
#[derive(Debug)]
#[non_exhaustive]
pub struct Shown {
    /// Its certificates, in its order; none if it came to none.
    pub certificates: Vec<Certificate>,
    /// How they lead to an authority.
    pub chain: Chain,
    /// Whether the handshake succeeded; if not, why.
    pub accepted: Result<(), TransportError>,
    /// How long it took.
    pub took: Duration,
}

/// A certificate. Texts of it are cut short and free of control characters.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Certificate {
    /// Whose it is.
    pub subject: Option<Excerpt>,
    /// Who issued it.
    pub issuer: Option<Excerpt>,
    /// The names of hosts in it.
    pub names: Vec<String>,
    /// When it begins to be valid.
    pub not_before: Option<SystemTime>,
    /// When it ends to be.
    pub not_after: Option<SystemTime>,
}

/// How the certificates that a server sends lead to an authority.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Chain {
    /// Each is issued by the next one, and the last one by an authority that is known here.
    Complete,
    /// The server's own is signed with its own key.
    SelfSigned,
    /// An issuer in the middle is not sent. It is known here, and need not be elsewhere.
    CompletedHere {
        /// The issuer that is not sent.
        issuer: Option<Excerpt>,
    },
    /// Nothing that is sent, or known here, is the issuer of the last one.
    Open {
        /// That issuer.
        issuer: Option<Excerpt>,
    },
    /// They cannot be read.
    Unreadable,
}

/// Keeps what a server shows, and judges as another verifier does.
#[derive(Debug)]
pub(super) struct Keeping {
    pub(super) judge: Arc<dyn ServerCertVerifier>,
    pub(super) kept: Kept,
}

/// The certificates of one handshake.
#[derive(Clone, Debug, Default)]
pub(in crate::transport) struct Kept(Arc<Mutex<Vec<CertificateDer<'static>>>>);

impl Kept {
    /// What was shown, and how it leads to these roots or to those of the system.
    pub(in crate::transport) fn shown(
        &self,
        roots: &[Root],
        accepted: Result<(), TransportError>,
        took: Duration,
    ) -> Shown {
        let certificates = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let chain = chain(&certificates, || {
            let given = roots.iter().map(|it| it.0.clone());
            given.chain(system()).collect()
        });
        Shown {
            certificates: certificates.iter().map(|it| read(it)).collect(),
            chain,
            accepted,
            took,
        }
    }
}

impl ServerCertVerifier for Keeping {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let sent = std::iter::once(end_entity).chain(intermediates);
        *self.kept.0.lock().unwrap_or_else(PoisonError::into_inner) =
            sent.map(|it| it.clone().into_owned()).collect();
        self.judge
            .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.judge
            .verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.judge
            .verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.judge.supported_verify_schemes()
    }
}

/// The parts of a certificate that are looked at (RFC 5280, 4.1).
#[derive(Clone, Copy)]
struct Parts<'a> {
    issuer: &'a [u8],
    subject: &'a [u8],
    validity: &'a [u8],
}

impl<'a> Parts<'a> {
    fn of(der: &'a [u8]) -> Option<Self> {
        const VERSION: u8 = 0xa0;
        let (certificate, _) = element(der)?;
        let (to_be_signed, _) = element(certificate)?;
        let rest = match to_be_signed.first() {
            Some(&VERSION) => element(to_be_signed)?.1,
            _ => to_be_signed,
        };
        let (_serial_number, rest) = element(rest)?;
        let (_signature, rest) = element(rest)?;
        let (issuer, rest) = element(rest)?;
        let (validity, rest) = element(rest)?;
        let (subject, _) = element(rest)?;
        Some(Self {
            issuer,
            subject,
            validity,
        })
    }
}

fn read(certificate: &CertificateDer<'_>) -> Certificate {
    let parts = Parts::of(certificate);
    let parsed = EndEntityCert::try_from(certificate).ok();
    let names = parsed.iter().flat_map(|it| it.valid_dns_names());
    let not_before = parts.and_then(|it| time(it.validity));
    let not_after = parts.and_then(|it| {
        let (_, rest) = element(it.validity)?;
        time(rest)
    });
    Certificate {
        subject: parts.and_then(|it| common_name(it.subject)),
        issuer: parts.and_then(|it| common_name(it.issuer)),
        names: names
            .map(|it| Excerpt::of(it.as_bytes()).to_string())
            .collect(),
        not_before,
        not_after,
    }
}

fn chain(
    sent: &[CertificateDer<'_>],
    known: impl FnOnce() -> Vec<CertificateDer<'static>>,
) -> Chain {
    let all: Option<Vec<Parts<'_>>> = sent.iter().map(|it| Parts::of(it)).collect();
    let Some([own, others @ ..]) = all.as_deref() else {
        return Chain::Unreadable;
    };
    if own.issuer == own.subject {
        return Chain::SelfSigned;
    }
    let mut last = own;
    // At most as many steps as there are certificates: two may have issued each other.
    for _ in others {
        match others.iter().find(|it| it.subject == last.issuer) {
            Some(issuer) if issuer.issuer == issuer.subject => return Chain::Complete,
            Some(issuer) => last = issuer,
            None => break,
        }
    }
    let known = known();
    let mut issuers = known
        .iter()
        .filter_map(|it| Parts::of(it))
        .filter(|it| it.subject == last.issuer)
        .peekable();
    let issuer = common_name(last.issuer);
    if issuers.peek().is_none() {
        Chain::Open { issuer }
    } else if issuers.any(|it| it.issuer == it.subject) {
        Chain::Complete
    } else {
        Chain::CompletedHere { issuer }
    }
}

/// What the system trusts, where that is a list of certificates.
#[cfg(all(unix, not(target_vendor = "apple"), not(target_os = "android")))]
fn system() -> Vec<CertificateDer<'static>> {
    rustls_native_certs::load_native_certs().certs
}

/// Elsewhere the system says yes or no.
#[cfg(not(all(unix, not(target_vendor = "apple"), not(target_os = "android"))))]
fn system() -> Vec<CertificateDer<'static>> {
    Vec::new()
}

/// The first time in the contents of a `Validity` (RFC 5280, 4.1.2.5).
fn time(validity: &[u8]) -> Option<SystemTime> {
    const UTC_TIME: u8 = 0x17;
    let (text, _) = element(validity)?;
    let text = std::str::from_utf8(text).ok().filter(|it| it.is_ascii())?;
    let text = match *validity.first()? {
        UTC_TIME if text.get(..2)? < "50" => format!("20{text}"),
        UTC_TIME => format!("19{text}"),
        _ => text.to_owned(),
    };
    let part = |from: usize| text.get(from..from + 2);
    let year = text.get(..4)?;
    let (month, day) = (part(4)?, part(6)?);
    let (hour, minute, second) = (part(8)?, part(10)?, part(12)?);
    humantime::parse_rfc3339(&format!("{year}-{month}-{day}T{hour}:{minute}:{second}Z")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_either_form_and_nothing_panics_on_the_way() {
        let utc = b"\x17\x0d261123000109Z";
        let general = b"\x18\x0f20261123000109Z";
        let expected = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_392_069);
        assert_eq!(time(utc), Some(expected));
        assert_eq!(time(general), Some(expected));
        for end in 0..general.len() {
            assert_eq!(time(&general[..end]), None);
        }
        assert_eq!(time(b"\x18\x02\xc3\xa9"), None);
    }

    #[test]
    fn what_is_no_certificate_is_unreadable() {
        let garbage = CertificateDer::from(vec![0x30, 0x03, 0x30, 0x01, 0xa0]);
        assert_eq!(chain(&[garbage], Vec::new), Chain::Unreadable);
        assert_eq!(chain(&[], Vec::new), Chain::Unreadable);
    }
}
