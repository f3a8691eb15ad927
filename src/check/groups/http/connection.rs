//! Getting there, and staying there.

use std::thread;
use std::time::Duration;

use super::{IDLE, handshake_by};
use crate::check::asking::{end_with, first_reply};
use crate::check::http::{Ask, Seen};
use crate::check::session::Session;
use crate::check::{Finding, Obstacle, Subject};
use crate::protocol::{Callback, ConnectionType, Message, encode};

pub(super) fn reachable(subject: &Subject) -> Result<Finding, Obstacle> {
    let mut session = match subject.session() {
        Err(Obstacle::Inapplicable(reason)) => return Ok(Finding::deviates(reason)),
        session => session?,
    };
    let handshake = session.handshake();
    if subject.connection_type() == ConnectionType::WebSocket {
        first_reply(&mut session, handshake)?;
        return Ok(Finding::holds());
    }
    let ask = match subject.connection_type() {
        ConnectionType::CallbackPolling => {
            Ask::callback(&Callback::default(), std::slice::from_ref(&handshake))
        }
        ConnectionType::LongPolling | ConnectionType::WebSocket => Ask::post(encode([&handshake])),
    };
    let seen = session.http()?.ask(&ask)?;
    match reply_in(&seen, subject.connection_type()) {
        Some(reply) => {
            end_with(&mut session, &reply)?;
            Ok(Finding::holds())
        }
        None => Ok(Finding::deviates(instead_of_a_reply(&seen))),
    }
}

fn reply_in(seen: &Seen, connection_type: ConnectionType) -> Option<Message> {
    let messages = match connection_type {
        ConnectionType::CallbackPolling => Callback::default().decode(&seen.body).ok()?.messages,
        ConnectionType::LongPolling | ConnectionType::WebSocket => seen.messages().ok()?,
    };
    let mut messages = messages.into_iter();
    messages.find(|it| it.successful().is_some())
}

/// What there is where no Bayeux is: the status, what kind of body, and how that begins.
fn instead_of_a_reply(seen: &Seen) -> String {
    let status = seen.status;
    if let (300..400, Some(location)) = (status, seen.header("Location")) {
        return format!("HTTP {status} to {location}");
    }
    let text = seen.text();
    let words: Vec<&str> = text.split_whitespace().collect();
    let beginning: String = words.join(" ").chars().take(60).collect();
    let kind = seen.header("Content-Type").unwrap_or("no Content-Type");
    match beginning.as_str() {
        "" => format!("HTTP {status} without a body"),
        _ => format!("HTTP {status}, {kind}, and no reply: {beginning}"),
    }
}

pub(super) fn redirect(subject: &Subject) -> Result<Finding, Obstacle> {
    let tried = handshake_by(subject, |_, text| Ask::post(text))?;
    let status = tried.seen.status;
    if !(300..400).contains(&status) {
        return Ok(Finding::holds());
    }
    let location = tried.seen.header("Location").unwrap_or("nowhere");
    let seen = match status {
        // RFC 9110, 15.4.
        307 | 308 => format!("HTTP {status} to {location}"),
        _ => format!("HTTP {status} to {location}, which turns POST into GET"),
    };
    Ok(Finding::deviates(seen).at("Location"))
}

pub(super) fn keepalive(subject: &Subject) -> Result<Finding, Obstacle> {
    let mut session = subject.handshaken()?;
    let connect = |session: &mut Session| {
        let connect = session.connect(Some(Duration::ZERO));
        session.http()?.post(&[connect])
    };
    // The handshake's connection, unless that was closed.
    let next = connect(&mut session)?;
    if next.trace.connect.is_some() {
        return Ok(
            Finding::deviates("each request needs a connection of its own").at("Connection"),
        );
    }
    thread::sleep(IDLE.min(subject.left() / 2));
    let late = connect(&mut session)?;
    if late.trace.connect.is_some() {
        let seconds = IDLE.as_secs();
        let seen = format!("it is closed when it was idle for {seconds} s");
        return Ok(Finding::deviates(seen).at("Keep-Alive"));
    }
    Ok(match late.header("Keep-Alive") {
        Some(told) => Finding::holds_as(format!("Keep-Alive: {told}")),
        None => Finding::holds(),
    })
}
