//! What several checks make of a reply.

use super::{Finding, Obstacle};
use crate::protocol::Message;
use crate::traffic::rules::{self, Breach};

/// A reply has the fields that the rules ask for.
pub(super) fn well_formed(request: &Message, reply: &Message) -> Finding {
    // What an error looks like is for other checks.
    let breaches = rules::reply(request, reply).into_iter();
    let mut breaches = breaches.filter(|it| it.rule.id != "msg.error-shape");
    breaches.next().map_or_else(Finding::holds, broken)
}

/// Holds if none of the rules of this id is broken by the reply.
pub(super) fn keeps(id: &str, request: &Message, reply: &Message) -> Finding {
    let breaches = rules::reply(request, reply);
    let mut broken = breaches.iter().filter(|it| it.rule.id == id).peekable();
    let Some(Breach { field, .. }) = broken.peek() else {
        return Finding::holds();
    };
    let field = *field;
    let sentences: Vec<_> = broken.map(|it| it.sentence.as_str()).collect();
    let finding = Finding::deviates(sentences.join("; "));
    match field {
        Some(field) => finding.at(field),
        None => finding,
    }
}

/// A rule that does not hold.
pub(super) fn broken(breach: Breach) -> Finding {
    let found = Finding::deviates(breach.sentence);
    match breach.field {
        Some(field) => found.at(field),
        None => found,
    }
}

/// A request is refused, and by a reply: no status of HTTP, no end of a connection.
pub(super) fn refused(answer: Result<Message, Obstacle>, what: &str) -> Result<Finding, Obstacle> {
    let reply = answered(answer, what)?;
    Ok(if reply.successful() == Some(false) {
        Finding::holds_as(error_of(&reply))
    } else {
        Finding::deviates(format!("{what} is accepted")).at("successful")
    })
}

/// A request is carried out.
pub(super) fn granted(answer: Result<Message, Obstacle>, what: &str) -> Result<Finding, Obstacle> {
    let reply = answered(answer, what)?;
    Ok(if reply.successful() == Some(true) {
        Finding::holds()
    } else {
        Finding::deviates(format!("{what} is refused: {}", error_of(&reply))).at("error")
    })
}

/// The reply, or what there is instead of one to this request.
pub(super) fn answered(answer: Result<Message, Obstacle>, what: &str) -> Result<Message, Obstacle> {
    answer.map_err(|obstacle| match obstacle {
        Obstacle::Unusable(how) => Obstacle::Unusable(format!("{what}: {how}")),
        Obstacle::Transport(error) => Obstacle::Unusable(format!("{what}: {error}")),
        Obstacle::OutOfTime => Obstacle::Unusable(format!("{what}: no answer in time")),
        inapplicable @ Obstacle::Inapplicable(_) => inapplicable,
    })
}

/// What a reply says of its error.
pub(super) fn error_of(reply: &Message) -> String {
    match reply.error() {
        Some(error) => error.to_string(),
        None => "refused without an error".to_owned(),
    }
}
