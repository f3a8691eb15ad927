//! What the printer does with results: of load tests and of checks.

use bayeux::bench::report::comparison::{self, Compared};
use bayeux::bench::report::{Format, Report, compact_summary};
use bayeux::check::report::{Format as CheckFormat, compact_verdict, described};
use bayeux::check::{Check, Judged, Report as CheckReport, Strictness};

use super::printer::Printer;
use super::surface::Reader;
use super::{PrintError, View, bench, check, escape};

impl Printer {
    /// The results of a load test: a report for people, everything as JSON, or the summary as
    /// one line of it.
    pub(crate) fn bench(&mut self, report: &Report<'_>) -> Result<(), PrintError> {
        match self.view {
            View::Pretty | View::Compact => {
                let text = bench::report(report, &self.out.surface);
                self.print(&text)
            }
            View::Json => {
                let document = Format::Json.render(report);
                self.document(&String::from_utf8_lossy(&document))
            }
            View::Data => self.document(&compact_summary(report.run)),
        }
    }

    /// The names of checks.
    pub(crate) fn checks(&mut self, checks: &[&Check]) -> Result<(), PrintError> {
        let text = match self.view {
            View::Pretty | View::Compact => check::list(checks, &self.out.surface),
            View::Json | View::Data => checks.iter().map(|it| described(it) + "\n").collect(),
        };
        self.print(&text)
    }

    /// Checks begin.
    pub(crate) fn check_begins(&mut self, report: &CheckReport) -> Result<(), PrintError> {
        self.last_group = "";
        match self.view {
            View::Pretty | View::Compact => {
                let text = check::headline(report, &self.out.surface);
                self.print(&text)
            }
            View::Json | View::Data => Ok(()),
        }
    }

    /// What came of one check. The compact view has those alone that are not as they should be.
    pub(crate) fn checked(
        &mut self,
        judged: &Judged,
        strictness: Strictness,
    ) -> Result<(), PrintError> {
        let is_shown = match self.view {
            View::Pretty => true,
            View::Compact => !matches!(judged.word(), "pass" | "skip"),
            View::Json | View::Data => false,
        };
        if !is_shown {
            return Ok(());
        }
        if judged.outcome.is_untried() {
            // A run that gets nowhere has 80 of them.
            return match &mut self.untried {
                Some((reason, n)) if *reason == judged.outcome.seen => {
                    *n += 1;
                    Ok(())
                }
                _ => {
                    self.tell_untried()?;
                    self.untried = Some((judged.outcome.seen.clone(), 1));
                    Ok(())
                }
            };
        }
        self.tell_untried()?;
        let group = judged.outcome.check.group();
        let is_first = std::mem::replace(&mut self.last_group, group) != group;
        let surface = &self.out.surface;
        let text = check::outcome(judged, is_first, strictness, self.secrets, surface);
        self.print(&text)
    }

    /// The checks that were skipped one after the other for the same reason, in one line.
    fn tell_untried(&mut self) -> Result<(), PrintError> {
        let Some((reason, n)) = self.untried.take() else {
            return Ok(());
        };
        // Its group may have none that was tried, and the next one has its name told again.
        self.last_group = "";
        let text = check::untried(&reason, n, &self.out.surface);
        self.print(&text)
    }

    /// What all checks come to: the verdict for people, everything as JSON, or the verdict as one
    /// line of it.
    pub(crate) fn check_ends(&mut self, report: &CheckReport) -> Result<(), PrintError> {
        self.tell_untried()?;
        match self.view {
            View::Pretty | View::Compact => {
                let text = check::verdict(report, &self.out.surface);
                self.print(&text)
            }
            View::Json => {
                let document = CheckFormat::Json.render(report, self.secrets);
                self.document(&document)
            }
            View::Data => self.document(&compact_verdict(report)),
        }
    }

    /// Two load tests beside each other.
    pub(crate) fn comparison(
        &mut self,
        names: [&str; 2],
        compared: &[Compared],
    ) -> Result<(), PrintError> {
        match self.view {
            View::Pretty | View::Compact => {
                let text = bench::comparison(names, compared, &self.out.surface);
                self.print(&text)
            }
            View::Json | View::Data => self.document(&comparison::to_json(compared)),
        }
    }

    /// A JSON text that keeps its lines.
    fn document(&mut self, json: &str) -> Result<(), PrintError> {
        let text = match self.out.surface.reader {
            Reader::Terminal => json.lines().map(|it| escape::json(it) + "\n").collect(),
            Reader::Program => format!("{}\n", json.trim_end()),
        };
        self.print(&text)
    }
}
