//! Running another program for what it prints: until its deadline, and without showing any of
//! it.

use std::io::{self, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use bayeux::redaction::redact_excerpt;

/// What a program left behind. It may hold a secret, so it has no `Debug`.
pub(crate) struct Output {
    pub(crate) status: ExitStatus,
    /// The first [`MOST_OUTPUT`] bytes.
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
}

/// Why there is no output.
#[derive(Debug)]
pub(crate) enum ChildError {
    /// It cannot be run, or nobody can wait for it.
    Start(io::Error),
    /// It did not end within this time and was killed.
    Late(Duration),
}

/// What is killed when a program is late.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Killed {
    /// It alone. It has the terminal, and hears of Ctrl-C.
    Itself,
    /// It and what it started: a process group of its own, where there is such a thing.
    Group,
}

/// How much of what it prints is kept.
pub(crate) const MOST_OUTPUT: usize = 1024 * 1024;
/// How often it is asked whether the program has ended.
const TICK: Duration = Duration::from_millis(5);
/// What a program wrote is there when it ends, unless it left a daemon behind which has its
/// output open still; then this long is waited for the end of the output.
const AFTER_THE_END: Duration = Duration::from_millis(200);
/// How long a complaint may be.
const COMPLAINT: usize = 160;

/// Runs a program without standard input, and waits until it ends.
pub(crate) fn run(
    mut command: Command,
    patience: Duration,
    killed: Killed,
) -> Result<Output, ChildError> {
    let deadline = Instant::now() + patience;
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    #[cfg(unix)]
    if killed == Killed::Group {
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
    }
    let mut child = command.spawn().map_err(ChildError::Start)?;
    let outcome = wait(&mut child, deadline).map_err(ChildError::Start);
    let outcome = outcome.and_then(|output| output.ok_or(ChildError::Late(patience)));
    if outcome.is_err() {
        kill(&mut child, killed);
    }
    outcome
}

/// This patience, unless all of it must be over before.
pub(crate) fn patience(most: Duration, until: Option<Instant>) -> Duration {
    until.map_or(most, |it| {
        it.saturating_duration_since(Instant::now()).min(most)
    })
}

/// The first line that a program wrote to standard error, fit for one line of an error.
/// Whatever it printed as a `secret` is taken out, should it stand there too.
pub(crate) fn complaint(stderr: &[u8], secret: &str) -> Option<String> {
    let text = String::from_utf8_lossy(stderr);
    let line = text.lines().map(str::trim).find(|it| !it.is_empty())?;
    Some(match secret {
        "" => fit(line),
        secret => fit(&line.replace(secret, "***")),
    })
}

/// A text of a program, fit for one line of an error.
pub(crate) fn fit(text: &str) -> String {
    let text = redact_excerpt(text);
    let is_long = text.chars().count() > COMPLAINT;
    let shown = text.chars().take(COMPLAINT);
    let mut shown: String = shown
        .map(|it| if it.is_control() { '\u{fffd}' } else { it })
        .collect();
    if is_long {
        shown.push_str("...");
    }
    shown
}

#[derive(Clone, Copy)]
enum Stream {
    Out,
    Err,
}

/// Bytes of a stream. Few wait at a time: who prints without end is slowed down.
type Chunk = (Stream, Vec<u8>);

