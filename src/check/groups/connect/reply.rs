//! What the reply to a connect says.

use std::time::Duration;

use crate::check::judging::{answered, refused, well_formed};
use crate::check::session::json;
use crate::check::{Finding, Obstacle, Subject};
use crate::protocol::{Advice, Reconnect, meta};

pub(super) fn fields(subject: &Subject) -> Result<Finding, Obstacle> {
    let mut session = subject.handshaken()?;
    let connect = session.connect(Some(Duration::ZERO));
    let reply = session.ask(connect.clone())?;
    Ok(well_formed(&connect, &reply))
}

pub(super) fn type_required(subject: &Subject) -> Result<Finding, Obstacle> {
    let mut session = subject.connected()?;
    let advice = json("{\"timeout\":0}");
    let connect = session.message(meta::CONNECT).json("advice", &advice);
    let without = session.ask(connect.build());
    let found = refused(without, "a connect without connectionType")?;
    if !found.holds {
        return Ok(found);
    }
    let connect = session.message(meta::CONNECT).json("advice", &advice);
    let unknown = session.ask(connect.string("connectionType", "semaphore").build());
    refused(unknown, "a connect with the connectionType \"semaphore\"")
}

pub(super) fn unknown_client(subject: &Subject) -> Result<Finding, Obstacle> {
    let mut nobody = subject.session()?;
    let connection_type = subject.connection_type();
    let connect = nobody
        .message(meta::CONNECT)
        .client_id(&subject.unknown_client_id())
        .string("connectionType", connection_type.as_str())
        .build();
    let reply = answered(nobody.ask(connect), "a connect with an unknown clientId")?;
    if reply.successful() != Some(false) {
        return Ok(Finding::deviates("it is accepted").at("successful"));
    }
    let advice = reply.advice();
    let advice = advice.and_then(|it| Advice::parse(it, connection_type));
    Ok(match advice {
        Some(Advice {
            reconnect: Reconnect::Handshake,
            ..
        }) => Finding::holds(),
        Some(_) => Finding::deviates(
            "the advice does not say to handshake: a client goes on with a session that is gone",
        )
        .at("advice.reconnect"),
        None => Finding::deviates(
            "there is no advice: a client does not learn that it has to handshake",
        )
        .at("advice"),
    })
}
