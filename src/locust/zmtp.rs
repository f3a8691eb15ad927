//! The connection to a master: ZMTP 3.0 (rfc.zeromq.org/spec/23) as a DEALER, without security
//! (NULL), over a blocking socket.
//!
//! What comes in is read by [`Incoming`], which has no socket: a greeting, a READY command, then
//! messages. We say 3.0, so a newer libzmq speaks 3.0 too, which has no heartbeats of its own.

#[cfg(test)]
mod tests;

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

/// The longest frame that is taken. What a master says takes some kilobytes.
pub(super) const LONGEST_FRAME: u64 = 16 * 1024 * 1024;
/// How long the rest of a frame may take, and one that is sent.
const PATIENCE: Duration = Duration::from_secs(30);

/// A connection to a master.
#[derive(Debug)]
pub struct Link {
    stream: TcpStream,
    incoming: Incoming,
    /// Since when there is a frame that has not ended.
    begun: Option<Instant>,
}

/// The half of a [`Link`] that sends, for another thread.
#[derive(Debug)]
pub struct Sender(TcpStream);

/// Why there is no connection to a master, or none any more.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    /// The host's name leads nowhere.
    #[error("cannot find the host")]
    Resolve(#[source] io::Error),
    /// Nobody takes the connection.
    #[error("cannot connect")]
    Connect(#[source] io::Error),
    /// Something answers that is no ZeroMQ.
    #[error("what answers is not ZeroMQ: it says `{begins}`")]
    NotZmtp {
        /// How its answer begins, as text.
        begins: String,
    },
    /// ZeroMQ before version 4, of 2013.
    #[error("what answers speaks an old ZeroMQ protocol, of version {major}")]
    OldZmtp {
        /// The major version.
        major: u8,
    },
    /// It wants encryption, or a password.
    #[error("what answers wants the security mechanism {mechanism}")]
    Mechanism {
        /// Its name.
        mechanism: String,
    },
    /// A ZeroMQ socket that is none of a master's.
    #[error("what answers is a {socket_type} socket, not a ROUTER")]
    WrongSocket {
        /// Its type.
        socket_type: String,
    },
    /// It refuses the connection.
    #[error("refused: {reason}")]
    Refused {
        /// Its words.
        reason: String,
    },
    /// The other side has closed the connection.
    #[error("the connection was closed")]
    Closed {
        /// Whether it had been greeted as ZeroMQ by then.
        was_up: Up,
    },
    /// Nothing came, or it did not end.
    #[error("no answer within {after:?}")]
    Silent {
        /// How long was waited.
        after: Duration,
    },
    /// A frame is longer than is taken.
    #[error("a frame of {length} bytes is too long")]
    TooLong {
        /// How long it is.
        length: u64,
    },
    /// Bytes that are no frame, or none that belongs there.
    #[error("bad frame: {0}")]
    BadFrame(&'static str),
    /// The connection broke.
    #[error("the connection broke")]
    Lost(#[source] io::Error),
}

/// How far a connection had come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Up {
    /// Greeted and ready.
    Ready,
    /// Not yet.
    NotYet,
}

impl Link {
    /// Connects to `host:port`, under an identity by which the master tells its workers apart.
    ///
    /// # Errors
    /// When nobody is there, or somebody else than a master, or it takes longer than `patience`.
    pub fn connect(
        host: &str,
        port: u16,
        identity: &str,
        patience: Duration,
    ) -> Result<Self, LinkError> {
        let deadline = Instant::now() + patience;
        let addresses = (host, port).to_socket_addrs().map_err(LinkError::Resolve)?;
        let mut failure = io::Error::from(io::ErrorKind::AddrNotAvailable);
        for address in addresses {
            let left = left(deadline).ok_or(LinkError::Silent { after: patience })?;
            match TcpStream::connect_timeout(&address, left) {
                Ok(stream) => return Self::greet(stream, identity, deadline, patience),
                Err(error) => failure = error,
            }
        }
        Err(LinkError::Connect(failure))
    }

    fn greet(
        stream: TcpStream,
        identity: &str,
        deadline: Instant,
        patience: Duration,
    ) -> Result<Self, LinkError> {
        let mut link = Self {
            stream,
            incoming: Incoming::default(),
            begun: None,
        };
        link.stream.set_nodelay(true).map_err(LinkError::Connect)?;
        let late = || LinkError::Silent { after: patience };
        write(&link.stream, &greeting(), deadline, Up::NotYet)?;
        // The greeting says what the other side is; only then is it told who is there.
        for (awaited, answer) in [(Item::Greeting, Some(ready(identity))), (Item::Ready, None)] {
            if link.item(Some(deadline))?.ok_or_else(late)? != awaited {
                return Err(LinkError::BadFrame("a message before the READY command"));
            }
            if let Some(answer) = answer {
                write(&link.stream, &answer, deadline, Up::NotYet)?;
            }
        }
        Ok(link)
    }

    /// Sends a message.
    ///
    /// # Errors
    /// When the connection is no more, or nobody takes the message.
    pub fn send(&self, message: &[u8]) -> Result<(), LinkError> {
        send(&self.stream, message)
    }

    /// The next message; nothing when none has come by the deadline.
    ///
    /// # Errors
    /// When the connection is no more.
    pub fn receive(&mut self, deadline: Option<Instant>) -> Result<Option<Vec<u8>>, LinkError> {
        match self.item(deadline)? {
            Some(Item::Message(message)) => Ok(Some(message)),
            Some(Item::Greeting | Item::Ready) => {
                Err(LinkError::BadFrame("a second READY command"))
            }
            None => Ok(None),
        }
    }

    /// For another thread to send with.
    ///
    /// # Errors
    /// When the system has no descriptor left.
    pub fn sender(&self) -> io::Result<Sender> {
        self.stream.try_clone().map(Sender)
    }

    fn item(&mut self, deadline: Option<Instant>) -> Result<Option<Item>, LinkError> {
        let mut buffer = [0; 16 * 1024];
        loop {
            if let Some(item) = self.incoming.next()? {
                self.begun = None;
                return Ok(Some(item));
            }
            let now = Instant::now();
            let patience = match self.incoming.is_within() {
                true => Some(*self.begun.get_or_insert(now) + PATIENCE),
                false => None,
            };
            if patience.is_some_and(|it| now >= it) {
                return Err(LinkError::Silent { after: PATIENCE });
            }
            if deadline.is_some_and(|it| now >= it) {
                return Ok(None);
            }
            let until = [deadline, patience].into_iter().flatten().min();
            let wait = until.map(|it| it.saturating_duration_since(now));
            self.stream
                .set_read_timeout(wait)
                .map_err(LinkError::Lost)?;
            match self.stream.read(&mut buffer) {
                Ok(0) => {
                    let was_up = self.incoming.up();
                    return Err(LinkError::Closed { was_up });
                }
                Ok(n_bytes) => self.incoming.push(&buffer[..n_bytes]),
                Err(error) if is_timeout(&error) => {}
                Err(error) => return Err(lost(error, self.incoming.up())),
            }
        }
    }
}

impl Sender {
    /// Sends a message.
    ///
    /// # Errors
    /// When the connection is no more, or nobody takes the message.
    pub fn send(&self, message: &[u8]) -> Result<(), LinkError> {
        send(&self.0, message)
    }

    /// Closes the connection, so that whoever waits in [`Link::receive`] hears of it.
    pub fn close(&self) {
        // It may be closed already.
        let _ = self.0.shutdown(Shutdown::Both);
    }
}

fn send(stream: &TcpStream, message: &[u8]) -> Result<(), LinkError> {
    write(
        stream,
        &frame(FLAG_NONE, message),
        Instant::now() + PATIENCE,
        Up::Ready,
    )
}

fn write(
    mut stream: &TcpStream,
    mut bytes: &[u8],
    deadline: Instant,
    up: Up,
) -> Result<(), LinkError> {
    while !bytes.is_empty() {
        let left = left(deadline).ok_or(LinkError::Silent { after: PATIENCE })?;
        stream
            .set_write_timeout(Some(left))
            .map_err(LinkError::Lost)?;
        match stream.write(bytes) {
            Ok(n_bytes) => bytes = &bytes[n_bytes..],
            Err(error) if is_timeout(&error) => {}
            Err(error) => return Err(lost(error, up)),
        }
    }
    Ok(())
}

/// The time until a deadline; nothing where it has passed.
fn left(deadline: Instant) -> Option<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    (!left.is_zero()).then_some(left)
}

fn is_timeout(error: &io::Error) -> bool {
    use io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
    matches!(error.kind(), Interrupted | TimedOut | WouldBlock)
}

fn lost(error: io::Error, was_up: Up) -> LinkError {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset};
    match error.kind() {
        BrokenPipe | ConnectionAborted | ConnectionReset => LinkError::Closed { was_up },
        _ => LinkError::Lost(error),
    }
}

