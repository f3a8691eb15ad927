//! TLS against a real server of TLS, with certificates that were made a moment ago.

use std::sync::Arc;

use rustls::{ServerConfig, version};

use super::super::excerpt::Excerpt;
use super::super::{CertificateProblem, Tls, TransportError, Untrusted, Verification};
use super::authority::{Authority, Dates, Identity as Pem, nameless, self_signed};
use super::tls_relay::TlsRelay;
use super::*;
use crate::session::{Permanence, Stage};
use crate::tls::{CertificateChain, Identity, PemError, PrivateKey, Root};

const HOST: &str = "localhost";

fn trusting(pem: &str) -> Tls {
    Tls::new(
        Root::from_pem(pem.as_bytes()).unwrap(),
        None,
        Verification::Full,
    )
}

fn client_of(identity: &Pem) -> Identity {
    let chain = CertificateChain::from_pem(identity.certificates.as_bytes()).unwrap();
    Identity::new(
        chain,
        PrivateKey::from_pem(identity.key.as_bytes()).unwrap(),
    )
    .unwrap()
}

/// One exchange with a server that answers any request.
fn exchanged(config: Arc<ServerConfig>, tls: Tls) -> Exchange {
    let server = Server::run(|listener| {
        let mut peer = listener.accept();
        // A client that does not trust the server sends nothing.
        let mut request = [0; 4096];
        if peer.0.read(&mut request).unwrap() > 0 {
            peer.answer(REPLY);
        }
        request.iter().any(|it| *it != 0)
    });
    let relay = TlsRelay::new(&server.url, config);
    let settings = Settings {
        tls,
        ..settings(&relay.url(HOST))
    };
    let client = polling(settings).unwrap();
    let exchange = exchange(&client);
    assert_eq!(server.finish(), exchange.outcome.is_ok(), "{exchange:?}");
    exchange
}

fn succeeds(config: Arc<ServerConfig>, tls: Tls) {
    let exchange = exchanged(config, tls);
    assert_eq!(channels(&exchange), ["/meta/connect"]);
    assert!(exchange.trace.is_tls && exchange.trace.handshake.is_some());
}

/// Fails for good, before any of the request can have been read.
fn fails(config: Arc<ServerConfig>, tls: Tls) -> TransportError {
    let error = exchanged(config, tls).outcome.unwrap_err();
    assert_eq!(error.stage(), Stage::Unsent, "{error:?}");
    assert_eq!(error.permanence(), Permanence::Permanent, "{error:?}");
    error
}

fn problem(config: Arc<ServerConfig>, tls: Tls) -> CertificateProblem {
    match fails(config, tls) {
        TransportError::Certificate { problem } => problem,
        error => panic!("{error:?}"),
    }
}

#[test]
fn a_given_root_is_trusted_under_either_version() {
    let authority = Authority::new("Corp CA");
    let identity = authority.issue(HOST, Dates::Now);
    for version in [&version::TLS12, &version::TLS13] {
        let config = identity.server_with(None, &[version]);
        succeeds(config, trusting(&authority.pem()));
    }
}

#[test]
fn the_intermediate_comes_from_the_server_or_from_the_file() {
    let authority = Authority::new("Corp CA");
    let intermediate = authority.intermediate("Corp CA 2");
    let identity = intermediate.issue(HOST, Dates::Now);
    succeeds(identity.server(), trusting(&authority.pem()));
    succeeds(identity.alone().server(), trusting(&intermediate.pem()));
    let forgetful = identity.alone().server();
    assert_eq!(
        problem(forgetful, trusting(&authority.pem())),
        CertificateProblem::Untrusted(Untrusted::Issued {
            issuer: Some(Excerpt::of(b"Corp CA 2")),
            n_intermediates: 0,
        })
    );
}

#[test]
fn a_self_signed_authority_is_trusted_where_it_is_given_itself() {
    let identity = self_signed(HOST, Dates::Now);
    succeeds(identity.server(), trusting(&identity.certificates));
    let other = self_signed(HOST, Dates::Now);
    let is_self_signed = CertificateProblem::Untrusted(Untrusted::SelfSigned);
    for tls in [trusting(&other.certificates), Tls::default()] {
        assert_eq!(problem(identity.server(), tls), is_self_signed);
    }
}

