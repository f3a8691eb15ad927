//! The endpoint's addresses: looked up once, then the one that worked.
//!
//! ureq resolves before it looks for an idle connection, thus for every request, and in a
//! new thread whenever a timeout is set. And a session should stay on one address of
//! several: without stickiness another one leads to a server that does not know the client id.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

use super::{Endpoint, Proxy, ProxyFailure, TransportError, ledger};
use crate::session::Stage;

type Lookup = dyn Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync;

/// The addresses of one endpoint, or of the proxy that leads to it.
#[derive(Clone)]
pub(super) struct Addresses(Arc<Inner>);

struct Inner {
    host: Box<str>,
    port: u16,
    /// The proxy whose addresses these are.
    proxy: Option<Proxy>,
    known: Mutex<Vec<SocketAddr>>,
    lookup: Arc<Lookup>,
}

impl Addresses {
    pub(super) fn of(endpoint: &Endpoint, proxy: Option<Proxy>) -> Self {
        let system = |host: &str, port| (host, port).to_socket_addrs().map(Iterator::collect);
        Self::with_lookup(endpoint, proxy, Arc::new(system))
    }

    fn with_lookup(endpoint: &Endpoint, proxy: Option<Proxy>, lookup: Arc<Lookup>) -> Self {
        let (host, port) = match &proxy {
            Some(proxy) => (proxy.host(), proxy.port()),
            None => (endpoint.host(), endpoint.port()),
        };
        let literal = host.parse::<IpAddr>().ok();
        Self(Arc::new(Inner {
            host: host.into(),
            port,
            proxy: proxy.clone(),
            known: Mutex::new(Vec::from_iter(literal.map(|it| SocketAddr::new(it, port)))),
            lookup,
        }))
    }

    /// From now on only this address is used.
    pub(super) fn keep(&self, address: SocketAddr) {
        self.set(vec![address]);
    }

    /// What an error means that came of these addresses: a proxy's are not the server's.
    pub(super) fn failed(&self, error: TransportError) -> TransportError {
        match &self.0.proxy {
            Some(proxy) => TransportError::Proxy {
                proxy: proxy.to_string(),
                failure: ProxyFailure::Unreachable(Box::new(error)),
                stage: Stage::Unsent,
            },
            None => error,
        }
    }

    /// None of the addresses works: the next exchange looks them up again.
    pub(super) fn forget(&self) {
        if self.0.host.parse::<IpAddr>().is_err() {
            self.set(Vec::new());
        }
    }

    fn set(&self, addresses: Vec<SocketAddr>) {
        *self.known() = addresses;
    }

    fn known(&self) -> MutexGuard<'_, Vec<SocketAddr>> {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The addresses, looked up if they are not known.
    pub(super) fn known_or_looked_up(&self) -> Result<Vec<SocketAddr>, TransportError> {
        let known = self.known().clone();
        if !known.is_empty() {
            return Ok(known);
        }
        let found = self.look_up().map_err(|it| self.failed(it))?;
        self.set(found.clone());
        Ok(found)
    }

    /// The system's lookup cannot be interrupted, so it runs on a thread that is left behind
    /// when the time is over.
    fn look_up(&self) -> Result<Vec<SocketAddr>, TransportError> {
        let started = Instant::now();
        let budget = ledger::with(|it| it.remaining())
            .flatten()
            .unwrap_or_default();
        let (sender, receiver) = mpsc::sync_channel(1);
        let inner = Arc::clone(&self.0);
        let spawned = thread::Builder::new()
            .name("lookup".to_owned())
            .spawn(move || sender.send((inner.lookup)(&inner.host, inner.port)));
        let host = || self.0.host.to_string();
        let result = match spawned {
            Ok(_) => receiver.recv_timeout(budget),
            Err(error) => Ok(Err(error)),
        };
        let after = started.elapsed();
        ledger::with(|it| it.trace.resolve = Some(after));
        match result {
            Ok(Ok(addresses)) if !addresses.is_empty() => Ok(addresses),
            Ok(Ok(_)) => Err(TransportError::Resolve {
                host: host(),
                source: io::ErrorKind::NotFound.into(),
            }),
            Ok(Err(source)) => Err(TransportError::Resolve {
                host: host(),
                source,
            }),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                Err(TransportError::ResolveTimeout {
                    host: host(),
                    after,
                })
            }
        }
    }
}

