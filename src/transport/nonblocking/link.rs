//! A connection from its first packet to the end of the TLS handshake, and its bytes then.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr};

use mio::event::Event;
use mio::net::TcpStream;
use mio::{Interest, Token};

use super::super::TransportError;
use super::super::standing::{Standing, Step};
use super::wire::{Counted, Wire};
use super::{Shared, Target, Traffic};
use crate::session::Stage;
use crate::wire::{Layers, Socket};

/// A connection to one of the target's addresses.
#[derive(Debug)]
pub(crate) struct Link {
    wire: Wire,
    step: Step,
    /// The number of the address.
    nth: u8,
    n_tried: u8,
    source: Option<IpAddr>,
    token: Token,
}

impl Link {
    /// Starts connecting, from this address of ours if there is one given.
    pub(crate) fn connect(
        shared: &Shared,
        source: Option<IpAddr>,
        token: Token,
    ) -> Result<Self, TransportError> {
        let first = shared.target.preferred();
        let mut link = Attempt {
            nth: first,
            n_tried: 0,
            source,
            token,
        };
        link.next(shared, None)
    }

    /// Notes what the system says about the socket.
    pub(crate) fn note(&mut self, event: &Event) {
        self.wire.socket_mut().socket.note(event);
    }

    /// Goes on connecting; `true` once TCP and TLS are done.
    pub(crate) fn open(&mut self, shared: &Shared) -> Result<bool, TransportError> {
        if self.step == Step::Tcp {
            match is_connected(self.wire.socket().socket.socket()) {
                Ok(true) => {}
                Ok(false) => return Ok(false),
                Err(error) => return self.try_next(shared, error).map(|()| false),
            }
            // Not before, since Windows wants to be connected.
            let set = self.wire.socket().socket.socket().set_nodelay(true);
            set.map_err(|error| self.standing().failed(error))?;
            shared.target.prefer(usize::from(self.nth));
            self.step = Step::Tls;
        }
        if self.step == Step::Tls {
            match self.wire.shake_hands() {
                Ok(()) => self.step = Step::Exchange,
                Err(error) if is_pause(&error) => return Ok(false),
                Err(error) => return Err(failure(&shared.target, error, self.standing())),
            }
        }
        Ok(true)
    }

    pub(super) fn step(&self) -> Step {
        self.step
    }

    pub(crate) fn is_open(&self) -> bool {
        self.step == Step::Exchange
    }

    pub(crate) fn address(&self, target: &Target) -> SocketAddr {
        target.addresses()[usize::from(self.nth)]
    }

    /// The server did not answer at this address: others begin with the next one.
    pub(crate) fn avoid(&self, target: &Target) {
        target.prefer(target.after(usize::from(self.nth)));
    }

    /// Whether the server will send no more than what is there.
    pub(crate) fn is_ending(&self) -> bool {
        self.wire.socket().socket.is_ending()
    }

    /// Whether there may be something to read.
    pub(crate) fn is_readable(&self) -> bool {
        self.wire.socket().socket.is_readable()
    }

    pub(super) fn look_again(&mut self) {
        self.wire.socket_mut().socket.look_again();
    }

    /// Ends one direction, or both; TLS says so first.
    pub(crate) fn shut_down(&mut self, how: Shutdown) -> io::Result<()> {
        if let Layers::Tls(tls) = &mut self.wire {
            tls.conn.send_close_notify();
            tls.flush()?;
        }
        self.wire.socket().socket.shut_down(how)
    }

    /// The bytes on the wire since the last call.
    pub(crate) fn take_traffic(&mut self) -> Traffic {
        self.wire.socket_mut().take_traffic()
    }

    /// How far it has got, with nothing said by either side.
    pub(super) fn standing(&self) -> Standing<'static> {
        Standing {
            step: self.step,
            sent: 0,
            is_send_broken: false,
            received: 0,
            strange_opening: &[],
        }
    }

    fn try_next(&mut self, shared: &Shared, error: io::Error) -> Result<(), TransportError> {
        let mut attempt = Attempt {
            nth: shared.target.after(usize::from(self.nth)),
            n_tried: self.n_tried,
            source: self.source,
            token: self.token,
        };
        *self = attempt.next(shared, Some(error))?;
        Ok(())
    }
}

impl Read for Link {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.wire.read(buffer)
    }
}

impl Write for Link {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.wire.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.wire.flush()
    }
}