#[test]
fn a_given_certificate_counts_for_its_host_and_its_time_only() {
    let other_host = self_signed("example.com", Dates::Now);
    let names = Some(vec!["example.com".to_owned()]);
    assert_eq!(
        problem(other_host.server(), trusting(&other_host.certificates)),
        CertificateProblem::OtherHost { names }
    );
    let nobodys = nameless();
    let names = Some(Vec::new());
    assert_eq!(
        problem(nobodys.server(), trusting(&nobodys.certificates)),
        CertificateProblem::OtherHost { names }
    );
    let expired = self_signed(HOST, Dates::Past);
    assert!(matches!(
        problem(expired.server(), trusting(&expired.certificates)),
        CertificateProblem::Expired { since: Some(_) }
    ));
    let early = self_signed(HOST, Dates::Future);
    assert!(matches!(
        problem(early.server(), trusting(&early.certificates)),
        CertificateProblem::NotYetValid { from: Some(_) }
    ));
}

#[test]
fn an_authority_vouches_for_its_certificates_hosts_and_times_only() {
    let authority = Authority::new("Corp CA");
    let root = trusting(&authority.pem());
    let told =
        |host, dates| problem(authority.issue(host, dates).server(), root.clone()).to_string();
    assert_eq!(
        told("example.com", Dates::Now),
        "it is for example.com, not for this host"
    );
    assert_eq!(
        told("192.0.2.1", Dates::Now),
        "it is for 192.0.2.1, not for this host"
    );
    assert_eq!(
        told(HOST, Dates::Past),
        "it expired on 2001-01-01 00:00 UTC"
    );
    assert_eq!(
        told(HOST, Dates::Future),
        "it is not valid before 3000-01-01 00:00 UTC"
    );
    let stranger = Authority::new("Other CA").issue(HOST, Dates::Now);
    assert_eq!(
        problem(stranger.server(), root).to_string(),
        "it is issued by 'Other CA', which is not trusted"
    );
}

#[test]
fn without_verification_anything_will_do() {
    for identity in [
        self_signed("example.com", Dates::Past),
        Authority::new("Corp CA").issue("example.com", Dates::Future),
    ] {
        for version in [&version::TLS12, &version::TLS13] {
            let tls = Tls::new(Vec::new(), None, Verification::Off);
            succeeds(identity.server_with(None, &[version]), tls);
        }
    }
}

#[test]
fn a_client_certificate_is_shown_missed_or_refused() {
    let authority = Authority::new("Corp CA");
    let server = authority.issue(HOST, Dates::Now);
    let roots = || Root::from_pem(authority.pem().as_bytes()).unwrap();
    for version in [&version::TLS12, &version::TLS13] {
        let config = server.server_with(Some(&authority), &[version]);
        let with = |client| Tls::new(roots(), client, Verification::Full);
        let known = client_of(&authority.issue("ann", Dates::Now));
        succeeds(Arc::clone(&config), with(Some(known)));

        let missed = fails(Arc::clone(&config), with(None));
        assert!(
            matches!(missed, TransportError::ClientCertificateWanted),
            "{missed:?}"
        );

        let expired = client_of(&authority.issue("ann", Dates::Past));
        let refused = fails(Arc::clone(&config), with(Some(expired)));
        assert_eq!(
            refused.to_string(),
            "the server does not accept the client certificate: it has expired"
        );

        let stranger = client_of(&Authority::new("Other CA").issue("ann", Dates::Now));
        let refused = fails(config, with(Some(stranger)));
        assert!(
            matches!(refused, TransportError::ClientCertificateRefused { .. }),
            "{refused:?}"
        );
    }
}

#[test]
fn a_connection_is_kept_and_a_response_that_is_cut_off_is_told() {
    let identity = self_signed(HOST, Dates::Now);
    let server = Server::run(|listener| {
        let mut peer = listener.accept();
        for _ in 0..2 {
            peer.request();
            peer.answer(REPLY);
        }
        peer.request();
        peer.write("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n[{");
    });
    let relay = TlsRelay::new(&server.url, identity.server());
    let client = polling(Settings {
        tls: trusting(&identity.certificates),
        ..settings(&relay.url(HOST))
    })
    .unwrap();
    assert!(exchange(&client).trace.handshake.is_some());
    assert!(exchange(&client).trace.handshake.is_none());
    let cut = exchange(&client).outcome.unwrap_err();
    assert!(matches!(cut, TransportError::Cut { .. }), "{cut:?}");
    assert_eq!(cut.stage(), Stage::Interrupted);
    server.finish();
}

