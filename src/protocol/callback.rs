//! What callback-polling (JSONP) makes of bodies: messages in the query of a URL, and a
//! response that is a script with one call (Bayeux 1.0, "The callback-polling transport").
//!
//! ```text
//! request    GET /cometd?jsonp=jsonpcallback&message=%5B%7B%22channel%22...
//! response   /**/jsonpcallback([{"channel":...}]);
//! ```

use std::fmt;
use std::str::FromStr;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::{Body, DecodeError, Finding, FindingKind, Message, decode, encode};

/// The name of the function that a response calls: what CometD allows, which leaves no room
/// for a script of somebody else's.
///
/// ```
/// use bayeux::protocol::Callback;
///
/// let callback: Callback = "jsonp1.done".parse()?;
/// assert_eq!(callback.call("[]"), "/**/jsonp1.done([]);");
/// assert!("alert(1)".parse::<Callback>().is_err());
/// # Ok::<(), bayeux::protocol::InvalidCallback>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Callback(Box<str>);

/// A text that is no name of a callback.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a callback is named with 1 to 64 letters, digits, `.`, `_` or `-`")]
pub struct InvalidCallback;

/// All but the unreserved characters (RFC 3986, 2.3).
pub(crate) const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The bytes that a text has once it is percent-encoded for a query.
pub fn encoded_len(text: &str) -> usize {
    utf8_percent_encode(text, ENCODED).map(str::len).sum()
}

impl Callback {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The query of a request with these messages.
    pub fn query<'a>(&self, messages: impl IntoIterator<Item = &'a Message>) -> String {
        let messages = encode(messages);
        let encoded = utf8_percent_encode(&messages, ENCODED);
        format!("jsonp={self}&message={encoded}")
    }

    /// The response with this JSON. The comment keeps the name from being the response's first
    /// bytes, where it could pass for another type of file; the two line ends that JSON has
    /// and JavaScript once had not are escaped. Faye 1.4.3 does both.
    pub fn call(&self, json: &str) -> String {
        format!("/**/{};", self.bare_call(json))
    }

    /// The same without the comment and the semicolon, as CometD writes it.
    pub(crate) fn bare_call(&self, json: &str) -> String {
        let json = json
            .replace('\u{2028}', "\\u2028")
            .replace('\u{2029}', "\\u2029");
        format!("{self}({json})")
    }

    /// Reads a response. One that calls another function, or none, is read all the same, and
    /// noted.
    ///
    /// # Errors
    /// When no body of messages stands where it must, as [`decode`] says.
    pub fn decode(&self, bytes: &[u8]) -> Result<Body, DecodeError> {
        let Some(call) = Call::find(bytes) else {
            let mut body = decode(bytes)?;
            body.findings.push(Finding {
                offset: 0,
                kind: FindingKind::NoCallback,
            });
            return Ok(body);
        };
        // What is not the argument becomes blank, so that offsets stay what they were.
        let mut argument = vec![b' '; call.start];
        argument.extend_from_slice(&bytes[call.start..call.end]);
        let mut body = decode(&argument)?;
        if call.name != self.as_str().as_bytes() {
            let name = String::from_utf8_lossy(call.name)
                .chars()
                .take(80)
                .collect();
            body.findings.push(Finding {
                offset: call.start - 1 - call.name.len(),
                kind: FindingKind::OtherCallback { name },
            });
        }
        if call.end == bytes.len() {
            body.findings.push(Finding {
                offset: call.end,
                kind: FindingKind::OpenCallback,
            });
        }
        Ok(body)
    }
}

impl Default for Callback {
    /// The name that Faye takes when a request gives none.
    fn default() -> Self {
        Self("jsonpcallback".into())
    }
}

impl FromStr for Callback {
    type Err = InvalidCallback;

    fn from_str(name: &str) -> Result<Self, InvalidCallback> {
        let is_allowed = |it: u8| it.is_ascii_alphanumeric() || b"._-".contains(&it);
        if (1..=64).contains(&name.len()) && name.bytes().all(is_allowed) {
            Ok(Self(name.into()))
        } else {
            Err(InvalidCallback)
        }
    }
}

impl fmt::Display for Callback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A call in a response, and where its argument stands.
struct Call<'a> {
    name: &'a [u8],
    start: usize,
    /// The response's length if the call does not end.
    end: usize,
}

