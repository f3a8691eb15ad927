//! The beginning of what a server sent, fit for a line of an error message.

use std::fmt;

use crate::redaction::redact_excerpt;

/// At most so many characters are shown.
const N_CHARACTERS: usize = 160;

/// The first characters of a text, with white space made single and control characters
/// made visible: they could change a terminal.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Excerpt(Box<str>);

impl Excerpt {
    pub(super) fn of(bytes: &[u8]) -> Self {
        // Four bytes are the longest character; twice as many, for the white space left out.
        let text = String::from_utf8_lossy(&bytes[..bytes.len().min(N_CHARACTERS * 8)]);
        let mut excerpt = String::new();
        for (nth, character) in single_spaced(&text).enumerate() {
            if nth == N_CHARACTERS {
                excerpt.push_str("...");
                break;
            }
            excerpt.push(if character.is_control() {
                '\u{fffd}'
            } else {
                character
            });
        }
        Self(excerpt.into())
    }

    /// The beginning of a body, which may be a message with a client id or a token.
    pub(super) fn of_body(bytes: &[u8]) -> Self {
        let Self(excerpt) = Self::of(bytes);
        Self(redact_excerpt(&excerpt).into())
    }

    /// What a page says, without its markup: its title, or else its text.
    pub(super) fn of_page(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        if !text.trim_start().starts_with('<') {
            return Self::of_body(bytes);
        }
        let text = match between(&text, "<title>", "</title>") {
            Some(title) if !title.trim().is_empty() => title.to_owned(),
            Some(_) | None => without_tags(&text),
        };
        Self::of_body(text.as_bytes())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    // ASCII only, so that positions stay what they are.
    let lower = text.to_ascii_lowercase();
    let from = lower.find(start)? + start.len();
    let length = lower[from..].find(end)?;
    Some(&text[from..from + length])
}

fn without_tags(text: &str) -> String {
    let mut parts = text.split('<');
    let mut rest = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        rest.push(' ');
        rest.push_str(part.split_once('>').map_or("", |(_, after)| after));
    }
    rest
}

fn single_spaced(text: &str) -> impl Iterator<Item = char> {
    let words = text.split_whitespace().enumerate();
    words.flat_map(|(nth, word)| (nth > 0).then_some(' ').into_iter().chain(word.chars()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn white_space_is_single_and_control_characters_are_replaced() {
        let excerpt = Excerpt::of(b"\r\n <html>\r\n\t<b>\x1b[2J\xff</b>");
        assert_eq!(excerpt.as_str(), "<html> <b>\u{fffd}[2J\u{fffd}</b>");
    }

    #[test]
    fn a_page_is_its_title_or_its_text() {
        let page = |html: &str| Excerpt::of_page(html.as_bytes()).as_str().to_owned();
        assert_eq!(
            page("<html><TITLE>403\nForbidden</Title><b>x</b>"),
            "403 Forbidden"
        );
        assert_eq!(page("<p>é is <b>not</b> allowed</p"), "é is not allowed");
        assert_eq!(page("not <allowed>"), "not <allowed>");
        assert_eq!(page("<"), "");
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let excerpt = Excerpt::of("é".repeat(1000).as_bytes());
        assert_eq!(excerpt.as_str(), "é".repeat(160) + "...");
    }

    proptest! {
        #[test]
        fn of_any_bytes_one_line_is_shown(bytes in prop::collection::vec(any::<u8>(), 0..300), start in "(<(title>|/title>|a)?){0,4}") {
            let bytes = [start.as_bytes(), &bytes].concat();
            for excerpt in [Excerpt::of(&bytes), Excerpt::of_body(&bytes), Excerpt::of_page(&bytes)] {
                let text = excerpt.as_str();
                prop_assert!(!text.contains(char::is_control), "{text:?}");
                prop_assert!(!text.contains("  ") && text.trim() == text, "{text:?}");
            }
            prop_assert!(Excerpt::of(&bytes).as_str().chars().count() <= N_CHARACTERS + 3);
        }
    }
}
