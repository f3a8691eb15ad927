//! Deliveries, and bodies that cannot be read.

use super::catalogue::{EVT_DATA, EVT_NO_CLIENT_ID, MSG_GARBLED_REPLY, MSG_GARBLED_REQUEST};
use super::{Breach, Side};
use crate::protocol::{Body, FindingKind, Message};

/// What is wrong with a delivery.
pub fn delivery(message: &Message) -> Vec<Breach> {
    let mut breaches = Vec::new();
    if message.client_id().is_some() {
        let sentence = "the delivery has a clientId: whoever knows it can speak for that session";
        breaches.push(Breach::of(EVT_NO_CLIENT_ID, "clientId", sentence));
    }
    if message.data().is_none() {
        breaches.push(Breach::of(EVT_DATA, "data", "the delivery has no data"));
    }
    breaches
}

/// What cannot be read in a body, or is odd in its messages.
pub fn body(body: &Body, side: Side) -> Vec<Breach> {
    let rule = match side {
        Side::Client => MSG_GARBLED_REQUEST,
        Side::Server => MSG_GARBLED_REPLY,
    };
    let of_messages = body.messages.iter().flat_map(Message::findings);
    let findings = body.findings.iter().chain(of_messages);
    findings
        .filter_map(|finding| {
            let field = match finding.kind {
                // Every reply that needs one is looked at for it.
                FindingKind::MissingChannel => return None,
                FindingKind::WrongType { field } | FindingKind::Duplicate { field } => Some(field),
                _ => None,
            };
            Some(Breach {
                rule,
                field,
                sentence: finding.to_string(),
            })
        })
        .collect()
}
