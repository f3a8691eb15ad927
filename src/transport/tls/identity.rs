//! Who we are, for a server that asks.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustls::SignatureScheme;
use rustls::client::ResolvesClientCert;
use rustls::sign::CertifiedKey;

use crate::tls::Identity;

/// What a connection answers a server that asks, and that it was asked: under TLS 1.3 a
/// server which misses a certificate says so later, and some say no more than "failure".
#[derive(Debug)]
pub(super) struct Identities {
    pub(super) client: Option<Identity>,
    pub(super) is_wanted: Arc<AtomicBool>,
}

impl ResolvesClientCert for Identities {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.is_wanted.store(true, Ordering::Relaxed);
        self.client
            .as_ref()
            .map(|it| Arc::clone(it.certified_key()))
    }

    fn has_certs(&self) -> bool {
        self.client.is_some()
    }
}
