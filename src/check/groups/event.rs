//! `evt` and `svc`: what is delivered, and to whom.

use crate::check::groups::pair::Pair;
use crate::check::judging::{answered, broken};
use crate::check::session::json;
use crate::check::subject::PROMPTLY;
use crate::check::{Check, Finding, Obstacle, Subject};
use crate::protocol::{Message, meta};
use crate::traffic::rules;

pub(super) const CHECKS: &[Check] = &[
    Check::must(
        "evt.no-clientid",
        "what is delivered has no clientId",
        "clientId",
        no_clientid,
    ),
    Check::information(
        "evt.id",
        "what is delivered does not have the id of its publish",
        "Deliver Event Message",
        id,
    ),
    Check::must(
        "evt.service-private",
        "what is published to a service channel reaches no other session",
        "Service Channels",
        service_private,
    )
    .intrusive(),
    Check::should(
        "svc.id",
        "the reply to a publish on a service channel has its id",
        "Service Channels",
        service_id,
    ),
];

fn no_clientid(subject: &Subject) -> Result<Finding, Obstacle> {
    let delivery = delivery(subject)?;
    let breaches = rules::delivery(&delivery).into_iter();
    let breach = breaches
        .into_iter()
        .find(|it| it.rule.id == "evt.no-clientid");
    Ok(breach.map_or_else(Finding::holds, broken))
}

fn id(subject: &Subject) -> Result<Finding, Obstacle> {
    let delivery = delivery(subject)?;
    Ok(match delivery.id() {
        Some("publish7") => Finding::deviates(
            "a client that tells replies by their id takes it for the reply to a publish of its own",
        )
        .at("id"),
        Some(other) => Finding::holds_as(format!("it has an id of its own, {other}")),
        None => Finding::holds(),
    })
}

/// A message that another session published with the id `publish7`.
fn delivery(subject: &Subject) -> Result<Message, Obstacle> {
    let channel = subject.channel("a");
    let mut pair = Pair::new(subject)?;
    pair.receiver.subscribe(&channel)?;
    let client_id = pair.publisher.client_id().unwrap_or_default();
    let request = Message::builder(&channel)
        .id("publish7")
        .client_id(client_id)
        .json("data", &json("{\"n\":1}"))
        .build();
    answered(pair.publisher.ask(request), "a publish")?;
    pair.settle()?;
    let mut deliveries = pair.receiver.deliveries.drain(..);
    let found = deliveries.find(|it| it.channel() == channel);
    found.ok_or_else(|| Obstacle::Unusable("it was not delivered".to_owned()))
}

fn service_private(subject: &Subject) -> Result<Finding, Obstacle> {
    let channel = format!("/service{}", subject.channel("a"));
    let mut pair = Pair::new(subject)?;
    for pattern in [channel.as_str(), "/service/**", "/**"] {
        // Refused is private enough; that it is answered is for `sub.service`.
        let request = pair.receiver.message(meta::SUBSCRIBE);
        let request = request.string("subscription", pattern).build();
        answered(
            pair.receiver.ask(request),
            &format!("a subscribe to {pattern}"),
        )?;
    }
    let publish = pair.publisher.message(&channel);
    let publish = publish.json("data", &json("{\"n\":1}")).build();
    answered(
        pair.publisher.ask(publish),
        "a publish to a service channel",
    )?;
    let delivered = pair.settle()?;
    Ok(Finding::expect(
        !delivered.contains(&channel),
        "another session that is subscribed to it, to /service/** and to /** gets it",
    )
    .at("channel"))
}

fn service_id(subject: &Subject) -> Result<Finding, Obstacle> {
    let channel = format!("/service{}", subject.channel("a"));
    let mut session = subject.connected()?;
    let request = session.message(&channel).json("data", &json("{\"n\":1}"));
    let request = request.build();
    let begun = session.begin(vec![request.clone()])?;
    let replies = session.replies_to(&begun, PROMPTLY)?;
    let replies = replies.unwrap_or_default();
    let Some(reply) = replies.iter().find(|it| it.channel() == channel) else {
        return Ok(Finding::deviates("there is no reply that has it"));
    };
    Ok(Finding::expect(
        reply.id() == request.id(),
        match reply.id() {
            Some(other) => format!("the reply has the id {other}"),
            None => "the reply has no id".to_owned(),
        },
    )
    .at("id"))
}
