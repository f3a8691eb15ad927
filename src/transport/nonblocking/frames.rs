//! The frames of a websocket, taken where they were read: in the one buffer of the thread.
//!
//! Almost every message of a server is a text in one frame, and one read has the whole of it.
//! Those are taken here. Every other frame, and every one that breaks a rule, goes on to
//! tungstenite, whole: pieces of messages, pings, a goodbye. tungstenite's own way to read would
//! zero a buffer of each connection and cut the text out of it, and thousands of connections have
//! none of theirs in the processor's cache.

use std::io::Cursor;

use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{Data, OpCode};

use super::super::{TransportError, answer};
use crate::protocol::Body;

/// What was read of a connection and is not taken yet.
#[derive(Debug)]
pub(super) struct Frames {
    /// Most of the time nothing, and then no memory.
    kept: Vec<u8>,
    /// Everything in it before has been taken.
    at: usize,
    /// The longest frame to wait for.
    max_frame: u64,
    /// Whether pieces of a message have gone to tungstenite, which waits for the others.
    is_in_pieces: bool,
}

/// What stands first.
#[derive(Debug)]
pub(super) enum Piece {
    /// A text in one frame.
    Messages(Body),
    /// What tungstenite has to judge: one whole frame, or all there is where it cannot be told
    /// where one ends.
    Other(Vec<u8>),
}

impl Frames {
    pub(super) fn new(max_frame: u64) -> Self {
        Self {
            kept: Vec::new(),
            at: 0,
            max_frame,
            is_in_pieces: false,
        }
    }

    /// Whether all that was read is taken.
    pub(super) fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// Takes the first frame of what is kept and of what has been read now; what is behind it is
    /// kept. Nothing where no frame is whole.
    ///
    /// # Errors
    /// When it is a text that is no Bayeux.
    pub(super) fn take(&mut self, read: &[u8]) -> Result<Option<Piece>, TransportError> {
        if self.kept.is_empty() {
            let (piece, length) = self.first(read)?;
            self.kept.extend_from_slice(&read[length..]);
            return Ok(piece);
        }
        self.kept.extend_from_slice(read);
        let kept = std::mem::take(&mut self.kept);
        let (piece, length) = self.first(&kept[self.at..])?;
        self.at += length;
        if self.at == kept.len() {
            self.at = 0;
        } else {
            self.kept = kept;
            if piece.is_none() {
                self.kept.drain(..self.at);
                self.at = 0;
            }
        }
        Ok(piece)
    }

