//! Secrets in messages. Works on the tokens of the text, so that everything else keeps its
//! spelling, and without recursion.

use std::borrow::Cow;

use super::credential::is_credential;
use crate::protocol::{Json, Token, TokenKind, tokens};

/// A message, or a body of several, without its secrets: `clientId` is shortened, and within
/// `ext` the value of every key that is named like a credential becomes `"***"`.
///
/// `true`, `false` and `null` are no secrets and stay. `data` and `advice` are left alone:
/// they are what the user came to see.
///
/// ```
/// use bayeux::redaction::redact;
///
/// let raw = r#"{"clientId":"1w3kq2hj8x","ext":{"auth":{"token":"abc"},"ack":1.0}}"#;
/// assert_eq!(redact(raw), r#"{"clientId":"1w3k…","ext":{"auth":"***","ack":1.0}}"#);
/// ```
pub fn redact(raw: &str) -> Cow<'_, str> {
    let is_array = raw.trim_start().starts_with('[');
    Redaction::new(raw).run(Scope::FieldsAt(if is_array { 2 } else { 1 }))
}

/// A piece of a text that could not be read as JSON: client ids and values of keys that are
/// named like credentials are redacted wherever they stand.
pub fn redact_excerpt(excerpt: &str) -> Cow<'_, str> {
    Redaction::new(excerpt).run(Scope::Everywhere)
}

/// Characters of a client id that are shown at the most.
const N_KEPT: usize = 4;

/// Where to look for secrets.
#[derive(Clone, Copy, PartialEq)]
enum Scope {
    /// In the fields of the objects at this depth.
    FieldsAt(usize),
    Everywhere,
}

/// What the value behind the latest key is.
#[derive(Clone, Copy, PartialEq)]
enum Value {
    Plain,
    ClientId,
    Credential,
}

struct Redaction<'a> {
    raw: &'a str,
    redacted: String,
    /// Up to where the raw text was copied or replaced.
    copied: usize,
}

impl<'a> Redaction<'a> {
    fn new(raw: &'a str) -> Self {
        Self {
            raw,
            redacted: String::new(),
            copied: 0,
        }
    }

    fn run(mut self, scope: Scope) -> Cow<'a, str> {
        let mut depth = 0_usize;
        let mut value = Value::Plain;
        let mut is_in_ext = scope == Scope::Everywhere;
        // Where a container that is a secret began, and its depth.
        let mut secret: Option<(usize, usize)> = None;
        for token in tokens(self.raw) {
            match token.kind {
                TokenKind::Open => {
                    depth += 1;
                    if value == Value::Credential && secret.is_none() {
                        secret = Some((token.offset, depth));
                    }
                    value = Value::Plain;
                }
                TokenKind::Close => {
                    if let Some((start, at)) = secret
                        && at == depth
                    {
                        self.replace(start..token.offset + 1, "\"***\"");
                        secret = None;
                    }
                    depth = depth.saturating_sub(1);
                    value = Value::Plain;
                }
                TokenKind::Key if secret.is_none() => {
                    let name = content(token);
                    let is_field = match scope {
                        Scope::FieldsAt(at) => at == depth,
                        Scope::Everywhere => true,
                    };
                    if is_field && scope != Scope::Everywhere {
                        is_in_ext = name == "ext";
                    }
                    value = match name.as_ref() {
                        "clientId" if is_field => Value::ClientId,
                        name if is_in_ext && is_credential(name) => Value::Credential,
                        _ => Value::Plain,
                    };
                }
                TokenKind::String | TokenKind::Number if secret.is_none() => {
                    match value {
                        Value::Plain => {}
                        Value::ClientId if token.kind == TokenKind::Number => {}
                        Value::ClientId => {
                            let shortened = Json::string(&shortened_client_id(&content(token)));
                            self.replace(span(token), shortened.as_str());
                        }
                        Value::Credential => self.replace(span(token), "\"***\""),
                    }
                    value = Value::Plain;
                }
                TokenKind::Comma => value = Value::Plain,
                TokenKind::Key
                | TokenKind::String
                | TokenKind::Number
                | TokenKind::Literal
                | TokenKind::Colon => {}
            }
        }
        if let Some((start, _)) = secret {
            self.replace(start..self.raw.len(), "\"***\"");
        }
        if self.copied == 0 {
            return self.raw.into();
        }
        self.redacted.push_str(&self.raw[self.copied..]);
        self.redacted.into()
    }

    fn replace(&mut self, span: std::ops::Range<usize>, replacement: &str) {
        self.redacted.push_str(&self.raw[self.copied..span.start]);
        self.redacted.push_str(replacement);
        self.copied = span.end;
    }
}

fn span(token: Token<'_>) -> std::ops::Range<usize> {
    token.offset..token.offset + token.text.len()
}

