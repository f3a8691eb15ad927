//! Events out of what was published: the shape that each kind of channel gives them.
//!
//! An object with `payload` or `sobject` is taken for a whole event, so that a recorded one
//! can be published again: its fields stay, and `event` gets a new `replayId` (other fields
//! of `event` stay too). Anything else becomes the `payload`, on `/topic/` the `sobject`.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use crate::protocol::{Json, Message};
use crate::server::broker::reply::literal;

/// The kinds of durable channels.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::server::broker) enum Kind {
    /// `/topic/<PushTopic>` and `/systemTopic/Logging`: changes that a query selects.
    Topic,
    /// `/u/<name>`: whatever a publisher sends.
    Generic,
    /// `/event/<Name__e>`
    Platform,
    /// `/data/ChangeEvents`, `/data/<Object>ChangeEvent`
    Change,
}

/// What the server adds to an event.
#[derive(Clone, Debug)]
pub(super) struct Stamp {
    pub(super) replay_id: u64,
    /// Like `2026-01-02T03:04:05.678Z`.
    pub(super) created: String,
    pub(super) uuid: String,
}

/// An invented user.
const USER: &str = "005000000000001AAA";

impl Kind {
    /// The kind of a channel, if it is durable.
    pub(in crate::server::broker) fn of(channel: &str) -> Option<Self> {
        let (parent, name) = channel.strip_prefix('/')?.split_once('/')?;
        let kind = match parent {
            "topic" | "systemTopic" => Self::Topic,
            "u" => Self::Generic,
            "event" => Self::Platform,
            "data" => Self::Change,
            _ => return None,
        };
        (!name.is_empty()).then_some(kind)
    }

    /// Where the content of an event of this kind stands.
    pub(super) fn content(self) -> &'static str {
        match self {
            Self::Topic => "sobject",
            Self::Generic | Self::Platform | Self::Change => "payload",
        }
    }
}

/// The `data` of a delivery.
pub(super) fn event(kind: Kind, channel: &str, published: &Json, stamp: &Stamp) -> Json {
    let mut given = fields(published.as_str());
    if !given.contains_key("payload") && !given.contains_key("sobject") {
        given = BTreeMap::from([(kind.content().to_owned(), raw(published.as_str()))]);
    }
    if kind == Kind::Platform
        && let Some(payload) = given.get_mut("payload")
    {
        *payload = raw(&created(payload.get(), stamp));
    }
    if matches!(kind, Kind::Platform | Kind::Change) {
        given
            .entry("schema".to_owned())
            .or_insert_with(|| raw(Json::string(&schema(channel)).as_str()));
    }
    let header = header(kind, given.get("event").map_or("", |it| it.get()), stamp);
    given.insert("event".to_owned(), raw(&header));
    literal(&object(&given))
}

/// The field `event` with a new replay id.
fn header(kind: Kind, given: &str, stamp: &Stamp) -> String {
    let mut header = fields(given);
    let added: &[(&str, &str)] = match kind {
        Kind::Topic => &[("createdDate", &stamp.created), ("type", "created")],
        Kind::Generic => &[("createdDate", &stamp.created)],
        Kind::Platform => &[("EventUuid", &stamp.uuid)],
        Kind::Change => &[],
    };
    for (name, text) in added {
        let text = Json::string(text);
        header
            .entry((*name).to_owned())
            .or_insert_with(|| raw(text.as_str()));
    }
    header.insert("replayId".to_owned(), raw(&stamp.replay_id.to_string()));
    object(&header)
}

