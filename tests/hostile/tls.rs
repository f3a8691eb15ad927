//! Handshakes of TLS that are slow, or stop.

use std::io::{Read, Write};
use std::path::PathBuf;
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, ClientConnection, RootCertStore, Stream};

use crate::pace::drip;
use crate::serve::{HANDSHAKE, Serve, client_id};
use crate::wire::post;

/// A server that speaks TLS, and what trusts it.
fn serve(name: &str) -> (Serve, Arc<ClientConfig>) {
    let authority = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let tls = format!("--tls-self-signed={}", authority.display());
    let serve = Serve::unasked(&["--request-timeout", "300ms", &tls]);
    let mut roots = RootCertStore::empty();
    let authority = CertificateDer::from_pem_file(authority).unwrap();
    roots.add(authority).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    (serve, Arc::new(config))
}

fn client(config: &Arc<ClientConfig>) -> ClientConnection {
    let name = "127.0.0.1".try_into().unwrap();
    ClientConnection::new(Arc::clone(config), name).unwrap()
}

/// The first that a client says.
fn hello(config: &Arc<ClientConfig>) -> Vec<u8> {
    let mut hello = Vec::new();
    client(config).write_tls(&mut hello).unwrap();
    hello
}

/// Ends a test: a client with patience is served.
fn ends_well(serve: Serve, config: &Arc<ClientConfig>) {
    let mut socket = serve.tcp();
    let mut client = client(config);
    let mut stream = Stream::new(&mut client, &mut socket);
    stream.write_all(&post(HANDSHAKE)).unwrap();
    let mut response = String::new();
    while client_id(&response).is_none() {
        let mut buffer = [0; 1000];
        let length = stream.read(&mut buffer).unwrap();
        assert!(length > 0, "{response}");
        response.push_str(std::str::from_utf8(&buffer[..length]).unwrap());
    }
    serve.ends();
}

#[test]
fn a_handshake_that_stops_is_ended_in_time() {
    let (serve, config) = serve("stops.pem");
    let hello = hello(&config);
    for length in [1, 5, hello.len() / 2, hello.len()] {
        let mut wire = serve.connect();
        wire.send(&hello[..length]);
        let is_answered = !wire.rest().is_empty();
        assert_eq!(is_answered, length == hello.len(), "{length}");
    }
    ends_well(serve, &config);
}

#[test]
fn a_handshake_that_comes_slowly_is_ended_in_time() {
    let (serve, config) = serve("slow.pem");
    // The beginning of a record of 2^14 bytes, which is more than anybody waits for.
    let record = [22, 3, 3, 0x40, 0];
    drip(&mut serve.connect(), &record);
    let mut wire = serve.connect();
    wire.send(&hello(&config));
    drip(&mut wire, &record);
    ends_well(serve, &config);
}
