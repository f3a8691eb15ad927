//! One Bayeux message: its raw text and the fields that the protocol reads from it.

use std::borrow::Cow;
use std::fmt;

use super::fields::{Fields, Reader, Span};
use super::{ErrorString, Finding, JsonError, MessageBuilder, member, meta};

/// A message, either received or built.
///
/// Every field has the type that the protocol gives it; one of another type is left out
/// and noted in [`findings`](Self::findings). `data`, `ext` and `advice` stay raw JSON.
///
/// ```
/// use bayeux::protocol::Message;
///
/// let message = Message::parse(r#"{"channel":"/demo","data":{"n":1.00},"x":[1]}"#)?;
/// assert_eq!(message.channel(), "/demo");
/// assert_eq!(message.data(), Some(r#"{"n":1.00}"#));
/// assert_eq!(message.get("x"), Some("[1]"));
/// # Ok::<(), bayeux::protocol::JsonError>(())
/// ```
#[derive(Clone, PartialEq)]
pub struct Message {
    raw: Box<str>,
    fields: Fields,
}

/// What a message is, told by its fields and never by its id or position: Faye repeats the
/// publisher's id on the delivered message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// An answer to a request: it says whether it was successful.
    Reply,
    /// A message that somebody published.
    Delivery,
    /// Anything else on a meta channel: a request, or a server that disconnects a client.
    Meta,
}

impl Message {
    /// Reads one JSON object.
    ///
    /// # Errors
    /// When the text is not a JSON object. Anything odd inside the object is a finding.
    pub fn parse(raw: &str) -> Result<Self, JsonError> {
        let reader = Reader::read(raw)?;
        Ok(Self::new(raw.into(), reader))
    }

    /// Reads the JSON object that a text begins with, and says how long it is.
    ///
    /// # Errors
    /// When the text does not begin with one.
    pub(super) fn parse_first(text: &str) -> Result<(Self, usize), JsonError> {
        let (reader, length) = Reader::read_first(text)?;
        Ok((Self::new(text[..length].into(), reader), length))
    }

    /// A message from its text and whoever read that.
    pub(super) fn new(raw: Box<str>, reader: Reader) -> Self {
        let fields = reader.finish(&raw);
        Self { raw, fields }
    }

    /// Starts a message on a channel.
    pub fn builder(channel: &str) -> MessageBuilder {
        MessageBuilder::new(channel)
    }

    /// The text as it was received or will be sent.
    pub fn raw(&self) -> &str {
        &self.raw
    }

    /// What the message is.
    pub fn kind(&self) -> Kind {
        if self.fields.successful.is_some() {
            Kind::Reply
        } else if self.fields.is_meta {
            Kind::Meta
        } else {
            // Not "has data": CometD and cometd-nodejs deliver a publish without data as
            // a message without data.
            Kind::Delivery
        }
    }

    /// The channel, or nothing if the message has none.
    pub fn channel(&self) -> &str {
        self.text(self.fields.channel).unwrap_or("")
    }

    /// The id; a number counts as its digits.
    pub fn id(&self) -> Option<&str> {
        self.text(self.fields.id)
    }

    /// The client id.
    pub fn client_id(&self) -> Option<&str> {
        self.text(self.fields.client_id)
    }

    /// Whether the request was successful; `Some` makes the message a reply.
    pub fn successful(&self) -> Option<bool> {
        self.fields.successful
    }

