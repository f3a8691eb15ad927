//! Which server it is, told by its reply to the handshake.

use std::fmt;

use serde_json::Value;

use crate::protocol::Message;
use crate::transport::Trace;

/// The servers that can be told apart.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Flavour {
    /// `bayeux serve` as itself.
    Bayeux,
    /// CometD's Java server.
    CometD,
    /// cometd-nodejs-server.
    CometDNodejs,
    /// Faye, in Node.js or Ruby.
    Faye,
    /// Lyrion Media Server, a music server that speaks Bayeux.
    Lyrion,
    /// Salesforce's Streaming API.
    Salesforce,
    /// None of these.
    Unknown,
}

impl Flavour {
    /// Tells by fingerprints, since no server says its name (measured: CometD 9.0.0 and
    /// 8.0.10, cometd-nodejs-server 1.2.1, Faye 1.4.3; from documents: Salesforce, Lyrion).
    pub fn recognise(reply: &Message, trace: Option<&Trace>) -> Self {
        let types: Vec<String> = reply
            .get("supportedConnectionTypes")
            .and_then(|it| serde_json::from_str(it).ok())
            .unwrap_or_default();
        let has_type = |name: &str| types.iter().any(|it| it == name);
        let has_minimum_version = reply.get("minimumVersion").is_some();
        let ext = reply
            .ext()
            .and_then(|it| serde_json::from_str::<Value>(it).ok());
        let has_ext = |name: &str| ext.as_ref().is_some_and(|it| it.get(name).is_some());
        let software = trace.and_then(|it| it.headers.get("server")?.to_str().ok());
        let has_browser_cookie =
            trace.is_some_and(|it| it.cookies_set.iter().any(|name| name == "BAYEUX_BROWSER"));
        if software.is_some_and(|it| it.starts_with("bayeux/")) {
            Self::Bayeux
        } else if has_ext("replay") && has_ext("payload.format") {
            Self::Salesforce
        } else if has_type("in-process") || has_type("eventsource") {
            Self::Faye
        } else if has_type("streaming") {
            Self::Lyrion
        } else if has_minimum_version && (has_browser_cookie || has_type("websocket")) {
            Self::CometD
        } else if has_browser_cookie {
            Self::CometDNodejs
        } else {
            Self::Unknown
        }
    }
}

impl fmt::Display for Flavour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bayeux => "bayeux serve",
            Self::CometD => "CometD",
            Self::CometDNodejs => "CometD (Node.js)",
            Self::Faye => "Faye",
            Self::Lyrion => "Lyrion Media Server",
            Self::Salesforce => "Salesforce",
            Self::Unknown => "unknown",
        })
    }
}
