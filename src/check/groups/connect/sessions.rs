//! Sessions beside each other, and at their end.

use std::thread;
use std::time::Duration;

use crate::check::judging::refused;
use crate::check::session::json;
use crate::check::subject::PROMPTLY;
use crate::check::{Finding, Obstacle, Subject};
use crate::protocol::{Advice, Message, meta};

/// CometD's default, for servers that advise nothing.
const MAX_INTERVAL: Duration = Duration::from_secs(10);

/// A client that lost a connect tries again after so long.
const BACKOFF: Duration = Duration::from_secs(1);

/// CometD looks about once a second for sessions whose time is over.
const SWEEP: Duration = Duration::from_millis(1500);

pub(super) fn multi_session(subject: &Subject) -> Result<Finding, Obstacle> {
    let mut first = subject.connected()?;
    if first.http()?.cookies().is_empty() {
        return Ok(Finding::deviates(
            "the server sets no cookie, and cannot tell that they are of one browser",
        )
        .at("Set-Cookie"));
    }
    let mut second = first.beside(subject)?;
    second.open()?;
    let hold = PROMPTLY * 2;
    let connect = first.connect(Some(hold));
    let held = first.begin(vec![connect])?;
    if first
        .replies_to(&held, Duration::from_millis(200))?
        .is_some()
    {
        return Err(Obstacle::Inapplicable(
            "the server holds no connect".to_owned(),
        ));
    }
    second.connect_at_once()?;
    let connect = second.connect(Some(hold));
    let begun = second.begin(vec![connect])?;
    let Some(replies) = second.replies_to(&begun, PROMPTLY)? else {
        return Ok(Finding::deviates(
            "connects of both are held: with a third one a browser has no connection left",
        ));
    };
    let advice = replies.iter().find_map(|it| advice(subject, it));
    Ok(match advice {
        Some(advice) if advice.multiple_clients => {
            let interval = advice.interval.unwrap_or_default();
            Finding::holds_as(format!(
                "advised to connect every {} ms",
                interval.as_millis()
            ))
        }
        Some(_) | None => Finding::deviates(
            "the second one is answered at once, and its advice does not say multiple-clients",
        )
        .at("advice.multiple-clients"),
    })
}

pub(super) fn expiry(subject: &Subject) -> Result<Finding, Obstacle> {
    let mut dying = subject.session()?;
    let handshake = dying.open()?;
    let connect = dying.connect_at_once()?;
    let advices: Vec<_> = [&connect, &handshake]
        .into_iter()
        .filter_map(|it| advice(subject, it))
        .collect();
    let interval = advices.iter().find_map(|it| it.interval);
    let advised = advices.iter().find_map(|it| it.max_interval);
    let advised = advised.map(|it| it + interval.unwrap_or_default());
    let (pause, life) = match advised {
        Some(life) => (life / 2, life),
        None => (BACKOFF, MAX_INTERVAL),
    };
    if subject.left() < life + SWEEP + PROMPTLY {
        let seen = format!("the server keeps a session for {} s", life.as_secs());
        return Err(Obstacle::Inapplicable(seen));
    }
    let mut living = subject.connected()?;
    thread::sleep(pause);
    let (pause, expected) = (pause.as_millis(), life.as_millis());
    let reply = living.connect_at_once()?;
    if reply.successful() != Some(true) {
        return Ok(Finding::deviates(match advised {
            Some(_) => format!(
                "a session is unknown {pause} ms after its last connect, where its advice says \
                 {expected} ms"
            ),
            None => format!("a session is unknown {pause} ms after its last connect"),
        }));
    }
    let rest = Duration::from_millis((expected - pause) as u64);
    thread::sleep(rest + SWEEP);
    let reply = dying.connect_at_once()?;
    let late = SWEEP.as_millis();
    Ok(match (reply.successful(), advised) {
        (Some(false), Some(_)) => Finding::holds_as(format!("after {expected} ms, as advised")),
        (Some(false), None) => Finding::holds_as(format!(
            "within {} ms; no advice says when",
            expected + late
        )),
        (_, Some(_)) => Finding::deviates(format!(
            "still known {late} ms after the {expected} ms that its advice says"
        ))
        .at("advice.maxInterval"),
        (_, None) => Finding::deviates(format!(
            "still known {} ms after its last connect; no advice says how long a session lives",
            expected + late
        ))
        .at("advice.maxInterval"),
    })
}

pub(super) fn error_on_other(subject: &Subject) -> Result<Finding, Obstacle> {
    let mut session = subject.connected()?;
    let client_id = session.client_id().unwrap_or_default().to_owned();
    session.disconnect()?;
    // CometD closes the websocket of a session that left.
    let mut late = session.beside(subject)?;
    let subscribe = late
        .message(meta::SUBSCRIBE)
        .client_id(&client_id)
        .string("subscription", &subject.channel("a"))
        .build();
    let found = refused(late.ask(subscribe), "a subscribe")?;
    if !found.holds {
        return Ok(found);
    }
    let publish = late
        .message(&subject.channel("a"))
        .client_id(&client_id)
        .json("data", &json("1"))
        .build();
    refused(late.ask(publish), "a publish")
}

fn advice(subject: &Subject, reply: &Message) -> Option<Advice> {
    Advice::parse(reply.advice()?, subject.connection_type())
}
