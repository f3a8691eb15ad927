//! Callback-polling: messages in the query, and a response that calls a function.

use super::super::TransportError;
use super::*;
use crate::protocol::FindingKind;
use crate::session::{Permanence, Stage};

const CALL: &str = r#"/**/jsonpcallback([{"channel":"/meta/connect","successful":true}]);"#;

fn callback(url: &str) -> Polling {
    Polling::new(ConnectionType::CallbackPolling, settings(url)).unwrap()
}

/// A response with a script.
fn script(text: &str) -> String {
    ok(text).replace("application/json", "text/javascript")
}

fn findings(exchange: &Exchange) -> Vec<FindingKind> {
    let body = exchange.outcome.as_ref().unwrap();
    body.findings.iter().map(|it| it.kind.clone()).collect()
}

/// What a client of an endpoint with this query sends, until its head ends.
fn request(query: &str) -> String {
    let server = Server::run(|listener| {
        let mut peer = listener.accept();
        let request = peer.read_once();
        peer.write(script(CALL));
        request
    });
    let url = format!("{}{query}", server.url);
    let client = callback(&url);
    let exchange = exchange(&client);
    assert_eq!(channels(&exchange), ["/meta/connect"]);
    assert_eq!(findings(&exchange), []);
    let host = server.url.replace("http://", "").replace("/cometd", "");
    server.finish().replace(&host, "HOST")
}

#[test]
fn messages_stand_in_the_query() {
    assert_eq!(
        request(""),
        "GET /cometd?jsonp=jsonpcallback&message=%5B%7B%22channel%22%3A%22%2Fmeta%2Fconnect%22%2C\
         %22id%22%3A%221%22%7D%5D HTTP/1.1\r\n\
         accept-encoding: gzip\r\n\
         host: HOST\r\n\
         cache-control: no-cache\r\n\
         user-agent: VERSION\r\n\
         \r\n"
            .replace("VERSION", concat!("bayeux/", env!("CARGO_PKG_VERSION")))
    );
    let request = request("?a=b");
    assert!(request.starts_with("GET /cometd?a=b&jsonp=jsonpcallback&message=%5B"));
}

#[test]
fn a_response_that_calls_no_function_or_another_is_taken_and_noted() {
    assert_eq!(
        findings(&answered_to(ok(REPLY), callback)),
        [FindingKind::NoCallback]
    );
    let other = script(&CALL.replace("jsonpcallback", "f"));
    let name = "f".to_owned();
    assert_eq!(
        findings(&answered_to(other, callback)),
        [FindingKind::OtherCallback { name }]
    );
}

#[test]
fn a_script_that_is_cut_off_passes_and_a_page_does_not() {
    let permanence = |response: String| {
        let exchange = answered_to(response, callback);
        let error = exchange.outcome.unwrap_err();
        assert!(matches!(error, TransportError::NotJson { .. }), "{error:?}");
        error.permanence()
    };
    let cut = script(r#"/**/jsonpcallback([{"cha"#);
    assert_eq!(permanence(cut), Permanence::Transient);
    let page = ok("<html>").replace("application/json", "text/html");
    assert_eq!(permanence(page), Permanence::Permanent);
}

#[test]
fn a_long_message_is_sent_alone_and_one_that_is_no_url_is_not() {
    let large = |length| {
        let text = "x".repeat(length);
        Message::builder("/demo").string("data", &text).build()
    };
    let server = Server::run(|listener| {
        let mut peer = listener.accept();
        let request = peer.request();
        peer.write(script(CALL));
        request
    });
    let client = callback(&server.url);
    let error = client
        .exchange(&[large(70_000)], Duration::ZERO, None)
        .outcome
        .unwrap_err();
    assert!(
        matches!(error, TransportError::UrlTooLong { length } if length > 70_000),
        "{error:?}"
    );
    assert_eq!(
        (error.stage(), error.permanence()),
        (Stage::Unsent, Permanence::Permanent)
    );
    let exchange = client.exchange(&[large(60_000)], Duration::ZERO, None);
    assert!(exchange.outcome.is_ok());
    assert!(server.finish().contains(&"x".repeat(60_000)));
}
