//! Exchanges of HTTP and frames of websockets as an HTTP archive (HAR 1.2), the form that
//! the network panels of browsers import.
//!
//! An archive is one JSON document. What is added takes the place of its last brackets and
//! brings them along, in one write, so that the file is valid whenever the program ends.

mod body;
mod entry;

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use super::{Direction, MessageRecord};
use crate::protocol::Message;
use crate::redaction::Secrets;

/// A request of HTTP and what came of it.
#[derive(Clone, Copy, Debug)]
pub struct HttpExchange<'a> {
    /// When it began.
    pub started: SystemTime,
    /// Whether it was encrypted.
    pub is_tls: bool,
    /// The server's address, or its proxy's.
    pub peer: Option<SocketAddr>,
    /// How long the host's name was looked up, if it was.
    pub resolve: Option<Duration>,
    /// How long the connection took, if there was a new one.
    pub connect: Option<Duration>,
    /// How long its TLS handshake took, if there was one.
    pub handshake: Option<Duration>,
    /// When the first byte of the response came, from the start.
    pub first_byte: Option<Duration>,
    /// When it ended, from the start.
    pub total: Duration,
    /// The request as it was sent, head and body.
    pub request: &'a [u8],
    /// The response as it came, chunked and compressed.
    pub response: &'a [u8],
    /// The messages of the response: they stand for its body where that is compressed.
    pub messages: &'a [Message],
    /// Why there is no response.
    pub error: Option<&'a str>,
}

/// Whether a recording of this name is an archive.
pub fn is_archive(path: &Path) -> bool {
    path.extension()
        .is_some_and(|it| it.eq_ignore_ascii_case("har"))
}

/// An archive that is being written.
#[derive(Debug)]
pub(super) struct Archive {
    sink: File,
    secrets: Secrets,
    /// Where the last brackets begin.
    end: u64,
    has_entries: bool,
    /// The entry of the websocket that was opened last, without its frames.
    web_socket: Option<Value>,
    /// Whether that is the last entry of the file, so that frames can be added to it.
    is_open: bool,
    has_frames: bool,
    /// Frames from before the websocket was opened.
    early: Vec<Value>,
}

/// What closes the list of entries.
const END: &str = "]}}\n";
/// What closes the list of frames before that.
const END_OF_FRAMES: &str = "]}]}}\n";
/// Frames that wait for their websocket: a handshake, and more than that is a mistake.
const MOST_EARLY: usize = 100;

impl Archive {
    /// Begins an archive in an empty file.
    pub(super) fn begin(sink: File, secrets: Secrets) -> io::Result<Self> {
        let mut archive = Self {
            sink,
            secrets,
            end: 0,
            has_entries: false,
            web_socket: None,
            is_open: false,
            has_frames: false,
            early: Vec::new(),
        };
        let creator = json!({"name": "bayeux", "version": env!("CARGO_PKG_VERSION")});
        let begin = format!(r#"{{"log":{{"version":"1.2","creator":{creator},"entries":["#);
        archive.append(&begin, END)?;
        Ok(archive)
    }

    /// Adds an exchange.
    pub(super) fn exchange(&mut self, exchange: &HttpExchange<'_>) -> io::Result<()> {
        let Some(entry) = entry::of(exchange, self.secrets) else {
            return Ok(());
        };
        if entry["response"]["status"] == 101 {
            self.web_socket = Some(entry);
            self.open()?;
            for frame in std::mem::take(&mut self.early) {
                self.frame(&frame)?;
            }
            return Ok(());
        }
        let before = self.before();
        self.append(&format!("{before}{entry}"), END)?;
        self.is_open = false;
        Ok(())
    }

    /// Adds a message, if a websocket carried it.
    pub(super) fn message(&mut self, record: &MessageRecord) -> io::Result<()> {
        if record.transport != "websocket" {
            return Ok(());
        }
        let since = record.time.duration_since(SystemTime::UNIX_EPOCH);
        let frame = json!({
            "type": match record.direction {
                Direction::Out => "send",
                Direction::In => "receive",
            },
            "time": since.unwrap_or_default().as_secs_f64(),
            "opcode": 1,
            "data": format!("[{}]", record.text(self.secrets)),
        });
        if self.web_socket.is_none() {
            if self.early.len() < MOST_EARLY {
                self.early.push(frame);
            }
            return Ok(());
        }
        if !self.is_open {
            self.open()?;
        }
        self.frame(&frame)
    }

    /// Begins an entry that frames can be added to.
    fn open(&mut self) -> io::Result<()> {
        let Some(Value::Object(mut entry)) = self.web_socket.clone() else {
            return Ok(());
        };
        entry.remove("_webSocketMessages");
        entry.insert("_resourceType".to_owned(), "websocket".into());
        let mut text = Value::Object(entry).to_string();
        // The frames are its last member.
        text.pop();
        let before = self.before();
        let text = format!("{before}{text},\"_webSocketMessages\":[");
        self.append(&text, END_OF_FRAMES)?;
        self.is_open = true;
        self.has_frames = false;
        Ok(())
    }

    fn frame(&mut self, frame: &Value) -> io::Result<()> {
        let separator = if self.has_frames { ",\n" } else { "\n" };
        self.append(&format!("{separator}{frame}"), END_OF_FRAMES)?;
        self.has_frames = true;
        Ok(())
    }

    /// What stands between the entries.
    fn before(&mut self) -> &'static str {
        let has_entries = std::mem::replace(&mut self.has_entries, true);
        match (has_entries, self.is_open) {
            (false, _) => "\n",
            (true, false) => ",\n",
            // The one before is a websocket, whose frames end here.
            (true, true) => "]},\n",
        }
    }

    /// Puts a text in the place of the last brackets, and these behind it.
    fn append(&mut self, text: &str, brackets: &str) -> io::Result<()> {
        let whole = format!("{text}{brackets}");
        self.sink.seek(SeekFrom::Start(self.end))?;
        if let Err(error) = self.sink.write_all(whole.as_bytes()) {
            self.restore();
            return Err(error);
        }
        self.end += text.len() as u64;
        Ok(())
    }

    /// Puts the brackets back that a write took away before it failed: their place is there.
    fn restore(&mut self) {
        let brackets = if self.is_open { END_OF_FRAMES } else { END };
        let _ = self.sink.set_len(self.end + brackets.len() as u64);
        let _ = self
            .sink
            .seek(SeekFrom::Start(self.end))
            .and_then(|_| self.sink.write_all(brackets.as_bytes()));
    }
}

#[cfg(test)]
mod tests;
