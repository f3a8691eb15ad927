//! What a subscribe asks to be replayed.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::denial::Denial;
use super::retained::Replay;
use super::split;
use crate::protocol::Message;

/// What `ext.replay` asks for, as it was written and what it means. The map may name the
/// channel with its conditions or without; the number may be a string.
pub(super) fn asked(message: &Message, subscription: &str) -> Result<(String, Replay), Denial> {
    type Fields = BTreeMap<String, Box<RawValue>>;
    let fields = |json: &str| serde_json::from_str::<Fields>(json).ok();
    let ext = message.ext().and_then(fields);
    let Some(map) = ext.and_then(|it| fields(it.get("replay")?.get())) else {
        return Ok(("-1".to_owned(), Replay::New));
    };
    let (channel, _) = split(subscription);
    let Some(asked) = map.get(subscription).or_else(|| map.get(channel)) else {
        let pairs: Vec<_> = map
            .iter()
            .map(|(channel, id)| format!("{channel}={}", id.get()))
            .collect();
        return Err(Denial::ReplayMissing {
            channel: subscription.into(),
            map: format!("{{{}}}", pairs.join(", ")),
        });
    };
    let asked = asked.get().trim_matches('"').to_owned();
    let from = match asked.as_str() {
        "-1" => Replay::New,
        "-2" => Replay::All,
        id => match id.parse() {
            Ok(id) => Replay::After(id),
            Err(_) => return Err(Denial::ReplayInvalid(id.into())),
        },
    };
    Ok((asked, from))
}
