//! Opening TCP connections to the endpoint or to its proxy, within the connect timeout.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::connections::Connections;
use super::proxy::Tunnel;
use super::resolver::Addresses;
use super::{Settings, TransportError, ledger};

/// Opens connections for the exchange in the thread's ledger.
#[derive(Clone, Debug)]
pub(super) struct Dialer {
    pub(super) addresses: Addresses,
    pub(super) connections: Connections,
    connect_timeout: Duration,
    network_timeout: Duration,
    tunnel: Option<Tunnel>,
}

/// An open connection.
#[derive(Debug)]
pub(super) struct Dialed {
    pub(super) stream: Arc<TcpStream>,
    pub(super) peer: SocketAddr,
}

impl Dialer {
    /// With a proxy every connection is a tunnel through it.
    pub(super) fn new(settings: &Settings) -> Self {
        let (endpoint, proxy) = (&settings.endpoint, &settings.proxy);
        Self {
            addresses: Addresses::of(endpoint, proxy.clone()),
            tunnel: proxy.clone().map(|it| Tunnel::new(it, endpoint)),
            connections: settings.connections.clone(),
            connect_timeout: settings.connect_timeout,
            network_timeout: settings.network_timeout,
        }
    }

    /// The addresses to connect to.
    pub(super) fn resolve(&self) -> Result<Vec<SocketAddr>, TransportError> {
        self.addresses.known_or_looked_up()
    }

    /// Connections end at the proxy: what is sent on them is meant for it.
    pub(super) fn without_tunnel(self) -> Self {
        Self {
            tunnel: None,
            ..self
        }
    }

    /// Connects to one of the addresses, and through the proxy if there is one.
    pub(super) fn dial(&self, addresses: &[SocketAddr]) -> Result<Dialed, TransportError> {
        let started = Instant::now();
        let dialed = self.open(addresses);
        ledger::with(|it| it.trace.connect = Some(started.elapsed()));
        dialed
    }

    fn open(&self, addresses: &[SocketAddr]) -> Result<Dialed, TransportError> {
        let connected = self.connect_any(addresses);
        let (stream, peer) = connected.map_err(|it| self.addresses.failed(it))?;
        let refused = |source| TransportError::Send {
            source,
            stage: crate::session::Stage::Unsent,
        };
        stream.set_nodelay(true).map_err(refused)?;
        // A write waits only while the server takes nothing at all, so this needs no deadline.
        let patience = Some(at_least_a_millisecond(self.network_timeout));
        stream.set_write_timeout(patience).map_err(refused)?;

        let stream = Arc::new(stream);
        let epoch = ledger::with(|it| it.epoch).unwrap_or_default();
        if !self.connections.add(&stream, epoch) {
            return Err(refused(io::ErrorKind::ConnectionAborted.into()));
        }
        if let Some(tunnel) = &self.tunnel {
            tunnel.open(&stream)?;
        }
        Ok(Dialed { stream, peer })
    }

    /// Tries the addresses in turn. Each but the last one gets half of the time that is left.
    fn connect_any(
        &self,
        addresses: &[SocketAddr],
    ) -> Result<(TcpStream, SocketAddr), TransportError> {
        let mut failure = None;
        for (nth, address) in addresses.iter().enumerate() {
            let Some(remaining) = ledger::with(|it| it.remaining()).flatten() else {
                break;
            };
            let is_last = nth + 1 == addresses.len();
            let budget = if is_last { remaining } else { remaining / 2 };
            match TcpStream::connect_timeout(address, at_least_a_millisecond(budget)) {
                Ok(stream) => {
                    self.addresses.keep(*address);
                    return Ok((stream, *address));
                }
                Err(error) if error.kind() == io::ErrorKind::TimedOut => {}
                Err(error) => failure = Some(error),
            }
        }
        self.addresses.forget();
        let addresses = addresses.to_vec();
        Err(match failure {
            Some(source) => TransportError::Connect { addresses, source },
            None => TransportError::ConnectTimeout {
                addresses,
                after: self.connect_timeout,
            },
        })
    }
}

/// Sockets refuse a timeout of zero, and some round less than a millisecond to it.
pub(super) fn at_least_a_millisecond(timeout: Duration) -> Duration {
    timeout.max(Duration::from_millis(1))
}
