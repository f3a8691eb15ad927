//! Certificates for tests, made anew for each test: files would expire.
//!
//! The transport's own tests include this file too.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair,
};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{ALL_VERSIONS, RootCertStore, ServerConfig, SupportedProtocolVersion};

/// Who issues certificates.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    /// Those between its certificates and the root, its own included, as PEM.
    chain: String,
}

/// A certificate, with those that lead to its authority, and its private key.
pub(crate) struct Identity {
    pub(crate) certificates: String,
    pub(crate) key: String,
}

/// What differs from certificate to certificate.
pub(crate) enum Dates {
    Now,
    Past,
    Future,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        Self {
            issuer: CertifiedIssuer::self_signed(authority(name), key).unwrap(),
            chain: String::new(),
        }
    }

    /// An authority below this one, whose certificates come with its own.
    pub(crate) fn intermediate(&self, name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let issuer = CertifiedIssuer::signed_by(authority(name), key, &self.issuer).unwrap();
        let chain = issuer.pem() + &self.chain;
        Self { issuer, chain }
    }

    /// Its own certificate.
    pub(crate) fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// A certificate for this host and this time.
    pub(crate) fn issue(&self, host: &str, dates: Dates) -> Identity {
        let key = KeyPair::generate().unwrap();
        let mut params = params(host);
        params.is_ca = IsCa::ExplicitNoCa;
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        date(&mut params, dates);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Identity {
            certificates: certificate.pem() + &self.chain,
            key: key.serialize_pem(),
        }
    }
}

/// What `openssl req -x509` makes: authority and server in one.
pub(crate) fn self_signed(host: &str, dates: Dates) -> Identity {
    let mut params = params(host);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    date(&mut params, dates);
    signed_with_its_own_key(&params)
}

/// The same without a subjectAltName, as it comes if nobody thinks of it.
pub(crate) fn nameless() -> Identity {
    signed_with_its_own_key(&authority("localhost"))
}

fn signed_with_its_own_key(params: &CertificateParams) -> Identity {
    let key = KeyPair::generate().unwrap();
    Identity {
        certificates: params.self_signed(&key).unwrap().pem(),
        key: key.serialize_pem(),
    }
}

fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new([]).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

fn params(host: &str) -> CertificateParams {
    let mut params = CertificateParams::new([host.to_owned()]).unwrap();
    params.distinguished_name.push(DnType::CommonName, host);
    params
}

fn date(params: &mut CertificateParams, dates: Dates) {
    let (from, to) = match dates {
        Dates::Now => (2000, 4000),
        Dates::Past => (2000, 2001),
        Dates::Future => (3000, 4000),
    };
    params.not_before = rcgen::date_time_ymd(from, 1, 1);
    params.not_after = rcgen::date_time_ymd(to, 1, 1);
}

impl Identity {
    /// Both in one text, as curl and others take it.
    pub(crate) fn pem(&self) -> String {
        self.certificates.clone() + &self.key
    }

    /// A server that shows only the first certificate, not those that lead to the authority.
    pub(crate) fn alone(&self) -> Self {
        let end = self
            .certificates
            .find("-----END CERTIFICATE-----\n")
            .unwrap();
        let (first, _) = self.certificates.split_at(end);
        Self {
            certificates: first.to_owned() + "-----END CERTIFICATE-----\n",
            key: self.key.clone(),
        }
    }

    /// A server with this certificate.
    pub(crate) fn server(&self) -> Arc<ServerConfig> {
        self.server_with(None, ALL_VERSIONS)
    }

    /// A server with this certificate, for clients that an authority knows.
    pub(crate) fn server_with(
        &self,
        clients: Option<&Authority>,
        versions: &[&'static SupportedProtocolVersion],
    ) -> Arc<ServerConfig> {
        let provider = Arc::new(default_provider());
        let chain: Vec<_> = CertificateDer::pem_slice_iter(self.certificates.as_bytes())
            .map(Result::unwrap)
            .collect();
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes()).unwrap();
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(versions)
            .unwrap();
        let builder = match clients {
            None => builder.with_no_client_auth(),
            Some(authority) => {
                let mut roots = RootCertStore::empty();
                roots.add(authority.issuer.der().clone()).unwrap();
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                builder.with_client_cert_verifier(verifier.build().unwrap())
            }
        };
        Arc::new(builder.with_single_cert(chain, key).unwrap())
    }
}
