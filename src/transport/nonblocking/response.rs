//! Where an HTTP/1.1 response ends, told from bytes that come in pieces (RFC 9112, 6.3).
//!
//! httparse reads heads, sizes of chunks and trailers. A [`Scan`] keeps no bytes: whoever feeds
//! it does, so that a response that comes in one piece is never copied.

use std::mem::MaybeUninit;
use std::ops::Range;

use httparse::{ParserConfig, Status};
use ureq::http::StatusCode;
use ureq::http::header::{HeaderMap, HeaderName, HeaderValue};

use super::super::TransportError;
use super::super::excerpt::Excerpt;
use super::super::standing::strange_opening;

/// The longest head, and the longest trailer; as for [`Polling`](super::super::Polling).
const MAX_HEAD: usize = 16 * 1024 - 1;
/// As many header lines as ureq takes.
const MAX_HEADERS: usize = 128;
/// The longest line with the size of a chunk, extensions included.
const MAX_CHUNK_LINE: usize = 4 * 1024;
/// So much of an error page is read: enough for the excerpt, and most pages to their end.
const MAX_ERROR_PAGE: u64 = 64 * 1024;

/// One response, as far as it has come.
#[derive(Debug)]
pub(super) struct Scan {
    state: State,
    head: Head,
    head_at: Range<usize>,
    body: Range<usize>,
    /// Everything before has been looked at.
    at: usize,
    max_body: u64,
    /// Whether the rest of the body is not worth reading.
    is_cut_short: bool,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Head,
    Length { end: usize },
    UntilClose,
    ChunkSize,
    Chunk { left: u64 },
    ChunkEnd,
    Trailers,
}

/// What a head says about its body and its connection.
#[derive(Clone, Copy, Debug, Default)]
struct Head {
    status: u16,
    length: Option<u64>,
    is_chunked: bool,
    is_encoded: bool,
    is_kept_alive: bool,
    has_cookies: bool,
}

/// Whether the response is all there.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Found {
    More,
    Whole,
}

impl Scan {
    pub(super) fn new(max_body: u64) -> Self {
        Self {
            state: State::Head,
            head: Head::default(),
            head_at: 0..0,
            body: 0..0,
            at: 0,
            max_body,
            is_cut_short: false,
        }
    }

    /// Goes on where it stopped. `bytes` are those of the last call and more behind them; chunks
    /// are moved together within them.
    ///
    /// # Errors
    /// When this is no response of HTTP, or too large.
    pub(super) fn advance(&mut self, bytes: &mut [u8]) -> Result<Found, TransportError> {
        loop {
            let rest = &bytes[self.at..];
            match self.state {
                State::Head => match read_head(rest)? {
                    Some((length, head)) => self.begin(length, head)?,
                    None if rest.len() > MAX_HEAD => {
                        return Err(TransportError::HeadTooLarge { limit: MAX_HEAD });
                    }
                    None => return Ok(Found::More),
                },
                State::Length { end } => {
                    self.at = end.min(bytes.len());
                    self.body.end = self.at;
                    return Ok(if self.at == end {
                        Found::Whole
                    } else {
                        Found::More
                    });
                }
                State::UntilClose => {
                    let n_bytes = self.admit(rest.len() as u64)?;
                    self.at += n_bytes;
                    self.body.end = self.at;
                    return Ok(if self.is_cut_short {
                        Found::Whole
                    } else {
                        Found::More
                    });
                }
                State::ChunkSize => match httparse::parse_chunk_size(rest) {
                    Ok(Status::Complete((length, size))) => {
                        self.at += length;
                        if self.body.is_empty() {
                            self.body = self.at..self.at;
                        }
                        self.state = match size {
                            0 => State::Trailers,
                            left => State::Chunk { left },
                        };
                    }
                    Ok(Status::Partial) if rest.len() <= MAX_CHUNK_LINE => return Ok(Found::More),
                    Ok(Status::Partial) | Err(_) => return Err(bad("the size of a chunk")),
                },
                State::Chunk { left } => {
                    let there = left.min(rest.len() as u64);
                    let n_bytes = self.admit(there)?;
                    if self.body.end != self.at {
                        bytes.copy_within(self.at..self.at + n_bytes, self.body.end);
                    }
                    self.body.end += n_bytes;
                    self.at += n_bytes;
                    if self.is_cut_short {
                        return Ok(Found::Whole);
                    }
                    match left - there {
                        0 => self.state = State::ChunkEnd,
                        left => {
                            self.state = State::Chunk { left };
                            return Ok(Found::More);
                        }
                    }
                }
                State::ChunkEnd => match rest {
                    [b'\r', b'\n', ..] => {
                        self.at += 2;
                        self.state = State::ChunkSize;
                    }
                    [] | [b'\r'] => return Ok(Found::More),
                    _ => return Err(bad("a chunk is longer than its size")),
                },
                State::Trailers => {
                    let mut trailers = [httparse::EMPTY_HEADER; MAX_HEADERS];
                    return match httparse::parse_headers(rest, &mut trailers) {
                        Ok(Status::Complete((length, _))) => {
                            self.at += length;
                            Ok(Found::Whole)
                        }
                        Ok(Status::Partial) if rest.len() <= MAX_HEAD => Ok(Found::More),
                        Ok(Status::Partial) => Err(bad("a trailer without an end")),
                        Err(error) => Err(bad(&error.to_string())),
                    };
                }
            }
        }
    }

