//! Text in XML and HTML. Whatever writes either has it from here.

use std::borrow::Cow;

/// Text for an element or an attribute of XML or HTML. What XML 1.0 cannot have, not even as a
/// reference, is replaced.
pub(crate) fn escaped(text: &str) -> Cow<'_, str> {
    let needs = |it: char| matches!(it, '&' | '<' | '>' | '"' | '\'' | '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}');
    if !text.contains(needs) {
        return text.into();
    }
    let mut out = String::with_capacity(text.len() + 16);
    for it in text.chars() {
        match it {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\t' => out.push(' '),
            it if needs(it) => out.push('\u{fffd}'),
            it => out.push(it),
        }
    }
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_break_the_document_is_escaped() {
        assert_eq!(
            escaped("<a href=\"x\">&'\0\x1b\n\u{9b}\u{ffff}"),
            "&lt;a href=&quot;x&quot;&gt;&amp;&#39;\u{fffd}\u{fffd} \u{fffd}\u{fffd}"
        );
        assert!(matches!(escaped("p99 25 ms"), Cow::Borrowed(_)));
    }
}
