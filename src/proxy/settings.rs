//! What a proxy is told before it starts.

use std::sync::Arc;
use std::time::Duration;

use super::Observer;
use crate::server::Fault;
use crate::tls::Identity;
use crate::transport::{Endpoint, Tls};

/// How a [`Proxy`](super::Proxy) behaves.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The server: where to, under which `Host`. The path is only part of the proxy's URL, since
    /// requests name theirs.
    pub upstream: Endpoint,
    /// Whom to trust, and who we are to the server, where the upstream is encrypted.
    pub tls: Tls,
    /// Who the proxy is to clients; with this it speaks TLS to them. Default none.
    pub identity: Option<Identity>,
    /// What goes wrong on purpose. Default nothing.
    pub faults: Vec<Fault>,
    /// What the chances of faults are drawn from. Default 0.
    pub seed: u64,
    /// How long connecting to the server may take. Default 10 s.
    pub connect_timeout: Duration,
    /// How long the head of a request may take to arrive, and how long one side may take none of
    /// what the other sent. Default 30 s.
    pub patience: Duration,
    /// The longest body, or message of a websocket, that is looked at, in bytes. A longer one is
    /// passed on all the same. Default 16 MiB.
    pub max_body: usize,
    /// Most connections of clients at a time; beyond it they are closed as soon as they are
    /// accepted. Default 50,000.
    pub max_connections: usize,
    /// Where a page shows sessions, channels and traffic, and switches faults, e.g.
    /// `127.0.0.1:0`. Default nowhere.
    pub inspector: Option<String>,
    /// Is told what passes. Default none.
    pub observer: Option<Arc<dyn Observer>>,
    /// What it is told of it. Default [`Detail::Messages`].
    pub detail: Detail,
}

/// What an observer is told of what passes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Detail {
    /// Messages, and what happens to connections.
    Messages,
    /// Also the heads and bodies of HTTP, and the texts of frames. They are held in memory until
    /// the response has come.
    Exchanges,
}

impl Settings {
    /// A proxy for this server, with defaults.
    pub fn new(upstream: Endpoint) -> Self {
        Self {
            upstream,
            tls: Tls::default(),
            identity: None,
            faults: Vec::new(),
            seed: 0,
            connect_timeout: Duration::from_secs(10),
            patience: Duration::from_secs(30),
            max_body: 16 * 1024 * 1024,
            max_connections: 50_000,
            inspector: None,
            observer: None,
            detail: Detail::Messages,
        }
    }
}
