//! What the reply to a subscribe says.

use crate::check::judging::{answered, granted, refused, well_formed};
use crate::check::session::{Session, json};
use crate::check::{Finding, Obstacle, Subject};
use crate::protocol::{Message, meta};

pub(super) fn fields(subject: &Subject) -> Result<Finding, Obstacle> {
    let mut session = subject.handshaken()?;
    for subscription in [&subject.channel("a"), meta::CONNECT] {
        let request = subscribe(&mut session, subscription);
        let reply = session.ask(request.clone());
        let reply = answered(reply, &format!("a subscribe to {subscription}"))?;
        let found = well_formed(&request, &reply);
        if !found.holds {
            return Ok(found);
        }
    }
    // Of a session that nobody began: cometd-nodejs-server 1.2.1 forgets the subscription here.
    let mut nobody = subject.session()?;
    let channel = subject.channel("a");
    let request = nobody
        .message(meta::SUBSCRIBE)
        .client_id(&subject.unknown_client_id())
        .string("subscription", &channel)
        .build();
    let reply = answered(
        nobody.ask(request.clone()),
        "a subscribe with an unknown clientId",
    )?;
    let mut found = well_formed(&request, &reply);
    if !found.holds {
        found.seen = format!("{} (with an unknown clientId)", found.seen);
    }
    Ok(found)
}

pub(super) fn array(subject: &Subject) -> Result<Finding, Obstacle> {
    let mut session = subject.handshaken()?;
    let channels = [subject.channel("a"), subject.channel("b")];
    let both = json(&format!("[{:?},{:?}]", channels[0], channels[1]));
    let request = session.message(meta::SUBSCRIBE).json("subscription", &both);
    let request = request.build();
    let reply = session.ask(request.clone());
    let reply = answered(reply, "a subscribe to two channels")?;
    if reply.successful() != Some(true) {
        return granted(Ok(reply), "a subscribe to two channels");
    }
    Ok(well_formed(&request, &reply))
}

pub(super) fn wild_middle(subject: &Subject) -> Result<Finding, Obstacle> {
    let pattern = format!("{}/*/b", subject.channel("a"));
    let mut session = subject.handshaken()?;
    let request = subscribe(&mut session, &pattern);
    refused(session.ask(request), &format!("a subscribe to {pattern}"))
}

pub(super) fn meta_forbidden(subject: &Subject) -> Result<Finding, Obstacle> {
    let mut session = subject.handshaken()?;
    let request = subscribe(&mut session, meta::CONNECT);
    refused(session.ask(request), "a subscribe to /meta/connect")
}

pub(super) fn service(subject: &Subject) -> Result<Finding, Obstacle> {
    let channel = format!("/service{}", subject.channel("a"));
    let mut session = subject.handshaken()?;
    let request = subscribe(&mut session, &channel);
    granted(session.ask(request), &format!("a subscribe to {channel}"))
}

pub(super) fn missing(subject: &Subject) -> Result<Finding, Obstacle> {
    let mut session = subject.handshaken()?;
    let request = session.message(meta::SUBSCRIBE).build();
    refused(session.ask(request), "a subscribe without a subscription")
}

pub(super) fn invalid(subject: &Subject) -> Result<Finding, Obstacle> {
    let channel = subject.channel("a");
    let channel = channel.trim_start_matches('/');
    let mut session = subject.handshaken()?;
    let request = subscribe(&mut session, channel);
    refused(session.ask(request), &format!("a subscribe to {channel}"))
}

fn subscribe(session: &mut Session, subscription: &str) -> Message {
    let request = session.message(meta::SUBSCRIBE);
    request.string("subscription", subscription).build()
}