/// What comes in.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Item {
    /// The other side speaks ZMTP 3.
    Greeting,
    /// It is a ROUTER, and takes messages.
    Ready,
    /// A message.
    Message(Vec<u8>),
}

/// Reads what a connection brings, in pieces of any size.
#[derive(Debug, Default)]
pub(super) struct Incoming {
    buffer: Vec<u8>,
    /// Bytes of the buffer that are read.
    n_read: usize,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Stage {
    #[default]
    Greeting,
    Ready,
    Messages,
}

const FLAG_NONE: u8 = 0;
const FLAG_MORE: u8 = 1;
const FLAG_LONG: u8 = 2;
const FLAG_COMMAND: u8 = 4;
const GREETING: usize = 64;
/// The mechanism's name, filled up with zeros.
const MECHANISM: std::ops::Range<usize> = 12..32;
/// The longest name of anything in what is told of it.
const LONGEST_NAME: usize = 40;

impl Incoming {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        if self.n_read == self.buffer.len() {
            self.buffer.clear();
            self.n_read = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// What is next, if it has come in full.
    pub(super) fn next(&mut self) -> Result<Option<Item>, LinkError> {
        if self.stage == Stage::Greeting {
            return self.greeting();
        }
        while let Some((flags, body)) = self.frame()? {
            let body = self.buffer[body].to_vec();
            let item = match (self.stage, flags & FLAG_COMMAND != 0) {
                (Stage::Ready, true) => {
                    ready_of(&body)?;
                    self.stage = Stage::Messages;
                    Item::Ready
                }
                // Heartbeats of ZMTP 3.1, which a peer of 3.0 is not sent: nothing to do.
                (_, true) => continue,
                (Stage::Messages, false) => Item::Message(body),
                (_, false) => return Err(LinkError::BadFrame("a message before a READY command")),
            };
            return Ok(Some(item));
        }
        Ok(None)
    }

