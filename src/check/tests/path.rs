//! The way to a server, where something is wrong with it.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use rustls::ServerConfig;

use super::*;
use crate::tls::Root;
use crate::transport::Verification;
use crate::transport::tests::authority::{Authority, Dates, self_signed};
use crate::transport::tests::tls_relay::TlsRelay;

const OVER: ConnectionType = ConnectionType::LongPolling;

/// What comes of one check.
fn outcome_at(url: &str, tls: Tls, id: &str) -> Outcome {
    let mut outcomes = outcomes_trusting(url, tls, OVER, &[id]);
    assert_eq!(outcomes.len(), 1, "{id}");
    outcomes.remove(0)
}

/// It is told in these words, and what to change in those.
#[track_caller]
fn deviates(outcome: &Outcome, status: Status, seen: &str, remedy: &str) {
    assert_eq!(outcome.status, status, "{outcome:#?}");
    assert!(outcome.seen.contains(seen), "{outcome:#?}");
    let told = outcome.remedy.as_deref().unwrap_or_default();
    assert!(told.contains(remedy), "{outcome:#?}");
}

/// The embedded server with a fault.
fn faulty(fault: &str) -> Server {
    let settings = ServerSettings {
        faults: vec![fault.parse().unwrap()],
        timeout: Duration::from_secs(1),
        ..ServerSettings::default()
    };
    Server::bind("127.0.0.1:0", settings).unwrap()
}

fn with_fault(fault: &str, id: &str) -> Outcome {
    outcome_at(&faulty(fault).url().to_string(), Tls::default(), id)
}

/// What the check says to a server that answers every request so. Its threads stay behind.
fn with_answer(status: &str, headers: &str, advice: &str, id: &str) -> Outcome {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/cometd", listener.local_addr().unwrap());
    let body = format!(
        "[{{\"id\":\"1\",\"channel\":\"/meta/handshake\",\"successful\":true,\"clientId\":\"c\",\
         \"version\":\"1.0\",\"supportedConnectionTypes\":[\"long-polling\",\"websocket\"],\
         \"advice\":{advice}}},{{\"id\":\"2\",\"channel\":\"/meta/connect\",\"successful\":true}}]"
    );
    let length = body.len();
    let answer: Arc<str> =
        format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\n\r\n{body}").into();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let answer = Arc::clone(&answer);
            thread::spawn(move || answer_all(stream, &answer));
        }
    });
    outcome_at(&url, Tls::default(), id)
}

