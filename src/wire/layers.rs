//! A socket with TLS over it, or without.

use std::io::{self, Read, Write};
use std::ops::{Deref, DerefMut};

use rustls::{ConnectionCommon, SideData, StreamOwned};

/// The bytes of one connection as HTTP and frames have them. `C` is rustls's side of it, that of
/// a client or of a server; `S` is what is read and written below.
#[derive(Debug)]
pub(crate) enum Layers<C, S: Read + Write> {
    Plain(S),
    Tls(Box<StreamOwned<C, S>>),
}

impl<C, D, S> Layers<C, S>
where
    C: DerefMut + Deref<Target = ConnectionCommon<D>>,
    D: SideData + 'static,
    S: Read + Write,
{
    /// With TLS where there is a side of it.
    pub(crate) fn new(socket: S, tls: Option<C>) -> Self {
        match tls {
            None => Self::Plain(socket),
            Some(connection) => Self::Tls(Box::new(StreamOwned::new(connection, socket))),
        }
    }

    /// Goes on with the TLS handshake, if there is one; fails with `WouldBlock` until it is done.
    pub(crate) fn shake_hands(&mut self) -> io::Result<()> {
        if let Self::Tls(tls) = self {
            let StreamOwned { conn, sock } = &mut **tls;
            while conn.is_handshaking() {
                conn.complete_io(sock)?;
            }
        }
        Ok(())
    }

    pub(crate) fn socket_mut(&mut self) -> &mut S {
        match self {
            Self::Plain(socket) => socket,
            Self::Tls(tls) => &mut tls.sock,
        }
    }

    pub(crate) fn socket(&self) -> &S {
        match self {
            Self::Plain(socket) => socket,
            Self::Tls(tls) => &tls.sock,
        }
    }
}

impl<C, D, S> Read for Layers<C, S>
where
    C: DerefMut + Deref<Target = ConnectionCommon<D>>,
    D: SideData + 'static,
    S: Read + Write,
{
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(buffer),
            Self::Tls(tls) => tls.read(buffer),
        }
    }
}

impl<C, D, S> Write for Layers<C, S>
where
    C: DerefMut + Deref<Target = ConnectionCommon<D>>,
    D: SideData + 'static,
    S: Read + Write,
{
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
