//! What a client is told when it begins.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use crate::protocol::ConnectionType;
use crate::session::{Connects, Extensions, Recovery, Settings as SessionSettings};
use crate::transport::{Capture, Connections, Endpoint, Settings as TransportSettings};

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

impl Settings {
    /// What suits most: the transport is the one of the URL's scheme, connects are held, a lost session recovers, 10 s for connecting and
    /// 10 s of patience with the network, no header, at most 64 MiB a response.
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
                first_handshake: Duration::ZERO,
                network_timeout,
                max_batch: 16,
                max_encoded: None,
                ext: Extensions::default(),
                // Every RandomState has keys of its own.
                seed: RandomState::new().hash_one(()),
            },
            transport: TransportSettings {
                connection_type,
                endpoint,
                headers: Vec::new(),
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
}
