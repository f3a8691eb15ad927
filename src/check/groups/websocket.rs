//! `ws`: what is special about websockets.

use std::time::{Duration, Instant};

use crate::check::session::{Session, json};
use crate::check::socket::{Socket, Upgrade};
use crate::check::subject::PROMPTLY;
use crate::check::{Check, Finding, Obstacle, Subject};
use crate::protocol::{ConnectionType, Kind, Message, encode, meta};
use crate::transport::Refused;

pub(super) const CHECKS: &[Check] = &[
    Check::information(
        "ws.upgrade",
        "a websocket opens where the handshake offers one",
        "",
        upgrade,
    )
    .over(ConnectionType::LongPolling),
    Check::information(
        "ws.subprotocol",
        "a websocket opens without a subprotocol",
        "",
        subprotocol,
    )
    .over(ConnectionType::LongPolling),
    Check::information(
        "ws.push-without-connect",
        "messages are pushed to a session that has sent no connect",
        "",
        push_without_connect,
    )
    .over(ConnectionType::WebSocket),
    Check::information(
        "ws.reply-ids",
        "each reply has the id of its request, the only way to tell them",
        "Meta Channels",
        reply_ids,
    )
    .over(ConnectionType::WebSocket),
    Check::information(
        "ws.bad-json",
        "a frame that is no JSON is answered, or ends the websocket",
        "",
        bad_json,
    )
    .over(ConnectionType::WebSocket)
    .intrusive(),
];

fn upgrade(subject: &Subject) -> Result<Finding, Obstacle> {
    offered(subject)?;
    let opened = Upgrade::ask(subject, &[])?.outcome;
    Ok(match opened {
        Ok(socket) => {
            socket.close();
            Finding::holds()
        }
        Err(Refused { error, .. }) => Finding::deviates(format!(
            "{error}: clients that prefer websockets fail, or lose time until they do without"
        )),
    })
}

fn subprotocol(subject: &Subject) -> Result<Finding, Obstacle> {
    offered(subject)?;
    let plain = Upgrade::ask(subject, &[])?.outcome;
    let asked = Upgrade::ask(subject, &["Sec-WebSocket-Protocol: bayeux"])?.outcome;
    match (plain, asked) {
        (Ok(plain), Ok(asked)) => {
            plain.close();
            asked.close();
            Ok(Finding::holds_as("the server takes \"bayeux\" too"))
        }
        (Ok(plain), Err(refused)) => {
            plain.close();
            Ok(Finding::holds_as(format!(
                "asked for \"bayeux\": {}",
                refused.error
            )))
        }
        (Err(refused), Ok(asked)) => {
            asked.close();
            Ok(Finding::deviates(format!(
                "it opens with the subprotocol \"bayeux\", but without one: {}",
                refused.error
            ))
            .at("Sec-WebSocket-Protocol"))
        }
        (Err(refused), Err(_)) => Err(Obstacle::Inapplicable(refused.error.to_string())),
    }
}

fn push_without_connect(subject: &Subject) -> Result<Finding, Obstacle> {
    let channel = subject.channel("a");
    let mut receiver = subject.handshaken()?;
    receiver.subscribe(&channel)?;
    let mut publisher = subject.connected()?;
    publisher.publish(&channel, "{\"n\":1}")?;
    receiver.listen(PROMPTLY, 0)?;
    Ok(Finding::expect(
        !receiver.deliveries.is_empty(),
        format!("nothing came within {} s", PROMPTLY.as_secs()),
    ))
}

fn reply_ids(subject: &Subject) -> Result<Finding, Obstacle> {
    let mut session = subject.session()?;
    let handshake = session.handshake();
    let reply = answer(&mut session, &handshake)?;
    // What follows is of no session if it was refused, and is answered all the same.
    let _ = session.adopt(&reply);
    let mut replies = vec![(handshake, reply)];
    for channel in [
        meta::CONNECT,
        meta::SUBSCRIBE,
        &subject.channel("a"),
        meta::UNSUBSCRIBE,
    ] {
        let request = match channel {
            meta::CONNECT => session.connect(Some(Duration::ZERO)),
            meta::SUBSCRIBE | meta::UNSUBSCRIBE => {
                let subscription = subject.channel("a");
                let request = session.message(channel);
                request.string("subscription", &subscription).build()
            }
            _ => {
                let request = session.message(channel);
                request.json("data", &json("{\"n\":1}")).build()
            }
        };
        let reply = answer(&mut session, &request)?;
        replies.push((request, reply));
    }
    let odd = replies.iter().find(|(asked, told)| asked.id() != told.id());
    Ok(match odd {
        Some((asked, told)) => Finding::deviates(format!(
            "the reply on {} has {} where the request has the id {}",
            asked.channel(),
            told.id()
                .map_or("no id".to_owned(), |it| format!("the id {it}")),
            asked.id().unwrap_or_default()
        ))
        .at("id"),
        None => Finding::holds(),
    })
}

/// The next reply on the channel of this request, whatever its id.
fn answer(session: &mut Session, request: &Message) -> Result<Message, Obstacle> {
    let socket = session.socket()?;
    socket.send(&encode([request]))?;
    let until = Instant::now() + PROMPTLY;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let messages = if left.is_zero() {
            None
        } else {
            socket.messages(left)?
        };
        let Some(messages) = messages else {
            let what = request.channel();
            return Err(Obstacle::Unusable(format!("no reply on {what}")));
        };
        let is_reply = |it: &Message| it.kind() == Kind::Reply && it.channel() == request.channel();
        if let Some(reply) = messages.into_iter().find(is_reply) {
            return Ok(reply);
        }
    }
}

fn bad_json(subject: &Subject) -> Result<Finding, Obstacle> {
    // Without a session: nobody could end it once the websocket is gone.
    let mut socket = Socket::open(subject)?;
    socket.send("[{\"channel\":")?;
    match socket.next(PROMPTLY) {
        Ok(Some(text)) => {
            let beginning: String = text.chars().take(60).collect();
            Ok(Finding::holds_as(format!(
                "the answer begins with {beginning}"
            )))
        }
        Ok(None) => Ok(Finding::deviates(
            "nothing comes: whoever sent it waits for replies in vain",
        )),
        Err(Obstacle::Transport(error)) => Ok(Finding::holds_as(error.to_string())),
        Err(obstacle) => Err(obstacle),
    }
}

/// Whether the handshake over long-polling offers websockets: elsewhere there is nothing to check.
fn offered(subject: &Subject) -> Result<(), Obstacle> {
    let reply = subject.session()?.open()?;
    let types = reply.get("supportedConnectionTypes").unwrap_or_default();
    let types: Vec<String> = serde_json::from_str(types).unwrap_or_default();
    if types
        .iter()
        .any(|it| it == ConnectionType::WebSocket.as_str())
    {
        return Ok(());
    }
    Err(Obstacle::Inapplicable(
        "the handshake does not offer websockets".to_owned(),
    ))
}
