//! The HTTP lines of `-vv`: request and status lines, headers, timings.

use std::time::{Duration, SystemTime};

use bayeux::recording::Direction;
use bayeux::redaction::{Secrets, redact_header, redact_url};

use super::paint::Role;
use super::pretty::arrow;
use super::surface::Surface;
use super::{escape, words};

/// The head of a request or a response.
#[derive(Clone, Debug)]
pub(crate) struct HttpHead {
    /// When it was sent or received.
    pub(crate) time: SystemTime,
    /// Request or response.
    pub(crate) direction: Direction,
    /// The first line, e.g. `POST /cometd HTTP/1.1`.
    pub(crate) start_line: String,
    /// Names and values in their order.
    pub(crate) headers: Vec<(String, String)>,
    /// The stages of the exchange and how long each took, e.g. `connect`.
    pub(crate) timings: Vec<(&'static str, Duration)>,
}

/// The indentation that puts a header under the first line.
const INDENTATION: &str = "                ";

/// The head, its start line with time and arrow, the rest below.
pub(super) fn head(head: &HttpHead, secrets: Secrets, surface: &Surface) -> String {
    let mut text = format!("{}  {} ", surface.time(head.time), arrow(head.direction));
    let words = head.start_line.split(' ').map(|word| match secrets {
        Secrets::Redacted => redact_url(word),
        Secrets::Shown => word.into(),
    });
    let start_line: Vec<_> = words.collect();
    text.push_str(&escape::line(&start_line.join(" ")));
    for (name, value) in &head.headers {
        let value = match secrets {
            Secrets::Redacted => redact_header(name, value),
            Secrets::Shown => value.into(),
        };
        let line = format!("\n{INDENTATION}{}: ", escape::line(name));
        text.push_str(&line);
        text.push_str(&escape::line(&value));
    }
    if !head.timings.is_empty() {
        let timings = head.timings.iter();
        let timings: Vec<_> = timings
            .map(|(stage, duration)| format!("{stage} {}", words::duration(*duration)))
            .collect();
        text.push_str(&format!("\n{INDENTATION}({})", timings.join(", ")));
    }
    let mut out = String::new();
    for line in text.lines() {
        surface.paint.push(&mut out, Role::Dim, line);
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::tests::time;
    use super::*;

    #[test]
    fn a_head_is_redacted_and_escaped() {
        let request = HttpHead {
            time: time(),
            direction: Direction::Out,
            start_line: "GET /cometd?jsonp=f&token=abc HTTP/1.1".to_owned(),
            headers: [
                ("Authorization", "Bearer abc"),
                ("Cookie", "BAYEUX_BROWSER=1a2b"),
                ("X", "\u{1b}[2J"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec(),
            timings: vec![
                ("connect", Duration::from_micros(900)),
                ("reply", Duration::from_millis(213)),
            ],
        };
        insta::assert_snapshot!(head(&request, Secrets::Redacted, &Surface::plain()), @r#"
        18:50:33.805  > GET /cometd?jsonp=f&token=*** HTTP/1.1
                        Authorization: Bearer ***
                        Cookie: BAYEUX_BROWSER=***
                        X: \x1b[2J
                        (connect 0.9 ms, reply 213 ms)
        "#);
    }
}
