//! Proxies: the tunnel for https, whole URLs for http, and what proxies answer instead.

use std::io::Read;
use std::time::Instant;

use super::super::dialer::Dialer;
use super::super::ledger::{Budget, Ledger};
use super::super::{Proxy, ProxyFailure, TransportError};
use super::*;
use crate::session::{Permanence, Stage};

const ESTABLISHED: &str = "HTTP/1.1 200 Connection established\r\nVia: 1.1 squid\r\n\r\n";

/// Settings for a server that nobody would find, with this one as the proxy.
fn through<R>(proxy: &Server<R>, endpoint: &str) -> Settings {
    let address = proxy.url.trim_start_matches("http://");
    let address = address.trim_end_matches("/cometd");
    Settings {
        proxy: Some(format!("ann:geheim@{address}").parse().unwrap()),
        ..settings(endpoint)
    }
}

/// The error of an exchange over https through a proxy that answers CONNECT with these bytes.
fn tunnel_refused(answer: impl AsRef<[u8]> + Send + 'static) -> TransportError {
    let proxy = Server::run(|listener| {
        let mut peer = listener.accept();
        peer.head();
        peer.write(answer);
        listener
    });
    let client = polling(through(&proxy, "https://server.invalid/cometd")).unwrap();
    let error = exchange(&client).outcome.unwrap_err();
    proxy.finish().expect_no_other_connection();
    assert_eq!(error.stage(), Stage::Unsent, "{error}");
    assert!(!format!("{error} {error:?}").contains("geheim"));
    error
}

fn failure(error: TransportError) -> (ProxyFailure, Permanence) {
    let permanence = error.permanence();
    match error {
        TransportError::Proxy { failure, proxy, .. } => {
            assert!(proxy.starts_with("http://127.0.0.1:"), "{proxy}");
            (failure, permanence)
        }
        error => panic!("{error:?}"),
    }
}

#[test]
fn https_goes_through_a_tunnel() {
    let proxy = Server::run(|listener| {
        let mut peer = listener.accept();
        let request = peer.head();
        peer.write(ESTABLISHED);
        let mut hello = [0; 3];
        peer.0.read_exact(&mut hello).unwrap();
        (request, hello)
    });
    let client = polling(through(&proxy, "https://server.invalid/cometd")).unwrap();
    let exchange = exchange(&client);
    assert!(matches!(
        exchange.outcome,
        Err(TransportError::TlsCut { .. })
    ));
    let (request, hello) = proxy.finish();
    assert_eq!(
        request.replace(env!("CARGO_PKG_VERSION"), "[version]"),
        "CONNECT server.invalid:443 HTTP/1.1\r\nHost: server.invalid:443\r\n\
         User-Agent: bayeux/[version]\r\nProxy-Authorization: Basic YW5uOmdlaGVpbQ==\r\n\r\n"
    );
    // A TLS handshake, and nothing of ours before it.
    assert_eq!(hello[..2], [0x16, 0x03]);
}

/// What a connection through a tunnel reads first.
fn first_bytes(parts: &'static [&'static str]) -> String {
    let proxy = Server::run(move |listener| {
        let mut peer = listener.accept();
        peer.head();
        for part in parts {
            peer.write(part);
            // A segment of its own, as far as anybody can ask for one.
            thread::yield_now();
        }
    });
    let settings = through(&proxy, "https://[2001:db8::1]/");
    let budget = Budget {
        connect: LONG,
        hold: LONG,
        network: LONG,
        until: None,
    };
    Ledger::new(budget, LONG, Capture::Nothing, 0).open();
    let address = proxy.url[7..].trim_end_matches("/cometd").parse().unwrap();
    let dialed = Dialer::new(&settings).dial(&[address]).unwrap();
    Ledger::close();
    proxy.finish();
    let mut text = String::new();
    (&*dialed.stream).read_to_string(&mut text).unwrap();
    text
}

