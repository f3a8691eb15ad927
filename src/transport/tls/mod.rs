//! TLS: whom to trust, who we are, and what a failure means.
//!
//! Only `connector` knows of ureq. Another transport puts a [`ClientConnection`] of
//! [`Tls::config`] and [`server_name`] on its own socket, and gives its errors to
//! `Tls::failure`.
//!
//! [`ClientConnection`]: rustls::ClientConnection

mod certificate;
mod connector;
mod failure;
mod identity;
mod shown;
mod verifier;

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::ring;
use rustls::pki_types::ServerName;
use rustls::{ALL_VERSIONS, ClientConfig};

use super::Endpoint;
use crate::tls::{Identity, Root};
pub use certificate::{CertificateProblem, Untrusted};
pub(super) use connector::TlsConnector;
use identity::Identities;
use shown::Keeping;
pub(super) use shown::Kept;
pub use shown::{Certificate, Chain, Shown};
use verifier::{Trusting, Verifier};

/// How to speak TLS with one server. Copies share what is built at the first connection.
///
/// The default trusts what the system trusts, and has no certificate of its own.
#[derive(Clone, Default)]
pub struct Tls(Arc<Inner>);

#[derive(Default)]
struct Inner {
    roots: Vec<Root>,
    client: Option<Identity>,
    verification: Verification,
    config: OnceLock<Arc<ClientConfig>>,
    /// Whether the server has asked for a certificate of ours.
    is_client_wanted: Arc<AtomicBool>,
}

/// Whether the server's certificate is looked at.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Verification {
    /// Its issuer, its names and its dates.
    #[default]
    Full,
    /// Not at all: whoever is on the way can read and change everything.
    Off,
}

/// TLS cannot even begin.
#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum TlsError {
    /// The endpoint's host is no name that a certificate could have.
    #[error("no certificate can be for this host: {0}")]
    Host(String),
    /// The library refuses the settings.
    #[error("{0}")]
    Settings(rustls::Error),
}

impl Tls {
    /// Trusts these roots beside those of the system, and is this client for a server that
    /// wants to know.
    pub fn new(roots: Vec<Root>, client: Option<Identity>, verification: Verification) -> Self {
        Self(Arc::new(Inner {
            roots,
            client,
            verification,
            ..Inner::default()
        }))
    }

    /// What a connection needs. It is made by the first call, and reads nothing: the system's
    /// roots are read when the first certificate needs them.
    pub(super) fn config(&self) -> Result<Arc<ClientConfig>, TlsError> {
        if let Some(config) = self.0.config.get() {
            return Ok(Arc::clone(config));
        }
        // Two lanes may both get here; the config of one of them stays.
        let config = self.build(|it| it).map_err(TlsError::Settings)?;
        Ok(Arc::clone(self.0.config.get_or_init(|| config)))
    }

    /// The same for one handshake, whose certificates are kept.
    pub(super) fn keeping(&self) -> Result<(Arc<ClientConfig>, Kept), TlsError> {
        let kept = Kept::default();
        let build = self.build(|judge| {
            Arc::new(Keeping {
                judge,
                kept: kept.clone(),
            })
        });
        Ok((build.map_err(TlsError::Settings)?, kept))
    }

    /// The roots that were given.
    pub(super) fn roots(&self) -> &[Root] {
        &self.0.roots
    }

    fn build(
        &self,
        wrap: impl FnOnce(Arc<dyn ServerCertVerifier>) -> Arc<dyn ServerCertVerifier>,
    ) -> Result<Arc<ClientConfig>, rustls::Error> {
        let provider = Arc::new(ring::default_provider());
        let verifier: Arc<dyn ServerCertVerifier> = match self.0.verification {
            Verification::Full => Arc::new(Verifier::new(&self.0.roots, &provider)?),
            Verification::Off => Arc::new(Trusting),
        };
        let identities = Identities {
            client: self.0.client.clone(),
            is_wanted: Arc::clone(&self.0.is_client_wanted),
        };
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(ALL_VERSIONS)?
            // A verifier of one's own; this one is as strict as the library's.
            .dangerous()
            .with_custom_certificate_verifier(wrap(verifier))
            .with_client_cert_resolver(Arc::new(identities));
        Ok(Arc::new(config))
    }

    fn is_client_wanted(&self) -> bool {
        self.0.is_client_wanted.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("roots", &self.0.roots.len())
            .field("client", &self.0.client)
            .field("verification", &self.0.verification)
            .finish_non_exhaustive()
    }
}

/// The name that the server's certificate must have.
pub(super) fn server_name(endpoint: &Endpoint) -> Result<ServerName<'static>, TlsError> {
    let host = endpoint.host();
    ServerName::try_from(host.to_owned()).map_err(|_| TlsError::Host(host.to_owned()))
}
