//! Writing a message.

use super::fields::Reader;
use super::json::push_string;
use super::{Json, Message};

/// Writes a message field by field, in the order of the calls.
///
/// ```
/// use bayeux::protocol::Message;
///
/// let message = Message::builder("/demo").id("7").json("data", &"1.0".parse()?).build();
/// assert_eq!(message.raw(), r#"{"channel":"/demo","id":"7","data":1.0}"#);
/// # Ok::<(), bayeux::protocol::JsonError>(())
/// ```
#[derive(Debug)]
pub struct MessageBuilder {
    raw: String,
    /// Reads each field as it is written: a message that was built is the one that would be
    /// parsed from its text.
    reader: Reader,
}

/// Enough for most requests and replies.
const CAPACITY: usize = 256;

impl MessageBuilder {
    pub(super) fn new(channel: &str) -> Self {
        Self::empty().string("channel", channel)
    }

    /// Starts a message without a channel, or whose channel does not come first.
    pub(crate) fn empty() -> Self {
        Self {
            raw: String::with_capacity(CAPACITY),
            reader: Reader::default(),
        }
    }

    /// Adds the id.
    pub fn id(self, id: &str) -> Self {
        self.string("id", id)
    }

    /// Adds the client id.
    pub fn client_id(self, client_id: &str) -> Self {
        self.string("clientId", client_id)
    }

    /// Adds `successful`, which makes the message a reply.
    pub fn successful(self, successful: bool) -> Self {
        let text = if successful { "true" } else { "false" };
        self.field("successful", |raw| raw.push_str(text))
    }

    /// Adds a string field.
    pub fn string(self, name: &str, value: &str) -> Self {
        self.field(name, |raw| push_string(raw, value))
    }

    /// Adds a field whose value is kept as it is written.
    pub fn json(self, name: &str, value: &Json) -> Self {
        self.field(name, |raw| raw.push_str(value.as_str()))
    }

    /// Adds a field if there is a value for it.
    pub fn json_if(self, name: &str, value: Option<&Json>) -> Self {
        match value {
            Some(value) => self.json(name, value),
            None => self,
        }
    }

    /// Adds a field whose value is valid JSON by the way it was made.
    pub(crate) fn raw(self, name: &str, json: &str) -> Self {
        self.field(name, |raw| raw.push_str(json))
    }

    /// Ends the message.
    pub fn build(mut self) -> Message {
        self.raw
            .push_str(if self.raw.is_empty() { "{}" } else { "}" });
        // A copy is as long as the text. To cut the rest off where it stands costs the allocator more.
        Message::new(self.raw.as_str().into(), self.reader)
    }

    fn field(mut self, name: &str, write: impl FnOnce(&mut String)) -> Self {
        self.raw.push(if self.raw.is_empty() { '{' } else { ',' });
        push_string(&mut self.raw, name);
        self.raw.push(':');
        let start = self.raw.len();
        write(&mut self.raw);
        self.reader.field(name, &self.raw[start..], start);
        self
    }
}
