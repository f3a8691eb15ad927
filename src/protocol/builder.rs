//! Writing a message.

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
}

impl MessageBuilder {
    pub(super) fn new(channel: &str) -> Self {
        Self {
            raw: format!("{{\"channel\":{}", Json::string(channel)),
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
        self.raw("successful", if successful { "true" } else { "false" })
    }

    /// Adds a string field.
    pub fn string(self, name: &str, value: &str) -> Self {
        self.raw(name, Json::string(value).as_str())
    }

    /// Adds a field whose value is kept as it is written.
    pub fn json(self, name: &str, value: &Json) -> Self {
        self.raw(name, value.as_str())
    }

    /// Adds a field if there is a value for it.
    pub fn json_if(self, name: &str, value: Option<&Json>) -> Self {
        match value {
            Some(value) => self.json(name, value),
            None => self,
        }
    }

    /// Ends the message.
    pub fn build(mut self) -> Message {
        self.raw.push('}');
        Message::parse(&self.raw).expect("every method of the builder writes valid JSON")
    }

    fn raw(mut self, name: &str, json: &str) -> Self {
        self.raw.push(',');
        self.raw.push_str(Json::string(name).as_str());
        self.raw.push(':');
        self.raw.push_str(json);
        self
    }
}