/// The payload of a platform event says when and by whom it was made.
fn created(payload: &str, stamp: &Stamp) -> String {
    let is_complete = |it: &Message| it.get("CreatedDate").is_some();
    let rest = payload.trim_start().strip_prefix('{');
    match (Message::parse(payload), rest) {
        (Ok(message), Some(rest)) if !is_complete(&message) => {
            let comma = if rest.trim_start().starts_with('}') {
                ""
            } else {
                ","
            };
            let created = &stamp.created;
            format!(r#"{{"CreatedDate":"{created}","CreatedById":"{USER}"{comma}{rest}"#)
        }
        _ => payload.to_owned(),
    }
}

/// 22 characters that stay the same for a channel.
fn schema(channel: &str) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    // FNV-1a.
    let mut hash = channel.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let letter = |_| {
        hash = hash.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
        char::from(LETTERS[(hash >> 58) as usize])
    };
    (0..22).map(letter).collect()
}

/// The fields of an object; none of anything else. Of a name that stands twice the last one
/// counts.
fn fields(json: &str) -> BTreeMap<String, Box<RawValue>> {
    serde_json::from_str(json).unwrap_or_default()
}

fn raw(json: &str) -> Box<RawValue> {
    RawValue::from_string(json.to_owned())
        .expect("every caller passes JSON that was parsed, or writes it from such")
}

fn object(fields: &BTreeMap<String, Box<RawValue>>) -> String {
    // The order of Salesforce's documents; `event` alone would else come first.
    let place = |name: &str| match name {
        "schema" => 0,
        "payload" => 1,
        "event" => 2,
        "sobject" => 3,
        _ => 4,
    };
    let mut fields: Vec<_> = fields.iter().collect();
    fields.sort_by_key(|(name, _)| place(name));
    let fields: Vec<_> = fields
        .iter()
        .map(|(name, value)| format!("{}:{}", Json::string(name), value.get()))
        .collect();
    format!("{{{}}}", fields.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(channel: &str, published: &str) -> String {
        let stamp = Stamp {
            replay_id: 7,
            created: "2026-01-02T03:04:05.678Z".to_owned(),
            uuid: "u-u".to_owned(),
        };
        let kind = Kind::of(channel).unwrap();
        let published = published.replace('\'', "\"").parse().unwrap();
        let event = event(kind, channel, &published, &stamp);
        event.as_str().replace('"', "'")
    }

    #[test]
    fn each_kind_of_channel_has_its_shape() {
        assert_eq!(
            shape("/topic/T", "{'Name':'x'}"),
            "{'event':{'createdDate':'2026-01-02T03:04:05.678Z','replayId':7,'type':'created'},\
             'sobject':{'Name':'x'}}"
        );
        assert_eq!(
            shape("/u/G", "'text'"),
            "{'payload':'text','event':{'createdDate':'2026-01-02T03:04:05.678Z','replayId':7}}"
        );
        let schema = schema("/event/X__e");
        assert_eq!(
            shape("/event/X__e", "{'F__c':1.50}"),
            format!(
                "{{'schema':'{schema}','payload':{{'CreatedDate':'2026-01-02T03:04:05.678Z',\
                 'CreatedById':'005000000000001AAA','F__c':1.50}},\
                 'event':{{'EventUuid':'u-u','replayId':7}}}}"
            )
        );
        assert_eq!(schema.len(), 22);
        assert!(
            shape("/data/ChangeEvents", "{}").ends_with("'payload':{},'event':{'replayId':7}}")
        );
    }

    #[test]
    fn a_whole_event_keeps_its_fields_and_gets_a_new_replay_id() {
        assert_eq!(
            shape(
                "/event/X__e",
                "{'payload':{'CreatedDate':'then','n':1},'event':{'replayId':3,'EventUuid':'e'},'schema':'s','x':[]}"
            ),
            "{'schema':'s','payload':{'CreatedDate':'then','n':1},\
             'event':{'EventUuid':'e','replayId':7},'x':[]}"
        );
    }

    #[test]
    fn other_channels_are_not_durable() {
        for channel in ["/demo", "/event/", "/event", "/events/X__e", "event/X__e"] {
            assert_eq!(Kind::of(channel), None, "{channel}");
        }
    }
}
