//! The proxy as its users see it: started and stopped.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, ToSocketAddrs};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use mio::{Poll, Waker};

use super::Settings;
use super::disturbance::Disturbance;
use super::event_loop::EventLoop;
use super::hub::Hub;
use super::inspection::Inspection;
use crate::server::Fault;
use crate::server::acceptor::Acceptor;
use crate::server::encryption;
use crate::server::page_service::Service;
use crate::server::pages::Subject;
use crate::transport::nonblocking::{Shared, Target};
use crate::transport::{self, Capture, Connections, TransportError};

/// A proxy on a thread of its own. It stops when it is dropped.
///
/// ```
/// use bayeux::proxy::{Proxy, Settings};
/// use bayeux::server::{self, Server};
///
/// let server = Server::bind("127.0.0.1:0", server::Settings::default())?;
/// let proxy = Proxy::bind("127.0.0.1:0", Settings::new(server.url().parse()?))?;
/// // Clients of proxy.url() are clients of the server.
/// assert!(proxy.url().ends_with("/cometd"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Proxy {
    address: SocketAddr,
    settings: Arc<Settings>,
    is_stopping: Arc<AtomicBool>,
    waker: Waker,
    inspector: Option<Service>,
    thread: Option<JoinHandle<()>>,
}

/// Why a proxy did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProxyError {
    /// The address does not exist here, is in use, or needs rights that we do not have.
    #[error("cannot listen")]
    Listen(#[source] io::Error),
    /// The same of [`Settings::inspector`].
    #[error("cannot listen for the inspector")]
    Inspector(#[source] io::Error),
    /// The name of the server is not found, or TLS cannot begin. That nobody listens there is
    /// no such error: somebody may later.
    #[error("cannot use the server's address")]
    Upstream(#[source] TransportError),
    /// [`Settings::faults`] has one that only the server itself can show.
    #[error("only the server itself can show this fault: {0}")]
    Fault(Fault),
    /// The library refuses to speak TLS.
    #[error("cannot speak TLS")]
    Tls(#[source] rustls::Error),
    /// The operating system gave no thread.
    #[error("cannot start a thread")]
    Thread(#[source] io::Error),
}

impl Proxy {
    /// Looks the server's name up and starts a proxy; port 0 takes any free one.
    ///
    /// # Errors
    /// When the address cannot be listened on, the server's name is not found, or no thread can
    /// be started.
    pub fn bind(address: impl ToSocketAddrs, settings: Settings) -> Result<Self, ProxyError> {
        if let Some(fault) = settings.faults.iter().find(|it| it.is_of_server()) {
            return Err(ProxyError::Fault(fault.clone()));
        }
        let acceptor = Acceptor::bind(address).map_err(ProxyError::Listen)?;
        let address = acceptor.address().map_err(ProxyError::Listen)?;
        let target = Target::new(&of_transport(&settings)).map_err(ProxyError::Upstream)?;
        let identity = settings.identity.as_ref();
        let tls = identity.map(encryption::config).transpose();
        let tls = tls.map_err(ProxyError::Tls)?;
        let settings = Arc::new(settings);
        let poll = Poll::new().map_err(ProxyError::Listen)?;
        let shared = Shared::new(Arc::new(target), poll.registry()).map_err(ProxyError::Listen)?;
        let started = Instant::now();
        let disturbance = Disturbance::new(settings.faults.clone(), settings.seed, started);
        let disturbance = Arc::new(Mutex::new(disturbance));
        let mut inspection = None;
        let inspector = match &settings.inspector {
            None => None,
            Some(address) => {
                let listener = TcpListener::bind(address).map_err(ProxyError::Inspector)?;
                // What follows may be a credential.
                let endpoint = path(&settings).split('?').next().unwrap_or_default();
                let service = Service::start(listener, endpoint, Subject::Proxy, |shown| {
                    let of_service = Inspection::new(Arc::clone(&disturbance), shown, started);
                    inspection = Some(of_service.clone());
                    of_service
                });
                Some(service.map_err(ProxyError::Inspector)?)
            }
        };
        let hub = Hub {
            settings: Arc::clone(&settings),
            tls,
            shared,
            host: host(&settings).into_bytes(),
            disturbance,
            inspection,
            started,
            now: started,
        };
        let is_stopping = Arc::new(AtomicBool::new(false));
        let (event_loop, waker) = EventLoop::new(acceptor, poll, hub, Arc::clone(&is_stopping))
            .map_err(ProxyError::Listen)?;
        let thread = thread::Builder::new()
            .name("bayeux-proxy".to_owned())
            .spawn(|| event_loop.run())
            .map_err(ProxyError::Thread)?;
        Ok(Self {
            address,
            settings,
            is_stopping,
            waker,
            inspector,
            thread: Some(thread),
        })
    }

    /// Stops listening, ends all connections and waits until the thread has ended.
    pub fn stop(self) {
        drop(self);
    }

    /// The address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL for clients: that of the server with the proxy's address.
    pub fn url(&self) -> String {
        let scheme = match (
            &self.settings.identity,
            self.settings.upstream.is_web_socket(),
        ) {
            (None, false) => "http",
            (None, true) => "ws",
            (Some(_), false) => "https",
            (Some(_), true) => "wss",
        };
        let path = path(&self.settings);
        format!("{scheme}://{}{path}", reachable(self.address))
    }

    /// The URL of the inspector, if [`Settings::inspector`] asks for one. Where it is reached from
    /// other machines it ends with a token, without which the page gets nothing to show.
    pub fn inspector_url(&self) -> Option<&str> {
        self.inspector.as_ref().map(Service::url)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.is_stopping.store(true, Ordering::Release);
        let _ = self.waker.wake();
        let is_own_thread = self
            .thread
            .as_ref()
            .is_some_and(|it| it.thread().id() == thread::current().id());
        if let Some(thread) = self.thread.take().filter(|_| !is_own_thread) {
            // A thread that panicked has said so itself.
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

/// The path of the server's URL.
fn path(settings: &Settings) -> &str {
    let upstream = &settings.upstream;
    &upstream.expose()[upstream.origin().len()..]
}

/// Host and port of the server, as clients of its own would name them.
fn host(settings: &Settings) -> String {
    let origin = settings.upstream.origin();
    let authority = origin.split_once("://").map_or(origin, |(_, it)| it);
    authority.to_owned()
}

fn of_transport(settings: &Settings) -> transport::Settings {
    transport::Settings {
        endpoint: settings.upstream.clone(),
        tls: settings.tls.clone(),
        proxy: None,
        headers: Vec::new(),
        authorization: None,
        connect_timeout: settings.connect_timeout,
        network_timeout: settings.patience,
        max_body: settings.max_body as u64,
        capture: Capture::Nothing,
        connections: Connections::default(),
    }
}

/// Where a proxy that listens on all addresses is reached from here.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}
