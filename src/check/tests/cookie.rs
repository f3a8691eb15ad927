//! What makes the checks of `cookie` fail.

use super::scripted::{Response, Script, Scripted};
use super::*;

#[test]
fn sessions_that_need_their_cookie_are_seen() {
    assert_eq!(
        outcome_as(Flavor::CometD, "cookie.required"),
        "note: without BAYEUX_BROWSER: 402::session_unknown"
    );
    let indifferent = Scripted::new(Script {
        respond: |_, mut proper| {
            proper.headers.push_str("Set-Cookie: node=1; Path=/\r\n");
            proper
        },
        ..Script::default()
    });
    assert_eq!(
        outcome_at(
            &indifferent.url(),
            ConnectionType::LongPolling,
            "cookie.required"
        ),
        "pass: without node as well"
    );
    assert_eq!(
        outcome_as(Flavor::Faye, "cookie.required"),
        "pass: the handshake sets none"
    );
}

fn attributes(respond: fn(&super::scripted::Asked, Response) -> Response) -> String {
    let server = Scripted::new(Script {
        respond,
        ..Script::default()
    });
    outcome_at(&server.url(), ConnectionType::LongPolling, "cookie.attrs")
}

#[test]
fn cookies_for_scripts_or_for_one_path_are_seen() {
    let bare = attributes(|_, mut proper| {
        proper.headers.push_str("Set-Cookie: node=1\r\n");
        proper
    });
    assert_eq!(
        bare,
        "note: node: no Path, so that it depends on the URL of the handshake, \
         no HttpOnly, so that scripts can read it"
    );
    let elsewhere = attributes(|_, mut proper| {
        proper
            .headers
            .push_str("Set-Cookie: node=1; Path=/app; HttpOnly; SameSite=None\r\n");
        proper
    });
    assert_eq!(
        elsewhere,
        "note: node: not for this endpoint, \
         SameSite=None without Secure, which browsers refuse"
    );
    assert_eq!(
        attributes(|_, proper| proper),
        "skip: the handshake sets no cookies"
    );
}
