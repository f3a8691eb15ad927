//! What only shows in the course of a session: the words for each breach.

use std::time::Duration;

use super::Breach;
use super::catalogue::{
    ADV_HANDSHAKE, ADV_INTERVAL, ADV_NONE, CON_EXPIRY, CON_HOLD, CON_LOOP, CON_SINGLE,
    COOKIE_RETURNED, EVT_SUBSCRIBED, EVT_TWICE, MSG_ENDED_SESSION, MSG_ID_UNIQUE,
    MSG_REPLY_MISSING, MSG_UNASKED,
};
use crate::protocol::Message;

/// Times of somebody in the middle are a little off.
const TOLERANCE: Duration = Duration::from_millis(50);
/// How much later than promised the reply to a held connect may come.
const LATE_REPLY: Duration = Duration::from_secs(5);

/// A second connect while another one of the session waits.
pub(in crate::traffic) fn two_connects() -> Breach {
    let sentence = "two connects of the session wait at once: the server ends the older one";
    Breach::of(CON_SINGLE, "channel", sentence)
}

/// A request of a session that has ended.
pub(in crate::traffic) fn ended_session(message: &Message) -> Breach {
    let sentence = format!("{} in a session that has ended", message.channel());
    Breach::of(MSG_ENDED_SESSION, "clientId", sentence)
}

/// A connect where a handshake was advised.
pub(in crate::traffic) fn no_handshake() -> Breach {
    let sentence = "a connect, although the server advised a new handshake";
    Breach::of(ADV_HANDSHAKE, "advice.reconnect", sentence)
}

/// A request after `reconnect: none`.
pub(in crate::traffic) fn no_rest(message: &Message) -> Breach {
    let sentence = format!("{}, although the server advised to stop", message.channel());
    Breach::of(ADV_NONE, "advice.reconnect", sentence)
}

/// A connect `after` the reply to the last one.
pub(in crate::traffic) fn too_early(after: Duration, interval: Duration) -> Option<Breach> {
    let is_early = after + TOLERANCE < interval;
    is_early.then(|| {
        let sentence = format!(
            "a connect after {} ms, where the server advised to wait {} ms",
            after.as_millis(),
            interval.as_millis()
        );
        Breach::of(ADV_INTERVAL, "advice.interval", sentence)
    })
}

/// The same, where the server said how long the session lives without one.
pub(in crate::traffic) fn too_late(after: Duration, life: Duration) -> Option<Breach> {
    let is_late = after > life + TOLERANCE;
    is_late.then(|| {
        let sentence = format!(
            "a connect after {} ms, where the session lives for {} ms without one",
            after.as_millis(),
            life.as_millis()
        );
        Breach::of(CON_EXPIRY, "advice.maxInterval", sentence)
    })
}

/// A connect that was held `after` longer than advised.
pub(in crate::traffic) fn held_too_long(after: Duration, hold: Duration) -> Option<Breach> {
    let is_late = after > hold + LATE_REPLY;
    is_late.then(|| {
        let sentence = format!(
            "the connect was held for {} ms, where {} ms were advised",
            after.as_millis(),
            hold.as_millis()
        );
        Breach::of(CON_HOLD, "advice.timeout", sentence)
    })
}

/// Connects that are answered at once, with nothing in the answer.
pub(in crate::traffic) fn tight_loop(n: u32) -> Breach {
    let sentence = format!("{n} connects one after the other were answered at once and empty");
    Breach::of(CON_LOOP, "advice.timeout", sentence)
}

/// A cookie that was set and did not come back.
pub(in crate::traffic) fn cookie_not_returned(name: &str) -> Breach {
    let sentence = format!("the server set the cookie {name}, and a request came without it");
    Breach::of(COOKIE_RETURNED, "Cookie", sentence)
}

/// A delivery of a channel without subscription.
pub(in crate::traffic) fn not_subscribed(channel: &str) -> Breach {
    let sentence = format!("a delivery of {channel}, to which the session is not subscribed");
    Breach::of(EVT_SUBSCRIBED, "channel", sentence)
}

/// A delivery that came before.
pub(in crate::traffic) fn delivered_twice(channel: &str) -> Breach {
    let sentence = format!("a delivery of {channel} came a second time");
    Breach::of(EVT_TWICE, "id", sentence)
}

/// A request with the id of another one that waits.
pub(in crate::traffic) fn id_in_use(id: &str) -> Breach {
    let sentence = format!("the id {id:?} is that of a request which still waits");
    Breach::of(MSG_ID_UNIQUE, "id", sentence)
}

/// A response without the reply to a request.
pub(in crate::traffic) fn no_reply(channel: &str) -> Breach {
    let sentence = format!("the response has no reply to {channel}");
    Breach::of(MSG_REPLY_MISSING, "channel", sentence)
}

/// A reply to nothing.
pub(in crate::traffic) fn unasked(channel: &str) -> Breach {
    let sentence = format!("a reply on {channel} to nothing that was asked");
    Breach::of(MSG_UNASKED, "channel", sentence)
}
