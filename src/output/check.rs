//! The outcomes of checks, for people: one line each, and what was sent and what came where it is
//! not as it should be.

use bayeux::check::{
    Check, Exchange, Judged, Mode, Received, Report, Standing, Strictness, Verdict,
};
use bayeux::redaction::Secrets;

use super::paint::Role;
use super::surface::Surface;
use super::{escape, layout, words};

/// So many lines are shown of a body.
const MOST_LINES: usize = 24;

/// The names and titles of checks.
pub(super) fn list(checks: &[&Check], surface: &Surface) -> String {
    let width = checks.iter().map(|it| it.id.len()).max().unwrap_or(0);
    let mut out = String::new();
    for check in checks {
        let padding = " ".repeat(width - check.id.len());
        out.push_str(&format!("{}{padding}  {}", check.id, check.title));
        let mode = match check.mode {
            Mode::Safe => "",
            Mode::Intrusive => ", intrusive",
        };
        let traits = format!("  ({}{mode})", check.severity.as_str());
        surface.paint.push(&mut out, Role::Dim, &traits);
        out.push('\n');
    }
    out
}

/// What is checked.
pub(super) fn headline(report: &Report, surface: &Surface) -> String {
    let mut out = format!(
        "bayeux check  {}  {}",
        escape::line(&report.url),
        report.transport
    );
    let server = match (&report.known.flavour, &report.known.version) {
        (Some(flavour), Some(version)) => format!("  {flavour} {version}"),
        (Some(flavour), None) => format!("  {flavour}"),
        (None, _) => format!("  {}, held against nothing", report.flavour),
    };
    surface.paint.push(&mut out, Role::Dim, &server);
    out.push('\n');
    out
}

/// One outcome; the group's name before its first.
pub(super) fn outcome(
    judged: &Judged,
    is_first: bool,
    strictness: Strictness,
    secrets: Secrets,
    surface: &Surface,
) -> String {
    let outcome = &judged.outcome;
    let mut out = String::new();
    if is_first {
        out.push_str(&format!("\n{}\n", outcome.check.group()));
    }
    let (mark, role) = match judged.word() {
        "pass" => ("ok   ", Role::Text),
        "skip" => ("skip ", Role::Dim),
        "note" => ("note ", Role::Key),
        "known" if judged.is_failure(strictness) => ("FAIL ", Role::Bad),
        "known" => ("known", Role::Dim),
        "warn" if judged.is_failure(strictness) => ("FAIL ", Role::Bad),
        "warn" => ("warn ", Role::Warning),
        _ => ("FAIL ", Role::Bad),
    };
    out.push_str("  ");
    surface.paint.push(&mut out, role, mark);
    out.push_str(&format!(" {}  {}", outcome.check.id, outcome.check.title));
    let took = format!("  {}", words::duration(outcome.took));
    if judged.word() != "skip" {
        surface.paint.push(&mut out, Role::Dim, &took);
    }
    out.push('\n');
    if !outcome.seen.is_empty() {
        indent(&mut out, role, &outcome.seen, surface);
    }
    match &judged.standing {
        Standing::AsKnown(it) => {
            indent(
                &mut out,
                Role::Dim,
                &format!("as known: {}", it.source),
                surface,
            );
        }
        Standing::NoLonger(it) => {
            let text = format!(
                "no longer deviates; known was: {} ({})",
                it.seen.as_str(),
                it.source
            );
            indent(&mut out, Role::Key, &text, surface);
        }
        Standing::Unknown => {}
    }
    let is_bad = matches!(judged.word(), "warn" | "fail") || judged.is_failure(strictness);
    if is_bad {
        if let Some(remedy) = &outcome.remedy {
            indent(&mut out, Role::Hint, remedy, surface);
        }
        if let Some(last) = outcome.exchanges.last() {
            exchange(
                &mut out,
                &last.redacted(secrets),
                outcome.field.as_deref(),
                surface,
            );
        }
    }
    out
}

