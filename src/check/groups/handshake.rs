//! `hs`: the handshake.

use std::time::Duration;

use crate::check::{Check, Finding, Mode, Obstacle, Over, Severity, Stage, Subject};

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "hs.id-echo",
        title: "the reply to a handshake has the id of the handshake",
        clause: "Meta Channels",
        severity: Severity::Must,
        mode: Mode::Safe,
        stage: Stage::Beside,
        over: Over::Any,
        patience: Duration::from_secs(10),
        run: id_echo,
    },
    Check {
        id: "hs.clientid-unique",
        title: "two handshakes begin two sessions",
        clause: "Client ID",
        severity: Severity::Must,
        mode: Mode::Safe,
        stage: Stage::Beside,
        over: Over::Any,
        patience: Duration::from_secs(10),
        run: clientid_unique,
    },
];

fn id_echo(subject: &Subject) -> Result<Finding, Obstacle> {
    let mut session = subject.session()?;
    let reply = session.open()?;
    Ok(match reply.id() {
        Some("1") => Finding::holds(),
        Some(other) => Finding::deviates(format!("the id is {other} and not 1")).at("id"),
        None => Finding::deviates("it has no id").at("id"),
    })
}

fn clientid_unique(subject: &Subject) -> Result<Finding, Obstacle> {
    let (first, second) = (subject.handshaken()?, subject.handshaken()?);
    Ok(Finding::expect(
        first.client_id() != second.client_id(),
        "both have the same clientId",
    )
    .at("clientId"))
}
