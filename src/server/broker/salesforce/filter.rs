//! The conditions behind the `?` of a subscription to `/topic/`: one that holds is enough.

use serde_json::Value;

use crate::protocol::{Json, Message};

/// Whether an event is for a subscriber with this query: `Type=Tech Partner&Phone=1`. Fields
/// are compared as text.
pub(super) fn passes(query: &str, data: &Json) -> bool {
    let event = Message::parse(data.as_str()).ok();
    let sobject = event
        .as_ref()
        .and_then(|it| it.get("sobject"))
        .and_then(|it| serde_json::from_str::<Value>(it).ok())
        .unwrap_or_default();
    let mut conditions = query.split('&').filter_map(|it| it.split_once('='));
    conditions.any(|(field, wanted)| {
        let text = match sobject.get(field) {
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
            None => return false,
        };
        text == wanted
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_condition_that_holds_is_enough() {
        let data: Json = r#"{"sobject":{"Type":"Tech Partner","N":5,"Gone":null}}"#
            .parse()
            .unwrap();
        for (query, expected) in [
            ("Type=Tech Partner", true),
            ("Type=Other&N=5", true),
            ("Type=tech partner", false),
            ("Gone=null", true),
            ("Absent=", false),
            ("", false),
        ] {
            assert_eq!(passes(query, &data), expected, "{query}");
        }
    }
}
