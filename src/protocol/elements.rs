//! The elements of an array that is not JSON as a whole.

/// Splits an array's text at the commas of its outermost level.
pub(super) struct Elements<'a> {
    /// The array, from its bracket.
    rest: &'a str,
    /// Where the next element begins.
    pub(super) at: usize,
    pub(super) end: End,
}

/// Where the array ends.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum End {
    Missing,
    At(usize),
}

impl<'a> Elements<'a> {
    /// The elements of a text that begins with a bracket.
    pub(super) fn of(array: &'a str) -> Self {
        Self {
            rest: array,
            at: 1,
            end: End::Missing,
        }
    }
}

/// Each with the place where it begins.
impl<'a> Iterator for Elements<'a> {
    type Item = (usize, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        if self.end != End::Missing || self.at >= self.rest.len() {
            return None;
        }
        let start = self.at;
        let (mut depth, mut in_string, mut is_escaped) = (0_usize, false, false);
        for (at, byte) in self.rest.bytes().enumerate().skip(start) {
            match byte {
                _ if is_escaped => is_escaped = false,
                b'\\' if in_string => is_escaped = true,
                b'"' => in_string = !in_string,
                _ if in_string => {}
                b'[' | b'{' => depth += 1,
                b']' if depth == 0 => {
                    self.end = End::At(at + 1);
                    self.at = at + 1;
                    let element = &self.rest[start..at];
                    return (!element.trim_matches(is_blank).is_empty())
                        .then_some((start, element));
                }
                b']' | b'}' => depth = depth.saturating_sub(1),
                b',' if depth == 0 => {
                    self.at = at + 1;
                    return Some((start, &self.rest[start..at]));
                }
                _ => {}
            }
        }
        self.at = self.rest.len();
        let element = &self.rest[start..];
        (!element.trim_matches(is_blank).is_empty()).then_some((start, element))
    }
}

/// White space of JSON, and the byte order mark that some servers write first.
pub(super) fn is_blank(it: char) -> bool {
    matches!(it, ' ' | '\t' | '\r' | '\n' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn elements_go_on_to_the_end_and_leave_out_nothing_but_commas(text in "\\[[\\[\\]{},:\"\\\\a1\u{e9} \x0c]{0,60}") {
            let mut end = 0;
            for (at, element) in Elements::of(&text) {
                prop_assert_eq!(at, end + 1);
                end = at + element.len();
                prop_assert_eq!(&text[at..end], element);
            }
        }
    }
}
