//! What several checks ask: handshakes that differ in one thing, data that goes out and comes back.

use std::time::Instant;

use super::session::{Session, json};
use super::subject::PROMPTLY;
use super::{Obstacle, Subject};
use crate::protocol::{Kind, Message, MessageBuilder, encode, meta};

/// The connection types that every client here knows.
pub(super) const TYPES: &str = r#"["long-polling","callback-polling","websocket"]"#;

/// A handshake with these connection types and without a version.
pub(super) fn handshake_with(session: &mut Session, types: &str) -> MessageBuilder {
    session
        .message(meta::HANDSHAKE)
        .json("supportedConnectionTypes", &json(types))
}

/// Sends a message and takes the first reply that comes, whatever its id; a session that it
/// begins is ended with the other.
pub(super) fn first_reply(session: &mut Session, message: Message) -> Result<Message, Obstacle> {
    let reply = match session.socket() {
        Err(_) => session.ask(message)?,
        Ok(socket) => {
            socket.send(&encode([&message]))?;
            let until = Instant::now() + PROMPTLY * 2;
            loop {
                let left = until.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return Err(Obstacle::OutOfTime);
                }
                let messages = socket.messages(left)?.ok_or(Obstacle::OutOfTime)?;
                let mut messages = messages.into_iter();
                if let Some(reply) = messages.find(|it| it.kind() != Kind::Delivery) {
                    break reply;
                }
            }
        }
    };
    end_with(session, &reply)?;
    Ok(reply)
}

/// The session that this reply to a handshake may have begun is ended with the other.
pub(super) fn end_with(session: &mut Session, reply: &Message) -> Result<(), Obstacle> {
    match (reply.channel(), reply.client_id()) {
        (meta::HANDSHAKE, Some(_)) => session.adopt(reply),
        _ => Ok(()),
    }
}

/// A session that is subscribed to a channel of its own, and that channel. A server that does not
/// let it has nothing to look at below the prefix of this run.
pub(super) fn subscribed(subject: &Subject) -> Result<(Session, String), Obstacle> {
    let mut session = subject.connected()?;
    let channel = subject.channel("data");
    match session.subscribe(&channel) {
        Ok(_) => Ok((session, channel)),
        Err(Obstacle::Unusable(reason)) => Err(Obstacle::Inapplicable(reason)),
        Err(obstacle) => Err(obstacle),
    }
}

/// The data that is delivered to the session that published this; nothing if none comes.
pub(super) fn round_trip(
    session: &mut Session,
    channel: &str,
    data: &str,
) -> Result<Option<String>, Obstacle> {
    let n_before = session.delivered(channel).len();
    session.publish(channel, data)?;
    if session.delivered(channel).len() == n_before {
        session.await_delivery(PROMPTLY)?;
    }
    let delivered = session.delivered(channel);
    Ok(delivered.get(n_before).map(|&it| it.to_owned()))
}
