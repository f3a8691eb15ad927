//! The bytes of one connection, with TLS or without.

use std::io::{self, ErrorKind, Read, Write};
use std::mem;
use std::net::Shutdown;
use std::sync::Arc;

use mio::event::Event;
use mio::net::TcpStream;
use rustls::{Error, InvalidMessage, ServerConfig, ServerConnection};

use crate::wire::{Layers, Socket};

/// What comes in and goes out as bytes of HTTP and of frames.
#[derive(Debug)]
pub(crate) struct Wire(Layers<ServerConnection, Entrance>);

/// A socket that knows what somebody begins with who does not speak TLS.
#[derive(Debug)]
struct Entrance {
    socket: Socket,
    /// Whether the next byte has to be the first one of TLS.
    awaits_tls: bool,
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
    pub(crate) fn new(socket: TcpStream, tls: Option<&Arc<ServerConfig>>) -> Result<Self, Error> {
        let entrance = Entrance {
            socket: Socket::new(socket),
            awaits_tls: tls.is_some(),
        };
        let tls = tls.map(|it| ServerConnection::new(Arc::clone(it)));
        Ok(Self(Layers::new(entrance, tls.transpose()?)))
    }

    /// Notes what the system says about the socket.
    pub(crate) fn note(&mut self, event: &Event) {
        self.0.socket_mut().socket.note(event);
    }

    /// Whether the client sends nothing more than what is there.
    pub(crate) fn is_ending(&self) -> bool {
        self.0.socket().socket.is_ending()
    }

    /// Whether the handshake of TLS has begun and is not done.
    pub(super) fn is_shaking_hands(&self) -> bool {
        match &self.0 {
            Layers::Plain(_) => false,
            Layers::Tls(tls) => tls.conn.is_handshaking() && !tls.sock.awaits_tls,
        }
    }

    pub(crate) fn shut_down(&mut self, how: Shutdown) -> io::Result<()> {
        if let Layers::Tls(tls) = &mut self.0 {
            // Else it could be that something was cut off.
            tls.conn.send_close_notify();
            tls.flush()?;
        }
        self.0.socket().socket.shut_down(how)
    }

    /// What the observer is told of an error, if TLS is what failed.
    pub(crate) fn tls_failure(&self, error: &io::Error) -> Option<String> {
        let Layers::Tls(tls) = &self.0 else {
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
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match (self.0.read(buffer), &self.0) {
            // Many leave without a word; HTTP and frames say themselves where they end.
            (Err(error), Layers::Tls(tls))
                if error.kind() == ErrorKind::UnexpectedEof && !tls.conn.is_handshaking() =>
            {
                Ok(0)
            }
            (result, _) => result,
        }
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl Read for Entrance {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n_bytes = self.socket.read(buffer)?;
        if n_bytes > 0 && mem::take(&mut self.awaits_tls) && buffer[0] != HANDSHAKE {
            let _ = self.socket.write(NO_TLS);
            let error = Error::InvalidMessage(InvalidMessage::InvalidContentType);
            return Err(io::Error::new(ErrorKind::InvalidData, error));
        }
        Ok(n_bytes)
    }
}

impl Write for Entrance {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.socket.write(bytes)
    }

    fn write_vectored(&mut self, pieces: &[io::IoSlice<'_>]) -> io::Result<usize> {
        self.socket.write_vectored(pieces)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}