/// So many checks that were not tried, and why.
pub(super) fn untried(reason: &str, n: u64, surface: &Surface) -> String {
    let mut out = "\n".to_owned();
    let text = format!("skipped  {}: {reason}", words::count(n, "check"));
    surface
        .paint
        .push(&mut out, Role::Dim, &escape::line(&text));
    out.push('\n');
    out
}

/// The three lines at the end.
pub(super) fn verdict(report: &Report, surface: &Surface) -> String {
    let verdict = Verdict::of(report);
    let mut out = "\n".to_owned();
    let (role, word) = match verdict.passed {
        true => (Role::Text, "passed"),
        false => (Role::Bad, "failed"),
    };
    surface.paint.push(&mut out, role, word);
    out.push_str(&format!(": {}\n", verdict.summary));
    for (label, text) in [("cause", &verdict.cause), ("hint", &verdict.remedy)] {
        if let Some(text) = text {
            surface.paint.push(&mut out, Role::Hint, label);
            out.push_str(&format!(": {}\n", escape::line(text)));
        }
    }
    out
}

fn indent(out: &mut String, role: Role, text: &str, surface: &Surface) {
    for line in text.lines() {
        out.push_str("        ");
        surface.paint.push(out, role, &escape::line(line));
        out.push('\n');
    }
}

/// A request and what came of it, with the line of the offending field marked.
fn exchange(out: &mut String, exchange: &Exchange, field: Option<&str>, surface: &Surface) {
    if !exchange.asked.is_empty() {
        quoted(
            out,
            Role::Dim,
            &format!("> {}", exchange.asked),
            false,
            surface,
        );
    }
    for header in &exchange.headers {
        quoted(out, Role::Dim, header, false, surface);
    }
    // The field is the server's, but where nothing came.
    body(out, &exchange.sent, None, surface);
    match &exchange.received {
        Received::Response {
            status,
            headers,
            body: text,
        } => {
            let took = words::duration(exchange.took);
            quoted(
                out,
                Role::Dim,
                &format!("< HTTP {status}  {took}"),
                false,
                surface,
            );
            for header in headers {
                let name = header.split(':').next().unwrap_or_default();
                let is_field = field.is_some_and(|it| it.eq_ignore_ascii_case(name));
                quoted(out, Role::Dim, header, is_field, surface);
            }
            body(out, text, field, surface);
        }
        Received::Frame(text) => {
            quoted(out, Role::Dim, "< websocket frame", false, surface);
            body(out, text, field, surface);
        }
        Received::Nothing(why) if why.is_empty() => {}
        Received::Nothing(why) => quoted(out, Role::Bad, &format!("< {why}"), false, surface),
    }
}

fn body(out: &mut String, text: &str, field: Option<&str>, surface: &Surface) {
    if text.is_empty() {
        return;
    }
    // Each field on a line of its own, so that one can be marked.
    let narrow = Surface::narrow();
    let mut indented = String::new();
    match serde_json::from_str::<serde::de::IgnoredAny>(text) {
        Ok(_) if field.is_some() => layout::indented(&mut indented, text, &narrow),
        Ok(_) | Err(_) => indented.push_str(text),
    }
    let name = field.map(|it| it.rsplit('.').next().unwrap_or(it));
    let key = name.map(|it| format!("\"{it}\":"));
    let mut lines = indented.lines();
    for line in lines.by_ref().take(MOST_LINES) {
        let is_field = key
            .as_ref()
            .is_some_and(|key| line.trim_start().starts_with(key.as_str()));
        quoted(out, Role::Plain, line, is_field, surface);
    }
    let n_more = lines.count();
    if n_more > 0 {
        quoted(
            out,
            Role::Dim,
            &format!("... {}", words::count(n_more as u64, "more line")),
            false,
            surface,
        );
    }
}

fn quoted(out: &mut String, role: Role, text: &str, is_marked: bool, surface: &Surface) {
    let (margin, role) = match is_marked {
        true => ("     -> | ", Role::Bad),
        false => ("        | ", role),
    };
    surface
        .paint
        .push(out, if is_marked { Role::Bad } else { Role::Dim }, margin);
    surface.paint.push(out, role, &escape::line(text));
    out.push('\n');
}
