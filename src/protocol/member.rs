//! The members of a JSON object, as raw text.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::fields::Key;

/// The value of a member of a JSON object as it is written; the last one where the name stands
/// twice. Nothing where the text is no object.
///
/// ```
/// use bayeux::protocol::member;
///
/// let data = r#"{"event": {"replayId": 1.00}}"#;
/// let event = member(data, "event").unwrap();
/// assert_eq!(member(event, "replayId"), Some("1.00"));
/// assert_eq!(member("[1]", "event"), None);
/// ```
pub fn member<'a>(object: &'a str, name: &str) -> Option<&'a str> {
    let mut json = serde_json::Deserializer::from_str(object);
    let found = json.deserialize_map(Find { name }).ok()?;
    found.map(RawValue::get)
}

/// The members of a JSON object in their order, names read and values as they are written.
/// Nothing where the text is no object.
pub fn members(object: &str) -> Option<Vec<(Cow<'_, str>, &str)>> {
    let mut json = serde_json::Deserializer::from_str(object);
    json.deserialize_map(List).ok()
}

struct Find<'n> {
    name: &'n str,
}

impl<'de> Visitor<'de> for Find<'_> {
    type Value = Option<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let mut found = None;
        while let Some(key) = map.next_key::<Key<'de>>()? {
            let value = map.next_value()?;
            if key.0 == self.name {
                found = Some(value);
            }
        }
        Ok(found)
    }
}

struct List;

impl<'de> Visitor<'de> for List {
    type Value = Vec<(Cow<'de, str>, &'de str)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let mut members = Vec::new();
        while let Some((key, value)) = map.next_entry::<Key<'de>, &'de RawValue>()? {
            members.push((key.0, value.get()));
        }
        Ok(members)
    }
}
