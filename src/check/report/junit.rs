//! The checks as test cases, in the XML that JUnit's reports have and that CI systems show.

use std::fmt::Write;

use super::super::verdict::Verdict;
use super::super::{Judged, Report, Standing};
use super::TOOL;
use crate::markup::escaped;

/// The document: a suite for each group, and one for what was in the way.
pub(super) fn render(report: &Report) -> String {
    let mut suites = String::new();
    let groups = report
        .outcomes
        .chunk_by(|a, b| a.outcome.check.group() == b.outcome.check.group());
    let mut total = Counts::default();
    for group in groups {
        let counts = Counts::of(report, group);
        let name = group.first().map_or("", |it| it.outcome.check.group());
        let _ = writeln!(
            suites,
            "  <testsuite name=\"{name}\" {}>",
            counts.attributes()
        );
        if total.n_cases == 0 {
            // In the first suite, since the root has none.
            suites.push_str(&properties(report));
        }
        group.iter().for_each(|it| case(&mut suites, report, it));
        suites.push_str("  </testsuite>\n");
        total.add(&counts);
    }
    if let Some(hindrance) = &report.hindrance {
        let hindrance = escaped(hindrance);
        let _ = writeln!(
            suites,
            "  <testsuite name=\"run\" tests=\"1\" failures=\"0\" errors=\"1\" skipped=\"0\" time=\"0\">\n    \
             <testcase classname=\"bayeux.check\" name=\"run\" time=\"0\">\n      \
             <error type=\"hindrance\" message=\"{hindrance}\">{hindrance}</error>\n    \
             </testcase>\n  </testsuite>"
        );
        total.n_cases += 1;
    }
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <testsuites name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" time=\"{:.3}\">\n{suites}</testsuites>\n",
        escaped(&format!("bayeux check {}", report.url)),
        total.n_cases,
        total.n_failures,
        usize::from(report.hindrance.is_some()),
        total.seconds,
    )
}

#[derive(Default)]
struct Counts {
    n_cases: usize,
    n_failures: usize,
    n_skipped: usize,
    seconds: f64,
}

impl Counts {
    fn of(report: &Report, group: &[Judged]) -> Self {
        let is_failure = |it: &&Judged| it.is_failure(report.strictness);
        Self {
            n_cases: group.len(),
            n_failures: group.iter().filter(is_failure).count(),
            n_skipped: group.iter().filter(|it| it.word() == "skip").count(),
            seconds: group.iter().map(|it| it.outcome.took.as_secs_f64()).sum(),
        }
    }

    fn add(&mut self, other: &Self) {
        self.n_cases += other.n_cases;
        self.n_failures += other.n_failures;
        self.n_skipped += other.n_skipped;
        self.seconds += other.seconds;
    }

    fn attributes(&self) -> String {
        format!(
            "tests=\"{}\" failures=\"{}\" errors=\"0\" skipped=\"{}\" time=\"{:.3}\"",
            self.n_cases, self.n_failures, self.n_skipped, self.seconds
        )
    }
}

fn properties(report: &Report) -> String {
    let mut out = "    <properties>\n".to_owned();
    for (name, value) in [
        ("tool", TOOL),
        ("url", &report.url),
        ("transport", report.transport),
        ("server", &report.flavour.to_string()),
        ("verdict", &Verdict::of(report).summary),
    ] {
        let value = escaped(value);
        let _ = writeln!(out, "      <property name=\"{name}\" value=\"{value}\"/>");
    }
    out.push_str("    </properties>\n");
    out
}

fn case(out: &mut String, report: &Report, judged: &Judged) {
    let outcome = &judged.outcome;
    let check = outcome.check;
    let _ = write!(
        out,
        "    <testcase classname=\"bayeux.check.{}\" name=\"{}\" time=\"{:.3}\"",
        check.group(),
        escaped(&format!("{}: {}", check.id, check.title)),
        outcome.took.as_secs_f64()
    );
    let seen = escaped(&outcome.seen);
    if judged.is_failure(report.strictness) {
        let mut text = outcome.seen.clone();
        if let Some(remedy) = &outcome.remedy {
            text.push_str(" - ");
            text.push_str(remedy);
        }
        let _ = writeln!(
            out,
            ">\n      <failure type=\"{}\" message=\"{seen}\">{}</failure>\n    </testcase>",
            check.severity.as_str(),
            escaped(&text)
        );
    } else if judged.word() == "skip" {
        let _ = writeln!(
            out,
            ">\n      <skipped message=\"{seen}\"/>\n    </testcase>"
        );
    } else if judged.word() == "pass"
        && outcome.seen.is_empty()
        && judged.standing == Standing::Unknown
    {
        out.push_str("/>\n");
    } else {
        let mut text = format!("{}: {}", judged.word(), outcome.seen);
        match &judged.standing {
            Standing::AsKnown(it) => text.push_str(&format!(" ({})", it.source)),
            Standing::NoLonger(_) => text.push_str(" (no longer deviates)"),
            Standing::Unknown => {}
        }
        let _ = writeln!(
            out,
            ">\n      <system-out>{}</system-out>\n    </testcase>",
            escaped(&text)
        );
    }
}