    /// The connection has ended; whether that ends the response as well. Of an error page any
    /// beginning will do.
    pub(super) fn end(&mut self) -> Found {
        match self.state {
            State::Head => Found::More,
            State::UntilClose => Found::Whole,
            _ if self.head.status == 200 => Found::More,
            _ => {
                self.is_cut_short = true;
                Found::Whole
            }
        }
    }

    /// Forgets what chunks are framed in, so that only what counts is kept.
    pub(super) fn compact(&mut self, bytes: &mut Vec<u8>) {
        if !self.body.is_empty() {
            bytes.drain(self.body.end..self.at);
            self.at = self.body.end;
        }
    }

    pub(super) fn status(&self) -> StatusCode {
        // httparse takes three digits, and those below 100 are refused here.
        StatusCode::from_u16(self.head.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The body's bytes.
    pub(super) fn body<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        &bytes[self.body.clone()]
    }

    /// The headers, for the few responses where somebody wants to know them.
    pub(super) fn headers(&self, bytes: &[u8]) -> HeaderMap {
        let mut map = HeaderMap::new();
        let mut slots = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut response = httparse::Response::new(&mut slots);
        // It was read before.
        let _ = response.parse(&bytes[self.head_at.clone()]);
        for header in &*response.headers {
            let name = HeaderName::from_bytes(header.name.as_bytes());
            if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(header.value)) {
                map.append(name, value);
            }
        }
        map
    }

    pub(super) fn has_cookies(&self) -> bool {
        self.head.has_cookies
    }

    /// Whether the body is compressed or otherwise encoded.
    pub(super) fn is_encoded(&self) -> bool {
        self.head.is_encoded
    }

    /// Whether another request may follow on the connection, if the response is whole and ends
    /// where these bytes do.
    pub(super) fn is_kept_alive(&self, bytes: &[u8]) -> bool {
        let is_framed = !matches!(self.state, State::UntilClose);
        self.head.is_kept_alive && is_framed && !self.is_cut_short && self.at == bytes.len()
    }

    /// A head of this length has come.
    fn begin(&mut self, length: usize, head: Head) -> Result<(), TransportError> {
        let head_at = self.at..self.at + length;
        self.at = head_at.end;
        if matches!(head.status, 100 | 102..200) {
            // Not the response yet (RFC 9110, 15.2). All of them are kept until it has come, and
            // a server may send them for ever.
            if self.at > MAX_HEAD {
                return Err(TransportError::HeadTooLarge { limit: MAX_HEAD });
            }
            return Ok(());
        }
        self.head = head;
        self.head_at = head_at;
        self.body = self.at..self.at;
        if head.status != 200 {
            self.max_body = self.max_body.min(MAX_ERROR_PAGE);
        }
        self.state = match head.length {
            _ if matches!(head.status, 101 | 204 | 304) => State::Length { end: self.at },
            _ if head.is_chunked => State::ChunkSize,
            Some(length) => State::Length {
                end: self.at + self.admit(length)?,
            },
            None => State::UntilClose,
        };
        Ok(())
    }

