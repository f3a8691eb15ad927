//! `bayeux serve` with a certificate.

#![cfg(unix)]

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::authority::{Authority, Dates};
use crate::program::{bayeux, empty_folder, serve, snapshot};

#[test]
fn a_certificate_made_for_the_run_is_trusted_through_its_authority() {
    let ca = empty_folder("serve-tls-made").join("ca.pem");
    let ca = ca.to_str().unwrap();
    let (mut serve, url) = serve(&[&format!("--tls-self-signed={ca}")]);
    serve.told("certificate SHA-256 ");
    assert!(url.starts_with("https://127.0.0.1:"), "{url}");
    for transport in ["long-polling", "callback-polling", "websocket"] {
        // A callback-polling request is a URL, which is never long.
        let length = match transport {
            "callback-polling" => 10,
            _ => 200_000,
        };
        let data = format!("\"{}\"", "x".repeat(length));
        let published = bayeux(["pub", &url, "/demo", "-", "--expect", "/demo"])
            .args(&["-t", transport, "--cacert", ca, "-q", "-o", "data"])
            .stdin(data)
            .run();
        assert_eq!(published.code(), Some(0), "{transport}: {published}");
    }
    snapshot!(bayeux(["hs", &url]).run(), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: cannot reach https://127.0.0.1:[port]/cometd
    cause: the server's certificate is not accepted: it is issued by 'bayeux, made for one server to test with', which is not trusted
    hint: --cacert FILE with the issuer's certificate; or does the server leave it out by mistake?
    ");
    // It may send an alert, or leave without.
    serve.told(" TLS");
}

#[test]
fn a_certificate_of_ones_own_is_used() {
    let folder = empty_folder("serve-tls-own");
    let authority = Authority::new("test authority");
    let identity = authority.issue("localhost", Dates::Now);
    let file = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let ca = file("ca.pem", &authority.pem());
    let both = file("both.pem", &identity.pem());
    let cert = file("cert.pem", &identity.certificates);
    let key = file("key.pem", &identity.key);
    for options in [
        &["--tls-cert", both.as_str()][..],
        &["--tls-cert", &cert, "--tls-key", &key],
    ] {
        let (_serve, url) = serve(options);
        let url = url.replace("127.0.0.1", "localhost");
        let shaken = bayeux(["hs", &url, "--cacert", &ca, "-q"]).run();
        assert_eq!(shaken.code(), Some(0));
    }
    snapshot!(bayeux(["serve", "--tls-cert", &cert]).run(), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: --tls-cert: cannot use [tmp]/serve-tls-own/cert.pem
    cause: there is no private key in it
    hint: --tls-key FILE names the file with its private key
    ");
    snapshot!(bayeux(["serve", "--tls-key", &key]).run(), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: the following required arguments were not provided: --tls-cert <FILE>
    hint: bayeux serve -h lists its options
    ");
    snapshot!(bayeux(["serve", "--tls-cert", &cert, "--tls-self-signed"]).run(), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: the argument '--tls-cert <FILE>' cannot be used with '--tls-self-signed[=<FILE>]'
    hint: bayeux serve -h lists its options
    ");
}

#[test]
fn an_authority_that_cannot_be_written_is_told() {
    snapshot!(
        bayeux(["serve", "--listen", "127.0.0.1:0", "--tls-self-signed=/nowhere/ca.pem"]).run(),
        @"
    exit: 1
    ----- stdout -----
    ----- stderr -----
    error: --tls-self-signed: cannot write /nowhere/ca.pem
    cause: no such file or directory
    "
    );
}

#[test]
fn http_is_told_that_the_port_speaks_tls() {
    let (mut serve, url) = serve(&["--tls-self-signed"]);
    let address = url.strip_prefix("https://").unwrap();
    let (address, _) = address.split_once('/').unwrap();
    let mut socket = TcpStream::connect(address).unwrap();
    socket
        .write_all(b"GET /cometd HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .unwrap();
    let mut response = Vec::new();
    // The connection may be reset, as our request was not read to its end.
    let _ = socket.read_to_end(&mut response);
    let response = String::from_utf8_lossy(&response);
    assert!(response.starts_with("HTTP/1.1 400 "), "{response}");
    let (head, body) = response.split_once("\r\n\r\n").expect("a body");
    assert_eq!(body, "this port speaks TLS: https:// or wss://");
    let length = format!("Content-Length: {}\r\n", body.len());
    assert!(head.contains(&length), "{response}");
    serve.told("it does not speak TLS");
    snapshot!(bayeux(["hs", &url.replacen("https", "http", 1)]).run(), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: cannot reach http://127.0.0.1:[port]/cometd
    cause: the URL asks for no TLS, and the server at this port speaks it
    hint: try https://127.0.0.1:[port]/cometd
    ");
}
