//! `adv`: the advice.

use crate::check::judging::broken;
use crate::check::{Check, Finding, Obstacle, Subject};
use crate::protocol::{Advice, Reconnect, meta};
use crate::traffic::rules;

pub(super) const CHECKS: &[Check] = &[
    Check::must(
        "adv.shape",
        "an advice has a reconnect that there is, and times in milliseconds",
        "advice",
        shape,
    ),
    Check::should(
        "adv.absolute",
        "a session is given an advice before its second connect",
        "advice",
        absolute,
    ),
    Check::should(
        "adv.reconnect",
        "what is successful is told to go on",
        "reconnect advice",
        reconnect,
    ),
];

fn shape(subject: &Subject) -> Result<Finding, Obstacle> {
    let mut session = subject.session()?;
    let mut replies = vec![session.open()?, session.connect_at_once()?];
    replies.push(session.connect_at_once()?);
    // A refusal has the advice that matters most.
    let mut nobody = subject.session()?;
    let connect = nobody
        .message(meta::CONNECT)
        .client_id(&subject.unknown_client_id())
        .string("connectionType", subject.connection_type().as_str());
    replies.push(nobody.ask(connect.build())?);
    let breaches = replies.iter().flat_map(rules::advice);
    let mut breaches = breaches.filter(|it| it.rule.id == "adv.shape");
    Ok(breaches.next().map_or_else(Finding::holds, broken))
}

/// CometD's issue 2057: clients that obey such an advice never come to a first connect, and those
/// that do not throw an error.
fn reconnect(subject: &Subject) -> Result<Finding, Obstacle> {
    let mut session = subject.session()?;
    for reply in [session.open()?, session.connect_at_once()?] {
        let advice = reply.advice();
        let advice = advice.and_then(|it| Advice::parse(it, subject.connection_type()));
        let told = match advice.map(|it| it.reconnect) {
            Some(Reconnect::Handshake) => "handshake",
            Some(Reconnect::None) => "none",
            Some(Reconnect::Retry) | None => continue,
        };
        if reply.successful() == Some(true) {
            let channel = reply.channel();
            let seen = format!("a successful reply on {channel} advises {told}");
            return Ok(Finding::deviates(seen).at("reconnect"));
        }
    }
    Ok(Finding::holds())
}

fn absolute(subject: &Subject) -> Result<Finding, Obstacle> {
    let mut session = subject.session()?;
    let replies = [session.open()?, session.connect_at_once()?];
    let advices = replies.iter().filter_map(|it| it.advice());
    let parsed = advices.filter_map(|it| Advice::parse(it, subject.connection_type()));
    let first = parsed.map(|it| it.timeout).next();
    Ok(match first {
        Some(Some(timeout)) => {
            Finding::holds_as(format!("a connect is held for {} ms", timeout.as_millis()))
        }
        Some(None) => Finding::holds(),
        None => {
            Finding::deviates("neither the handshake nor the first connect brings one").at("advice")
        }
    })
}