    /// How many of so many more bytes the body may have.
    fn admit(&mut self, n_bytes: u64) -> Result<usize, TransportError> {
        let room = self.max_body - self.body.len() as u64;
        if n_bytes > room {
            if self.head.status == 200 {
                let limit = self.max_body;
                return Err(TransportError::TooLarge { limit });
            }
            self.is_cut_short = true;
        }
        Ok(usize::try_from(n_bytes.min(room)).unwrap_or(usize::MAX))
    }
}

/// The head's length and what it says, once it is all there.
fn read_head(bytes: &[u8]) -> Result<Option<(usize, Head)>, TransportError> {
    let mut slots = [const { MaybeUninit::uninit() }; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut []);
    let parsed = ParserConfig::default().parse_response_with_uninit_headers(
        &mut response,
        bytes,
        &mut slots,
    );
    let length = match parsed {
        Ok(Status::Complete(length)) if length <= MAX_HEAD => length,
        Ok(Status::Complete(_)) => return Err(TransportError::HeadTooLarge { limit: MAX_HEAD }),
        Ok(Status::Partial) => return Ok(None),
        // One byte of something else: the next one tells what it is.
        Err(_) if strange_opening(bytes).is_some_and(|it| it.len() == 1) => return Ok(None),
        Err(error) => {
            return Err(match strange_opening(bytes) {
                Some([0x15, 0x03, ..]) => TransportError::PlainToTlsPort,
                Some(opening) => TransportError::NotHttp {
                    excerpt: Excerpt::of(opening),
                },
                None => bad(&error.to_string()),
            });
        }
    };
    let mut head = Head {
        status: response.code.unwrap_or_default(),
        is_kept_alive: response.version == Some(1),
        ..Head::default()
    };
    if head.status < 100 {
        return Err(bad("a status below 100"));
    }
    for header in &*response.headers {
        head.note(header.name, header.value)?;
    }
    Ok(Some((length, head)))
}

impl Head {
    fn note(&mut self, name: &str, value: &[u8]) -> Result<(), TransportError> {
        let is = |other: &str| name.eq_ignore_ascii_case(other);
        // By length, since nearly every header is none of these.
        match name.len() {
            10 if is("connection") => {
                self.is_kept_alive |= has_token(value, "keep-alive");
                self.is_kept_alive &= !has_token(value, "close");
            }
            10 if is("set-cookie") => self.has_cookies = true,
            14 if is("content-length") => {
                let length = std::str::from_utf8(value).ok().and_then(|it| {
                    let is_number = it.bytes().all(|it| it.is_ascii_digit());
                    it.parse().ok().filter(|_| is_number)
                });
                let length: u64 = length.ok_or_else(|| bad("the length of the body"))?;
                if self.length.is_some_and(|it| it != length) {
                    return Err(bad("two lengths of the body"));
                }
                self.length = Some(length);
            }
            16 if is("content-encoding") => {
                self.is_encoded |= !value.eq_ignore_ascii_case(b"identity");
            }
            17 if is("transfer-encoding") && !value.eq_ignore_ascii_case(b"identity") => {
                if self.is_chunked || !value.eq_ignore_ascii_case(b"chunked") {
                    return Err(bad("a transfer encoding that nobody asked for"));
                }
                self.is_chunked = true;
            }
            _ => {}
        }
        Ok(())
    }
}

fn has_token(value: &[u8], token: &str) -> bool {
    let mut tokens = value.split(|it| *it == b',').map(<[u8]>::trim_ascii);
    tokens.any(|it| it.eq_ignore_ascii_case(token.as_bytes()))
}

fn bad(reason: &str) -> TransportError {
    TransportError::BadHttp {
        reason: reason.to_owned(),
    }
}
