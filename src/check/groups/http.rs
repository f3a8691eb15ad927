//! `http`: requests and responses of long-polling.

use crate::check::http::Ask;
use crate::check::{Check, Finding, Obstacle, Subject};
use crate::protocol::{ConnectionType, encode};

pub(super) const CHECKS: &[Check] = &[
    Check::must(
        "http.json-post",
        "an array of messages posted as JSON is answered with one",
        "The long-polling request and response messages",
        json_post,
    )
    .over(ConnectionType::LongPolling),
    Check::information(
        "http.single-object",
        "a message that is not in an array is accepted",
        "Messages",
        single_object,
    )
    .over(ConnectionType::LongPolling),
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
