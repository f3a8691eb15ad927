//! The frames of one direction of a websocket, told apart while they pass by (RFC 6455, 5.2).
//!
//! Headers are read by tungstenite. A message is put together up to a length; of a longer one
//! only the end is known.

use std::io::Cursor;

use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{Control, Data, OpCode};

use super::inflate::Inflate;

/// One direction of a websocket.
#[derive(Debug)]
pub(super) struct Frames {
    /// A header that is not whole.
    header: Vec<u8>,
    /// The frame whose payload is coming, and how much of it is to come.
    frame: Option<(FrameHeader, u64)>,
    /// The payload of a control frame.
    control: Vec<u8>,
    message: Option<Assembly>,
    max_message: usize,
    /// Where the two ends have agreed to compress messages.
    inflate: Option<Inflate>,
    is_lost: bool,
}

/// A message that is being put together.
#[derive(Debug)]
struct Assembly {
    is_text: bool,
    is_compressed: bool,
    bytes: Vec<u8>,
    /// Where the frame begins that is coming: it has a mask of its own.
    frame_at: usize,
    is_too_long: bool,
}

/// What ends with the last of the bytes that were looked at.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Passed {
    /// A message of text.
    Text(Vec<u8>),
    /// A message whose text is not known, and why.
    Unknown(String),
    /// A goodbye: its code, if it has one, and its reason.
    Close(Option<u16>, String),
    /// A ping or a pong.
    Control,
    /// No frame ends: from here on nothing can be told.
    Lost(String),
}

impl Frames {
    pub(super) fn new(max_message: usize, inflate: Option<Inflate>) -> Self {
        Self {
            header: Vec::new(),
            frame: None,
            control: Vec::new(),
            message: None,
            max_message,
            inflate,
            is_lost: false,
        }
    }

    /// Looks at bytes up to the end of the first frame that ends a message or is none: how many
    /// these are, and what it is. Nothing if more is needed.
    pub(super) fn look(&mut self, bytes: &[u8]) -> (usize, Option<Passed>) {
        let mut used = 0;
        if self.is_lost {
            return (bytes.len(), None);
        }
        loop {
            if self.frame.is_none() {
                let more = match self.begin(&bytes[used..]) {
                    Ok(more) => more,
                    Err(reason) => {
                        self.is_lost = true;
                        return (bytes.len(), Some(Passed::Lost(reason)));
                    }
                };
                used += more;
            }
            let Some((header, left)) = &mut self.frame else {
                return (bytes.len(), None);
            };
            let n_bytes = (*left).min((bytes.len() - used) as u64) as usize;
            let at = used..used + n_bytes;
            *left -= n_bytes as u64;
            let (header, left) = (header.clone(), *left);
            used = at.end;
            self.take(&header, &bytes[at]);
            if left > 0 {
                return (used, None);
            }
            self.frame = None;
            if let Some(passed) = self.end(&header) {
                return (used, Some(passed));
            }
        }
    }

    /// Whether what comes next begins a message or stands alone.
    pub(super) fn is_between_frames(&self) -> bool {
        self.header.is_empty() && self.frame.is_none() && self.message.is_none()
    }

    /// Whether a part of a message has come.
    pub(super) fn is_in_message(&self) -> bool {
        self.message.is_some()
    }

    /// Whether nothing can be told any more.
    pub(super) fn is_lost(&self) -> bool {
        self.is_lost
    }

    /// Reads the header of a frame: how many bytes of these it takes.
    fn begin(&mut self, bytes: &[u8]) -> Result<usize, String> {
        let n_kept = self.header.len();
        // No header is longer.
        self.header.extend_from_slice(&bytes[..bytes.len().min(14)]);
        let mut cursor = Cursor::new(self.header.as_slice());
        let parsed = FrameHeader::parse(&mut cursor).map_err(|it| it.to_string())?;
        let Some((header, length)) = parsed else {
            return Ok(bytes.len());
        };
        let used = cursor.position() as usize - n_kept;
        self.header = Vec::new();
        if let OpCode::Data(kind) = header.opcode {
            let is_text = match kind {
                Data::Text => true,
                Data::Binary => false,
                Data::Continue => self.message.as_ref().is_some_and(|it| it.is_text),
                Data::Reserved(code) => return Err(format!("a frame of an unknown kind: {code}")),
            };
            let is_first = kind != Data::Continue;
            if is_first || self.message.is_none() {
                self.message = Some(Assembly {
                    is_text,
                    is_compressed: header.rsv1,
                    bytes: Vec::new(),
                    frame_at: 0,
                    is_too_long: false,
                });
            }
        }
        self.frame = Some((header, length));
        Ok(used)
    }

