//! One JSON object on one line, written field by field.

use std::borrow::Cow;
use std::fmt::Display;
use std::time::{Duration, SystemTime};

use crate::protocol::Json;
use crate::rfc3339;

/// A JSON object under construction.
pub(super) struct Line(String);

impl Line {
    pub(super) fn new(record_type: &'static str) -> Self {
        Self(format!("{{\"type\":\"{record_type}\""))
    }

    pub(super) fn text(self, name: &str, text: &str) -> Self {
        let text = Json::string(text);
        self.raw(name, text.as_str())
    }

    pub(super) fn number(self, name: &str, number: impl Display) -> Self {
        self.raw(name, &number.to_string())
    }

    pub(super) fn time(self, time: SystemTime) -> Self {
        self.text("time", &rfc3339::text(time))
    }

    /// Milliseconds, with a fraction only where there is one.
    pub(super) fn milliseconds(self, name: &str, duration: Duration) -> Self {
        let micros = duration.as_micros();
        let text = format!("{}.{:03}", micros / 1000, micros % 1000);
        let text = text.trim_end_matches('0').trim_end_matches('.');
        self.raw(name, text)
    }

    /// A JSON text; its line breaks, which stand between tokens only, become blanks.
    pub(super) fn raw(mut self, name: &str, json: &str) -> Self {
        self.0.push_str(",\"");
        self.0.push_str(name);
        self.0.push_str("\":");
        self.0.push_str(&on_one_line(json));
        self
    }

    pub(super) fn end(mut self) -> String {
        self.0.push('}');
        self.0
    }
}

fn on_one_line(json: &str) -> Cow<'_, str> {
    if json.contains(['\n', '\r']) {
        json.replace(['\n', '\r'], " ").into()
    } else {
        json.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn milliseconds_have_a_fraction_only_where_there_is_one() {
        let text = |micros| {
            let line = Line::new("x").milliseconds("ms", Duration::from_micros(micros));
            line.end()
        };
        assert_eq!(text(0), r#"{"type":"x","ms":0}"#);
        assert_eq!(text(1_000_000), r#"{"type":"x","ms":1000}"#);
        assert_eq!(text(1_250), r#"{"type":"x","ms":1.25}"#);
    }
}