    /// Whether something has begun to come that has not ended.
    fn is_within(&self) -> bool {
        self.n_read < self.buffer.len()
    }

    fn up(&self) -> Up {
        match self.stage {
            Stage::Greeting | Stage::Ready => Up::NotYet,
            Stage::Messages => Up::Ready,
        }
    }

    fn greeting(&mut self) -> Result<Option<Item>, LinkError> {
        let bytes = &self.buffer;
        // As soon as it can be told: a server of something else says its line and waits.
        let is_signed = bytes.first().is_none_or(|&it| it == 0xff)
            && bytes.get(9).is_none_or(|&it| it & 1 == 1);
        if !is_signed {
            return Err(LinkError::NotZmtp {
                begins: name(&bytes[..bytes.len().min(LONGEST_NAME)]),
            });
        }
        if let Some(&major) = bytes.get(10).filter(|&&it| it < 3) {
            return Err(LinkError::OldZmtp { major });
        }
        let Some(greeting) = bytes.get(..GREETING) else {
            return Ok(None);
        };
        let mechanism = name(&greeting[MECHANISM]);
        if mechanism != "NULL" {
            return Err(LinkError::Mechanism { mechanism });
        }
        self.n_read = GREETING;
        self.stage = Stage::Ready;
        Ok(Some(Item::Greeting))
    }

