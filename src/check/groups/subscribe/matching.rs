//! Which messages a subscription brings, and how often.

use crate::check::groups::pair::Pair;
use crate::check::session::json;
use crate::check::{Finding, Obstacle, Subject};
use crate::protocol::meta;

pub(super) fn wild_one(subject: &Subject) -> Result<Finding, Obstacle> {
    let base = subject.channel("a");
    let inside = [format!("{base}/b"), format!("{base}/c")];
    let outside = [base.clone(), format!("{base}b"), format!("{base}/b/c")];
    matches(subject, &format!("{base}/*"), &inside, &outside)
}

pub(super) fn wild_deep(subject: &Subject) -> Result<Finding, Obstacle> {
    let base = subject.channel("a");
    let inside = [
        format!("{base}/b"),
        format!("{base}/b/c"),
        format!("{base}/b/c/d"),
    ];
    let outside = [base.clone(), format!("{base}b"), format!("{base}b/c")];
    matches(subject, &format!("{base}/**"), &inside, &outside)
}

/// Whether a pattern brings what is inside and nothing of what is outside.
fn matches(
    subject: &Subject,
    pattern: &str,
    inside: &[String],
    outside: &[String],
) -> Result<Finding, Obstacle> {
    let mut pair = Pair::new(subject)?;
    pair.receiver.subscribe(pattern)?;
    let all = [inside, outside].concat();
    let delivered = pair.publish(&all)?;
    if let Some(missed) = inside.iter().find(|it| !delivered.contains(it)) {
        let seen = format!("{pattern} does not bring what is published on {missed}");
        return Ok(Finding::deviates(seen).at("channel"));
    }
    let excess = outside.iter().find(|it| delivered.contains(it));
    Ok(match excess {
        Some(excess) => {
            let seen = format!("{pattern} brings what is published on {excess}");
            Finding::deviates(seen).at("channel")
        }
        None => Finding::holds(),
    })
}

pub(super) fn idempotent(subject: &Subject) -> Result<Finding, Obstacle> {
    let channel = subject.channel("a");
    copies(subject, &[&channel, &channel], &channel)
}

pub(super) fn overlap_dedup(subject: &Subject) -> Result<Finding, Obstacle> {
    let base = subject.channel("a");
    let channel = format!("{base}/b");
    let patterns = [&channel, &format!("{base}/*"), &format!("{base}/**")];
    copies(subject, &patterns, &channel)
}

/// Whether one message comes once through these subscriptions.
fn copies(subject: &Subject, patterns: &[&String], channel: &str) -> Result<Finding, Obstacle> {
    let mut pair = Pair::new(subject)?;
    for pattern in patterns {
        pair.receiver.subscribe(pattern)?;
    }
    let n_copies = pair.publish(&[channel])?.len();
    Ok(Finding::expect(
        n_copies == 1,
        format!(
            "{} subscriptions, {n_copies} copies of one message",
            patterns.len()
        ),
    ))
}

pub(super) fn array_atomic(subject: &Subject) -> Result<Finding, Obstacle> {
    let channel = subject.channel("a");
    let mut pair = Pair::new(subject)?;
    let both = json(&format!("[{channel:?},{:?}]", meta::CONNECT));
    let request = pair.receiver.message(meta::SUBSCRIBE);
    let request = request.json("subscription", &both).build();
    let reply = pair.receiver.ask(request)?;
    if reply.successful() != Some(false) {
        return Err(Obstacle::Inapplicable(
            "the server refuses no channel of it".to_owned(),
        ));
    }
    let delivered = pair.publish(&[&channel])?;
    Ok(Finding::expect(
        delivered.is_empty(),
        "the reply says that it is refused, and the channel before the refused one is subscribed to",
    )
    .at("successful"))
}
