//! Polling over HTTP: one request, one response. Long-polling sends a POST with a body,
//! callback-polling a GET with the messages in its query.

use std::fmt;
use std::io::Read;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ureq::Agent;
use ureq::config::AutoHeaderValue;
use ureq::http::header::{self, HeaderMap, HeaderValue};
use ureq::http::{Request, StatusCode};
use ureq::unversioned::transport::Connector;

use super::cookies::Cookies;
use super::dialer::Dialer;
use super::ledger::{self, Budget, Ledger};
use super::proxy::forward;
use super::tap::TapConnector;
use super::tls::TlsConnector;
use super::wire::WireConnector;
use super::{
    Answer, Asked, Authorization, Capture, Connections, Cookie, Credential, Endpoint, Header,
    JarUse, Proxy, Question, Response, Tls, Trace, TransportError, answer,
};
use crate::protocol::{
    Body, Callback, ConnectionType, DecodeError, FindingKind, Message, decode, encode,
};

/// What a [`Polling`] needs to know.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where to send to.
    pub endpoint: Endpoint,
    /// Whom to trust and who we are, where the endpoint's scheme is encrypted.
    pub tls: Tls,
    /// The proxy to go through.
    pub proxy: Option<Proxy>,
    /// Headers of every request; they replace those that bayeux sends of itself.
    pub headers: Vec<Header>,
    /// The `Authorization` of every request; it replaces one in the headers.
    pub authorization: Option<Arc<Authorization>>,
    /// The longest time for name lookup, TCP and TLS together.
    pub connect_timeout: Duration,
    /// The longest time for the network and the server's work, for the response's head and
    /// for its body; for the head the hold is added.
    pub network_timeout: Duration,
    /// The largest body that is read, decompressed, in bytes.
    pub max_body: u64,
    /// Whether traces have the text of requests and responses.
    pub capture: Capture,
    /// Where open connections are entered, to be aborted from elsewhere.
    pub connections: Connections,
}

/// A client of one endpoint: its idle connections and its cookies. Two threads may use it at
/// once, as the two lanes of a session do.
pub struct Polling {
    agent: Agent,
    form: Form,
    request: Request<()>,
    cookies: Cookies,
    settings: Settings,
}

/// Where a request has its messages.
#[derive(Debug)]
enum Form {
    /// In the body.
    Post,
    /// In the query; its response calls this function.
    Get(Callback),
}

/// What came of [`Polling::exchange`].
#[derive(Debug)]
pub struct Exchange {
    /// The messages that came, or why none did.
    pub outcome: Result<Body, TransportError>,
    /// What it looked like on the wire.
    pub trace: Trace,
}

/// Large enough for the heads and most bodies of Bayeux, a small part of ureq's 128 KiB.
const INPUT_BUFFER: usize = 16 * 1024;
/// A request's head has to fit.
const OUTPUT_BUFFER: usize = 8 * 1024;
/// With the messages in it the head has to fit as well; the crate `http` takes 64 KiB of URL.
const OUTPUT_BUFFER_FOR_QUERY: usize = 64 * 1024 + OUTPUT_BUFFER;

/// How long an idle connection is kept. That the server closed it meanwhile shows in the probe.
const MAX_IDLE: Duration = Duration::from_secs(5 * 60);
/// How long for a publish, which must not be sent twice: a server that closes idle
/// connections (Node.js after 5 s, Jetty after 30 s) may do so just between probe and write,
/// and nobody could tell whether it had read the publish.
const MAX_IDLE_FOR_PUBLISH: Duration = Duration::from_secs(4);

/// So much of an error page is read: enough for the excerpt, and most pages to their end, so
/// that the connection stays.
const MAX_ERROR_PAGE: u64 = 64 * 1024;

impl Settings {
    /// The headers that the user wants; cookies go into the jar instead.
    pub(super) fn headers_of_user(&self, cookies: &Cookies) -> Result<HeaderMap, TransportError> {
        let mut headers = HeaderMap::new();
        for header in &self.headers {
            if header.is_cookie() {
                for pair in header.cookies() {
                    cookies.add(pair).map_err(|it| TransportError::Http {
                        source: it.into(),
                        stage: crate::session::Stage::Unsent,
                    })?;
                }
            } else {
                let (name, value) = header.parts();
                headers.append(name, value.clone());
            }
        }
        Ok(headers)
    }
}

