//! What came of a check.

use std::time::Duration;

use super::{Check, Exchange, Finding, Obstacle, Severity};

/// What came of a check.
#[derive(Debug)]
pub struct Outcome {
    /// The check.
    pub check: &'static Check,
    /// What it comes to.
    pub status: Status,
    /// What was seen, in one line; empty where the title says it all.
    pub seen: String,
    /// The field that shows it, in the last exchange.
    pub field: Option<String>,
    /// What to do about it.
    pub remedy: Option<String>,
    /// What was sent and what came.
    pub exchanges: Vec<Exchange>,
    /// How long it took.
    pub took: Duration,
}

/// What a check comes to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Status {
    /// The server does as it should.
    Passed,
    /// It does otherwise, which it may.
    Noted,
    /// It does otherwise, and should not.
    Warned,
    /// It does otherwise, and must not.
    Failed,
    /// There was nothing to look at.
    Skipped,
}

impl Outcome {
    pub(super) fn new(
        check: &'static Check,
        found: Result<Finding, Obstacle>,
        exchanges: Vec<Exchange>,
        took: Duration,
    ) -> Self {
        let deviates = match check.severity {
            Severity::Must => Status::Failed,
            Severity::Should => Status::Warned,
            Severity::Information => Status::Noted,
        };
        // An exchange that fails is never what a client may be left with.
        let at_least_warned = deviates.at_least_warned();
        let (status, finding) = match found {
            Ok(finding) if finding.holds => (Status::Passed, finding),
            Ok(finding) => (deviates, finding),
            Err(Obstacle::Inapplicable(reason)) => (Status::Skipped, Finding::deviates(reason)),
            Err(Obstacle::Transport(error)) => {
                (at_least_warned, Finding::deviates(error.to_string()))
            }
            Err(Obstacle::Unusable(reason)) => (at_least_warned, Finding::deviates(reason)),
            Err(Obstacle::OutOfTime) => (at_least_warned, Finding::deviates("no answer in time")),
        };
        let Finding {
            holds: _,
            seen,
            field,
            remedy,
        } = finding;
        Self {
            check,
            status,
            seen,
            field,
            remedy,
            exchanges,
            took,
        }
    }

    pub(super) fn skipped(check: &'static Check, reason: &str) -> Self {
        Self {
            check,
            status: Status::Skipped,
            seen: reason.to_owned(),
            field: None,
            remedy: None,
            exchanges: Vec::new(),
            took: Duration::ZERO,
        }
    }

    /// Whether it was skipped for a reason that is not its own: another check failed, or the time
    /// of the run was over.
    pub fn is_untried(&self) -> bool {
        self.status == Status::Skipped && self.took.is_zero()
    }
}

impl Status {
    /// `pass`, `note`, `warn`, `fail` or `skip`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "pass",
            Self::Noted => "note",
            Self::Warned => "warn",
            Self::Failed => "fail",
            Self::Skipped => "skip",
        }
    }

    /// At least a warning.
    fn at_least_warned(self) -> Self {
        match self {
            Self::Noted => Self::Warned,
            status => status,
        }
    }
}
