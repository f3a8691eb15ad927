//! Checks: whether a server keeps the protocol, and whether the way to it lets it.
//!
//! A [`Check`] is one small piece: an id, what it is about, the clause that it comes from, and a
//! function that asks a [`Subject`] and says what it found. Checks know nothing of each other:
//! each has sessions of its own, channels of its own and a deadline of its own, so that any of
//! them can run alone, in any order, and several at a time.
//!
//! ```text
//! groups/       the checks, a file a group
//!   asking      handshakes that differ in one thing, and their replies
//!   subject     the server under check, as one check sees it
//!     http      requests said in full, with a jar of their own
//!     session   a session that is driven by hand, over any transport
//!     transcript  what was sent and what came
//! schedule      runs checks, a few at a time
//! outcome       what came of each; known deviations are held against it
//! ```
//!
//! It is not the [`Session`](crate::session::Session) of every other command that asks here: that
//! one recovers from what it meets, and a check is to see it.

mod asking;
mod flavour;
mod glob;
mod greeting;
mod groups;
mod http;
mod judged;
mod judging;
pub mod known;
mod obstacle;
mod outcome;
pub mod report;
mod schedule;
mod session;
mod socket;
mod subject;
#[cfg(test)]
mod tests;
mod transcript;
mod verdict;

use std::time::Duration;

use crate::protocol::ConnectionType;

pub use flavour::Flavour;
pub use glob::{EmptyGlob, Glob};
pub use greeting::{Greeting, greet};
pub use groups::all;
pub use judged::{Counts, Judged, Report, Standing, Strictness};
pub use known::{Deviation, Known};
pub use obstacle::{Finding, Obstacle};
pub use outcome::{Outcome, Status};
pub use schedule::run;
pub use subject::{Settings, Subject};
pub use transcript::{Exchange, Received};
pub use verdict::Verdict;

/// Letters and digits that no other run has, for its channels.
pub fn nonce() -> String {
    let mut bytes = [0; 5];
    match getrandom::fill(&mut bytes) {
        Ok(()) => bytes.iter().map(|it| format!("{it:02x}")).collect(),
        // Another process at the same time is all that it has to differ from.
        Err(_) => std::process::id().to_string(),
    }
}

/// One thing that is looked at.
#[derive(Debug)]
pub struct Check {
    /// Its name, `group.name`.
    pub id: &'static str,
    /// What holds if it passes, in one line.
    pub title: &'static str,
    /// Where that is said: a section of Bayeux 1.0 or of another document, or nothing where it is
    /// about getting along.
    pub clause: &'static str,
    /// How much it matters.
    pub severity: Severity,
    /// What it may do to the server.
    pub mode: Mode,
    /// When it runs.
    pub stage: Stage,
    /// Over which transport.
    pub over: Over,
    /// How long it may take, beside the hold of a connect.
    pub patience: Duration,
    pub(crate) run: Run,
}

/// How much a check matters.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Severity {
    /// The protocol says MUST, or nothing works without it. Failing it fails the run.
    Must,
    /// The protocol says SHOULD. Failing it is a warning.
    Should,
    /// For getting along with each other: what is found is told.
    Information,
}

/// What a check may do to a server.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Mode {
    /// What any client does.
    Safe,
    /// Malformed input, sessions that are left to expire, limits.
    Intrusive,
}

/// When a check runs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Stage {
    /// Before the others, alone: without it there is nothing to look at.
    First,
    /// With others.
    Beside,
    /// After the others, alone: it measures.
    Last,
}

/// Over which transport a check runs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Over {
    /// The one that is asked for.
    Any,
    /// Its own, whatever is asked for, since it is about that.
    Only(ConnectionType),
}

type Run = fn(&Subject) -> Result<Finding, Obstacle>;

/// The time of a check that says nothing else.
const PATIENCE: Duration = Duration::from_secs(10);

impl Check {
    pub(crate) const fn must(
        id: &'static str,
        title: &'static str,
        clause: &'static str,
        run: Run,
    ) -> Self {
        Self::new(Severity::Must, id, title, clause, run)
    }

    pub(crate) const fn should(
        id: &'static str,
        title: &'static str,
        clause: &'static str,
        run: Run,
    ) -> Self {
        Self::new(Severity::Should, id, title, clause, run)
    }

    /// For information.
    pub(crate) const fn information(
        id: &'static str,
        title: &'static str,
        clause: &'static str,
        run: Run,
    ) -> Self {
        Self::new(Severity::Information, id, title, clause, run)
    }

    const fn new(
        severity: Severity,
        id: &'static str,
        title: &'static str,
        clause: &'static str,
        run: Run,
    ) -> Self {
        Self {
            id,
            title,
            clause,
            severity,
            mode: Mode::Safe,
            stage: Stage::Beside,
            over: Over::Any,
            patience: PATIENCE,
            run,
        }
    }

    /// The same over this transport alone.
    pub(crate) const fn over(self, connection_type: ConnectionType) -> Self {
        Self {
            over: Over::Only(connection_type),
            ..self
        }
    }

    /// The same, and not what any client does.
    pub(crate) const fn intrusive(self) -> Self {
        Self {
            mode: Mode::Intrusive,
            ..self
        }
    }

    /// The same at this stage.
    pub(crate) const fn stage(self, stage: Stage) -> Self {
        Self { stage, ..self }
    }

    /// The same with so much time.
    pub(crate) const fn patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// What its name begins with.
    pub fn group(&self) -> &'static str {
        self.id.split('.').next().unwrap_or(self.id)
    }
}

impl Severity {
    /// `must`, `should` or `information`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Must => "must",
            Self::Should => "should",
            Self::Information => "information",
        }
    }
}