impl Polling {
    /// Makes a client, for callback-polling or else long-polling; nothing is sent yet.
    ///
    /// # Errors
    /// When the headers cannot stand in one request together.
    pub fn new(
        connection_type: ConnectionType,
        settings: Settings,
    ) -> Result<Self, TransportError> {
        let form = Form::of(connection_type);
        let (dialer, origin) = match forwarder(&settings) {
            Some(_) => (
                Dialer::new(&settings).without_tunnel(),
                Some(settings.endpoint.http_origin().into()),
            ),
            None => (Dialer::new(&settings), None),
        };
        let addresses = dialer.addresses.clone();
        let config = Agent::config_builder()
            // ureq knows tunnels alone; dialer and wire know both ways.
            .proxy(None)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .accept(AutoHeaderValue::None)
            .user_agent(AutoHeaderValue::None)
            .max_idle_age(MAX_IDLE)
            .input_buffer_size(INPUT_BUFFER)
            .output_buffer_size(match &form {
                Form::Post => OUTPUT_BUFFER,
                Form::Get(_) => OUTPUT_BUFFER_FOR_QUERY,
            })
            // One less than the buffer, so that a full buffer is too large and not an end of file.
            .max_response_header_size(INPUT_BUFFER - 1)
            .build();
        let tls = TlsConnector {
            tls: settings.tls.clone(),
            endpoint: settings.endpoint.clone(),
        };
        let connector = WireConnector { dialer, origin }
            .chain(tls)
            .chain(TapConnector);
        let agent = Agent::with_parts(config, connector, addresses);
        let cookies = Cookies::new(&settings.endpoint);
        let request = request(&form, &settings, &cookies)?;
        Ok(Self {
            agent,
            form,
            request,
            cookies,
            settings,
        })
    }

    /// Sends messages in one request and waits for the response.
    ///
    /// `hold` is how long the server may rightly keep the response back: for its head the
    /// time is hold and network timeout, for the body it is the network timeout again, or
    /// what is left of the former. `until` ends all of it, if it comes first.
    ///
    /// A request whose credentials are refused with HTTP 401 is sent once more with others,
    /// if there are any.
    pub fn exchange(
        &self,
        messages: &[Message],
        hold: Duration,
        until: Option<Instant>,
    ) -> Exchange {
        let epoch = self.settings.connections.epoch();
        let attempt = |it: Option<&Credential>| self.attempt(messages, hold, until, epoch, it);
        let Some(authorization) = &self.settings.authorization else {
            return attempt(None);
        };
        authorization.attempt(
            until,
            |credential| attempt(Some(credential)),
            Exchange::is_unauthorised,
            |refused, renewed| match renewed {
                Ok(_) if self.settings.connections.epoch() != epoch => refused,
                Ok(credential) => {
                    let mut exchange = attempt(Some(credential));
                    exchange.trace.refused = Some(Box::new(refused.trace));
                    exchange
                }
                Err(reason) => Exchange {
                    outcome: Err(TransportError::Unauthorised { reason }),
                    ..refused
                },
            },
        )
    }

    /// One request and its response.
    fn attempt(
        &self,
        messages: &[Message],
        hold: Duration,
        until: Option<Instant>,
        epoch: u64,
        credential: Option<&Credential>,
    ) -> Exchange {
        let budget = Budget {
            connect: self.settings.connect_timeout,
            hold,
            network: self.settings.network_timeout,
            until,
        };
        let has_publish = messages
            .iter()
            .any(|it| !it.channel().starts_with("/meta/"));
        let max_idle = if has_publish {
            MAX_IDLE_FOR_PUBLISH
        } else {
            MAX_IDLE
        };
        Ledger::new(budget, max_idle, self.settings.capture, epoch).open();
        let response = self.send(messages, credential);
        let mut ledger = Ledger::close().expect("opened above, on this thread");
        ledger.trace.credential = credential.map(|it| it.generation);

        let mut outcome = match response {
            Ok((status, body)) => {
                let decode = |bytes: &[u8]| self.form.decode(bytes);
                answer::read(status, &ledger.trace.headers, &body, decode)
            }
            Err(error) => Err(answer::failure(error, &ledger)),
        };
        if self.settings.connections.epoch() != epoch && is_broken(&outcome) {
            outcome = Err(TransportError::Aborted {
                stage: ledger.stage(),
            });
        }
        if let Some(proxy) = forwarder(&self.settings) {
            outcome = outcome.map_err(|it| forward::refusal(proxy, &ledger.trace.headers, it));
        }
        Exchange {
            outcome,
            trace: ledger.trace,
        }
    }

