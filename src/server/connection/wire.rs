//! The bytes of one connection, with TLS or without.

use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::sync::Arc;

use mio::event::Event;
use rustls::{Error, InvalidMessage, ServerConfig, ServerConnection, StreamOwned};

use super::socket::Socket;

/// What comes in and goes out as bytes of HTTP and of frames.
#[derive(Debug)]
pub(super) enum Wire {
    Plain(Socket),
    Tls(Box<StreamOwned<ServerConnection, Socket>>),
}

/// What every client of TLS begins with: a record of this type (RFC 8446, 5.1).
const HANDSHAKE: u8 = 22;

/// What somebody gets who does not speak TLS. Without it HTTP clients would find a few bytes of
/// TLS where a response has to be.
const NO_TLS: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\n\
    Content-Length: 40\r\nConnection: close\r\n\r\nthis port speaks TLS: https:// or wss://";

impl Wire {
    /// `tls` is who the server is, where it speaks TLS.
    ///
    /// # Errors
    /// When the library refuses the configuration.
    pub(super) fn new(socket: Socket, tls: Option<&Arc<ServerConfig>>) -> Result<Self, Error> {
        Ok(match tls {
            None => Self::Plain(socket),
            Some(config) => {
                let connection = ServerConnection::new(Arc::clone(config))?;
                Self::Tls(Box::new(StreamOwned::new(connection, socket)))
            }
        })
    }

    /// Notes what the system says about the socket.
    pub(super) fn note(&mut self, event: &Event) {
        self.socket_mut().note(event);
    }

    /// Whether the client sends nothing more than what is there.
    pub(super) fn is_ending(&self) -> bool {
        match self {
            Self::Plain(socket) => socket.is_ending(),
            Self::Tls(tls) => tls.sock.is_ending(),
        }
    }

    pub(super) fn shut_down(&mut self, how: Shutdown) -> io::Result<()> {
        if let Self::Tls(tls) = self {
            // Else it could be that something was cut off.
            tls.conn.send_close_notify();
            tls.flush()?;
        }
        self.socket_mut().shut_down(how)
    }

    /// What the observer is told of an error, if TLS is what failed.
    pub(super) fn tls_failure(&self, error: &io::Error) -> Option<String> {
        let Self::Tls(tls) = self else {
            return None;
        };
        let cause = error.get_ref().and_then(|it| it.downcast_ref());
        Some(match cause {
            Some(Error::InvalidMessage(InvalidMessage::InvalidContentType)) => {
                "it does not speak TLS".to_owned()
            }
            Some(Error::AlertReceived(alert)) => format!("it ended TLS: {alert:?}"),
            Some(error) => format!("TLS failed: {error}"),
            // What many do that do not trust a certificate.
            None if tls.conn.is_handshaking() => {
                "it left before TLS was agreed; does it trust the certificate?".to_owned()
            }
            None => return None,
        })
    }

    fn socket_mut(&mut self) -> &mut Socket {
        match self {
            Self::Plain(socket) => socket,
            Self::Tls(tls) => &mut tls.sock,
        }
    }
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(buffer),
            Self::Tls(tls) => {
                if tls.sock.first_byte()?.is_some_and(|it| it != HANDSHAKE) {
                    let _ = tls.sock.write(NO_TLS);
                    let error = Error::InvalidMessage(InvalidMessage::InvalidContentType);
                    return Err(io::Error::new(ErrorKind::InvalidData, error));
                }
                match tls.read(buffer) {
                    // Many leave without a word; HTTP and frames say themselves where they end.
                    Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                        match tls.conn.is_handshaking() {
                            true => Err(error),
                            false => Ok(0),
                        }
                    }
                    result => result,
                }
            }
        }
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.write(bytes),
            Self::Tls(tls) => tls.write(bytes),
        }
    }

    /// TLS keeps what the socket did not take. Its handshake is the affair of whoever reads.
    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(socket) => socket.flush(),
            Self::Tls(tls) if tls.conn.is_handshaking() => Ok(()),
            Self::Tls(tls) => tls.flush(),
        }
    }
}
