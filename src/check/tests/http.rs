//! What makes the checks of `http` fail.

use super::scripted::{Asked, Response, Script, Scripted};
use super::*;

/// What a check comes to where responses are these instead of the proper ones.
fn outcome(respond: fn(&Asked, Response) -> Response, id: &str) -> String {
    let script = Script {
        respond,
        ..Script::default()
    };
    let server = Scripted::new(script);
    outcome_at(&server.url(), ConnectionType::LongPolling, id)
}

fn status(status: u16, headers: &str) -> Response {
    Response {
        status,
        headers: headers.to_owned(),
        body: Vec::new(),
    }
}

#[test]
fn a_server_with_nothing_wrong_passes() {
    let server = Scripted::new(Script::default());
    for it in outcomes_at(&server.url(), ConnectionType::LongPolling, &[]) {
        let of_group = ["http", "msg", "json", "cookie"].contains(&it.check.group());
        let is_fine = matches!(it.status, Status::Passed | Status::Noted | Status::Skipped);
        assert!(is_fine || !of_group, "{}: {it:#?}", it.check.id);
    }
}

#[test]
fn what_is_no_bayeux_is_not_reachable_and_nothing_else_is_tried() {
    let id = "http.reachable";
    let shop = outcome_of_fault("any:html", id);
    assert_eq!(
        shop,
        "fail: HTTP 200, text/html;charset=UTF-8, and no reply: \
         <!DOCTYPE html> <html><head><title>Log in</title></head><bod"
    );
    let moved = outcome(|_, _| status(301, "Location: /elsewhere\r\n"), id);
    assert_eq!(moved, "fail: HTTP 301 to /elsewhere");
    assert_eq!(
        outcome(|_, _| status(404, ""), id),
        "fail: HTTP 404 without a body"
    );
    for over in [ConnectionType::CallbackPolling, ConnectionType::WebSocket] {
        let server = Scripted::new(Script {
            respond: |_, _| status(404, ""),
            ..Script::default()
        });
        let outcomes = outcomes_at(&server.url(), over, &[id, "hs.id-echo"]);
        assert_eq!(outcomes[0].status, Status::Failed, "over {over}");
        assert_eq!(outcomes[1].status, Status::Skipped, "over {over}");
    }
}

#[test]
fn a_reply_that_is_not_in_an_array_is_seen() {
    let bare = outcome(
        |_, mut proper| {
            proper.body.remove(0);
            proper.body.pop();
            proper
        },
        "http.json-post",
    );
    assert_eq!(bare, "fail: the response is no array");
    assert_eq!(
        outcome_of_fault("handshake:status=503", "http.json-post"),
        "fail: HTTP 503"
    );
}

#[test]
fn responses_that_say_they_are_something_else_are_seen() {
    let id = "http.reply-ctype";
    assert_eq!(
        outcome(
            |_, it| Response {
                headers: "Content-Type: text/html\r\n".to_owned(),
                ..it
            },
            id
        ),
        "warn: Content-Type is text/html, not application/json"
    );
    assert_eq!(
        outcome(
            |_, it| Response {
                headers: String::new(),
                ..it
            },
            id
        ),
        "warn: no Content-Type, not application/json"
    );
    assert_eq!(
        outcome(
            |_, it| Response {
                headers: "Content-Type: application/json;charset=ISO-8859-1\r\n".to_owned(),
                ..it
            },
            id
        ),
        "warn: Content-Type is application/json;charset=iso-8859-1"
    );
}

