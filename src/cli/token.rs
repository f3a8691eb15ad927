//! A token as it goes into the `Authorization` header.

use bayeux::transport::Secret;

/// What cannot be a token. Says nothing of it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotAToken {
    #[error("it is empty")]
    Empty,
    #[error("it is longer than 64 KiB")]
    Long,
    #[error("it has white space in it")]
    Space,
    #[error("it has a character that no header may have")]
    Character,
}

/// A token with its scheme: `Bearer`, unless it brings one.
pub(crate) fn bearer(text: &str) -> Result<Secret, NotAToken> {
    let is_scheme = |it: &str| ["bearer", "oauth"].contains(&it.to_ascii_lowercase().as_str());
    let scheme = text.split_once(' ').filter(|(scheme, _)| is_scheme(scheme));
    let (scheme, token) = scheme.unwrap_or(("Bearer", text));
    let token = token.trim();
    if token.is_empty() {
        return Err(NotAToken::Empty);
    }
    if token.contains(char::is_whitespace) {
        return Err(NotAToken::Space);
    }
    if !token.bytes().all(|it| it.is_ascii_graphic()) {
        return Err(NotAToken::Character);
    }
    Ok(Secret::new(format!("{scheme} {token}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_one_word_and_a_scheme_may_stand_before_it() {
        let value = |it: &str| bearer(it).map(|it| it.expose().to_owned());
        assert_eq!(value("abc").unwrap(), "Bearer abc");
        assert_eq!(value("OAuth 00D!x").unwrap(), "OAuth 00D!x");
        assert_eq!(value("Bearer  x ").unwrap(), "Bearer x");
        for text in ["", "Bearer ", "a b", "Basic YTpi", "é", "a\u{1}"] {
            let error = bearer(text).unwrap_err().to_string();
            assert!(text.is_empty() || !error.contains(text), "{error}");
        }
    }
}
