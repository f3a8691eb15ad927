//! The way to a server, a step at a time: what every exchange does at once, to be looked at.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rustls::ClientConnection;

use super::dialer::Dialer;
use super::ledger::{self, Budget, Ledger};
use super::tls::server_name;
use super::web_socket::{self, Stream};
use super::{Settings, Shown, TransportError};
use crate::session::Stage;

/// The way to an endpoint, or to the proxy that leads there.
#[derive(Debug)]
pub struct Route {
    settings: Settings,
}

impl Route {
    /// Nothing is done yet.
    pub fn new(settings: Settings) -> Self {
        Self { settings }
    }

    /// The addresses that the name has, that of the proxy if there is one, and how long it took
    /// to learn them.
    ///
    /// # Errors
    /// When there are none, or they are not known by then.
    pub fn resolve(&self, until: Instant) -> Result<(Vec<SocketAddr>, Duration), TransportError> {
        let (found, ledger) = self.measured(until, |dialer| dialer.resolve());
        Ok((found?, ledger.elapsed()))
    }

    /// Connects to one address and hangs up, and tells how long the connection took. Where a
    /// tunnel leads to the server it is opened as well.
    ///
    /// # Errors
    /// When there is no connection by then.
    pub fn connect(&self, address: SocketAddr, until: Instant) -> Result<Duration, TransportError> {
        let (dialed, ledger) = self.measured(until, |dialer| dialer.dial(&[address]));
        dialed?;
        Ok(ledger.elapsed())
    }

    /// Shakes hands over TLS at one address and hangs up.
    ///
    /// # Errors
    /// When it did not come to what a server shows of itself: no connection by then, or no TLS.
    pub fn shake_hands(
        &self,
        address: SocketAddr,
        until: Instant,
    ) -> Result<Shown, TransportError> {
        let Settings { endpoint, tls, .. } = &self.settings;
        let name = server_name(endpoint)?;
        let (config, kept) = tls.keeping()?;
        let mut failure = None;
        let mut took = Duration::ZERO;
        let (dialed, ledger) = self.measured(until, |dialer| {
            let dialed = dialer.dial(&[address])?;
            ledger::with(|it| it.trace.peer = Some(dialed.peer));
            let started = Instant::now();
            let mut connection = ClientConnection::new(config, name)
                .map_err(|it| tls.failure(&it, Stage::Unsent))?;
            failure = connection
                .complete_io(&mut Stream::new(dialed.stream))
                .err();
            took = started.elapsed();
            Ok(())
        });
        dialed?;
        let failure = failure.map(|it| web_socket::outcome::of_io(it, tls, &ledger));
        let shown = kept.shown(tls.roots(), failure.map_or(Ok(()), Err), took);
        match shown {
            Shown {
                certificates,
                accepted: Err(error),
                ..
            } if certificates.is_empty() => Err(error),
            shown => Ok(shown),
        }
    }

    /// Does something as an exchange of its own.
    fn measured<T>(
        &self,
        until: Instant,
        act: impl FnOnce(&Dialer) -> Result<T, TransportError>,
    ) -> (Result<T, TransportError>, Ledger) {
        let Settings {
            connect_timeout,
            network_timeout,
            capture,
            ref connections,
            ..
        } = self.settings;
        let budget = Budget {
            connect: connect_timeout,
            hold: Duration::ZERO,
            network: network_timeout,
            until: Some(until),
        };
        let mut dialer = Dialer::new(&self.settings);
        // Requests over plain HTTP are sent to the proxy itself.
        if !self.settings.endpoint.is_tls() {
            dialer = dialer.without_tunnel();
        }
        Ledger::new(budget, Duration::ZERO, capture, connections.epoch()).open();
        let done = act(&dialer);
        let ledger = Ledger::close().expect("opened above, on this thread");
        (done, ledger)
    }
}
