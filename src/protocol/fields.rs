//! Reading the protocol's fields out of one JSON object.

use std::borrow::Cow;
use std::fmt;
use std::num::NonZeroU32;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::de::StrRead;
use serde_json::value::RawValue;

use super::{Finding, FindingKind, JsonError};

/// The fields that the protocol reads, as places in the raw text; those of strings are without
/// their quotes. Small, since a frame may have thousands of messages.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Fields {
    pub(super) channel: Option<Span>,
    pub(super) id: Option<Span>,
    pub(super) client_id: Option<Span>,
    pub(super) error: Option<Span>,
    pub(super) subscription: Option<Span>,
    pub(super) data: Option<Span>,
    pub(super) ext: Option<Span>,
    pub(super) advice: Option<Span>,
    pub(super) successful: Option<bool>,
    /// Whether the channel is one of the protocol's own: asked so often that the text, which is in
    /// memory of its own, is not looked at each time.
    pub(super) is_meta: bool,
    /// Rare, so that it costs one word while there is none.
    odd: Option<Box<Odd>>,
}

/// A place in the raw text, within the braces.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Span {
    start: NonZeroU32,
    end: u32,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Odd {
    findings: Vec<Finding>,
    /// What strings with escapes say.
    unescaped: Vec<(Span, Box<str>)>,
}

/// Fills [`Fields`] from one object, field by field.
#[derive(Debug, Default)]
pub(super) struct Reader {
    fields: Fields,
}

impl Fields {
    /// What a string says that stands here in the raw text.
    pub(super) fn text<'a>(&'a self, span: Span, raw: &'a str) -> &'a str {
        let mut unescaped = self.odd.iter().flat_map(|it| &it.unescaped);
        match unescaped.find(|it| it.0 == span) {
            Some((_, text)) => text,
            None => span.of(raw),
        }
    }

    pub(super) fn findings(&self) -> &[Finding] {
        self.odd.as_ref().map_or(&[], |it| &it.findings)
    }

    /// Notes what is odd once: a field may stand there a million times.
    fn note(&mut self, offset: usize, kind: FindingKind) {
        let findings = &mut self.odd.get_or_insert_default().findings;
        if findings.iter().any(|it| it.kind == kind) {
            return;
        }
        if findings.is_empty() {
            // Mostly there is just one, and of a vector's own accord there is room for four.
            findings.reserve_exact(1);
        }
        findings.push(Finding { offset, kind });
    }
}

impl Span {
    /// Nothing beyond 4 GiB.
    fn new(start: usize, length: usize) -> Option<Self> {
        let end = start.checked_add(length)?;
        Some(Self {
            start: NonZeroU32::new(start.try_into().ok()?)?,
            end: end.try_into().ok()?,
        })
    }

    /// The text that stands here.
    pub(super) fn of(self, raw: &str) -> &str {
        &raw[self.start.get() as usize..self.end as usize]
    }
}

impl Reader {
    /// Reads a whole object.
    pub(super) fn read(raw: &str) -> Result<Self, JsonError> {
        let mut json = serde_json::Deserializer::from_str(raw);
        let reader = Self::of(&mut json, raw);
        let read = reader.and_then(|reader| json.end().map(|()| reader));
        read.map_err(JsonError::new)
    }

    /// Reads the object that a text begins with, and says how long it is.
    pub(super) fn read_first(text: &str) -> Result<(Self, usize), JsonError> {
        let mut json = serde_json::Deserializer::from_str(text);
        let reader = Self::of(&mut json, text).map_err(JsonError::new)?;
        Ok((reader, json.into_iter::<IgnoredAny>().byte_offset()))
    }

    fn of<'de>(
        json: &mut serde_json::Deserializer<StrRead<'de>>,
        raw: &'de str,
    ) -> Result<Self, serde_json::Error> {
        let mut reader = Self::default();
        let object = Object {
            base: raw.as_ptr() as usize,
            reader: &mut reader,
        };
        json.deserialize_map(object)?;
        Ok(reader)
    }

    /// What was read of this text.
    pub(super) fn finish(mut self, raw: &str) -> Fields {
        let fields = &mut self.fields;
        if fields.channel.is_none() {
            fields.note(0, FindingKind::MissingChannel);
        }
        let strings = [fields.channel, fields.id, fields.client_id, fields.error];
        for span in strings.into_iter().flatten() {
            let text = span.of(raw);
            // A lone surrogate has no str; the escapes then stand for themselves.
            if text.as_bytes().contains(&b'\\')
                && let Ok(unescaped) = serde_json::from_str::<String>(&format!("\"{text}\""))
            {
                let odd = fields.odd.get_or_insert_default();
                odd.unescaped.push((span, unescaped.into()));
            }
        }
        let is_meta = |it| fields.text(it, raw).starts_with("/meta/");
        fields.is_meta = fields.channel.is_some_and(is_meta);
        self.fields
    }

    /// Reads a field whose value starts at this offset of the object.
    pub(super) fn field(&mut self, name: &str, raw: &str, start: usize) {
        let fields = &mut self.fields;
        let span = Span::new(start, raw.len());
        let begins = |with: &[char]| span.filter(|_| raw.starts_with(with));
        let (field, put) = match name {
            "channel" => ("channel", put(&mut fields.channel, string(raw, start))),
            "id" => (
                "id",
                put(
                    &mut fields.id,
                    string(raw, start).or_else(|| number(raw, span)),
                ),
            ),
            "clientId" => ("clientId", put(&mut fields.client_id, string(raw, start))),
            "successful" => ("successful", put(&mut fields.successful, boolean(raw))),
            "error" => ("error", put(&mut fields.error, string(raw, start))),
            "subscription" => (
                "subscription",
                put(&mut fields.subscription, begins(&['"', '['])),
            ),
            "data" => ("data", put(&mut fields.data, span)),
            "ext" => ("ext", put(&mut fields.ext, begins(&['{']))),
            "advice" => ("advice", put(&mut fields.advice, begins(&['{']))),
            _ => return,
        };
        match put {
            Put::Again => fields.note(start, FindingKind::Duplicate { field }),
            // `successful: "true"` was seen from servers: it is read, and still noted.
            Put::Filled if field == "successful" && raw.starts_with('"') => {
                fields.note(start, FindingKind::WrongType { field });
            }
            // Servers write null for "none"; nothing is odd about that.
            Put::Unreadable if raw != "null" => {
                fields.note(start, FindingKind::WrongType { field });
            }
            Put::Filled | Put::Unreadable => {}
        }
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

fn string(raw: &str, start: usize) -> Option<Span> {
    let inner = raw.strip_prefix('"')?.strip_suffix('"')?;
    Span::new(start + 1, inner.len())
}

fn number(raw: &str, span: Option<Span>) -> Option<Span> {
    span.filter(|_| raw.starts_with(|it: char| it == '-' || it.is_ascii_digit()))
}

fn boolean(raw: &str) -> Option<bool> {
    match raw {
        "true" | "\"true\"" => Some(true),
        "false" | "\"false\"" => Some(false),
        _ => None,
    }
}
