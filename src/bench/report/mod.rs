//! The results of a run as files: one small file for each format, with a function from the
//! report to bytes. Nothing here opens a file.

mod axis;
mod chart;
pub mod comparison;
mod csv;
pub mod figures;
mod hgrm;
mod hlog;
mod html;
mod json;
mod junit;
mod series;
pub mod words;

use std::path::Path;

use super::{Outcome, Run};

pub use json::{ReadError, Saved, compact_summary, read};

/// A run, and what became of what was expected of it.
#[derive(Clone, Copy, Debug)]
pub struct Report<'a> {
    /// What was measured.
    pub run: &'a Run,
    /// What was expected.
    pub outcomes: &'a [Outcome],
}

/// What a report file is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Format {
    /// Everything, to be read again: `schema/bench.v1.json`.
    Json,
    /// The seconds, a row each.
    Csv,
    /// A page to look at.
    Html,
    /// The percentiles of the deliveries, as HdrHistogram prints and plots them.
    Hgrm,
    /// The deliveries of each second, as HdrHistogram logs them.
    Hlog,
    /// The expectations as test cases, as JUnit reports them.
    Xml,
}

/// The formats by the endings of their files.
pub const ENDINGS: [(&str, Format); 6] = [
    ("json", Format::Json),
    ("csv", Format::Csv),
    ("html", Format::Html),
    ("hgrm", Format::Hgrm),
    ("hlog", Format::Hlog),
    ("xml", Format::Xml),
];

impl Report<'_> {
    /// How many expectations are not met.
    pub fn n_failed(&self) -> usize {
        self.outcomes.iter().filter(|it| !it.is_met).count()
    }
}

impl Format {
    /// What a file with this ending is.
    pub fn of(path: &Path) -> Option<Self> {
        let ending = path.extension()?.to_str()?.to_ascii_lowercase();
        let found = ENDINGS.iter().find(|(it, _)| *it == ending);
        found.map(|(_, format)| *format)
    }

    /// The content of the file.
    pub fn render(self, report: &Report<'_>) -> Vec<u8> {
        match self {
            Self::Json => json::render(report).into_bytes(),
            Self::Csv => csv::render(report.run).into_bytes(),
            Self::Html => html::render(report).into_bytes(),
            Self::Hgrm => hgrm::render(&report.run.latency.delivery).into_bytes(),
            Self::Hlog => hlog::render(report.run),
            Self::Xml => junit::render(report).into_bytes(),
        }
    }
}

/// The program that writes the files.
const TOOL: &str = concat!("bayeux ", env!("CARGO_PKG_VERSION"));

#[cfg(test)]
mod tests;
