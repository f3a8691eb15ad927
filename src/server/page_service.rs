//! The pages on an address of their own, for whoever is no server: HTTP and nothing else, a
//! thread for each connection, since they are few.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use ureq_proto::http::StatusCode;

use super::Event;
use super::http::{Limits, Received, Receiver};
use super::listener::client_id;
use super::pages::{Inspected, Pages, Subject};
use super::refused::refused;
use super::response::Persistence;

/// Connections at a time; a browser has about six.
const MOST_CONNECTIONS: usize = 64;

/// How long a connection is kept without a whole request, and how long it may take nothing.
const PATIENCE: Duration = Duration::from_secs(30);

/// Nobody sends messages here: this is the place of an endpoint that nobody asks for.
const NO_ENDPOINT: &str = "/inspector";

/// The inspector of a proxy. It stops when it is dropped.
#[derive(Debug)]
pub(crate) struct Service {
    address: SocketAddr,
    url: String,
    is_stopping: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// What is shown in the pages, from whichever thread it is told.
#[derive(Clone)]
pub(crate) struct Shown(Arc<Mutex<Pages>>);

/// What the connections have in common.
struct Common<I> {
    shown: Shown,
    inspected: I,
    limits: Arc<Limits>,
    is_stopping: Arc<AtomicBool>,
    n_connections: AtomicUsize,
}

impl Service {
    /// Starts to answer on this listener; `make` has what is inspected, once there is something
    /// to tell the pages by.
    pub(crate) fn start<I>(
        listener: TcpListener,
        endpoint: &str,
        subject: Subject,
        make: impl FnOnce(Shown) -> I,
    ) -> io::Result<Self>
    where
        I: Inspected + Clone + Send + Sync + 'static,
    {
        let address = listener.local_addr()?;
        let pages = Pages::new(endpoint, subject, address, client_id);
        let url = format!("http://{}/inspector{}", reachable(address), pages.key());
        let shown = Shown(Arc::new(Mutex::new(pages)));
        let is_stopping = Arc::new(AtomicBool::new(false));
        let common = Arc::new(Common {
            inspected: make(shown.clone()),
            shown,
            limits: Arc::new(limits()),
            is_stopping: Arc::clone(&is_stopping),
            n_connections: AtomicUsize::new(0),
        });
        let thread = thread::Builder::new()
            .name("bayeux-inspector".to_owned())
            .spawn(move || accept(&listener, &common))?;
        Ok(Self {
            address,
            url,
            is_stopping,
            thread: Some(thread),
        })
    }

    /// Where people look.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.is_stopping.store(true, Ordering::Release);
        // Wakes it. Where that fails, it waits for nothing any more, or for ever: it is let be.
        let is_awake = TcpStream::connect_timeout(&reachable(self.address), PATIENCE).is_ok();
        if let Some(thread) = self.thread.take().filter(|_| is_awake) {
            // A thread that panicked has said so itself.
            let _ = thread.join();
        }
    }
}

impl Shown {
    /// Messages passed.
    pub(crate) fn messages(&self, now: SystemTime, event: &Event<'_>) {
        self.pages().record(now, event);
    }

    /// Something happened, in words.
    pub(crate) fn remark(&self, now: SystemTime, text: String) {
        self.pages().remark(now, text);
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn limits() -> Limits {
    Limits {
        scheme: "http",
        path: NO_ENDPOINT.to_owned(),
        connection_types: &[],
        other_path: None,
        max_body: 0,
        allow_origins: Vec::new(),
    }
}

fn accept<I>(listener: &TcpListener, common: &Arc<Common<I>>)
where
    I: Inspected + Clone + Send + Sync + 'static,
{
    for socket in listener.incoming() {
        if common.is_stopping.load(Ordering::Acquire) {
            return;
        }
        let Ok(socket) = socket else {
            // Most often for want of descriptors, which come back.
            thread::sleep(Duration::from_millis(100));
            continue;
        };
        if common.n_connections.fetch_add(1, Ordering::AcqRel) >= MOST_CONNECTIONS {
            common.n_connections.fetch_sub(1, Ordering::AcqRel);
            continue;
        }
        let of_thread = Arc::clone(common);
        let spawned = thread::Builder::new().spawn(move || {
            // Whoever asked is gone.
            let _ = answer(socket, &of_thread);
            of_thread.n_connections.fetch_sub(1, Ordering::AcqRel);
        });
        if spawned.is_err() {
            common.n_connections.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

/// Answers the requests of one connection.
fn answer<I>(mut socket: TcpStream, common: &Common<I>) -> io::Result<()>
where
    I: Inspected + Clone,
{
    socket.set_nodelay(true)?;
    socket.set_write_timeout(Some(PATIENCE))?;
    let mut inspected = common.inspected.clone();
    let mut receiver = Receiver::new(Arc::clone(&common.limits));
    let mut buffer = [0; 4096];
    let mut since = Instant::now();
    loop {
        let (response, persistence) = match receiver.poll() {
            Received::NeedsMore => {
                let left = PATIENCE.saturating_sub(since.elapsed());
                if left.is_zero() {
                    return Ok(());
                }
                socket.set_read_timeout(Some(left))?;
                let n_bytes = socket.read(&mut buffer)?;
                if n_bytes == 0 || common.is_stopping.load(Ordering::Acquire) {
                    return Ok(());
                }
                receiver.push(&buffer[..n_bytes]);
                continue;
            }
            Received::Page(request) => {
                let mut pages = common.shown.pages();
                let response = pages.answer(Instant::now(), &request, &mut inspected);
                (response, request.persistence)
            }
            Received::Answered(response, persistence) => (response, persistence),
            Received::Refused(refused) => (refused.response(), Persistence::Close),
            Received::Continue(_) | Received::Request(_) | Received::Upgrade(..) => {
                let nothing = refused(StatusCode::NOT_FOUND, "there is an inspector, and no more");
                (nothing.response(), Persistence::Close)
            }
        };
        socket.write_all(&response)?;
        if persistence == Persistence::Close {
            return Ok(());
        }
        since = Instant::now();
    }
}

/// Where what listens on all addresses is reached from here.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}
