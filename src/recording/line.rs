//! One JSON object on one line, written field by field.

use std::borrow::Cow;
use std::fmt::Display;
use std::time::{Duration, SystemTime};

use crate::protocol::Json;

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
        // Before 1970 or after 9999 there is no such text, and no honest clock.
        let time = time.clamp(SystemTime::UNIX_EPOCH, last_time());
        self.text("time", &humantime::format_rfc3339_micros(time).to_string())
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

/// The last second of the year 9999.
fn last_time() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(253_402_300_799)
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

    #[test]
    fn no_time_panics() {
        let far = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(1 << 60));
        for time in far.into_iter().chain([
            SystemTime::UNIX_EPOCH - Duration::from_secs(1),
            last_time() + Duration::from_secs(1),
        ]) {
            Line::new("x").time(time);
        }
    }
}
