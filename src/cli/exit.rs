//! How the program ends: the exit statuses, and the three lines of an error.

use std::fmt;

use crate::output::PrintError;

/// The exit statuses. Zero means: the goal stated on the command line was reached.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Exit {
    /// The goal was reached, or an open-ended tail was ended.
    Reached,
    /// An internal error, or one of the local machine.
    Local,
    /// The command line, a file it names, or DATA cannot be used.
    Usage,
    /// The server could not be reached, or does not speak Bayeux.
    Unreachable,
    /// The handshake was refused, or the credentials are not accepted.
    Unauthorised,
    /// The server refused the operation.
    Refused,
    /// `--timeout` passed before the goal.
    Timeout,
    /// An expectation is not met.
    Unmet,
    /// The session was lost and could not be recovered.
    Lost,
    /// A signal came before the goal.
    Signal(i32),
}

impl Exit {
    /// The number that the process exits with.
    pub(crate) fn status(self) -> u8 {
        match self {
            Self::Reached => 0,
            Self::Local => 1,
            Self::Usage => 2,
            Self::Unreachable => 3,
            Self::Unauthorised => 4,
            Self::Refused => 5,
            Self::Timeout => 6,
            Self::Unmet => 7,
            Self::Lost => 8,
            Self::Signal(signal) => u8::try_from(128 + signal).unwrap_or(u8::MAX),
        }
    }
}

/// Why a command stops before its goal: an exit status and what to tell the user.
#[derive(Clone, Debug)]
pub(crate) struct Stop {
    pub(crate) exit: Exit,
    pub(crate) report: Option<Report>,
}

/// The three lines of an error: what failed in the user's words, the lowest useful reason,
/// one thing to type.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    pub(crate) error: String,
    pub(crate) cause: Option<String>,
    pub(crate) hint: Option<String>,
}

impl Stop {
    pub(crate) fn new(exit: Exit, error: impl Into<String>) -> Self {
        let report = Report {
            error: error.into(),
            cause: None,
            hint: None,
        };
        Self {
            exit,
            report: Some(report),
        }
    }

    /// Nothing to tell: the exit status says it.
    pub(crate) fn silent(exit: Exit) -> Self {
        Self { exit, report: None }
    }

    pub(crate) fn usage(error: impl Into<String>) -> Self {
        Self::new(Exit::Usage, error)
    }

    /// Something on this machine failed.
    pub(crate) fn local(what: &str, error: &std::io::Error) -> Self {
        Self::new(Exit::Local, what).cause(plain(error))
    }

    pub(crate) fn cause(mut self, cause: impl fmt::Display) -> Self {
        if let Some(report) = &mut self.report {
            report.cause = Some(cause.to_string());
        }
        self
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        if let Some(report) = &mut self.report {
            report.hint = Some(hint.into());
        }
        self
    }

    /// Without cause and hint: somebody else has told them.
    pub(crate) fn error_alone(mut self) -> Self {
        if let Some(report) = &mut self.report {
            report.cause = None;
            report.hint = None;
        }
        self
    }

    /// What the error begins with.
    pub(crate) fn before(mut self, words: &str) -> Self {
        if let Some(report) = &mut self.report {
            report.error.insert_str(0, words);
        }
        self
    }

    /// A hint for where there is none yet.
    pub(crate) fn or_hint(mut self, hint: impl Into<String>) -> Self {
        if let Some(report) = &mut self.report {
            report.hint.get_or_insert_with(|| hint.into());
        }
        self
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.report {
            Some(report) => f.write_str(&report.error),
            None => write!(f, "exit status {}", self.exit.status()),
        }
    }
}

/// The system's reason without its number.
pub(crate) fn plain(error: &std::io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error ") {
        Some(end) => text[..end].to_lowercase(),
        None => text,
    }
}

/// The lowest reason of an error.
pub(crate) fn root(error: &(dyn std::error::Error + 'static)) -> String {
    let mut lowest = error;
    while let Some(source) = lowest.source() {
        lowest = source;
    }
    match lowest.downcast_ref::<std::io::Error>() {
        Some(error) => plain(error),
        None => lowest.to_string(),
    }
}

impl From<PrintError> for Stop {
    fn from(error: PrintError) -> Self {
        match &error {
            // Whoever read the answer has seen enough.
            PrintError::Closed => Self::silent(Exit::Reached),
            PrintError::Output(source) => {
                Self::local("cannot write to standard output", source).hint("is the disk full?")
            }
        }
    }
}
