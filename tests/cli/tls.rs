//! TLS as people meet it: each failure with its own three lines, and each option that helps.

use std::path::PathBuf;

use bayeux::server::Server;
use rustls::{ALL_VERSIONS, version};

use crate::authority::{Authority, Dates, Identity, nameless, self_signed};
use crate::hostile::{Hostile, response};
use crate::peer::server;
use crate::program::{Program, bayeux, empty_folder, snapshot};
use crate::tls_relay::TlsRelay;

/// A Bayeux server behind TLS, and files for the options.
struct Stage {
    _server: Server,
    relay: TlsRelay,
    folder: PathBuf,
}

impl Stage {
    fn new(name: &str, config: std::sync::Arc<rustls::ServerConfig>) -> Self {
        let server = server();
        Self {
            relay: TlsRelay::new(&server.url(), config),
            _server: server,
            folder: empty_folder(&format!("tls-{name}")),
        }
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path = self.folder.join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// A handshake, of which only errors are told.
    fn handshake(&self, options: &[&str]) -> Program {
        bayeux([
            "hs",
            &self.relay.url(HOST),
            "-o",
            "data",
            "--jq",
            ".successful",
        ])
        .args(options)
    }
}

const HOST: &str = "127.0.0.1";

fn identity() -> Identity {
    self_signed(HOST, Dates::Now)
}

#[test]
fn a_certificate_is_trusted_by_option_and_by_environment() {
    let identity = identity();
    let stage = Stage::new("trusted", identity.server());
    let cacert = stage.file("ca.pem", &identity.certificates);
    snapshot!(stage.handshake(&["--cacert", &cacert]).run(), @"
    exit: 0
    ----- stdout -----
    true
    ----- stderr -----
    ");
    let outcome = stage.handshake(&[]).env("BAYEUX_CACERT", &cacert).run();
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    let publish = bayeux([
        "pub",
        &stage.relay.url(HOST),
        "/demo",
        "1",
        "--cacert",
        &cacert,
    ]);
    snapshot!(publish.args(&["--expect", "/demo", "-o", "data"]).run(), @"
    exit: 0
    ----- stdout -----
    1
    ----- stderr -----
    ~ subscribed to /demo
    ~ came back on /demo, round trip [duration]
    ~ 1 message published, 1 acknowledged in [duration]
    ");
    let without_session = bayeux([
        "pub",
        &stage.relay.url(HOST),
        "/demo",
        "1",
        "--no-handshake",
    ]);
    snapshot!(without_session.run(), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: cannot reach https://127.0.0.1:[port]/cometd
    cause: the server's certificate is not accepted: it is self-signed
    hint: if it is the right one: openssl s_client -connect 127.0.0.1:[port] </dev/null | openssl x509 >ca.pem, then --cacert ca.pem
    ");
}

#[test]
fn an_authority_is_trusted_and_beside_it_the_system() {
    let authority = Authority::new("Corp CA");
    let identity = authority.intermediate("Corp CA 2").issue(HOST, Dates::Now);
    let stage = Stage::new("authority", identity.server());
    let ours = stage.file("ours.pem", &authority.pem());
    let other = stage.file("other.pem", &Authority::new("Other CA").pem());
    let outcome = stage.handshake(&["--cacert", &ours]).run();
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    let by_system = stage.handshake(&["--cacert", &other]);
    // Where the system's roots come from such a file.
    if cfg!(target_os = "linux") {
        let outcome = by_system.env("SSL_CERT_FILE", &ours).run();
        assert_eq!(outcome.code(), Some(0), "{outcome}");
    }
}

#[test]
fn insecure_accepts_anything_and_says_so_once() {
    let stage = Stage::new("insecure", self_signed("example.com", Dates::Past).server());
    snapshot!(stage.handshake(&["-k"]).run(), @"
    exit: 0
    ----- stdout -----
    true
    ----- stderr -----
    warning: --insecure: nobody knows whether this is the right server
    ");
    let quiet = stage.handshake(&["--insecure", "-q"]).run();
    assert_eq!((quiet.code(), quiet.stderr()), (Some(0), String::new()));
}

#[test]
fn a_self_signed_certificate_that_was_not_given() {
    let stage = Stage::new("self-signed", identity().server());
    snapshot!(stage.handshake(&[]).run(), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: cannot reach https://127.0.0.1:[port]/cometd
    cause: the server's certificate is not accepted: it is self-signed
    hint: if it is the right one: openssl s_client -connect 127.0.0.1:[port] </dev/null | openssl x509 >ca.pem, then --cacert ca.pem
    ");
}

#[test]
fn an_issuer_that_nobody_knows() {
    let authority = Authority::new("Corp CA");
    let whole = authority.intermediate("Corp CA 2").issue(HOST, Dates::Now);
    let stage = Stage::new("issuer", whole.server());
    snapshot!(stage.handshake(&[]).run(), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: cannot reach https://127.0.0.1:[port]/cometd
    cause: the server's certificate is not accepted: it is issued by 'Corp CA 2', which is not trusted
    hint: --cacert FILE with the authority's certificate trusts it
    ");
    let alone = Stage::new("alone", whole.alone().server());
    let cacert = alone.file("ca.pem", &authority.pem());
    snapshot!(alone.handshake(&["--cacert", &cacert]).run(), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: cannot reach https://127.0.0.1:[port]/cometd
    cause: the server's certificate is not accepted: it is issued by 'Corp CA 2', which is not trusted
    hint: --cacert FILE with the issuer's certificate; or does the server leave it out by mistake?
    ");
}

#[test]
fn dates_that_do_not_fit() {
    for (name, dates) in [("expired", Dates::Past), ("early", Dates::Future)] {
        let identity = self_signed(HOST, dates);
        let stage = Stage::new(name, identity.server());
        let cacert = stage.file("ca.pem", &identity.certificates);
        let outcome = stage.handshake(&["--cacert", &cacert]).run();
        match name {
            "expired" => snapshot!(outcome, @"
            exit: 3
            ----- stdout -----
            ----- stderr -----
            error: cannot reach https://127.0.0.1:[port]/cometd
            cause: the server's certificate is not accepted: it expired on 2001-01-01 00:00 UTC
            hint: the server needs a new one, unless this machine's clock is wrong
            "),
            _ => snapshot!(outcome, @"
            exit: 3
            ----- stdout -----
            ----- stderr -----
            error: cannot reach https://127.0.0.1:[port]/cometd
            cause: the server's certificate is not accepted: it is not valid before 3000-01-01 00:00 UTC
            hint: is this machine's clock right?
            "),
        }
    }
}

#[test]
fn another_hosts_certificate() {
    let identity = self_signed("bayeux.example", Dates::Now);
    let stage = Stage::new("host", identity.server());
    let cacert = stage.file("ca.pem", &identity.certificates);
    snapshot!(stage.handshake(&["--cacert", &cacert]).run(), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: cannot reach https://127.0.0.1:[port]/cometd
    cause: the server's certificate is not accepted: it is for bayeux.example, not for this host
    hint: is bayeux.example the host to talk to?
    ");
}

#[test]
fn a_certificate_that_names_no_host() {
    let identity = nameless();
    let stage = Stage::new("nameless", identity.server());
    let cacert = stage.file("ca.pem", &identity.certificates);
    snapshot!(stage.handshake(&["--cacert", &cacert]).run(), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: cannot reach https://127.0.0.1:[port]/cometd
    cause: the server's certificate is not accepted: it names no host (it has no subjectAltName)
    hint: a name in its subject does not count; openssl req takes -addext subjectAltName=DNS:HOST, or IP:ADDRESS
    ");
}

#[test]
fn a_system_without_roots() {
    if cfg!(target_os = "linux") {
        let stage = Stage::new("no-roots", identity().server());
        let empty = stage.file("empty.pem", "");
        snapshot!(stage.handshake(&[]).env("SSL_CERT_FILE", &empty).run(), @"
        exit: 3
        ----- stdout -----
        ----- stderr -----
        error: cannot reach https://127.0.0.1:[port]/cometd
        cause: the server's certificate is not accepted: this system has no certificates of authorities
        hint: the system's package ca-certificates has them; --cacert FILE trusts one of your own
        ");
    }
}

#[test]
fn a_client_certificate_is_given_missed_or_refused() {
    let authority = Authority::new("Corp CA");
    let identity = authority.issue(HOST, Dates::Now);
    for version in [&version::TLS12, &version::TLS13] {
        let stage = Stage::new("client", identity.server_with(Some(&authority), &[version]));
        let cacert = stage.file("ca.pem", &authority.pem());
        let ann = authority.issue("ann", Dates::Now);
        let pair = [
            stage.file("ann.crt", &ann.certificates),
            stage.file("ann.key", &ann.key),
        ];
        let both = stage.file("ann.pem", &ann.pem());
        let trust = ["--cacert", &cacert];
        for words in [
            &["--cert", &pair[0], "--key", &pair[1]][..],
            &["--cert", &both],
        ] {
            let outcome = stage.handshake(&trust).args(words).run();
            assert_eq!(outcome.code(), Some(0), "{outcome}");
        }
        let by_environment = stage
            .handshake(&trust)
            .env("BAYEUX_CERT", &pair[0])
            .env("BAYEUX_KEY", &pair[1]);
        let outcome = by_environment.run();
        assert_eq!(outcome.code(), Some(0), "{outcome}");

        let missed = stage.handshake(&trust).run().to_string();
        insta::allow_duplicates! { snapshot!(missed, @"
        exit: 3
        ----- stdout -----
        ----- stderr -----
        error: cannot reach https://127.0.0.1:[port]/cometd
        cause: the server wants a client certificate
        hint: --cert FILE and --key FILE give it one
        ") }
        let expired = stage.file("expired.pem", &authority.issue("ann", Dates::Past).pem());
        let refused = stage
            .handshake(&trust)
            .args(&["--cert", &expired])
            .run()
            .to_string();
        insta::allow_duplicates! { snapshot!(refused, @"
        exit: 3
        ----- stdout -----
        ----- stderr -----
        error: cannot reach https://127.0.0.1:[port]/cometd
        cause: the server does not accept the client certificate: it has expired
        hint: is it the right one for this server? the server's log may tell more
        ") }
    }
}

#[test]
fn a_client_certificate_that_is_missed_in_http() {
    let nginx = Hostile::canned(response(
        "400 Bad Request",
        "text/html",
        "<html><head><title>400 No required SSL certificate was sent</title></head></html>",
    ));
    let identity = identity();
    let relay = TlsRelay::new(&nginx.url(), identity.server_with(None, ALL_VERSIONS));
    snapshot!(bayeux(["hs", &relay.url(HOST), "-k", "-q"]).run(), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: cannot reach https://127.0.0.1:[port]/cometd
    cause: the server wants a client certificate
    hint: --cert FILE and --key FILE give it one
    ");
}

#[test]
fn a_server_that_is_too_old() {
    let alert: &[u8] = &[0x15, 3, 1, 0, 2, 2, 70];
    let url = answering(alert);
    snapshot!(bayeux(["hs", &url]).run(), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: cannot reach https://127.0.0.1:[port]/cometd
    cause: the server speaks neither TLS 1.2 nor TLS 1.3
    hint: older versions are not safe: the server needs another setting, or an update
    ");
    let alert: &[u8] = &[0x15, 3, 1, 0, 2, 2, 40];
    let url = answering(alert);
    snapshot!(bayeux(["hs", &url]).run(), @r#"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: cannot reach https://127.0.0.1:[port]/cometd
    cause: TLS failed: the server ended it with the alert "handshake failure"
    hint: openssl s_client -connect 127.0.0.1:[port] shows what it offers
    "#);
}

/// A server that answers a ClientHello with these bytes.
fn answering(bytes: &'static [u8]) -> String {
    use std::io::{Read, Write};

    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}/cometd", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        client.read_exact(&mut [0; 5]).unwrap();
        client.write_all(bytes).unwrap();
        let _ = client.read_to_end(&mut Vec::new());
    });
    url
}

/// None of these gets as far as a server.
#[test]
fn files_that_cannot_be_used() {
    let stage = Stage::new("files", identity().server());
    let ann = identity();
    let other = identity();
    let cert = stage.file("ann.crt", &ann.certificates);
    let key = stage.file("other.key", &other.key);
    let text = stage.file("notes.txt", "to do: buy milk\n");
    let encrypted =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let encrypted = stage.file("locked.key", encrypted);
    snapshot!(stage.handshake(&["--cacert", "/no/such/file"]).run(), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: --cacert: cannot read /no/such/file
    cause: no such file or directory
    hint: a path is looked up from the current folder
    ");
    snapshot!(stage.handshake(&["--cacert", &text]).run(), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: --cacert: cannot use [tmp]/tls-files/notes.txt
    cause: it is not in PEM format
    hint: if it is DER: openssl x509 -inform der -in [tmp]/tls-files/notes.txt -out cert.pem
    ");
    snapshot!(stage.handshake(&["--cacert", &key]).run(), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: --cacert: cannot use [tmp]/tls-files/other.key
    cause: there is no certificate in it
    hint: it takes the certificate of the server's authority, or the server's own
    ");
    snapshot!(stage.handshake(&["--cert", &cert]).run(), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: --cert: cannot use [tmp]/tls-files/ann.crt
    cause: there is no private key in it
    hint: --key FILE names the file with its private key
    ");
    snapshot!(stage.handshake(&["--cert", &key]).run(), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: --cert: cannot use [tmp]/tls-files/other.key
    cause: there is no certificate in it
    hint: it takes blocks BEGIN CERTIFICATE
    ");
    snapshot!(stage.handshake(&["--key", &key]).run(), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: --key is of no use without --cert
    hint: --cert FILE names the certificate that the key belongs to
    ");
    snapshot!(stage.handshake(&["--cert", &cert, "--key", &cert]).run(), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: --key: cannot use [tmp]/tls-files/ann.crt
    cause: there is no private key in it
    hint: it takes a block BEGIN PRIVATE KEY, as openssl genpkey writes it
    ");
    snapshot!(stage.handshake(&["--cert", &cert, "--key", &key]).run(), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: --cert: cannot use [tmp]/tls-files/ann.crt
    cause: the private key does not belong to the certificate
    hint: the certificate of the key must be the first in its file
    ");
    snapshot!(stage.handshake(&["--cert", &cert, "--key", &encrypted]).run(), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: --key: cannot use [tmp]/tls-files/locked.key
    cause: its private key is encrypted
    hint: openssl pkey -in [tmp]/tls-files/locked.key -out key.pem decrypts it, then --key key.pem
    ");
    snapshot!(stage.handshake(&["--cert", &cert, "--key", &text]).run(), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: --key: cannot use [tmp]/tls-files/notes.txt
    cause: it is not in PEM format
    hint: if it is DER: openssl pkey -inform der -in [tmp]/tls-files/notes.txt -out key.pem
    ");
}

#[test]
fn no_file_is_read_where_nothing_is_encrypted() {
    let server = server();
    let words = [
        "hs",
        &server.url(),
        "--cacert",
        "/no/such/file",
        "-k",
        "--jq",
        ".successful",
    ];
    snapshot!(bayeux(words).run(), @"
    exit: 0
    ----- stdout -----
    true
    ----- stderr -----
    ");
}

#[test]
fn curl_gets_the_same_options() {
    let url = "https://example.com/cometd";
    let words = [
        "hs", url, "--curl", "-k", "--cacert", "ca.pem", "--cert", "me.pem",
    ];
    snapshot!(bayeux(words).args(&["--key", "me.key"]).run(), @r#"
    exit: 0
    ----- stdout -----
    curl -sS -c cookies.txt -b cookies.txt --insecure --cacert 'ca.pem' --cert 'me.pem' --key 'me.key' \
      -H 'Content-Type: application/json;charset=UTF-8' \
      -d '[{"channel":"/meta/handshake","id":"1","version":"1.0","minimumVersion":"1.0","supportedConnectionTypes":["long-polling"]}]' \
      'https://example.com/cometd'
    ----- stderr -----
    "#);
}
