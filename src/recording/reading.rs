//! Reading a recording back: its records, and what is wrong with a line.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    Direction, Failure, Header, MessageRecord, Record, SCHEMA_VERSION, Side, State, StateRecord,
    Unreadable,
};
use crate::protocol::{Json, Message, members};

/// What was recorded, or printed with `-o json`: one record a line.
///
/// ```
/// use bayeux::recording::Recording;
///
/// let text = r#"{"type":"message","time":"2026-01-01T00:00:00.100000Z","dir":"out",
///     "channel":"/demo","transport":"long-polling","message":{"channel":"/demo","data":1}}"#;
/// let recording = Recording::read(text.replace('\n', "").as_bytes())?;
/// assert_eq!(recording.records.len(), 1);
/// # Ok::<(), bayeux::recording::ReadError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Recording {
    /// The records in their order, those that begin a recording included: several may have been
    /// put into one file.
    pub records: Vec<Record>,
    /// The line that was being written when the program or the disk ended, if there is one: it
    /// is left out.
    pub cut_at: Option<usize>,
}

/// Why a text is no recording.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// There is no line in it.
    #[error("it is empty")]
    Empty,
    /// The first line is no record: it is something else.
    #[error("line {line} is no record: {reason}")]
    NotARecording {
        /// Counted from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// A later line is no record.
    #[error("line {line} is no record: {reason}")]
    Line {
        /// Counted from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// A later version of the program wrote it.
    #[error(
        "line {line} begins a recording of schema {schema}; this program reads {SCHEMA_VERSION}"
    )]
    NewerSchema {
        /// Counted from 1.
        line: usize,
        /// The version of its schema.
        schema: u64,
    },
}

impl Recording {
    /// Reads a recording. Types of records, states and fields that are not known are skipped, as
    /// the schema asks.
    ///
    /// # Errors
    /// When the text is empty, a line is no record, or the schema is a newer one.
    pub fn read(text: &[u8]) -> Result<Self, ReadError> {
        let mut records = Vec::new();
        let mut cut_at = None;
        let mut is_first = true;
        let mut lines = text.split(|it| *it == b'\n').enumerate().peekable();
        while let Some((at, text)) = lines.next() {
            if text.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            let line = at + 1;
            // What follows the last line break was not written to its end.
            let is_whole = lines.peek().is_some();
            match read_line(text) {
                Ok(record) => records.extend(record),
                Err(Wrong::Schema(schema)) => return Err(ReadError::NewerSchema { line, schema }),
                Err(Wrong::Line(_)) if !is_whole && !is_first => cut_at = Some(line),
                Err(Wrong::Line(reason)) if is_first => {
                    return Err(ReadError::NotARecording { line, reason });
                }
                Err(Wrong::Line(reason)) => return Err(ReadError::Line { line, reason }),
            }
            is_first = false;
        }
        if is_first {
            return Err(ReadError::Empty);
        }
        Ok(Self { records, cut_at })
    }
}

/// What is wrong with a line.
enum Wrong {
    Schema(u64),
    Line(String),
}

impl From<String> for Wrong {
    fn from(reason: String) -> Self {
        Self::Line(reason)
    }
}

/// The fields of all records.
#[derive(Deserialize)]
struct Line<'a> {
    #[serde(rename = "type")]
    kind: String,
    time: Option<String>,
    schema: Option<u64>,
    url: Option<String>,
    side: Option<String>,
    dir: Option<String>,
    transport: Option<String>,
    peer: Option<String>,
    #[serde(borrow)]
    message: Option<&'a RawValue>,
    offset: Option<usize>,
    reason: Option<String>,
    excerpt: Option<String>,
    error: Option<String>,
    cause: Option<String>,
    hint: Option<String>,
    state: Option<String>,
    client_id: Option<String>,
    channel: Option<String>,
    id: Option<String>,
    attempt: Option<u32>,
    delay_ms: Option<f64>,
    after_ms: Option<f64>,
    gap_ms: Option<f64>,
    round_trip_ms: Option<f64>,
    n_restored: Option<usize>,
    n_subscriptions: Option<usize>,
    #[serde(borrow)]
    replay: Option<&'a RawValue>,
}

fn read_line(text: &[u8]) -> Result<Option<Record>, Wrong> {
    let text = std::str::from_utf8(text).map_err(|_| "not UTF-8".to_owned())?;
    if !text.trim_start().starts_with('{') {
        return Err("not a JSON object".to_owned().into());
    }
    let line: Line<'_> = serde_json::from_str(text).map_err(|error| without_line(&error))?;
    if line.kind == "header" {
        let schema = line.schema.ok_or("no schema".to_owned())?;
        if schema > u64::from(SCHEMA_VERSION) {
            return Err(Wrong::Schema(schema));
        }
    }
    let time = line.time()?;
    Ok(match line.kind.as_str() {
        "header" => Some(Record::Header(Header {
            time,
            url: line.url.unwrap_or_default(),
            side: match line.side.as_deref() {
                Some("server") => Side::Server,
                _ => Side::Client,
            },
        })),
        "message" => Some(Record::Message(line.message(time)?)),
        "state" => line
            .state()?
            .map(|state| Record::State(StateRecord { time, state })),
        "unreadable" => Some(Record::Unreadable(Unreadable {
            time,
            direction: line.direction()?,
            transport: line.transport.unwrap_or_default().into(),
            offset: line.offset.unwrap_or_default(),
            reason: line.reason.unwrap_or_default(),
            excerpt: line.excerpt.unwrap_or_default(),
        })),
        "failure" => Some(Record::Failure(Failure {
            time,
            error: line.error.unwrap_or_default(),
            cause: line.cause,
            hint: line.hint,
        })),
        // Of a later version of the program, within the same schema.
        _ => None,
    })
}

