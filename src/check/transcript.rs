//! What a check sent, and what came: to be shown where it failed.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::transport::Trace;

/// A request and what came of it, or a frame either way.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// The request's line or what stands for it: `POST /cometd`, `websocket frame`.
    pub asked: String,
    /// Headers of the request that are its own, as lines.
    pub headers: Vec<String>,
    /// The body that was sent.
    pub sent: String,
    /// What came.
    pub received: Received,
    /// How long it took.
    pub took: Duration,
}

/// What came of a request.
#[derive(Clone, Debug)]
pub enum Received {
    /// A response.
    Response {
        /// Its status.
        status: u16,
        /// Its headers, as lines; secrets of cookies are in it.
        headers: Vec<String>,
        /// Its body.
        body: String,
    },
    /// A frame of a websocket.
    Frame(String),
    /// Nothing, and why.
    Nothing(String),
}

/// The exchanges of one check, also those on other threads.
#[derive(Clone, Debug, Default)]
pub(super) struct Transcript(Arc<Mutex<Vec<Exchange>>>);

/// So many are kept, the first ones and the last ones: checks of limits make thousands.
const MOST_EXCHANGES: usize = 40;

/// So much is kept of a body.
const MOST_BYTES: usize = 16 * 1024;

impl Transcript {
    pub(super) fn add(&self, exchange: Exchange) {
        let mut exchanges = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if exchanges.len() >= MOST_EXCHANGES {
            exchanges.remove(MOST_EXCHANGES / 2);
        }
        exchanges.push(exchange);
    }

    pub(super) fn take(&self) -> Vec<Exchange> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Received {
    /// The response with this body and the headers of this trace.
    pub(super) fn response(status: u16, trace: &Trace, body: &[u8]) -> Self {
        let line = |(name, value): (&ureq::http::HeaderName, &ureq::http::HeaderValue)| {
            format!("{name}: {}", String::from_utf8_lossy(value.as_bytes()))
        };
        Self::Response {
            status,
            headers: trace.headers.iter().map(line).collect(),
            body: beginning(body),
        }
    }
}

/// What of a body is kept.
pub(super) fn beginning(body: &[u8]) -> String {
    let kept = &body[..body.len().min(MOST_BYTES)];
    String::from_utf8_lossy(kept).into_owned()
}
