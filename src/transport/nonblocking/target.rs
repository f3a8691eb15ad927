//! The server that thousands of connections lead to: looked up and written down once.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};
use ureq::http::header::{self, HeaderMap, HeaderValue};

use super::super::cookies::Cookies;
use super::super::ledger::{Budget, Ledger};
use super::super::resolver::Addresses;
use super::super::tls::server_name;
use super::super::{Capture, Settings, TransportError};
use crate::protocol::Message;
use crate::session::Stage;

/// As many as ureq takes; nobody has more.
const MOST_ADDRESSES: usize = 16;

/// Where connections lead to and what they send first. All threads share one.
pub(crate) struct Target {
    pub(super) settings: Settings,
    addresses: Vec<SocketAddr>,
    /// The address that worked last: all clients go to the same.
    preferred: AtomicUsize,
    /// A request up to the lines that differ.
    head: Vec<u8>,
    /// What every request has beside the lines of its kind: the user's headers, ours, and the
    /// credentials.
    headers: HeaderMap,
    cookie_line: Option<HeaderValue>,
    encryption: Option<Encryption>,
}

struct Encryption {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
}

impl Target {
    /// Blocks for the name lookup, at most for the connect timeout.
    ///
    /// The value of `Authorization` is taken once: a server that refuses it answers HTTP 401,
    /// and that is the error.
    ///
    /// # Errors
    /// When the host is not found, the headers cannot stand in one request together, TLS cannot
    /// begin, or there is a proxy.
    pub(crate) fn new(settings: &Settings) -> Result<Self, TransportError> {
        if let Some(proxy) = &settings.proxy {
            return Err(TransportError::Http {
                source: format!("a load goes to the server itself, and not through {proxy}").into(),
                stage: Stage::Unsent,
            });
        }
        let cookies = Cookies::new(&settings.endpoint);
        let mut headers = settings.headers_of_user(&cookies)?;
        let name = concat!("bayeux/", env!("CARGO_PKG_VERSION"));
        headers
            .entry(header::USER_AGENT)
            .or_insert(HeaderValue::from_static(name));
        if let Some(authorization) = &settings.authorization {
            let credential = authorization.current();
            let (name, value) = credential.header.parts();
            headers.insert(name, value.clone());
        }
        let encryption = match settings.endpoint.is_tls() {
            true => Some(Encryption {
                config: settings.tls.config()?,
                name: server_name(&settings.endpoint)?,
            }),
            false => None,
        };
        Ok(Self {
            addresses: look_up(settings)?,
            preferred: AtomicUsize::new(0),
            head: head(settings, &headers),
            headers,
            cookie_line: cookies.header(),
            encryption,
            settings: settings.clone(),
        })
    }

    /// The server's addresses, at least one.
    pub(crate) fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Writes a request of long polling in one piece.
    pub(super) fn write_request(
        &self,
        request: &mut Vec<u8>,
        cookies: Option<&HeaderValue>,
        messages: &[Message],
    ) {
        request.clear();
        request.extend_from_slice(&self.head);
        if let Some(cookies) = cookies {
            request.extend_from_slice(b"Cookie: ");
            request.extend_from_slice(cookies.as_bytes());
            request.extend_from_slice(b"\r\n");
        }
        let texts: usize = messages.iter().map(|it| it.raw().len()).sum();
        let length = "[]".len() + texts + messages.len().saturating_sub(1);
        // A Vec takes everything.
        let _ = write!(request, "Content-Length: {length}\r\n\r\n[");
        for (nth, message) in messages.iter().enumerate() {
            if nth > 0 {
                request.push(b',');
            }
            request.extend_from_slice(message.raw().as_bytes());
        }
        request.push(b']');
    }

    /// What the upgrade to a websocket has beside the lines of every upgrade.
    pub(super) fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The cookies of a client: those of the user, to begin with.
    pub(super) fn cookies(&self) -> Cookies {
        let cookies = Cookies::new(&self.settings.endpoint);
        // They went into a jar before.
        let _ = self.settings.headers_of_user(&cookies);
        cookies
    }

    /// The value of the `Cookie` line of a client whose server set none.
    pub(super) fn cookie_line(&self) -> Option<&HeaderValue> {
        self.cookie_line.as_ref()
    }

    /// TLS for a new connection, if the URL asks for it.
    pub(super) fn encrypt(&self) -> Result<Option<ClientConnection>, TransportError> {
        let Some(Encryption { config, name }) = &self.encryption else {
            return Ok(None);
        };
        let mut connection = ClientConnection::new(Arc::clone(config), name.clone())
            .map_err(|it| self.settings.tls.failure(&it, Stage::Unsent))?;
        // A request goes in as a whole.
        connection.set_buffer_limit(None);
        Ok(Some(connection))
    }

    /// The number of the address to try first.
    pub(super) fn preferred(&self) -> usize {
        self.preferred.load(Ordering::Relaxed)
    }

    pub(super) fn prefer(&self, nth: usize) {
        if self.preferred() != nth {
            self.preferred.store(nth, Ordering::Relaxed);
        }
    }

    /// The number of the address to try after this one.
    pub(super) fn after(&self, nth: usize) -> usize {
        (nth + 1) % self.addresses.len()
    }
}

/// The request's first lines; cookies and the body's length follow.
fn head(settings: &Settings, headers: &HeaderMap) -> Vec<u8> {
    let uri = settings.endpoint.uri();
    let path = uri.path_and_query().map_or("/", |it| it.as_str());
    let mut head = format!("POST {path} HTTP/1.1\r\n").into_bytes();
    let authority = uri.authority().map_or("", |it| it.as_str());
    let of_kind = [
        // A user's `Host` header wins, as it does in curl.
        ("Host", header::HOST, authority),
        // Faye 1.4.3 answers HTTP 400 to any other type (docs of the protocol, "HTTP status").
        (
            "Content-Type",
            header::CONTENT_TYPE,
            "application/json;charset=UTF-8",
        ),
    ];
    let mut line = |name: &[u8], value: &[u8]| {
        for part in [name, b": ", value, b"\r\n"] {
            head.extend_from_slice(part);
        }
    };
    for (spelling, name, value) in of_kind {
        if !headers.contains_key(name) {
            line(spelling.as_bytes(), value.as_bytes());
        }
    }
    for (name, value) in headers {
        line(name.as_str().as_bytes(), value.as_bytes());
    }
    head
}

fn look_up(settings: &Settings) -> Result<Vec<SocketAddr>, TransportError> {
    let budget = Budget {
        connect: settings.connect_timeout,
        hold: Duration::ZERO,
        network: Duration::ZERO,
        until: None,
    };
    // The lookup has its time from there.
    Ledger::new(budget, Duration::ZERO, Capture::Nothing, 0).open();
    let found = Addresses::of(&settings.endpoint, None).known_or_looked_up();
    Ledger::close();
    let mut addresses = found?;
    addresses.truncate(MOST_ADDRESSES);
    Ok(addresses)
}
