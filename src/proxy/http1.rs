//! HTTP/1.1 told apart while it passes by (RFC 9112): where heads, bodies and messages end. A
//! [`Scan`] keeps no body; httparse reads heads, sizes of chunks and trailers.

use std::ops::Range;

use httparse::{Status, parse_chunk_size, parse_headers};

use super::heads::{self, Framing, RequestHead, ResponseHead};

/// Longest head, and longest trailer.
pub(super) const MAX_HEAD: usize = 64 * 1024;
/// Longest line with the size of a chunk, extensions included.
const MAX_CHUNK_LINE: usize = 4 * 1024;
/// As many lines of trailers as are read.
const MAX_TRAILERS: usize = 64;

/// One direction of a connection.
#[derive(Debug)]
pub(super) struct Scan {
    stage: Stage,
    /// What has come of a head, of the line of a chunk, or of trailers, and is not whole.
    kept: Vec<u8>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Stage {
    Head,
    Length(u64),
    UntilClose,
    ChunkSize,
    Chunk(u64),
    ChunkEnd,
    Trailers,
}

/// What stands at the beginning of the bytes that are looked at.
#[derive(Debug)]
pub(super) enum Part {
    /// The end of a request's head, and what it says.
    Request(Box<RequestHead>),
    /// The same of a response.
    Response(Box<ResponseHead>),
    /// A piece of the body, by its place in these bytes.
    Body(Range<usize>),
    /// The end of the message.
    End,
}

/// It is not HTTP/1.1, or cannot be followed.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0}")]
pub(super) struct Strange(pub(super) String);

/// How many of the bytes have been looked at, and what stood there. Nothing if more is needed.
type Found = Result<(usize, Option<Part>), Strange>;

impl Scan {
    pub(super) fn new() -> Self {
        Self {
            stage: Stage::Head,
            kept: Vec::new(),
        }
    }

    /// Whether nothing of a next message has come.
    pub(super) fn is_idle(&self) -> bool {
        self.stage == Stage::Head && self.kept.is_empty()
    }

    /// Whether part of a head is kept back here.
    pub(super) fn is_in_head(&self) -> bool {
        self.stage == Stage::Head && !self.kept.is_empty()
    }

    /// What is kept, for whoever gives up following.
    pub(super) fn take_kept(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.kept)
    }

    /// The body of the message ends with the connection.
    pub(super) fn ends_with_connection(&self) -> bool {
        self.stage == Stage::UntilClose
    }

    /// Looks at bytes of requests.
    pub(super) fn request(&mut self, bytes: &[u8]) -> Found {
        match self.stage {
            Stage::Head => {
                self.check_beginning(bytes, |it| it.is_ascii_alphabetic())?;
                let Some((used, head)) = self.head(bytes, heads::request)? else {
                    return Ok((bytes.len(), None));
                };
                self.begin(head.framing);
                Ok((used, Some(Part::Request(Box::new(head)))))
            }
            _ => self.body(bytes),
        }
    }

    /// Looks at bytes of responses; the next one answers a request with this method.
    pub(super) fn response(&mut self, bytes: &[u8], method: &str) -> Found {
        match self.stage {
            Stage::Head => {
                self.check_beginning(bytes, |it| it == b'H')?;
                let read = |it: &[u8]| heads::response(it, method);
                let Some((used, head)) = self.head(bytes, read)? else {
                    return Ok((bytes.len(), None));
                };
                if !head.is_interim() {
                    self.begin(head.framing);
                }
                Ok((used, Some(Part::Response(Box::new(head)))))
            }
            _ => self.body(bytes),
        }
    }

    /// Of what does not begin as HTTP does no end is waited for.
    fn check_beginning(&self, bytes: &[u8], is_right: impl Fn(u8) -> bool) -> Result<(), Strange> {
        let mut all = self.kept.iter().chain(bytes);
        match all.find(|it| !matches!(it, b'\r' | b'\n')) {
            Some(first) if !is_right(*first) => Err(Strange("it is not HTTP".to_owned())),
            _ => Ok(()),
        }
    }

    fn begin(&mut self, framing: Framing) {
        self.stage = match framing {
            Framing::Length(n_bytes) => Stage::Length(n_bytes),
            Framing::Chunked => Stage::ChunkSize,
            Framing::UntilClose => Stage::UntilClose,
        };
    }