    /// The first frame, if all of it is there, and its length.
    fn first(&mut self, bytes: &[u8]) -> Result<(Option<Piece>, usize), TransportError> {
        let mut cursor = Cursor::new(bytes);
        let other = |length: usize| Ok((Some(Piece::Other(bytes[..length].to_vec())), length));
        let (header, length) = match FrameHeader::parse(&mut cursor) {
            Ok(Some(parsed)) => parsed,
            Ok(None) => return Ok((None, 0)),
            Err(_) => return other(bytes.len()),
        };
        if length > self.max_frame {
            return other(bytes.len());
        }
        // No further than the bytes that there are.
        let begin = cursor.position() as usize;
        let end = usize::try_from(length)
            .ok()
            .and_then(|it| begin.checked_add(it));
        let Some(end) = end.filter(|end| *end <= bytes.len()) else {
            return Ok((None, 0));
        };
        let is_plain = header.is_final
            && header.mask.is_none()
            && !(header.rsv1 || header.rsv2 || header.rsv3 || self.is_in_pieces);
        match header.opcode {
            OpCode::Data(Data::Text) if is_plain => match str::from_utf8(&bytes[begin..end]) {
                Ok(text) => {
                    let body = answer::read_frame(text.as_bytes())?;
                    Ok((Some(Piece::Messages(body)), end))
                }
                Err(_) => other(end),
            },
            OpCode::Data(_) => {
                self.is_in_pieces = !header.is_final;
                other(end)
            }
            OpCode::Control(_) => other(end),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tungstenite::protocol::frame::coding::Control;

    use super::*;

    const LIMIT: u64 = 100_000;

    fn frame(opcode: OpCode, is_final: bool, payload: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let header = FrameHeader {
            is_final,
            opcode,
            ..FrameHeader::default()
        };
        header.format(payload.len() as u64, &mut bytes).unwrap();
        bytes.extend_from_slice(payload);
        bytes
    }

    fn text(payload: &str) -> Vec<u8> {
        frame(OpCode::Data(Data::Text), true, payload.as_bytes())
    }

    fn messages(n: usize) -> String {
        format!("[{}]", vec![r#"{"channel":"/é"}"#; n].join(","))
    }

    /// The frames of bytes that come in pieces of these lengths: numbers of messages, or bytes.
    fn taken(bytes: &[u8], lengths: &[usize]) -> Vec<Result<usize, Vec<u8>>> {
        let mut frames = Frames::new(LIMIT);
        let mut taken = Vec::new();
        let mut rest = bytes;
        for length in lengths.iter().copied().cycle() {
            let read;
            (read, rest) = rest.split_at(length.min(rest.len()));
            let mut piece = frames.take(read).unwrap();
            while let Some(found) = piece {
                taken.push(match found {
                    Piece::Messages(body) => Ok(body.messages.len()),
                    Piece::Other(bytes) => Err(bytes),
                });
                if frames.is_empty() {
                    break;
                }
                piece = frames.take(&[]).unwrap();
            }
            if rest.is_empty() {
                break;
            }
        }
        assert!(
            frames.is_empty() && frames.kept.capacity() == 0,
            "{frames:?}"
        );
        taken
    }

    #[test]
    fn a_text_is_taken_however_it_is_cut() {
        for n in [0, 1, 30, 5000] {
            let bytes = text(&messages(n));
            assert_eq!(taken(&bytes, &[usize::MAX]), [Ok(n)]);
            assert_eq!(taken(&bytes, &[1 + bytes.len() / 1000]), [Ok(n)]);
        }
    }

    #[test]
    fn whatever_is_no_whole_text_goes_on_whole() {
        let ping = frame(OpCode::Control(Control::Ping), true, b"x");
        let part = |opcode, is_final| frame(OpCode::Data(opcode), is_final, b"[");
        let (first, last) = (part(Data::Text, false), part(Data::Continue, true));
        let binary = part(Data::Binary, true);
        let strange = frame(OpCode::Data(Data::Text), true, b"\xff");
        let (masked, reserved) = (b"\x81\x80abcd".to_vec(), b"\xc1\x00".to_vec());
        let others = [
            &ping, &first, &ping, &last, &binary, &strange, &masked, &reserved,
        ];
        let bytes = [
            &text("[]"),
            &others.map(Vec::as_slice).concat(),
            &text("[]"),
        ]
        .map(Vec::as_slice)
        .concat();
        let expected: Vec<_> = [Ok(0)]
            .into_iter()
            .chain(others.map(|it| Err(it.clone())))
            .chain([Ok(0)])
            .collect();
        for length in [1, 2, 3, 7, bytes.len()] {
            assert_eq!(taken(&bytes, &[length]), expected, "{length}");
        }
        // One text after another before the message in pieces is complete is against the rules.
        let bytes = [first.clone(), text("[]")].concat();
        assert_eq!(taken(&bytes, &[usize::MAX]), [Err(first), Err(text("[]"))]);
    }

    #[test]
    fn what_has_no_end_is_not_waited_for() {
        for bytes in [
            b"\x81\x7f\x00\x00\x00\x00\x00\x01\x86\xa1[".as_slice(),
            b"\x81\x7f\xff\xff\xff\xff\xff\xff\xff\xff",
            b"\x83\x00[]",
        ] {
            assert_eq!(taken(bytes, &[usize::MAX]), [Err(bytes.to_vec())]);
        }
        let mut frames = Frames::new(LIMIT);
        assert!(frames.take(&text("<html>")).is_err());
    }

    proptest! {
        #[test]
        fn any_frames_are_taken_in_their_order_however_they_are_cut(
            counts in prop::collection::vec(prop::option::of(0..40_usize), 1..10),
            lengths in prop::collection::vec(1..600_usize, 1..5),
        ) {
            let ping = frame(OpCode::Control(Control::Ping), true, b"");
            let bytes = counts.iter().map(|it| it.map_or(ping.clone(), |n| text(&messages(n))));
            let bytes = bytes.collect::<Vec<_>>().concat();
            let expected: Vec<_> = counts.iter().map(|it| it.ok_or(ping.clone())).collect();
            prop_assert_eq!(taken(&bytes, &lengths), expected);
        }

        #[test]
        fn any_bytes_are_taken_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut frames = Frames::new(LIMIT);
            for byte in bytes {
                let _ = frames.take(&[byte]);
            }
        }
    }
}
