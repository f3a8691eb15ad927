//! Requests for pages: which they are, and what the pages want to know of them.

use ureq_proto::http::{HeaderMap, HeaderName, Method, Request, StatusCode, header};

use super::assets::Asset;
use crate::server::headers::{bearer, has_token, persistence, text};
use crate::server::refused::{Refused, refused};
use crate::server::response::Persistence;

/// A request for a page, or for what belongs to it. It has no body.
#[derive(Debug)]
pub(in crate::server) struct PageRequest {
    pub(in crate::server) persistence: Persistence,
    pub(super) route: Route,
    pub(super) method: Method,
    /// A response to it has no body (RFC 9110, 9.3.2).
    pub(super) is_head: bool,
    pub(super) query: String,
    /// The header `Host`; `None` if it is missing, or stands twice.
    pub(super) host: Option<String>,
    /// The header `Origin`.
    pub(super) origin: Option<String>,
    /// The header `Sec-Fetch-Site`, by which browsers say who asks.
    pub(super) fetch_site: Option<String>,
    /// The token of an `Authorization: Bearer` header.
    pub(super) bearer: Option<String>,
}

/// Where a request goes.
#[derive(Debug)]
pub(super) enum Route {
    Asset(&'static Asset),
    /// What stands behind `/inspector/api/`, as it was written.
    Api(String),
}

impl PageRequest {
    /// Reads a request, if it is for a page of a server with this endpoint. What has a query is
    /// none, so that an endpoint in the place of a page keeps what is meant for it.
    pub(in crate::server) fn of(
        request: &Request<()>,
        endpoint: &str,
    ) -> Option<Result<Self, Refused>> {
        let route = Route::of(request, endpoint)?;
        let (method, headers) = (request.method(), request.headers());
        let query = request.uri().query().unwrap_or_default();
        if has_body(headers) {
            let reason = "a request for a page has no body here";
            return Some(Err(refused(StatusCode::BAD_REQUEST, reason)));
        }
        let owned = |name: HeaderName| text(headers, name).map(str::to_owned);
        let mut hosts = headers.get_all(header::HOST).iter();
        let is_one = hosts.next().is_some() && hosts.next().is_none();
        Some(Ok(Self {
            persistence: persistence(request),
            route,
            method: method.clone(),
            is_head: method == Method::HEAD,
            query: query.to_owned(),
            host: owned(header::HOST).filter(|_| is_one),
            origin: headers
                .contains_key(header::ORIGIN)
                .then(|| owned(header::ORIGIN).unwrap_or_default()),
            fetch_site: owned(HeaderName::from_static("sec-fetch-site")),
            bearer: bearer(headers),
        }))
    }
}

impl Route {
    fn of(request: &Request<()>, endpoint: &str) -> Option<Self> {
        let path = request.uri().path();
        if let Some(below) = path.strip_prefix("/inspector/api/") {
            return (path != endpoint).then(|| Self::Api(below.to_owned()));
        }
        let asset = Asset::at(path)?;
        let is_get = matches!(*request.method(), Method::GET | Method::HEAD);
        let is_page = is_get
            && request.uri().query().is_none()
            && !has_token(request.headers(), header::UPGRADE, "websocket");
        is_page.then_some(Self::Asset(asset))
    }
}

fn has_body(headers: &HeaderMap) -> bool {
    let lengths = headers.get_all(header::CONTENT_LENGTH);
    headers.contains_key(header::TRANSFER_ENCODING) || lengths.iter().any(|it| it != "0")
}
