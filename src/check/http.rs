//! Requests over HTTP, said in full, by a client with a jar of its own.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use ureq::http::HeaderMap;

use super::transcript::{Exchange, Received, Transcript, beginning};
use super::{Obstacle, Subject};
use crate::protocol::{Callback, ConnectionType, Message, decode, encode};
use crate::transport::{Answer, Asked, Cookie, Header, JarUse, Polling, Question, Trace};

/// A client of the server under check: connections, cookies.
#[derive(Clone, Debug)]
pub(super) struct Http {
    polling: Arc<Polling>,
    transcript: Transcript,
    until: Instant,
    path: String,
}

/// A request.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    pub(super) method: How,
    /// What follows the endpoint's path.
    pub(super) suffix: String,
    /// Lines, `Name: value`.
    pub(super) headers: Vec<String>,
    pub(super) jar: JarUse,
    /// How long the server may keep the response back.
    pub(super) hold: Duration,
}

/// The method, and what goes with it.
#[derive(Clone, Debug)]
pub(super) enum How {
    /// With this query.
    Get(String),
    /// With this body.
    Post(Vec<u8>),
    Options,
}

/// A response.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
    pub(super) took: Duration,
    pub(super) trace: Trace,
}

/// A response that is waited for elsewhere.
#[derive(Debug)]
pub(super) struct Pending(Receiver<Result<Seen, Obstacle>>);

/// What most requests say of their body.
pub(super) const JSON: &str = "Content-Type: application/json;charset=UTF-8";

impl Http {
    pub(super) fn new(subject: &Subject) -> Result<Self, Obstacle> {
        let settings = subject.settings().transport.clone();
        let path = settings.endpoint.path().to_owned();
        // What is sent is said in full by each request; the largest head is not.
        let form = match subject.connection_type() {
            ConnectionType::CallbackPolling => ConnectionType::CallbackPolling,
            ConnectionType::LongPolling | ConnectionType::WebSocket => ConnectionType::LongPolling,
        };
        let polling = Polling::new(form, settings)?;
        Ok(Self {
            polling: Arc::new(polling),
            transcript: subject.transcript(),
            until: subject.until(),
            path,
        })
    }

    /// Posts messages, as every client does.
    pub(super) fn post(&self, messages: &[Message]) -> Result<Seen, Obstacle> {
        self.ask(&Ask::post(encode(messages)))
    }

    /// Sends a request and waits for its response, whatever its status.
    pub(super) fn ask(&self, ask: &Ask) -> Result<Seen, Obstacle> {
        let headers = ask.headers.iter().map(|it| it.parse::<Header>());
        let headers: Vec<Header> = headers
            .collect::<Result<_, _>>()
            .map_err(|error| Obstacle::Inapplicable(error.to_string()))?;
        let started = Instant::now();
        let answer = self.polling.ask(&Question {
            method: match &ask.method {
                How::Get(query) => Asked::Get(query),
                How::Post(body) => Asked::Post(body),
                How::Options => Asked::Options,
            },
            suffix: &ask.suffix,
            headers: &headers,
            cookies: ask.jar,
            hold: ask.hold,
            until: Some(self.until),
        });
        let took = started.elapsed();
        self.note(ask, &answer, took);
        let Answer { outcome, trace } = answer;
        let response = outcome?;
        Ok(Seen {
            status: response.status,
            body: response.body,
            took,
            trace,
        })
    }

    /// Sends a request, and goes on while it is waited for.
    pub(super) fn begin(&self, ask: Ask) -> Pending {
        let (sender, receiver) = channel();
        let http = self.clone();
        // Without a thread the sender is dropped, and the receiver knows.
        let _ = thread::Builder::new()
            .name("bayeux-check-held".to_owned())
            .spawn(move || {
                // Whoever waited for it may be gone.
                let _ = sender.send(http.ask(&ask));
            });
        Pending(receiver)
    }

    /// What follows is no part of the check, and has time until then.
    pub(super) fn take_leave(&mut self, until: Instant) {
        self.until = until;
        self.transcript = Transcript::default();
    }

    /// The cookies that it would send.
    pub(super) fn cookies(&self) -> Vec<Cookie> {
        self.polling.cookies()
    }

    fn note(&self, ask: &Ask, answer: &Answer, took: Duration) {
        let (method, query, body) = match &ask.method {
            How::Get(query) => ("GET", query.as_str(), &[][..]),
            How::Post(body) => ("POST", "", &body[..]),
            How::Options => ("OPTIONS", "", &[][..]),
        };
        let separator = if query.is_empty() { "" } else { "?" };
        self.transcript.add(Exchange {
            asked: format!("{method} {}{}{separator}{query}", self.path, ask.suffix),
            headers: ask.headers.clone(),
            sent: beginning(body),
            received: match &answer.outcome {
                Ok(response) => Received::response(response.status, &answer.trace, &response.body),
                Err(error) => Received::Nothing(error.to_string()),
            },
            took,
        });
    }
}

impl Ask {
    /// A POST of JSON.
    pub(super) fn post(body: impl Into<Vec<u8>>) -> Self {
        Self {
            method: How::Post(body.into()),
            suffix: String::new(),
            headers: vec![JSON.to_owned()],
            jar: JarUse::Sent,
            hold: Duration::ZERO,
        }
    }

    /// Messages in the query, with this callback.
    pub(super) fn callback(callback: &Callback, messages: &[Message]) -> Self {
        Self::get(callback.query(messages))
    }

    /// A GET with this query.
    pub(super) fn get(query: impl Into<String>) -> Self {
        Self {
            method: How::Get(query.into()),
            headers: Vec::new(),
            ..Self::post("")
        }
    }

    /// The same with these headers and no others.
    pub(super) fn with_headers<const N: usize>(mut self, headers: [&str; N]) -> Self {
        self.headers = headers.map(str::to_owned).into();
        self
    }

    /// The same without cookies.
    pub(super) fn without_cookies(mut self) -> Self {
        self.jar = JarUse::Withheld;
        self
    }

    /// The same, held for so long.
    pub(super) fn held(mut self, hold: Duration) -> Self {
        self.hold = hold;
        self
    }
}

impl Seen {
    /// The messages in it.
    pub(super) fn messages(&self) -> Result<Vec<Message>, Obstacle> {
        if self.status != 200 {
            return Err(Obstacle::Unusable(format!("HTTP {}", self.status)));
        }
        let body = decode(&self.body)
            .map_err(|error| Obstacle::Unusable(format!("no messages in the response: {error}")))?;
        Ok(body.messages)
    }

    /// A header's value.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers().get(name)?.to_str().ok()
    }

    pub(super) fn headers(&self) -> &HeaderMap {
        &self.trace.headers
    }

    /// The body as text.
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl Pending {
    /// The response, if it comes within this time.
    pub(super) fn within(&self, patience: Duration) -> Result<Option<Seen>, Obstacle> {
        match self.0.recv_timeout(patience) {
            Ok(seen) => seen.map(Some),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Err(Obstacle::Unusable(
                "no thread to wait for the response".to_owned(),
            )),
        }
    }
}
