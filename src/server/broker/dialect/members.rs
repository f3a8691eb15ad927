//! The members of a message that is passed on, and the order in which Java writes them.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::protocol::{Message, MessageBuilder, members};

/// The members of a message in their order; of a name that stands twice the last value, where the
/// first one stood.
pub(super) fn distinct(message: &Message) -> Vec<(Cow<'_, str>, &str)> {
    let mut places = BTreeMap::new();
    let mut kept = Vec::new();
    for (name, value) in members(message.raw()).unwrap_or_default() {
        match places.get(&name) {
            Some(&at) => kept[at] = (name, value),
            None => {
                places.insert(name.clone(), kept.len());
                kept.push((name, value));
            }
        }
    }
    kept
}

/// A message of these members.
pub(super) fn message(members: &[(Cow<'_, str>, &str)]) -> Message {
    let message = MessageBuilder::empty();
    let write =
        |message: MessageBuilder, (name, value): &(Cow<'_, str>, &str)| message.raw(name, value);
    members.iter().fold(message, write).build()
}

/// Brings members into the order of `java.util.HashMap`, in which CometD keeps a message that
/// came with so many members: by bucket, and within a bucket as they came.
pub(super) fn sort_as_java(members: &mut [(Cow<'_, str>, &str)], n_came: usize) {
    let mut n_buckets: u32 = 16;
    // It doubles when it is full to three quarters.
    while n_came > n_buckets as usize / 4 * 3 && n_buckets < 1 << 30 {
        n_buckets *= 2;
    }
    members.sort_by_key(|(name, _)| {
        let hash = java_hash(name);
        (hash ^ (hash >> 16)) & (n_buckets - 1)
    });
}

/// `java.lang.String.hashCode`.
fn java_hash(text: &str) -> u32 {
    let step = |hash: u32, unit| hash.wrapping_mul(31).wrapping_add(u32::from(unit));
    text.encode_utf16().fold(0, step)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(json: &str) -> Message {
        Message::parse(json).unwrap()
    }

    /// As CometD 9.0.0 delivered them (tests/interop/flavors).
    #[test]
    fn members_stand_where_java_puts_them() {
        for (came, sent) in [
            (
                r#"{"channel":"/x","id":"5","ext":{"k":1},"foo":"bar","data":"x"}"#,
                r#"{"ext":{"k":1},"data":"x","foo":"bar","channel":"/x"}"#,
            ),
            (
                r#"{"channel":"/x","advice":{},"timestamp":"now","successful":true,"data":"x"}"#,
                r#"{"data":"x","advice":{},"channel":"/x","timestamp":"now","successful":true}"#,
            ),
        ] {
            let came = parsed(came);
            let mut members = distinct(&came);
            members.retain(|(name, _)| name != "id");
            sort_as_java(&mut members, 6);
            assert_eq!(message(&members).raw(), sent);
        }
    }

    #[test]
    fn of_a_name_that_stands_twice_the_last_value_counts() {
        let twice = parsed(r#"{"clientId":"a","data":1,"channel":"/x","data":2,"clientId":"b"}"#);
        let members = distinct(&twice);
        let raw = r#"{"clientId":"b","data":2,"channel":"/x"}"#;
        assert_eq!(message(&members).raw(), raw);
        assert_eq!(message(&[]).raw(), "{}");
    }
}
