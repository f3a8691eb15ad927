//! `bayeux report`: the results of load tests, merged, rendered and compared.

use bayeux::bench::report::{Format, Report as Rendered, Saved, comparison, read};
use bayeux::bench::{Expectation, Outcome};

use super::exit::{Exit, Stop, plain};
use super::report_args::ExpectationArgs;
use super::report_file::{Pending, ReportFile};
use crate::output::{PrintError, Printer};

/// Render, merge or compare the results of load tests.
///
/// Reads files that `bayeux bench --report FILE.json` wrote. Several are merged without loss:
/// runs at the same time, second by second, as if one program had made the whole load; runs one
/// after the other, as one long run. The report is text unless `-o json` asks for everything, or
/// `-o data` for the summary on one line.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  bayeux report run.json
  bayeux report run.json --report page.html --report percentiles.hgrm
  bayeux report run.json other.json -o json > both.json
  bayeux report run.json --max p99=10s --min delivered=1
  bayeux report --compare other.json run.json")]
pub(crate) struct Report {
    /// Results of `bayeux bench`: its JSON.
    #[arg(value_name = "FILE", required = true)]
    files: Vec<String>,

    /// Print the values of two files beside each other, and the second by the first.
    #[arg(long, conflicts_with_all = ["report", "max", "min"])]
    compare: bool,

    /// Write the report to this file, in the form of its ending: .json, .csv, .html, .hgrm, .hlog
    /// or .xml (JUnit). May be repeated.
    #[arg(long, value_name = "FILE")]
    report: Vec<ReportFile<Format>>,

    #[command(flatten)]
    expectations: ExpectationArgs,
}

impl Report {
    pub(crate) fn run(self, printer: &mut Printer) -> Result<(), Stop> {
        let saved: Result<Vec<_>, _> = self.files.iter().map(|it| open(it)).collect();
        let saved = saved?;
        if self.compare {
            let ([a, b], [first, second]) = (&self.files[..], &saved[..]) else {
                let n_files = self.files.len();
                return Err(
                    Stop::usage(format!("--compare takes two files, not {n_files}"))
                        .hint("bayeux report --compare before.json after.json"),
                );
            };
            let compared = comparison::compare(&first.run, &second.run);
            return Ok(printer.comparison([a, b], &compared)?);
        }
        let pending = Pending::open(&self.report)?;
        let given = self.expectations.expectations();
        let own = expectations(&saved);
        let run = merged(saved);
        let expectations = if given.is_empty() { &own } else { &given };
        let outcomes: Vec<Outcome> = expectations.iter().map(|it| it.check(&run)).collect();
        let report = Rendered {
            run: &run,
            outcomes: &outcomes,
        };
        let written = pending.write(|format| format.render(&report));
        match printer.bench(&report) {
            // Whoever read it has seen enough; what was expected is for others to know.
            Ok(()) | Err(PrintError::Closed) => {}
            Err(error) => return Err(error.into()),
        }
        for path in written? {
            printer.note(&format!("written to {path}"));
        }
        // What was expected of the runs decided how those ended.
        match report.n_failed() {
            n if n > 0 && !given.is_empty() => Err(Stop::silent(Exit::Unmet)),
            _ => Ok(()),
        }
    }
}

/// What was expected of any of the runs.
fn expectations(saved: &[Saved]) -> Vec<Expectation> {
    let mut expectations: Vec<Expectation> = Vec::new();
    for expectation in saved.iter().flat_map(|it| &it.expectations) {
        if !expectations.contains(expectation) {
            expectations.push(expectation.clone());
        }
    }
    expectations
}

/// All runs as one, in the order in which they took place.
fn merged(mut saved: Vec<Saved>) -> bayeux::bench::Run {
    saved.sort_by_key(|it| it.run.started);
    let mut runs = saved.into_iter().map(|it| it.run);
    // Clap asks for one file at least.
    let mut sum = runs.next().unwrap_or_default();
    runs.for_each(|it| sum.add(&it));
    sum
}

fn open(path: &str) -> Result<Saved, Stop> {
    let text = std::fs::read(path)
        .map_err(|error| Stop::usage(format!("cannot read {path}")).cause(plain(&error)))?;
    read(&text).map_err(|error| {
        Stop::usage(format!("{path} is not the result of a load test"))
            .cause(error)
            .hint("bayeux bench --report FILE.json writes one")
    })
}
