//! What came of each check, held against what is known of the server, and what all of it means.

use super::{Deviation, Flavour, Known, Outcome, Status};

/// The outcomes of a run.
#[derive(Debug)]
pub struct Report {
    /// The server's URL, without secrets.
    pub url: String,
    /// The transport of those checks that run over any.
    pub transport: &'static str,
    /// What the server was recognised as.
    pub flavour: Flavour,
    /// What it was held against.
    pub known: Known,
    /// Whether what is known, or a warning, fails the run too.
    pub strictness: Strictness,
    /// What kept the run from its end, or from a session: then it did not pass, whatever holds.
    pub hindrance: Option<String>,
    /// In their order.
    pub outcomes: Vec<Judged>,
}

/// What fails a run.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Strictness {
    /// What must not be, and is not known of this server.
    Known,
    /// Known deviations and warnings, too.
    Strict,
}

/// An outcome, and what is known about it.
#[derive(Debug)]
pub struct Judged {
    /// What came of the check.
    pub outcome: Outcome,
    /// Whether it is as known.
    pub standing: Standing,
}

/// An outcome beside what is known.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Standing {
    /// Nothing is known.
    Unknown,
    /// The server deviates, as it is known to.
    AsKnown(Deviation),
    /// The server is known to deviate, and no longer does.
    NoLonger(Deviation),
}

/// How many outcomes there are of each kind.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, serde::Serialize)]
pub struct Counts {
    /// As they should.
    pub passed: usize,
    /// Otherwise, as they may.
    pub noted: usize,
    /// Otherwise, as it is known.
    pub known: usize,
    /// Otherwise, as they should not.
    pub warned: usize,
    /// Otherwise, as they must not.
    pub failed: usize,
    /// Not looked at.
    pub skipped: usize,
}

impl Judged {
    /// Holds an outcome against what is known of the server.
    pub fn new(outcome: Outcome, deviations: &[Deviation]) -> Self {
        let of_check = || deviations.iter().filter(|it| it.check == outcome.check.id);
        let standing = match outcome.status {
            Status::Skipped => None,
            Status::Passed => of_check().next().cloned().map(Standing::NoLonger),
            Status::Noted | Status::Warned | Status::Failed => of_check()
                .find(|it| it.seen.matches(&outcome.seen))
                .cloned()
                .map(Standing::AsKnown),
        };
        Self {
            outcome,
            standing: standing.unwrap_or(Standing::Unknown),
        }
    }

    /// `pass`, `note`, `known`, `warn`, `fail` or `skip`.
    pub fn word(&self) -> &'static str {
        match self.standing {
            Standing::AsKnown(_) => "known",
            Standing::NoLonger(_) | Standing::Unknown => self.outcome.status.as_str(),
        }
    }

    /// Whether it fails the run.
    pub fn is_failure(&self, strictness: Strictness) -> bool {
        let is_known = matches!(self.standing, Standing::AsKnown(_));
        match (strictness, self.outcome.status) {
            (_, Status::Passed | Status::Noted | Status::Skipped) => false,
            (Strictness::Known, Status::Warned) => false,
            (Strictness::Known, Status::Failed) => !is_known,
            (Strictness::Strict, Status::Warned | Status::Failed) => true,
        }
    }
}

impl Report {
    /// How many there are of each kind.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for it in &self.outcomes {
            let slot = match (&it.standing, it.outcome.status) {
                (Standing::AsKnown(_), _) => &mut counts.known,
                (_, Status::Passed) => &mut counts.passed,
                (_, Status::Noted) => &mut counts.noted,
                (_, Status::Warned) => &mut counts.warned,
                (_, Status::Failed) => &mut counts.failed,
                (_, Status::Skipped) => &mut counts.skipped,
            };
            *slot += 1;
        }
        counts
    }

    /// Those that fail the run.
    pub fn failures(&self) -> impl Iterator<Item = &Judged> {
        let strictness = self.strictness;
        self.outcomes
            .iter()
            .filter(move |it| it.is_failure(strictness))
    }

    /// Whether nothing fails, and nothing was in the way.
    pub fn is_passed(&self) -> bool {
        self.hindrance.is_none() && self.failures().next().is_none()
    }
}
