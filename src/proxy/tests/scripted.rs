//! A server that keeps what it gets, and answers what it is told to.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use super::PATIENCE;

/// Serves one connection.
pub(super) struct Scripted {
    pub(super) address: SocketAddr,
    thread: JoinHandle<Vec<u8>>,
    /// A connection that is kept open.
    open: Option<mpsc::Receiver<TcpStream>>,
}

impl Scripted {
    /// Does this with the connection; it gives what it has read.
    pub(super) fn new(script: impl FnOnce(TcpStream) -> Vec<u8> + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let thread = thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            stream.set_write_timeout(Some(PATIENCE)).unwrap();
            script(stream)
        });
        Self {
            address,
            thread,
            open: None,
        }
    }

    /// Sends this at once, and reads to the end.
    pub(super) fn sending(response: Vec<u8>) -> Self {
        Self::new(move |mut stream| {
            let mut writer = stream.try_clone().unwrap();
            let written = thread::spawn(move || {
                let _ = writer.write_all(&response);
                let _ = writer.shutdown(std::net::Shutdown::Write);
            });
            let mut read = Vec::new();
            let _ = stream.read_to_end(&mut read);
            written.join().unwrap();
            read
        })
    }

    /// Reads to the end, says nothing and keeps the connection until the other side has had its
    /// patience.
    pub(super) fn sending_nothing() -> Self {
        let (kept, open) = mpsc::channel();
        let mut scripted = Self::new(move |mut stream| {
            let mut read = Vec::new();
            let _ = stream.read_to_end(&mut read);
            // It stays open beyond this thread.
            kept.send(stream).unwrap();
            read
        });
        scripted.open = Some(open);
        scripted
    }

    /// Reads so much, sends this, and reads to the end.
    pub(super) fn answering(n_bytes: usize, response: Vec<u8>) -> Self {
        Self::new(move |mut stream| {
            let mut read = vec![0; n_bytes];
            stream.read_exact(&mut read).unwrap();
            stream.write_all(&response).unwrap();
            stream.shutdown(std::net::Shutdown::Write).unwrap();
            let _ = stream.read_to_end(&mut read);
            read
        })
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/cometd", self.address)
    }

    /// What it has read.
    pub(super) fn read(self) -> Vec<u8> {
        let read = self.thread.join().unwrap();
        drop(self.open);
        read
    }
}