    /// The error, in its parts.
    pub fn error(&self) -> Option<ErrorString<'_>> {
        self.text(self.fields.error).map(ErrorString::parse)
    }

    /// The channels of a subscribe or unsubscribe: one string or an array of them.
    pub fn subscriptions(&self) -> Vec<Cow<'_, str>> {
        let Some(raw) = self.subscription() else {
            return Vec::new();
        };
        match serde_json::from_str::<Vec<Cow<'_, str>>>(raw) {
            Ok(several) => several,
            Err(_) => serde_json::from_str(raw)
                .into_iter()
                .map(Cow::Owned)
                .collect(),
        }
    }

    /// What a subscribe or unsubscribe names, as raw JSON.
    pub fn subscription(&self) -> Option<&str> {
        self.span(self.fields.subscription)
    }

    /// The payload as raw JSON.
    pub fn data(&self) -> Option<&str> {
        self.span(self.fields.data)
    }

    /// The extensions as raw JSON.
    pub fn ext(&self) -> Option<&str> {
        self.span(self.fields.ext)
    }

    /// The advice as raw JSON; see [`Advice::parse`](super::Advice::parse).
    pub fn advice(&self) -> Option<&str> {
        self.span(self.fields.advice)
    }

    /// Any field as raw JSON; the last one where it stands twice.
    pub fn get(&self, name: &str) -> Option<&str> {
        member(&self.raw, name)
    }

    /// Whether this is a reply on this meta channel.
    pub fn is_reply_on(&self, channel: &str) -> bool {
        self.kind() == Kind::Reply && self.channel() == channel
    }

    /// Whether a server ends this session of its own accord: CometD sends `/meta/disconnect`
    /// without an id, and calls that successful (9.0.0).
    pub fn is_server_disconnect(&self) -> bool {
        self.channel() == meta::DISCONNECT
            && self.id().is_none()
            && self.successful() != Some(false)
    }

    /// What is odd about the message.
    pub fn findings(&self) -> &[Finding] {
        self.fields.findings()
    }

    fn span(&self, span: Option<Span>) -> Option<&str> {
        span.map(|it| it.of(&self.raw))
    }

    fn text(&self, span: Option<Span>) -> Option<&str> {
        span.map(|it| self.fields.text(it, &self.raw))
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.raw)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::protocol::{FindingKind, Json};

    #[test]
    fn nothing_is_lost_or_respelt() {
        let raw =
            r#"{ "data":{"n":1.50,"n":9007199254740993,"k":1e400}, "channel":"/a", "x":null }"#;
        let message = Message::parse(raw).unwrap();
        assert_eq!(message.raw(), raw);
        assert_eq!(
            message.data(),
            Some(r#"{"n":1.50,"n":9007199254740993,"k":1e400}"#)
        );
        assert_eq!(message.get("x"), Some("null"));
        assert_eq!(message.get("y"), None);
        assert!(message.findings().is_empty());
    }

    #[test]
    fn ids_may_be_numbers_and_successful_a_string() {
        let raw = r#"{"channel":"/meta/connect","id":12,"successful":"true"}"#;
        let message = Message::parse(raw).unwrap();
        assert_eq!(message.id(), Some("12"));
        assert_eq!(message.successful(), Some(true));
        assert_eq!(message.findings().len(), 1);
    }

    #[test]
    fn fields_of_wrong_types_are_findings_not_errors() {
        let raw = r#"{"channel":7,"id":{},"clientId":[],"successful":3,"error":false,"advice":"x","ext":1}"#;
        let message = Message::parse(raw).unwrap();
        assert_eq!(
            (message.channel(), message.id(), message.successful()),
            ("", None, None)
        );
        assert_eq!(message.findings().len(), 8, "{:?}", message.findings());
    }

    #[test]
    fn null_is_the_same_as_absent_and_is_no_finding() {
        let raw = r#"{"channel":"/a","id":null,"advice":null,"clientId":null,"data":null}"#;
        let message = Message::parse(raw).unwrap();
        assert_eq!(
            (message.id(), message.advice(), message.data()),
            (None, None, Some("null"))
        );
        assert!(message.findings().is_empty());
    }

    #[test]
    fn the_last_of_two_keys_counts_and_the_second_is_noted() {
        let message = Message::parse(r#"{"channel":"/a","channel":"/b"}"#).unwrap();
        assert_eq!(message.channel(), "/b");
        assert_eq!(
            message.findings()[0].kind,
            FindingKind::Duplicate { field: "channel" }
        );
        assert_eq!(message.findings()[0].offset, 26);
    }

    #[test]
    fn what_is_odd_again_and_again_is_noted_once() {
        let raw = format!(
            r#"{{"channel":"/a",{}"id":{{}}}}"#,
            r#""id":1,"id":{},"#.repeat(1000)
        );
        let message = Message::parse(&raw).unwrap();
        let kinds: Vec<_> = message.findings().iter().map(|it| &it.kind).collect();
        let (wrong, twice) = (
            FindingKind::WrongType { field: "id" },
            FindingKind::Duplicate { field: "id" },
        );
        assert_eq!(kinds, [&twice, &wrong]);
    }

    #[test]
    fn escapes_in_keys_and_values_are_understood() {
        let message = Message::parse(r#"{"ch\u0061nnel":"\/d\u0065mo","error":"\ud800"}"#).unwrap();
        assert_eq!(message.channel(), "/demo");
        assert_eq!(message.error().unwrap().text, r"\ud800");
    }

    #[test]
    fn subscriptions_are_a_string_or_an_array() {
        let one = Message::parse(r#"{"channel":"/meta/subscribe","subscription":"/a"}"#).unwrap();
        assert_eq!(one.subscriptions(), ["/a"]);
        let two = Message::parse(r#"{"channel":"/x","subscription":["/a","\/b"]}"#).unwrap();
        assert_eq!(two.subscriptions(), ["/a", "/b"]);
        let odd = Message::parse(r#"{"channel":"/x","subscription":[1]}"#).unwrap();
        assert!(odd.subscriptions().is_empty());
    }

    #[test]
    fn a_delivery_needs_no_data_and_may_carry_an_id() {
        let kind = |raw| Message::parse(raw).unwrap().kind();
        assert_eq!(kind(r#"{"channel":"/a","id":"7"}"#), Kind::Delivery);
        assert_eq!(
            kind(r#"{"channel":"/a","id":"7","successful":false}"#),
            Kind::Reply
        );
        assert_eq!(kind(r#"{"channel":"/meta/disconnect"}"#), Kind::Meta);
    }

    /// A frame may have thousands of them.
    #[test]
    fn a_message_is_small_beside_its_text() {
        assert!(size_of::<Message>() <= 96, "{}", size_of::<Message>());
    }

    #[test]
    fn every_prefix_of_a_message_is_an_error_not_a_panic() {
        let raw = r#"{"channel":"/a","id":"1","data":{"t":"é\n"},"successful":true}"#;
        for end in (0..raw.len()).filter(|&end| raw.is_char_boundary(end)) {
            assert!(Message::parse(&raw[..end]).is_err(), "{}", &raw[..end]);
        }
    }

    proptest! {
        #[test]
        fn what_is_built_is_read_back(channel in "/[ -~é\n\"\\\\]{0,20}", id in "\\PC*", text in "\\PC*") {
            let data = Json::string(&text);
            let built = Message::builder(&channel).id(&id).json("data", &data).build();
            let read = Message::parse(built.raw()).unwrap();
            prop_assert_eq!(read.channel(), &channel);
            prop_assert_eq!(read.id(), Some(id.as_str()));
            prop_assert_eq!(read.data(), Some(data.as_str()));
            prop_assert_eq!(read, built);
        }

        #[test]
        fn any_text_is_read_or_refused_without_panic(text in "\\PC*") {
            let _ = Message::parse(&text);
        }
    }
}
