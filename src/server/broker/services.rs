//! The built-in services: what is published to them is for the server, and the answer for the
//! publisher alone.

use std::time::SystemTime;

use super::clock::Now;
use super::reply::literal;
use crate::protocol::Json;

/// The data of the answer, if there is such a service:
///
/// - `/service/echo` answers with what it was sent,
/// - `/service/time` with the server's clock, as text and in milliseconds since 1970:
///   `{"time":"2026-01-02T03:04:05.678Z","milliseconds":1767323045678}`.
pub(super) fn answer(channel: &str, data: &Json, now: Now) -> Option<Json> {
    match channel {
        "/service/echo" => Some(data.clone()),
        "/service/time" => Some(time(now.wall)),
        _ => None,
    }
}

fn time(now: SystemTime) -> Json {
    let time = humantime::format_rfc3339_millis(now);
    let since = now.duration_since(SystemTime::UNIX_EPOCH);
    let milliseconds = since.map_or(0, |it| it.as_millis());
    literal(&format!(
        r#"{{"time":"{time}","milliseconds":{milliseconds}}}"#
    ))
}
