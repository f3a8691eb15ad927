//! The server under check, as one check sees it.

use std::time::{Duration, Instant};

use super::Obstacle;
use super::http::Http;
use super::session::Session;
use super::transcript::Transcript;
use crate::protocol::{Channel, ConnectionType};
use crate::session::extension::Extensions;
use crate::transport::Settings as TransportSettings;

/// What all checks of a run share.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How to get there.
    pub transport: TransportSettings,
    /// The transport of the checks that run over [any](super::Over::Any).
    pub connection_type: ConnectionType,
    /// Below it the checks have their channels.
    pub prefix: Channel,
    /// What makes the channels of this run others than those of any other.
    pub nonce: String,
    /// The `ext` of each kind of message: a server may want credentials there.
    pub extensions: Extensions,
}

/// The server under check, with what one check did to it.
#[derive(Debug)]
pub struct Subject {
    settings: Settings,
    connection_type: ConnectionType,
    name: String,
    until: Instant,
    transcript: Transcript,
}

/// How long a server has for what it should do at once.
pub(super) const PROMPTLY: Duration = Duration::from_secs(2);

impl Subject {
    /// The server as it is seen under this name, over this transport.
    pub(super) fn new(
        settings: &Settings,
        name: &str,
        connection_type: ConnectionType,
        until: Instant,
    ) -> Self {
        Self {
            settings: settings.clone(),
            connection_type,
            name: name.replace('.', "-"),
            until,
            transcript: Transcript::default(),
        }
    }

    /// A client that is driven request by request.
    pub(super) fn http(&self) -> Result<Http, Obstacle> {
        Http::new(self)
    }

    /// A session that has not begun, over the transport of this check.
    pub(super) fn session(&self) -> Result<Session, Obstacle> {
        Session::new(self, self.connection_type)
    }

    /// A session after its handshake. Where the server refuses it, there is nothing to check.
    pub(super) fn handshaken(&self) -> Result<Session, Obstacle> {
        let mut session = self.session()?;
        session.open()?;
        Ok(session)
    }

    /// A session after its first connect.
    pub(super) fn connected(&self) -> Result<Session, Obstacle> {
        let mut session = self.handshaken()?;
        session.connect_at_once()?;
        Ok(session)
    }

    /// A channel of this check alone.
    pub(super) fn channel(&self, name: &str) -> String {
        let Settings { prefix, nonce, .. } = &self.settings;
        format!("{prefix}/{nonce}/{}/{name}", self.name)
    }

    /// A client id that the server gave nobody.
    pub(super) fn unknown_client_id(&self) -> String {
        let nonce = self.settings.nonce.chars();
        let nonce: String = nonce.filter(char::is_ascii_alphanumeric).collect();
        format!("nobody{nonce}")
    }

    pub(super) fn connection_type(&self) -> ConnectionType {
        self.connection_type
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.settings
    }

    pub(super) fn transcript(&self) -> Transcript {
        self.transcript.clone()
    }

    /// When the check has to be done.
    pub(super) fn until(&self) -> Instant {
        self.until
    }

    /// How much time there is left.
    pub(super) fn left(&self) -> Duration {
        self.until.saturating_duration_since(Instant::now())
    }
}
