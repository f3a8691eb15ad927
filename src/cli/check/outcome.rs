//! How a run of checks ends: 7 means the server, 3 the way to it.

use std::time::Duration;

use bayeux::check::{Greeting, Report};
use bayeux::transport::Endpoint;

use crate::cli::exit::{Exit, Stop};
use crate::cli::explain;

/// How far the run got.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reached<'a> {
    pub(super) greeting: &'a Greeting,
    pub(super) endpoint: &'a Endpoint,
    /// Whether the time of the run is over.
    pub(super) is_over: bool,
    pub(super) timeout: Duration,
}

impl Reached<'_> {
    /// What kept the run from its end, or from a session.
    pub(super) fn hindrance(&self) -> Option<String> {
        match self.greeting {
            Greeting::Unreached(error) => Some(error.to_string()),
            Greeting::Strange(reason) => Some(reason.clone()),
            Greeting::Refused { error, .. } => {
                Some(format!("the server refuses the handshake: {error}"))
            }
            Greeting::Accepted(_) if self.is_over => Some(self.too_late()),
            Greeting::Accepted(_) => None,
        }
    }

    fn too_late(&self) -> String {
        let timeout = crate::output::words::duration(self.timeout);
        format!("the checks were not done within {timeout}")
    }
}

/// The error that a run ends with, if it does. The verdict was told; the error says what it comes
/// to for whoever looks at the status alone. Where a check saw the cause, the verdict has it, and
/// what to do: a second cause and a second hint beside it would leave the choice to the reader.
pub(super) fn ended(report: &Report, reached: Reached<'_>) -> Result<(), Stop> {
    let stop = without_the_verdict(report, reached);
    if report.failures().next().is_none() {
        return stop;
    }
    stop.map_err(Stop::error_alone)
}

fn without_the_verdict(report: &Report, reached: Reached<'_>) -> Result<(), Stop> {
    match reached.greeting {
        Greeting::Unreached(error) => return Err(explain::transport(error, reached.endpoint)),
        Greeting::Strange(reason) => {
            let error = format!("{} does not answer a handshake", reached.endpoint);
            return Err(Stop::new(Exit::Unreachable, error).cause(reason));
        }
        Greeting::Refused { error, .. } => {
            let what = format!("{} refuses the handshake: {error}", reached.endpoint);
            return Err(Stop::new(Exit::Unauthorised, what)
                .hint("credentials: --token, --user, -H 'Name: value' or --ext JSON"));
        }
        Greeting::Accepted(_) => {}
    }
    let n_failed = report.failures().count();
    if n_failed == 0 {
        return match reached.is_over {
            false => Ok(()),
            true => Err(Stop::new(Exit::Timeout, reached.too_late())
                .hint("--timeout gives them more time, --only runs fewer of them")),
        };
    }
    let is_of_the_way = |id: &str| id.starts_with("path.") || id == "http.reachable";
    let exit = match report
        .failures()
        .all(|it| is_of_the_way(it.outcome.check.id))
    {
        true => Exit::Unreachable,
        false => Exit::Unmet,
    };
    let n_checks = report.outcomes.len();
    Err(Stop::new(
        exit,
        match n_checks {
            1 => "the check failed".to_owned(),
            _ => format!("{n_failed} of {n_checks} checks failed"),
        },
    ))
}