#[test]
fn a_server_without_a_common_version_or_cipher_is_named() {
    // What a server answers that knows TLS 1.1 only, in its record: protocol_version.
    let server = Server::run(|listener| {
        let mut peer = listener.accept();
        peer.0.read_exact(&mut [0; 5]).unwrap();
        peer.write([0x15, 3, 1, 0, 2, 2, 70]);
        peer.expect_end_of_anything();
        let mut peer = listener.accept();
        peer.0.read_exact(&mut [0; 5]).unwrap();
        peer.write([0x15, 3, 1, 0, 2, 2, 40]);
        peer.expect_end_of_anything();
    });
    let client = client(&server.url.replace("http:", "https:"));
    let error = exchange(&client).outcome.unwrap_err();
    assert!(matches!(error, TransportError::TlsVersion), "{error:?}");
    let error = exchange(&client).outcome.unwrap_err();
    assert_eq!(
        error.to_string(),
        "TLS failed: the server ended it with the alert \"handshake failure\""
    );
    drop(client);
    server.finish();
}

#[test]
fn nothing_of_a_key_is_shown() {
    let identity = self_signed(HOST, Dates::Now);
    let tls = Tls::new(Vec::new(), Some(client_of(&identity)), Verification::Full);
    let config = tls.config().unwrap();
    let shown = format!("{tls:?} {config:?}");
    let key = PrivateKey::from_pem(identity.key.as_bytes()).unwrap();
    assert_eq!(format!("{key:?}"), "PrivateKey");
    assert!(shown.contains("Identity"), "{shown}");
    assert!(shown.len() < 5_000, "{shown}");
    let other = self_signed(HOST, Dates::Now);
    let chain = CertificateChain::from_pem(other.certificates.as_bytes()).unwrap();
    assert_eq!(Identity::new(chain, key).unwrap_err(), PemError::OtherKey);
}

#[test]
fn what_is_no_certificate_and_no_key_is_refused() {
    let identity = self_signed(HOST, Dates::Now);
    let certificate = identity.certificates.as_str();
    let key = identity.key.as_str();
    let root = |text: &str| Root::from_pem(text.as_bytes()).map(|it| it.len());
    assert_eq!(root(&identity.pem()), Ok(1));
    assert_eq!(root(&certificate.repeat(2)), Ok(2));
    assert_eq!(root(""), Err(PemError::NotPem));
    assert_eq!(root("\u{30}\u{82}"), Err(PemError::NotPem));
    assert_eq!(root(key), Err(PemError::NoCertificate));
    assert_eq!(root(&certificate[..200]), Err(PemError::Damaged));
    let nonsense = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
    assert_eq!(
        root(&format!("{certificate}{nonsense}")),
        Err(PemError::Certificate(2))
    );
    let private = |text: &str| {
        PrivateKey::from_pem(text.as_bytes())
            .map(|_| ())
            .unwrap_err()
    };
    assert_eq!(private("nothing"), PemError::NotPem);
    assert_eq!(private(certificate), PemError::NoKey);
    assert_eq!(private(&key[..100]), PemError::Damaged);
    for encrypted in [
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n-----END ENCRYPTED PRIVATE KEY-----\n",
        "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\n\
         MAA=\n-----END RSA PRIVATE KEY-----\n",
    ] {
        assert_eq!(private(encrypted), PemError::EncryptedKey);
    }
    let odd = "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n";
    assert_eq!(private(odd), PemError::Key);
}

#[test]
fn a_host_can_be_an_address() {
    let identity = Authority::new("Corp CA");
    let server = identity.issue("127.0.0.1", Dates::Now);
    let peer = Server::run(|listener| {
        let mut peer = listener.accept();
        peer.request();
        peer.answer(REPLY);
    });
    let relay = TlsRelay::new(&peer.url, server.server());
    let client = polling(Settings {
        tls: trusting(&identity.pem()),
        ..settings(&relay.url("127.0.0.1"))
    })
    .unwrap();
    assert!(exchange(&client).outcome.is_ok());
    peer.finish();
}
