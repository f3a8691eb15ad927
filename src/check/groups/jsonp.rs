//! `jsonp`: what is special about callback-polling.

use percent_encoding::utf8_percent_encode;

use crate::check::http::{Ask, Seen};
use crate::check::{Check, Finding, Obstacle, Subject};
use crate::protocol::{Callback, ConnectionType, ENCODED, decode, encode};

pub(super) const CHECKS: &[Check] = &[
    Check::must(
        "jsonp.default-name",
        "a request that names no callback is answered with a call of jsonpcallback",
        "The callback-polling transport",
        default_name,
    )
    .over(ConnectionType::CallbackPolling),
    Check::information(
        "jsonp.evil-callback",
        "a script in place of the callback's name is not answered with that script",
        "",
        evil_callback,
    )
    .over(ConnectionType::CallbackPolling)
    .intrusive(),
];

fn default_name(subject: &Subject) -> Result<Finding, Obstacle> {
    spoken(subject)?;
    let seen = handshake(subject, "")?;
    if seen.status != 200 {
        return Ok(Finding::deviates(format!("HTTP {}", seen.status)));
    }
    let text = seen.text();
    let called = text
        .trim_start_matches("/**/")
        .starts_with("jsonpcallback(");
    Ok(Finding::expect(
        called,
        "the response calls no jsonpcallback",
    ))
}

fn evil_callback(subject: &Subject) -> Result<Finding, Obstacle> {
    spoken(subject)?;
    let seen = handshake(subject, "jsonp=alert%281%29%3Bx&")?;
    let is_echoed = seen.status == 200 && seen.text().contains("alert(1)");
    Ok(Finding::expect(
        !is_echoed,
        "the response runs alert(1): a link to this server runs scripts of whoever made it",
    ))
}

/// Whether the server speaks callback-polling at all: without it there is nothing to check.
fn spoken(subject: &Subject) -> Result<(), Obstacle> {
    let name = Callback::default();
    let seen = handshake(subject, &format!("jsonp={name}&"))?;
    if seen.status == 200 && seen.text().contains(&format!("{name}(")) {
        return Ok(());
    }
    Err(Obstacle::Inapplicable(
        "the server does not speak callback-polling".to_owned(),
    ))
}

/// A handshake by GET with this in the query before the message; its session is ended.
fn handshake(subject: &Subject, query: &str) -> Result<Seen, Obstacle> {
    let mut session = subject.session()?;
    let text = encode([&session.handshake()]);
    let message = utf8_percent_encode(&text, ENCODED);
    let ask = Ask::get(format!("{query}message={message}"));
    let seen = session.http()?.ask(&ask)?;
    // Whatever is called: the call's argument.
    let text = seen.text();
    let start = text.find("[{").unwrap_or_default();
    let end = text.rfind(']').map_or(start, |it| (it + 1).max(start));
    let replies = decode(&text.as_bytes()[start..end]).map(|it| it.messages);
    for reply in replies.unwrap_or_default() {
        if reply.client_id().is_some() {
            session.adopt(&reply)?;
        }
    }
    Ok(seen)
}
