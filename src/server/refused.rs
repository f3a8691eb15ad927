//! Requests that are answered with an HTTP error, and the response that this is.

use ureq_proto::http::{Method, StatusCode};

use super::origin::Access;
use super::response::{self, Persistence};

/// A request that is answered with an HTTP error.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Refused {
    pub(super) status: StatusCode,
    /// One line of text for a human.
    pub(super) reason: String,
    method: Method,
    access: Access,
}

impl Refused {
    /// A client that is too slow to keep a thread for.
    pub(super) fn timed_out() -> Self {
        refused(
            StatusCode::REQUEST_TIMEOUT,
            "the request did not arrive in time",
        )
    }

    /// As it is said to a request with this method, from a page with this access.
    pub(super) fn to(self, method: &Method, access: &Access) -> Self {
        let (method, access) = (method.clone(), access.clone());
        Self {
            method,
            access,
            ..self
        }
    }

    /// The response to it, after which the connection is closed.
    pub(super) fn response(&self) -> Vec<u8> {
        let response = response::text(self.status, &self.reason, &self.access, Persistence::Close);
        match self.method {
            // A response to HEAD has no body (RFC 9110, 9.3.2).
            Method::HEAD => response::without_body(response),
            _ => response,
        }
    }
}

/// An error that is said to a POST, until it is known to [whom](Refused::to).
pub(super) fn refused(status: StatusCode, reason: &str) -> Refused {
    Refused {
        status,
        reason: reason.to_owned(),
        method: Method::POST,
        access: Access::default(),
    }
}
