//! Everything as JSON (`schema/check.v1.json`).

use serde::Serialize;

use super::super::verdict::Verdict;
use super::super::{Counts, Exchange, Judged, Received, Report, Standing, Strictness};
use super::TOOL;
use crate::redaction::{Secrets, redact_excerpt, redact_header};

/// Of the document; another one when a field is renamed or removed.
const SCHEMA: u64 = 1;

#[derive(Serialize)]
struct Document<'a> {
    schema: u64,
    tool: &'static str,
    url: &'a str,
    transport: &'a str,
    server: String,
    strict: bool,
    verdict: Verdict,
    counts: Counts,
    checks: Vec<Row<'a>>,
}

#[derive(Serialize)]
struct Row<'a> {
    id: &'a str,
    title: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    clause: &'a str,
    severity: &'a str,
    status: &'a str,
    /// Whether it fails the run.
    fails: bool,
    #[serde(skip_serializing_if = "str::is_empty")]
    seen: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<&'a str>,
    /// Where a known deviation is known from.
    #[serde(skip_serializing_if = "Option::is_none")]
    known_from: Option<&'a str>,
    /// Whether a known deviation was not seen.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    no_longer_deviates: bool,
    seconds: f64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    exchanges: Vec<Told>,
}

#[derive(Serialize)]
struct Told {
    asked: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    headers: Vec<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    sent: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    response_headers: Vec<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    received: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<String>,
    seconds: f64,
}

/// The document, indented, with a line break at its end. Exchanges stand with what deviates.
pub(super) fn render(report: &Report, secrets: Secrets) -> String {
    let document = Document {
        schema: SCHEMA,
        tool: TOOL,
        url: &report.url,
        transport: report.transport,
        server: report.flavour.to_string(),
        strict: report.strictness == Strictness::Strict,
        verdict: Verdict::of(report),
        counts: report.counts(),
        checks: report
            .outcomes
            .iter()
            .map(|it| row(it, report.strictness, secrets))
            .collect(),
    };
    let text = serde_json::to_string_pretty(&document);
    text.expect("structs with names for keys always have a JSON form") + "\n"
}

fn row(judged: &Judged, strictness: Strictness, secrets: Secrets) -> Row<'_> {
    let outcome = &judged.outcome;
    Row {
        id: outcome.check.id,
        title: outcome.check.title,
        clause: outcome.check.clause,
        severity: outcome.check.severity.as_str(),
        status: judged.word(),
        fails: judged.is_failure(strictness),
        seen: &outcome.seen,
        field: outcome.field.as_deref(),
        remedy: outcome.remedy.as_deref(),
        known_from: match &judged.standing {
            Standing::AsKnown(it) | Standing::NoLonger(it) => Some(&it.source),
            Standing::Unknown => None,
        },
        no_longer_deviates: matches!(judged.standing, Standing::NoLonger(_)),
        seconds: outcome.took.as_secs_f64(),
        exchanges: match judged.word() {
            "pass" | "skip" => Vec::new(),
            _ => outcome
                .exchanges
                .iter()
                .map(|it| told(it, secrets))
                .collect(),
        },
    }
}

fn told(exchange: &Exchange, secrets: Secrets) -> Told {
    let exchange = exchange.redacted(secrets);
    let (status, response_headers, received, failure) = match exchange.received {
        Received::Response {
            status,
            headers,
            body,
        } => (Some(status), headers, body, None),
        Received::Frame(text) => (None, Vec::new(), text, None),
        Received::Nothing(why) => (
            None,
            Vec::new(),
            String::new(),
            (!why.is_empty()).then_some(why),
        ),
    };
    Told {
        asked: exchange.asked,
        headers: exchange.headers,
        sent: exchange.sent,
        status,
        response_headers,
        received,
        failure,
        seconds: exchange.took.as_secs_f64(),
    }
}

impl Exchange {
    /// The exchange as it may be shown.
    pub fn redacted(&self, secrets: Secrets) -> Self {
        if secrets == Secrets::Shown {
            return self.clone();
        }
        let line = |line: &String| match line.split_once(": ") {
            Some((name, value)) => format!("{name}: {}", redact_header(name, value)),
            None => line.clone(),
        };
        let text = |text: &String| redact_excerpt(text).into_owned();
        Self {
            asked: text(&self.asked),
            headers: self.headers.iter().map(line).collect(),
            sent: text(&self.sent),
            received: match &self.received {
                Received::Response {
                    status,
                    headers,
                    body,
                } => Received::Response {
                    status: *status,
                    headers: headers.iter().map(line).collect(),
                    body: text(body),
                },
                Received::Frame(body) => Received::Frame(text(body)),
                Received::Nothing(why) => Received::Nothing(why.clone()),
            },
            took: self.took,
        }
    }
}
