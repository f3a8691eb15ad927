//! What a run is held against, and where its results go: all that is said about reports here.

use bayeux::bench::report::Report;
use bayeux::bench::{Expectation, Outcome, Run};

use crate::cli::exit::{Exit, Stop};
use crate::cli::report_args::ExpectationArgs;
use crate::cli::report_file::{Pending, ReportFile};
use crate::output::{PrintError, Printer};

#[derive(clap::Args, Debug)]
pub(super) struct ResultArgs {
    #[command(flatten)]
    expectations: ExpectationArgs,

    /// Write the results to this file, in the form of its ending: .json, .csv, .html, .hgrm,
    /// .hlog, or .xml (JUnit). May be repeated.
    #[arg(long = "report", value_name = "FILE", help_heading = "Results")]
    files: Vec<ReportFile>,
}

/// What every run is to achieve, unless --max names another limit: that all messages are sent and
/// acknowledged, and that all deliveries come.
const SELF_EVIDENT: [&str; 3] = ["unsent=0", "unacknowledged=0", "lost=0"];

/// Where results go, once there are some.
pub(super) struct Results {
    expectations: Vec<Expectation>,
    pending: Pending,
}

impl ResultArgs {
    /// Opens the files, before anything is sent.
    pub(super) fn open(&self) -> Result<Results, Stop> {
        let given = self.expectations.expectations();
        let mut expectations: Vec<_> = SELF_EVIDENT
            .iter()
            .filter_map(|it| Expectation::max(it).ok())
            .collect();
        let is_given = |it: &Expectation| {
            let name = it.metric().name;
            given.iter().any(|it| it.metric().name == name)
        };
        expectations.retain(|it| !is_given(it));
        expectations.extend(given);
        Ok(Results {
            expectations,
            pending: Pending::open(&self.files)?,
        })
    }
}

impl ResultArgs {
    /// Opens the files of one of many runs, which are counted from 1. Only what the command line
    /// expects is expected: who has started the runs judges the rest.
    pub(super) fn open_one_of_many(&self, number: u64) -> Result<Results, Stop> {
        let files: Vec<_> = self.files.iter().map(|it| it.numbered(number)).collect();
        Ok(Results {
            expectations: self.expectations.expectations(),
            pending: Pending::open(&files)?,
        })
    }
}

impl Results {
    /// Holds a run against what was expected, writes the files and prints the report. The
    /// expectations that are not met are an error.
    pub(super) fn tell(self, run: &Run, printer: &mut Printer) -> Result<(), Stop> {
        let outcomes: Vec<Outcome> = self.expectations.iter().map(|it| it.check(run)).collect();
        let report = Report {
            run,
            outcomes: &outcomes,
        };
        let written = self.pending.write(|it| it.render(&report));
        match printer.bench(&report) {
            // Whoever read it has seen enough; how the run ended is for others to know.
            Ok(()) | Err(PrintError::Closed) => {}
            Err(error) => return Err(error.into()),
        }
        for path in written? {
            printer.note(&format!("written to {path}"));
        }
        unmet(&outcomes)
    }
}

/// The expectations that are not met.
fn unmet(outcomes: &[Outcome]) -> Result<(), Stop> {
    let unmet: Vec<&Outcome> = outcomes.iter().filter(|it| !it.is_met).collect();
    if unmet.is_empty() {
        return Ok(());
    }
    let name = |it: &Outcome| it.expectation.metric().name;
    let list = |tell: fn(&Outcome) -> String| {
        let texts: Vec<_> = unmet.iter().map(|it| tell(it)).collect();
        texts.join(", ")
    };
    let error = format!(
        "{} of {} expectations failed: {}",
        unmet.len(),
        outcomes.len(),
        list(|it| it.expectation.to_string())
    );
    let stop = Stop::new(Exit::Unmet, error).cause(list(|it| {
        format!("{}: {}", it.expectation.metric().name, it.shown_value())
    }));
    let self_evident = unmet.iter().map(|it| name(it)).find(|name| {
        let is_same = |it: &&str| it.split('=').next() == Some(name);
        SELF_EVIDENT.iter().any(is_same)
    });
    Err(match self_evident {
        Some(name) => stop.hint(format!("--max {name}=N allows as many")),
        None => stop,
    })
}
