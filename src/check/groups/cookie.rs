//! `cookie`: what a handshake sets.

use std::time::Duration;

use crate::check::http::Ask;
use crate::check::judging::error_of;
use crate::check::session::Session;
use crate::check::{Check, Finding, Obstacle, Subject};
use crate::protocol::{ConnectionType, encode};
use crate::transport::Cookie;

pub(super) const CHECKS: &[Check] = &[
    Check::information(
        "cookie.required",
        "a session goes on for a client that keeps no cookies",
        "Multiple clients",
        required,
    )
    .over(ConnectionType::LongPolling),
    Check::information(
        "cookie.attrs",
        "cookies are for the whole endpoint, not for scripts, and safe on their way",
        "",
        attributes,
    )
    .over(ConnectionType::LongPolling),
];

fn required(subject: &Subject) -> Result<Finding, Obstacle> {
    let (mut session, cookies) = begun(subject)?;
    let names = names(&cookies);
    if names.is_empty() {
        return Ok(Finding::holds_as("the handshake sets none"));
    }
    let connect = session.connect(Some(Duration::ZERO));
    let ask = Ask::post(encode([&connect])).without_cookies();
    let seen = session.http()?.ask(&ask)?;
    if seen.status != 200 {
        let seen = format!("without {names}: HTTP {}", seen.status);
        return Ok(Finding::deviates(seen).at("Set-Cookie"));
    }
    let replies = seen.messages()?;
    let Some(reply) = replies.iter().find(|it| it.successful().is_some()) else {
        return Err(Obstacle::Unusable("no reply to the connect".to_owned()));
    };
    Ok(match reply.successful() {
        Some(true) => Finding::holds_as(format!("without {names} as well")),
        _ => Finding::deviates(format!("without {names}: {}", error_of(reply))).at("error"),
    })
}

fn attributes(subject: &Subject) -> Result<Finding, Obstacle> {
    let (_session, cookies) = begun(subject)?;
    if cookies.is_empty() {
        return Err(Obstacle::Inapplicable(
            "the handshake sets no cookies".to_owned(),
        ));
    }
    let is_tls = subject.settings().transport.endpoint.is_tls();
    let wrong: Vec<String> = cookies
        .iter()
        .filter_map(|cookie| {
            let wrong = wrong_with(cookie, is_tls);
            let names = wrong.join(", ");
            (!wrong.is_empty()).then(|| format!("{}: {names}", cookie.name))
        })
        .collect();
    Ok(match wrong.is_empty() {
        true => Finding::holds_as(names(&cookies)),
        false => Finding::deviates(wrong.join("; ")).at("Set-Cookie"),
    })
}

fn wrong_with(cookie: &SetCookie, is_tls: bool) -> Vec<&'static str> {
    let attributes = &cookie.attributes;
    let has = |name: &str| attributes.iter().any(|it| it == name);
    let has_path = attributes.iter().any(|it| it.starts_with("path="));
    let mut wrong = Vec::new();
    if !has_path {
        // RFC 6265, 5.1.4: then it is for the directory of the request's path.
        wrong.push("no Path, so that it depends on the URL of the handshake");
    }
    if !cookie.is_sent {
        wrong.push("not for this endpoint");
    }
    if !has("httponly") {
        wrong.push("no HttpOnly, so that scripts can read it");
    }
    if is_tls && !has("secure") {
        wrong.push("no Secure, so that it is sent in the clear as well");
    }
    if has("samesite=none") && !has("secure") {
        wrong.push("SameSite=None without Secure, which browsers refuse");
    }
    wrong
}

/// A cookie as the server wrote it.
struct SetCookie {
    name: String,
    /// In small letters.
    attributes: Vec<String>,
    /// Whether it comes back to this endpoint.
    is_sent: bool,
}

impl SetCookie {
    fn parse(line: &str, jar: &[Cookie]) -> Self {
        let (pair, attributes) = line.split_once(';').unwrap_or((line, ""));
        let name = pair.split('=').next().unwrap_or_default().trim();
        let attributes = attributes.split(';');
        Self {
            name: name.to_owned(),
            attributes: attributes
                .map(|it| it.trim().to_ascii_lowercase())
                .collect(),
            is_sent: jar.iter().any(|it| it.name == name && it.is_sent),
        }
    }
}

/// A session, and the cookies that its handshake set; the user's own are none of the server's
/// business.
fn begun(subject: &Subject) -> Result<(Session, Vec<SetCookie>), Obstacle> {
    let mut session = subject.session()?;
    let handshake = session.handshake();
    let http = session.http()?;
    let seen = http.post(&[handshake])?;
    let jar = http.cookies();
    // Not from the jar: that one has them as it understood them.
    let lines = seen.headers().get_all("Set-Cookie").into_iter();
    let cookies = lines
        .map(|it| SetCookie::parse(&String::from_utf8_lossy(it.as_bytes()), &jar))
        .collect();
    let replies = seen.messages()?;
    match replies.iter().find(|it| it.successful() == Some(true)) {
        Some(reply) => session.adopt(reply)?,
        None => {
            let reason = "the server refuses the handshake".to_owned();
            return Err(Obstacle::Inapplicable(reason));
        }
    }
    Ok((session, cookies))
}

fn names(cookies: &[SetCookie]) -> String {
    let names: Vec<&str> = cookies.iter().map(|it| it.name.as_str()).collect();
    names.join(", ")
}