    /// Sends one request as it is said, and waits for the response, whatever that is. It is never
    /// sent twice.
    pub fn ask(&self, question: &Question<'_>) -> Answer {
        let epoch = self.settings.connections.epoch();
        let ask = |it: Option<&Credential>| self.put(question, epoch, it);
        match &self.settings.authorization {
            None => ask(None),
            Some(authorization) => authorization.attempt(
                question.until,
                |credential| ask(Some(credential)),
                |_| false,
                |answer, _| answer,
            ),
        }
    }

    /// One question and its answer.
    fn put(&self, question: &Question<'_>, epoch: u64, credential: Option<&Credential>) -> Answer {
        let budget = Budget {
            connect: self.settings.connect_timeout,
            hold: question.hold,
            network: self.settings.network_timeout,
            until: question.until,
        };
        Ledger::new(budget, MAX_IDLE, self.settings.capture, epoch).open();
        let response = question
            .request(&self.request)
            .map_err(TransportError::into_ureq)
            .and_then(|mut request| {
                self.sign(&mut request, credential, question.cookies);
                let response = match question.method {
                    Asked::Post(body) => self.agent.run(request.map(|()| body))?,
                    Asked::Get(_) | Asked::Options => self.agent.run(request)?,
                };
                self.receive(response)
            });
        let ledger = Ledger::close().expect("opened above, on this thread");
        let outcome = match response {
            Ok((status, body)) => Ok(Response {
                status: status.as_u16(),
                body,
            }),
            Err(error) => Err(answer::failure(error, &ledger)),
        };
        Answer {
            outcome,
            trace: ledger.trace,
        }
    }

    /// Shuts every connection down, so that exchanges in other threads return at once, and
    /// stays usable for new ones.
    ///
    /// An exchange that is looking up a name or opening a connection goes on until that
    /// is done, at most for the connect timeout, and then ends as well.
    pub fn abort(&self) {
        self.settings.connections.abort();
    }

    /// The cookies that would be sent, apart from those for other paths.
    pub fn cookies(&self) -> Vec<Cookie> {
        self.cookies.all()
    }

    /// Sends the request, and reads the response's status and body.
    fn send(
        &self,
        messages: &[Message],
        credential: Option<&Credential>,
    ) -> Result<(StatusCode, Vec<u8>), ureq::Error> {
        let mut request = self.request.clone();
        self.sign(&mut request, credential, JarUse::Sent);
        let response = match &self.form {
            Form::Post => self.agent.run(request.map(|()| encode(messages))),
            Form::Get(callback) => {
                let endpoint = &self.settings.endpoint;
                let uri = endpoint.with_query(&callback.query(messages));
                *request.uri_mut() = uri.map_err(TransportError::into_ureq)?;
                self.agent.run(request)
            }
        };
        self.receive(response?)
    }

    /// Adds the credentials and the cookies.
    fn sign(&self, request: &mut Request<()>, credential: Option<&Credential>, jar: JarUse) {
        let headers = request.headers_mut();
        if let Some(credential) = credential {
            let (name, value) = credential.header.parts();
            headers.insert(name, value.clone());
        }
        if jar == JarUse::Sent
            && let Some(cookies) = self.cookies.header()
        {
            headers.insert(header::COOKIE, cookies);
        }
    }

