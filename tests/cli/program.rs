//! Runs the binary: a clean environment, a deadline, and what it wrote as one text.

use std::fmt;
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

/// No child lives longer than this.
const PATIENCE: Duration = Duration::from_secs(20);

/// Shows what a program did, with everything that differs from run to run taken out.
macro_rules! snapshot {
    ($outcome:expr, @$text:literal) => {
        insta::with_settings!({ filters => $crate::program::filters() }, {
            insta::assert_snapshot!($outcome, @$text)
        })
    };
}
pub(crate) use snapshot;

pub(crate) fn filters() -> Vec<(&'static str, &'static str)> {
    vec![
        (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", "[timestamp]"),
        (r"\d\d:\d\d:\d\d\.\d{3}", "[time]"),
        (r"(127\.0\.0\.1):\d{2,5}", "$1:[port]"),
        (
            r"\btry :\d+/cometd, :\d+/bayeux or :\d+/faye",
            "try :[port]/cometd, :[port]/bayeux or :[port]/faye",
        ),
        (r"[0-9a-f]{32}", "[client id]"),
        // As `serve --flavor salesforce` makes them.
        (r"\b[0-9a-z]{25}\b", "[client id]"),
        (r"\b[0-9a-f]{4}…", "[client id]"),
        (r#"(_ms":)\d+(\.\d+)?"#, "$1[duration]"),
        (
            r"\b(in|after|within|gap|trip *|connect|byte|total) \d+(\.\d+)? ?(ms|s)\b",
            "$1 [duration]",
        ),
        // How long a check took, and its exchange.
        (
            r"(?m)^( +(?:\| < HTTP|ok|FAIL|warn|note|known) .*)  \d+(\.\d+)? ?(us|ms|s)$",
            "$1  [duration]",
        ),
        (r"Content-Length: \d+", "Content-Length: [length]"),
        (r"Date: .*GMT", "Date: [date]"),
        (r"bayeux/\d+\.\d+\.\d+\b", "bayeux/[version]"),
    ]
}

/// A command line that is about to run.
pub(crate) struct Program {
    command: Command,
    stdin: Option<Vec<u8>>,
    reading: Reading,
}

/// How much of standard output is read before the pipe is closed.
#[derive(Clone, Copy)]
enum Reading {
    ToTheEnd,
    OneLine,
}

/// The program with these arguments. Standard input is empty unless something else is said.
pub(crate) fn bayeux<const N: usize>(words: [&str; N]) -> Program {
    Program::new(env!("CARGO_BIN_EXE_bayeux"), &words)
}

/// A `bayeux serve` with these options on a free port, and its URL.
pub(crate) fn serve(options: &[&str]) -> (Running, String) {
    let mut serve = bayeux(["serve", "--listen", "127.0.0.1:0"])
        .args(options)
        .start();
    let url = serve.first_line();
    (serve, url)
}

/// A POSIX shell with this script, in which `bayeux` is the program.
#[cfg(unix)]
pub(crate) fn shell(script: &str) -> Program {
    let script = format!(
        "bayeux() {{ '{}' \"$@\"; }}; {script}",
        env!("CARGO_BIN_EXE_bayeux")
    );
    Program::new("/bin/sh", &["-c", &script])
}

impl Program {
    fn new(program: &str, words: &[&str]) -> Self {
        let mut command = Command::new(program);
        command
            .args(words)
            .env_clear()
            .env("HOME", folder("home"))
            .env("TZ", "UTC")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        // Windows opens no socket without it.
        for name in ["PATH", "SystemRoot"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        Self {
            command,
            stdin: None,
            reading: Reading::ToTheEnd,
        }
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    pub(crate) fn args(mut self, words: &[&str]) -> Self {
        self.command.args(words);
        self
    }

    /// Writes this to standard input and closes it.
    pub(crate) fn stdin(mut self, text: impl Into<Vec<u8>>) -> Self {
        self.stdin = Some(text.into());
        self.command.stdin(Stdio::piped());
        self
    }

    /// Standard input is a pipe into which nobody writes, and which nobody closes.
    pub(crate) fn idle_stdin(mut self) -> Self {
        self.command.stdin(Stdio::piped());
        self
    }

    /// Standard output is this file.
    pub(crate) fn stdout(mut self, file: File) -> Self {
        self.command.stdout(file);
        self
    }

    /// Standard output is closed after its first line, as `head -1` does.
    pub(crate) fn stdout_for_one_line(mut self) -> Self {
        self.reading = Reading::OneLine;
        self
    }

    pub(crate) fn start(mut self) -> Running {
        let mut child = self.command.spawn().unwrap();
        if let Some(text) = self.stdin {
            let mut stdin = child.stdin.take().unwrap();
            // A program that does not read its standard input does not mind.
            std::thread::spawn(move || drop(stdin.write_all(&text)));
        }
        let (sender, chunks) = channel();
        let mut n_open = 1;
        if let Some(stdout) = child.stdout.take() {
            let sender = sender.clone();
            let reading = self.reading;
            std::thread::spawn(move || read(stdout, Stream::Out, reading, &sender));
            n_open += 1;
        }
        let stderr = child.stderr.take().unwrap();
        std::thread::spawn(move || read(stderr, Stream::Err, Reading::ToTheEnd, &sender));
        Running {
            command: format!("{:?}", self.command.get_args()),
            child,
            chunks,
            n_open,
            stdout: Vec::new(),
            stderr: Vec::new(),
            deadline: Instant::now() + PATIENCE,
        }
    }

    pub(crate) fn run(self) -> Outcome {
        self.start().end()
    }
}

#[derive(Clone, Copy, Debug)]
enum Stream {
    Out,
    Err,
}

enum Chunk {
    Bytes(Stream, Vec<u8>),
    End,
}

fn read(mut pipe: impl Read, stream: Stream, reading: Reading, sender: &Sender<Chunk>) {
    let mut buffer = [0; 8192];
    while let Ok(n @ 1..) = pipe.read(&mut buffer) {
        let bytes = buffer[..n].to_vec();
        let is_enough = matches!(reading, Reading::OneLine) && bytes.contains(&b'\n');
        // Nobody listens any more once the test has failed.
        let _ = sender.send(Chunk::Bytes(stream, bytes));
        if is_enough {
            break;
        }
    }
    drop(pipe);
    let _ = sender.send(Chunk::End);
}

/// A child that runs. It is killed when it is dropped.
pub(crate) struct Running {
    command: String,
    child: Child,
    chunks: Receiver<Chunk>,
    n_open: usize,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    deadline: Instant,
}

impl Running {
    /// Waits until this stands on standard error.
    pub(crate) fn told(&mut self, text: &str) {
        while !contains(&self.stderr, text) {
            self.read(&format!("{text:?} on standard error"));
        }
    }

    /// Waits until this stands on standard output.
    pub(crate) fn printed(&mut self, text: &str) {
        while !contains(&self.stdout, text) {
            self.read(&format!("{text:?} on standard output"));
        }
    }

    /// Waits until the pipe of standard output is closed on this side.
    pub(crate) fn unread(&mut self) {
        while self.n_open == 2 {
            self.read("a closed pipe");
        }
    }

    /// Waits for a line of standard error with this in it.
    #[cfg(unix)]
    pub(crate) fn line_with(&mut self, text: &str) -> String {
        loop {
            let told = String::from_utf8_lossy(&self.stderr);
            let whole = told.rfind('\n').map_or("", |end| &told[..end]);
            if let Some(line) = whole.lines().find(|it| it.contains(text)) {
                return line.to_owned();
            }
            self.read(&format!("a line with {text:?} on standard error"));
        }
    }

    /// The first line of standard output.
    pub(crate) fn first_line(&mut self) -> String {
        self.printed("\n");
        let text = String::from_utf8_lossy(&self.stdout);
        text.lines().next().unwrap().to_owned()
    }

    #[cfg(unix)]
    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let id = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(id, signal).unwrap();
    }

    #[cfg(target_os = "linux")]
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// It may take longer than others.
    #[cfg(target_os = "linux")]
    pub(crate) fn patient(mut self, patience: Duration) -> Self {
        self.deadline = Instant::now() + patience;
        self
    }

    /// Waits for the end.
    pub(crate) fn end(mut self) -> Outcome {
        while self.n_open > 0 {
            self.read("the end");
        }
        let status = self.child.wait().unwrap();
        Outcome {
            status,
            stdout: std::mem::take(&mut self.stdout),
            stderr: std::mem::take(&mut self.stderr),
        }
    }

    fn read(&mut self, wanted: &str) {
        let left = self.deadline.saturating_duration_since(Instant::now());
        match self.chunks.recv_timeout(left) {
            Ok(Chunk::Bytes(Stream::Out, bytes)) => self.stdout.extend(bytes),
            Ok(Chunk::Bytes(Stream::Err, bytes)) => self.stderr.extend(bytes),
            Ok(Chunk::End) => self.n_open -= 1,
            Err(_) => self.give_up(&format!("waited for {wanted} in vain")),
        }
        if self.n_open == 0 && wanted != "the end" {
            self.give_up(&format!("ended before {wanted}"));
        }
    }

    fn give_up(&mut self, why: &str) -> ! {
        let _ = self.child.kill();
        panic!(
            "{why}: {}\n----- stdout -----\n{}\n----- stderr -----\n{}",
            self.command,
            String::from_utf8_lossy(&self.stdout),
            String::from_utf8_lossy(&self.stderr)
        );
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Most are gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn contains(bytes: &[u8], text: &str) -> bool {
    String::from_utf8_lossy(bytes).contains(text)
}

/// What a program did.
pub(crate) struct Outcome {
    status: ExitStatus,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
}

impl Outcome {
    /// The exit status; a program that a signal ended has none.
    pub(crate) fn code(&self) -> Option<i32> {
        self.status.code()
    }

    pub(crate) fn stdout(&self) -> String {
        String::from_utf8(self.stdout.clone()).unwrap()
    }

    pub(crate) fn stderr(&self) -> String {
        String::from_utf8(self.stderr.clone()).unwrap()
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tmp = env!("CARGO_TARGET_TMPDIR");
        let text = |it: &[u8]| String::from_utf8_lossy(it).replace(tmp, "[tmp]");
        match self.code() {
            Some(code) => writeln!(f, "exit: {code}")?,
            None => writeln!(f, "{}", self.status)?,
        }
        write!(f, "----- stdout -----\n{}", text(&self.stdout))?;
        write!(f, "----- stderr -----\n{}", text(&self.stderr))
    }
}

/// An empty folder of a test's own.
pub(crate) fn empty_folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    // It is there if an earlier run left it.
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}
