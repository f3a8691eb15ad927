//! JSON in colour, on one line or indented. Works on the tokens of the text: digits, key
//! order and spelling stay, and no nesting is too deep.

use std::borrow::Cow;

use unicode_width::UnicodeWidthStr;

use bayeux::protocol::{TokenKind, tokens};

use super::escape;
use super::paint::Role;
use super::surface::Surface;

/// Deeper objects are not indented any further but stay on one line, or indentation alone
/// would fill the memory.
const MAX_DEPTH: usize = 64;

/// A token as it is shown.
struct Piece<'a> {
    kind: TokenKind,
    text: Cow<'a, str>,
    role: Role,
    /// Where its container ends; itself for all but opening brackets.
    end: usize,
    /// Columns of everything before it, when all stands on one line.
    start: usize,
}

/// Appends a JSON text: objects and arrays that fit into the width stay on one line, as in
/// `{ "user": "ann" }`, larger ones are indented by 2.
pub(crate) fn indented(out: &mut String, json: &str, surface: &Surface) {
    let pieces = pieces(json);
    let flat_width = |from: usize, to: usize| pieces[to].start - pieces[from].start;
    let mut depth = 0;
    let mut column = 0;
    let mut flat_until = 0;
    for (at, piece) in pieces.iter().enumerate() {
        let is_flat = at < flat_until;
        match piece.kind {
            TokenKind::Open if !is_flat => {
                let fits = column + flat_width(at, piece.end) + 2 <= surface.width;
                if fits || depth >= MAX_DEPTH {
                    flat_until = piece.end + 1;
                } else {
                    depth += 1;
                    push(out, piece, surface);
                    column = new_line(out, depth);
                    continue;
                }
            }
            TokenKind::Close if !is_flat => {
                depth = depth.saturating_sub(1);
                new_line(out, depth);
            }
            TokenKind::Comma if !is_flat => {
                push(out, piece, surface);
                column = new_line(out, depth);
                continue;
            }
            TokenKind::Close if piece.text == "}" && !is_open(&pieces, at) => out.push(' '),
            _ => {}
        }
        push(out, piece, surface);
        let next = pieces.get(at + 1);
        let is_padded = match piece.kind {
            TokenKind::Open => piece.text == "{" && piece.end != at + 1,
            TokenKind::Comma | TokenKind::Colon => true,
            TokenKind::Close
            | TokenKind::Key
            | TokenKind::String
            | TokenKind::Number
            | TokenKind::Literal => false,
        };
        if is_padded && next.is_some() {
            out.push(' ');
        }
        column += next.map_or(0, |it| it.start - piece.start);
    }
}

/// Appends a JSON text without white space.
pub(crate) fn compact(out: &mut String, json: &str, surface: &Surface) {
    for piece in &pieces(json) {
        push(out, piece, surface);
    }
}

fn new_line(out: &mut String, depth: usize) -> usize {
    out.push('\n');
    out.extend(std::iter::repeat_n(' ', depth * 2));
    depth * 2
}

fn push(out: &mut String, piece: &Piece<'_>, surface: &Surface) {
    surface.paint.push(out, piece.role, &piece.text);
}

