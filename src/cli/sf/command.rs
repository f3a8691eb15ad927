//! One run of `sf ... --json`: its deadline, and what it prints.

use std::io;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::cli::child::{self, ChildError, Killed, Output};

/// How `sf` is run.
#[derive(Clone, Debug)]
pub(super) struct Sf {
    program: PathBuf,
    /// When all of it must be over.
    until: Option<Instant>,
    is_asked_for_secrets: bool,
}

/// What `sf` answers. It may hold a token, so it has no `Debug`.
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
    /// It did not end within this time.
    Late(Duration),
    NotJson {
        status: String,
        complaint: Option<String>,
    },
}

/// It is slow to start, and may have to talk to Salesforce.
const PATIENCE: Duration = Duration::from_secs(60);
/// What a shell and `sf` exit with if there is no such command.
const NO_SUCH_COMMAND: i32 = 127;

impl Sf {
    pub(super) fn new(until: Option<Instant>) -> Self {
        let program = if cfg!(windows) { "sf.cmd" } else { "sf" };
        Self {
            program: program.into(),
            until,
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
            .env("FORCE_COLOR", "0");
        if self.is_asked_for_secrets {
            command.env("SF_TEMP_SHOW_SECRETS", "true");
        }
        let patience = child::patience(PATIENCE, self.until);
        // `sf` is a script that starts another program: both have to end.
        match child::run(command, patience, Killed::Group) {
            Ok(output) => answer(&output),
            Err(ChildError::Late(after)) => Err(Failure::Late(after)),
            Err(ChildError::Start(error)) if error.kind() == io::ErrorKind::NotFound => {
                Err(Failure::NotFound)
            }
            Err(ChildError::Start(error)) => Err(Failure::Start(error)),
        }
    }
}

fn answer(output: &Output) -> Result<Answer, Failure> {
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    let text = |value: &Value, name: &str| value.get(name)?.as_str().map(one_line);
    // Never what it printed to standard output: a token may be in it.
    let not_json = || Failure::NotJson {
        status: output.status.to_string(),
        complaint: child::complaint(&output.stderr, ""),
    };
    match json(&stdout).or_else(|| json(&stderr)) {
        Some(mut json) if output.status.success() => match json.get_mut("result") {
            Some(result) => Ok(Answer::Result(result.take())),
            None => Err(not_json()),
        },
        _ if is_unknown_command(output, [&stdout, &stderr]) => Ok(Answer::UnknownCommand),
        Some(json) => Ok(Answer::Refused {
            name: text(&json, "name").unwrap_or_else(|| "Error".to_owned()),
            message: text(&json, "message").unwrap_or_default(),
        }),
        None => Err(not_json()),
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

fn is_unknown_command(output: &Output, printed: [&str; 2]) -> bool {
    let says = |wording: &str| printed.iter().any(|it| it.contains(wording));
    output.status.code() == Some(NO_SUCH_COMMAND)
        || says("is not a sf command")
        || (says("ommand ") && says(" not found"))
}

fn one_line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    child::fit(&words.join(" "))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    /// Runs this shell script in the place of `sf`: its `$0` is the first word.
    fn run(script: &str, until: Option<Instant>) -> Result<Answer, Failure> {
        let sf = Sf {
            program: "sh".into(),
            ..Sf::new(until)
        };
        sf.run(&["-c", script], "dev")
    }

    #[test]
    fn one_that_hangs_is_killed_when_nobody_waits_any_more() {
        let started = Instant::now();
        let until = started + Duration::from_millis(100);
        assert!(matches!(
            run("sleep 600; echo", Some(until)),
            Err(Failure::Late(_))
        ));
        assert!(started.elapsed() < PATIENCE / 2);
    }

    #[test]
    fn the_result_is_found_behind_a_note_of_an_update() {
        let answer = run(r#"echo '{}'"#, None);
        assert!(matches!(answer, Err(Failure::NotJson { .. })));
        let answer = run(
            r#"echo 'update { soon'; echo '{"status":0,"result":{"a":1}}'; echo more"#,
            None,
        );
        let Ok(Answer::Result(result)) = answer else {
            panic!("another answer");
        };
        assert_eq!(result["a"], 1);
    }

    #[test]
    fn a_failure_is_told_in_its_own_words_and_without_what_it_printed() {
        let answer = run(
            r#"printf '%s' '{"status":1,"name":"X","message":"a\nb"}'; exit 1"#,
            None,
        );
        let Ok(Answer::Refused { name, message }) = answer else {
            panic!("another answer");
        };
        assert_eq!((name.as_str(), message.as_str()), ("X", "a b"));
        let answer = run("echo s3cret; echo broken >&2; exit 2", None);
        let Err(failure) = answer else {
            panic!("another answer");
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
            let answer = run(script, None);
            assert!(matches!(answer, Ok(Answer::UnknownCommand)), "{script}");
        }
    }
}
