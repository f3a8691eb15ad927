//! TLS in front of a server that speaks none: it takes TLS off, and passes every byte on both
//! ways at any time, so that WebSocket goes through as well as HTTP.
//!
//! The transport's own tests include this file too.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use rustls::{ServerConfig, ServerConnection};

/// A relay on a port of its own, until it is dropped.
pub(crate) struct TlsRelay {
    address: SocketAddr,
    is_stopped: Arc<AtomicBool>,
}

impl TlsRelay {
    /// In front of the server at this URL, with this certificate.
    pub(crate) fn new(url: &str, config: Arc<ServerConfig>) -> Self {
        let host = url.split_once("://").unwrap().1.split('/').next().unwrap();
        let server: SocketAddr = host.parse().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let is_stopped = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&is_stopped);
        thread::spawn(move || {
            for client in listener.incoming() {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                let (client, config) = (client.unwrap(), Arc::clone(&config));
                thread::spawn(move || relay(client, server, config));
            }
        });
        Self {
            address,
            is_stopped,
        }
    }

    /// Its URL, for this name of the local machine.
    pub(crate) fn url(&self, host: &str) -> String {
        format!("https://{host}:{}/cometd", self.address.port())
    }
}

impl Drop for TlsRelay {
    fn drop(&mut self) {
        self.is_stopped.store(true, Ordering::SeqCst);
        // Wakes the listener. If that fails it is gone already.
        let _ = TcpStream::connect(self.address);
    }
}

/// Each direction has a thread; both need the one TLS state, and hold it to write as well, so
/// that records leave in the order in which they were made.
fn relay(client: TcpStream, server: SocketAddr, config: Arc<ServerConfig>) {
    let mut tls = ServerConnection::new(config).unwrap();
    tls.set_buffer_limit(None);
    let tls = Arc::new(Mutex::new(tls));
    let server = TcpStream::connect(server).unwrap();
    let (to_client, from_server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    let shared = Arc::clone(&tls);
    let back = thread::spawn(move || encrypt(from_server, to_client, &shared));
    decrypt(client, server, &tls);
    back.join().unwrap();
}

/// From the client to the server, until either of them leaves.
fn decrypt(mut client: TcpStream, mut server: TcpStream, tls: &Mutex<ServerConnection>) {
    let mut ciphertext = [0; 16 * 1024];
    while let Ok(n_bytes @ 1..) = client.read(&mut ciphertext) {
        let mut rest = &ciphertext[..n_bytes];
        while !rest.is_empty() {
            let mut tls = tls.lock().unwrap();
            let read = tls.read_tls(&mut rest);
            let state = tls.process_new_packets();
            // The handshake's answer, or the alert that ends it.
            let is_flushed = flush(&mut tls, &mut client);
            let (Ok(_), Ok(state), true) = (read, state, is_flushed) else {
                let _ = client.shutdown(Shutdown::Both);
                let _ = server.shutdown(Shutdown::Both);
                return;
            };
            let mut plaintext = vec![0; state.plaintext_bytes_to_read()];
            tls.reader().read_exact(&mut plaintext).unwrap();
            if server.write_all(&plaintext).is_err() {
                return;
            }
        }
    }
    // It is gone already if the server closed it.
    let _ = server.shutdown(Shutdown::Write);
}

/// From the server to the client, until either of them leaves.
fn encrypt(mut server: TcpStream, mut client: TcpStream, tls: &Mutex<ServerConnection>) {
    let mut plaintext = [0; 16 * 1024];
    while let Ok(n_bytes @ 1..) = server.read(&mut plaintext) {
        let mut tls = tls.lock().unwrap();
        tls.writer().write_all(&plaintext[..n_bytes]).unwrap();
        if !flush(&mut tls, &mut client) {
            return;
        }
    }
    let mut tls = tls.lock().unwrap();
    tls.send_close_notify();
    let _ = flush(&mut tls, &mut client) && client.shutdown(Shutdown::Write).is_ok();
}

fn flush(tls: &mut ServerConnection, client: &mut TcpStream) -> bool {
    while tls.wants_write() {
        if tls.write_tls(client).is_err() {
            return false;
        }
    }
    true
}
