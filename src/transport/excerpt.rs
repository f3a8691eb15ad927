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

fn single_spaced(text: &str) -> impl Iterator<Item = char> {
    let words = text.split_whitespace().enumerate();
    words.flat_map(|(nth, word)| (nth > 0).then_some(' ').into_iter().chain(word.chars()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_is_single_and_control_characters_are_replaced() {
        let excerpt = Excerpt::of(b"\r\n <html>\r\n\t<b>\x1b[2J\xff</b>");
        assert_eq!(excerpt.as_str(), "<html> <b>\u{fffd}[2J\u{fffd}</b>");
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let excerpt = Excerpt::of("é".repeat(1000).as_bytes());
        assert_eq!(excerpt.as_str(), "é".repeat(160) + "...");
    }
}
