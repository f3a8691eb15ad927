//! Nothing from the network reaches a terminal raw: characters that steer it, reorder text
//! or cannot be seen are written as escapes.

use std::borrow::Cow;
use std::fmt::Write;

/// Whether a terminal would act on the character instead of showing it.
fn is_dangerous(it: char) -> bool {
    matches!(it,
        // C0, DEL and C1.
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}'
        // Soft hyphen, Arabic letter mark, Mongolian vowel separator.
        | '\u{ad}' | '\u{61c}' | '\u{180e}'
        // Zero width, direction marks; line and paragraph separators, overrides; isolates.
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        // Byte order mark, interlinear annotation, tags.
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// A JSON text for a terminal: the escapes are JSON's own, so that it stays the same JSON.
pub(crate) fn json(text: &str) -> Cow<'_, str> {
    escaped(text, |it, out| {
        // Valid JSON has these only between its tokens.
        if matches!(it, '\t' | '\n' | '\r') {
            out.push(' ');
            return;
        }
        for unit in it.encode_utf16(&mut [0; 2]) {
            // Writing to a `String` does not fail.
            let _ = write!(out, "\\u{unit:04x}");
        }
    })
}

/// Any other text, on one line.
pub(crate) fn line(text: &str) -> Cow<'_, str> {
    escaped(text, push_escape)
}

/// Text whose line breaks and tabs are wanted: strings that an expression of `--jq` made.
pub(crate) fn lines(text: &str) -> Cow<'_, str> {
    escaped(text, |it, out| match it {
        '\n' | '\t' => out.push(it),
        _ => push_escape(it, out),
    })
}

fn push_escape(it: char, out: &mut String) {
    let _ = match it {
        '\n' => write!(out, "\\n"),
        '\r' => write!(out, "\\r"),
        '\t' => write!(out, "\\t"),
        '\0'..='\u{7f}' => write!(out, "\\x{:02x}", u32::from(it)),
        _ => write!(out, "\\u{{{:x}}}", u32::from(it)),
    };
}

fn escaped(text: &str, push: impl Fn(char, &mut String)) -> Cow<'_, str> {
    if !text.contains(is_dangerous) {
        return text.into();
    }
    let mut out = String::with_capacity(text.len() + 16);
    for it in text.chars() {
        if is_dangerous(it) {
            push(it, &mut out);
        } else {
            out.push(it);
        }
    }
    out.into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn harmless_text_is_borrowed() {
        assert!(matches!(line("Grüße, 世界 👋"), Cow::Borrowed(_)));
    }

    #[test]
    fn what_steers_a_terminal_is_written_out() {
        assert_eq!(
            line("a\x1b[2Jb\n\u{202e}\u{9b}"),
            r"a\x1b[2Jb\n\u{202e}\u{9b}"
        );
        assert_eq!(lines("a\nb\t\x07"), "a\nb\t\\x07");
    }

    #[test]
    fn escapes_in_json_are_those_of_json() {
        assert_eq!(
            json("{\n\t\"a\u{7f}\u{2066}\u{e0041}\": 1}"),
            r#"{  "a\u007f\u2066\udb40\udc41": 1}"#
        );
    }

    proptest! {
        #[test]
        fn json_means_the_same_after_escaping(text in "\\PC{0,20}|[\\u{7f}-\\u{a0}\\u{2000}-\\u{2070}]{0,20}") {
            let raw = serde_json::to_string(&text).unwrap();
            let shown = json(&raw);
            prop_assert!(!shown.contains(is_dangerous));
            prop_assert_eq!(serde_json::from_str::<String>(&shown).unwrap(), text);
        }

        #[test]
        fn nothing_dangerous_is_left(text in any::<String>()) {
            prop_assert!(!line(&text).contains(is_dangerous));
            prop_assert!(!lines(&text).contains(|it| is_dangerous(it) && it != '\n' && it != '\t'));
        }
    }
}
