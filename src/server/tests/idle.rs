//! How long a connection is kept on which no request comes, in time that is simulated.

use std::sync::atomic::AtomicUsize;

use mio::{Events, Interest, Poll, Token};
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, ClientConnection, RootCertStore};

use super::*;
use crate::server::connection::{Caller, Connection, Turn};
use crate::server::hub::Hub;
use crate::server::pages::{Pages, Subject};
use crate::server::{encryption, listener};
use crate::tls::{CertificateChain, Identity, PrivateKey};

/// A connection with TLS, and the client at its other end.
struct Both {
    hub: Hub,
    poll: Poll,
    connection: Connection,
    client: ClientConnection,
    socket: TcpStream,
}

impl Both {
    fn new() -> Self {
        let names = ["localhost".to_owned()];
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        let (chain, key) = (made.cert.pem(), made.signing_key.serialize_pem());
        let identity = Identity::new(
            CertificateChain::from_pem(chain.as_bytes()).unwrap(),
            PrivateKey::from_pem(key.as_bytes()).unwrap(),
        );
        let settings = Arc::new(Settings::default());
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let pages = Pages::new("/cometd", Subject::Server(Flavor::CometD), address, || None);
        let tls = encryption::config(&identity.unwrap()).unwrap();
        let n_sessions = Arc::new(AtomicUsize::new(0));
        let hub = listener::hub(&settings, Some(tls), pages, &n_sessions);

        let socket = TcpStream::connect(address).unwrap();
        let (theirs, peer) = listener.accept().unwrap();
        theirs.set_nonblocking(true).unwrap();
        let mut theirs = mio::net::TcpStream::from_std(theirs);
        let poll = Poll::new().unwrap();
        let (token, both) = (Token(0), Interest::READABLE | Interest::WRITABLE);
        poll.registry().register(&mut theirs, token, both).unwrap();
        let connection = Connection::new(theirs, Caller { token, peer }, &hub).unwrap();

        let mut roots = RootCertStore::empty();
        let root: &CertificateDer<'_> = made.cert.der();
        roots.add(root.clone()).unwrap();
        let provider = Arc::new(ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let client = ClientConnection::new(Arc::new(config), "localhost".try_into().unwrap());
        Self {
            hub,
            poll,
            connection,
            client: client.unwrap(),
            socket,
        }
    }

    /// The client sends what it has, and the connection takes it; until when it is kept then.
    fn send(&mut self) -> Instant {
        while self.client.wants_write() {
            self.client.write_tls(&mut self.socket).unwrap();
        }
        self.turn()
    }

    /// The connection takes what there is, and sends what is taken.
    fn turn(&mut self) -> Instant {
        let mut events = Events::with_capacity(8);
        self.poll.poll(&mut events, Some(PATIENCE)).unwrap();
        assert!(!events.is_empty());
        for event in &events {
            self.connection.note(event);
        }
        while self.connection.turn(&mut self.hub, &mut [0; 4096]) == Turn::Unfinished {}
        let deadline = self.connection.deadline(&self.hub.settings, self.hub.now);
        deadline.unwrap()
    }

    /// The client takes its half of the handshake.
    fn receive(&mut self) {
        while self.client.is_handshaking() {
            self.client.read_tls(&mut self.socket).unwrap();
            self.client.process_new_packets().unwrap();
        }
    }
}

#[test]
fn who_took_a_response_slowly_has_all_the_time_for_the_next_request() {
    let mut both = Both::new();
    both.send();
    both.receive();
    both.send();
    // The reply repeats the id, and is more than a socket takes.
    let id = "x".repeat(12_000_000);
    let request = post(&format!("[{{'channel':'/meta/nothing','id':'{id}'}}]"));
    let mut blocked_until = both.hub.now;
    for piece in request.replace('\'', "\"").as_bytes().chunks(16_000) {
        std::io::Write::write_all(&mut both.client.writer(), piece).unwrap();
        blocked_until = both.send();
    }
    let timeout = both.hub.settings.response_timeout;
    assert_eq!(blocked_until, both.hub.now + timeout);

    both.hub.now += Duration::from_secs(20);
    let mut n_taken = 0;
    both.socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut buffer = vec![0; 1_000_000];
    loop {
        let taken = both.socket.read(&mut buffer).unwrap();
        n_taken += taken;
        if n_taken > id.len() {
            break;
        }
        let mut events = Events::with_capacity(8);
        both.poll.poll(&mut events, Some(Duration::ZERO)).unwrap();
        for event in &events {
            both.connection.note(event);
        }
        while both.connection.turn(&mut both.hub, &mut buffer) == Turn::Unfinished {}
    }
    let until = both.connection.deadline(&both.hub.settings, both.hub.now);
    assert_eq!(until, Some(both.hub.now + Duration::from_secs(75)));
}

#[test]
fn what_tls_says_without_a_request_does_not_keep_a_connection() {
    let mut both = Both::new();
    let began = both.hub.now;
    let idle = Duration::from_secs(75);
    let timeout = both.hub.settings.request_timeout;
    let first = both.connection.deadline(&both.hub.settings, began);
    assert_eq!(first, Some(began + idle), "nothing is begun");

    both.hub.now += Duration::from_secs(60);
    let shaking = both.hub.now;
    assert_eq!(both.send(), shaking + timeout);
    both.receive();
    both.hub.now += Duration::from_secs(1);
    let done = both.hub.now;
    assert_eq!(both.send(), done + idle);

    for _ in 0..3 {
        both.hub.now += Duration::from_secs(10);
        both.client.refresh_traffic_keys().unwrap();
        assert_eq!(both.send(), done + idle, "no request has come");
    }
    let now = both.hub.now;
    std::io::Write::write_all(&mut both.client.writer(), b"POST").unwrap();
    assert_eq!(both.send(), now + timeout, "one has begun");
}
