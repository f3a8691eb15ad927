//! `hs`: the handshake.

mod client_id;

use crate::check::asking::{TYPES, first_reply, handshake_with};
use crate::check::judging::{error_of, keeps};
use crate::check::session::Session;
use crate::check::subject::PROMPTLY;
use crate::check::{Check, Finding, Obstacle, Subject};
use crate::protocol::{Message, VERSION};

const SUCCESS: &str = "Successful Handshake Response";

pub(super) const CHECKS: &[Check] = &[
    Check::must(
        "hs.fields",
        "the reply to a handshake has all that a client needs",
        SUCCESS,
        fields,
    ),
    Check::must(
        "hs.id-echo",
        "the reply to a handshake has the id of the handshake",
        "Meta Channels",
        id_echo,
    ),
    Check::must(
        "hs.version-required",
        "a handshake without a version is refused",
        "Handshake Request",
        version_required,
    )
    .intrusive(),
    Check::information(
        "hs.version-negotiation",
        "a handshake is refused whose client needs a version that the server cannot have",
        "Version",
        version_negotiation,
    ),
    Check::must(
        "hs.no-common-type",
        "a handshake is refused if server and client have no connection type in common",
        SUCCESS,
        no_common_type,
    ),
    Check::must(
        "hs.long-polling-listed",
        "the reply to a handshake offers long-polling",
        "supportedConnectionTypes",
        long_polling_listed,
    ),
    Check::should(
        "hs.callback-listed",
        "the reply to a handshake offers callback-polling",
        "supportedConnectionTypes",
        callback_listed,
    ),
    Check::must(
        "hs.alone",
        "what stands in one request with a handshake is ignored",
        "Handshake Request",
        alone,
    )
    .intrusive(),
    client_id::CHARSET,
    client_id::ENTROPY,
    client_id::UNIQUE,
    client_id::DISTINCT,
    Check::must(
        "hs.error-shape",
        "the reply to a handshake that is refused has an error and no clientId",
        "Unsuccessful Handshake Response",
        error_shape,
    ),
];

/// A connection type that no server has.
const STRANGE: &str = r#"["carrier-pigeon"]"#;

fn fields(subject: &Subject) -> Result<Finding, Obstacle> {
    let (handshake, reply) = begun(&mut subject.session()?)?;
    Ok(keeps("hs.fields", &handshake, &reply))
}

fn id_echo(subject: &Subject) -> Result<Finding, Obstacle> {
    let mut session = subject.session()?;
    let handshake = session.handshake();
    let reply = first_reply(&mut session, handshake.clone())?;
    Ok(keeps("hs.id-echo", &handshake, &reply))
}

fn version_required(subject: &Subject) -> Result<Finding, Obstacle> {
    let mut session = after_a_proper_one(subject)?;
    let handshake = handshake_with(&mut session, TYPES).build();
    let reply = first_reply(&mut session, handshake)?;
    Ok(refused(&reply, "version"))
}

fn version_negotiation(subject: &Subject) -> Result<Finding, Obstacle> {
    let mut session = after_a_proper_one(subject)?;
    let handshake = handshake_with(&mut session, TYPES)
        .string("version", "99.0")
        .string("minimumVersion", "99.0")
        .build();
    let reply = first_reply(&mut session, handshake)?;
    Ok(refused(&reply, "version"))
}

fn no_common_type(subject: &Subject) -> Result<Finding, Obstacle> {
    let mut session = after_a_proper_one(subject)?;
    let handshake = with_strange_type(&mut session);
    let reply = first_reply(&mut session, handshake)?;
    Ok(refused(&reply, "supportedConnectionTypes"))
}

fn refused(reply: &Message, field: &str) -> Finding {
    match reply.successful() {
        Some(false) => Finding::holds_as(error_of(reply)),
        _ => Finding::deviates("it is accepted").at(field),
    }
}

fn long_polling_listed(subject: &Subject) -> Result<Finding, Obstacle> {
    listed(subject, "long-polling")
}

fn callback_listed(subject: &Subject) -> Result<Finding, Obstacle> {
    listed(subject, "callback-polling")
}

fn listed(subject: &Subject, wanted: &str) -> Result<Finding, Obstacle> {
    const FIELD: &str = "supportedConnectionTypes";
    let (_, reply) = begun(&mut subject.session()?)?;
    let types = reply.get(FIELD).unwrap_or("null");
    Ok(match serde_json::from_str::<Vec<String>>(types) {
        Err(_) => Finding::deviates(format!("{FIELD} is {types}")),
        Ok(types) => Finding::expect(
            types.iter().any(|it| it == wanted),
            format!("it offers {}", types.join(", ")),
        ),
    }
    .at(FIELD))
}

fn alone(subject: &Subject) -> Result<Finding, Obstacle> {
    let mut session = after_a_proper_one(subject)?;
    let handshake = session.handshake();
    let publish = session
        .message(&subject.channel("beside"))
        .string("data", "beside a handshake")
        .build();
    let begun = session.begin(vec![handshake.clone(), publish.clone()])?;
    let replies = session
        .replies_to(&begun, PROMPTLY)?
        .ok_or(Obstacle::OutOfTime)?;
    let reply_to = |asked: &Message| replies.iter().find(|it| it.id() == asked.id());
    let Some(reply) = reply_to(&handshake) else {
        return Ok(Finding::deviates("the handshake has no reply"));
    };
    if reply.client_id().is_some() {
        session.adopt(reply)?;
    }
    Ok(match (reply.successful(), reply_to(&publish)) {
        (Some(true), None) => Finding::holds(),
        (Some(true), Some(other)) if other.successful() != Some(true) => {
            Finding::holds_as(format!("the publish beside it: {}", error_of(other)))
        }
        (Some(true), Some(_)) => Finding::deviates("the publish beside it is carried out"),
        (_, _) => Finding::deviates(format!("the handshake: {}", error_of(reply))),
    })
}

fn error_shape(subject: &Subject) -> Result<Finding, Obstacle> {
    let mut session = subject.session()?;
    let handshake = with_strange_type(&mut session);
    let reply = first_reply(&mut session, handshake.clone())?;
    if reply.successful() != Some(false) {
        return Err(Obstacle::Inapplicable(
            "the server does not refuse a connection type that nobody has".to_owned(),
        ));
    }
    Ok(keeps("hs.error-shape", &handshake, &reply))
}

/// A session that has not begun, of a server that lets others begin: what is refused is refused
/// for what is odd about it.
fn after_a_proper_one(subject: &Subject) -> Result<Session, Obstacle> {
    drop(subject.handshaken()?);
    subject.session()
}

/// A handshake that succeeds, and its reply.
fn begun(session: &mut Session) -> Result<(Message, Message), Obstacle> {
    let handshake = session.handshake();
    let reply = first_reply(session, handshake.clone())?;
    match reply.successful() {
        Some(false) => Err(Obstacle::Inapplicable(format!(
            "the server refuses the handshake: {}",
            error_of(&reply)
        ))),
        Some(true) | None => Ok((handshake, reply)),
    }
}

fn with_strange_type(session: &mut Session) -> Message {
    handshake_with(session, STRANGE)
        .string("version", VERSION)
        .build()
}
