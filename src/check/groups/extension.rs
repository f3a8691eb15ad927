//! `ext`: extensions that servers offer.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::check::judging::error_of;
use crate::check::session::{self, Session};
use crate::check::{Check, Finding, Obstacle, Subject};
use crate::protocol::{Message, VERSION, meta};

pub(super) const CHECKS: &[Check] = &[
    Check::information(
        "ext.ack-replay",
        "with the extension ack, what was not acknowledged is delivered again",
        "Acknowledgement Extension of CometD",
        ack_replay,
    ),
    Check::information(
        "ext.timesync",
        "with the extension timesync, the server's clock is told the same each time",
        "Time Synchronization Extension of CometD",
        timesync,
    ),
];

fn ack_replay(subject: &Subject) -> Result<Finding, Obstacle> {
    let channel = subject.channel("a");
    let mut receiver = subject.session()?;
    let reply = extended_handshake(&mut receiver, "ack", Value::Bool(true))?;
    if matches!(ext(&reply, "ack"), None | Some(Value::Bool(false))) {
        return Err(not_offered("ack"));
    }
    receiver.subscribe(&channel)?;
    let first = acknowledge(&mut receiver, &json!(0))?;
    let mut publisher = subject.connected()?;
    publisher.publish(&channel, "{\"n\":1}")?;
    // Nothing is delivered but by connects; each says which batch came last.
    let second = acknowledge(&mut receiver, &first)?;
    let n_first = receiver.delivered(&channel).len();
    if n_first == 0 {
        return Ok(Finding::deviates(
            "the reply to the connect is without what was published before",
        ));
    }
    acknowledge(&mut receiver, &first)?;
    let n_again = receiver.delivered(&channel).len() - n_first;
    if n_again == 0 {
        return Ok(Finding::deviates(
            "a connect with the old ack does not bring the message again: it is lost if the \
             response was",
        )
        .at("ext.ack"));
    }
    // Its ack is that of the first time or a newer one.
    let last = acknowledge(&mut receiver, &second)?;
    acknowledge(&mut receiver, &last)?;
    let n_before = receiver.delivered(&channel).len();
    acknowledge(&mut receiver, &last)?;
    let n_late = receiver.delivered(&channel).len() - n_before;
    Ok(Finding::expect(n_late == 0, "what was acknowledged is delivered again").at("ext.ack"))
}

/// A connect that acknowledges this batch; the batch of its reply.
fn acknowledge(session: &mut Session, batch: &Value) -> Result<Value, Obstacle> {
    let connection_type = session.connection_type().as_str();
    let connect = session
        .extended(meta::CONNECT, "ack", batch.clone())
        .string("connectionType", connection_type)
        .json("advice", &session::json("{\"timeout\":0}"))
        .build();
    let reply = session.ask(connect)?;
    ext(&reply, "ack")
        .ok_or_else(|| Obstacle::Unusable("a connect's reply has no ext.ack".to_owned()))
}

/// Exchanges of timesync, and how far apart the offsets may be that they leave possible.
const N_SAMPLES: usize = 5;
const MOST_SPREAD_MS: f64 = 100.0;

fn timesync(subject: &Subject) -> Result<Finding, Obstacle> {
    let mut session = subject.session()?;
    let sync = json!({"tc": now_ms(), "l": 0, "o": 0});
    let reply = extended_handshake(&mut session, "timesync", sync)?;
    if ext(&reply, "timesync").is_none() {
        return Err(not_offered("timesync"));
    }
    let mut offsets = Vec::new();
    let (mut at_least, mut at_most) = (f64::NEG_INFINITY, f64::INFINITY);
    for _ in 0..N_SAMPLES {
        let sent = now_ms();
        let started = Instant::now();
        let connection_type = session.connection_type().as_str();
        let connect = session
            .extended(
                meta::CONNECT,
                "timesync",
                json!({"tc": sent, "l": 0, "o": 0}),
            )
            .string("connectionType", connection_type)
            .json("advice", &session::json("{\"timeout\":0}"))
            .build();
        let reply = session.ask(connect)?;
        let took = ms(started.elapsed());
        let sync = ext(&reply, "timesync").unwrap_or_default();
        let field = |name: &str| sync.get(name).and_then(Value::as_f64);
        let (Some(tc), Some(ts), Some(p)) = (field("tc"), field("ts"), field("p")) else {
            return Ok(Finding::deviates("tc, ts or p is missing").at("ext.timesync"));
        };
        // The clocks count in milliseconds.
        if tc != sent || p < 0.0 || p > took + 2.0 {
            return Ok(Finding::deviates(format!(
                "tc {tc} for {sent}, p {p} of an exchange of {took:.0} ms"
            ))
            .at("ext.timesync"));
        }
        let lag = (took - p) / 2.0;
        let offset = ts - tc - lag;
        offsets.push(offset);
        // Nobody knows how much of the lag was on the way there: a slow exchange tells little.
        at_least = at_least.max(offset - lag);
        at_most = at_most.min(offset + lag);
    }
    let least = offsets.iter().copied().fold(f64::INFINITY, f64::min);
    let most = offsets.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    Ok(if at_least - at_most <= MOST_SPREAD_MS {
        Finding::holds_as(format!(
            "the server's clock is {least:.0} to {most:.0} ms ahead"
        ))
    } else {
        Finding::deviates(format!(
            "the server's clock is {least:.0} ms ahead at one time, {most:.0} ms at another"
        ))
        .at("ext.timesync")
    })
}

/// The reply to a handshake with this extension.
fn extended_handshake(
    session: &mut Session,
    name: &str,
    value: Value,
) -> Result<Message, Obstacle> {
    let types = session::json(r#"["long-polling","callback-polling","websocket"]"#);
    let handshake = session
        .extended(meta::HANDSHAKE, name, value)
        .string("version", VERSION)
        .json("supportedConnectionTypes", &types)
        .build();
    let reply = session.ask(handshake)?;
    if reply.successful() != Some(true) {
        let seen = format!("the server refuses the handshake: {}", error_of(&reply));
        return Err(Obstacle::Inapplicable(seen));
    }
    session.adopt(&reply)?;
    Ok(reply)
}

fn ext(reply: &Message, name: &str) -> Option<Value> {
    let ext: Value = serde_json::from_str(reply.ext()?).ok()?;
    ext.get(name).cloned()
}

fn not_offered(name: &str) -> Obstacle {
    Obstacle::Inapplicable(format!("the server does not offer the extension {name}"))
}

fn now_ms() -> f64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    // Before 1970 a clock is wrong, and its time as good as any.
    ms(now.unwrap_or_default()).floor()
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
