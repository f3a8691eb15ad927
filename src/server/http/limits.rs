//! What a receiver accepts, and what is beyond that.

use ureq_proto::BodyMode;
use ureq_proto::http::{Method, Request, StatusCode};

use super::head::check_no_body;
use crate::protocol::ConnectionType;
use crate::server::AllowedOrigin;
use crate::server::origin::Access;
use crate::server::query::Query;
use crate::server::refused::{Refused, refused};

/// What a receiver accepts.
#[derive(Clone, Debug)]
pub(in crate::server) struct Limits {
    /// `http`, or `https` if what is received came over TLS.
    pub(in crate::server) scheme: &'static str,
    /// Path of the endpoint, without a slash at its end.
    pub(in crate::server) path: String,
    /// The transports that are spoken at the endpoint.
    pub(in crate::server) connection_types: &'static [ConnectionType],
    /// Where there is something else that takes a POST.
    pub(in crate::server) other_path: Option<&'static str>,
    /// Longest body in bytes.
    pub(in crate::server) max_body: usize,
    /// Whose pages may send anything, beside those on loopback.
    pub(in crate::server) allow_origins: Vec<AllowedOrigin>,
}

impl Limits {
    /// Whether there is something at the path for the page that sends this, if a page does.
    pub(super) fn access(&self, request: &Request<()>) -> Result<Access, Refused> {
        self.check_path(request)
            .and_then(|()| {
                Access::of(request, self.scheme, &self.allow_origins)
                    .map_err(|it| refused(StatusCode::FORBIDDEN, &it.to_string()))
            })
            .map_err(|error| error.to(request.method(), &Access::default()))
    }

    /// What a GET has in its query instead of a body.
    pub(super) fn query(&self, request: &Request<()>) -> Result<Option<Query>, Refused> {
        if request.method() != Method::GET {
            return Ok(None);
        }
        check_no_body(request)?;
        let query = Query::parse(request.uri().query().unwrap_or_default())
            .map_err(|error| refused(StatusCode::BAD_REQUEST, &error.to_string()))?;
        if query.messages.len() > self.max_body {
            return Err(self.body_too_long());
        }
        Ok(Some(query))
    }

    /// Whether a body of the announced length is taken.
    pub(super) fn check_length(&self, mode: BodyMode) -> Result<(), Refused> {
        match mode {
            BodyMode::LengthDelimited(length) if length > self.max_body as u64 => {
                Err(self.body_too_long())
            }
            _ => Ok(()),
        }
    }

    pub(super) fn body_too_long(&self) -> Refused {
        let reason = format!("the body is longer than {} bytes", self.max_body);
        refused(StatusCode::PAYLOAD_TOO_LARGE, &reason)
    }

    fn check_path(&self, request: &Request<()>) -> Result<(), Refused> {
        let path = request.uri().path();
        let is_below = |parent: &str| {
            let rest = path.strip_prefix(parent);
            rest.is_some_and(|it| it.is_empty() || it.starts_with('/'))
        };
        let other_path = self.other_path;
        let is_for_it = matches!(*request.method(), Method::POST | Method::OPTIONS);
        let other_path = other_path.filter(|_| is_for_it);
        if is_below(&self.path) || other_path.is_some_and(is_below) {
            return Ok(());
        }
        let reason = format!("nothing here; the endpoint is {}", self.path);
        Err(refused(StatusCode::NOT_FOUND, &reason))
    }
}
