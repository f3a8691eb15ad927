//! `http`: requests and responses of long-polling.

use std::time::Duration;

use crate::check::http::Ask;
use crate::check::{Check, Finding, Mode, Obstacle, Over, Severity, Stage, Subject};
use crate::protocol::{ConnectionType, encode};

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "http.json-post",
        title: "an array of messages posted as JSON is answered with one",
        clause: "The long-polling request and response messages",
        severity: Severity::Must,
        mode: Mode::Safe,
        stage: Stage::Beside,
        over: Over::Only(ConnectionType::LongPolling),
        patience: Duration::from_secs(10),
        run: json_post,
    },
    Check {
        id: "http.single-object",
        title: "a message that is not in an array is accepted",
        clause: "Messages",
        severity: Severity::Information,
        mode: Mode::Safe,
        stage: Stage::Beside,
        over: Over::Only(ConnectionType::LongPolling),
        patience: Duration::from_secs(10),
        run: single_object,
    },
];

fn json_post(subject: &Subject) -> Result<Finding, Obstacle> {
    let mut session = subject.session()?;
    let handshake = session.handshake();
    let seen = session.http()?.post(&[handshake])?;
    let messages = seen.messages()?;
    if let Some(reply) = messages.iter().find(|it| it.client_id().is_some()) {
        // So that it is ended.
        session.adopt(reply)?;
    }
    Ok(Finding::expect(
        seen.text().trim_start().starts_with('['),
        "the response is no array",
    ))
}

fn single_object(subject: &Subject) -> Result<Finding, Obstacle> {
    let mut session = subject.session()?;
    let handshake = session.handshake();
    let text = encode([&handshake]);
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    let seen = session.http()?.ask(&Ask::post(bare))?;
    if seen.status != 200 {
        return Ok(Finding::deviates(format!("HTTP {}", seen.status)));
    }
    let messages = seen.messages()?;
    let Some(reply) = messages.first() else {
        return Ok(Finding::deviates("no reply"));
    };
    session.adopt(reply)?;
    Ok(Finding::holds())
}
