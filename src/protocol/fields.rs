//! Reading the protocol's fields out of one JSON object.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::{Finding, FindingKind, JsonError};

/// The fields that the protocol reads, as places in the raw text.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Fields {
    pub(super) channel: Option<Text>,
    pub(super) id: Option<Text>,
    pub(super) client_id: Option<Text>,
    pub(super) successful: Option<bool>,
    pub(super) error: Option<Text>,
    pub(super) subscription: Option<Span>,
    pub(super) data: Option<Span>,
    pub(super) ext: Option<Span>,
    pub(super) advice: Option<Span>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Span {
    pub(super) start: usize,
    pub(super) end: usize,
}

/// A string field: where it stands without its quotes, or its content if it has escapes.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Text {
    Plain(Span),
    Unescaped(Box<str>),
}

/// Fills [`Fields`] from one object, field by field.
#[derive(Debug, Default)]
pub(super) struct Reader {
    fields: Fields,
    findings: Vec<Finding>,
}

impl Reader {
    /// Reads a whole object.
    pub(super) fn read(raw: &str) -> Result<Self, JsonError> {
        let mut reader = Self::default();
        let object = Object {
            base: raw.as_ptr() as usize,
            reader: &mut reader,
        };
        let mut json = serde_json::Deserializer::from_str(raw);
        let read = json.deserialize_map(object).and_then(|()| json.end());
        read.map_err(JsonError::new)?;
        Ok(reader)
    }

    /// What was read.
    pub(super) fn finish(mut self) -> (Fields, Vec<Finding>) {
        if self.fields.channel.is_none() {
            self.note(0, FindingKind::MissingChannel);
        }
        (self.fields, self.findings)
    }

    /// Reads a field whose value starts at this offset of the object.
    pub(super) fn field(&mut self, name: &str, raw: &str, start: usize) {
        let span = Span {
            start,
            end: start + raw.len(),
        };
        let fields = &mut self.fields;
        let (field, put) = match name {
            "channel" => ("channel", put(&mut fields.channel, string(raw, span))),
            "id" => (
                "id",
                put(&mut fields.id, string(raw, span).or(number(raw, span))),
            ),
            "clientId" => ("clientId", put(&mut fields.client_id, string(raw, span))),
            "successful" => ("successful", put(&mut fields.successful, boolean(raw))),
            "error" => ("error", put(&mut fields.error, string(raw, span))),
            "subscription" => (
                "subscription",
                put(&mut fields.subscription, strings(raw, span)),
            ),
            "data" => ("data", put(&mut fields.data, Some(span))),
            "ext" => ("ext", put(&mut fields.ext, object(raw, span))),
            "advice" => ("advice", put(&mut fields.advice, object(raw, span))),
            _ => return,
        };
        match put {
            Put::Again => self.note(start, FindingKind::Duplicate { field }),
            // `successful: "true"` was seen from servers: it is read, and still noted.
            Put::Filled if field == "successful" && raw.starts_with('"') => {
                self.note(start, FindingKind::WrongType { field });
            }
            // Servers write null for "none"; nothing is odd about that.
            Put::Unreadable if raw != "null" => self.note(start, FindingKind::WrongType { field }),
            Put::Filled | Put::Unreadable => {}
        }
    }

    /// Notes what is odd once: a field may stand there a million times.
    fn note(&mut self, offset: usize, kind: FindingKind) {
        if self.findings.iter().any(|it| it.kind == kind) {
            return;
        }
        if self.findings.is_empty() {
            // Mostly there is just one, and of a vector's own accord there is room for four.
            self.findings.reserve_exact(1);
        }
        self.findings.push(Finding { offset, kind });
    }
}

/// An object whose text begins at an address.
struct Object<'r> {
    base: usize,
    reader: &'r mut Reader,
}

impl<'de> Visitor<'de> for Object<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<(), M::Error> {
        while let Some(key) = map.next_key::<Key<'de>>()? {
            let raw = map.next_value::<&'de RawValue>()?.get();
            let start = raw.as_ptr() as usize - self.base;
            self.reader.field(&key.0, raw, start);
        }
        Ok(())
    }
}

/// A key of an object; borrowed unless it has escapes.
pub(super) struct Key<'de>(pub(super) Cow<'de, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;
        impl<'de> Visitor<'de> for KeyVisitor {
            type Value = Key<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_borrowed_str<E>(self, key: &'de str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Borrowed(key)))
            }

            fn visit_str<E>(self, key: &str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Owned(key.to_owned())))
            }
        }
        deserializer.deserialize_str(KeyVisitor)
    }
}

enum Put {
    Filled,
    Again,
    Unreadable,
}

fn put<T>(slot: &mut Option<T>, value: Option<T>) -> Put {
    let was_filled = slot.is_some();
    let is_readable = value.is_some();
    *slot = value;
    match (was_filled, is_readable) {
        (true, _) => Put::Again,
        (false, true) => Put::Filled,
        (false, false) => Put::Unreadable,
    }
}

fn string(raw: &str, span: Span) -> Option<Text> {
    let inner = raw.strip_prefix('"')?.strip_suffix('"')?;
    if !inner.contains('\\') {
        return Some(Text::Plain(Span {
            start: span.start + 1,
            end: span.end - 1,
        }));
    }
    match serde_json::from_str::<String>(raw) {
        Ok(text) => Some(Text::Unescaped(text.into())),
        // A lone surrogate has no str; the escapes then stand for themselves.
        Err(_) => Some(Text::Plain(Span {
            start: span.start + 1,
            end: span.end - 1,
        })),
    }
}

fn number(raw: &str, span: Span) -> Option<Text> {
    raw.starts_with(|it: char| it == '-' || it.is_ascii_digit())
        .then_some(Text::Plain(span))
}

fn boolean(raw: &str) -> Option<bool> {
    match raw {
        "true" | "\"true\"" => Some(true),
        "false" | "\"false\"" => Some(false),
        _ => None,
    }
}

fn strings(raw: &str, span: Span) -> Option<Span> {
    raw.starts_with(['"', '[']).then_some(span)
}

fn object(raw: &str, span: Span) -> Option<Span> {
    raw.starts_with('{').then_some(span)
}