/// Whether the piece before is an opening bracket.
fn is_open(pieces: &[Piece<'_>], at: usize) -> bool {
    at > 0 && pieces[at - 1].kind == TokenKind::Open
}

fn pieces(json: &str) -> Vec<Piece<'_>> {
    let mut pieces: Vec<Piece<'_>> = Vec::new();
    let mut open = Vec::new();
    let mut start = 0;
    let mut is_successful_field = false;
    for token in tokens(json) {
        let at = pieces.len();
        let role = match token.kind {
            TokenKind::Key => Role::Key,
            TokenKind::String => Role::Text,
            TokenKind::Number => Role::Number,
            TokenKind::Literal if is_successful_field && token.text == "false" => Role::Bad,
            TokenKind::Literal => Role::Literal,
            TokenKind::Open | TokenKind::Close | TokenKind::Comma | TokenKind::Colon => Role::Plain,
        };
        match token.kind {
            TokenKind::Key => {
                is_successful_field = open.len() == 1 && token.text == "\"successful\"";
            }
            TokenKind::Comma => is_successful_field = false,
            TokenKind::Open => open.push(at),
            TokenKind::Close => {
                if let Some(begin) = open.pop() {
                    pieces[begin].end = at;
                }
            }
            TokenKind::Colon | TokenKind::String | TokenKind::Number | TokenKind::Literal => {}
        }
        let text = escape::json(token.text);
        let width = match token.kind {
            TokenKind::Key | TokenKind::String => text.width(),
            TokenKind::Comma | TokenKind::Colon => 2,
            TokenKind::Open | TokenKind::Close if matches!(&*text, "{" | "}") => 2,
            _ => text.len(),
        };
        pieces.push(Piece {
            kind: token.kind,
            text,
            role,
            end: at,
            start,
        });
        start += width;
    }
    pieces
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::paint::Paint;
    use super::super::surface::Reader;
    use super::*;

    fn show(json: &str) -> String {
        let mut out = String::new();
        indented(&mut out, json, &Surface::plain());
        out
    }

    #[test]
    fn what_fits_stays_on_one_line() {
        assert_eq!(
            show(r#"{"user":"ann","text":"hi"}"#),
            r#"{ "user": "ann", "text": "hi" }"#
        );
        assert_eq!(
            show(r#"{"a":{},"b":[ ],"c":[1,{"d":null}]}"#),
            r#"{ "a": {}, "b": [], "c": [1, { "d": null }] }"#
        );
        assert_eq!(show("1.50"), "1.50");
        assert_eq!(show(""), "");
    }

    #[test]
    fn what_does_not_fit_is_indented() {
        let json = r#"{"channel":"/meta/handshake","successful":true,"supportedConnectionTypes":["long-polling","websocket"],"advice":{"interval":0},"ext":{}}"#;
        insta::assert_snapshot!(show(json), @r#"
        {
          "channel": "/meta/handshake",
          "successful": true,
          "supportedConnectionTypes": ["long-polling", "websocket"],
          "advice": { "interval": 0 },
          "ext": {}
        }
        "#);
    }

    #[test]
    fn wide_characters_count_twice() {
        let text = |n| format!("[\"{}\"]", "世".repeat(n));
        assert!(!show(&text(26)).contains('\n'));
        assert!(show(&text(30)).contains('\n'));
    }

    #[test]
    fn keys_and_values_have_their_colours() {
        let mut out = String::new();
        let surface = Surface::fixed(Paint::Colored, Reader::Terminal);
        compact(
            &mut out,
            r#"{"successful":false,"n":[1,"a",false]}"#,
            &surface,
        );
        let readable = out.replace("\x1b[", "<").replace("<0m", "<>");
        insta::assert_snapshot!(readable, @r#"{<34m"successful"<>:<31mfalse<>,<34m"n"<>:[<33m1<>,<32m"a"<>,<35mfalse<>]}"#);
    }

    #[test]
    fn spelling_stays_and_control_characters_do_not() {
        let json = "{ \"n\" : 1.0e+2, \"n\":9007199254740993, \"t\":\"\u{9b}\\/\" }";
        assert_eq!(
            show(json),
            r#"{ "n": 1.0e+2, "n": 9007199254740993, "t": "\u009b\/" }"#
        );
    }

    #[test]
    fn deep_nesting_needs_neither_stack_nor_quadratic_space() {
        let n = 100_000;
        let shown = show(&format!("{}{}", "[".repeat(n), "]".repeat(n)));
        assert_eq!(shown.matches('[').count(), n);
        assert!(shown.len() < 3 * n);
        let shown = show(&format!("{}1{}", "{\"a\":".repeat(n), "}".repeat(n)));
        assert!(shown.len() < 12 * n);
    }

    proptest! {
        #[test]
        fn any_text_is_shown_without_panic_and_loses_only_white_space(text in "[ \\[\\]{},:\"\\\\a1é]{0,80}") {
            let plain = |it: &str| it.replace([' ', '\n'], "");
            prop_assert_eq!(plain(&show(&text)), plain(&text));
        }

        #[test]
        fn any_text_is_shown_without_control_characters(text in any::<String>()) {
            let shown = show(&text);
            prop_assert!(!shown.contains(|it: char| it.is_control() && it != '\n'), "{:?}", shown);
        }
    }
}
