//! A request or response body: an array of messages, or a lone one.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::elements::{Elements, End, is_blank};
use super::json::reason;
use super::{Finding, FindingKind, Message};

/// The most elements that [`decode`] takes from one body. An element of two bytes is a message
/// of some hundred bytes once it is read, and as many again for what is made of it.
pub const MAX_ELEMENTS: usize = 250_000;

/// What [`decode`] read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Body {
    /// The messages in their order.
    pub messages: Vec<Message>,
    /// What was odd about the body; offsets count from its first byte.
    pub findings: Vec<Finding>,
}

/// A body of which nothing is read.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// Nothing, or only white space.
    #[error("empty body")]
    Empty,
    /// Neither an array nor an object begins where one must.
    #[error("not JSON: {reason} at byte {offset}")]
    NotJson {
        /// Where reading stopped.
        offset: usize,
        /// Why.
        reason: String,
    },
    /// The array has more elements than are read of one body.
    #[error("more than {limit} messages in one body")]
    TooMany {
        /// The limit, [`MAX_ELEMENTS`].
        limit: usize,
    },
}

/// Reads a body: an array of messages or a bare one (Bayeux 1.0, "Messages": receivers MUST
/// accept the array and MAY accept the object).
///
/// An element that cannot be read is skipped and becomes a finding; the others are kept.
///
/// ```
/// use bayeux::protocol::decode;
///
/// let body = decode(br#"[{"channel":"/a","data":Infinity},{"channel":"/b","data":1}]"#)?;
/// assert_eq!(body.messages.len(), 1);
/// assert_eq!(body.findings[0].offset, 24);
/// # Ok::<(), bayeux::protocol::DecodeError>(())
/// ```
///
/// # Errors
/// When the body is empty, begins as no JSON array or object does, or has more than
/// [`MAX_ELEMENTS`] elements.
pub fn decode(bytes: &[u8]) -> Result<Body, DecodeError> {
    let mut body = Body::default();
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(error) => {
            body.findings.push(Finding {
                offset: error.valid_up_to(),
                kind: FindingKind::NotUtf8,
            });
            String::from_utf8_lossy(bytes)
        }
    };
    let text = body.unwrap_comment(&text);
    let start = text
        .find(|it: char| !is_blank(it))
        .ok_or(DecodeError::Empty)?;
    let (blank, json) = text.split_at(start);
    let json = json.trim_end_matches(is_blank);
    match json.as_bytes().first() {
        Some(b'[') if has_too_many(json) => {
            let limit = MAX_ELEMENTS;
            return Err(DecodeError::TooMany { limit });
        }
        Some(b'[') if body.objects(json) => {}
        Some(b'[') => body.salvage(json, blank.len()),
        Some(b'{') => match Message::parse(json) {
            Ok(message) => body.messages.push(message),
            Err(error) => {
                let offset = blank.len() + offset_of(json, error.line, error.column);
                return Err(DecodeError::NotJson {
                    offset,
                    reason: error.reason,
                });
            }
        },
        _ => {
            let reason = "expected an array of messages".to_owned();
            return Err(DecodeError::NotJson {
                offset: start,
                reason,
            });
        }
    }
    Ok(body)
}

/// Writes messages as an array, which every server accepts (cometd-nodejs-server 1.2.1
/// answers HTTP 400 to a bare object).
pub fn encode<'a>(messages: impl IntoIterator<Item = &'a Message>) -> String {
    // Enough for most requests.
    let mut text = String::with_capacity(256);
    text.push('[');
    for message in messages {
        if text.len() > 1 {
            text.push(',');
        }
        text.push_str(message.raw());
    }
    text.push(']');
    text
}

impl Body {
    /// Takes the messages of an array, unless there is anything in it that is no object.
    fn objects(&mut self, array: &str) -> bool {
        let (mut rest, mut before) = (array, '[');
        while let Some(element) = rest.strip_prefix(before) {
            let element = element.trim_start_matches(is_blank);
            let Ok((message, length)) = Message::parse_first(element) else {
                break;
            };
            (rest, before) = (element[length..].trim_start_matches(is_blank), ',');
            if rest == "]" && self.messages.is_empty() {
                // Of its own accord a vector begins with room for four.
                self.messages.reserve_exact(1);
            }
            self.messages.push(message);
        }
        let is_whole = rest == "]";
        if !is_whole {
            self.messages.clear();
        }
        is_whole
    }

    /// Takes one element of the array.
    fn element(&mut self, raw: &str, offset: usize) {
        match Message::parse(raw) {
            Ok(message) => self.messages.push(message),
            Err(_) => self.findings.push(Finding {
                offset,
                kind: FindingKind::NotAnObject,
            }),
        }
    }

