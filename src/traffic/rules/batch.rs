//! What may travel together in one request.

use std::collections::HashSet;

use super::Breach;
use super::catalogue::{CON_BATCHED, HS_ALONE, MSG_ID_UNIQUE};
use crate::protocol::{Advice, ConnectionType, Message, meta};

/// What is wrong with these messages of one request, taken together.
pub fn batch(messages: &[Message]) -> Vec<Breach> {
    let mut breaches = Vec::new();
    if messages.len() < 2 {
        return breaches;
    }
    if messages.iter().any(|it| it.channel() == meta::HANDSHAKE) {
        let sentence = match messages.len() - 1 {
            1 => "a message travels with a handshake, which has to be alone".to_owned(),
            n => format!("{n} messages travel with a handshake, which has to be alone"),
        };
        breaches.push(Breach::of(HS_ALONE, "channel", sentence));
    }
    let held = messages
        .iter()
        .filter(|it| it.channel() == meta::CONNECT)
        .any(|it| !asks_for_no_hold(it));
    if held {
        let sentence = "messages travel with a connect: Faye 1.4 holds their replies with it, CometD does not hold it";
        breaches.push(Breach::of(CON_BATCHED, "channel", sentence));
    }
    let mut ids = HashSet::new();
    for message in messages {
        let Some(id) = message.id() else { continue };
        if !ids.insert((message.client_id(), id)) {
            let sentence = format!("two messages of one request have the id {id:?}");
            breaches.push(Breach::of(MSG_ID_UNIQUE, "id", sentence));
        }
    }
    breaches
}

/// Whether a connect asks to be answered at once.
pub(in crate::traffic) fn asks_for_no_hold(connect: &Message) -> bool {
    connect
        .advice()
        .and_then(|it| Advice::parse(it, ConnectionType::LongPolling))
        .and_then(|it| it.timeout)
        .is_some_and(|it| it.is_zero())
}
