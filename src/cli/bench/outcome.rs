//! What a run comes to: the exit status, and why a run could not begin.

use std::time::Duration;

use bayeux::bench::{BenchError, Run};
use bayeux::session::{End, Failure};
use bayeux::transport::{Endpoint, TransportError};

use super::announcement::no_room;
use super::load_args::impossible;
use crate::cli::exit::{Exit, Stop, root};
use crate::cli::explain::{self, Circumstances};
use crate::output::words;

/// A signal ended a run before it had a session.
pub(super) fn interrupted(error: BenchError, signal: i32) -> Stop {
    let stop = Stop::new(
        Exit::Signal(signal),
        "interrupted before any session had come up",
    );
    match error {
        BenchError::NoSession {
            last: Some(last), ..
        } => stop.cause(last),
        _ => stop,
    }
}

/// Why a run could not begin, or no session came up within this time.
pub(super) fn failed(error: BenchError, endpoint: &Endpoint, age: Duration) -> Stop {
    match error {
        BenchError::Plan(error) => impossible(&error),
        BenchError::Transport(error @ TransportError::Http { .. }) => {
            Stop::usage("cannot use these options").cause(root(&error))
        }
        BenchError::Transport(error) => within_reach(explain::transport(&error, endpoint)),
        BenchError::NoRoom { n_wanted, capacity } => no_room(n_wanted, capacity),
        BenchError::NoSession { first, last } => {
            let stop = within_reach(no_session(&first, endpoint, age));
            match last {
                Some(last) => and_last(stop, &last),
                None => stop,
            }
        }
        BenchError::System { what, source } => Stop::local(what, &source),
        error => Stop::new(Exit::Local, error.to_string()).cause(root(&error)),
    }
}

/// Whether the run was carried out, apart from its expectations: every session came up and stayed,
/// and the server rejected nothing.
pub(super) fn carried_out(run: &Run) -> Result<(), Stop> {
    let sessions = &run.sessions;
    let stop = |exit: Exit, n: u64, all: u64, what: &str, kind: &str| {
        let stop = Stop::new(
            exit,
            format!("{} of {} {what}", words::grouped(n), words::grouped(all)),
        );
        // What tells of this, and not just what came first.
        let telling = run.errors.iter().find(|it| it.kind.starts_with(kind));
        match telling.or(run.errors.first()) {
            Some(error) => stop.cause(&error.first),
            None => stop,
        }
    };
    let n_missing = sessions.wanted.saturating_sub(sessions.up);
    let n_rejected = run.messages.rejected;
    if n_missing > 0 {
        let what = "sessions never came up";
        return Err(
            stop(Exit::Refused, n_missing, sessions.wanted, what, "handshake")
                .hint("a limit of the server? fewer --clients, or a slower --ramp, tell"),
        );
    }
    if n_rejected > 0 {
        let what = "publishes were rejected";
        return Err(stop(
            Exit::Refused,
            n_rejected,
            run.messages.published,
            what,
            "publish rejected",
        )
        .hint("the server has to allow clients to publish to this channel"));
    }
    if sessions.ended > 0 {
        let what = "sessions were lost for good";
        return Err(stop(
            Exit::Lost,
            sessions.ended,
            sessions.wanted,
            what,
            "unreachable",
        )
        .hint("the server's log may tell why"));
    }
    Ok(())
}

fn no_session(first: &End, endpoint: &Endpoint, age: Duration) -> Stop {
    let circumstances = Circumstances {
        endpoint,
        was_established: false,
        age,
        cookies: &[],
    };
    explain::ended(first, circumstances)
}

/// Tells what was last in the way beside what was first, where that is something else.
fn and_last(mut stop: Stop, last: &Failure) -> Stop {
    let last = last.to_string();
    if let Some(report) = &mut stop.report {
        let is_told = |text: &str| text.contains(&last) || last.contains(text);
        report.cause = match report.cause.take() {
            cause if is_told(&report.error) => cause,
            Some(cause) if is_told(&cause) => Some(cause),
            Some(cause) => Some(format!("{cause}; also in the way: {last}")),
            None => Some(format!("also in the way: {last}")),
        };
    }
    stop
}

/// Names the command that has the option of a hint, where this one has not.
fn within_reach(stop: Stop) -> Stop {
    let Some(hint) = stop.report.as_ref().and_then(|it| it.hint.clone()) else {
        return stop;
    };
    let elsewhere = [
        ("`--retry", "`bayeux handshake --retry"),
        ("-vv shows", "bayeux handshake -vv shows"),
        ("-v shows", "bayeux handshake -v shows"),
    ];
    match elsewhere.iter().find(|(option, _)| hint.contains(option)) {
        Some((option, command)) => stop.hint(hint.replacen(option, command, 1)),
        None => stop,
    }
}

#[cfg(test)]
mod tests {
    use bayeux::bench::ErrorCount;

    use super::*;

    fn run(change: fn(&mut Run)) -> Run {
        let mut run = Run::default();
        run.sessions.wanted = 11;
        run.sessions.up = 11;
        run.messages.published = 1000;
        run.errors.push(ErrorCount {
            kind: "handshake refused".to_owned(),
            request: None,
            count: 3,
            first: "403::too many".to_owned(),
            first_at_s: -0.1,
        });
        change(&mut run);
        run
    }

    #[test]
    fn refusals_and_losses_have_statuses_of_their_own() {
        let of = |change| match carried_out(&run(change)) {
            Ok(()) => None,
            Err(stop) => {
                let report = stop.report.unwrap();
                assert_eq!(report.cause.as_deref(), Some("403::too many"));
                Some((stop.exit.status(), report.error))
            }
        };
        let stop = |status, text: &str| Some((status, text.to_owned()));
        assert_eq!(of(|_| {}), None);
        assert_eq!(
            of(|it| it.sessions.up = 8),
            stop(5, "3 of 11 sessions never came up")
        );
        assert_eq!(
            of(|it| it.messages.rejected = 1000),
            stop(5, "1 000 of 1 000 publishes were rejected")
        );
        assert_eq!(
            of(|it| it.sessions.ended = 2),
            stop(8, "2 of 11 sessions were lost for good")
        );
    }

    #[test]
    fn the_cause_is_that_of_the_outcome_and_not_the_first_error() {
        let run = run(|it| {
            it.messages.rejected = 1;
            it.errors.push(ErrorCount {
                kind: "publish rejected: 403 create_denied".to_owned(),
                request: None,
                count: 1,
                first: "403::create_denied".to_owned(),
                first_at_s: 1.0,
            });
        });
        let report = carried_out(&run).unwrap_err().report.unwrap();
        assert_eq!(report.cause.as_deref(), Some("403::create_denied"));
    }

    #[test]
    fn a_hint_names_an_option_that_there_is() {
        let hint = |it: &str| {
            let stop = within_reach(Stop::usage("x").hint(it));
            stop.report.unwrap().hint.unwrap()
        };
        assert_eq!(
            hint("is the server running? `--retry 30s` waits for it"),
            "is the server running? `bayeux handshake --retry 30s` waits for it"
        );
        assert_eq!(
            hint("check; -vv shows it"),
            "check; bayeux handshake -vv shows it"
        );
        assert_eq!(hint("check the name"), "check the name");
    }
}
