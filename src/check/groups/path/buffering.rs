//! Buffering: a delivery has to leave when it is there, and not at the end of the hold.

use std::time::{Duration, Instant};

use super::about_the_way;
use super::words::span;
use crate::check::http::Ask;
use crate::check::{Finding, Obstacle, Subject};
use crate::protocol::{Kind, Message, encode};

/// How long the connect asks to be held: so much later a delivery comes at its end.
const HOLD: Duration = Duration::from_secs(3);

/// By then the connect is held.
const ON_ITS_WAY: Duration = Duration::from_millis(200);

/// What a delivery may take, beside what its publish took.
const AT_ONCE: Duration = Duration::from_secs(1);

/// First connects are often answered at once.
const MOST_CONNECTS: usize = 3;

pub(super) fn none(subject: &Subject) -> Result<Finding, Obstacle> {
    let channel = subject.channel("delivery");
    let mut receiver = subject.connected()?;
    about_the_way(receiver.subscribe(&channel))?;
    let mut publisher = subject.handshaken()?;
    let mut held = None;
    for _ in 0..MOST_CONNECTS {
        let connect = receiver.connect(Some(HOLD));
        let ask = Ask::post(encode([&connect])).held(HOLD * 2);
        let pending = receiver.http()?.begin(ask);
        if pending.within(ON_ITS_WAY)?.is_none() {
            held = Some(pending);
            break;
        }
    }
    let Some(pending) = held else {
        let reason = "the server answers each connect at once";
        return Err(Obstacle::Inapplicable(reason.to_owned()));
    };
    let started = Instant::now();
    about_the_way(publisher.publish(&channel, "1"))?;
    let published = started.elapsed();
    let patience = (HOLD + AT_ONCE * 3).min(subject.left());
    let Some(seen) = pending.within(patience)? else {
        let seen = format!("nothing after {}", span(started.elapsed()));
        return Ok(Finding::deviates(seen).remedy(REMEDY));
    };
    let after = started.elapsed();
    let is_it = |it: &Message| it.kind() == Kind::Delivery && it.channel() == channel;
    if !seen.messages()?.iter().any(is_it) {
        let seen = format!("the connect was answered after {} without it", span(after));
        return Err(Obstacle::Unusable(seen));
    }
    if after <= AT_ONCE + published {
        return Ok(Finding::holds_as(format!("it came after {}", span(after))));
    }
    // Of the response's time, counted from the request.
    let head = seen.trace.first_byte.unwrap_or(seen.took);
    let is_head_early = seen.took.saturating_sub(head) > AT_ONCE;
    let how = match is_head_early {
        true => "; the head of the response was there before, its body was kept back",
        false => "",
    };
    Ok(Finding::deviates(format!(
        "it came after {}, the connect asked to be held for {}{how}",
        span(after),
        span(HOLD)
    ))
    .remedy(REMEDY))
}

const REMEDY: &str = "something collects responses before it passes them on: nginx: proxy_buffering off; (or \
     X-Accel-Buffering: no from the server), gzip off; for this path; haproxy: no \
     http-response wait-for-body; virus scanners and content delivery networks: exempt the path";
