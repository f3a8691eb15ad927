//! Records: what happened on the wire and to the session, one JSON line each.
//!
//! The same lines are written by `-o json`, by `--record FILE` and, for what went wrong, to
//! standard error. Their schema is `schema/record.v1.json`; within a version fields are
//! added, never renamed or removed.
//!
//! A message keeps its raw text: digits, key order and duplicate keys are what was on the
//! wire. Only secrets are redacted, and line breaks between its tokens become blanks, since
//! a record is one line.
//!
//! A recording whose name ends in `.har` is an archive of the exchanges of HTTP instead, in the
//! form that the network panels of browsers import.

mod archive;
mod line;
mod reading;
mod recorder;
mod state;

use std::borrow::Cow;
use std::net::SocketAddr;
use std::time::SystemTime;

use crate::protocol::{Finding, FindingKind, Message};
use crate::redaction::{Secrets, redact, redact_excerpt, redact_url};

pub use archive::{Frame, HttpExchange, HttpText, is_archive};
use line::Line;
pub use reading::{ReadError, Recording};
pub use recorder::{Recorder, RecorderError};
pub use state::{State, StateRecord};

/// The version of the schema that the records follow.
pub const SCHEMA_VERSION: u32 = 1;

/// Anything that a recording holds.
#[derive(Clone, Debug)]
pub enum Record {
    /// The first line of a recording.
    Header(Header),
    /// A message, in either direction.
    Message(MessageRecord),
    /// Something that happened to the session.
    State(StateRecord),
    /// A part of a body that is no message.
    Unreadable(Unreadable),
    /// The error that ended the program.
    Failure(Failure),
}

/// The first line of a recording.
#[derive(Clone, Debug)]
pub struct Header {
    /// When the recording began.
    pub time: SystemTime,
    /// The server's address.
    pub url: String,
    /// Who records.
    pub side: Side,
}

/// Whose directions a recording has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Side {
    /// A client's, or those of somebody who stands before the server: requests go out.
    Client,
    /// A server's: requests come in.
    Server,
}

/// The direction of a message, seen from the side that records.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Direction {
    /// Received.
    In,
    /// Sent.
    Out,
}

/// A message with its circumstances.
#[derive(Clone, Debug)]
pub struct MessageRecord {
    /// When it was sent or received.
    pub time: SystemTime,
    /// Which way it went.
    pub direction: Direction,
    /// The connection type that carried it.
    pub transport: Cow<'static, str>,
    /// The client's end of the connection, where several clients are recorded.
    pub peer: Option<SocketAddr>,
    /// The message.
    pub message: Message,
}

/// A part of a body that is no message: invalid JSON has no place in a JSON line, so an
/// excerpt stands for it.
#[derive(Clone, Debug)]
pub struct Unreadable {
    /// When it was received.
    pub time: SystemTime,
    /// Which way it went.
    pub direction: Direction,
    /// The connection type that carried it.
    pub transport: Cow<'static, str>,
    /// Byte offset in the body.
    pub offset: usize,
    /// Why it is no message.
    pub reason: String,
    /// Its first characters.
    pub excerpt: String,
}

/// The error that ended the program.
#[derive(Clone, Debug)]
pub struct Failure {
    /// When it happened.
    pub time: SystemTime,
    /// What failed, in the user's words.
    pub error: String,
    /// The lowest useful reason.
    pub cause: Option<String>,
    /// One thing to type.
    pub hint: Option<String>,
}

impl Record {
    /// The record as one JSON line, without its line break.
    pub fn to_line(&self, secrets: Secrets) -> String {
        match self {
            Self::Header(record) => record.to_line(secrets),
            Self::Message(record) => record.to_line(secrets),
            Self::State(record) => record.to_line(secrets),
            Self::Unreadable(record) => record.to_line(secrets),
            Self::Failure(record) => record.to_line(),
        }
    }
}

impl Record {
    /// When it happened.
    pub fn time(&self) -> SystemTime {
        match self {
            Self::Header(it) => it.time,
            Self::Message(it) => it.time,
            Self::State(it) => it.time,
            Self::Unreadable(it) => it.time,
            Self::Failure(it) => it.time,
        }
    }
}

impl Header {
    /// The record as one JSON line, without its line break.
    pub fn to_line(&self, secrets: Secrets) -> String {
        let url = match secrets {
            Secrets::Redacted => redact_url(&self.url),
            Secrets::Shown => Cow::Borrowed(self.url.as_str()),
        };
        Line::new("header")
            .number("schema", SCHEMA_VERSION)
            .text("tool", concat!("bayeux ", env!("CARGO_PKG_VERSION")))
            .text("url", &url)
            .text("side", self.side.as_str())
            .time(self.time)
            .end()
    }
}

impl MessageRecord {
    /// The message's text, redacted as asked.
    pub fn text(&self, secrets: Secrets) -> Cow<'_, str> {
        match secrets {
            Secrets::Redacted => redact(self.message.raw()),
            Secrets::Shown => self.message.raw().into(),
        }
    }

    /// The record as one JSON line, without its line break.
    pub fn to_line(&self, secrets: Secrets) -> String {
        let line = Line::new("message")
            .time(self.time)
            .text("dir", self.direction.as_str())
            .text("channel", self.message.channel())
            .text("transport", &self.transport);
        let line = match self.peer {
            Some(peer) => line.text("peer", &peer.to_string()),
            None => line,
        };
        line.raw("message", &self.text(secrets)).end()
    }
}

impl Unreadable {
    /// The record of what [`decode`](crate::protocol::decode) skipped; `None` if the finding
    /// lost no message.
    pub fn from_finding(
        finding: &Finding,
        time: SystemTime,
        direction: Direction,
        transport: Cow<'static, str>,
    ) -> Option<Self> {
        let (reason, excerpt) = match &finding.kind {
            FindingKind::NotJson { reason, excerpt } => (reason.clone(), excerpt.clone()),
            FindingKind::Truncated => ("cut off".to_owned(), String::new()),
            FindingKind::NotAnObject => ("not an object".to_owned(), String::new()),
            _ => return None,
        };
        Some(Self {
            time,
            direction,
            transport,
            offset: finding.offset,
            reason,
            excerpt,
        })
    }

    /// The record as one JSON line, without its line break.
    pub fn to_line(&self, secrets: Secrets) -> String {
        let excerpt = match secrets {
            Secrets::Redacted => redact_excerpt(&self.excerpt),
            Secrets::Shown => self.excerpt.as_str().into(),
        };
        Line::new("unreadable")
            .time(self.time)
            .text("dir", self.direction.as_str())
            .text("transport", &self.transport)
            .number("offset", self.offset)
            .text("reason", &self.reason)
            .text("excerpt", &excerpt)
            .end()
    }
}

impl Failure {
    /// The record as one JSON line, without its line break.
    pub fn to_line(&self) -> String {
        let mut line = Line::new("failure")
            .time(self.time)
            .text("error", &self.error);
        if let Some(cause) = &self.cause {
            line = line.text("cause", cause);
        }
        if let Some(hint) = &self.hint {
            line = line.text("hint", hint);
        }
        line.end()
    }
}

impl Side {
    /// `client` or `server`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Server => "server",
        }
    }
}

impl Direction {
    /// `in` or `out`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::In => "in",
            Self::Out => "out",
        }
    }
}

#[cfg(test)]
mod tests;
