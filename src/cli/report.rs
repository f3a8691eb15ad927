//! `bayeux report`: the results of load tests, merged, rendered and compared; and recordings,
//! told again.

mod recorded;

use bayeux::bench::report::{Format, Report as Rendered, Saved, comparison, read};
use bayeux::bench::{Expectation, Outcome};
use bayeux::recording::{ReadError, Recording};

use self::recorded::{Drawing, Recorded};
use super::exit::{Exit, Stop, plain};
use super::handshake::compile;
use super::output_args::OutputArgs;
use super::report_args::ExpectationArgs;
use super::report_file::{Form, Pending, ReportFile};
use crate::output::{PrintError, Printer};

/// Tell a recording again, or render, merge or compare the results of load tests.
///
/// What a file is shows in its content. Of recordings (`--record FILE`) the conversation is
/// printed in any view, with what it adds up to: sessions, losses, broken rules, the slowest
/// exchanges. Several recordings are told in the order of their times.
///
/// Results of `bayeux bench --report FILE.json` are merged without loss: runs at the same time,
/// second by second, as if one program had made the whole load; runs one after the other, as one
/// long run. The report is text unless `-o json` asks for everything, or `-o data` for the
/// summary on one line.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  bayeux report traffic.ndjson
  bayeux report traffic.ndjson --jq 'select(.channel==\"/demo\") | .data'
  bayeux report traffic.ndjson --report page.html --report diagram.svg
  bayeux report run.json
  bayeux report run.json --report page.html --report percentiles.hgrm
  bayeux report run.json other.json -o json > both.json
  bayeux report run.json --max p99=10s --min delivered=1
  bayeux report --compare other.json run.json")]
pub(crate) struct Report {
    /// Recordings, or results of `bayeux bench`: its JSON.
    #[arg(value_name = "FILE", required = true)]
    files: Vec<String>,

    /// Print the values of two files beside each other, and the second by the first.
    #[arg(long, conflicts_with_all = ["report", "max", "min"])]
    compare: bool,

    /// Print what a jq expression makes of each message of a recording, in place of the
    /// conversation; it sees the whole message.
    #[arg(long, value_name = "EXPR", conflicts_with_all = ["compare", "max", "min"])]
    jq: Option<String>,

    /// Write the report to this file, in the form of its ending: .html, for recordings also .svg
    /// (a sequence diagram), for results .json, .csv, .hgrm, .hlog or .xml (JUnit). May be
    /// repeated.
    #[arg(long, value_name = "FILE")]
    report: Vec<ReportFile<Form>>,

    #[command(flatten)]
    expectations: ExpectationArgs,
}

/// What a file turned out to be.
enum Content {
    Results(Box<Saved>),
    Recording(Recorded),
}

impl Report {
    pub(crate) fn run(self, output: &OutputArgs, printer: &mut Printer) -> Result<(), Stop> {
        let filter = compile(self.jq.as_deref())?;
        let (mut saved, mut recorded) = (Vec::new(), Vec::new());
        for path in &self.files {
            match open(path)? {
                Content::Results(it) => saved.push(*it),
                Content::Recording(it) => recorded.push(it),
            }
        }
        match (saved.is_empty(), recorded.is_empty()) {
            (_, true) => self.results(saved, printer),
            (true, false) => {
                self.refuse_for_recordings()?;
                let files = self.narrowed(
                    |it| match it {
                        Form::Html => Some(Drawing::Html),
                        Form::Svg => Some(Drawing::Svg),
                        Form::Results(_) => None,
                    },
                    "a recording is written as .html or .svg",
                )?;
                let pending = Pending::open(&files)?;
                recorded::tell(
                    recorded,
                    filter.as_ref(),
                    pending,
                    output.secrets(),
                    printer,
                )
            }
            (false, false) => Err(Stop::usage(
                "recordings and results of load tests are two reports",
            )
            .hint("name the files of one kind")),
        }
    }

    fn results(self, saved: Vec<Saved>, printer: &mut Printer) -> Result<(), Stop> {
        if self.jq.is_some() {
            return Err(Stop::usage("--jq is for recordings").hint("-o json | jq EXPR"));
        }
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
        let files = self.narrowed(
            |it| match it {
                Form::Html => Some(Format::Html),
                Form::Results(format) => Some(format),
                Form::Svg => None,
            },
            "results of load tests have no diagram; --report page.html has their charts",
        )?;
        let pending = Pending::open(&files)?;
        let given = self.expectations.expectations();
        let own = expectations(&saved);
        let run = merged(saved);
        let expectations = if given.is_empty() { &own } else { &given };
        let outcomes: Vec<Outcome> = expectations.iter().map(|it| it.check(&run)).collect();
        let report = Rendered {
            run: &run,
            outcomes: &outcomes,
        };
        let written = pending.write(|it| it.render(&report));
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

    /// What only results of load tests have.
    fn refuse_for_recordings(&self) -> Result<(), Stop> {
        let option = match self.expectations.expectations().is_empty() {
            _ if self.compare => "--compare",
            false => "--max and --min",
            true => return Ok(()),
        };
        Err(Stop::usage(format!("{option}: not of recordings"))
            .hint("results of `bayeux bench --report FILE.json` have it"))
    }

    fn narrowed<G>(
        &self,
        narrow: impl Fn(Form) -> Option<G>,
        hint: &str,
    ) -> Result<Vec<ReportFile<G>>, Stop> {
        let files = self.report.iter();
        files.map(|it| it.narrowed(&narrow, hint)).collect()
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

fn open(path: &str) -> Result<Content, Stop> {
    let text = std::fs::read(path)
        .map_err(|error| Stop::usage(format!("cannot read {path}")).cause(plain(&error)))?;
    let first_line = text.trim_ascii_start().split(|it| *it == b'\n').next();
    let first_line = first_line.unwrap_or_default();
    // Results have no such member, and stand on many lines.
    let is_record = first_line.starts_with(b"{\"type\":");
    if is_record {
        let recording = Recording::read(&text).map_err(|error| unreadable(path, &error))?;
        return Ok(Content::Recording(Recorded::new(path, recording)));
    }
    if text.trim_ascii().is_empty() {
        return Err(unreadable(path, &ReadError::Empty));
    }
    match read(&text) {
        Ok(saved) => Ok(Content::Results(Box::new(saved))),
        Err(error) => Err(Stop::usage(format!(
            "{path} is neither a recording nor the result of a load test"
        ))
        .cause(error)
        .hint("--record FILE and bayeux bench --report FILE.json write them")),
    }
}

fn unreadable(path: &str, error: &ReadError) -> Stop {
    let hint = match error {
        ReadError::NewerSchema { .. } => "a later version of bayeux wrote it, and reads it",
        _ => "bayeux sub --record FILE writes one",
    };
    Stop::usage(format!("{path} is no recording"))
        .cause(error)
        .hint(hint)
}
