//! The `ext` object of one message, put together from what several extensions add.

use crate::protocol::{Json, Message, MessageBuilder, member, members};

/// Members of an `ext` object, in the order in which they were added.
///
/// ```
/// use bayeux::session::extension::Members;
///
/// let mut ext = Members::default();
/// ext.object(&r#"{ "token": "x", "n": 1.0 }"#.parse()?);
/// ext.add("ack", "true");
/// ext.add("n", "2");
/// assert_eq!(ext.to_json().unwrap().as_str(), r#"{ "token": "x", "n": 1.0,"ack":true}"#);
/// assert!(Members::default().to_json().is_none());
/// # Ok::<(), bayeux::protocol::JsonError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Members {
    /// A whole JSON object; empty where nothing was added.
    text: String,
}

impl Members {
    /// Adds a member whose value is this JSON text, unless there is one of this name.
    ///
    /// What is no JSON is left out.
    pub fn add(&mut self, name: &str, value: &str) {
        let is_json = serde_json::from_str::<serde::de::IgnoredAny>(value).is_ok();
        if is_json && member(&self.text, name).is_none() {
            self.push(&format!("{}:{value}", Json::string(name)));
        }
    }

    /// Adds the members of an object as they are written, white space included, if nothing was
    /// added before; else those whose names are new. What is no object is left out.
    pub fn object(&mut self, object: &Json) {
        let text = object.as_str().trim();
        if self.text.is_empty() && text.starts_with('{') {
            text.clone_into(&mut self.text);
        } else {
            for (name, value) in members(text).into_iter().flatten() {
                self.add(&name, value);
            }
        }
    }

    /// The object, if anything was added.
    pub fn to_json(&self) -> Option<Json> {
        self.text.parse().ok()
    }

    /// Writes the object into a message, if anything was added.
    pub(in crate::session) fn write(&self, message: MessageBuilder) -> MessageBuilder {
        match self.text.as_str() {
            "" => message,
            text => message.raw("ext", text),
        }
    }

    fn push(&mut self, member: &str) {
        let open = self.text.strip_suffix('}').unwrap_or("{").trim_end();
        let comma = if open == "{" { "" } else { "," };
        self.text = format!("{open}{comma}{member}}}");
    }
}

/// The value of a member of a message's `ext`, as raw JSON.
pub(super) fn ext_member<'a>(message: &'a Message, name: &str) -> Option<&'a str> {
    member(message.ext()?, name)
}
