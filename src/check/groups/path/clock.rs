//! The server's clock against this machine's: tokens, certificates and logs depend on both.

use std::time::{Duration, SystemTime};

use serde_json::Value;

use super::adopt;
use super::words::span;
use crate::check::session::json;
use crate::check::{Finding, Obstacle, Subject};
use crate::protocol::{Message, meta};

/// More than that is not the way there and back, nor that `Date` counts in seconds.
const ALLOWED: Duration = Duration::from_secs(5);

pub(super) fn agrees(subject: &Subject) -> Result<Finding, Obstacle> {
    let mut session = subject.session()?;
    let sent = SystemTime::now();
    let handshake = match subject.settings().extensions.handshake {
        Some(_) => session.handshake(),
        None => {
            let now = millis(sent);
            let ext = format!("{{\"timesync\":{{\"tc\":{now},\"l\":0,\"o\":0}}}}");
            let plain = session.handshake();
            let types = plain.get("supportedConnectionTypes").unwrap_or("[]");
            session
                .message(meta::HANDSHAKE)
                .string("version", crate::protocol::VERSION)
                .json("supportedConnectionTypes", &json(types))
                .json("ext", &json(&ext))
                .build()
        }
    };
    let seen = session.http()?.post(&[handshake])?;
    adopt(&mut session, &seen);
    let halfway = sent + seen.took / 2;
    let by_timesync = seen.messages().ok().and_then(|it| timesync(it.first()?));
    let (theirs, source) = match (by_timesync, seen.trace.date()) {
        (Some(time), _) => (time, "timesync"),
        (None, Some(time)) => (time, "its Date header"),
        (None, None) => {
            let reason = "the server tells no time: neither Date nor timesync";
            return Err(Obstacle::Inapplicable(reason.to_owned()));
        }
    };
    let (off, is_ahead) = match theirs.duration_since(halfway) {
        Ok(ahead) => (ahead, true),
        Err(behind) => (behind.duration(), false),
    };
    if off <= ALLOWED {
        return Ok(Finding::holds_as(format!("by {source}")));
    }
    let direction = if is_ahead { "ahead" } else { "behind" };
    Ok(Finding::deviates(format!(
        "the server is {} {direction} of this machine, by {source}",
        span(off)
    ))
    .remedy("one of the two does not synchronise its clock (NTP): `timedatectl` on either"))
}

/// The server's time in `ext.timesync.ts`, in milliseconds.
fn timesync(reply: &Message) -> Option<SystemTime> {
    let ext: Value = serde_json::from_str(reply.ext()?).ok()?;
    let millis = ext.get("timesync")?.get("ts")?.as_u64()?;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(millis))
}

fn millis(time: SystemTime) -> u128 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap_or_default().as_millis()
}