    /// Takes a piece of a frame's payload.
    fn take(&mut self, header: &FrameHeader, piece: &[u8]) {
        let bytes = match (&header.opcode, &mut self.message) {
            (OpCode::Data(_), Some(message)) => {
                if message.bytes.len() + piece.len() > self.max_message {
                    message.is_too_long = true;
                    message.bytes = Vec::new();
                }
                if message.is_too_long {
                    return;
                }
                &mut message.bytes
            }
            // They have 125 bytes at the most, or break a rule.
            (OpCode::Control(_), _) if self.control.len() + piece.len() <= 125 => &mut self.control,
            _ => return,
        };
        bytes.extend_from_slice(piece);
    }

    fn end(&mut self, header: &FrameHeader) -> Option<Passed> {
        if let OpCode::Control(control) = header.opcode {
            let mut payload = std::mem::take(&mut self.control);
            unmask(header, &mut payload);
            return Some(match (control, payload.as_slice()) {
                (Control::Close, [high, low, reason @ ..]) => Passed::Close(
                    Some(u16::from_be_bytes([*high, *low])),
                    String::from_utf8_lossy(reason).into_owned(),
                ),
                (Control::Close, _) => Passed::Close(None, String::new()),
                _ => Passed::Control,
            });
        }
        let message = self.message.as_mut()?;
        let at = message.frame_at.min(message.bytes.len());
        unmask(header, &mut message.bytes[at..]);
        message.frame_at = message.bytes.len();
        if !header.is_final {
            return None;
        }
        let message = self.message.take()?;
        Some(self.read(message))
    }

    fn read(&mut self, message: Assembly) -> Passed {
        let Assembly {
            is_text,
            is_compressed,
            bytes,
            is_too_long,
            frame_at: _,
        } = message;
        if is_too_long {
            if is_compressed {
                // What follows may refer to what was in it.
                self.inflate = None;
            }
            let limit = self.max_message;
            return Passed::Unknown(format!("a message is longer than {limit} bytes"));
        }
        let text = match (is_compressed, &mut self.inflate) {
            (false, _) => bytes,
            (true, Some(inflate)) => match inflate.message(&bytes, self.max_message) {
                Ok(text) => text,
                Err(reason) => {
                    self.inflate = None;
                    return Passed::Unknown(reason);
                }
            },
            (true, None) => return Passed::Unknown("a compressed message".to_owned()),
        };
        match is_text {
            true => Passed::Text(text),
            false => Passed::Unknown("a binary message".to_owned()),
        }
    }
}

/// Takes the mask of a client off (RFC 6455, 5.3).
fn unmask(header: &FrameHeader, payload: &mut [u8]) {
    if let Some(mask) = header.mask {
        for (byte, mask) in payload.iter_mut().zip(mask.iter().cycle()) {
            *byte ^= mask;
        }
    }
}

#[cfg(test)]
mod tests {
    use flate2::{Compress, Compression, FlushCompress};
    use proptest::prelude::*;

    use super::*;

    fn frame(opcode: OpCode, is_final: bool, is_compressed: bool, payload: &[u8]) -> Vec<u8> {
        let mask = [1, 0xFE, 3, 0x80];
        let header = FrameHeader {
            is_final,
            rsv1: is_compressed,
            opcode,
            mask: Some(mask),
            ..FrameHeader::default()
        };
        let mut bytes = Vec::new();
        header.format(payload.len() as u64, &mut bytes).unwrap();
        let masked = payload.iter().zip(mask.iter().cycle());
        bytes.extend(masked.map(|(byte, mask)| byte ^ mask));
        bytes
    }

