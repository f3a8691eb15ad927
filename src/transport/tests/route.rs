//! The way to a server, a step at a time.

use std::time::Instant;

use super::super::excerpt::Excerpt;
use super::super::{Chain, Route, Shown, Tls, TransportError, Verification};
use super::authority::{Authority, Dates, Identity, self_signed};
use super::tls_relay::TlsRelay;
use super::*;
use crate::tls::Root;

fn soon() -> Instant {
    Instant::now() + LONG
}

/// What a server with this certificate shows to somebody who trusts these.
fn shown(identity: &Identity, trusted: &str) -> Shown {
    let behind = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", behind.local_addr().unwrap());
    let relay = TlsRelay::new(&url, identity.server());
    let roots = Root::from_pem(trusted.as_bytes()).unwrap();
    let route = Route::new(Settings {
        tls: Tls::new(roots, None, Verification::Full),
        ..settings(&relay.url("localhost"))
    });
    let (addresses, _) = route.resolve(soon()).unwrap();
    let is_ipv4 = addresses.iter().find(|it| it.is_ipv4());
    route.shake_hands(*is_ipv4.unwrap(), soon()).unwrap()
}

#[test]
fn a_chain_is_complete_as_it_is_sent_or_is_not() {
    let authority = Authority::new("Corp CA");
    let intermediate = authority.intermediate("Corp CA 2");
    let identity = intermediate.issue("localhost", Dates::Now);
    let whole = shown(&identity, &authority.pem());
    assert_eq!(whole.chain, Chain::Complete);
    assert!(whole.accepted.is_ok());
    let [own, sent] = &whole.certificates[..] else {
        panic!("{whole:?}")
    };
    assert_eq!(own.names, ["localhost"]);
    assert_eq!(own.issuer, sent.subject);
    assert!(own.not_before < own.not_after && own.not_after.is_some());

    let issuer = Some(Excerpt::of(b"Corp CA 2"));
    let lacking = shown(&identity.alone(), &authority.pem());
    assert!(matches!(
        lacking.accepted,
        Err(TransportError::Certificate { .. })
    ));
    let expected = Chain::Open {
        issuer: issuer.clone(),
    };
    assert_eq!(lacking.chain, expected);
    // Who has the intermediate does not miss it.
    let completed = shown(&identity.alone(), &intermediate.pem());
    assert!(completed.accepted.is_ok());
    assert_eq!(completed.chain, Chain::CompletedHere { issuer });

    let own = self_signed("localhost", Dates::Now);
    assert_eq!(shown(&own, &own.certificates).chain, Chain::SelfSigned);
}

#[test]
fn each_address_is_tried_on_its_own() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let here = listener.local_addr().unwrap();
    let route = Route::new(settings(&format!("http://{here}/")));
    let (addresses, _) = route.resolve(soon()).unwrap();
    assert_eq!(addresses, [here]);
    route.connect(here, soon()).unwrap();
    drop(listener);
    let error = route.connect(here, soon()).unwrap_err();
    assert!(matches!(error, TransportError::Connect { .. }), "{error:?}");
}

#[test]
fn a_handshake_without_an_answer_ends_in_time() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let here = listener.local_addr().unwrap();
    let route = Route::new(settings(&format!("https://{here}/")));
    let until = Instant::now() + Duration::from_millis(50);
    let error = route.shake_hands(here, until).unwrap_err();
    assert!(
        matches!(error, TransportError::TlsTimeout { .. }),
        "{error:?}"
    );
    drop(listener);
}
