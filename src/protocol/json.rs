//! A JSON text that is kept as it was written.

use std::fmt;
use std::str::FromStr;

use serde_json::value::RawValue;

/// One valid JSON value as text: digits, key order and white space are what they were.
///
/// ```
/// use bayeux::protocol::Json;
///
/// let json: Json = r#"{"n": 1.00, "n": 9007199254740993}"#.parse()?;
/// assert_eq!(json.as_str(), r#"{"n": 1.00, "n": 9007199254740993}"#);
/// assert!("{n: 1}".parse::<Json>().is_err());
/// # Ok::<(), bayeux::protocol::JsonError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Json(Box<RawValue>);

/// A text that is not one JSON value.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not JSON: {reason} at line {line} column {column}")]
pub struct JsonError {
    /// The parser's reason, without its position.
    pub reason: String,
    /// Line, counted from 1.
    pub line: usize,
    /// Column in bytes, counted from 1.
    pub column: usize,
}

impl Json {
    /// A JSON string with this content.
    pub fn string(text: &str) -> Self {
        let quoted = serde_json::value::to_raw_value(text);
        Self(quoted.expect("every str has a JSON form"))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        self.0.get()
    }
}

impl FromStr for Json {
    type Err = JsonError;

    fn from_str(text: &str) -> Result<Self, JsonError> {
        serde_json::from_str(text).map(Self).map_err(JsonError::new)
    }
}

/// Keeps the text where it is, if it has no blanks around it and no room behind.
impl TryFrom<String> for Json {
    type Error = JsonError;

    fn try_from(text: String) -> Result<Self, JsonError> {
        RawValue::from_string(text)
            .map(Self)
            .map_err(JsonError::new)
    }
}

impl JsonError {
    pub(super) fn new(error: serde_json::Error) -> Self {
        Self {
            reason: reason(&error),
            line: error.line(),
            column: error.column(),
        }
    }
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl PartialEq for Json {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Json {}

/// Writes a JSON string with this content.
pub(super) fn push_string(out: &mut String, text: &str) {
    let is_plain = |byte| byte >= b' ' && byte != b'"' && byte != b'\\';
    if text.bytes().all(is_plain) {
        out.push('"');
        out.push_str(text);
        out.push('"');
    } else {
        out.push_str(Json::string(text).as_str());
    }
}

/// serde_json's reason without the position that it appends.
pub(super) fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rfind(" at line ") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

/// A piece of a JSON text.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Token<'a> {
    /// What it is.
    pub kind: TokenKind,
    /// Its text; strings have their quotes.
    pub text: &'a str,
    /// Where it starts.
    pub offset: usize,
}

/// The kinds of tokens. White space is no token.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TokenKind {
    /// `{` or `[`.
    Open,
    /// `}` or `]`.
    Close,
    /// `,`.
    Comma,
    /// `:`.
    Colon,
    /// A string that stands before a colon.
    Key,
    /// Any other string.
    String,
    /// A number.
    Number,
    /// `true`, `false` or `null`.
    Literal,
}

/// Cuts a valid JSON text into its tokens, without recursion: however deep it is nested,
/// it can be shown. A text that is not JSON is cut somehow, and never panics.
pub fn tokens(text: &str) -> impl Iterator<Item = Token<'_>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        at += blanks(&text[at..]);
        let rest = &text[at..];
        let first = *rest.as_bytes().first()?;
        let length = match first {
            b'{' | b'[' | b'}' | b']' | b',' | b':' => 1,
            b'"' => string_length(rest),
            _ => {
                let end = |it: char| "{}[],:\"".contains(it) || BLANKS.contains(&it);
                rest.find(end).unwrap_or(rest.len())
            }
        };
        let offset = at;
        at += length;
        let kind = match first {
            b'{' | b'[' => TokenKind::Open,
            b'}' | b']' => TokenKind::Close,
            b',' => TokenKind::Comma,
            b':' => TokenKind::Colon,
            b'"' if text[at + blanks(&text[at..])..].starts_with(':') => TokenKind::Key,
            b'"' => TokenKind::String,
            b't' | b'f' | b'n' => TokenKind::Literal,
            _ => TokenKind::Number,
        };
        Some(Token {
            kind,
            text: &rest[..length],
            offset,
        })
    })
}

/// What may stand between tokens (RFC 8259, 2): a form feed, for one, may not.
const BLANKS: [char; 4] = [' ', '\t', '\r', '\n'];

fn blanks(text: &str) -> usize {
    text.len() - text.trim_start_matches(BLANKS).len()
}

/// The length of the string that the text begins with, quotes included.
fn string_length(text: &str) -> usize {
    let mut is_escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_text_is_cut_into_its_tokens() {
        let kinds: Vec<_> = tokens(r#" {"a" : [1.0,"b\"",null]} "#)
            .map(|it| (it.kind, it.text))
            .collect();
        use TokenKind::*;
        assert_eq!(
            kinds,
            [
                (Open, "{"),
                (Key, r#""a""#),
                (Colon, ":"),
                (Open, "["),
                (Number, "1.0"),
                (Comma, ","),
                (String, r#""b\"""#),
                (Comma, ","),
                (Literal, "null"),
                (Close, "]"),
                (Close, "}"),
            ]
        );
    }

    proptest! {
        #[test]
        fn any_text_is_cut_without_panic_and_loses_only_white_space(text in "[ \\[\\]{},:\"\\\\a1é\\n\\x00\\x0c]{0,40}") {
            let joined: String = tokens(&text).map(|it| it.text).collect();
            let plain = |it: &str| it.replace([' ', '\n'], "");
            prop_assert_eq!(plain(&joined), plain(&text));
        }

        #[test]
        fn each_token_of_any_text_is_further_on(text in any::<String>()) {
            let mut end = 0;
            for token in tokens(&text) {
                prop_assert!(token.offset >= end && !token.text.is_empty(), "{:?}", token);
                end = token.offset + token.text.len();
                prop_assert_eq!(&text[token.offset..end], token.text);
            }
        }
    }
}
