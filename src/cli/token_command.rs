//! `--token-cmd`: a command of the user's that prints a token.
//!
//! It runs before the first request, and again when a server refuses the token. It gets no
//! standard input, its standard error is shown only if it fails, and it has 30 s.

use std::error::Error;
use std::io::{self, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use bayeux::redaction::redact_excerpt;
use bayeux::transport::{CredentialSource, Secret};

use super::credential_args::{NotAToken, bearer};
use super::exit::{Exit, Stop, plain};
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
/// How much of what it prints is kept; a token is a few KiB at most.
const MOST_OUTPUT: usize = 64 * 1024;
/// How long the complaint of a failed command may be.
const COMPLAINT: usize = 160;
/// How often it is asked whether the command has ended.
const TICK: Duration = Duration::from_millis(5);
/// What a command wrote is there when it ends, unless it left a daemon behind which has its
/// output open still; then this long is waited for the end of the output.
const AFTER_THE_END: Duration = Duration::from_millis(200);

impl TokenCommand {
    pub(crate) fn new(command: Secret) -> Self {
        Self {
            command,
            patience: PATIENCE,
        }
    }

    /// Runs the command for its first token. What fails here fails on this machine, before a
    /// server has said anything.
    pub(crate) fn first(&self) -> Result<Secret, Stop> {
        self.run(None).map_err(|error| {
            Stop::new(Exit::Local, "no token to send")
                .cause(error)
                .hint("the command prints the token, and nothing else, on one line")
        })
    }

    fn run(&self, until: Option<Instant>) -> Result<Secret, TokenCommandError> {
        let started = Instant::now();
        let deadline = started + self.patience;
        let deadline = until.map_or(deadline, |it| it.min(deadline));
        let mut child = shell(self.command.expose())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(TokenCommandError::Start)?;
        let outcome = Output::read(&mut child, deadline);
        let ended = match outcome {
            Ok(Some(ended)) => ended,
            Ok(None) | Err(_) => {
                // Only the shell: a process group of its own would take Ctrl-C and the
                // terminal away from the command.
                let _ = child.kill();
                let _ = child.wait();
                return Err(match outcome {
                    Err(error) => TokenCommandError::Start(error),
                    Ok(_) => TokenCommandError::Late(deadline.saturating_duration_since(started)),
                });
            }
        };
        ended.token()
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

/// What a command left behind.
struct Ended {
    status: ExitStatus,
    output: Output,
}

#[derive(Default)]
struct Output {
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

#[derive(Clone, Copy)]
enum Stream {
    Out,
    Err,
}

enum Chunk {
    Bytes(Stream, Vec<u8>),
    End,
}

impl Output {
    /// Reads until the command has ended; `None` if it has not by then.
    fn read(child: &mut Child, deadline: Instant) -> io::Result<Option<Ended>> {
        let (sender, chunks) = channel();
        if let Some(stdout) = child.stdout.take() {
            pass_on(stdout, Stream::Out, sender.clone())?;
        }
        if let Some(stderr) = child.stderr.take() {
            pass_on(stderr, Stream::Err, sender)?;
        }
        let mut output = Self::default();
        let mut n_open = 2;
        loop {
            output.take(&chunks, &mut n_open, Instant::now() + TICK);
            if let Some(status) = child.try_wait()? {
                output.take(&chunks, &mut n_open, Instant::now() + AFTER_THE_END);
                return Ok(Some(Ended { status, output }));
            }
            if Instant::now() >= deadline {
                return Ok(None);
            }
        }
    }

    /// Takes what comes until all pipes are closed, or until then.
    fn take(&mut self, chunks: &Receiver<Chunk>, n_open: &mut u32, until: Instant) {
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match chunks.recv_timeout(left) {
                Ok(Chunk::Bytes(Stream::Out, bytes)) => append(&mut self.stdout, &bytes),
                Ok(Chunk::Bytes(Stream::Err, bytes)) => append(&mut self.stderr, &bytes),
                Ok(Chunk::End) => *n_open -= 1,
                Err(RecvTimeoutError::Timeout) => return,
                Err(RecvTimeoutError::Disconnected) => {
                    // All is read: the end is near, and nothing else to wait for.
                    thread::sleep(left.min(TICK));
                    return;
                }
            }
            if *n_open == 0 {
                return;
            }
        }
    }
}

/// A little more than what is allowed, so that too much shows.
fn append(kept: &mut Vec<u8>, bytes: &[u8]) {
    let room = (MOST_OUTPUT + 1).saturating_sub(kept.len());
    kept.extend_from_slice(&bytes[..bytes.len().min(room)]);
}

fn pass_on(
    mut pipe: impl Read + Send + 'static,
    stream: Stream,
    sender: Sender<Chunk>,
) -> io::Result<()> {
    let read = move || {
        let mut buffer = [0; 4096];
        while let Ok(n @ 1..) = pipe.read(&mut buffer) {
            let bytes = buffer[..n].to_vec();
            if sender.send(Chunk::Bytes(stream, bytes)).is_err() {
                // Given up.
                return;
            }
        }
        let _ = sender.send(Chunk::End);
    };
    let builder = thread::Builder::new().name("bayeux-token-cmd".to_owned());
    builder.spawn(read).map(drop)
}

impl Ended {
    fn token(self) -> Result<Secret, TokenCommandError> {
        let Output { stdout, stderr } = self.output;
        let text = String::from_utf8_lossy(&stdout);
        if !self.status.success() {
            return Err(TokenCommandError::Failed {
                status: self.status.to_string(),
                complaint: complaint(&stderr, text.trim()),
            });
        }
        if stdout.len() > MOST_OUTPUT {
            return Err(NotAToken::Long.into());
        }
        let lines = || text.lines().map(str::trim).filter(|it| !it.is_empty());
        match (lines().next(), lines().count()) {
            (None, _) => Err(TokenCommandError::Nothing),
            (Some(token), 1) => Ok(bearer(token)?),
            (Some(_), n_lines) => Err(TokenCommandError::Lines(n_lines)),
        }
    }
}

/// The first line that the command wrote to standard error, fit for one line of an error.
/// Whatever it printed as a token is taken out, should it stand there too.
fn complaint(stderr: &[u8], token: &str) -> Option<String> {
    let text = String::from_utf8_lossy(stderr);
    let line = text.lines().map(str::trim).find(|it| !it.is_empty())?;
    let line = match token {
        "" => line.to_owned(),
        token => line.replace(token, "***"),
    };
    let line = redact_excerpt(&line).into_owned();
    let is_long = line.chars().count() > COMPLAINT;
    let shown = line.chars().take(COMPLAINT);
    let mut shown: String = shown
        .map(|it| if it.is_control() { '\u{fffd}' } else { it })
        .collect();
    if is_long {
        shown.push_str("...");
    }
    Some(shown)
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
    fn a_long_complaint_is_cut() {
        let error = run("printf 'x%.0s' $(seq 1000) >&2; exit 1").unwrap_err();
        assert!(
            error.ends_with(&format!("{}...", "x".repeat(160))),
            "{error}"
        );
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

    #[test]
    fn one_that_leaves_a_daemon_behind_does_not_hang() {
        assert_eq!(run("sleep 3 & echo x"), Ok("Bearer x".to_owned()));
    }
}
