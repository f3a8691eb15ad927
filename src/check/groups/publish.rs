//! `pub`: publishing.

use crate::check::groups::pair::Pair;
use crate::check::judging::{answered, error_of, refused, well_formed};
use crate::check::session::{Session, json};
use crate::check::subject::PROMPTLY;
use crate::check::{Check, Finding, Obstacle, Subject};
use crate::protocol::Message;

pub(super) const CHECKS: &[Check] = &[
    Check::must(
        "pub.reply",
        "the reply to a publish has channel, successful and the id of the publish",
        "Publish Response",
        reply,
    ),
    Check::must(
        "pub.self",
        "who publishes to a channel that it is subscribed to gets its message",
        "Delivery",
        to_itself,
    ),
    Check::must(
        "pub.data-required",
        "a publish without data is refused",
        "Publish Request",
        data_required,
    )
    .intrusive(),
    Check::must(
        "pub.null-data",
        "null is delivered as null",
        "data",
        null_data,
    ),
    Check::must(
        "pub.unconnected",
        "a publish without a session is answered",
        "Unconnected operation",
        unconnected,
    ),
    Check::should(
        "pub.bogus-client",
        "a publish with the clientId of nobody is refused",
        "clientId",
        bogus_client,
    ),
    Check::must(
        "pub.meta",
        "a publish to a meta channel that there is not is refused",
        "Meta Channels",
        to_meta,
    )
    .intrusive(),
    Check::must(
        "pub.pattern",
        "a publish to a pattern is refused",
        "Channels",
        to_pattern,
    )
    .intrusive(),
    Check::must(
        "pub.channel-chars",
        "a publish to a channel with characters that no channel has is refused",
        "Channels",
        channel_chars,
    )
    .intrusive(),
];

fn reply(subject: &Subject) -> Result<Finding, Obstacle> {
    let mut session = subject.connected()?;
    let request = publish(&mut session, &subject.channel("a"));
    let begun = session.begin(vec![request.clone()])?;
    let replies = session.replies_to(&begun, PROMPTLY)?.unwrap_or_default();
    Ok(match replies.first() {
        Some(reply) => well_formed(&request, reply),
        None => Finding::holds_as("there is no reply, as the protocol allows"),
    })
}

fn to_itself(subject: &Subject) -> Result<Finding, Obstacle> {
    let channel = subject.channel("a");
    let mut session = subject.connected()?;
    session.subscribe(&channel)?;
    session.publish(&channel, "{\"n\":1}")?;
    Ok(Finding::expect(
        session.await_on(&channel, PROMPTLY)?,
        format!("it was not delivered within {} s", PROMPTLY.as_secs()),
    ))
}

fn data_required(subject: &Subject) -> Result<Finding, Obstacle> {
    let mut session = subject.connected()?;
    let request = session.message(&subject.channel("a")).build();
    refused(session.ask(request), "a publish without data")
}

fn null_data(subject: &Subject) -> Result<Finding, Obstacle> {
    let channel = subject.channel("a");
    let mut pair = Pair::new(subject)?;
    pair.receiver.subscribe(&channel)?;
    pair.publisher.publish(&channel, "null")?;
    pair.settle()?;
    let delivered = pair.receiver.delivered(&channel);
    Ok(match delivered.first() {
        Some(&"null") => Finding::holds(),
        Some(&"") => Finding::deviates("it is delivered without data").at("data"),
        Some(data) => Finding::deviates(format!("it is delivered as {data}")).at("data"),
        None => Finding::deviates("it is not delivered"),
    })
}

fn unconnected(subject: &Subject) -> Result<Finding, Obstacle> {
    let mut nobody = subject.session()?;
    let request = publish(&mut nobody, &subject.channel("a"));
    let reply = answered(nobody.ask(request), "a publish without a clientId")?;
    Ok(match reply.successful() {
        Some(true) => Finding::holds_as("it is accepted: anyone can publish"),
        Some(false) => Finding::holds_as(error_of(&reply)),
        None => {
            Finding::deviates("the reply does not say whether it was successful").at("successful")
        }
    })
}

fn bogus_client(subject: &Subject) -> Result<Finding, Obstacle> {
    let mut nobody = subject.session()?;
    let request = nobody
        .message(&subject.channel("a"))
        .client_id(&subject.unknown_client_id())
        .json("data", &json("{\"n\":1}"))
        .build();
    refused(nobody.ask(request), "a publish with a clientId of nobody")
}

fn to_meta(subject: &Subject) -> Result<Finding, Obstacle> {
    let mut session = subject.connected()?;
    let request = publish(&mut session, "/meta/nothing");
    refused(session.ask(request), "a publish to /meta/nothing")
}

fn to_pattern(subject: &Subject) -> Result<Finding, Obstacle> {
    let channel = format!("{}/*", subject.channel("a"));
    let mut session = subject.connected()?;
    let request = publish(&mut session, &channel);
    refused(session.ask(request), &format!("a publish to {channel}"))
}

fn channel_chars(subject: &Subject) -> Result<Finding, Obstacle> {
    let mut accepted = Vec::new();
    for (name, character) in [("a dot", '.'), ("a space", ' '), ("an umlaut", 'ä')] {
        // A server that ends the connection over one of them is asked about the others too.
        let mut session = subject.connected()?;
        let channel = subject.channel(&format!("a{character}b"));
        let request = publish(&mut session, &channel);
        if !refused(session.ask(request), &format!("a channel with {name}"))?.holds {
            accepted.push(name);
        }
    }
    Ok(Finding::expect(
        accepted.is_empty(),
        format!("accepted is {}", accepted.join(", ")),
    )
    .at("channel"))
}

fn publish(session: &mut Session, channel: &str) -> Message {
    let message = session.message(channel);
    message.json("data", &json("{\"n\":1}")).build()
}
