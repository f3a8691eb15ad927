//! Credentials that the server refuses, and those that follow.

use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

use super::super::{Authorization, CredentialSource, Secret, TransportError};
use super::*;

struct Given(Result<&'static str, &'static str>);

impl CredentialSource for Given {
    fn fetch(&self, _: Option<Instant>) -> Result<Secret, Box<dyn Error + Send + Sync>> {
        self.0.map(Secret::new).map_err(Into::into)
    }
}

fn client_with(url: &str, authorization: Authorization) -> Polling {
    polling(Settings {
        authorization: Some(Arc::new(authorization)),
        capture: Capture::Text,
        ..settings(url)
    })
    .unwrap()
}

fn renewable(next: Result<&'static str, &'static str>) -> Authorization {
    Authorization::renewable(&Secret::new("Bearer old"), Given(next)).unwrap()
}

const REFUSED: &str = "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n";

/// Refuses the old value, and answers every other one.
fn guarded() -> Server<Vec<String>> {
    Server::run(|listener| {
        let mut peer = listener.accept();
        let mut seen = Vec::new();
        loop {
            let request = peer.request();
            let line = request.lines().find(|it| it.starts_with("authorization"));
            seen.push(line.unwrap_or_default().to_owned());
            if line == Some("authorization: Bearer old") {
                peer.write(REFUSED);
            } else {
                peer.answer(REPLY);
                return seen;
            }
        }
    })
}

#[test]
fn a_request_that_is_refused_with_401_is_sent_once_more_with_other_credentials() {
    let server = guarded();
    let client = client_with(&server.url, renewable(Ok("Bearer new")));
    // A publish too: a 401 says that it was not carried out.
    let publish = Message::builder("/demo").string("data", "x").build();
    let exchange = client.exchange(&[publish], Duration::ZERO, None);
    assert!(exchange.outcome.is_ok());
    assert_eq!(
        server.finish(),
        ["authorization: Bearer old", "authorization: Bearer new"]
    );
    let refused = exchange.trace.refused.unwrap();
    assert_eq!(
        (refused.status, exchange.trace.status),
        (Some(401), Some(200))
    );
    assert!(refused.credential < exchange.trace.credential);
    assert!(!refused.request.expose().is_empty());
}

#[test]
fn where_there_are_no_other_credentials_the_error_says_why() {
    for (authorization, expected) in [
        (
            Authorization::fixed(&Secret::new("Bearer old")).unwrap(),
            "HTTP status 401 Unauthorized",
        ),
        (
            renewable(Err("the vault is closed")),
            "HTTP status 401, and no new credentials: the vault is closed",
        ),
        (renewable(Ok("Bearer old")), "HTTP status 401 Unauthorized"),
    ] {
        let server = Server::run(|listener| {
            let mut peer = listener.accept();
            while !peer.request_or_end().is_empty() {
                peer.write(REFUSED);
            }
        });
        let client = client_with(&server.url, authorization);
        let error = exchange(&client).outcome.unwrap_err();
        assert_eq!(error.to_string(), expected);
        assert!(matches!(
            error,
            TransportError::Status { .. } | TransportError::Unauthorised { .. }
        ));
        drop(client);
        server.finish();
    }
}
