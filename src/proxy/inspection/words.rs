//! What happened, in words for the inspector.

use crate::proxy::event::{Event, What};
use crate::redaction::shortened_client_id;
use crate::traffic::{Noticed, SessionChange};

/// What happened to a connection, if it is worth a word.
pub(super) fn happened(event: &Event) -> Option<String> {
    let text = match &event.what {
        What::Other {
            method,
            path,
            status,
            ..
        } => format!("{method} {path}: HTTP {status}"),
        What::Unread { from, reason } => format!("from the {from}: {reason}"),
        What::Upgraded => "now a websocket".to_owned(),
        What::WebSocketClosed { from, code, .. } => {
            let code = code.map_or_else(String::new, |it| format!(" with {it}"));
            format!("the {from} closes the websocket{code}")
        }
        What::Disturbed { faults } => format!("fault {faults}"),
        What::Unreachable { reason } => format!("the server cannot be reached: {reason}"),
        What::Dropped { reason } => format!("closed: {reason}"),
        What::AcceptFailed { reason } => return Some(format!("cannot accept: {reason}")),
        What::Connected { .. }
        | What::Seen(_)
        | What::Exchanged(_)
        | What::Framed { .. }
        | What::Ended { .. } => return None,
    };
    Some(format!("connection {}: {text}", event.connection))
}

/// What was noticed beside messages.
pub(super) fn noticed(noticed: &Noticed) -> Option<String> {
    Some(match noticed {
        Noticed::Asked(_) | Noticed::Answered(_) | Noticed::Delivered(_) => return None,
        Noticed::Unanswered(it) => {
            format!("no reply to {}: {}", it.message.channel(), it.why)
        }
        Noticed::Session(it) => format!("session {} {}", it.session, changed(&it.change)),
        Noticed::Remark(it) => {
            let rule = it.breach.rule;
            format!("{}: {} [{}]", rule.side, it.breach.sentence, rule.id)
        }
    })
}

fn changed(change: &SessionChange) -> String {
    match change {
        SessionChange::Opened { client_id } => {
            format!("opened: {}", shortened_client_id(client_id))
        }
        SessionChange::Joined { client_id } => {
            format!("was there before: {}", shortened_client_id(client_id))
        }
        SessionChange::Renewed {
            client_id,
            replaces,
            ..
        } => {
            let client_id = shortened_client_id(client_id);
            format!("replaces session {replaces}: {client_id}")
        }
        SessionChange::Restored {
            n_subscriptions, ..
        } => format!("has its subscriptions again: {n_subscriptions}"),
        SessionChange::NotRestored { channels } => {
            let channels = channels.join(", ");
            format!("goes on without subscribing to {channels} again")
        }
        SessionChange::Lost { reason, .. } => format!("lost: {reason}"),
        SessionChange::Ended { .. } => "ended".to_owned(),
    }
}
