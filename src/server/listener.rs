//! The server as its users see it: started, asked and stopped.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use super::broker::{Broker, Now};
use super::connection::Connection;
use super::exchanges;
use super::shared::Shared;
use super::{Event, Flavor, Settings};
use crate::protocol::{Channel, Json};

/// Stack of a connection's thread. Only what is touched takes memory; the depth comes from
/// JSON in `ext` and `advice`, of which the parser follows 128 levels.
const STACK: usize = 512 * 1024;

/// How many connections may wait to be accepted.
#[cfg(unix)]
const BACKLOG: i32 = 4096;

/// How long to wait with the next accept when one failed, most often for want of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A Bayeux server on threads of its own. It stops when it is dropped.
///
/// ```
/// use bayeux::server::{Server, Settings};
///
/// let server = Server::bind("127.0.0.1:0", Settings::default())?;
/// assert!(server.url().starts_with("http://127.0.0.1:"));
/// server.publish(&"/demo".parse()?, &r#"{"text":"hello"}"#.parse()?);
/// drop(server); // closes every connection and ends the threads
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// The address does not exist here, is in use, or needs rights that we do not have.
    #[error("cannot listen")]
    Listen(#[source] io::Error),
    /// The operating system gave no thread.
    #[error("cannot start a thread")]
    Thread(#[source] io::Error),
    /// [`Settings::path`] does not begin with a slash.
    #[error("the path of a server begins with `/`: {0}")]
    Path(String),
}

impl Server {
    /// Starts a server; port 0 takes any free one.
    ///
    /// # Errors
    /// When the address cannot be listened on, no thread can be started, or the path of the
    /// settings is none.
    pub fn bind(address: impl ToSocketAddrs, settings: Settings) -> Result<Self, ServerError> {
        if !settings.path.starts_with('/') {
            return Err(ServerError::Path(settings.path));
        }
        let listener = listen(address).map_err(ServerError::Listen)?;
        let address = listener.local_addr().map_err(ServerError::Listen)?;
        let settings = Arc::new(settings);
        let client_ids = match settings.flavor {
            Flavor::CometD => client_id,
            Flavor::Salesforce => salesforce_client_id,
        };
        let started = Now {
            instant: Instant::now(),
            wall: SystemTime::now(),
        };
        let broker = Broker::new(Arc::clone(&settings), Box::new(client_ids), started);
        let mut server = Self {
            address,
            shared: Arc::new(Shared::new(settings, broker)),
            threads: Vec::new(),
        };
        // If the second one fails, dropping the server ends the first.
        server.start("bayeux-timer", |shared| shared.run_timer())?;
        server.start("bayeux-accept", move |shared| accept(&listener, shared))?;
        Ok(server)
    }

    /// Publishes as the server itself. Subscribers get it like any other message; `deny` does
    /// not apply. Nothing happens on `/meta/` and `/service/` channels, which are nobody's to
    /// subscribe to.
    pub fn publish(&self, channel: &Channel, data: &Json) {
        self.shared.publish(channel, data);
    }

    /// Forgets all sessions, as a restart would: held connects are answered
    /// `402::session_unknown` with the advice to handshake, and so is whatever comes next.
    pub fn forget_sessions(&self) {
        self.shared.forget_sessions();
    }

    /// Stops listening, ends all connections and waits until their threads have ended.
    pub fn stop(self) {
        drop(self);
    }

    /// The address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of the endpoint, e.g. `http://127.0.0.1:8080/cometd`. A server that listens on
    /// all addresses gives the one of this machine, one that passes for Salesforce adds a
    /// version of its API.
    pub fn url(&self) -> String {
        let address = reachable(self.address);
        let path = &self.shared.settings.path;
        match self.shared.settings.flavor {
            Flavor::CometD => format!("http://{address}{path}"),
            Flavor::Salesforce => {
                format!("http://{address}{}/65.0", path.trim_end_matches('/'))
            }
        }
    }

    /// How many sessions there are.
    pub fn n_sessions(&self) -> usize {
        self.shared.n_sessions()
    }

    fn start(
        &mut self,
        name: &str,
        run: impl FnOnce(&Arc<Shared>) + Send + 'static,
    ) -> Result<(), ServerError> {
        let shared = Arc::clone(&self.shared);
        let thread = thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || run(&shared))
            .map_err(ServerError::Thread)?;
        self.threads.push(thread);
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.stop();
        // An accept that waits is ended by a connection, the one way that works everywhere.
        let _ = TcpStream::connect_timeout(&reachable(self.address), Duration::from_secs(1));
        for thread in self.threads.drain(..) {
            // A thread that panicked has said so itself.
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

fn listen(address: impl ToSocketAddrs) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(address)?;
    // The standard library lets 128 connections wait to be accepted. Of thousands that come at
    // once the rest would try again after 1, 3 and 7 s. The system has a limit of its own.
    #[cfg(unix)]
    rustix::net::listen(&listener, BACKLOG)?;
    Ok(listener)
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    while !shared.is_stopped() {
        let served = listener
            .accept()
            .and_then(|(socket, peer)| serve(socket, peer, shared));
        if let Err(error) = served {
            shared.observe(&Event::AcceptFailed { error: &error });
            thread::sleep(ACCEPT_PAUSE);
        }
    }
}

fn serve(socket: TcpStream, peer: SocketAddr, shared: &Arc<Shared>) -> io::Result<()> {
    // Nobody but this thread adds one.
    let n_connections = shared.n_connections();
    if n_connections >= shared.settings.max_connections {
        let reason = format!("{n_connections} connections are open, and no more are taken");
        return Err(io::Error::other(reason));
    }
    // A client that is gone already is its own affair.
    let Ok(connection) = Connection::new(socket, peer).map(Arc::new) else {
        return Ok(());
    };
    let Some(id) = shared.register(&connection) else {
        return Ok(());
    };
    let own = Arc::clone(shared);
    let run = move || {
        exchanges::serve(&own, &connection);
        drop(connection);
        own.unregister(id);
    };
    let thread = thread::Builder::new().stack_size(STACK).spawn(run);
    thread.map(drop).inspect_err(|_| shared.unregister(id))
}

/// 128 bits from the operating system as 32 letters and digits (Bayeux 1.0, "Client ID").
fn client_id() -> Option<String> {
    Some(format!("{:032x}", random()?))
}

/// The same bits as 25 letters and digits, as Salesforce writes them.
fn salesforce_client_id() -> Option<String> {
    let mut rest = random()?;
    let digit = |_| {
        let digit = (rest % 36) as u32;
        rest /= 36;
        char::from_digit(digit, 36)
    };
    (0..25).map(digit).collect()
}

fn random() -> Option<u128> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).ok()?;
    Some(u128::from_ne_bytes(bytes))
}

/// Where a server that listens on all addresses is reached from here.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}
