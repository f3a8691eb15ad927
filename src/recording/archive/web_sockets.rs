//! The websockets whose frames an archive waits for.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::SystemTime;

use serde_json::{Value, json};

use crate::recording::Direction;

/// Websockets that are remembered. Of more at a time the frames of some are left out.
const MOST: usize = 50_000;

/// Blanks that are left behind the frames of a websocket at the least, and at the most.
const LEAST_ROOM: u64 = 4 * 1024;
const MOST_ROOM: u64 = 1024 * 1024;

/// By the client's end of the connection; without one the program's own.
#[derive(Debug, Default)]
pub(super) struct WebSockets {
    known: HashMap<Option<SocketAddr>, WebSocket>,
    /// Whose entry is the last of the file, so that frames can be added to it.
    pub(super) last: Option<Option<SocketAddr>>,
}

#[derive(Debug)]
pub(super) struct WebSocket {
    /// Its entry without the last bracket.
    pub(super) entry: String,
    has_frames: bool,
    /// The bytes of its frames, in all of its entries.
    pub(super) written: u64,
    /// Where its next frame goes, if its entry is not the last.
    pub(super) room: Option<Room>,
}

/// Blanks in the file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    /// Where the bracket stands that closes the frames.
    pub(super) at: u64,
    /// The blanks behind it.
    pub(super) left: u64,
}

impl WebSockets {
    pub(super) fn has(&self, client: Option<SocketAddr>) -> bool {
        self.known.contains_key(&client)
    }

    pub(super) fn get_mut(&mut self, client: Option<SocketAddr>) -> Option<&mut WebSocket> {
        self.known.get_mut(&client)
    }

    pub(super) fn insert(&mut self, client: Option<SocketAddr>, web_socket: WebSocket) {
        if self.known.len() >= MOST {
            self.known.clear();
        }
        self.known.insert(client, web_socket);
    }

    /// Its entry stays the last of the file, if it is.
    pub(super) fn remove(&mut self, client: Option<SocketAddr>) {
        self.known.remove(&client);
    }
}

impl WebSocket {
    /// A websocket that was just opened.
    pub(super) fn of(mut entry: Value) -> Self {
        entry["_resourceType"] = "websocket".into();
        let mut entry = entry.to_string();
        // The frames are its last member.
        entry.pop();
        Self::again(entry, 0)
    }

    /// One with an entry that has no frames yet, after so many bytes of them in others.
    pub(super) fn again(entry: String, written: u64) -> Self {
        Self {
            entry,
            has_frames: false,
            written,
            room: None,
        }
    }

    /// The text of a frame, with what stands between it and the one before.
    pub(super) fn with_separator(&mut self, frame: &Value) -> String {
        let separator = if self.has_frames { ",\n" } else { "\n" };
        self.has_frames = true;
        format!("{separator}{frame}")
    }

    /// The blanks to be left behind its frames.
    pub(super) fn room_wanted(&self) -> usize {
        (2 * self.written).clamp(LEAST_ROOM, MOST_ROOM) as usize
    }
}

impl Room {
    /// What is left of it behind so many bytes.
    pub(super) fn after(self, n_bytes: u64) -> Self {
        Self {
            at: self.at + n_bytes,
            left: self.left - n_bytes,
        }
    }
}

/// A message of a websocket, or why its text is not known.
pub(super) fn frame(time: SystemTime, direction: Direction, text: Result<&str, &str>) -> Value {
    let since = time.duration_since(SystemTime::UNIX_EPOCH);
    let (kind, opcode) = match (text, direction) {
        (Err(_), _) => ("error", -1),
        (Ok(_), Direction::Out) => ("send", 1),
        (Ok(_), Direction::In) => ("receive", 1),
    };
    json!({
        "type": kind,
        "time": since.unwrap_or_default().as_secs_f64(),
        "opcode": opcode,
        "data": text.unwrap_or_else(|reason| reason),
    })
}