    /// Reads an array in which something is no object, or no JSON, element by element. Only here
    /// do we look at quotes and depths ourselves, since no parser goes on behind an error.
    fn salvage(&mut self, array: &str, base: usize) {
        let mut elements = Elements::of(array);
        while let Some((at, element)) = elements.next() {
            let trimmed = element.trim_matches(is_blank);
            let at = base + at + (element.len() - element.trim_start_matches(is_blank).len());
            match serde_json::from_str::<&RawValue>(trimmed) {
                Ok(value) => self.element(value.get(), at),
                Err(_) if elements.end == End::Missing && elements.at >= array.len() => {
                    self.findings.push(Finding {
                        offset: at,
                        kind: FindingKind::Truncated,
                    });
                }
                Err(error) => self.findings.push(Finding {
                    offset: at + offset_of(trimmed, error.line(), error.column()),
                    kind: FindingKind::NotJson {
                        reason: reason(&error),
                        excerpt: trimmed.chars().take(80).collect(),
                    },
                }),
            }
        }
        let is_told = |it: &Finding| it.kind == FindingKind::Truncated;
        if elements.end == End::Missing && !self.findings.iter().any(is_told) {
            // Behind a whole element, or before the first one.
            self.findings.push(Finding {
                offset: base + array.len(),
                kind: FindingKind::Truncated,
            });
        }
        if elements.end == End::At(elements.at) && elements.at < array.len() {
            let offset = base + elements.at;
            self.findings.push(Finding {
                offset,
                kind: FindingKind::TrailingText,
            });
        }
    }

    /// Servers that knew Dojo 1.1 wrap bodies in `/* ... */` (json-comment-filtered). The
    /// marks become blanks, so that offsets stay what they were.
    fn unwrap_comment<'a>(&mut self, text: &'a str) -> std::borrow::Cow<'a, str> {
        let trimmed = text.trim_matches(is_blank);
        let wrapped = trimmed
            .strip_prefix("/*")
            .and_then(|it| it.strip_suffix("*/"));
        let Some(inner) = wrapped else {
            return text.into();
        };
        let offset = inner.as_ptr() as usize - text.as_ptr() as usize;
        self.findings.push(Finding {
            offset: offset - 2,
            kind: FindingKind::CommentFiltered,
        });
        format!("{}{inner}", " ".repeat(offset)).into()
    }
}

/// Asked before anything is read: what is refused is to cost no memory.
fn has_too_many(array: &str) -> bool {
    // Each element but the last has a comma behind it, and few long bodies have as many.
    array.len() > MAX_ELEMENTS
        && array.bytes().filter(|it| *it == b',').count() >= MAX_ELEMENTS
        && Elements::of(array).nth(MAX_ELEMENTS).is_some()
}