impl Resolver for Addresses {
    fn resolve(
        &self,
        _: &Uri,
        _: &Config,
        _: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let found = self.known_or_looked_up();
        let found = found.map_err(TransportError::into_ureq)?;
        let mut addresses = self.empty();
        // As many as fit into what ureq takes; nobody has more.
        found.iter().take(16).for_each(|it| addresses.push(*it));
        Ok(addresses)
    }
}

impl fmt::Debug for Addresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Addresses({}:{})", self.0.host, self.0.port)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::super::Capture;
    use super::super::ledger::{Budget, Ledger};
    use super::*;

    fn resolve(addresses: &Addresses) -> Result<Vec<SocketAddr>, ureq::Error> {
        let uri = Uri::from_static("http://ignored/");
        let config = ureq::Agent::config_builder().build();
        let found = addresses.resolve(&uri, &config, NextTimeout::default())?;
        Ok(found.iter().copied().collect())
    }

    fn open_ledger(connect: Duration) {
        let budget = Budget {
            connect,
            hold: Duration::ZERO,
            network: Duration::ZERO,
            until: None,
        };
        Ledger::new(budget, Duration::ZERO, Capture::Nothing, 0).open();
    }

    #[test]
    fn a_host_is_looked_up_once_and_again_after_it_was_forgotten() {
        open_ledger(Duration::from_secs(60));
        let n_lookups = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&n_lookups);
        let both: [SocketAddr; 2] = ["[::1]:80".parse().unwrap(), "127.0.0.1:80".parse().unwrap()];
        let addresses = Addresses::with_lookup(
            &"example.com".parse().unwrap(),
            None,
            Arc::new(move |host, port| {
                assert_eq!((host, port), ("example.com", 80));
                counter.fetch_add(1, Ordering::SeqCst);
                Ok(both.to_vec())
            }),
        );
        assert_eq!(resolve(&addresses).unwrap(), both);
        assert_eq!(resolve(&addresses).unwrap(), both);
        addresses.keep(both[1]);
        assert_eq!(resolve(&addresses).unwrap(), [both[1]]);
        assert_eq!(n_lookups.load(Ordering::SeqCst), 1);
        addresses.forget();
        assert_eq!(resolve(&addresses).unwrap(), both);
        assert_eq!(n_lookups.load(Ordering::SeqCst), 2);
    }

    #[test]
    fn an_address_is_never_looked_up() {
        for host in ["127.0.0.1:80", "[::1]:80"] {
            let lookup = Arc::new(|_: &str, _| unreachable!("a literal was looked up"));
            let addresses = Addresses::with_lookup(&host.parse().unwrap(), None, lookup);
            addresses.forget();
            assert_eq!(resolve(&addresses).unwrap(), [host.parse().unwrap()]);
        }
    }

    #[test]
    fn a_lookup_that_hangs_ends_with_the_connect_timeout() {
        open_ledger(Duration::from_millis(20));
        let (release, hang) = mpsc::channel::<()>();
        let hang = Mutex::new(hang);
        let addresses = Addresses::with_lookup(
            &"example.com".parse().unwrap(),
            None,
            Arc::new(move |_: &str, _| {
                let _ = hang.lock().unwrap().recv();
                Ok(Vec::new())
            }),
        );
        let Err(ureq::Error::Other(error)) = resolve(&addresses) else {
            panic!("the lookup ended")
        };
        let error = error.downcast().unwrap();
        assert!(
            matches!(*error, TransportError::ResolveTimeout { .. }),
            "{error:?}"
        );
        drop(release);
    }
}
