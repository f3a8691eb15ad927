//! One request of HTTP that is said in full: for looking at what a server makes of it.

use std::time::{Duration, Instant};

use ureq::http::{Method, Request, header};

use super::{Header, Trace, TransportError};
use crate::session::Stage;

/// A request for [`Polling::ask`](super::Polling::ask), which adds the settings' headers, the
/// credentials and the framing, and nothing else.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// What is asked for.
    pub method: Asked<'a>,
    /// What follows the path of the endpoint, e.g. `/handshake`; before its query, if it has one.
    pub suffix: &'a str,
    /// Headers of this request alone; they replace those of the settings.
    pub headers: &'a [Header],
    /// Whether the jar's cookies are sent. What the response sets is kept in any case.
    pub cookies: JarUse,
    /// How long the server may rightly keep the response back.
    pub hold: Duration,
    /// When all of it must be over.
    pub until: Option<Instant>,
}

/// The method of a [`Question`], and what goes with it.
#[derive(Clone, Copy, Debug)]
pub enum Asked<'a> {
    /// GET, with this in the query.
    Get(&'a str),
    /// POST, with this body and nothing said about what it is.
    Post(&'a [u8]),
    /// OPTIONS, as a browser asks for permission.
    Options,
}

/// Whether the cookies of the jar are sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum JarUse {
    /// They are.
    Sent,
    /// They are not, as if the client kept none.
    Withheld,
}

/// What came of a [`Question`].
#[derive(Debug)]
pub struct Answer {
    /// The response, whatever its status, or why there is none. Its headers are in the trace.
    pub outcome: Result<Response, TransportError>,
    /// What it looked like on the wire.
    pub trace: Trace,
}

/// A response of HTTP.
#[derive(Debug)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// The body, decompressed. Of a status other than 200 its beginning at least.
    pub body: Vec<u8>,
}

impl Question<'_> {
    /// The request, made of the one that every exchange sends.
    pub(super) fn request(&self, template: &Request<()>) -> Result<Request<()>, TransportError> {
        let unsent = |source| TransportError::Http {
            source,
            stage: Stage::Unsent,
        };
        let mut request = template.clone();
        *request.method_mut() = match self.method {
            Asked::Get(_) => Method::GET,
            Asked::Post(_) => Method::POST,
            Asked::Options => Method::OPTIONS,
        };
        let uri = template.uri();
        let (path, query) = (uri.path(), uri.query());
        let more = match self.method {
            Asked::Get(more) if !more.is_empty() => Some(more),
            Asked::Get(_) | Asked::Post(_) | Asked::Options => None,
        };
        let query = [query, more].into_iter().flatten().collect::<Vec<_>>();
        let mut target = format!("{}{}", path.trim_end_matches('/'), self.suffix);
        if self.suffix.is_empty() {
            target = path.to_owned();
        }
        if !query.is_empty() {
            target.push('?');
            target.push_str(&query.join("&"));
        }
        let length = target.len();
        let mut parts = uri.clone().into_parts();
        parts.path_and_query = Some(
            target
                .try_into()
                .map_err(|_| TransportError::UrlTooLong { length })?,
        );
        *request.uri_mut() = parts
            .try_into()
            .map_err(|it: ureq::http::uri::InvalidUriParts| unsent(it.into()))?;
        let headers = request.headers_mut();
        headers.remove(header::CONTENT_TYPE);
        for given in self.headers {
            let (name, value) = given.parts();
            headers.insert(name, value.clone());
        }
        Ok(request)
    }
}
