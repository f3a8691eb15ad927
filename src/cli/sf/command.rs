//! One run of `sf ... --json`: its deadline, and what it prints.

use std::io::{self, Read};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

/// How `sf` is run.
#[derive(Clone, Debug)]
pub(super) struct Sf {
    program: PathBuf,
    pub(super) patience: Duration,
    is_asked_for_secrets: bool,
}

/// What `sf` answers.
#[derive(Debug)]
pub(super) enum Answer {
    /// The `result` of a success.
    Result(Value),
    /// Its own words for a failure.
    Refused { name: String, message: String },
    /// This version has no such command.
    UnknownCommand,
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Failure {
    NotFound,
    Start(io::Error),
    Late,
    NotJson {
        status: String,
        complaint: Option<String>,
    },
}

/// It is slow to start, and may have to talk to Salesforce.
const PATIENCE: Duration = Duration::from_secs(60);
/// More than any answer has.
const MOST_OUTPUT: u64 = 1024 * 1024;
/// How often it is asked whether the command has ended, once it has closed its output.
const TICK: Duration = Duration::from_millis(5);
/// How long the complaint of a failed command may be.
const COMPLAINT: usize = 160;
/// What a shell and `sf` exit with if there is no such command.
const NO_SUCH_COMMAND: i32 = 127;

impl Sf {
    pub(super) fn new() -> Self {
        let program = if cfg!(windows) { "sf.cmd" } else { "sf" };
        Self {
            program: program.into(),
            patience: PATIENCE,
            is_asked_for_secrets: false,
        }
    }

    /// Versions between those that always show secrets and those that have a command for
    /// them.
    pub(super) fn with_secrets(&self) -> Self {
        Self {
            is_asked_for_secrets: true,
            ..self.clone()
        }
    }

    pub(super) fn run(&self, words: &[&str], org: &str) -> Result<Answer, Failure> {
        let mut command = Command::new(&self.program);
        command
            .args(words)
            .args(["--json", "-o", org])
            // Colours would stand in the JSON.
            .env("NO_COLOR", "1")
            .env("FORCE_COLOR", "0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if self.is_asked_for_secrets {
            command.env("SF_TEMP_SHOW_SECRETS", "true");
        }
        // `sf` is a script that starts another program: both have to end.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut child = command.spawn().map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Failure::NotFound,
            _ => Failure::Start(error),
        })?;
        match Output::read(&mut child, Instant::now() + self.patience) {
            Some(output) => answer(&output),
            None => {
                kill(&mut child);
                Err(Failure::Late)
            }
        }
    }
}

/// What a run left behind.
struct Output {
    status: ExitStatus,
    stdout: String,
    stderr: String,
}

impl Output {
    /// `None` if the command does not end in time, or nobody can wait for it.
    fn read(child: &mut Child, deadline: Instant) -> Option<Self> {
        let stdout = reader(child.stdout.take()?)?;
        let stderr = reader(child.stderr.take()?)?;
        let left = || deadline.saturating_duration_since(Instant::now());
        let stdout = stdout.recv_timeout(left()).ok()?;
        let stderr = stderr.recv_timeout(left()).ok()?;
        loop {
            if let Some(status) = child.try_wait().ok()? {
                return Some(Self {
                    status,
                    stdout,
                    stderr,
                });
            }
            if left().is_zero() {
                return None;
            }
            thread::sleep(TICK);
        }
    }
}

/// Reads a pipe to its end.
fn reader(pipe: impl Read + Send + 'static) -> Option<Receiver<String>> {
    let (sender, receiver) = channel();
    let read = move || {
        let mut bytes = Vec::new();
        // What could be read counts.
        let _ = pipe.take(MOST_OUTPUT).read_to_end(&mut bytes);
        let _ = sender.send(String::from_utf8_lossy(&bytes).into_owned());
    };
    let builder = thread::Builder::new().name("bayeux-sf".to_owned());
    builder.spawn(read).ok()?;
    Some(receiver)
}

