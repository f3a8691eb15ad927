//! The server as its users see it: started, asked and stopped.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Instant, SystemTime};

use mio::Waker;
use rustls::ServerConfig;

use super::acceptor::Acceptor;
use super::broker::{Broker, Now};
use super::event_loop::{Command, EventLoop};
use super::hub::Hub;
use super::pages::{Pages, Subject};
use super::{Fault, Flavor, Settings, encryption};
use crate::protocol::{Channel, Json};

/// A Bayeux server on a thread of its own. It stops when it is dropped.
///
/// ```
/// use bayeux::server::{Server, Settings};
///
/// let server = Server::bind("127.0.0.1:0", Settings::default())?;
/// assert!(server.url().starts_with("http://127.0.0.1:"));
/// server.publish(&"/demo".parse()?, &r#"{"text":"hello"}"#.parse()?);
/// drop(server); // closes every connection and ends the thread
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Server {
    address: SocketAddr,
    settings: Arc<Settings>,
    /// What follows the path of the inspector in its URL.
    inspector_key: String,
    n_sessions: Arc<AtomicUsize>,
    commands: Sender<Command>,
    waker: Arc<Waker>,
    thread: Option<JoinHandle<()>>,
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
    /// The library refuses to speak TLS.
    #[error("cannot speak TLS")]
    Tls(#[source] rustls::Error),
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
        let acceptor = Acceptor::bind(address).map_err(ServerError::Listen)?;
        let address = acceptor.address().map_err(ServerError::Listen)?;
        let settings = Arc::new(settings);
        let n_sessions = Arc::new(AtomicUsize::new(0));
        let (commands, receiver) = mpsc::channel();
        let endpoint = endpoint(&settings);
        let pages = Pages::new(
            &endpoint,
            Subject::Server(settings.flavor),
            address,
            client_id,
        );
        let inspector_key = pages.key();
        let identity = settings.identity.as_ref();
        let tls = identity.map(encryption::config).transpose();
        let tls = tls.map_err(ServerError::Tls)?;
        let hub = hub(&settings, tls, pages, &n_sessions);
        let (event_loop, waker) =
            EventLoop::new(acceptor, receiver, hub).map_err(ServerError::Listen)?;
        let thread = thread::Builder::new()
            .name("bayeux-server".to_owned())
            .spawn(|| event_loop.run())
            .map_err(ServerError::Thread)?;
        Ok(Self {
            address,
            settings,
            inspector_key,
            n_sessions,
            commands,
            waker,
            thread: Some(thread),
        })
    }

    /// Publishes as the server itself. Subscribers get it like any other message; `deny` does
    /// not apply. Nothing happens on `/meta/` and `/service/` channels, which are nobody's to
    /// subscribe to.
    ///
    /// It has happened when this returns, unless an [`Observer`](super::Observer) calls it:
    /// then it happens once that has returned.
    pub fn publish(&self, channel: &Channel, data: &Json) {
        let (channel, data) = (channel.clone(), data.clone());
        self.change(move |hub| hub.publish(&channel, &data));
    }

    /// Forgets all sessions, as a restart would: held connects are answered
    /// `402::session_unknown` with the advice to handshake, and so is whatever comes next.
    pub fn forget_sessions(&self) {
        self.change(Hub::forget_sessions);
    }

    /// From now on this goes wrong; its times and counts begin.
    ///
    /// ```
    /// use bayeux::server::{Server, Settings};
    ///
    /// let server = Server::bind("127.0.0.1:0", Settings::default())?;
    /// let lost = "connect:expire:first=1".parse()?;
    /// server.add_fault(&lost);
    /// // ... the client under test loses its session with its next connect ...
    /// assert!(server.remove_fault(&lost));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn add_fault(&self, fault: &Fault) {
        let fault = fault.clone();
        self.change(|hub| hub.add_fault(fault));
    }

    /// This goes wrong no longer; false if it did not. What it has done stays done.
    pub fn remove_fault(&self, fault: &Fault) -> bool {
        let fault = fault.clone();
        self.ask(move |hub| hub.remove_fault(&fault))
            .unwrap_or(false)
    }

    /// What goes wrong on purpose, in the order in which it was asked for.
    pub fn faults(&self) -> Vec<Fault> {
        self.ask(|hub| hub.faults()).unwrap_or_default()
    }

    /// Stops listening, ends all connections and waits until the thread has ended.
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
        let origin = self.origin();
        format!("{origin}{}", endpoint(&self.settings))
    }

    /// The URL of the chat, a page that shows what is published to `/demo` and publishes there.
    pub fn chat_url(&self) -> String {
        format!("{}/", self.origin())
    }

    /// The URL of the inspector, a page that shows sessions, channels and traffic. Where the
    /// server is reached from other machines it ends with a token, without which the page
    /// gets nothing to show.
    pub fn inspector_url(&self) -> String {
        let origin = self.origin();
        format!("{origin}/inspector{}", self.inspector_key)
    }

    fn origin(&self) -> String {
        let address = reachable(self.address);
        format!("{}://{address}", self.settings.scheme())
    }

    /// How many sessions there are.
    pub fn n_sessions(&self) -> usize {
        self.n_sessions.load(Ordering::Acquire)
    }

    /// Has the thread do something, and waits until it is done and was sent to all whom it
    /// concerns. The thread itself, in the observer, cannot wait for itself.
    fn change(&self, change: impl FnOnce(&mut Hub) + Send + 'static) {
        let (done, is_done) = mpsc::channel();
        let change = Box::new(change);
        self.tell(Command::Change { change, done });
        if !self.is_own_thread() {
            // It ends with an error either way: when it was done, or when nobody will do it.
            let _ = is_done.recv();
        }
    }

    /// The same, with an answer; the observer gets none, since it cannot wait for it.
    fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut Hub) -> T + Send + 'static,
    ) -> Option<T> {
        let (sender, answer) = mpsc::channel();
        self.change(move |hub| drop(sender.send(question(hub))));
        answer.try_recv().ok()
    }

    /// Tells the thread. If it has ended, nothing is left to be told.
    fn tell(&self, command: Command) {
        let _ = self.commands.send(command);
        let _ = self.waker.wake();
    }

    fn is_own_thread(&self) -> bool {
        let thread = self.thread.as_ref();
        thread.is_some_and(|it| it.thread().id() == thread::current().id())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.tell(Command::Stop);
        let is_own_thread = self.is_own_thread();
        if let Some(thread) = self.thread.take().filter(|_| !is_own_thread) {
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

/// The path of the endpoint, as clients have to name it.
fn endpoint(settings: &Settings) -> String {
    match settings.flavor {
        Flavor::CometD | Flavor::Faye => settings.path.clone(),
        Flavor::Salesforce => format!("{}/65.0", settings.path.trim_end_matches('/')),
    }
}

pub(super) fn hub(
    settings: &Arc<Settings>,
    tls: Option<Arc<ServerConfig>>,
    pages: Pages,
    n_sessions: &Arc<AtomicUsize>,
) -> Hub {
    let client_ids = match settings.flavor {
        Flavor::CometD | Flavor::Faye => client_id,
        Flavor::Salesforce => salesforce_client_id,
    };
    let started = Now {
        instant: Instant::now(),
        wall: SystemTime::now(),
    };
    let broker = Broker::new(Arc::clone(settings), Box::new(client_ids), started);
    Hub::new(
        Arc::clone(settings),
        tls,
        broker,
        pages,
        Arc::clone(n_sessions),
        started.instant,
    )
}

/// 128 bits from the operating system as 32 letters and digits (Bayeux 1.0, "Client ID").
pub(super) fn client_id() -> Option<String> {
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
