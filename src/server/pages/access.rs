//! Who may use the inspector's interface. It shows what others send, and ends their sessions.
//!
//! | the server listens | who may |
//! |---|---|
//! | on loopback | whoever names the server by a loopback name: a page whose own name was made to point here (DNS rebinding) names itself |
//! | elsewhere | whoever has the token, however the server is named to them |
//!
//! In both cases no browser may that asks for a page of another origin.

use core::net::{IpAddr, SocketAddr};

use ureq_proto::http::StatusCode;

use super::request::PageRequest;
use crate::server::Token;

/// What a request has to show.
#[derive(Debug)]
pub(super) enum Access {
    LoopbackName,
    /// `None` if no token could be made: then there is none to show.
    Token(Option<(String, Token)>),
}

/// Why a request is refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("the Host header names no loopback address: open localhost or 127.0.0.1")]
    Host,
    #[error("another site asks for it")]
    Origin,
    #[error("the token is missing or wrong: open the inspector's URL as the server printed it")]
    Token,
}

impl Refusal {
    pub(super) fn status(self) -> StatusCode {
        match self {
            Self::Host | Self::Origin => StatusCode::FORBIDDEN,
            Self::Token => StatusCode::UNAUTHORIZED,
        }
    }
}

impl Access {
    pub(super) fn new(address: SocketAddr, token: impl FnOnce() -> Option<String>) -> Self {
        match address.ip().is_loopback() {
            true => Self::LoopbackName,
            false => Self::Token(token().map(|it| (it.clone(), Token::new(&it)))),
        }
    }

    pub(super) fn token(&self) -> Option<&str> {
        match self {
            Self::LoopbackName | Self::Token(None) => None,
            Self::Token(Some((text, _))) => Some(text),
        }
    }

    pub(super) fn check(&self, request: &PageRequest) -> Result<(), Refusal> {
        let host = request.host.as_deref().ok_or(Refusal::Host)?;
        match self {
            Self::LoopbackName if !is_loopback(host) => return Err(Refusal::Host),
            Self::LoopbackName => {}
            Self::Token(token) => {
                let is_shown = match (token, &request.bearer) {
                    (Some((_, token)), Some(shown)) => token.fits(shown),
                    _ => false,
                };
                if !is_shown {
                    return Err(Refusal::Token);
                }
            }
        }
        // What is no browser sends neither header.
        let is_same_origin = request.origin.as_ref().is_none_or(|origin| {
            let (_, authority) = origin.split_once("://").unwrap_or_default();
            authority.eq_ignore_ascii_case(host)
        });
        let site = request.fetch_site.as_deref();
        let is_same_site = site.is_none_or(|it| matches!(it, "same-origin" | "none"));
        match is_same_origin && is_same_site {
            true => Ok(()),
            false => Err(Refusal::Origin),
        }
    }
}

/// Whether a `Host` names this machine, by an address or by a name that is never looked up
/// elsewhere (RFC 6761, 6.3).
fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((name, port)) if port.is_empty() || port.starts_with(':') => name,
            _ => return false,
        },
        None => host.split(':').next().unwrap_or_default(),
    };
    match name.parse::<IpAddr>() {
        Ok(address) => address.is_loopback(),
        Err(_) => {
            let name = name.to_ascii_lowercase();
            name == "localhost" || name.ends_with(".localhost")
        }
    }
}
