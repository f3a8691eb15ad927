//! The `error` field: `ddd:args:text`, read leniently.

use std::fmt;

/// The parts of an `error` field (Bayeux 1.0, "error").
///
/// Servers write free text too (Faye's server extensions, Lyrion Media Server); then there
/// is no code and the whole string is the text.
///
/// ```
/// use bayeux::protocol::ErrorString;
///
/// let error = ErrorString::parse("403:/admin,/x:Forbidden channel");
/// assert_eq!(error.code, Some(403));
/// assert_eq!(error.args().collect::<Vec<_>>(), ["/admin", "/x"]);
/// assert_eq!(error.text, "Forbidden channel");
/// assert_eq!(ErrorString::parse("invalid clientId").code, None);
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ErrorString<'a> {
    /// Three digits, if the string has the form of the specification.
    pub code: Option<u16>,
    args: &'a str,
    /// What stands behind the second colon, or everything.
    pub text: &'a str,
    whole: &'a str,
}

/// How the known servers say that they do not know the session, in lower case. The code is
/// no guide: 402 in CometD (`session_unknown` from 5, `unknown_session` in 4, `Unknown client`
/// before), 401 in Faye, 403 in Salesforce, none in Lyrion Media Server.
const SESSION_UNKNOWN: [&str; 7] = [
    "session_unknown",
    "unknown_session",
    "unknown client",
    "unknown session",
    "invalid clientid",
    "no clientid found",
    "unknown clientid",
];

impl<'a> ErrorString<'a> {
    /// Reads an `error` field; never fails.
    pub fn parse(whole: &'a str) -> Self {
        let free_text = Self {
            code: None,
            args: "",
            text: whole,
            whole,
        };
        let Some((code, rest)) = whole.split_once(':') else {
            return free_text;
        };
        if code.len() != 3 || !code.bytes().all(|byte| byte.is_ascii_digit()) {
            return free_text;
        }
        let Some((args, text)) = rest.split_once(':') else {
            return free_text;
        };
        Self {
            code: code.parse().ok(),
            args,
            text,
            whole,
        }
    }

    /// The arguments; most servers send none.
    pub fn args(&self) -> impl Iterator<Item = &'a str> {
        self.args.split(',').filter(|arg| !arg.is_empty())
    }

    /// Whether the server says that it does not know the session, whatever the code.
    pub fn is_session_unknown(&self) -> bool {
        let text = self.text.to_ascii_lowercase();
        SESSION_UNKNOWN.iter().any(|wording| text.contains(wording))
    }

    /// Whether the same request may succeed later: only code 503 says so. Salesforce
    /// refuses subscribes with it while a node starts (CAMEL-14068).
    pub fn is_transient(&self) -> bool {
        self.code == Some(503)
    }
}

impl fmt::Display for ErrorString<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.whole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_servers_unknown_session_is_recognised() {
        for error in [
            "402::session_unknown",
            "402::unknown_session",
            "402::Unknown client",
            "401:a1b2c3:Unknown client",
            "403::Unknown client",
            "402:ID:Unknown Client ID",
            "invalid clientId",
            "No clientId found",
        ] {
            assert!(ErrorString::parse(error).is_session_unknown(), "{error}");
        }
    }

    #[test]
    fn other_refusals_with_the_same_codes_are_not_a_lost_session() {
        for error in [
            "402:version:Missing required parameter",
            "401::Authentication invalid",
            "403::Handshake denied",
            "403:denied_by_security_policy:create_denied",
        ] {
            assert!(!ErrorString::parse(error).is_session_unknown(), "{error}");
        }
    }

    #[test]
    fn text_may_contain_colons_and_free_text_has_no_code() {
        let error = ErrorString::parse("403:Denied by: X:subscribe_denied: really");
        assert_eq!(
            (error.code, error.text),
            (Some(403), " X:subscribe_denied: really")
        );
        for free in [
            "",
            "Authentication failed",
            "12:a:b",
            "4o3::x",
            "403 denied",
            "403:denied",
        ] {
            let error = ErrorString::parse(free);
            assert_eq!((error.code, error.text), (None, free));
            assert_eq!(error.to_string(), free);
        }
    }
}
