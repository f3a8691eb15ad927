//! The head of a request for the endpoint: what the server wants to know of it, and what is not
//! taken.

use ureq_proto::http::{Method, Request, StatusCode, Version, header};

use crate::protocol::Callback;
use crate::server::headers::{bearer, cookies, persistence, text};
use crate::server::origin::Access;
use crate::server::refused::{Refused, refused};
use crate::server::response::{Form, Persistence};

/// Longest request head, and longest line of a chunked body.
pub(super) const MAX_HEAD: usize = 64 * 1024;

/// What the server wants to know of a request's head.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(in crate::server) struct Head {
    pub(in crate::server) persistence: Persistence,
    pub(in crate::server) path: String,
    /// What the response has to look like.
    pub(in crate::server) form: Form,
    /// The token of an `Authorization: Bearer` (or `OAuth`) header.
    pub(in crate::server) bearer: Option<String>,
    /// The values of all `Cookie` headers, as one.
    pub(in crate::server) cookies: String,
    /// The `User-Agent` header.
    pub(in crate::server) user_agent: Option<String>,
}

impl Head {
    pub(super) fn of(request: &Request<()>, callback: Option<Callback>, access: Access) -> Self {
        let headers = request.headers();
        Self {
            persistence: persistence(request),
            path: request.uri().path().to_owned(),
            form: Form { callback, access },
            bearer: bearer(headers),
            cookies: cookies(headers),
            user_agent: text(headers, header::USER_AGENT).map(str::to_owned),
        }
    }
}

/// Whether the method is known, and the end of the body can be found.
pub(super) fn check(request: &Request<()>) -> Result<(), Refused> {
    let headers = request.headers();
    let known = [Method::GET, Method::POST, Method::OPTIONS];
    if !known.contains(request.method()) {
        let reason = "GET and POST are known here";
        return Err(refused(StatusCode::METHOD_NOT_ALLOWED, reason));
    }
    check_coding(request)?;
    if request.method() == Method::POST
        && request.version() == Version::HTTP_11
        && !headers.contains_key(header::CONTENT_LENGTH)
        && !headers.contains_key(header::TRANSFER_ENCODING)
    {
        // ureq-proto would take such a body for a chunked one and wait for it.
        let reason = "neither Content-Length nor Transfer-Encoding is given";
        return Err(refused(StatusCode::LENGTH_REQUIRED, reason));
    }
    Ok(())
}

pub(super) fn check_no_body(request: &Request<()>) -> Result<(), Refused> {
    let headers = request.headers();
    let length = headers.get(header::CONTENT_LENGTH);
    if length.is_none_or(|it| it == "0") && !headers.contains_key(header::TRANSFER_ENCODING) {
        return Ok(());
    }
    let reason = format!("a {} has no body here", request.method());
    Err(refused(StatusCode::BAD_REQUEST, &reason))
}

/// A body whose end two headers tell differently is how requests are smuggled past a proxy
/// (RFC 9112, 6.3); a coding other than chunked cannot be read (RFC 9112, 6.1).
fn check_coding(request: &Request<()>) -> Result<(), Refused> {
    let headers = request.headers();
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
    let Some(coding) = codings.next() else {
        return Ok(());
    };
    if headers.contains_key(header::CONTENT_LENGTH) {
        let reason = "both Content-Length and Transfer-Encoding are given";
        Err(refused(StatusCode::BAD_REQUEST, reason))
    } else if request.version() == Version::HTTP_10 {
        let reason = "HTTP/1.0 has no Transfer-Encoding";
        Err(refused(StatusCode::BAD_REQUEST, reason))
    } else if codings.next().is_some() {
        let reason = "more than one Transfer-Encoding is given";
        Err(refused(StatusCode::BAD_REQUEST, reason))
    } else if !coding.as_bytes().eq_ignore_ascii_case(b"chunked") {
        let reason = "of the transfer codings only chunked is known";
        Err(refused(StatusCode::NOT_IMPLEMENTED, reason))
    } else {
        Ok(())
    }
}

/// What the framing made of bytes that are no request.
pub(super) fn bad_request(error: ureq_proto::Error) -> Refused {
    match error {
        ureq_proto::Error::HttpParseTooManyHeaders => too_much_head("too many headers"),
        error => refused(StatusCode::BAD_REQUEST, &error.to_string()),
    }
}

pub(super) fn too_long_head() -> Refused {
    too_much_head("the request head is too long")
}

fn too_much_head(reason: &str) -> Refused {
    refused(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, reason)
}