    fn text(payload: &[u8]) -> Vec<u8> {
        frame(OpCode::Data(Data::Text), true, false, payload)
    }

    /// What passed, of bytes that come in pieces of this length.
    fn passed(frames: &mut Frames, bytes: &[u8], length: usize) -> Vec<Passed> {
        let mut all = Vec::new();
        for mut piece in bytes.chunks(length) {
            loop {
                let (used, passed) = frames.look(piece);
                piece = &piece[used..];
                match passed {
                    Some(passed) => all.push(passed),
                    None => break,
                }
            }
        }
        all
    }

    #[test]
    fn messages_in_pieces_and_what_stands_between_them_are_told() {
        let first = frame(OpCode::Data(Data::Text), false, false, b"one, ");
        let last = frame(OpCode::Data(Data::Continue), true, false, b"two");
        let ping = frame(OpCode::Control(Control::Ping), true, false, b"x");
        let close = frame(OpCode::Control(Control::Close), true, false, b"\x03\xE8bye");
        let binary = frame(OpCode::Data(Data::Binary), true, false, b"\0");
        let bytes = [first, ping, last, binary, text(b""), close].concat();
        for length in 1..bytes.len() {
            let told = passed(&mut Frames::new(100, None), &bytes, length);
            assert_eq!(
                told,
                [
                    Passed::Control,
                    Passed::Text(b"one, two".to_vec()),
                    Passed::Unknown("a binary message".to_owned()),
                    Passed::Text(Vec::new()),
                    Passed::Close(Some(1000), "bye".to_owned()),
                ],
                "{length}"
            );
        }
    }

    #[test]
    fn of_what_is_too_long_only_the_end_is_known() {
        let bytes = [text(&[b'x'; 1000]), text(b"short")].concat();
        let told = passed(&mut Frames::new(999, None), &bytes, 64);
        assert_eq!(
            told,
            [
                Passed::Unknown("a message is longer than 999 bytes".to_owned()),
                Passed::Text(b"short".to_vec()),
            ]
        );
    }

    #[test]
    fn no_frame_is_told_once() {
        let told = passed(&mut Frames::new(999, None), b"\x83\x00\x81\x00\x81\x00", 1);
        assert!(matches!(told.as_slice(), [Passed::Lost(_)]), "{told:?}");
    }

    proptest! {
        #[test]
        fn compressed_messages_that_refer_to_those_before_are_read(
            texts in prop::collection::vec("[a-e]{0,300}", 1..12),
            length in 1..400_usize,
        ) {
            let mut compress = Compress::new(Compression::default(), false);
            let mut bytes = Vec::new();
            for text in &texts {
                let mut payload = Vec::with_capacity(text.len() * 2 + 64);
                compress
                    .compress_vec(text.as_bytes(), &mut payload, FlushCompress::Sync)
                    .unwrap();
                // RFC 7692, 7.2.1.
                if payload.ends_with(&[0, 0, 0xFF, 0xFF]) {
                    payload.truncate(payload.len() - 4);
                }
                bytes.extend(frame(OpCode::Data(Data::Text), true, true, &payload));
            }
            let [inflate, _] = Inflate::agreed(Some("permessage-deflate"));
            let told = passed(&mut Frames::new(10_000, inflate), &bytes, length);
            let expected: Vec<_> =
                texts.into_iter().map(|it| Passed::Text(it.into_bytes())).collect();
            prop_assert_eq!(told, expected);
        }

        #[test]
        fn any_bytes_are_looked_at_without_panic_and_none_twice(
            bytes in prop::collection::vec(any::<u8>(), 0..300),
            length in 1..50_usize,
        ) {
            let [inflate, _] = Inflate::agreed(Some("permessage-deflate"));
            let told = passed(&mut Frames::new(100, inflate), &bytes, length);
            prop_assert!(told.len() <= bytes.len());
        }
    }
}
