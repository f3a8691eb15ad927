//! Opening a websocket: connection, TLS, and the upgrade (RFC 6455 4.1).

use std::io;
use std::time::{Duration, Instant, SystemTime};

use rustls::ClientConnection;
use tungstenite::handshake::client::{Request, generate_key};
use tungstenite::protocol::WebSocketConfig;
use ureq::http::header::{self, HeaderMap, HeaderName, HeaderValue};

use super::super::answer;
use super::super::cookies::Cookies;
use super::super::dialer::{Dialed, Dialer};
use super::super::ledger::{self, Budget, Ledger};
use super::super::tls::server_name;
use super::super::{Credential, Endpoint, Settings, Trace, TransportError};
use super::layers::Layers;
use super::outcome;
use super::stream::Stream;
use crate::session::Stage;

/// One read of the socket. tungstenite's default of 128 KiB is filled with zeros each time.
const READ_BUFFER: usize = 4 * 1024;

/// An open websocket.
pub(super) type Socket = tungstenite::WebSocket<Layers>;

/// What came of an attempt.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) outcome: Result<Box<Socket>, Refused>,
    pub(super) time: SystemTime,
    pub(super) trace: Box<Trace>,
}

/// Why there is no websocket.
#[derive(Debug)]
pub struct Refused {
    /// The reason.
    pub error: TransportError,
    /// Whether the server was reached, and the upgrade is what failed.
    pub is_upgrade: bool,
}

impl Opened {
    fn is_unauthorised(&self) -> bool {
        match &self.outcome {
            Err(refused) => matches!(
                &refused.error,
                TransportError::UpgradeRefused(refusal) if refusal.status == 401
            ),
            Ok(_) => false,
        }
    }
}

/// Opens websockets to one endpoint.
pub(super) struct Opener {
    pub(super) settings: Settings,
    pub(super) dialer: Dialer,
    pub(super) cookies: Cookies,
    headers: HeaderMap,
}

impl Opener {
    /// # Errors
    /// When the headers cannot stand in one request together.
    pub(super) fn new(settings: Settings) -> Result<Self, TransportError> {
        let cookies = Cookies::new(&settings.endpoint);
        let mut headers = settings.headers_of_user(&cookies)?;
        let name = concat!("bayeux/", env!("CARGO_PKG_VERSION"));
        headers
            .entry(header::USER_AGENT)
            .or_insert(HeaderValue::from_static(name));
        Ok(Self {
            dialer: Dialer::new(&settings),
            cookies,
            headers,
            settings,
        })
    }

    /// Opens a websocket; blocks for at most the connect timeout and the network timeout, and
    /// twice that if the server refuses the credentials and there are others. `until` ends all of
    /// it, if it comes first.
    pub(super) fn open(&self, until: Option<Instant>) -> Opened {
        let epoch = self.dialer.connections.epoch();
        let Some(authorization) = &self.settings.authorization else {
            return self.attempt(epoch, None, until);
        };
        authorization.attempt(
            until,
            |credential| self.attempt(epoch, Some(credential), until),
            Opened::is_unauthorised,
            |refused, renewed| match renewed {
                Ok(_) if self.dialer.connections.epoch() != epoch => refused,
                Ok(credential) => {
                    let mut opened = self.attempt(epoch, Some(credential), until);
                    opened.trace.refused = Some(refused.trace);
                    opened
                }
                Err(reason) => Opened {
                    outcome: Err(Refused {
                        error: TransportError::Unauthorised { reason },
                        is_upgrade: false,
                    }),
                    ..refused
                },
            },
        )
    }

    fn attempt(
        &self,
        epoch: u64,
        credential: Option<&Credential>,
        until: Option<Instant>,
    ) -> Opened {
        let budget = Budget {
            connect: self.settings.connect_timeout,
            hold: Duration::ZERO,
            network: self.settings.network_timeout,
            until,
        };
        Ledger::new(budget, Duration::ZERO, self.settings.capture, epoch).open();
        let connected = self.connect();
        let is_upgrade = connected.is_ok();
        let upgraded = connected.and_then(|it| self.upgrade(it, credential));
        let mut ledger = Ledger::close().expect("opened above, on this thread");
        ledger.trace.credential = credential.map(|it| it.generation);
        let outcome = upgraded.map(Box::new).map_err(|failed| {
            let error = match failed {
                Failed::Transport(error) => error,
                Failed::Io(error) => outcome::of_io(error, &self.settings.tls, &ledger),
                Failed::Upgrade(error) => {
                    let of_io = |it| outcome::of_io(it, &self.settings.tls, &ledger);
                    outcome::of_upgrade(*error, ledger.standing(), of_io)
                }
            };
            if self.dialer.connections.epoch() != epoch {
                let stage = ledger.stage();
                let error = TransportError::Aborted { stage };
                return Refused {
                    error,
                    is_upgrade: false,
                };
            }
            Refused { error, is_upgrade }
        });
        Opened {
            outcome,
            time: SystemTime::now(),
            trace: Box::new(ledger.trace),
        }
    }