#[test]
fn what_follows_the_answer_of_the_proxy_is_kept() {
    assert_eq!(first_bytes(&["HTTP/1.0 200 ok\r\n\r\nhello"]), "hello");
    assert_eq!(
        first_bytes(&["HTTP/1.1 2", "00 \r\n", "A: b\r\n\r", "\nhe", "llo"]),
        "hello"
    );
    assert_eq!(
        first_bytes(&["HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"]),
        ""
    );
}

#[test]
fn a_proxy_that_refuses_is_told_with_its_page() {
    let page = "<html><head><title>Access\ndenied \x1b[2J</title></head>";
    let length = page.len();
    let answers = [
        format!("HTTP/1.1 403 No\r\nContent-Length: {length}\r\n\r\n{page}"),
        format!(
            "HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n\r\n{length:x}\r\n{page}\r\n0\r\n\r\n"
        ),
        format!("HTTP/1.0 403 No\r\n\r\n{page}"),
    ];
    for answer in answers {
        let (failure, permanence) = failure(tunnel_refused(answer));
        assert_eq!(
            failure.to_string(),
            "HTTP status 403 Forbidden: Access denied \u{fffd}[2J"
        );
        assert_eq!(permanence, Permanence::Permanent);
    }
    let squid = "HTTP/1.1 503 Service Unavailable\r\nX-Squid-Error: ERR_DNS_FAIL 0\r\n\r\n<html>";
    let (failure, permanence) = failure(tunnel_refused(squid));
    assert_eq!(
        failure.to_string(),
        "HTTP status 503 Service Unavailable: ERR_DNS_FAIL"
    );
    assert_eq!(permanence, Permanence::Transient);
}

#[test]
fn a_proxy_that_asks_for_credentials_is_named() {
    let answer = "HTTP/1.1 407 x\r\nProxy-Authenticate: Basic realm=\"x\"\r\n\r\n";
    let (failure, permanence) = failure(tunnel_refused(answer));
    assert!(matches!(
        failure,
        ProxyFailure::Credentials { were_sent: true }
    ));
    assert_eq!(permanence, Permanence::Permanent);
}

#[test]
fn an_answer_that_is_none_is_told() {
    let text = |answer: Vec<u8>| failure(tunnel_refused(answer)).0.to_string();
    assert_eq!(
        text(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()),
        "it does not speak HTTP: SSH-2.0-OpenSSH_9.2"
    );
    assert_eq!(
        text(b"\x15\x03\x03\x00\x02\x02\x28".to_vec()),
        "it does not speak HTTP: \u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}("
    );
    let closed = "it closed the connection without an answer";
    assert_eq!(text(Vec::new()), closed);
    assert_eq!(text(b"HTTP/1.1 200 OK\r\n".to_vec()), closed);
    let endless = format!("HTTP/1.1 200 OK\r\nA: {}", "a".repeat(20_000));
    assert_eq!(
        text(endless.into_bytes()),
        "the head of its answer is larger than 16384 bytes"
    );
}

#[test]
fn a_proxy_that_hangs_ends_with_the_connect_timeout() {
    let proxy = Server::run(|listener| {
        let mut peer = listener.accept();
        peer.head();
        peer.expect_end();
    });
    let settings = Settings {
        connect_timeout: Duration::from_millis(50),
        ..through(&proxy, "https://server.invalid/")
    };
    let client = polling(settings).unwrap();
    let started = Instant::now();
    let (failure, _) = failure(exchange(&client).outcome.unwrap_err());
    assert_eq!(failure.to_string(), "no answer within 50ms");
    assert!(started.elapsed() < LONG / 2);
    proxy.finish();
}

#[test]
fn a_proxy_that_cannot_be_reached_is_told_from_the_server() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    for endpoint in ["http://server.invalid/", "https://server.invalid/"] {
        let settings = Settings {
            proxy: Some(address.to_string().parse().unwrap()),
            ..settings(endpoint)
        };
        let error = exchange(&polling(settings).unwrap()).outcome;
        let error = error.unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("the proxy http://{address}: connection refused ({address})")
        );
        assert_eq!(error.permanence(), Permanence::Transient);
    }
}

