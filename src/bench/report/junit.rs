//! The expectations as test cases, in the XML that JUnit's reports have and that CI systems show.

use std::fmt::Write;

use super::{Report, TOOL};
use crate::markup::escaped;
use crate::rfc3339;

/// The document. Without expectations it has one case, which says whether the run was whole.
pub(super) fn render(report: &Report<'_>) -> String {
    let run = report.run;
    let mut cases = String::new();
    let mut n_failures = 0;
    for outcome in report.outcomes {
        let failure = (!outcome.is_met).then(|| failure(outcome));
        n_failures += usize::from(failure.is_some());
        case(&mut cases, &outcome.expectation.to_string(), failure);
    }
    if report.outcomes.is_empty() {
        let failure = run.client.interrupted.then(|| "interrupted".to_owned());
        n_failures += usize::from(failure.is_some());
        case(&mut cases, "run", failure);
    }
    let n_cases = report.outcomes.len().max(1);
    let counts = format!("tests=\"{n_cases}\" failures=\"{n_failures}\" errors=\"0\"");
    let time = run.client.seconds;
    let timestamp = run.started.map(|it| {
        let text = rfc3339::text(it);
        // The schema knows neither fractions nor a zone.
        let seconds = text.split('.').next().unwrap_or_default();
        format!(" timestamp=\"{seconds}\"")
    });
    let mut properties = String::new();
    for (name, value) in [
        ("tool", TOOL),
        ("url", &run.config.url),
        ("transport", &run.config.transport),
    ] {
        property(&mut properties, name, value);
    }
    for (name, value) in run.summary() {
        property(&mut properties, name, &value.to_string());
    }
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <testsuites name=\"bayeux bench\" {counts} time=\"{time:.3}\">\n  \
         <testsuite name=\"{}\" {counts} skipped=\"0\" time=\"{time:.3}\"{}>\n    \
         <properties>\n{properties}    </properties>\n\
         {cases}  </testsuite>\n\
         </testsuites>\n",
        escaped(&format!("bayeux bench {}", run.config.url)),
        timestamp.unwrap_or_default(),
    )
}

fn failure(outcome: &super::super::Outcome) -> String {
    let name = outcome.expectation.metric().name;
    let (value, limit) = (outcome.shown_value(), outcome.shown_limit());
    match outcome.value {
        Some(_) => format!("{name} {value} {} {limit}", outcome.relation()),
        None => format!("{name} has no value: {value}"),
    }
}

fn case(cases: &mut String, name: &str, failure: Option<String>) {
    let name = escaped(name);
    let _ = write!(
        cases,
        "    <testcase classname=\"bayeux.bench\" name=\"{name}\" time=\"0\""
    );
    let _ = match failure {
        None => writeln!(cases, "/>"),
        Some(failure) => {
            let failure = escaped(&failure);
            writeln!(
                cases,
                ">\n      <failure type=\"expectation\" message=\"{failure}\">{failure}</failure>\n    </testcase>"
            )
        }
    };
}

fn property(properties: &mut String, name: &str, value: &str) {
    let value = escaped(value);
    let _ = writeln!(
        properties,
        "      <property name=\"{name}\" value=\"{value}\"/>"
    );
}