    /// TCP, and TLS where the URL asks for it.
    fn connect(&self) -> Result<Layers, Failed> {
        let addresses = self.dialer.resolve()?;
        let Dialed { stream, peer } = self.dialer.dial(&addresses)?;
        ledger::with(|it| it.trace.peer = Some(peer));
        let stream = Stream::new(stream);
        if !self.settings.endpoint.is_tls() {
            return Ok(Layers::new(stream, None));
        }
        self.shake_hands(stream)
    }

    fn shake_hands(&self, mut stream: Stream) -> Result<Layers, Failed> {
        let started = Instant::now();
        let name = server_name(&self.settings.endpoint).map_err(TransportError::from)?;
        let config = self.settings.tls.config().map_err(TransportError::from)?;
        let mut connection = ClientConnection::new(config, name)
            .map_err(|it| self.settings.tls.failure(&it, Stage::Unsent))?;
        connection.complete_io(&mut stream)?;
        ledger::with(|it| {
            it.trace.is_tls = true;
            it.trace.handshake = Some(started.elapsed());
        });
        Ok(Layers::new(stream, Some(connection)))
    }

    fn upgrade(&self, layers: Layers, credential: Option<&Credential>) -> Result<Socket, Failed> {
        let config = config(self.settings.max_body);
        let request = self.request(credential);
        ledger::with(Ledger::await_response);
        let upgraded = tungstenite::client::client_with_config(request, layers, Some(config));
        let (mut socket, response) = upgraded.map_err(|error| match error {
            tungstenite::HandshakeError::Failure(error) => Failed::Upgrade(Box::new(error)),
            // The stream blocks, so that nothing is ever left half done.
            tungstenite::HandshakeError::Interrupted(_) => {
                Failed::Io(io::ErrorKind::TimedOut.into())
            }
        })?;
        let status = response.status().as_u16();
        let mut headers = response.into_parts().0.headers;
        self.cookies.store(&headers);
        answer::mark_secrets(&mut headers);
        ledger::with(|it| {
            it.trace.status = Some(status);
            it.trace.cookies_set = answer::cookie_names(&headers);
            it.trace.headers = headers;
        });
        socket.get_mut().opened()?;
        Ok(socket)
    }

    fn request(&self, credential: Option<&Credential>) -> Request {
        let mut request = request(
            &self.settings.endpoint,
            &self.headers,
            self.cookies.header().as_ref(),
        );
        if let Some(credential) = credential {
            let (name, value) = credential.header.parts();
            request.headers_mut().insert(name, value.clone());
        }
        request
    }
}

/// The request for an upgrade, with these headers beside those of every upgrade.
pub(in crate::transport) fn request(
    endpoint: &Endpoint,
    of_user: &HeaderMap,
    cookies: Option<&HeaderValue>,
) -> Request {
    let uri = endpoint.uri();
    let mut request = Request::new(());
    // tungstenite wants the scheme of a websocket, and puts the rest on the wire.
    let scheme = if endpoint.is_tls() { "wss" } else { "ws" };
    let authority = uri.authority().map_or("", |it| it.as_str());
    let target = uri.path_and_query().map_or("/", |it| it.as_str());
    if let Ok(uri) = format!("{scheme}://{authority}{target}").parse() {
        *request.uri_mut() = uri;
    }
    let headers = request.headers_mut();
    headers.clone_from(of_user);
    let upgrade = [
        (header::HOST, authority.to_owned()),
        (header::CONNECTION, "Upgrade".to_owned()),
        (header::UPGRADE, "websocket".to_owned()),
        (header::SEC_WEBSOCKET_VERSION, "13".to_owned()),
        (header::SEC_WEBSOCKET_KEY, generate_key()),
    ];
    for (name, value) in upgrade {
        insert(headers, name, &value);
    }
    if let Some(cookies) = cookies {
        headers.insert(header::COOKIE, cookies.clone());
    }
    request
}

/// How tungstenite is to keep its buffers: small, and nothing held back.
pub(in crate::transport) fn config(max_body: u64) -> WebSocketConfig {
    let limit = usize::try_from(max_body).ok();
    WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0)
        .max_frame_size(limit)
        .max_message_size(limit)
}

/// A host and a key are legal values; a user's `Host` header wins, as it does in curl.
fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if name == header::HOST && headers.contains_key(&name) {
        return;
    }
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// Where it failed.
enum Failed {
    Transport(TransportError),
    Io(io::Error),
    Upgrade(Box<tungstenite::Error>),
}

impl From<TransportError> for Failed {
    fn from(error: TransportError) -> Self {
        Self::Transport(error)
    }
}

impl From<io::Error> for Failed {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}