#[test]
fn requests_in_other_forms_that_are_refused_are_seen() {
    let refuses_other_types = outcome(
        |asked, proper| match asked
            .head
            .to_ascii_lowercase()
            .contains("content-type: application/json")
        {
            true => proper,
            false => status(400, ""),
        },
        "http.ctype-matrix",
    );
    assert_eq!(
        refuses_other_types,
        "note: text/json;charset=UTF-8: HTTP 400; text/plain: HTTP 400; none: HTTP 400"
    );
    // It reads no forms.
    assert_eq!(
        outcome(|_, proper| proper, "http.form-post"),
        "note: HTTP 400"
    );
    let refuses_objects = outcome(
        |asked, proper| match asked.body.starts_with('[') {
            true => proper,
            false => status(400, ""),
        },
        "http.single-object",
    );
    assert_eq!(refuses_objects, "note: HTTP 400");
    let breaks_down = outcome(
        |asked, proper| match asked.body.as_str() {
            "[]" => status(500, ""),
            _ => proper,
        },
        "http.empty-array",
    );
    assert_eq!(breaks_down, "note: HTTP 500");
}

#[test]
fn malformed_requests_that_are_accepted_or_answered_with_insides_are_seen() {
    let id = "http.malformed";
    let seen = outcome(
        |asked, proper| match proper.status {
            400 if asked.body == "hello" => Response {
                body: b"Oops\n  at parse (/srv/app.js:1:2)".to_vec(),
                ..proper
            },
            400 if asked.body.is_empty() => status(200, ""),
            _ => proper,
        },
        id,
    );
    assert_eq!(
        seen,
        "note: nothing: HTTP 200; a word: the response shows where it failed: \
         at parse (/srv/app.js:1:2)"
    );
}

#[test]
fn paths_below_the_endpoint_that_are_refused_are_seen() {
    let handshake = outcome(
        |asked, proper| match asked.head.contains("/cometd/") {
            true => status(404, ""),
            false => proper,
        },
        "http.subpath",
    );
    assert_eq!(handshake, "note: /handshake: HTTP 404");
    let connect = outcome(
        |asked, proper| match asked.head.contains("/cometd/connect") {
            true => status(404, ""),
            false => proper,
        },
        "http.subpath",
    );
    assert_eq!(connect, "note: /connect: HTTP 404");
}

#[test]
fn connections_that_are_not_kept_are_seen() {
    let closes = outcome(
        |_, mut proper| {
            proper.headers.push_str("Connection: close\r\n");
            proper
        },
        "http.keepalive",
    );
    assert_eq!(closes, "note: each request needs a connection of its own");
    assert_eq!(
        outcome_of_fault("connect:close=after:first=1", "http.keepalive"),
        "note: it is closed when it was idle for 2 s"
    );
}

#[test]
fn what_is_not_gzip_though_it_says_so_is_seen() {
    let seen = outcome(
        |asked, mut proper| {
            if asked
                .head
                .to_ascii_lowercase()
                .contains("accept-encoding: gzip")
            {
                proper.headers.push_str("Content-Encoding: gzip\r\n");
            }
            proper
        },
        "http.gzip",
    );
    assert!(seen.starts_with("warn: "), "{seen}");
}

#[test]
fn redirects_are_seen() {
    let id = "http.redirect";
    assert_eq!(
        outcome(
            |_, _| status(302, "Location: https://b.example/cometd\r\n"),
            id
        ),
        "note: HTTP 302 to https://b.example/cometd, which turns POST into GET"
    );
    assert_eq!(
        outcome(|_, _| status(308, "Location: /cometd/\r\n"), id),
        "note: HTTP 308 to /cometd/"
    );
}

#[test]
fn responses_that_may_be_kept_are_seen() {
    let id = "http.cache";
    assert_eq!(
        outcome(
            |_, it| Response {
                headers: String::new(),
                ..it
            },
            id
        ),
        "note: no Cache-Control"
    );
    assert_eq!(
        outcome(
            |_, it| Response {
                headers: "Cache-Control: public, max-age=60\r\n".to_owned(),
                ..it
            },
            id
        ),
        "note: Cache-Control is public, max-age=60"
    );
}

#[test]
fn servers_that_trust_every_page_are_seen() {
    let seen = outcome(
        |_, _| {
            status(
                200,
                "Access-Control-Allow-Origin: https://page.invalid\r\n\
                 Access-Control-Allow-Credentials: true\r\n",
            )
        },
        "http.cors",
    );
    assert_eq!(
        seen,
        "note: a page of any origin may, with the cookies of whoever opens it"
    );
}