    fn body(&mut self, bytes: &[u8]) -> Found {
        let all = bytes.len() as u64;
        match self.stage {
            Stage::Length(0) => self.end(0),
            Stage::Head | Stage::UntilClose if bytes.is_empty() => Ok((0, None)),
            Stage::Head | Stage::UntilClose => Ok((bytes.len(), Some(Part::Body(0..bytes.len())))),
            Stage::Length(left) => {
                let n_bytes = left.min(all) as usize;
                self.stage = Stage::Length(left - n_bytes as u64);
                Ok((n_bytes, (n_bytes > 0).then_some(Part::Body(0..n_bytes))))
            }
            Stage::ChunkSize => match self.joined(bytes, MAX_CHUNK_LINE, |it| {
                parse_chunk_size(it).map_err(|_| "the size of a chunk")
            })? {
                None => Ok((bytes.len(), None)),
                Some((used, size)) => {
                    self.stage = match size {
                        0 => Stage::Trailers,
                        left => Stage::Chunk(left),
                    };
                    self.after(used, bytes)
                }
            },
            Stage::Chunk(left) => {
                let n_bytes = left.min(all) as usize;
                self.stage = match left - n_bytes as u64 {
                    0 => Stage::ChunkEnd,
                    left => Stage::Chunk(left),
                };
                Ok((n_bytes, (n_bytes > 0).then_some(Part::Body(0..n_bytes))))
            }
            Stage::ChunkEnd => match self.joined(bytes, 2, |it| match it {
                [b'\r', b'\n', ..] => Ok(Status::Complete((2, ()))),
                [] | [b'\r'] => Ok(Status::Partial),
                _ => Err("a chunk is longer than its size"),
            })? {
                None => Ok((bytes.len(), None)),
                Some((used, ())) => {
                    self.stage = Stage::ChunkSize;
                    self.after(used, bytes)
                }
            },
            Stage::Trailers => {
                let read = |it: &[u8]| {
                    let mut lines = [httparse::EMPTY_HEADER; MAX_TRAILERS];
                    match parse_headers(it, &mut lines) {
                        Ok(Status::Complete((used, _))) => Ok(Status::Complete((used, ()))),
                        Ok(Status::Partial) => Ok(Status::Partial),
                        Err(_) => Err("the trailers"),
                    }
                };
                match self.joined(bytes, MAX_HEAD, read)? {
                    None => Ok((bytes.len(), None)),
                    Some((used, ())) => self.end(used),
                }
            }
        }
    }

    fn end(&mut self, used: usize) -> Found {
        self.stage = Stage::Head;
        Ok((used, Some(Part::End)))
    }

    /// Framing of the body was read; goes on with what follows it.
    fn after(&mut self, used: usize, bytes: &[u8]) -> Found {
        let (more, part) = self.body(&bytes[used..])?;
        let part = part.map(|part| match part {
            Part::Body(at) => Part::Body(at.start + used..at.end + used),
            other => other,
        });
        Ok((used + more, part))
    }

    fn head<T>(
        &mut self,
        bytes: &[u8],
        read: impl Fn(&[u8]) -> Result<Option<T>, Strange>,
    ) -> Result<Option<(usize, T)>, Strange> {
        // A head is read from its start each time: only do so when a line has ended, or single
        // bytes would cost the square of their number.
        let n_kept = self.kept.len();
        let end = head_end(&self.kept, bytes);
        let Some(end) = end else {
            self.kept.extend_from_slice(bytes);
            return match self.kept.len() > MAX_HEAD {
                true => Err(Strange(format!("the head is longer than {MAX_HEAD} bytes"))),
                false => Ok(None),
            };
        };
        let used = end - n_kept;
        let head = match n_kept {
            0 => read(&bytes[..used]),
            _ => {
                self.kept.extend_from_slice(&bytes[..used]);
                read(&self.kept)
            }
        };
        match head {
            Ok(Some(head)) => {
                self.kept = Vec::new();
                Ok(Some((used, head)))
            }
            Ok(None) => Err(Strange("a head without its lines".to_owned())),
            Err(error) => {
                // Whoever gives up needs all of it, and gets what was not used now as well.
                self.kept.truncate(n_kept);
                Err(error)
            }
        }
    }

    /// Reads something short from what is kept and these bytes: how many of these it takes.
    fn joined<T>(
        &mut self,
        bytes: &[u8],
        limit: usize,
        read: impl Fn(&[u8]) -> Result<Status<(usize, T)>, &'static str>,
    ) -> Result<Option<(usize, T)>, Strange> {
        let n_kept = self.kept.len();
        let whole = match n_kept {
            0 => read(bytes),
            _ => {
                let length = bytes.len().min(limit);
                self.kept.extend_from_slice(&bytes[..length]);
                read(&self.kept)
            }
        };
        match whole.map_err(|it| Strange(format!("cannot read {it}")))? {
            Status::Complete((used, value)) => {
                self.kept = Vec::new();
                Ok(Some((used - n_kept, value)))
            }
            Status::Partial if n_kept + bytes.len() > limit => {
                Err(Strange("a line of the chunked body is too long".to_owned()))
            }
            Status::Partial => {
                if n_kept == 0 {
                    self.kept.extend_from_slice(bytes);
                }
                Ok(None)
            }
        }
    }
}

