//! The outcomes of a run as files: one small file for each format, with a function from the
//! report to text. Nothing here opens a file.

mod json;
mod junit;
mod tap;

use std::path::Path;

use super::{Check, Mode, Report, Verdict};
use crate::protocol::Json;
use crate::redaction::Secrets;

/// What a report file is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Format {
    /// Everything: `schema/check.v1.json`.
    Json,
    /// The checks as lines, as the Test Anything Protocol (version 14) has them.
    Tap,
    /// The checks as test cases, as JUnit reports them.
    Xml,
}

/// The formats by the endings of their files.
pub const ENDINGS: [(&str, Format); 3] = [
    ("xml", Format::Xml),
    ("json", Format::Json),
    ("tap", Format::Tap),
];

impl Format {
    /// What a file with this ending is.
    pub fn of(path: &Path) -> Option<Self> {
        let ending = path.extension()?.to_str()?.to_ascii_lowercase();
        let found = ENDINGS.iter().find(|(it, _)| *it == ending);
        found.map(|(_, format)| *format)
    }

    /// The content of the file.
    pub fn render(self, report: &Report, secrets: Secrets) -> String {
        match self {
            Self::Json => json::render(report, secrets),
            Self::Tap => tap::render(report),
            Self::Xml => junit::render(report),
        }
    }
}

/// What a run comes to, on one line of JSON.
pub fn compact_verdict(report: &Report) -> String {
    let text = serde_json::to_string(&Verdict::of(report));
    text.expect("a struct with names for keys always has a JSON form")
}

/// What a check is, on one line of JSON.
pub fn described(check: &Check) -> String {
    let is_intrusive = check.mode == Mode::Intrusive;
    let fields = [
        ("id", check.id),
        ("title", check.title),
        ("clause", check.clause),
        ("severity", check.severity.as_str()),
    ];
    let fields = fields.map(|(name, text)| format!("\"{name}\":{}", Json::string(text).as_str()));
    format!("{{{},\"intrusive\":{is_intrusive}}}", fields.join(","))
}

/// The program that writes the files.
const TOOL: &str = concat!("bayeux ", env!("CARGO_PKG_VERSION"));

#[cfg(test)]
mod tests;
