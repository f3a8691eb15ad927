//! The checks as lines of the Test Anything Protocol, version 14.

use std::fmt::Write;

use super::super::{Report, Standing};

/// The lines.
pub(super) fn render(report: &Report) -> String {
    let mut out = format!("TAP version 14\n1..{}\n", report.outcomes.len());
    for (nth, judged) in report.outcomes.iter().enumerate() {
        let outcome = &judged.outcome;
        let word = match judged.is_failure(report.strictness) {
            true => "not ok",
            false => "ok",
        };
        let _ = write!(
            out,
            "{word} {} - {}: {}",
            nth + 1,
            outcome.check.id,
            described(outcome.check.title)
        );
        if judged.word() == "skip" {
            let _ = write!(out, " # SKIP {}", described(&outcome.seen));
        }
        out.push('\n');
        let is_plain = matches!(judged.word(), "pass" | "skip");
        if !is_plain || judged.standing != Standing::Unknown {
            let text = |text: &str| crate::protocol::Json::string(text);
            let _ = writeln!(out, "  ---\n  status: {}", judged.word());
            let _ = writeln!(out, "  severity: {}", outcome.check.severity.as_str());
            let _ = writeln!(out, "  seen: {}", text(&outcome.seen).as_str());
            if let Some(remedy) = &outcome.remedy {
                let _ = writeln!(out, "  remedy: {}", text(remedy).as_str());
            }
            match &judged.standing {
                Standing::AsKnown(it) => {
                    let _ = writeln!(out, "  known: {}", text(&it.source).as_str());
                }
                Standing::NoLonger(_) => out.push_str("  no_longer_deviates: true\n"),
                Standing::Unknown => {}
            }
            out.push_str("  ...\n");
        }
    }
    if let Some(hindrance) = &report.hindrance {
        let _ = writeln!(out, "Bail out! {}", on_one_line(hindrance));
    }
    out
}

/// A `#` would begin a directive, a line break another line.
fn described(text: &str) -> String {
    on_one_line(&text.replace('\\', "\\\\").replace('#', "\\#"))
}

fn on_one_line(text: &str) -> String {
    text.replace(|it: char| it.is_control(), " ")
}