/// Connecting to one address after the other.
struct Attempt {
    nth: usize,
    n_tried: u8,
    source: Option<IpAddr>,
    token: Token,
}

impl Attempt {
    /// Starts connecting to the next address that allows it. `error` is what the last one said.
    fn next(
        &mut self,
        shared: &Shared,
        mut error: Option<io::Error>,
    ) -> Result<Link, TransportError> {
        let addresses = shared.target.addresses();
        while usize::from(self.n_tried) < addresses.len() {
            self.n_tried += 1;
            match self.dial(shared, addresses[self.nth]) {
                Ok(socket) => {
                    let tls = shared.target.encrypt()?;
                    return Ok(Link {
                        wire: Wire::new(Counted::new(Socket::new(socket)), tls),
                        step: Step::Tcp,
                        // As many as `Target::new` keeps.
                        nth: u8::try_from(self.nth).unwrap_or(u8::MAX),
                        n_tried: self.n_tried,
                        source: self.source,
                        token: self.token,
                    });
                }
                Err(refused) => {
                    // That an address of the other family is no use is no news.
                    if error.is_none() || refused.kind() != io::ErrorKind::Unsupported {
                        error = Some(refused);
                    }
                    self.nth = shared.target.after(self.nth);
                }
            }
        }
        Err(TransportError::Connect {
            addresses: addresses.to_vec(),
            source: error.unwrap_or_else(|| io::ErrorKind::AddrNotAvailable.into()),
        })
    }

    fn dial(&self, shared: &Shared, address: SocketAddr) -> io::Result<TcpStream> {
        let mut socket = match self.source {
            Some(source) => dial_from(source, address)?,
            None => TcpStream::connect(address)?,
        };
        let both = Interest::READABLE | Interest::WRITABLE;
        shared.registry.register(&mut socket, self.token, both)?;
        Ok(socket)
    }
}

/// What an error of the socket or of TLS means for an exchange that got this far.
pub(super) fn failure(target: &Target, error: io::Error, standing: Standing<'_>) -> TransportError {
    let stage = match standing.step {
        Step::Tcp | Step::Tls => Stage::Unsent,
        Step::Exchange => standing.stage(),
    };
    match error.get_ref().and_then(|it| it.downcast_ref()) {
        Some(error) => target.settings.tls.failure(error, stage),
        None => standing.failed(error),
    }
}

/// Whether an error only says that the socket has nothing, or takes nothing, at the moment.
pub(super) fn is_pause(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
}

/// Whether the connection stands. mio wants both questions asked: a socket can be writable
/// without it on some systems.
fn is_connected(socket: &TcpStream) -> io::Result<bool> {
    if let Some(error) = socket.take_error()? {
        return Err(error);
    }
    match socket.peer_addr() {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(false),
        Err(error) => Err(error),
    }
}

/// Connects from an address of ours. The system chooses the port here and not when it knows
/// the destination, which makes no difference as long as there is only one.
#[cfg(unix)]
fn dial_from(source: IpAddr, address: SocketAddr) -> io::Result<TcpStream> {
    use rustix::io::Errno;
    use rustix::net::{AddressFamily, SocketType, bind, connect, socket};

    let family = match (source, address) {
        (IpAddr::V4(_), SocketAddr::V4(_)) => AddressFamily::INET,
        (IpAddr::V6(_), SocketAddr::V6(_)) => AddressFamily::INET6,
        (IpAddr::V4(_), SocketAddr::V6(_)) | (IpAddr::V6(_), SocketAddr::V4(_)) => {
            return Err(io::ErrorKind::Unsupported.into());
        }
    };
    let socket = std::net::TcpStream::from(socket(family, SocketType::STREAM, None)?);
    rustix::io::fcntl_setfd(&socket, rustix::io::FdFlags::CLOEXEC)?;
    socket.set_nonblocking(true)?;
    bind(&socket, &SocketAddr::new(source, 0))?;
    match connect(&socket, &address) {
        Ok(()) | Err(Errno::INPROGRESS) => Ok(TcpStream::from_std(socket)),
        Err(error) => Err(error.into()),
    }
}

#[cfg(not(unix))]
fn dial_from(_: IpAddr, _: SocketAddr) -> io::Result<TcpStream> {
    Err(io::Error::new(
        io::ErrorKind::Unsupported,
        "a source address cannot be chosen on this system",
    ))
}
