//! What is taken of any frames, however they are cut, held against tungstenite, which reads all
//! of them itself.

use std::io::{self, ErrorKind, Read, Write};

use proptest::prelude::*;
use tungstenite::protocol::Role;
use tungstenite::{Error, Message as Frame, WebSocket};

use super::super::super::answer;
use super::super::super::web_socket::opening;
use super::super::frames::{Frames, Piece};

const LIMIT: u64 = 300;

/// What somebody hears, up to the end.
#[derive(Debug, PartialEq)]
enum Heard {
    Messages(String),
    NoBayeux(String),
    Other(Frame),
    Failed(String),
}

/// Bytes for tungstenite; it answers into nothing.
#[derive(Default)]
struct Given {
    bytes: Vec<u8>,
    is_end: bool,
}

impl Read for Given {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.bytes.is_empty() && !self.is_end {
            return Err(ErrorKind::WouldBlock.into());
        }
        let n_bytes = self.bytes.as_slice().read(buffer)?;
        self.bytes.drain(..n_bytes);
        Ok(n_bytes)
    }
}

impl Write for Given {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// tungstenite, and what was heard of it.
struct Judge {
    web_socket: WebSocket<Given>,
    heard: Vec<Heard>,
}

impl Judge {
    fn new() -> Self {
        let config = Some(opening::config(LIMIT));
        Self {
            web_socket: WebSocket::from_raw_socket(Given::default(), Role::Client, config),
            heard: Vec::new(),
        }
    }

    /// Whether it goes on.
    fn hear(&mut self, heard: Heard) -> bool {
        let is_last = match &heard {
            Heard::Messages(_) => false,
            Heard::Other(frame) => frame.is_close(),
            Heard::NoBayeux(_) | Heard::Failed(_) => true,
        };
        self.heard.push(heard);
        !is_last
    }

    fn hear_text(&mut self, text: &[u8]) -> bool {
        self.hear(match answer::read_frame(text) {
            Ok(body) => Heard::Messages(format!("{body:?}")),
            Err(error) => Heard::NoBayeux(format!("{error:?}")),
        })
    }

    /// Gives it bytes, and asks it until it has no more to say.
    fn give(&mut self, bytes: &[u8]) -> bool {
        self.web_socket.get_mut().bytes.extend_from_slice(bytes);
        loop {
            let goes_on = match self.web_socket.read() {
                Ok(Frame::Text(text)) => self.hear_text(text.as_bytes()),
                Ok(frame) => self.hear(Heard::Other(frame)),
                Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => return true,
                Err(error) => self.hear(Heard::Failed(error.to_string())),
            };
            if !goes_on {
                return false;
            }
        }
    }

    fn end(mut self) -> Vec<Heard> {
        self.web_socket.get_mut().is_end = true;
        self.give(&[]);
        self.heard
    }
}

fn heard_by_tungstenite(bytes: &[u8]) -> Vec<Heard> {
    let mut judge = Judge::new();
    match judge.give(bytes) {
        true => judge.end(),
        false => judge.heard,
    }
}

/// The bytes come in pieces of these lengths, in turn.
fn heard_by_us(bytes: &[u8], lengths: &[usize]) -> Vec<Heard> {
    let mut frames = Frames::new(LIMIT);
    let mut judge = Judge::new();
    let mut rest = bytes;
    let mut lengths = lengths.iter().copied().cycle();
    while !rest.is_empty() {
        let length = lengths.next().unwrap().min(rest.len());
        let mut read;
        (read, rest) = rest.split_at(length);
        loop {
            let goes_on = match frames.take(read) {
                Ok(Some(Piece::Messages(body))) => judge.hear(Heard::Messages(format!("{body:?}"))),
                Ok(Some(Piece::Other(bytes))) => judge.give(&bytes),
                Ok(None) => break,
                Err(error) => judge.hear(Heard::NoBayeux(format!("{error:?}"))),
            };
            if !goes_on {
                return judge.heard;
            }
            if frames.is_empty() {
                break;
            }
            read = &[];
        }
    }
    judge.end()
}

prop_compose! {
    /// A frame, as a rule one that may be: kinds, bits, ways to write its length, payloads.
    fn frame()(
        opcode in prop_oneof![
            4 => Just(1_u8), 2 => Just(0), 1 => Just(2), 1 => Just(8), 1 => Just(9), 1 => Just(10),
            1 => 0..16_u8,
        ],
        is_final in prop::bool::weighted(0.8),
        reserved in prop_oneof![12 => Just(0_u8), 1 => 0..8_u8],
        is_masked in prop::bool::weighted(0.05),
        length_of_length in prop_oneof![6 => Just(0_usize), 1 => Just(2), 1 => Just(8)],
        payload in prop_oneof![
            4 => (0..4_usize).prop_map(|n| {
                format!("[{}]", vec![r#"{"channel":"/é"}"#; n].join(",")).into_bytes()
            }),
            1 => Just(Vec::new()),
            1 => Just(b"\x03\xe8bye".to_vec()),
            1 => Just(b"[".to_vec()),
            1 => Just(b"]".to_vec()),
            1 => prop::collection::vec(any::<u8>(), 0..20),
            1 => (290..310_usize).prop_map(|n| vec![b' '; n]),
        ],
    ) -> Vec<u8> {
        let mut bytes = vec![u8::from(is_final) << 7 | reserved << 4 | opcode];
        let mask = u8::from(is_masked) << 7;
        let length = payload.len();
        match length_of_length {
            0 if length < 126 => bytes.push(mask | length as u8),
            0 | 2 => {
                bytes.push(mask | 126);
                bytes.extend_from_slice(&(length as u16).to_be_bytes());
            }
            _ => {
                bytes.push(mask | 127);
                bytes.extend_from_slice(&(length as u64).to_be_bytes());
            }
        }
        if is_masked {
            bytes.extend_from_slice(b"mask");
        }
        bytes.extend_from_slice(&payload);
        bytes
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn frames_are_heard_as_tungstenite_hears_them(
        frames in prop::collection::vec(frame(), 1..8),
        n_missing in prop_oneof![3 => Just(0_usize), 1 => 0..20_usize],
        wrong in prop::option::weighted(0.2, (any::<prop::sample::Index>(), any::<u8>())),
        lengths in prop::collection::vec(1..60_usize, 1..4),
    ) {
        let mut bytes = frames.concat();
        bytes.truncate(bytes.len() - n_missing.min(bytes.len() - 1));
        if let Some((at, byte)) = wrong {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        prop_assert_eq!(heard_by_us(&bytes, &lengths), heard_by_tungstenite(&bytes));
        prop_assert_eq!(heard_by_us(&bytes, &[usize::MAX]), heard_by_tungstenite(&bytes));
    }

    #[test]
    fn any_bytes_are_heard_as_tungstenite_hears_them(
        bytes in prop::collection::vec(any::<u8>(), 1..100),
        lengths in prop::collection::vec(1..20_usize, 1..4),
    ) {
        prop_assert_eq!(heard_by_us(&bytes, &lengths), heard_by_tungstenite(&bytes));
    }
}