    /// Reads the response's status and body, and keeps its cookies.
    fn receive(
        &self,
        response: ureq::http::Response<ureq::Body>,
    ) -> Result<(StatusCode, Vec<u8>), ureq::Error> {
        let (mut head, body) = response.into_parts();
        let status = head.status;
        self.cookies.store(&head.headers);
        answer::mark_secrets(&mut head.headers);
        ledger::with(|it| {
            it.receive_body();
            it.trace.status = Some(status.as_u16());
            it.trace.cookies_set = answer::cookie_names(&head.headers);
            it.trace.headers = head.headers;
        });

        let max_body = match status {
            StatusCode::OK => self.settings.max_body,
            _ => self.settings.max_body.min(MAX_ERROR_PAGE),
        };
        let length = body.content_length().unwrap_or(0).min(64 * 1024);
        let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
        let mut reader = body.into_with_config().limit(max_body).reader();
        // To the end and not to the length: only the read that finds nothing more gives
        // the connection back.
        match reader.read_to_end(&mut bytes) {
            Err(error) if status == StatusCode::OK => return Err(error.into()),
            // Of an error page any beginning will do.
            Ok(_) | Err(_) => {}
        }
        Ok((status, bytes))
    }
}

impl Form {
    fn of(connection_type: ConnectionType) -> Self {
        match connection_type {
            ConnectionType::CallbackPolling => Self::Get(Callback::default()),
            ConnectionType::LongPolling | ConnectionType::WebSocket => Self::Post,
        }
    }

    fn decode(&self, bytes: &[u8]) -> Result<Body, DecodeError> {
        match self {
            Self::Post => decode(bytes),
            Self::Get(callback) => callback.decode(bytes),
        }
    }
}

impl Exchange {
    fn is_unauthorised(&self) -> bool {
        matches!(
            self.outcome,
            Err(TransportError::Status { status: 401, .. })
        )
    }
}

impl fmt::Debug for Polling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Polling")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

/// The proxy that requests are sent to as they are, instead of through it.
fn forwarder(settings: &Settings) -> Option<&Proxy> {
    settings
        .proxy
        .as_ref()
        .filter(|_| !settings.endpoint.is_tls())
}

/// The request without its messages; every exchange sends a copy.
fn request(
    form: &Form,
    settings: &Settings,
    cookies: &Cookies,
) -> Result<Request<()>, TransportError> {
    let uri = settings.endpoint.uri();
    let failed = |source| TransportError::Http {
        source,
        stage: crate::session::Stage::Unsent,
    };
    let builder = match form {
        // Faye 1.4.3 answers HTTP 400 to any other type (docs of the protocol, "HTTP status").
        Form::Post => Request::post(uri.clone())
            .header(header::CONTENT_TYPE, "application/json;charset=UTF-8"),
        // Two requests with the same ids, of two sessions without a client id, are the same URL.
        Form::Get(_) => Request::get(uri.clone()).header(header::CACHE_CONTROL, "no-cache"),
    };
    let mut request = builder.body(()).map_err(|it| failed(it.into()))?;
    let headers = request.headers_mut();
    let name = concat!("bayeux/", env!("CARGO_PKG_VERSION"));
    headers.insert(header::USER_AGENT, HeaderValue::from_static(name));
    if let Some(authorization) = forwarder(settings).and_then(Proxy::authorization) {
        let value = HeaderValue::from_str(authorization.expose());
        let mut value = value.map_err(|it| failed(it.into()))?;
        value.set_sensitive(true);
        headers.insert(header::PROXY_AUTHORIZATION, value);
    }
    let of_user = settings.headers_of_user(cookies)?;
    for name in of_user.keys() {
        headers.remove(name);
    }
    headers.extend(of_user);
    Ok(request)
}

/// Whether an outcome is such as a connection brings that was shut down. Without a length,
/// a response that was cut off looks like a whole one.
fn is_broken(outcome: &Result<Body, TransportError>) -> bool {
    match outcome {
        Ok(body) => body
            .findings
            .iter()
            .any(|it| matches!(it.kind, FindingKind::Truncated | FindingKind::OpenCallback)),
        Err(_) => true,
    }
}