fn kill(child: &mut Child) {
    #[cfg(unix)]
    {
        let group = rustix::process::Pid::from_child(child);
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
    let _ = child.kill();
    let _ = child.wait();
}

fn answer(output: &Output) -> Result<Answer, Failure> {
    let text = |value: &Value, name: &str| value.get(name)?.as_str().map(str::to_owned);
    let json = json(&output.stdout).or_else(|| json(&output.stderr));
    match json {
        Some(mut json) if output.status.success() => match json.get_mut("result") {
            Some(result) => Ok(Answer::Result(result.take())),
            None => Err(not_json(output)),
        },
        _ if is_unknown_command(output) => Ok(Answer::UnknownCommand),
        Some(json) => Ok(Answer::Refused {
            name: one_line(&text(&json, "name").unwrap_or_else(|| "Error".to_owned())),
            message: one_line(&text(&json, "message").unwrap_or_default()),
        }),
        None => Err(not_json(output)),
    }
}

/// The object in what was printed; notes of updates may stand around it.
fn json(text: &str) -> Option<Value> {
    let start = match text.starts_with('{') {
        true => 0,
        false => text.find("\n{")? + 1,
    };
    let text = &text[start..];
    let mut values = serde_json::Deserializer::from_str(text).into_iter();
    values.next()?.ok()
}

fn is_unknown_command(output: &Output) -> bool {
    let says = |wording: &str| output.stdout.contains(wording) || output.stderr.contains(wording);
    output.status.code() == Some(NO_SUCH_COMMAND)
        || says("is not a sf command")
        || (says("ommand ") && says(" not found"))
}

/// Never what it printed to standard output: a token may be in it.
fn not_json(output: &Output) -> Failure {
    let complaint = output.stderr.lines().find(|it| !it.trim().is_empty());
    Failure::NotJson {
        status: output.status.to_string(),
        complaint: complaint.map(one_line),
    }
}

/// Fit for one line of an error.
fn one_line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").chars().take(COMPLAINT).collect()
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    /// Runs this shell script in the place of `sf`: its `$0` is the first word.
    fn run(script: &str, patience: Duration) -> Result<Answer, Failure> {
        let sf = Sf {
            program: "sh".into(),
            patience,
            ..Sf::new()
        };
        sf.run(&["-c", script], "dev")
    }

    const LONG: Duration = Duration::from_secs(20);

    #[test]
    fn one_that_hangs_is_killed_with_what_it_started() {
        let started = Instant::now();
        let hangs = run("sleep 600; echo", Duration::from_millis(100));
        assert!(matches!(hangs, Err(Failure::Late)), "{hangs:?}");
        let closes = run("exec >&- 2>&-; sleep 600", Duration::from_millis(100));
        assert!(matches!(closes, Err(Failure::Late)), "{closes:?}");
        assert!(started.elapsed() < LONG);
    }

    #[test]
    fn the_result_is_found_behind_a_note_of_an_update() {
        let answer = run(r#"echo '{}'"#, LONG);
        assert!(matches!(answer, Err(Failure::NotJson { .. })), "{answer:?}");
        let answer = run(
            r#"echo 'update { soon'; echo '{"status":0,"result":{"a":1}}'; echo more"#,
            LONG,
        );
        let Ok(Answer::Result(result)) = answer else {
            panic!("{answer:?}");
        };
        assert_eq!(result["a"], 1);
    }

    #[test]
    fn a_failure_is_told_in_its_own_words_and_without_what_it_printed() {
        let answer = run(
            r#"printf '%s' '{"status":1,"name":"X","message":"a\nb"}'; exit 1"#,
            LONG,
        );
        let Ok(Answer::Refused { name, message }) = answer else {
            panic!("{answer:?}");
        };
        assert_eq!((name.as_str(), message.as_str()), ("X", "a b"));
        let answer = run("echo s3cret; echo broken >&2; exit 2", LONG);
        let Err(failure) = answer else {
            panic!("{answer:?}");
        };
        assert_eq!(
            format!("{failure:?}"),
            r#"NotJson { status: "exit status: 2", complaint: Some("broken") }"#
        );
    }

    #[test]
    fn a_version_without_the_command_says_so_in_one_of_these_ways() {
        for script in [
            "exit 127",
            "echo ' Warning: org auth show-access-token is not a sf command.' >&2; exit 2",
            r#"echo '{"status":1,"name":"Error","message":"Command org:auth:x not found."}'; exit 1"#,
        ] {
            let answer = run(script, LONG);
            assert!(matches!(answer, Ok(Answer::UnknownCommand)), "{answer:?}");
        }
    }
}
