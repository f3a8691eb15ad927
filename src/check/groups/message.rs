//! `msg`: messages and their ids, whatever their channel.

use crate::check::asking::{first_reply, subscribed};
use crate::check::judging::error_of;
use crate::check::session::{Session, json};
use crate::check::subject::PROMPTLY;
use crate::check::{Check, Finding, Obstacle, Subject};
use crate::protocol::{ConnectionType, Message, MessageBuilder, meta};

pub(super) const CHECKS: &[Check] = &[
    Check::information(
        "msg.id-types",
        "ids that are numbers or have a hyphen are taken, and come back as they were",
        "id field",
        id_types,
    )
    .intrusive(),
    Check::must(
        "msg.channel-missing",
        "a message without a channel is answered with an error, and not with HTTP 5xx",
        "Messages",
        channel_missing,
    )
    .intrusive(),
    Check::must(
        "msg.batch-order",
        "each message of a request has its reply",
        "Messages",
        batch_order,
    ),
    Check::information(
        "msg.two-clients",
        "messages of two sessions in one request are carried out, each for its own",
        "Messages",
        two_clients,
    )
    .over(ConnectionType::LongPolling),
];

fn id_types(subject: &Subject) -> Result<Finding, Obstacle> {
    let mut session = subject.connected()?;
    let mut wrong = Vec::new();
    for id in ["70", r#""a-b""#] {
        let connect = Message::builder(meta::CONNECT)
            .json("id", &json(id))
            .client_id(session.client_id().unwrap_or_default())
            .string("connectionType", subject.connection_type().as_str())
            .json("advice", &json(r#"{"timeout":0}"#))
            .build();
        let reply = first_reply(&mut session, connect)?;
        let returned = reply.get("id").unwrap_or("nothing");
        if reply.successful() != Some(true) {
            wrong.push(format!("{id}: {}", error_of(&reply)));
        } else if returned != id {
            wrong.push(format!("{id} comes back as {returned}"));
        }
    }
    Ok(Finding::expect(wrong.is_empty(), wrong.join("; ")).at("id"))
}

fn channel_missing(subject: &Subject) -> Result<Finding, Obstacle> {
    let mut session = subject.connected()?;
    let message = MessageBuilder::empty()
        .id("x")
        .client_id(session.client_id().unwrap_or_default())
        .string("data", "without a channel")
        .build();
    let reply = if subject.connection_type() == ConnectionType::LongPolling {
        let seen = session.http()?.post(&[message])?;
        if (400..500).contains(&seen.status) {
            return Ok(Finding::holds_as(format!("HTTP {}", seen.status)));
        }
        let messages = seen.messages()?;
        let reply = messages.into_iter().find(|it| it.successful().is_some());
        reply.ok_or_else(|| Obstacle::Unusable("no reply".to_owned()))?
    } else {
        first_reply(&mut session, message)?
    };
    Ok(match reply.successful() {
        Some(true) => Finding::deviates("it is carried out").at("successful"),
        _ => Finding::holds_as(error_of(&reply)),
    })
}

fn batch_order(subject: &Subject) -> Result<Finding, Obstacle> {
    let mut session = subject.connected()?;
    let channel = subject.channel("batch");
    let subscription = |session: &mut Session, kind: &str| {
        let message = session.message(kind);
        message.string("subscription", &channel).build()
    };
    let batch = vec![
        subscription(&mut session, meta::SUBSCRIBE),
        session.message(&channel).string("data", "first").build(),
        session.message(&channel).string("data", "second").build(),
        subscription(&mut session, meta::UNSUBSCRIBE),
    ];
    let asked: Vec<String> = batch
        .iter()
        .filter_map(Message::id)
        .map(str::to_owned)
        .collect();
    let replies = session.ask_all(batch)?;
    let told: Vec<&str> = replies.iter().filter_map(Message::id).collect();
    let wrong: Vec<String> = asked
        .iter()
        .filter_map(|id| match told.iter().filter(|it| *it == id).count() {
            0 => Some(format!("the message {id} has none")),
            1 => None,
            n_replies => Some(format!("the message {id} has {n_replies}")),
        })
        .collect();
    Ok(if !wrong.is_empty() {
        Finding::deviates(wrong.join("; ")).at("id")
    } else if told == asked {
        Finding::holds()
    } else {
        Finding::holds_as("in another order")
    })
}

fn two_clients(subject: &Subject) -> Result<Finding, Obstacle> {
    // Where that is refused, so is the rest.
    let (mut first, _) = subscribed(subject)?;
    let mut second = first.beside(subject)?;
    second.open()?;
    second.connect_at_once()?;
    let channel = subject.channel("second");
    let ours = first
        .message(meta::SUBSCRIBE)
        .string("subscription", &subject.channel("first"))
        .build();
    let theirs = Message::builder(meta::SUBSCRIBE)
        .id("second")
        .client_id(second.client_id().unwrap_or_default())
        .string("subscription", &channel)
        .build();
    let replies = first.ask_all(vec![ours.clone(), theirs.clone()])?;
    for (name, asked) in [("first", &ours), ("second", &theirs)] {
        let reply = replies.iter().find(|it| it.id() == asked.id());
        match reply {
            Some(reply) if reply.successful() == Some(true) => {}
            Some(reply) => {
                let seen = format!("the message of the {name} session: {}", error_of(reply));
                return Ok(Finding::deviates(seen).at("clientId"));
            }
            None => {
                let seen = format!("the message of the {name} session has no reply");
                return Ok(Finding::deviates(seen));
            }
        }
    }
    first.publish(&channel, "1")?;
    second.await_delivery(PROMPTLY)?;
    Ok(match second.delivered(&channel).len() {
        0 => Finding::deviates("the second session is not subscribed, though its reply says so")
            .at("clientId"),
        _ => Finding::holds(),
    })
}
