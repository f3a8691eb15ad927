//! `hs`: the handshake.

use crate::check::{Check, Finding, Obstacle, Subject};

pub(super) const CHECKS: &[Check] = &[
    Check::must(
        "hs.id-echo",
        "the reply to a handshake has the id of the handshake",
        "Meta Channels",
        id_echo,
    ),
    Check::must(
        "hs.clientid-unique",
        "two handshakes begin two sessions",
        "Client ID",
        clientid_unique,
    ),
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
