//! Everything as JSON (`schema/bench.v1.json`), and the way back.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Number;

use super::super::run::{
    ClientUse, Config, ErrorCount, Interval, Latencies, Messages, Run, Sessions, Traffic,
};
use super::super::{Expectation, Outcome};
use super::{Report, TOOL};
use crate::rfc3339;

/// Of the document; another one when a field is renamed or removed.
const SCHEMA: u64 = 1;

#[derive(Serialize)]
struct Document<'a> {
    schema: u64,
    tool: &'static str,
    started: Option<String>,
    config: &'a Config,
    summary: BTreeMap<&'static str, Number>,
    sessions: &'a Sessions,
    messages: &'a Messages,
    traffic: &'a Traffic,
    latency: &'a Latencies,
    intervals: &'a [Interval],
    errors: &'a [ErrorCount],
    client: &'a ClientUse,
    expectations: &'a [Outcome],
    verdict: Verdict,
}

/// What a script asks first.
#[derive(Serialize)]
struct Verdict {
    passed: bool,
    expectations: usize,
    expectations_failed: usize,
    interrupted: bool,
}

/// The document, indented, with a line break at its end.
pub(super) fn render(report: &Report<'_>) -> String {
    let Report { run, outcomes } = report;
    let document = Document {
        schema: SCHEMA,
        tool: TOOL,
        started: run.started.map(rfc3339::text),
        config: &run.config,
        summary: summary(run),
        sessions: &run.sessions,
        messages: &run.messages,
        traffic: &run.traffic,
        latency: &run.latency,
        intervals: &run.intervals,
        errors: &run.errors,
        client: &run.client,
        expectations: outcomes,
        verdict: Verdict {
            passed: report.n_failed() == 0 && !run.client.interrupted,
            expectations: outcomes.len(),
            expectations_failed: report.n_failed(),
            interrupted: run.client.interrupted,
        },
    };
    let text = serde_json::to_string_pretty(&document);
    text.expect("structs with names for keys always have a JSON form") + "\n"
}

/// The summary alone, on one line.
pub fn compact_summary(run: &Run) -> String {
    let text = serde_json::to_string(&summary(run));
    text.expect("names and numbers always have a JSON form")
}

/// The summary with whole numbers as such.
fn summary(run: &Run) -> BTreeMap<&'static str, Number> {
    let number = |value: f64| match value.fract() == 0.0 && (0.0..MOST_EXACT).contains(&value) {
        true => Some(Number::from(value as u64)),
        // What is infinite has no JSON form.
        false => Number::from_f64(value),
    };
    let values = run.summary().into_iter();
    values
        .filter_map(|(name, value)| Some((name, number(value)?)))
        .collect()
}

/// Up to here every whole number is one in binary, too.
const MOST_EXACT: f64 = (1_u64 << 53) as f64;

/// A report that was read.
#[derive(Clone, Debug)]
pub struct Saved {
    /// What was measured.
    pub run: Run,
    /// What was expected.
    pub expectations: Vec<Expectation>,
}

/// A text that is no report.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// It is not JSON.
    #[error("not JSON: {0}")]
    NotJson(serde_json::Error),
    /// It is something else than the results of a load test.
    #[error("no `schema` beside `config` and `latency`")]
    SomethingElse,
    /// It was written by a later version.
    #[error("its schema is {0}, and this version reads {SCHEMA}")]
    OtherSchema(u64),
    /// Something is missing or has another form.
    #[error(transparent)]
    Incomplete(serde_json::Error),
}

/// Reads what was written as [`Format::Json`](super::Format::Json).
///
/// # Errors
/// When the text is no such report.
pub fn read(text: &[u8]) -> Result<Saved, ReadError> {
    #[derive(Deserialize)]
    struct Head {
        schema: Option<u64>,
        config: Option<serde::de::IgnoredAny>,
        latency: Option<serde::de::IgnoredAny>,
    }
    #[derive(Deserialize)]
    struct Foot {
        #[serde(default)]
        expectations: Vec<Expectation>,
    }
    serde_json::from_slice::<serde::de::IgnoredAny>(text).map_err(ReadError::NotJson)?;
    let head = serde_json::from_slice(text).map_err(|_| ReadError::SomethingElse)?;
    let Head {
        schema: Some(schema),
        config: Some(_),
        latency: Some(_),
    } = head
    else {
        return Err(ReadError::SomethingElse);
    };
    if schema != SCHEMA {
        return Err(ReadError::OtherSchema(schema));
    }
    let run = serde_json::from_slice(text).map_err(ReadError::Incomplete)?;
    let Foot { expectations } = serde_json::from_slice(text).map_err(ReadError::Incomplete)?;
    Ok(Saved { run, expectations })
}