/// Where the head ends that begins in `kept` and goes on in `bytes`: behind its first empty line
/// that follows another line.
fn head_end(kept: &[u8], bytes: &[u8]) -> Option<usize> {
    // An end may lie across both: three bytes of what is kept are enough to see it.
    let from = kept.len().saturating_sub(3);
    let at = |n: usize| match n < kept.len() {
        true => kept[n],
        false => bytes[n - kept.len()],
    };
    let all = kept.len() + bytes.len();
    let mut n = from;
    while n < all {
        // Most bytes are none; the search for the next one is the library's.
        if n >= kept.len() {
            n += bytes[n - kept.len()..].iter().position(|it| *it == b'\n')?;
        } else if at(n) != b'\n' {
            n += 1;
            continue;
        }
        let rest = all - n - 1;
        if rest >= 1 && at(n + 1) == b'\n' {
            return is_behind_line(n, &at).then_some(n + 2);
        }
        if rest >= 2 && at(n + 1) == b'\r' && at(n + 2) == b'\n' && is_behind_line(n, &at) {
            return Some(n + 3);
        }
        n += 1;
    }
    None
}

/// Whether the line that ends here is not one of those empty ones that may stand before a head
/// (RFC 9112, 2.2).
fn is_behind_line(end: usize, at: &impl Fn(usize) -> u8) -> bool {
    (0..end).any(|n| !matches!(at(n), b'\r' | b'\n'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The bodies of requests that come in pieces of this length, or why they cannot be followed.
    fn bodies(bytes: &[u8], length: usize) -> Result<Vec<String>, Strange> {
        let (mut scan, mut bodies, mut body) = (Scan::new(), Vec::new(), Vec::new());
        for mut piece in bytes.chunks(length) {
            loop {
                let (used, part) = scan.request(piece)?;
                let looked_at = &piece[..used];
                piece = &piece[used..];
                match part {
                    Some(Part::Body(at)) => body.extend_from_slice(&looked_at[at]),
                    Some(Part::End) => {
                        let whole = std::mem::take(&mut body);
                        bodies.push(String::from_utf8_lossy(&whole).into_owned());
                    }
                    Some(Part::Request(_)) => {}
                    Some(Part::Response(_)) | None => break,
                }
            }
        }
        Ok(bodies)
    }

    #[test]
    fn bodies_are_found_however_they_are_cut() {
        let bytes = b"\r\nGET /a HTTP/1.1\n\nPOST /b HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello\
            POST /c HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n\r\n3;a=b\r\nhel\r\n02\r\nlo\r\n\
            0\r\nA: b\r\n\r\nPUT /d HTTP/1.1\r\nContent-Length: 0\r\n\r\n";
        for length in 1..bytes.len() {
            let found = bodies(bytes, length).unwrap();
            assert_eq!(found, ["", "hello", "hello", ""], "{length}");
        }
    }

    #[test]
    fn what_two_readers_could_take_differently_is_not_followed() {
        for head in [
            "Content-Length: 1\r\nContent-Length: 2",
            "Content-Length: 1\r\nTransfer-Encoding: chunked",
            "Transfer-Encoding: gzip",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
            "Content-Length: +1",
            "Content-Length:",
        ] {
            let request = format!("POST / HTTP/1.1\r\n{head}\r\n\r\n1");
            for length in [1, 1000] {
                assert!(bodies(request.as_bytes(), length).is_err(), "{head}");
            }
        }
        let chunk = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n";
        assert!(bodies(chunk, 1000).is_err());
        let endless = [b"GET / HTTP/1.1\r\nA: ", vec![b'a'; MAX_HEAD].as_slice()].concat();
        assert!(bodies(&endless, 1000).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_looked_at_without_panic(
            bytes in prop::collection::vec(any::<u8>(), 0..300),
            prefix in prop::sample::select(vec![
                "", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
            ]),
            length in 1..50_usize,
        ) {
            let bytes = [prefix.as_bytes(), &bytes].concat();
            let _ = bodies(&bytes, length);
            let mut scan = Scan::new();
            let mut rest: &[u8] = &bytes;
            while let Ok((used, Some(_))) = scan.response(rest, "GET") {
                rest = &rest[used..];
                if rest.is_empty() {
                    break;
                }
            }
        }
    }
}