#[test]
fn http_names_the_whole_url_in_every_request() {
    let proxy = Server::run(|listener| {
        let mut peer = listener.accept();
        let mut requests = Vec::new();
        for _ in 0..2 {
            requests.push(peer.request());
            peer.answer(REPLY);
        }
        listener.expect_no_other_connection();
        requests
    });
    let settings = Settings {
        capture: Capture::Text,
        ..through(&proxy, "http://server.invalid:81/cometd?a=1")
    };
    let client = polling(settings).unwrap();
    let exchanges = [exchange(&client), exchange(&client)];
    for (request, exchange) in proxy.finish().iter().zip(exchanges) {
        assert!(exchange.outcome.is_ok());
        let (line, head) = request.split_once("\r\n").unwrap();
        assert_eq!(line, "POST http://server.invalid:81/cometd?a=1 HTTP/1.1");
        assert!(head.contains("host: server.invalid:81\r\n"), "{head}");
        assert!(head.contains("proxy-authorization: Basic YW5uOmdlaGVpbQ==\r\n"));
        assert_eq!(exchange.trace.request.expose(), request.as_bytes());
    }
}

#[test]
fn a_large_request_names_it_once() {
    let proxy = Server::run(|listener| {
        let mut peer = listener.accept();
        let request = peer.request();
        peer.answer(REPLY);
        request
    });
    let client = polling(through(&proxy, "http://server.invalid/cometd")).unwrap();
    let data = format!("\"{}\"", "POST /x ".repeat(100_000));
    let message = Message::builder("/demo")
        .json("data", &data.parse().unwrap())
        .build();
    assert!(
        client
            .exchange(&[message], Duration::ZERO, None)
            .outcome
            .is_ok()
    );
    let request = proxy.finish();
    assert!(request.starts_with("POST http://server.invalid/cometd HTTP/1.1\r\n"));
    assert_eq!(request.matches("server.invalid").count(), 2);
    assert_eq!(request.matches("POST /x ").count(), 100_000);
}

/// The error of an exchange over http through a proxy that answers with these bytes.
fn refused(answer: &'static str) -> TransportError {
    let proxy = Server::run(move |listener| {
        let mut peer = listener.accept();
        peer.request();
        peer.write(answer);
    });
    let client = polling(through(&proxy, "http://server.invalid/")).unwrap();
    let error = exchange(&client).outcome.unwrap_err();
    proxy.finish();
    error
}

#[test]
fn a_refusal_of_the_proxy_is_not_taken_for_one_of_the_server() {
    let error = refused("HTTP/1.1 407 x\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(error.stage(), Stage::Unsent);
    assert!(matches!(
        failure(error).0,
        ProxyFailure::Credentials { were_sent: true }
    ));
    let error = refused(
        "HTTP/1.1 403 Forbidden\r\nX-Squid-Error: ERR_ACCESS_DENIED 0\r\nContent-Length: 0\r\n\r\n",
    );
    assert_eq!(
        failure(error).0.to_string(),
        "HTTP status 403 Forbidden: ERR_ACCESS_DENIED"
    );
    let error = refused("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
    assert!(matches!(error, TransportError::Status { status: 403, .. }));
    // The server may have carried it out.
    let error = refused(
        "HTTP/1.1 502 x\r\nX-Squid-Error: ERR_ZERO_SIZE_OBJECT 0\r\nContent-Length: 0\r\n\r\n",
    );
    assert_eq!(error.stage(), Stage::Interrupted);
}

#[test]
fn credentials_are_in_no_debug_text() {
    let proxy: Proxy = "ann:geheim@127.0.0.1:1".parse().unwrap();
    let settings = Settings {
        proxy: Some(proxy),
        ..settings("http://server.invalid/")
    };
    let text = format!("{settings:?} {:?}", polling(settings.clone()));
    assert!(!text.contains("geheim") && !text.contains("YW5u"), "{text}");
}
