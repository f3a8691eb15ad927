//! The same over TLS.

use std::sync::Arc;

use rustls::{ServerConfig, version};
use tungstenite::{Message as Frame, accept};

use super::super::authority::{Authority, Dates, self_signed};
use super::super::tls_relay::TlsRelay;
use super::*;
use crate::session::Stage;
use crate::tls::Root;
use crate::transport::Verification;

const HOST: &str = "localhost";

/// A client's settings, which trust this.
fn trusting(pem: &str, url: &str) -> Settings {
    let roots = Root::from_pem(pem.as_bytes()).unwrap();
    Settings {
        tls: Tls::new(roots, None, Verification::Full),
        ..settings(url)
    }
}

/// A server's configuration and its root.
fn trusted() -> (Arc<ServerConfig>, String) {
    let authority = Authority::new("Corp CA");
    (authority.issue(HOST, Dates::Now).server(), authority.pem())
}

#[test]
fn exchanges_pass_over_either_version() {
    let authority = Authority::new("Corp CA");
    let identity = authority.issue(HOST, Dates::Now);
    let long = "x".repeat(300_000);
    let body = format!(r#"[{{"channel":"/demo","data":"{long}"}}]"#);
    for version in [&version::TLS12, &version::TLS13] {
        let config = identity.server_with(None, &[version]);
        let response = ok(&body);
        let server = Server::run(move |listener| {
            let mut peer = listener.accept();
            peer.request();
            peer.answer(REPLY);
            let request = peer.request();
            peer.write(response);
            request.len()
        });
        let relay = TlsRelay::new(&server.url, config);
        let mut single = Single::new(&trusting(&authority.pem(), &relay.url(HOST)));
        // Before there is a connection.
        let outcome = single.exchange(&[connect()]);
        assert_eq!(channels(&outcome), ["/meta/connect"]);
        assert!(single.http.is_connected() && single.http.is_reusable());
        let message = crate::protocol::decode(body.as_bytes())
            .unwrap()
            .messages
            .remove(0);
        let outcome = single.exchange(&[message]);
        assert_eq!(channels(&outcome), ["/demo"]);
        assert!(server.finish() > 300_000);
        // TLS is counted as well.
        assert!(single.thread.shared.traffic.received > 301_000);
    }
}

#[test]
fn frames_pass_in_both_directions() {
    let (config, root) = trusted();
    let long = "x".repeat(100_000);
    let body = format!(r#"[{{"channel":"/demo","data":"{long}"}}]"#);
    let text = body.clone();
    let server = Server::run(move |listener| {
        let mut socket = accept(listener.accept().0).unwrap();
        let frame = socket.read().unwrap();
        // In one record or few: the system knows nothing of what TLS has read.
        for _ in 0..20 {
            socket.write(Frame::text(REPLY)).unwrap();
        }
        socket.send(Frame::text(text)).unwrap();
        frame
    });
    let relay = TlsRelay::new(&server.url, config);
    let mut client = Client::opened(&trusting(&root, &relay.url(HOST).replace("https", "wss")));
    let message = crate::protocol::decode(body.as_bytes())
        .unwrap()
        .messages
        .remove(0);
    client.send(&[message]);
    for _ in 0..20 {
        assert_eq!(client.messages(), ["/meta/connect"]);
    }
    assert_eq!(client.messages(), ["/demo"]);
    assert!(server.finish() == Frame::text(body));
}

/// Why no exchange came about.
fn fails(settings: &Settings) -> TransportError {
    let error = Single::new(settings).exchange(&[connect()]).unwrap_err();
    let by_socket = Client::new(settings).closed();
    assert_eq!(error.to_string(), by_socket.to_string());
    assert_eq!(error.stage(), Stage::Unsent, "{error:?}");
    error
}

#[test]
fn a_certificate_that_is_not_trusted_is_refused() {
    let (config, _) = trusted();
    let other = self_signed(HOST, Dates::Now).certificates;
    let server = Server::run(|listener| {
        for _ in 0..2 {
            listener.accept().expect_end();
        }
    });
    let relay = TlsRelay::new(&server.url, config);
    let error = fails(&trusting(&other, &relay.url(HOST)));
    assert!(
        matches!(error, TransportError::Certificate { .. }),
        "{error:?}"
    );
    server.finish();
}

#[test]
fn a_port_without_tls_is_told() {
    let server = Server::run(|listener| {
        for _ in 0..2 {
            let mut peer = listener.accept();
            peer.0.read_exact(&mut [0; 5]).unwrap();
            peer.write("HTTP/1.1 400 Bad Request\r\n\r\n");
            peer.expect_end_of_anything();
        }
    });
    let error = fails(&settings(&server.url.replace("http", "https")));
    assert!(matches!(error, TransportError::TlsToPlainPort), "{error:?}");
    server.finish();
}

#[test]
fn an_end_or_a_silence_within_the_handshake_is_told() {
    let server = Server::run(|listener| {
        for _ in 0..2 {
            listener.accept().0.read_exact(&mut [0; 5]).unwrap();
        }
        listener.accept().expect_end_of_anything();
    });
    let settings = settings(&server.url.replace("http", "https"));
    let error = fails(&settings);
    assert!(matches!(error, TransportError::TlsCut { .. }), "{error:?}");

    let mut single = Single::new(&settings);
    let Single { thread, jar, http } = &mut single;
    let progress = http.send(&mut thread.shared, jar, &[connect()]);
    assert!(matches!(progress, Progress::Pending));
    // Once the first flight has left there is a connection.
    thread.wait(|shared, event| {
        http.note(event);
        let progress = http.handle_ready(shared, jar);
        assert!(matches!(progress, Progress::Pending), "{progress:?}");
        (shared.traffic.sent > 0).then_some(())
    });
    assert!(!http.is_connected());
    let error = http.expire(thread.shared.target(), Duration::ZERO, Duration::ZERO);
    assert!(
        matches!(error, TransportError::TlsTimeout { after: LONG }),
        "{error:?}"
    );
    drop(single);
    server.finish();
}

#[test]
fn an_idle_connection_that_is_closed_is_told() {
    let (config, root) = trusted();
    let server = Server::run(|listener| {
        let mut peer = listener.accept();
        peer.request();
        peer.answer(REPLY);
    });
    let relay = TlsRelay::new(&server.url, config);
    let mut single = Single::new(&trusting(&root, &relay.url(HOST)));
    let outcome = single.exchange(&[connect()]);
    assert_eq!(channels(&outcome), ["/meta/connect"]);
    server.finish();
    if single.http.is_reusable() {
        assert!(matches!(single.wait(), Progress::Closed));
    }
}