impl Line<'_> {
    fn time(&self) -> Result<SystemTime, String> {
        let time = self.time.as_deref().ok_or("no time")?;
        humantime::parse_rfc3339(time).map_err(|error| format!("time: {error}"))
    }

    fn direction(&self) -> Result<Direction, String> {
        match self.dir.as_deref() {
            Some("in") => Ok(Direction::In),
            Some("out") => Ok(Direction::Out),
            _ => Err("dir is neither in nor out".to_owned()),
        }
    }

    fn message(&self, time: SystemTime) -> Result<MessageRecord, String> {
        let raw = self.message.ok_or("no message")?;
        Ok(MessageRecord {
            time,
            direction: self.direction()?,
            transport: self.transport.clone().unwrap_or_default().into(),
            peer: self.peer()?,
            message: Message::parse(raw.get()).map_err(|error| format!("message: {error}"))?,
        })
    }

    fn peer(&self) -> Result<Option<SocketAddr>, String> {
        let peer = self.peer.as_deref().map(str::parse).transpose();
        peer.map_err(|_| "peer is no address".to_owned())
    }

    /// The state; nothing for one that is not known.
    fn state(self) -> Result<Option<State>, String> {
        let peer = self.peer();
        let name = self.state.ok_or("no state")?;
        let missing = |field: &str| format!("{name} without {field}");
        let text = |field: &str, value: Option<String>| value.ok_or_else(|| missing(field));
        let milliseconds = |field: &str, value: Option<f64>| {
            let value = value.ok_or_else(|| missing(field))?;
            Duration::try_from_secs_f64(value / 1000.0).map_err(|_| format!("{field} is {value}"))
        };
        Ok(Some(match name.as_str() {
            "handshaken" => State::Handshaken {
                transport: text("transport", self.transport)?,
                client_id: text("client_id", self.client_id)?,
            },
            "subscribed" => State::Subscribed {
                channel: text("channel", self.channel)?,
            },
            "subscribe-refused" => State::SubscribeRefused {
                channel: text("channel", self.channel)?,
                error: text("error", self.error)?,
            },
            "unsubscribed" => State::Unsubscribed {
                channel: text("channel", self.channel)?,
            },
            "acknowledged" => State::Acknowledged {
                channel: text("channel", self.channel)?,
                id: self.id,
                round_trip: milliseconds("round_trip_ms", self.round_trip_ms)?,
            },
            "rejected" => State::Rejected {
                channel: text("channel", self.channel)?,
                id: self.id,
                error: text("error", self.error)?,
            },
            "unknown" => State::Unknown {
                channel: text("channel", self.channel)?,
                id: self.id,
                reason: text("reason", self.reason)?,
            },
            "reconnecting" => State::Reconnecting {
                reason: text("reason", self.reason)?,
                attempt: self.attempt.ok_or_else(|| missing("attempt"))?,
                delay: milliseconds("delay_ms", self.delay_ms)?,
            },
            "reconnected" => State::Reconnected {
                gap: milliseconds("gap_ms", self.gap_ms)?,
            },
            "session-lost" => State::SessionLost {
                after: milliseconds("after_ms", self.after_ms)?,
                reason: text("reason", self.reason)?,
            },
            "session-renewed" => State::SessionRenewed {
                gap: milliseconds("gap_ms", self.gap_ms)?,
                n_restored: self.n_restored.ok_or_else(|| missing("n_restored"))?,
                n_subscriptions: self
                    .n_subscriptions
                    .ok_or_else(|| missing("n_subscriptions"))?,
                replays: self.replay.map(replays).unwrap_or_default(),
            },
            "disconnected" => State::Disconnected {
                reason: self.reason,
            },
            "connection-ended" => State::ConnectionEnded { peer: peer? },
            "warning" => State::Warning {
                reason: text("reason", self.reason)?,
            },
            // Of a later version of the program, within the same schema.
            _ => return Ok(None),
        }))
    }
}

fn replays(raw: &RawValue) -> Vec<(String, Json)> {
    let members = members(raw.get()).unwrap_or_default();
    let replays = members
        .into_iter()
        .filter_map(|(channel, id)| Some((channel.into_owned(), id.parse().ok()?)));
    replays.collect()
}

/// The parser's reason; its line is always the first.
fn without_line(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.find(" at line ") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}
