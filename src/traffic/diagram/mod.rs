//! A conversation as a sequence diagram: an SVG that stands alone, or a page around it.
//!
//! Each client has a line, the server has one on the right, and each message is an arrow between
//! them. Beside the server's line a bar shows for how long a connect was held. No script, nothing
//! from elsewhere, light or dark as the reader has it.

mod lanes;
mod page;
mod svg;

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use super::{Noticed, Summary};
use crate::protocol::Message;
use crate::redaction::{Secrets, redact, shortened_client_id};

/// What a diagram shows.
#[derive(Clone, Copy, Debug)]
pub struct Diagram<'a> {
    /// What was recorded, e.g. the server's address.
    pub title: &'a str,
    /// The moment that the times of what was noticed count from.
    pub zero: SystemTime,
    /// What was noticed.
    pub noticed: &'a [Noticed],
    /// What it adds up to.
    pub summary: &'a Summary,
    /// Whether secrets are shown.
    pub secrets: Secrets,
}

impl Diagram<'_> {
    /// The diagram by itself.
    pub fn to_svg(&self) -> String {
        svg::render(self, svg::Place::Alone)
    }

    /// A page with the summary and the diagram.
    pub fn to_html(&self) -> String {
        page::render(self)
    }

    /// The time of day, in UTC.
    fn clock(&self, at: Duration) -> String {
        let text = humantime::format_rfc3339_millis(self.zero + at).to_string();
        text.get(11..23).unwrap_or_default().to_owned()
    }

    fn text<'m>(&self, message: &'m Message) -> Cow<'m, str> {
        match self.secrets {
            Secrets::Redacted => redact(message.raw()),
            Secrets::Shown => message.raw().into(),
        }
    }

    fn client_id<'m>(&self, client_id: &'m str) -> Cow<'m, str> {
        match self.secrets {
            // That of a recording is shortened already.
            Secrets::Redacted if !client_id.ends_with('…') => {
                shortened_client_id(client_id).into()
            }
            Secrets::Redacted | Secrets::Shown => client_id.into(),
        }
    }
}

/// `213 ms`, `3.10 s`.
fn duration(duration: Duration) -> String {
    let milliseconds = duration.as_secs_f64() * 1000.0;
    match milliseconds {
        0.0..10.0 => format!("{milliseconds:.1} ms"),
        10.0..1000.0 => format!("{milliseconds:.0} ms"),
        _ => format!("{:.2} s", milliseconds / 1000.0),
    }
}

/// A text between tags or quotes. Characters that XML does not have are replaced.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\t' | '\n' => out.push(' '),
            // Marks of direction would turn the text around them.
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => out.push('\u{fffd}'),
            it if it.is_control() || matches!(it, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            it => out.push(it),
        }
    }
    out
}

/// A text of so many characters at the most.
fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests;