fn answer_all(mut stream: TcpStream, answer: &str) {
    let mut buffer = [0; 16 * 1024];
    // Each request of these checks comes in one piece.
    while stream.read(&mut buffer).is_ok_and(|it| it > 0) {
        if stream.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

/// What the check says to the embedded server behind TLS, trusting these.
fn behind_tls(config: Arc<ServerConfig>, trusted: &str, id: &str) -> Outcome {
    let server = Server::bind("127.0.0.1:0", ServerSettings::default()).unwrap();
    let relay = TlsRelay::new(&server.url().to_string(), config);
    let roots = Root::from_pem(trusted.as_bytes()).unwrap();
    let tls = Tls::new(roots, None, Verification::Full);
    outcome_at(&relay.url("localhost"), tls, id)
}

#[test]
fn a_name_without_an_address_and_a_port_without_a_server_are_told() {
    let nobody = outcome_at("http://nobody.invalid/", Tls::default(), "path.name");
    deviates(&nobody, Status::Failed, "nobody.invalid", "getent hosts");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let refused = outcome_at(&url, Tls::default(), "path.tcp");
    deviates(&refused, Status::Failed, "refused", "ss -ltn");
}

#[test]
fn a_certificate_is_told_with_what_it_lacks() {
    let authority = Authority::new("Corp CA");
    let intermediate = authority.intermediate("Corp CA 2");
    let identity = intermediate.issue("localhost", Dates::Now);
    for id in ["path.tls", "path.chain", "path.expiry"] {
        let sound = behind_tls(identity.server(), &authority.pem(), id);
        assert_eq!(sound.status, Status::Passed, "{sound:#?}");
    }
    let missing = behind_tls(identity.alone().server(), &authority.pem(), "path.tls");
    let words = "its issuer 'Corp CA 2' is no authority that is trusted here";
    deviates(&missing, Status::Failed, words, "ssl_certificate chain.pem");
    // The same where this machine completes it.
    let config = identity.alone().server();
    let completed = behind_tls(config, &intermediate.pem(), "path.chain");
    deviates(
        &completed,
        Status::Warned,
        "'Corp CA 2' is not sent",
        "ssl_certificate chain.pem",
    );

    let own = self_signed("localhost", Dates::Now);
    let unknown = behind_tls(own.server(), &authority.pem(), "path.tls");
    deviates(&unknown, Status::Failed, "self-signed", "--cacert FILE");
    let other = authority.issue("example.com", Dates::Now);
    let other = behind_tls(other.server(), &authority.pem(), "path.tls");
    deviates(
        &other,
        Status::Failed,
        "it is for example.com",
        "subjectAltName",
    );
    let past = authority.issue("localhost", Dates::Past);
    let ended = behind_tls(past.server(), &authority.pem(), "path.expiry");
    deviates(&ended, Status::Warned, "it ended on", "certbot renew");
}

#[test]
fn tls_where_there_is_none_is_told() {
    let server = Server::bind("127.0.0.1:0", ServerSettings::default()).unwrap();
    let url = server.url().to_string().replace("http:", "https:");
    let outcome = outcome_at(&url, Tls::default(), "path.tls");
    deviates(&outcome, Status::Failed, "speaks none", "http://");
}

#[test]
fn a_redirect_is_told_with_its_target() {
    let answer = |location: &str| {
        let headers = format!("Location: {location}\r\n");
        with_answer("302 Found", &headers, "{}", "path.endpoint")
    };
    deviates(
        &answer("/cometd/"),
        Status::Failed,
        "HTTP 302 to http://127",
        "as the URL",
    );
    deviates(
        &answer("https://id.example.com/login"),
        Status::Failed,
        "/login",
        "--token",
    );
}

#[test]
fn what_is_no_endpoint_is_told() {
    let answer = |status: &str, headers: &str| with_answer(status, headers, "{}", "path.endpoint");
    let missing = answer("404 Not Found", "Server: nginx\r\n");
    deviates(
        &missing,
        Status::Failed,
        "HTTP 404, Server: nginx",
        "try /cometd",
    );
    let gateway = answer("502 Bad Gateway", "");
    deviates(
        &gateway,
        Status::Failed,
        "HTTP 502",
        "does not reach the server",
    );
    let denied = answer("403 Forbidden", "X-Squid-Error: ERR_ACCESS_DENIED 0\r\n");
    deviates(
        &denied,
        Status::Failed,
        "the proxy answers: HTTP 403 (ERR_ACCESS",
        "NO_PROXY",
    );
    assert_eq!(answer("200 OK", "").status, Status::Passed);
    let closed = with_fault("handshake:close=before", "path.endpoint");
    deviates(
        &closed,
        Status::Failed,
        "closed the connection",
        "the gateway before it",
    );
    let config = self_signed("localhost", Dates::Now).server();
    let server = Server::bind("127.0.0.1:0", ServerSettings::default()).unwrap();
    let relay = TlsRelay::new(&server.url().to_string(), config);
    let url = relay.url("127.0.0.1").replace("https:", "http:");
    let plain = outcome_at(&url, Tls::default(), "path.endpoint");
    deviates(&plain, Status::Failed, "speaks it", "write https://");
    let page = with_fault("handshake:html", "path.endpoint");
    deviates(
        &page,
        Status::Failed,
        "HTTP 200 with no messages (text/html",
        "try /cometd",
    );
}

#[test]
fn a_cache_is_told() {
    let outcome = with_answer("200 OK", "Age: 7\r\nVia: 1.1 cdn\r\n", "{}", "path.proxy");
    deviates(&outcome, Status::Noted, "Via: 1.1 cdn", "proxy_cache off");
}

#[test]
fn a_cookie_that_does_not_come_back_is_told_with_its_reason() {
    let answer = |cookie: &str| {
        let headers = format!("Set-Cookie: {cookie}\r\n");
        with_answer("200 OK", &headers, "{}", "path.cookies")
    };
    let path = answer("S=1; Path=/app");
    deviates(
        &path,
        Status::Warned,
        "Path=/app does not cover /cometd",
        "proxy_cookie_path /app /",
    );
    let domain = answer("S=1; Domain=backend.example.com");
    deviates(
        &domain,
        Status::Warned,
        "Domain=backend.example.com",
        "proxy_cookie_domain",
    );
    let secure = answer("S=1; Secure; Path=/app");
    deviates(&secure, Status::Warned, "it is Secure", "use https");
    assert_eq!(answer("S=1; Path=/").status, Status::Passed);
    assert_eq!(answer("S=; Path=/x; Max-Age=0").status, Status::Passed);
}

#[test]
fn a_server_that_does_not_know_the_session_is_told() {
    let outcome = with_fault("connect:expire:every=2", "path.sticky");
    deviates(&outcome, Status::Failed, "3 of 6 connects", "ip_hash");
}

#[test]
fn a_held_connect_that_is_cut_is_told_with_its_age() {
    for id in ["path.hold", "path.hold-whole"] {
        let outcome = with_fault("connect:close=before:after=1", id);
        deviates(
            &outcome,
            Status::Warned,
            "the server advises 1.0 s",
            "proxy_read_timeout 11s",
        );
    }
}

#[test]
fn a_delivery_that_is_kept_back_is_told() {
    let outcome = with_fault("connect:delay=1200ms:after=1", "path.buffering");
    deviates(
        &outcome,
        Status::Warned,
        "it came after 1.2 s",
        "proxy_buffering off",
    );
}

#[test]
fn an_upgrade_that_is_refused_is_told_with_what_is_missing() {
    let outcome = with_fault("upgrade:status=403", "path.upgrade");
    deviates(&outcome, Status::Warned, "HTTP 403", "Origin");
    let outcome = with_answer("200 OK", "", "{}", "path.upgrade");
    let words = "what a GET without the headers Upgrade and Connection is answered too";
    deviates(&outcome, Status::Warned, words, "proxy_set_header Upgrade");
    let outcome = with_fault("upgrade:close=before", "path.upgrade");
    deviates(
        &outcome,
        Status::Warned,
        "the upgrade fails",
        "proxy_set_header Upgrade",
    );
}

#[test]
fn a_clock_that_is_wrong_is_told() {
    let headers = "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n";
    let outcome = with_answer("200 OK", headers, "{}", "path.clock");
    deviates(
        &outcome,
        Status::Noted,
        "behind of this machine, by its Date header",
        "NTP",
    );
}

#[test]
fn a_session_that_soon_ends_is_told() {
    let advice = r#"{"maxInterval":1500}"#;
    let outcome = with_answer("200 OK", "", advice, "path.life");
    deviates(&outcome, Status::Noted, "1.5 s are advised", "maxInterval");
    let settings = ServerSettings {
        max_interval: Duration::from_millis(500),
        ..ServerSettings::default()
    };
    let server = Server::bind("127.0.0.1:0", settings).unwrap();
    let url = server.url().to_string();
    let outcome = outcome_at(&url, Tls::default(), "path.life-observed");
    deviates(
        &outcome,
        Status::Noted,
        "it does not outlive a silence of 1.0 s",
        "maxInterval",
    );
}
