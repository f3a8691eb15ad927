//! The pages of a server, a chat and an inspector, and the inspector's interface over HTTP:
//! pure functions from a request to the bytes of its response.
//!
//! ```text
//!   /                      the chat             /pages/...            what the pages are made of
//!   /inspector             the inspector        /inspector/api/...    what it shows, as JSON
//! ```
//!
//! What goes to and fro under `/inspector/api/` is in `schema/inspector.v1.json`. The pages
//! themselves tell nothing and are for everybody; who may use the interface is in
//! [`access`].

mod access;
mod api;
mod assets;
mod inspected;
mod request;
mod traffic;

use core::fmt;
use core::net::SocketAddr;
use std::time::{Instant, SystemTime};

use ureq_proto::http::StatusCode;

use self::access::Access;
use self::api::Answer;
use self::assets::Asset;
pub(crate) use self::inspected::{Inspected, NotEnded};
pub(super) use self::request::PageRequest;
use self::request::Route;
use self::traffic::Traffic;
pub(crate) use super::broker::{
    InspectedChannel, InspectedSession, MOST_LISTED, MOST_SUBSCRIBERS, Snapshot, Stage,
};
use super::response;
use super::{Event, Flavor};

/// Whose pages they are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Subject {
    Server(Flavor),
    Proxy,
}

/// What the pages need beside what is inspected.
pub(crate) struct Pages {
    endpoint: String,
    subject: Subject,
    access: Access,
    traffic: Traffic,
}

impl Pages {
    /// The pages of a server or a proxy whose clients use this path, and which listens on this address;
    /// `token` makes a credential, where there is randomness.
    pub(super) fn new(
        endpoint: &str,
        subject: Subject,
        address: SocketAddr,
        token: impl FnOnce() -> Option<String>,
    ) -> Self {
        Self {
            endpoint: endpoint.to_owned(),
            subject,
            access: Access::new(address, token),
            traffic: Traffic::default(),
        }
    }

    /// Remembers what happened, for a while.
    pub(super) fn record(&mut self, now: SystemTime, event: &Event<'_>) {
        self.traffic.record(now, event);
    }

    /// Remembers what happened, in words.
    pub(super) fn remark(&mut self, now: SystemTime, text: String) {
        self.traffic.remark(now, text);
    }

    /// The response to a request for a page.
    pub(super) fn answer(
        &mut self,
        now: Instant,
        request: &PageRequest,
        inspected: &mut dyn Inspected,
    ) -> Vec<u8> {
        let response = match &request.route {
            Route::Asset(asset) => self.asset(asset, request),
            Route::Api(path) => {
                let answer = match self.access.check(request) {
                    Ok(()) => self.api(now, path, request, inspected),
                    Err(refusal) => Answer::error(refusal.status(), &refusal.to_string()),
                };
                let lines = answer.allow.map(|it| format!("Allow: {it}\r\n"));
                let lines = format!("{}{}", assets::SAFETY, lines.unwrap_or_default());
                let persistence = request.persistence;
                response::response(answer.status, api::JSON, &lines, &answer.json, persistence)
            }
        };
        match request.is_head {
            true => response::without_body(response),
            false => response,
        }
    }

    /// What follows the inspector's path in its URL. Behind a `#`, since that part of a URL
    /// reaches neither servers nor their logs, nor other sites.
    pub(super) fn key(&self) -> String {
        let token = self.access.token();
        token.map_or_else(String::new, |it| format!("#token={it}"))
    }

    fn asset(&self, asset: &'static Asset, request: &PageRequest) -> Vec<u8> {
        let asset = asset.of(self.subject);
        let body = asset.text(&self.endpoint, self.subject);
        response::response(
            StatusCode::OK,
            asset.content_type,
            assets::SAFETY,
            &body,
            request.persistence,
        )
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server(flavor) => flavor.fmt(f),
            Self::Proxy => f.write_str("proxy"),
        }
    }
}

#[cfg(test)]
mod tests;
