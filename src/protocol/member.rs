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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_text_has_members_or_none(text in "(\\PC{0,20})|(\\{[\\[\\]{},:\"\\\\a1 \x0c]{0,30})") {
            let _ = members(&text);
            let _ = member(&text, "a");
        }

        #[test]
        fn the_last_member_of_a_name_is_found(
            entries in prop::collection::vec(("[ab\u{e9}\"]{0,2}", "-?[1-9]\\.[0-9]{1,2}"), 0..6),
            name in "[ab\u{e9}\"]{0,2}",
        ) {
            let written = |(name, value): &(String, String)| {
                format!("{}\n: {value} ", serde_json::Value::from(name.as_str()))
            };
            let object = format!("{{{}}}", entries.iter().map(written).collect::<Vec<_>>().join(","));
            let found: Vec<(String, String)> = members(&object)
                .unwrap()
                .into_iter()
                .map(|(name, value)| (name.into_owned(), value.to_owned()))
                .collect();
            prop_assert_eq!(&found, &entries);
            let last = entries.iter().rfind(|it| it.0 == name).map(|it| it.1.as_str());
            prop_assert_eq!(member(&object, &name), last);
        }
    }
}
