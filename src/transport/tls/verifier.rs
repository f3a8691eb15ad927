//! Whether the server's certificate is accepted.

use std::sync::{Arc, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, DigitallySignedStruct, Error, OtherError, RootCertStore, SignatureScheme,
};

use super::certificate::{CertificateProblem, Untrusted};
use crate::tls::Root;

/// Trusts the given roots and, beside them, what the system trusts.
///
/// The system's roots are read only for a certificate that the given ones do not cover:
/// reading them takes longer than the whole handshake.
#[derive(Debug)]
pub(super) struct Verifier {
    roots: Vec<Root>,
    given: Option<Arc<WebPkiServerVerifier>>,
    system: OnceLock<Result<rustls_platform_verifier::Verifier, Error>>,
    provider: Arc<CryptoProvider>,
}

impl Verifier {
    pub(super) fn new(roots: &[Root], provider: &Arc<CryptoProvider>) -> Result<Self, Error> {
        let mut given = None;
        if !roots.is_empty() {
            let mut store = RootCertStore::empty();
            for Root(root) in roots {
                store.add(root.clone())?;
            }
            let builder =
                WebPkiServerVerifier::builder_with_provider(Arc::new(store), Arc::clone(provider));
            let verifier = builder
                .build()
                .map_err(|error| Error::General(error.to_string()))?;
            given = Some(verifier);
        }
        Ok(Self {
            roots: roots.to_vec(),
            given,
            system: OnceLock::new(),
            provider: Arc::clone(provider),
        })
    }

    /// What `openssl req -x509` makes is an authority and a server at once. The library
    /// refuses it whatever is trusted, where it comes to that: dates are looked at before.
    /// Here it is accepted if this very certificate was given, for a host that it names.
    fn verify_given(
        &self,
        given: &WebPkiServerVerifier,
        presented: &Presented<'_>,
    ) -> Result<ServerCertVerified, Error> {
        let verified = presented.verify(given);
        let is_given = self.roots.iter().any(|it| it.0 == *presented.end_entity);
        match verified {
            Err(error) if is_given && is_authority_as_server(&error) => {
                let certificate = ParsedCertificate::try_from(presented.end_entity)?;
                verify_server_name(&certificate, presented.server_name)?;
                Ok(ServerCertVerified::assertion())
            }
            verified => verified,
        }
    }

    fn verify_by_system(&self, presented: &Presented<'_>) -> Result<ServerCertVerified, Error> {
        let system = self
            .system
            .get_or_init(|| rustls_platform_verifier::Verifier::new(Arc::clone(&self.provider)));
        match system {
            Ok(system) => presented.verify(system),
            Err(_) => Err(told(CertificateProblem::NoRoots)),
        }
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let presented = Presented {
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        };
        let by_given = self
            .given
            .as_deref()
            .map(|it| self.verify_given(it, &presented));
        let by_given = match by_given {
            Some(Ok(verified)) => return Ok(verified),
            Some(Err(error)) => Some(error),
            None => None,
        };
        let by_system = match self.verify_by_system(&presented) {
            Ok(verified) => return Ok(verified),
            Err(error) => error,
        };
        // A root that leads to the certificate knows better what is wrong with it.
        let error = by_given.filter(|it| !is_untrusted(it)).unwrap_or(by_system);
        if is_untrusted(&error) {
            let untrusted = Untrusted::of(end_entity, intermediates);
            return Err(told(CertificateProblem::Untrusted(untrusted)));
        }
        Err(error)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let algorithms = &self.provider.signature_verification_algorithms;
        algorithms.supported_schemes()
    }
}

/// What a server shows.
struct Presented<'a> {
    end_entity: &'a CertificateDer<'a>,
    intermediates: &'a [CertificateDer<'a>],
    server_name: &'a ServerName<'a>,
    ocsp_response: &'a [u8],
    now: UnixTime,
}

impl Presented<'_> {
    fn verify(&self, verifier: &dyn ServerCertVerifier) -> Result<ServerCertVerified, Error> {
        verifier.verify_server_cert(
            self.end_entity,
            self.intermediates,
            self.server_name,
            self.ocsp_response,
            self.now,
        )
    }
}

/// An error that carries more than the library's own can.
fn told(problem: CertificateProblem) -> Error {
    CertificateError::Other(OtherError(Arc::new(problem))).into()
}

fn is_untrusted(error: &Error) -> bool {
    let is_unknown = matches!(
        error,
        Error::InvalidCertificate(CertificateError::UnknownIssuer)
    );
    is_unknown || is_authority_as_server(error)
}

fn is_authority_as_server(error: &Error) -> bool {
    let Error::InvalidCertificate(CertificateError::Other(OtherError(error))) = error else {
        return false;
    };
    matches!(error.downcast_ref(), Some(webpki::Error::CaUsedAsEndEntity))
}

/// Accepts whatever a server shows.
#[derive(Debug)]
pub(super) struct Trusting;

impl ServerCertVerifier for Trusting {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    // That the server has the key of its certificate says nothing when anybody's will do, and
    // checking it would refuse certificates that cannot be read.
    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        use SignatureScheme as S;
        vec![
            S::ECDSA_NISTP256_SHA256,
            S::ECDSA_NISTP384_SHA384,
            S::ECDSA_NISTP521_SHA512,
            S::ED25519,
            S::ED448,
            S::RSA_PSS_SHA256,
            S::RSA_PSS_SHA384,
            S::RSA_PSS_SHA512,
            S::RSA_PKCS1_SHA256,
            S::RSA_PKCS1_SHA384,
            S::RSA_PKCS1_SHA512,
            S::RSA_PKCS1_SHA1,
        ]
    }
}