/// The content of a string; its raw text if it has no content, as with a lone surrogate.
fn content(token: Token<'_>) -> Cow<'_, str> {
    let inner = token.text.trim_matches('"');
    if !inner.contains('\\') {
        return inner.into();
    }
    match serde_json::from_str::<String>(token.text) {
        Ok(content) => content.into(),
        Err(_) => inner.into(),
    }
}

/// Enough of a client id to tell two sessions apart, never more than its half. One that is
/// shortened already, as in a recording, stays what it is.
pub fn shortened_client_id(client_id: &str) -> String {
    let is_shortened = client_id.ends_with('…') && client_id.chars().count() <= N_KEPT + 1;
    if is_shortened {
        return client_id.to_owned();
    }
    let n_kept = (client_id.chars().count() / 2).min(N_KEPT);
    client_id.chars().take(n_kept).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_redacted_stays_what_it_is() {
        for raw in [
            r#"{"clientId":"abcdefgh","ext":{"token":"x"}}"#,
            r#"{"clientId":"abcdefgh…"}"#,
        ] {
            let once = redact(raw);
            assert!(once.contains(r#""abcd…""#), "{once}");
            assert_eq!(redact(&once), once);
        }
    }

    #[test]
    fn everything_else_is_byte_for_byte_what_it_was() {
        let raw = r#"{ "data":{"token":"seen","n":1.50} , "clientId" : "abcdefgh", "x":1e400 }"#;
        assert_eq!(
            redact(raw),
            r#"{ "data":{"token":"seen","n":1.50} , "clientId" : "abcd…", "x":1e400 }"#
        );
    }

    #[test]
    fn a_credential_in_ext_is_hidden_at_any_depth_and_as_a_whole() {
        let raw = r#"{"ext":{"com.x":[{"accessToken":"a","user":"ann"}],"auth":{"u":"ann","k":["b"]},"pin_secret":12,"token":null}}"#;
        assert_eq!(
            redact(raw),
            r#"{"ext":{"com.x":[{"accessToken":"***","user":"ann"}],"auth":"***","pin_secret":"***","token":null}}"#
        );
    }

    #[test]
    fn the_field_after_ext_is_outside_of_it() {
        let raw = r#"{"ext":{"a":1},"data":{"token":"seen"},"ext":{"token":"b"}}"#;
        assert_eq!(redact(raw), raw.replace(r#""b""#, r#""***""#));
    }

    #[test]
    fn escapes_hide_no_key() {
        let raw = r#"{"e\u0078t":{"t\u006fken":"a"},"client\u0049d":"\u0061bcdefgh"}"#;
        assert_eq!(
            redact(raw),
            r#"{"e\u0078t":{"t\u006fken":"***"},"client\u0049d":"abcd…"}"#
        );
    }

    #[test]
    fn every_message_of_a_body_is_redacted() {
        let raw =
            r#" [{"clientId":"abcdefgh"},{"ext":{"sid":"x"}},{"data":[{"clientId":"abcdefgh"}]}]"#;
        assert_eq!(
            redact(raw),
            r#" [{"clientId":"abcd…"},{"ext":{"sid":"***"}},{"data":[{"clientId":"abcdefgh"}]}]"#
        );
    }

    #[test]
    fn a_short_client_id_is_shortened_too() {
        assert_eq!(redact(r#"{"clientId":"ab"}"#), r#"{"clientId":"a…"}"#);
        assert_eq!(redact(r#"{"clientId":""}"#), r#"{"clientId":"…"}"#);
        assert_eq!(redact(r#"{"clientId":null}"#), r#"{"clientId":null}"#);
    }

    #[test]
    fn an_excerpt_is_redacted_although_it_is_cut_off() {
        assert_eq!(
            redact_excerpt(r#""ext":{"auth":{"token":"abc","#),
            r#""ext":{"auth":"***""#
        );
        assert_eq!(redact_excerpt("<html>"), "<html>");
    }

    #[test]
    fn deep_nesting_needs_no_stack() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        let raw = format!(r#"{{"ext":{{"token":{deep}}}}}"#);
        assert_eq!(redact(&raw), r#"{"ext":{"token":"***"}}"#);
    }

    fn json() -> impl Strategy<Value = String> {
        let keys = prop::sample::select(vec!["ext", "clientId", "token", "data", "a\\u0062"]);
        let leaf = prop_oneof![
            "-?[1-9][0-9]{0,3}(\\.[0-9]{1,2})?",
            "\"[a-z\\u{e9} ]{0,6}\"",
            Just("null".to_owned()),
            Just("\"\\ud800\"".to_owned()),
        ];
        leaf.prop_recursive(4, 24, 4, move |inner| {
            let fields = prop::collection::vec((keys.clone(), inner.clone()), 0..4);
            let object = fields.prop_map(|it| {
                let it: Vec<_> = it.iter().map(|(k, v)| format!("\"{k}\" : {v}")).collect();
                format!("{{{}}}", it.join(" ,"))
            });
            let array = prop::collection::vec(inner, 0..4);
            prop_oneof![object, array.prop_map(|it| format!("[{}]", it.join(", ")))]
        })
    }

    proptest! {
        #[test]
        fn valid_json_stays_valid(raw in json()) {
            let redacted = redact(&raw);
            prop_assert!(redacted.parse::<Json>().is_ok(), "{} -> {}", raw, redacted);
        }

        #[test]
        fn without_ext_and_client_id_the_text_is_borrowed(raw in json()) {
            let raw = raw.replace("ext", "exy").replace("clientId", "client");
            prop_assert!(matches!(redact(&raw), Cow::Borrowed(same) if same == raw));
        }

        #[test]
        fn any_text_is_redacted_without_panic(raw in "[ \\[\\]{},:\"\\\\a1é]{0,30}|(\\PC{0,30})") {
            redact(&raw);
            redact_excerpt(&raw);
        }

        #[test]
        fn any_text_without_keys_is_what_it_was(raw in any::<String>()) {
            let raw = raw.replace('"', "'");
            prop_assert_eq!(redact(&raw), raw.as_str());
            prop_assert_eq!(redact_excerpt(&raw), raw.as_str());
        }

        #[test]
        fn no_credential_survives(name in "(access|user)?_?(token|secret|Password)", secret in "[a-z]{6}[0-9]{6}") {
            let raw = format!(r#"{{"ext":{{"x":[{{"{name}" :"{secret}"}},{{"{name}":["{secret}"]}}]}}}}"#);
            prop_assert!(!redact(&raw).contains(&secret));
        }
    }
}
