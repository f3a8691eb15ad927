//! What the connections of a proxy have in common.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime};

use rustls::ServerConfig;

use super::disturbance::Disturbance;
use super::event::{Event, What};
use super::inspection::Inspection;
use super::{Detail, Settings};
use crate::protocol::ConnectionType;
use crate::traffic::{Seen, Sighting};
use crate::transport::nonblocking::Shared;

pub(super) struct Hub {
    pub(super) settings: Arc<Settings>,
    /// Who the proxy is to clients, if it speaks TLS.
    pub(super) tls: Option<Arc<ServerConfig>>,
    /// The server, and what connections to it share.
    pub(super) shared: Shared,
    /// The value of `Host` in requests.
    pub(super) host: Vec<u8>,
    /// Nobody but the connection that has its turn asks it, and now and then the inspector.
    pub(super) disturbance: Arc<Mutex<Disturbance>>,
    /// What the inspector shows, if there is one.
    pub(super) inspection: Option<Inspection>,
    pub(super) started: Instant,
    /// The present, as far as the connection that has its turn is concerned.
    pub(super) now: Instant,
}

impl Hub {
    pub(super) fn tell(&self, connection: u64, what: What) {
        if !self.is_observed() {
            return;
        }
        let event = Event {
            time: SystemTime::now(),
            connection,
            what,
        };
        if let Some(inspection) = &self.inspection {
            inspection.observe(&event);
        }
        if let Some(observer) = &self.settings.observer {
            observer.observe(event);
        }
    }

    /// What goes wrong on purpose. It is not to be held while anything is told.
    pub(super) fn disturbance(&self) -> MutexGuard<'_, Disturbance> {
        let disturbance = &self.disturbance;
        disturbance.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells which faults met something, if any did.
    pub(super) fn tell_faults(&self, connection: u64, faults: &str) {
        if !faults.is_empty() {
            let faults = faults.to_owned();
            self.tell(connection, What::Disturbed { faults });
        }
    }

    /// Tells of messages.
    pub(super) fn tell_seen(&self, connection: u64, connection_type: ConnectionType, seen: Seen) {
        let at = self.now.saturating_duration_since(self.started);
        let sighting = Sighting {
            at,
            connection,
            connection_type,
            seen,
        };
        self.tell(connection, What::Seen(sighting));
    }

    /// Whether anybody wants to know heads and bodies.
    pub(super) fn tells_exchanges(&self) -> bool {
        self.settings.observer.is_some() && self.settings.detail == Detail::Exchanges
    }

    /// Whether anybody wants to know what passes.
    pub(super) fn is_observed(&self) -> bool {
        self.settings.observer.is_some() || self.inspection.is_some()
    }
}
