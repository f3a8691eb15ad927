//! What a client is told when it begins.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use crate::protocol::{Callback, ConnectionType, encoded_len};
use crate::session::{Connects, Credentials, Recovery, Settings as SessionSettings};
use crate::transport::{Capture, Connections, Endpoint, Settings as TransportSettings, Tls};

/// The settings of a client.
#[derive(Debug)]
pub struct Settings {
    /// Of its session.
    pub session: SessionSettings,
    /// Of its transport.
    pub transport: TransportSettings,
    /// What happens when no websocket can be opened.
    pub fallback: Fallback,
    /// Whether to tell of every request and response.
    pub traffic: Traffic,
}

/// What a client does when the server is there and does not let it open a websocket.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fallback {
    /// It goes on with long polling, and says so.
    LongPolling,
    /// It ends.
    Never,
}

/// Whether a client tells of every request and response, beside what its session says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Traffic {
    /// It does not.
    Hidden,
    /// It does.
    Shown,
}

/// The longest URL that a batch of messages may make, as with cometd.js: servers and what
/// stands before them take 4 to 8 KiB, browsers of old took 2 KB.
const LONGEST_URL: usize = 2000;

impl Settings {
    /// What suits most: the transport is that of the URL's scheme, connects are held, a lost
    /// session recovers, 10 s for connecting and 10 s of patience with the network, no header,
    /// at most 64 MiB a response.
    pub fn new(endpoint: Endpoint) -> Self {
        let network_timeout = Duration::from_secs(10);
        let connection_type = match endpoint.is_web_socket() {
            true => ConnectionType::WebSocket,
            false => ConnectionType::LongPolling,
        };
        Self {
            session: SessionSettings {
                connection_type,
                connects: Connects::Held,
                recovery: Recovery::Always,
                credentials: Credentials::Fixed,
                first_handshake: Duration::ZERO,
                network_timeout,
                max_batch: 16,
                max_encoded: None,
                extensions: Vec::new(),
                // Every RandomState has keys of its own.
                seed: RandomState::new().hash_one(()),
            },
            transport: TransportSettings {
                endpoint,
                tls: Tls::default(),
                proxy: None,
                headers: Vec::new(),
                authorization: None,
                connect_timeout: Duration::from_secs(10),
                network_timeout,
                max_body: 64 * 1024 * 1024,
                capture: Capture::Nothing,
                connections: Connections::default(),
            },
            fallback: Fallback::LongPolling,
            traffic: Traffic::Hidden,
        }
    }

    /// The same over this transport, whatever the URL's scheme.
    pub fn over(mut self, connection_type: ConnectionType) -> Self {
        self.session.connection_type = connection_type;
        self.session.max_encoded = match connection_type {
            ConnectionType::CallbackPolling => {
                let query = Callback::default().query([]).len() - encoded_len("[]");
                let used = self.transport.endpoint.expose().len() + 1 + query;
                Some(LONGEST_URL.saturating_sub(used))
            }
            ConnectionType::LongPolling | ConnectionType::WebSocket => None,
        };
        self
    }
}
