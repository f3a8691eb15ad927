//! What is remarked of traffic, in one wording wherever it is told.

use bayeux::traffic::{Remark, SessionNumber};

/// A broken rule, with the section of the specification.
pub(crate) fn broken_rule(it: &Remark) -> String {
    let breach = &it.breach;
    let (side, id, clause) = (breach.rule.side, breach.rule.id, breach.rule.clause);
    let field = match breach.field {
        Some(field) => format!(" ({field})"),
        None => String::new(),
    };
    let sentence = &breach.sentence;
    format!("{side}{field}: {sentence} [{id}: {clause}]")
}

/// Subscriptions that a client has forgotten with its session.
pub(crate) fn not_restored(session: SessionNumber, channels: &[String]) -> String {
    let channels = channels.join(", ");
    format!("session {session} goes on without subscribing to {channels} again")
}
