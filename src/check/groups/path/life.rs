//! How long a session lives whose client is silent, as the server advises it and as it is.

use std::thread;
use std::time::{Duration, Instant};

use super::words::span;
use super::{about_the_way, advice};
use crate::check::session::Session;
use crate::check::{Finding, Obstacle, Subject};

/// A client that has lost its network for a moment needs as long.
const ENOUGH: Duration = Duration::from_secs(5);

/// After these silences, in seconds, sessions are asked whether they live.
const SILENCES: [u64; 7] = [1, 3, 6, 12, 20, 40, 70];

const REMEDY: &str =
    "CometD: raise maxInterval (10000 ms by default); Faye: its timeout, of which it is twice";

pub(super) fn advised(subject: &Subject) -> Result<Finding, Obstacle> {
    let over = subject.connection_type();
    let mut session = subject.session()?;
    let replies = [
        about_the_way(session.open())?,
        about_the_way(session.connect_at_once())?,
    ];
    let life = replies
        .iter()
        .rev()
        .find_map(|it| advice(it, over)?.max_interval);
    Ok(match life {
        None => Finding::holds_as("the server does not say how long (advice.maxInterval)"),
        Some(life) if life >= ENOUGH => Finding::holds_as(format!("{} are advised", span(life))),
        Some(life) => Finding::deviates(format!("{} are advised", span(life)))
            .at("advice.maxInterval")
            .remedy(REMEDY),
    })
}

pub(super) fn observed(subject: &Subject) -> Result<Finding, Obstacle> {
    let mut sessions: Vec<Session> = Vec::new();
    for _ in SILENCES {
        sessions.push(subject.connected()?);
    }
    let started = Instant::now();
    let mut lived = Duration::ZERO;
    for (session, silence) in sessions.iter_mut().zip(SILENCES) {
        let silence = Duration::from_secs(silence);
        if subject.left() < silence.saturating_sub(started.elapsed()) + Duration::from_secs(2) {
            break;
        }
        thread::sleep(silence.saturating_sub(started.elapsed()));
        // The goodbye to a session that is over is refused.
        if session.disconnect()?.successful() == Some(true) {
            lived = silence;
            continue;
        }
        let seen = match lived {
            Duration::ZERO => format!("it does not outlive a silence of {}", span(silence)),
            lived => format!(
                "it outlives a silence of {}, and not one of {}",
                span(lived),
                span(silence)
            ),
        };
        return Ok(match lived >= ENOUGH - Duration::from_secs(2) {
            true => Finding::holds_as(seen),
            false => Finding::deviates(seen).remedy(REMEDY),
        });
    }
    Ok(Finding::holds_as(format!(
        "it outlives a silence of {}",
        span(lived)
    )))
}
