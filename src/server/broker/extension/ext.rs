//! The field `ext` of messages: what stands in it, and what is added.

use crate::protocol::{Message, MessageBuilder, member, members};

/// Members of an `ext` object: names that need no escaping, and JSON values.
#[derive(Debug, Default)]
pub(super) struct Members(Vec<(&'static str, String)>);

impl Members {
    pub(super) fn add(&mut self, name: &'static str, value: String) {
        self.0.push((name, value));
    }
}

/// A message with these members in its `ext`, if there are any. It comes first, where CometD's
/// hash table has it; what was published with an `ext` keeps that beside.
pub(super) fn with_ext(message: Message, ext: &Members) -> Message {
    if ext.0.is_empty() {
        return message;
    }
    let Some(fields) = members(message.raw()) else {
        return message;
    };
    let is_new = |name: &str| ext.0.iter().all(|(new, _)| *new != name);
    let before = message.ext().and_then(members).unwrap_or_default();
    let mut with = MessageBuilder::empty();
    for (name, value) in before.iter().filter(|(name, _)| is_new(name)) {
        with = with.raw(name, value);
    }
    for (name, value) in &ext.0 {
        with = with.raw(name, value);
    }
    let whole = MessageBuilder::empty().raw("ext", with.build().raw());
    let fields = fields.iter().filter(|(name, _)| name != "ext");
    fields
        .fold(whole, |whole, (name, value)| whole.raw(name, value))
        .build()
}

/// The value of a member of a message's `ext`, as raw JSON.
pub(super) fn ext_member<'a>(message: &'a Message, name: &str) -> Option<&'a str> {
    member(message.ext()?, name)
}

/// A JSON number that is an integer.
pub(super) fn integer(json: &str) -> Option<i64> {
    json.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_come_first_and_stand_beside_those_that_were_published() {
        let message = Message::builder("/a").id("1").build();
        let mut ext = Members::default();
        assert_eq!(
            with_ext(message.clone(), &ext).raw(),
            r#"{"channel":"/a","id":"1"}"#
        );
        ext.add("ack", "7".to_owned());
        ext.add("replay", "true".to_owned());
        let extended = with_ext(message, &ext);
        assert_eq!(
            extended.raw(),
            r#"{"ext":{"ack":7,"replay":true},"channel":"/a","id":"1"}"#
        );
        assert_eq!(extended.ext(), Some(r#"{"ack":7,"replay":true}"#));
        let published = Message::parse(r#"{"channel":"/a","ext":{"k":1.0,"ack":2}}"#).unwrap();
        assert_eq!(
            with_ext(published, &ext).raw(),
            r#"{"ext":{"k":1.0,"ack":7,"replay":true},"channel":"/a"}"#
        );
    }
}