impl<'a> Call<'a> {
    /// `/**/name(argument);`, where the comment and the semicolon may be missing.
    fn find(bytes: &'a [u8]) -> Option<Self> {
        let mut rest = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        rest = rest.trim_ascii_start();
        if let Some(comment) = rest.strip_prefix(b"/*") {
            let end = comment.windows(2).position(|it| it == b"*/")?;
            rest = comment[end + 2..].trim_ascii_start();
        }
        let is_named = |it: &u8| it.is_ascii_alphanumeric() || b"._-$".contains(it);
        let length = rest.iter().position(|it| !is_named(it))?;
        if length == 0 || rest[length] != b'(' {
            return None;
        }
        let name = &rest[..length];
        let start = bytes.len() - rest.len() + length + 1;
        let text = bytes.trim_ascii_end();
        let text = text.strip_suffix(b";").unwrap_or(text).trim_ascii_end();
        let end = match text.strip_suffix(b")") {
            Some(call) if call.len() >= start => call.len(),
            Some(_) | None => bytes.len(),
        };
        Some(Self { name, start, end })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decoded(text: &str) -> (usize, Vec<FindingKind>) {
        let body = Callback::default().decode(text.as_bytes()).unwrap();
        let kinds = body.findings.into_iter().map(|it| it.kind);
        (body.messages.len(), kinds.collect())
    }

    #[test]
    fn calls_are_read_with_and_without_comment_and_semicolon() {
        for text in [
            r#"/**/jsonpcallback([{"channel":"/a"}]);"#,
            r#"jsonpcallback([{"channel":"/a"}])"#,
            "\u{feff} /* x */\n jsonpcallback( {\"channel\":\"/a\",\"data\":\")\"} ) ;\r\n",
        ] {
            assert_eq!(decoded(text), (1, vec![]), "{text}");
        }
    }

    #[test]
    fn json_and_the_call_of_another_function_are_read_and_noted() {
        assert_eq!(
            decoded(r#"[{"channel":"/a"}]"#),
            (1, vec![FindingKind::NoCallback])
        );
        let name = "other.x".to_owned();
        assert_eq!(
            decoded(r#"/**/other.x([{"channel":"/a"}]);"#),
            (1, vec![FindingKind::OtherCallback { name }])
        );
        assert_eq!(
            decoded(r#"/*[{"channel":"/a"}]*/"#),
            (
                1,
                vec![FindingKind::CommentFiltered, FindingKind::NoCallback]
            )
        );
    }

    #[test]
    fn what_is_neither_is_no_body() {
        let error = |text: &str| Callback::default().decode(text.as_bytes()).unwrap_err();
        assert_eq!(error(""), DecodeError::Empty);
        assert_eq!(error("jsonpcallback();"), DecodeError::Empty);
        for text in ["<html>(", "alert(1)", "/* ", "jsonpcallback", "Bad request"] {
            assert!(matches!(error(text), DecodeError::NotJson { .. }), "{text}");
        }
    }

    #[test]
    fn a_call_with_more_messages_than_are_read_is_refused() {
        let limit = crate::protocol::MAX_ELEMENTS;
        for call in ["/**/jsonpcallback(", ""] {
            let text = format!("{call}[{}{{}}]);", "{},".repeat(limit));
            let error = Callback::default().decode(text.as_bytes()).unwrap_err();
            assert_eq!(error, DecodeError::TooMany { limit });
        }
    }

    #[test]
    fn every_prefix_of_a_call_keeps_its_whole_messages_and_shows_that_it_is_cut() {
        let messages = r#"[{"channel":"/a","data":"é),\"("},{"channel":"/b","data":[1,")"]}]"#;
        let text = Callback::default().call(messages);
        let first_end = text.find("},").unwrap() + 1;
        let array_end = text.rfind(']').unwrap() + 1;
        for end in 0..=text.len() {
            let prefix = &text.as_bytes()[..end];
            match Callback::default().decode(prefix) {
                Ok(body) => {
                    let expected =
                        usize::from(end >= first_end) + usize::from(end >= array_end - 1);
                    assert_eq!(body.messages.len(), expected, "{end}");
                    let is_whole = end >= text.len() - 1;
                    assert_eq!(body.findings.is_empty(), is_whole, "{end}: {body:?}");
                }
                Err(_) => assert!(end <= text.find('[').unwrap(), "{end}"),
            }
        }
    }

    #[test]
    fn offsets_count_in_the_response() {
        let text = r#"/**/jsonpcallback([{"channel":"/a"},1]);"#;
        let body = Callback::default().decode(text.as_bytes()).unwrap();
        assert_eq!(body.findings[0].offset, text.find('1').unwrap());
    }

    #[test]
    fn the_line_ends_of_javascript_are_escaped() {
        let callback = Callback::default();
        let script = callback.call("[\"\u{2028}\u{2029}\"]");
        assert_eq!(script, r#"/**/jsonpcallback(["\u2028\u2029"]);"#);
    }

    #[test]
    fn messages_are_encoded_as_a_query_needs_it() {
        let message = Message::builder("/a").string("data", "é +&").build();
        assert_eq!(
            Callback::default().query([&message]),
            "jsonp=jsonpcallback&message=%5B%7B%22channel%22%3A%22%2Fa%22%2C%22data%22%3A\
             %22%C3%A9%20%2B%26%22%7D%5D"
        );
        assert_eq!(encoded_len("a/é"), 1 + 3 + 6);
    }

    #[test]
    fn names_that_could_be_a_script_are_refused() {
        for name in [
            "",
            "a b",
            "a(",
            "a<b",
            "a\r\nb",
            "é",
            "a;b",
            &"a".repeat(65),
        ] {
            assert_eq!(name.parse::<Callback>(), Err(InvalidCallback), "{name}");
        }
        assert!("a".repeat(64).parse::<Callback>().is_ok());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused_without_panic(text in "(/\\*\\*/)?[a(]{0,4}[\\[\\]{}(),;:\" a1]{0,40}") {
            let _ = Callback::default().decode(text.as_bytes());
        }

        #[test]
        fn any_bytes_have_findings_within_them(bytes in prop::collection::vec(any::<u8>(), 0..60), start in "(\u{feff})?( ?/\\*\\*/ ?)?(a\\()?\\[?") {
            let bytes = [start.as_bytes(), &bytes].concat();
            if let Ok(body) = Callback::default().decode(&bytes) {
                // Offsets count in the text, where a byte that is none is three bytes.
                let length = String::from_utf8_lossy(&bytes).len();
                prop_assert!(body.findings.iter().all(|it| it.offset <= length), "{:?}", body);
            }
        }

        #[test]
        fn what_is_called_is_decoded(names in proptest::collection::vec("/[a-z\"\\\\é\u{2028})(]{1,8}", 0..5)) {
            let messages: Vec<Message> = names.iter().map(|it| Message::builder(it).build()).collect();
            let body = Callback::default().decode(Callback::default().call(&encode(&messages)).as_bytes()).unwrap();
            let channels: Vec<&str> = body.messages.iter().map(Message::channel).collect();
            prop_assert_eq!(channels, names);
            prop_assert!(body.findings.is_empty());
        }
    }
}
