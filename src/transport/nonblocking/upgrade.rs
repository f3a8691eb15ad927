//! The upgrade of a connection to a websocket (RFC 6455, 4.1).

use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tungstenite::handshake::MidHandshake;
use tungstenite::handshake::client::ClientHandshake;
use tungstenite::{Error, HandshakeError};

use super::super::TransportError;
use super::super::standing::{Standing, Step, strange_opening};
use super::super::web_socket::{opening, outcome};
use super::link::{Link, failure};
use super::{Jar, Shared, Target, Traffic};

/// An upgrade that goes on.
pub(super) struct Upgrade {
    handshake: MidHandshake<ClientHandshake<Pipe>>,
    notes: Notes,
}

/// What tungstenite reads at once.
const READ_BUFFER: usize = 512;

/// What became of an upgrade so far.
pub(super) enum Upgraded {
    /// And whether nothing has come behind the response.
    Open(tungstenite::WebSocket<Pipe>, Behind),
    Pending(Upgrade),
}

/// What tungstenite reads from and writes to. Until the websocket is open it notes what passes:
/// tungstenite gives back no stream whose upgrade failed.
#[derive(Debug)]
pub(super) struct Pipe {
    link: Link,
    notes: Option<Notes>,
    source: Source,
}

/// Where tungstenite reads.
#[derive(Debug)]
enum Source {
    Link,
    /// From what it is given.
    Given(Vec<u8>),
    /// The server has closed the connection.
    End,
}

/// What has come behind the response.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Behind {
    Nothing,
    /// tungstenite has it.
    Something,
}

/// What passed in an upgrade.
#[derive(Clone, Debug, Default)]
struct Notes(Arc<Mutex<Noted>>);

#[derive(Debug, Default)]
struct Noted {
    sent: u64,
    received: u64,
    is_send_broken: bool,
    strange_opening: Vec<u8>,
    head: HeadEnd,
    traffic: Traffic,
}

/// Looks for the end of the response's head, which is an empty line.
#[derive(Debug, Default)]
struct HeadEnd {
    is_line_begun: bool,
    is_found: bool,
    n_behind: u64,
}

impl Upgrade {
    pub(super) fn start(
        link: Link,
        target: &Target,
        jar: &mut Jar,
    ) -> Result<Self, TransportError> {
        let endpoint = &target.settings.endpoint;
        let request = opening::request(endpoint, target.headers(), jar.line(target));
        // Next to nothing is read through it.
        let config = opening::config(target.settings.max_body).read_buffer_size(READ_BUFFER);
        let notes = Notes::default();
        let pipe = Pipe {
            link,
            notes: Some(notes.clone()),
            source: Source::Link,
        };
        match ClientHandshake::start(pipe, request, Some(config)) {
            Ok(handshake) => Ok(Self { handshake, notes }),
            Err(error) => Err(refusal(target, error, &notes)),
        }
    }

    /// Goes on as far as the system lets it.
    pub(super) fn proceed(
        self,
        shared: &mut Shared,
        jar: &mut Jar,
    ) -> Result<Upgraded, TransportError> {
        let Self { handshake, notes } = self;
        let outcome = handshake.handshake();
        shared.traffic += std::mem::take(&mut notes.lock().traffic);
        match outcome {
            Ok((mut socket, response)) => {
                if response.headers().contains_key("set-cookie") {
                    jar.store(&shared.target, response.headers());
                }
                let behind = match notes.lock().head.n_behind {
                    0 => Behind::Nothing,
                    _ => Behind::Something,
                };
                socket.get_mut().notes = None;
                Ok(Upgraded::Open(socket, behind))
            }
            Err(HandshakeError::Interrupted(handshake)) => {
                Ok(Upgraded::Pending(Self { handshake, notes }))
            }
            Err(HandshakeError::Failure(error)) => Err(refusal(&shared.target, error, &notes)),
        }
    }

    pub(super) fn link_mut(&mut self) -> &mut Link {
        &mut self.handshake.get_mut().get_mut().link
    }

    /// Tells how far it has got.
    pub(super) fn with_standing<T>(&self, tell: impl FnOnce(Standing<'_>) -> T) -> T {
        tell(self.notes.lock().standing())
    }
}

impl Pipe {
    pub(super) fn link_mut(&mut self) -> &mut Link {
        &mut self.link
    }

    /// Lets tungstenite read these bytes, and nothing else. It has to have taken those before.
    pub(super) fn give(&mut self, bytes: Vec<u8>) {
        self.source = Source::Given(bytes);
    }

    /// Lets tungstenite know that nothing follows.
    pub(super) fn end(&mut self) {
        self.source = Source::End;
    }
}

impl Notes {
    /// Nobody else has it at any time.
    fn lock(&self) -> MutexGuard<'_, Noted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Noted {
    fn standing(&self) -> Standing<'_> {
        Standing {
            step: Step::Exchange,
            sent: self.sent,
            is_send_broken: self.is_send_broken,
            received: self.received,
            strange_opening: &self.strange_opening,
        }
    }
}

impl HeadEnd {
    fn look(&mut self, bytes: &[u8]) {
        for byte in bytes {
            match byte {
                _ if self.is_found => self.n_behind += 1,
                b'\n' if self.is_line_begun => self.is_line_begun = false,
                b'\n' => self.is_found = true,
                b'\r' => {}
                _ => self.is_line_begun = true,
            }
        }
    }
}

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.source {
            Source::Link => {}
            Source::Given(bytes) if bytes.is_empty() => {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            Source::Given(bytes) => {
                let n_bytes = bytes.as_slice().read(buffer)?;
                bytes.drain(..n_bytes);
                return Ok(n_bytes);
            }
            Source::End => return Ok(0),
        }
        let read = self.link.read(buffer);
        if let Some(notes) = &self.notes {
            let mut noted = notes.lock();
            noted.traffic += self.link.take_traffic();
            if let Ok(n_bytes) = &read {
                let bytes = &buffer[..*n_bytes];
                if noted.received == 0
                    && let Some(opening) = strange_opening(bytes)
                {
                    noted.strange_opening = opening.to_vec();
                }
                noted.received += bytes.len() as u64;
                noted.head.look(bytes);
            }
        }
        read
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.link.write(bytes);
        if let Some(notes) = &self.notes {
            let mut noted = notes.lock();
            noted.traffic += self.link.take_traffic();
            match &written {
                Ok(n_bytes) => noted.sent += *n_bytes as u64,
                Err(error) => noted.is_send_broken = error.kind() != io::ErrorKind::WouldBlock,
            }
        }
        written
    }

    fn flush(&mut self) -> io::Result<()> {
        self.link.flush()
    }
}

fn refusal(target: &Target, error: Error, notes: &Notes) -> TransportError {
    let noted = notes.lock();
    let standing = noted.standing();
    outcome::of_upgrade(error, standing, |it| failure(target, it, standing))
}
