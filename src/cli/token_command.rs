//! `--token-cmd`: a command of the user's that prints a token.
//!
//! It runs before the first request, and again when a server refuses the token. It gets no
//! standard input, its standard error is shown only if it fails, and it has 30 s.

use std::error::Error;
use std::io;
use std::process::Command;
use std::time::{Duration, Instant};

use bayeux::transport::{CredentialSource, Secret};

use super::child::{self, ChildError, Killed, Output};
use super::exit::{Exit, Stop, plain};
use super::token::{NotAToken, bearer};
use crate::output::words;

/// A command for the shell.
pub(crate) struct TokenCommand {
    /// It may hold a secret itself, so it is never shown.
    command: Secret,
    patience: Duration,
}

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TokenCommandError {
    #[error("--token-cmd cannot be run: {}", plain(.0))]
    Start(io::Error),
    #[error("--token-cmd failed, {status}{}", .complaint.as_ref().map_or_else(String::new, |it| format!(": {it}")))]
    Failed {
        status: String,
        complaint: Option<String>,
    },
    #[error("--token-cmd did not end within {} and was killed", words::duration(*.0))]
    Late(Duration),
    #[error("--token-cmd printed nothing")]
    Nothing,
    #[error("--token-cmd printed {0} lines")]
    Lines(usize),
    #[error("--token-cmd printed what is no token: {0}")]
    NotAToken(#[from] NotAToken),
}

/// Who waits longer has forgotten it.
const PATIENCE: Duration = Duration::from_secs(30);
/// A token is a few KiB at most.
const LONGEST_TOKEN: usize = 64 * 1024;

impl TokenCommand {
    pub(crate) fn new(command: Secret) -> Self {
        Self {
            command,
            patience: PATIENCE,
        }
    }

    /// Runs the command for its first token. What fails here fails on this machine, before a
    /// server has said anything.
    pub(crate) fn first(&self, timeout: Option<Duration>) -> Result<Secret, Stop> {
        let until = timeout.and_then(|it| Instant::now().checked_add(it));
        self.run(until).map_err(|error| {
            Stop::new(Exit::Local, "no token to send")
                .cause(error)
                .hint("the command prints the token, and nothing else, on one line")
        })
    }

    fn run(&self, until: Option<Instant>) -> Result<Secret, TokenCommandError> {
        let patience = child::patience(self.patience, until);
        // A process group of its own would take Ctrl-C and the terminal away from it.
        let output = child::run(shell(self.command.expose()), patience, Killed::Itself);
        token(&output?)
    }
}

impl CredentialSource for TokenCommand {
    fn fetch(&self, until: Option<Instant>) -> Result<Secret, Box<dyn Error + Send + Sync>> {
        Ok(self.run(until)?)
    }
}

fn shell(command: &str) -> Command {
    let (program, option) = if cfg!(windows) {
        ("cmd", "/C")
    } else {
        ("sh", "-c")
    };
    let mut shell = Command::new(program);
    shell.args([option, command]);
    shell
}

fn token(output: &Output) -> Result<Secret, TokenCommandError> {
    let text = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        return Err(TokenCommandError::Failed {
            status: output.status.to_string(),
            complaint: child::complaint(&output.stderr, text.trim()),
        });
    }
    if output.stdout.len() > LONGEST_TOKEN {
        return Err(NotAToken::Long.into());
    }
    let lines = || text.lines().map(str::trim).filter(|it| !it.is_empty());
    match (lines().next(), lines().count()) {
        (None, _) => Err(TokenCommandError::Nothing),
        (Some(token), 1) => Ok(bearer(token)?),
        (Some(_), n_lines) => Err(TokenCommandError::Lines(n_lines)),
    }
}

impl From<ChildError> for TokenCommandError {
    fn from(error: ChildError) -> Self {
        match error {
            ChildError::Start(error) => Self::Start(error),
            ChildError::Late(after) => Self::Late(after),
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn run(command: &str) -> Result<String, String> {
        let command = TokenCommand {
            command: Secret::new(command),
            patience: Duration::from_secs(20),
        };
        let token = command.run(None).map_err(|it| it.to_string())?;
        Ok(token.expose().to_owned())
    }

    #[test]
    fn one_line_is_the_token_and_a_scheme_is_kept() {
        assert_eq!(
            run("echo abc.d-e_f~+/="),
            Ok("Bearer abc.d-e_f~+/=".to_owned())
        );
        assert_eq!(run("printf '\\n abc \\n\\n'"), Ok("Bearer abc".to_owned()));
        assert_eq!(run("printf 'OAuth 00D!x'"), Ok("OAuth 00D!x".to_owned()));
        assert_eq!(run("echo bearer x"), Ok("bearer x".to_owned()));
        // Its standard error is nobody's business, and it has no standard input.
        assert_eq!(
            run("cat; echo warning >&2; echo x"),
            Ok("Bearer x".to_owned())
        );
    }

    #[test]
    fn whatever_else_it_does_is_told_without_what_it_printed() {
        for (command, expected) in [
            ("exit 3", "--token-cmd failed, exit status: 3"),
            (
                "echo s3cret; printf '\\n\\033[2Jnot logged in: s3cret\\nmore\\n' >&2; exit 1",
                "--token-cmd failed, exit status: 1: \u{fffd}[2Jnot logged in: ***",
            ),
            (
                "exec no-such-program-here 2>/dev/null",
                "--token-cmd failed, exit status: 127",
            ),
            ("true", "--token-cmd printed nothing"),
            ("printf '\\n \\n'", "--token-cmd printed nothing"),
            ("echo s3cret; echo s3cret", "--token-cmd printed 2 lines"),
            (
                "echo your token is s3cret",
                "--token-cmd printed what is no token: it has white space in it",
            ),
            (
                "echo s3crét",
                "--token-cmd printed what is no token: it has a character that no header may have",
            ),
            (
                "head -c 100000 /dev/zero | tr '\\0' x",
                "--token-cmd printed what is no token: it is longer than 64 KiB",
            ),
            ("kill -9 $$", "--token-cmd failed, signal: 9 (SIGKILL)"),
        ] {
            assert_eq!(run(command), Err(expected.to_owned()), "{command}");
        }
    }

    #[test]
    fn one_that_hangs_is_killed() {
        let command = TokenCommand {
            command: Secret::new("exec sleep 600"),
            patience: Duration::from_millis(100),
        };
        let started = Instant::now();
        let error = command.run(None).unwrap_err().to_string();
        assert_eq!(
            error,
            "--token-cmd did not end within 100 ms and was killed"
        );
        assert!(started.elapsed() < Duration::from_secs(60));
    }
}
