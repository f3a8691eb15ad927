//! How the server speaks TLS.

use std::sync::Arc;

use rustls::crypto::ring;
use rustls::sign::SingleCertAndKey;
use rustls::{ALL_VERSIONS, Error, ServerConfig};

use crate::tls::Identity;

/// What every connection of a server with this identity has in common.
///
/// # Errors
/// When the library refuses its own defaults.
pub(crate) fn config(identity: &Identity) -> Result<Arc<ServerConfig>, Error> {
    let provider = Arc::new(ring::default_provider());
    let certificate = SingleCertAndKey::from(identity.certified_key().clone());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(ALL_VERSIONS)?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(certificate));
    // Browsers offer HTTP/2 too, and take what is chosen.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
