//! What a client sends over a websocket, and whether it is in the middle of a message: the
//! library that reads the frames does not tell.

use std::io::{self, Cursor, Read, Write};
use std::time::Instant;

use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::OpCode;

use super::pipe::Pipe;

/// The longest head of a frame (RFC 6455, 5.2).
const MAX_HEAD: usize = 14;

/// A pipe that follows the frames which are read from it.
#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) pipe: Pipe,
    /// The present, as far as what is read now is concerned.
    pub(super) now: Instant,
    /// When the message began that is not whole yet.
    begun: Option<Instant>,
    /// What was read of a head that is not whole yet.
    head: [u8; MAX_HEAD],
    n_head: u8,
    /// What is still to come of a frame whose head was read.
    n_missing: u64,
    /// Whether parts of a message were read, and not the last one.
    is_in_parts: bool,
}

impl Incoming {
    /// Goes on where these bytes were read already.
    pub(super) fn new(pipe: Pipe, now: Instant, read: &[u8]) -> Self {
        let mut incoming = Self {
            pipe,
            now,
            begun: None,
            head: [0; MAX_HEAD],
            n_head: 0,
            n_missing: 0,
            is_in_parts: false,
        };
        incoming.follow(read);
        incoming
    }

    /// When the message began of which a part was read, and not all.
    pub(super) fn begun(&self) -> Option<Instant> {
        self.begun
    }

    /// Nobody read for a while: the client has all its time from now on.
    pub(super) fn excuse(&mut self) {
        self.begun = self.begun.map(|_| self.now);
    }

    fn follow(&mut self, mut bytes: &[u8]) {
        while let Some((&first, rest)) = bytes.split_first() {
            if self.n_missing > 0 {
                let n_here = self.n_missing.min(bytes.len() as u64);
                self.n_missing -= n_here;
                // No more than the bytes that there are.
                bytes = &bytes[n_here as usize..];
            } else {
                self.read_head(first);
                bytes = rest;
            }
            let is_whole = self.n_head == 0 && self.n_missing == 0 && !self.is_in_parts;
            self.begun = match is_whole {
                true => None,
                false => self.begun.or(Some(self.now)),
            };
        }
    }

    fn read_head(&mut self, byte: u8) {
        self.head[usize::from(self.n_head)] = byte;
        self.n_head += 1;
        let read = &self.head[..usize::from(self.n_head)];
        match FrameHeader::parse(&mut Cursor::new(read)) {
            Ok(Some((header, length))) => {
                self.n_head = 0;
                self.n_missing = length;
                if let OpCode::Data(_) = header.opcode {
                    self.is_in_parts = !header.is_final;
                }
            }
            Ok(None) if read.len() < MAX_HEAD => {}
            // The websocket ends with it.
            Ok(None) | Err(_) => self.n_head = 0,
        }
    }
}

impl Read for Incoming {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n_bytes = self.pipe.read(buffer)?;
        self.follow(&buffer[..n_bytes]);
        Ok(n_bytes)
    }
}

impl Write for Incoming {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.pipe.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.pipe.flush()
    }
}
