//! Exchanges of HTTP and frames of websockets as an HTTP archive (HAR 1.2), the form that
//! the network panels of browsers import.
//!
//! An archive is one JSON document. What is added takes the place of its last brackets and
//! brings them along, in one write, so that the file is valid whenever the program ends.
//!
//! Frames come for as long as their websocket is open. Where something else follows its entry,
//! blanks are left behind the frames, twice as many as there is text, and what comes later takes
//! their place, again in one write. Once they are used up the same websocket gets another entry.

mod body;
mod entry;
mod exchange;
mod web_sockets;

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::net::SocketAddr;
use std::path::Path;

use serde_json::{Value, json};

use self::web_sockets::{Room, WebSocket, WebSockets};
use super::MessageRecord;
use crate::redaction::Secrets;

pub use exchange::{Frame, HttpExchange, HttpText};

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
    web_sockets: WebSockets,
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
            web_sockets: WebSockets::default(),
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
            // It had another one before.
            self.web_sockets.remove(exchange.client);
            self.open(exchange.client, WebSocket::of(entry))?;
            for frame in std::mem::take(&mut self.early) {
                self.add(exchange.client, &frame)?;
            }
            return Ok(());
        }
        self.entry(&entry.to_string(), END)?;
        self.web_sockets.last = None;
        Ok(())
    }

    /// Adds a message, if the program's own websocket carried it. Of others the frames are told.
    pub(super) fn message(&mut self, record: &MessageRecord) -> io::Result<()> {
        if record.transport != "websocket" || record.peer.is_some() {
            return Ok(());
        }
        let text = format!("[{}]", record.text(self.secrets));
        let frame = web_sockets::frame(record.time, record.direction, Ok(&text));
        if !self.web_sockets.has(None) {
            if self.early.len() < MOST_EARLY {
                self.early.push(frame);
            }
            return Ok(());
        }
        self.add(None, &frame)
    }

    /// Adds a message of the websocket of a client.
    pub(super) fn frame(&mut self, frame: &Frame<'_>) -> io::Result<()> {
        let text = frame
            .text
            .map(|it| entry::text(it.as_bytes(), self.secrets));
        let text = text.as_deref().map_err(|it| *it);
        let value = web_sockets::frame(frame.time, frame.direction, text);
        self.add(Some(frame.client), &value)
    }

    /// The connection of a client has ended.
    pub(super) fn ended(&mut self, client: SocketAddr) {
        self.web_sockets.remove(Some(client));
    }

    fn open(&mut self, client: Option<SocketAddr>, web_socket: WebSocket) -> io::Result<()> {
        let text = format!("{},\"_webSocketMessages\":[", web_socket.entry);
        self.entry(&text, END_OF_FRAMES)?;
        self.web_sockets.insert(client, web_socket);
        self.web_sockets.last = Some(client);
        Ok(())
    }

    /// Adds a frame to the entry of this client's websocket, if it is known to have one.
    fn add(&mut self, client: Option<SocketAddr>, frame: &Value) -> io::Result<()> {
        let is_last = self.web_sockets.last == Some(client);
        let Some(web_socket) = self.web_sockets.get_mut(client) else {
            return Ok(());
        };
        let text = web_socket.with_separator(frame);
        if let Some(room) = web_socket.room.take_if(|it| it.left >= text.len() as u64) {
            web_socket.room = Some(room.after(text.len() as u64));
            web_socket.written += text.len() as u64;
            let whole = format!("{text}]");
            self.sink.seek(SeekFrom::Start(room.at))?;
            return self.sink.write_all(whole.as_bytes());
        }
        if !is_last {
            let entry = web_socket.entry.clone();
            let written = web_socket.written;
            self.open(client, WebSocket::again(entry, written))?;
            return self.add(client, frame);
        }
        self.append(&text, END_OF_FRAMES)?;
        if let Some(web_socket) = self.web_sockets.get_mut(client) {
            web_socket.written += text.len() as u64;
        }
        Ok(())
    }

    /// Adds an entry, whole or without its last brackets.
    fn entry(&mut self, entry: &str, brackets: &str) -> io::Result<()> {
        let before = match (self.has_entries, self.web_sockets.last) {
            (false, _) => "\n".to_owned(),
            (true, None) => ",\n".to_owned(),
            // The one before is a websocket, whose frames end here or go on in the blanks.
            (true, Some(client)) => {
                let room = self
                    .web_sockets
                    .get_mut(client)
                    .map_or(0, |it| it.room_wanted());
                format!("]{}}},\n", " ".repeat(room))
            }
        };
        let at = self.end;
        self.append(&format!("{before}{entry}"), brackets)?;
        if let Some(last) = self.web_sockets.last.take()
            && let Some(web_socket) = self.web_sockets.get_mut(last)
        {
            let left = web_socket.room_wanted() as u64;
            web_socket.room = Some(Room { at, left });
        }
        self.has_entries = true;
        Ok(())
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
        let brackets = match self.web_sockets.last {
            Some(_) => END_OF_FRAMES,
            None => END,
        };
        let _ = self.sink.set_len(self.end + brackets.len() as u64);
        let _ = self
            .sink
            .seek(SeekFrom::Start(self.end))
            .and_then(|_| self.sink.write_all(brackets.as_bytes()));
    }
}

#[cfg(test)]
mod tests;