    /// Takes a frame: its flags, and where its body is.
    fn frame(&mut self) -> Result<Option<(u8, std::ops::Range<usize>)>, LinkError> {
        let bytes = &self.buffer[self.n_read..];
        let Some(&flags) = bytes.first() else {
            return Ok(None);
        };
        if flags & !(FLAG_MORE | FLAG_LONG | FLAG_COMMAND) != 0 {
            return Err(LinkError::BadFrame("unknown flags"));
        }
        if flags & FLAG_MORE != 0 {
            return Err(LinkError::BadFrame("a message of several parts"));
        }
        let (head, length) = match flags & FLAG_LONG != 0 {
            true => match bytes.get(1..9).and_then(|it| it.try_into().ok()) {
                Some(length) => (9, u64::from_be_bytes(length)),
                None => return Ok(None),
            },
            false => match bytes.get(1) {
                Some(&length) => (2, u64::from(length)),
                None => return Ok(None),
            },
        };
        if length > LONGEST_FRAME {
            return Err(LinkError::TooLong { length });
        }
        let length = length as usize;
        if bytes.len() - head < length {
            return Ok(None);
        }
        let body = self.n_read + head;
        self.n_read = body + length;
        Ok(Some((flags, body..body + length)))
    }
}

/// Our greeting: signature, version 3.0, NULL, a client.
fn greeting() -> [u8; GREETING] {
    let mut greeting = [0; GREETING];
    greeting[0] = 0xff;
    greeting[9] = 0x7f;
    greeting[10] = 3;
    greeting[MECHANISM][..4].copy_from_slice(b"NULL");
    greeting
}

/// Our READY command.
fn ready(identity: &str) -> Vec<u8> {
    let mut body = b"\x05READY".to_vec();
    for (name, value) in [("Socket-Type", "DEALER"), ("Identity", identity)] {
        body.push(name.len() as u8);
        body.extend_from_slice(name.as_bytes());
        body.extend_from_slice(&(value.len() as u32).to_be_bytes());
        body.extend_from_slice(value.as_bytes());
    }
    frame(FLAG_COMMAND, &body)
}

fn frame(flags: u8, body: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(body.len() + 9);
    match u8::try_from(body.len()) {
        Ok(length) => frame.extend_from_slice(&[flags, length]),
        Err(_) => {
            frame.push(flags | FLAG_LONG);
            frame.extend_from_slice(&(body.len() as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(body);
    frame
}

/// Whether the other side's READY command is a master's.
fn ready_of(body: &[u8]) -> Result<(), LinkError> {
    const CUT: LinkError = LinkError::BadFrame("a command that is cut off");
    let (command, mut rest) = short(body).ok_or(CUT)?;
    match command {
        b"READY" => {}
        b"ERROR" => {
            let reason = short(rest).map_or(&b""[..], |it| it.0);
            return Err(LinkError::Refused {
                reason: name(reason),
            });
        }
        _ => return Err(LinkError::BadFrame("another command than READY")),
    }
    while !rest.is_empty() {
        let (property, after) = short(rest).ok_or(CUT)?;
        let (length, after) = after.split_first_chunk().ok_or(CUT)?;
        let length = u32::from_be_bytes(*length) as usize;
        let (value, after) = after.split_at_checked(length).ok_or(CUT)?;
        if property.eq_ignore_ascii_case(b"Socket-Type") && value != b"ROUTER" {
            return Err(LinkError::WrongSocket {
                socket_type: name(value),
            });
        }
        rest = after;
    }
    Ok(())
}

/// A string with its length before it in one byte, and what follows it.
fn short(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&length, rest) = bytes.split_first()?;
    rest.split_at_checked(usize::from(length))
}

/// Bytes that are to be a name, up to the first zero, for people.
fn name(bytes: &[u8]) -> String {
    let text = bytes.split(|&it| it == 0 || it == b'\r' || it == b'\n');
    let text = String::from_utf8_lossy(text.into_iter().next().unwrap_or_default());
    text.chars().take(LONGEST_NAME).collect()
}