/// Where serde_json's line and column point to; its columns count bytes from 1.
fn offset_of(text: &str, line: usize, column: usize) -> usize {
    let line_start = match line.checked_sub(2) {
        Some(nth) => text
            .match_indices('\n')
            .nth(nth)
            .map_or(0, |(at, _)| at + 1),
        None => 0,
    };
    (line_start + column.saturating_sub(1)).min(text.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn channels(body: &Body) -> Vec<&str> {
        body.messages.iter().map(Message::channel).collect()
    }

    #[test]
    fn arrays_and_bare_objects_are_read() {
        let one = decode(br#" {"channel":"/a"} "#).unwrap();
        assert_eq!(channels(&one), ["/a"]);
        let two =
            decode("\u{feff}\r\n[{\"channel\":\"/a\"} , {\"channel\":\"/b\"}]".as_bytes()).unwrap();
        assert_eq!(channels(&two), ["/a", "/b"]);
        assert_eq!(decode(b"[]").unwrap(), Body::default());
    }

    #[test]
    fn an_invalid_token_loses_only_its_own_message() {
        let raw =
            r#"[{"channel":"/a"},{"channel":"/b","data":Infinity},{"channel":"/c","data":"],["}]"#;
        let body = decode(raw.as_bytes()).unwrap();
        assert_eq!(channels(&body), ["/a", "/c"]);
        let [finding] = body.findings.as_slice() else {
            panic!("{:?}", body.findings)
        };
        assert_eq!(&raw[finding.offset..finding.offset + 8], "Infinity");
    }

    #[test]
    fn a_lone_surrogate_is_kept_as_it_was_sent() {
        let raw = r#"[{"channel":"/a","data":"\ud800"}]"#;
        let body = decode(raw.as_bytes()).unwrap();
        assert_eq!(body.messages[0].data(), Some(r#""\ud800""#));
        assert!(body.findings.is_empty());
    }

    #[test]
    fn a_cut_array_keeps_what_is_whole() {
        let raw = r#"[{"channel":"/a"},{"channel":"/b"},{"chan"#;
        let body = decode(raw.as_bytes()).unwrap();
        assert_eq!(channels(&body), ["/a", "/b"]);
        assert_eq!(
            body.findings,
            [Finding {
                offset: 35,
                kind: FindingKind::Truncated
            }]
        );
    }

    #[test]
    fn an_array_without_its_bracket_is_cut_off_even_behind_a_whole_message() {
        for raw in ["[", "[ ", r#"[{"channel":"/a"}"#, r#"[{"channel":"/a"},"#] {
            let body = decode(raw.as_bytes()).unwrap();
            let end = Finding {
                offset: raw.trim_end().len(),
                kind: FindingKind::Truncated,
            };
            assert_eq!(body.findings, [end], "{raw}");
        }
    }

    #[test]
    fn every_prefix_of_an_array_keeps_its_whole_messages() {
        let raw = r#"[{"channel":"/a","data":"é],\"{"},{"channel":"/b","data":[1,{"x":"\\"}]}]"#;
        let first_end = raw.find("},").unwrap() + 1;
        for end in 1..raw.len() {
            let body = decode(&raw.as_bytes()[..end]).unwrap();
            let expected = usize::from(end >= first_end) + usize::from(end >= raw.len() - 1);
            assert_eq!(
                body.messages.len(),
                expected,
                "{}",
                &String::from_utf8_lossy(&raw.as_bytes()[..end])
            );
        }
    }

    #[test]
    fn elements_that_are_no_objects_are_skipped() {
        let body = decode(br#"[1,{"channel":"/a"},"x",null]"#).unwrap();
        assert_eq!(channels(&body), ["/a"]);
        let offsets: Vec<usize> = body.findings.iter().map(|it| it.offset).collect();
        assert_eq!(offsets, [1, 20, 24]);
    }

    #[test]
    fn a_commented_body_is_read_and_noted() {
        let body = decode(br#"/*[{"channel":"/a"}]*/"#).unwrap();
        assert_eq!(channels(&body), ["/a"]);
        assert_eq!(
            body.findings,
            [Finding {
                offset: 0,
                kind: FindingKind::CommentFiltered
            }]
        );
    }

    #[test]
    fn bytes_that_are_not_utf8_are_replaced_and_noted() {
        let body = decode(b"[{\"channel\":\"/a\",\"data\":\"\xff\"}]").unwrap();
        assert_eq!(body.messages[0].data(), Some("\"\u{fffd}\""));
        assert_eq!(
            body.findings,
            [Finding {
                offset: 25,
                kind: FindingKind::NotUtf8
            }]
        );
    }

    #[test]
    fn text_behind_the_array_is_noted() {
        let body = decode(br#"[{"channel":"/a"}] <html>"#).unwrap();
        assert_eq!(channels(&body), ["/a"]);
        assert_eq!(
            body.findings,
            [Finding {
                offset: 18,
                kind: FindingKind::TrailingText
            }]
        );
    }

    #[test]
    fn what_is_no_body_says_why() {
        assert_eq!(decode(b""), Err(DecodeError::Empty));
        assert_eq!(decode(b" \r\n"), Err(DecodeError::Empty));
        assert!(matches!(
            decode(b"<html>"),
            Err(DecodeError::NotJson { offset: 0, .. })
        ));
        assert!(matches!(
            decode(b" {\"a\":"),
            Err(DecodeError::NotJson { .. })
        ));
    }

    #[test]
    fn an_array_of_more_elements_than_are_read_is_refused_as_a_whole() {
        for element in ["{}", "1", "x", ""] {
            let array = |n: usize| format!("[{}1]", format!("{element},").repeat(n - 1));
            let body = decode(array(MAX_ELEMENTS).as_bytes()).unwrap();
            let n_elements = body.messages.len() + body.findings.len();
            assert_eq!(n_elements, MAX_ELEMENTS, "{element}");
            let limit = MAX_ELEMENTS;
            let too_many = Err(DecodeError::TooMany { limit });
            assert_eq!(decode(array(limit + 1).as_bytes()), too_many, "{element}");
        }
    }

    #[test]
    fn only_elements_of_the_outermost_array_are_counted() {
        let data = format!("[{}1]", "1,".repeat(MAX_ELEMENTS));
        let body = decode(format!(r#"[{{"channel":"/a","data":{data}}},1]"#).as_bytes()).unwrap();
        assert_eq!(channels(&body), ["/a"]);
    }

    #[test]
    fn deep_nesting_is_no_stack_overflow() {
        let deep = format!(
            "[{{\"channel\":\"/a\",\"data\":{}}}]",
            "[".repeat(100_000) + &"]".repeat(100_000)
        );
        assert_eq!(decode(deep.as_bytes()).unwrap().messages.len(), 1);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode(&bytes);
        }

        #[test]
        fn any_brackets_are_read_or_refused_without_panic(text in "\\[[\\[\\]{},:\"\\\\a1é /*]{0,60}") {
            let _ = decode(text.as_bytes());
        }

        #[test]
        fn what_is_encoded_is_decoded(names in proptest::collection::vec("/[a-z\"\\\\é]{1,8}", 0..5)) {
            let messages: Vec<Message> = names.iter().map(|it| Message::builder(it).build()).collect();
            prop_assert_eq!(decode(encode(&messages).as_bytes()).unwrap().messages, messages);
        }
    }
}
