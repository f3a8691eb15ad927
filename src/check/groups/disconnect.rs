//! `dis`: leaving.

use std::time::Duration;

use crate::check::judging::{refused, well_formed};
use crate::check::session::json;
use crate::check::subject::PROMPTLY;
use crate::check::{Check, Finding, Obstacle, Subject};
use crate::protocol::meta;

pub(super) const CHECKS: &[Check] = &[
    Check::must(
        "dis.reply",
        "the reply to a disconnect has channel, successful and the id of the disconnect",
        "Disconnect Response",
        reply,
    ),
    Check::should(
        "dis.releases-connect",
        "a disconnect ends the connect that is held",
        "Disconnect Request",
        releases_connect,
    ),
    Check::must(
        "dis.invalidates",
        "a connect after the disconnect is refused",
        "Disconnect Request",
        invalidates,
    ),
];

fn reply(subject: &Subject) -> Result<Finding, Obstacle> {
    let mut session = subject.connected()?;
    let request = session.message(meta::DISCONNECT).build();
    let reply = session.ask(request.clone())?;
    let found = well_formed(&request, &reply);
    if found.holds && reply.successful() != Some(true) {
        return Ok(Finding::deviates("the session may not leave").at("successful"));
    }
    Ok(found)
}

fn releases_connect(subject: &Subject) -> Result<Finding, Obstacle> {
    let mut session = subject.connected()?;
    let connect = session.connect(Some(PROMPTLY * 3));
    let held = session.begin(vec![connect])?;
    if session
        .replies_to(&held, Duration::from_millis(200))?
        .is_some()
    {
        return Err(Obstacle::Inapplicable(
            "the server holds no connect".to_owned(),
        ));
    }
    session.disconnect()?;
    match session.replies_to(&held, PROMPTLY) {
        Ok(Some(_)) => Ok(Finding::holds()),
        Ok(None) => Ok(Finding::deviates(format!(
            "it is still held {} s later",
            PROMPTLY.as_secs()
        ))),
        // An end all the same: CometD closes a websocket whose session left.
        Err(Obstacle::Unusable(how)) => Ok(Finding::holds_as(format!("it ends with {how}"))),
        Err(Obstacle::Transport(error)) => Ok(Finding::holds_as(format!("it ends so: {error}"))),
        Err(obstacle) => Err(obstacle),
    }
}

fn invalidates(subject: &Subject) -> Result<Finding, Obstacle> {
    let mut session = subject.connected()?;
    let client_id = session.client_id().unwrap_or_default().to_owned();
    session.disconnect()?;
    let mut late = session.beside(subject)?;
    let connect = late
        .message(meta::CONNECT)
        .client_id(&client_id)
        .string("connectionType", subject.connection_type().as_str())
        .json("advice", &json("{\"timeout\":0}"))
        .build();
    refused(late.ask(connect), "a connect of a session that left")
}
