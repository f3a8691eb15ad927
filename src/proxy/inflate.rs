//! What was compressed on its way: messages of websockets (RFC 7692) and bodies with gzip.

use std::io::Read;

use flate2::read::{GzDecoder, ZlibDecoder};
use flate2::{Decompress, FlushDecompress, Status};

/// What a sender leaves out at the end of each message (RFC 7692, 7.2.2).
const TAIL: [u8; 4] = [0, 0, 0xFF, 0xFF];

/// The messages of one direction of a websocket.
#[derive(Debug)]
pub(super) struct Inflate {
    decompress: Decompress,
    /// Whether a message refers to nothing of those before it.
    forgets: bool,
}

impl Inflate {
    /// For the client's messages and for the server's, if the response to the upgrade agrees to
    /// compress them.
    pub(super) fn agreed(extensions: Option<&str>) -> [Option<Self>; 2] {
        let extensions = extensions.unwrap_or_default();
        if !extensions.contains("permessage-deflate") {
            return [None, None];
        }
        let of = |parameter| Self {
            decompress: Decompress::new(false),
            forgets: extensions.contains(parameter),
        };
        [
            Some(of("client_no_context_takeover")),
            Some(of("server_no_context_takeover")),
        ]
    }

    /// The text of a message.
    ///
    /// # Errors
    /// When it is not compressed as was agreed, or too long.
    pub(super) fn message(&mut self, bytes: &[u8], limit: usize) -> Result<Vec<u8>, String> {
        if self.forgets {
            self.decompress.reset(false);
        }
        let mut text = Vec::with_capacity(bytes.len() * 2 + 64);
        let input = [bytes, &TAIL].concat();
        let mut used = 0;
        loop {
            let (before, length) = (self.decompress.total_in(), text.len());
            let status = self
                .decompress
                .decompress_vec(&input[used..], &mut text, FlushDecompress::Sync)
                .map_err(|_| "a message that cannot be decompressed".to_owned())?;
            used += (self.decompress.total_in() - before) as usize;
            if text.len() > limit {
                return Err(format!("a message is longer than {limit} bytes"));
            }
            if status == Status::StreamEnd {
                self.decompress.reset(false);
                return Ok(text);
            }
            let is_full = text.len() == text.capacity();
            if used == input.len() && !is_full {
                return Ok(text);
            }
            if !is_full && text.len() == length {
                return Err("a message that cannot be decompressed".to_owned());
            }
            text.reserve(text.len().max(1024));
        }
    }
}

/// A body as it was before it was coded, if the coding is known.
///
/// # Errors
/// Why it cannot be told.
pub(super) fn decoded(body: &[u8], coding: &str, limit: usize) -> Result<Vec<u8>, String> {
    let mut reader: Box<dyn Read + '_> = match coding.to_ascii_lowercase().as_str() {
        "gzip" | "x-gzip" => Box::new(GzDecoder::new(body)),
        "deflate" => Box::new(ZlibDecoder::new(body)),
        _ => return Err(format!("a body with the coding {coding}")),
    };
    let mut text = Vec::new();
    reader
        .by_ref()
        .take(limit as u64 + 1)
        .read_to_end(&mut text)
        .map_err(|_| "a body that cannot be decompressed".to_owned())?;
    match text.len() > limit {
        true => Err(format!("a body is longer than {limit} bytes")),
        false => Ok(text),
    }
}
