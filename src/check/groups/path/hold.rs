//! How long a held connect survives on its way, against what the server advises.

use std::time::{Duration, Instant};

use super::words::{failure, span};
use super::{about_the_way, advice};
use crate::check::{Finding, Obstacle, Subject};
use crate::protocol::ConnectionType;

/// What a check has time for that everybody runs.
const A_MOMENT: Duration = Duration::from_secs(8);

/// A shorter hold says nothing.
const LEAST: Duration = Duration::from_secs(1);

/// What is left for the goodbye.
const GOODBYE: Duration = Duration::from_secs(2);

pub(super) fn for_a_moment(subject: &Subject) -> Result<Finding, Obstacle> {
    held(subject, A_MOMENT)
}

pub(super) fn to_its_end(subject: &Subject) -> Result<Finding, Obstacle> {
    held(subject, subject.left())
}

fn held(subject: &Subject, longest: Duration) -> Result<Finding, Obstacle> {
    let over = subject.connection_type();
    let mut session = subject.session()?;
    let replies = [
        about_the_way(session.open())?,
        about_the_way(session.connect_at_once())?,
    ];
    // The latest word counts; connects that are not held may say 0.
    let hold = replies
        .iter()
        .rev()
        .find_map(|it| advice(it, over)?.timeout);
    let hold = hold.filter(|it| !it.is_zero());
    let advised = match hold {
        Some(hold) => format!("the server advises {}", span(hold)),
        None => "the server does not say how long".to_owned(),
    };
    let patience = longest.min(subject.left().saturating_sub(GOODBYE));
    if patience < LEAST {
        let reason = "the time of the run leaves none to hold a connect".to_owned();
        return Err(Obstacle::Inapplicable(reason));
    }
    let connect = session.connect(None);
    let started = Instant::now();
    let begun = session.begin(vec![connect])?;
    let answered = session.replies_to(&begun, patience);
    let after = started.elapsed();
    let age = span(after);
    Ok(match answered {
        Ok(None) => Finding::holds_as(format!("still held after {age}; {advised}")),
        Ok(Some(_)) => Finding::holds_as(format!("answered after {age}; {advised}")),
        Err(obstacle) => {
            let reason = failure(&obstacle);
            let seen = format!("cut after {age} ({reason}); {advised}");
            Finding::deviates(seen).remedy(remedy(over, after, hold))
        }
    })
}

fn remedy(over: ConnectionType, after: Duration, hold: Option<Duration>) -> String {
    // What the server needs beside the hold, and a round number.
    let enough = hold.unwrap_or(Duration::from_secs(30)).as_secs() + 10;
    let haproxy = match over {
        ConnectionType::WebSocket => "timeout tunnel",
        ConnectionType::LongPolling | ConnectionType::CallbackPolling => "timeout server",
    };
    let below = after.as_secs().saturating_sub(1).max(1);
    format!(
        "let connections be silent for longer: nginx: proxy_read_timeout {enough}s; haproxy: \
         {haproxy} {enough}s; load balancers: idle timeout {enough} s; or the server's own \
         timeout below {below} s"
    )
}