/// What came so far.
#[derive(Default)]
struct Kept {
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

/// Reads until the program has ended; `None` if it has not by then.
fn wait(child: &mut Child, deadline: Instant) -> io::Result<Option<Output>> {
    let (sender, chunks) = sync_channel(16);
    if let Some(stdout) = child.stdout.take() {
        pass_on(stdout, Stream::Out, sender.clone())?;
    }
    if let Some(stderr) = child.stderr.take() {
        pass_on(stderr, Stream::Err, sender)?;
    }
    let mut kept = Kept::default();
    loop {
        kept.take(&chunks, Instant::now() + TICK);
        if let Some(status) = child.try_wait()? {
            kept.take(&chunks, Instant::now() + AFTER_THE_END);
            let Kept { stdout, stderr } = kept;
            return Ok(Some(Output {
                status,
                stdout,
                stderr,
            }));
        }
        if Instant::now() >= deadline {
            return Ok(None);
        }
    }
}

impl Kept {
    /// Takes what comes until all pipes are closed, or until then.
    fn take(&mut self, chunks: &Receiver<Chunk>, until: Instant) {
        while let Some(left) = until.checked_duration_since(Instant::now()) {
            match chunks.recv_timeout(left) {
                Ok((Stream::Out, bytes)) => append(&mut self.stdout, &bytes),
                Ok((Stream::Err, bytes)) => append(&mut self.stderr, &bytes),
                Err(RecvTimeoutError::Timeout) => return,
                Err(RecvTimeoutError::Disconnected) => {
                    // All is read: the end is near, and nothing else to wait for.
                    return thread::sleep(left.min(TICK));
                }
            }
        }
    }
}

fn append(kept: &mut Vec<u8>, bytes: &[u8]) {
    let room = MOST_OUTPUT.saturating_sub(kept.len());
    kept.extend_from_slice(&bytes[..bytes.len().min(room)]);
}

fn pass_on(
    mut pipe: impl Read + Send + 'static,
    stream: Stream,
    sender: SyncSender<Chunk>,
) -> io::Result<()> {
    let read = move || {
        let mut buffer = [0; 4096];
        while let Ok(n @ 1..) = pipe.read(&mut buffer) {
            if sender.send((stream, buffer[..n].to_vec())).is_err() {
                // Given up.
                return;
            }
        }
    };
    let builder = thread::Builder::new().name("bayeux-child".to_owned());
    builder.spawn(read).map(drop)
}

fn kill(child: &mut Child, killed: Killed) {
    #[cfg(unix)]
    if killed == Killed::Group {
        let group = rustix::process::Pid::from_child(child);
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
    #[cfg(not(unix))]
    let _ = killed;
    let _ = child.kill();
    let _ = child.wait();
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(20);

    fn shell(script: &str, patience: Duration) -> Result<Output, ChildError> {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        run(command, patience, Killed::Group)
    }

    #[test]
    fn one_that_hangs_is_killed_with_what_it_started() {
        let started = Instant::now();
        for script in [
            "sleep 600; echo",
            "exec >&- 2>&-; sleep 600",
            "while :; do echo xxxxxxxxxxxxxxxxxxxxxxxxxxxx; done",
        ] {
            let hangs = shell(script, Duration::from_millis(100));
            assert!(matches!(hangs, Err(ChildError::Late(_))), "{script}");
        }
        assert!(started.elapsed() < LONG);
    }

    #[test]
    fn one_that_leaves_a_daemon_behind_does_not_hang() {
        let Ok(output) = shell("sleep 3 & echo x", LONG) else {
            panic!("it did not end");
        };
        assert_eq!(output.stdout, b"x\n");
        assert!(output.status.success());
    }

    #[test]
    fn no_more_is_kept_than_anybody_needs() {
        let script = "head -c 3000000 /dev/zero; echo broken >&2; exit 3";
        let Ok(output) = shell(script, LONG) else {
            panic!("it did not end");
        };
        assert_eq!(output.stdout.len(), MOST_OUTPUT);
        assert_eq!(output.stderr, b"broken\n");
        assert_eq!(output.status.code(), Some(3));
    }

    #[test]
    fn a_complaint_is_one_short_line_without_secrets() {
        let of = |text: &str| complaint(text.as_bytes(), "s3cret");
        assert_eq!(of(" \n no: s3cret \nmore"), Some("no: ***".to_owned()));
        assert_eq!(of("\u{1b}[2J"), Some("\u{fffd}[2J".to_owned()));
        assert_eq!(
            of(&"x".repeat(161)),
            Some(format!("{}...", "x".repeat(160)))
        );
        assert_eq!(of("\n"), None);
    }
}
