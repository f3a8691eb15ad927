//! What the documents show works: every example of README.md, the documents in docs/ and the
//! help texts is run, and every option has one.
//!
//! An example is a line of a `sh` block, or one below "Examples:" in a help text. It runs in
//! a shell, in a folder with the files that the examples name, against a server of the test.
//! Whoever subscribes there is sent messages, so that what waits for one ends.
#![cfg(all(unix, feature = "cli"))]

#[allow(dead_code, reason = "the tests of TLS need more of it")]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#[path = "cli/authority.rs"]
mod authority;

#[allow(dead_code, reason = "the tests of workers need more of it")]
#[path = "cli/locust_master.rs"]
mod locust_master;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use bayeux::protocol::{Channel, ChannelPattern, Json, meta};
use bayeux::server::{Event, Flavor, Observer, Server, Settings};

use authority::{Dates, self_signed};
use locust_master::Master;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const PROGRAM: &str = env!("CARGO_BIN_EXE_bayeux");

/// Longer than any example takes on a machine that is very busy.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where examples are, beside the help texts.
const DOCUMENTS: &[&str] = &[
    "README.md",
    "docs/check.md",
    "docs/ci.md",
    "docs/distributed.md",
    "docs/examples.md",
    "docs/faults.md",
    "docs/proxy.md",
    "docs/recordings.md",
    "docs/serve.md",
];

/// What is not run as it stands, and why. `{url}` is the test's server, `{websocket}` the same
/// over websockets, and `{faye}` another one, which publishes without a session, as Faye does.
const SUBSTITUTIONS: &[(&str, &str)] = &[
    // Port 8080 may be somebody else's.
    ("ws://localhost:8080/cometd", "{websocket}"),
    ("http://localhost:8080/cometd", "{url}"),
    (":8080/cometd", "{url}"),
    (":8080/faye", "{faye}"),
    ("https://example.com/cometd", "{url}"),
    // The test's server takes the requests that a proxy takes.
    ("proxy.example:3128", "{address}"),
    ("--listen 127.0.0.1:8080", "--listen 127.0.0.1:0"),
    ("--listen 127.0.0.1:8081", "--listen 127.0.0.1:0"),
    // A master of the test.
    ("master.example:5557", "{master}"),
    ("--locust master.example", "--locust {master}"),
    // Conditions behind a channel are Salesforce's; CometD refuses the name.
    ("'/topic/Accounts?Industry=Energy'", "/topic/Accounts"),
    // Nobody wants to wait.
    ("--duration 1m", "--duration 100ms"),
    ("--idle 5s", "--idle 100ms"),
    ("-d 30s", "-d 1s"),
    // What a test's machine achieves is not what the example is about: it runs other tests, too.
    ("p99=500ms", "p99=1m"),
    ("p99=100ms", "p99=1m"),
    // Programs that may not be there.
    ("| jq .price", "| cat"),
    ("| jq .p99", "| cat"),
    ("| man -l -", "| cat"),
    // Folders of the machine.
    ("~/.local/share/bash-completion/completions/", "./"),
    ("~/.zfunc/", "./"),
    ("/usr/local/share/man/man1", "./man"),
];

/// The files that examples name.
const FILES: &[(&str, &str)] = &[
    ("message.json", r#"{"user": "ann", "text": "hello"}"#),
    ("headers.txt", "Authorization: Bearer s3cret\n"),
    ("token.txt", "s3cret\n"),
    ("recorded.jsonl", include_str!("fixtures/recorded.jsonl")),
    ("run.json", include_str!("fixtures/run.json")),
    ("traffic.ndjson", include_str!("fixtures/traffic.ndjson")),
    ("other.json", include_str!("fixtures/other.json")),
];

/// Lines of `sh` blocks that are no examples of the program.
const OTHER_LINES: &[&str] = &[
    "cargo install --path .",
    "cargo run --release -- demo",
    "cargo test",
    "export BAYEUX_URL=:8080/cometd",
    // Real masters take workers in tests/interop/locust.
    "pip install locust",
    "locust -f bayeux_locust.py --master --enable-rebalancing",
    "locust -f bayeux_locust.py --master --headless --expect-workers 2 -u 1000 -r 100 -t 5m    -H http://server:8080/cometd --channel /rooms --rate 500 --json",
];

#[test]
fn every_example_does_what_it_shows() {
    let stage = Stage::new();
    let examples = examples();
    assert!(examples.len() > 30, "only {} examples", examples.len());
    for example in &examples {
        stage.run(example);
    }
}

/// Each option of a command's own has an example of that command; what many commands have in
/// common has one somewhere.
#[test]
fn every_option_has_an_example() {
    let examples = examples();
    let mut missing = Vec::new();
    for (command, help) in helps() {
        let mut is_common = false;
        for line in help.lines() {
            if !line.starts_with(' ') && line.ends_with(':') {
                is_common = line != "Options:";
            }
            let Some(option) = ListedOption::parse(line) else {
                continue;
            };
            let is_shown = examples
                .iter()
                .filter(|it| is_common || it.command == command)
                .any(|it| option.is_in(&it.line));
            if !is_shown {
                missing.push(format!("{command} --{}", option.long));
            }
        }
    }
    assert!(missing.is_empty(), "no example of {missing:#?}");
}

#[test]
fn every_other_line_is_known() {
    for (source, line) in document_lines() {
        assert!(
            command_of(&line).is_some() || OTHER_LINES.contains(&line.as_str()),
            "{source}: neither an example nor known: {line}"
        );
    }
}

/// A documented command line.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Example {
    command: String,
    line: String,
    source: String,
}

impl Example {
    /// Whether only a signal ends it.
    fn is_open_ended(&self) -> bool {
        let goals = ["-n", "--count", "--duration", "--idle"];
        match self.command.as_str() {
            "serve" => !self.line.contains("--exit-with-stdin"),
            "proxy" => true,
            "subscribe" => !words(&self.line).any(|it| goals.contains(&it)),
            _ => false,
        }
    }
}

fn examples() -> Vec<Example> {
    let help_lines = helps().into_iter().flat_map(|(command, help)| {
        let examples = help.split("\nExamples:\n").nth(1).unwrap_or_default();
        let examples = examples.split("\n\n").next().unwrap_or_default();
        let lines: Vec<_> = examples
            .lines()
            .map(|it| (format!("{command} --help"), it.trim().to_owned()))
            .collect();
        assert!(!lines.is_empty(), "{command} --help has no examples");
        lines
    });
    let mut seen = BTreeSet::new();
    let mut examples = Vec::new();
    for (source, line) in help_lines.chain(document_lines()).chain(fault_lines()) {
        if let Some(command) = command_of(&line)
            && seen.insert(line.clone())
        {
            let command = command.to_owned();
            examples.push(Example {
                command,
                line,
                source,
            });
        }
    }
    examples
}

/// The lines of all `sh` blocks, those that end with a backslash joined with the next.
fn document_lines() -> Vec<(String, String)> {
    let mut lines = Vec::new();
    for source in DOCUMENTS {
        let text = fs::read_to_string(Path::new(ROOT).join(source)).expect("a document");
        for block in text.split("\n```sh\n").skip(1) {
            let block = block.split("\n```").next().unwrap_or_default();
            for line in block.replace("\\\n", " ").lines() {
                let line = line.split(" # ").next().unwrap_or_default().trim();
                if !line.is_empty() && !line.starts_with('#') {
                    lines.push(((*source).to_owned(), line.to_owned()));
                }
            }
        }
    }
    lines
}

/// A server with each fault of the tables in docs/faults.md.
fn fault_lines() -> Vec<(String, String)> {
    let source = "docs/faults.md";
    let text = fs::read_to_string(Path::new(ROOT).join(source)).expect("a document");
    let (_, tables) = text.split_once("## What goes wrong").expect("the tables");
    let (tables, times) = tables.split_once("## When").expect("the table of keys");
    let (of_all, of_salesforce) = tables.split_once("salesforce").expect("its own table");
    // The first cell of a row, or its last one.
    let mut lines = Vec::new();
    for (text, options) in [
        (of_all, ""),
        (of_salesforce, "--flavor salesforce "),
        (times, ""),
    ] {
        for row in text.lines().filter(|it| it.starts_with("| `")) {
            let mut cells = row.trim_matches(['|', ' ']).split(" | ");
            let cell = match text == times {
                true => cells.last(),
                false => cells.next(),
            };
            let fault = cell.expect("a cell").trim_matches('`');
            if fault != "--fault" {
                lines.push((
                    source.to_owned(),
                    format!("bayeux serve {options}--fault {fault}"),
                ));
            }
        }
    }
    assert!(lines.len() > 30, "{lines:?}");
    lines
}

/// The profiles of docs/examples.md. Their URLs are none of the test's servers, but
/// BAYEUX_URL goes before them.
fn profiles() -> String {
    let text = fs::read_to_string(Path::new(ROOT).join("docs/examples.md")).expect("a document");
    let block = text.split("\n```toml\n").nth(1).expect("a block of TOML");
    block.split("\n```").next().unwrap_or_default().to_owned()
}

/// The subcommand that a line is an example of, by its full name; `bayeux` if it has none.
fn command_of(line: &str) -> Option<&str> {
    let mut words = words(line).skip_while(|it| *it != "bayeux").skip(1);
    let option_or_command = words.next()?;
    Some(match option_or_command {
        "hs" => "handshake",
        "pub" => "publish",
        "sub" => "subscribe",
        option if option.starts_with('-') => "bayeux",
        command => command,
    })
}

fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split([' ', '('])
}

/// The help of the program and of each subcommand.
fn helps() -> BTreeMap<String, String> {
    let help = |arguments: &[&str]| {
        let output = Command::new(PROGRAM)
            .args(arguments)
            .args(["--help", "--color", "never"])
            .env("COLUMNS", "100")
            .output()
            .expect("the program starts");
        String::from_utf8(output.stdout).expect("the help is text")
    };
    let main = help(&[]);
    let commands = main.split("Commands:\n").nth(1).expect("commands");
    let commands = commands.split("\n\n").next().unwrap_or_default();
    let mut helps = BTreeMap::new();
    for line in commands.lines() {
        let command = line.split_whitespace().next().expect("a name");
        helps.insert(command.to_owned(), help(&[command]));
    }
    helps.insert("bayeux".to_owned(), main);
    helps
}

/// An option in a help text: `  -n, --count <N>`.
struct ListedOption {
    short: Option<char>,
    long: String,
}

impl ListedOption {
    fn parse(line: &str) -> Option<Self> {
        let line = line.strip_prefix("  ")?;
        let (short, rest) = match line.strip_prefix('-') {
            Some(rest) if !rest.starts_with('-') => (rest.chars().next(), rest.get(3..)?),
            Some(_) => (None, line),
            None => (None, line.strip_prefix("    ")?),
        };
        let name = rest.strip_prefix("--")?;
        let end = name.find(|it: char| !it.is_ascii_alphanumeric() && it != '-');
        let long = name[..end.unwrap_or(name.len())].to_owned();
        // clap's own.
        let is_ours = !["help", "version"].contains(&long.as_str());
        is_ours.then_some(Self { short, long })
    }

    fn is_in(&self, line: &str) -> bool {
        let is_short = |word: &str| {
            let letters = word.strip_prefix('-').filter(|it| !it.starts_with('-'));
            letters.is_some_and(|it| self.short.is_some_and(|short| it.contains(short)))
        };
        let is_long = |word: &str| {
            let word = word.strip_prefix("--");
            word.is_some_and(|it| it.split('=').next() == Some(&self.long))
        };
        words(line).any(|it| is_long(it) || is_short(it))
    }
}

/// Servers, a folder with files, and somebody who publishes.
struct Stage {
    server: Arc<Server>,
    faye: Server,
    /// Where a Locust master waits for workers.
    master: String,
    folder: PathBuf,
}

impl Stage {
    fn new() -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("docs");
        // Left over from a run before, if at all.
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(folder.join("bin")).expect("a folder");
        for (name, text) in FILES {
            fs::write(folder.join(name), text).expect("a file");
        }
        fs::write(folder.join("config.toml"), profiles()).expect("a file");
        let identity = self_signed("localhost", Dates::Now);
        fs::write(folder.join("server.pem"), identity.certificates).expect("a file");
        fs::write(folder.join("server-key.pem"), identity.key).expect("a file");
        // Says which process is to be interrupted, and how it ended, whatever the pipeline
        // around it.
        let wrapper = format!(
            "#!/bin/sh\n\
             sh -c 'echo $$ >pid; exec \"{PROGRAM}\" \"$@\"' bayeux \"$@\"\n\
             echo $? >status\n\
             exit \"$(cat status)\"\n"
        );
        let program = folder.join("bin/bayeux");
        fs::write(&program, wrapper).expect("a file");
        let sf = folder.join("bin/sf");
        let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(&program, executable).expect("permissions");

        let (sender, subscriptions) = channel();
        let server = server(Settings {
            observer: Some(Arc::new(Subscriptions(Mutex::new(sender)))),
            // Some checks wait for them to end.
            timeout: Duration::from_secs(2),
            max_interval: Duration::from_secs(2),
            ..Settings::default()
        });
        let server = Arc::new(server);
        // The test's server as an org, with a token that it does not look at.
        let org = format!(
            "#!/bin/sh\n\
             echo '{{\"status\":0,\"result\":{{\"instanceUrl\":\"http://{}\",\
             \"apiVersion\":\"65.0\",\"accessToken\":\"00D!AQ\"}}}}'\n",
            server.address()
        );
        fs::write(&sf, org).expect("a file");
        let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(&sf, executable).expect("permissions");
        let publisher = Arc::clone(&server);
        thread::spawn(move || {
            for pattern in subscriptions {
                publish_what_matches(&publisher, &pattern);
            }
        });
        let faye = self::server(Settings::of(Flavor::Faye));
        let master = Master::new();
        let address = master.address().to_string();
        thread::spawn(move || {
            loop {
                master.give_a_short_run();
            }
        });
        Self {
            master: address,
            server,
            faye,
            folder,
        }
    }

    fn run(&self, example: &Example) {
        let mut line = example.line.clone();
        for (from, to) in SUBSTITUTIONS {
            line = line.replace(from, to);
        }
        line = line
            .replace("{url}", &self.server.url())
            .replace("{websocket}", &self.server.url().replacen("http", "ws", 1))
            .replace("{faye}", &self.faye.url())
            .replace("{master}", &self.master)
            .replace("{address}", &self.server.address().to_string());
        let listens = ["serve", "proxy"].contains(&example.command.as_str());
        if listens && !line.contains("--listen") {
            line.push_str(" --listen 127.0.0.1:0");
        }
        if example.command == "bench" {
            line.push_str(&shortened(&line));
        }
        // There is none before the first example.
        let _ = fs::remove_file(self.folder.join("status"));
        let path = std::env::var("PATH").unwrap_or_default();
        let mut shell = Command::new("sh")
            .args(["-c", &line])
            .current_dir(&self.folder)
            .env(
                "PATH",
                format!("{}:{path}", self.folder.join("bin").display()),
            )
            .env("BAYEUX_URL", self.server.url())
            .env("BAYEUX_CONFIG", "config.toml")
            .env_remove("BAYEUX_OUTPUT")
            .env_remove("BAYEUX_TIMEOUT")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("a shell starts");

        let stderr = shell.stderr.take().expect("piped");
        let story = thread::spawn(move || text(stderr));
        let mut stdout = BufReader::new(shell.stdout.take().expect("piped"));
        let (sender, receiver) = channel();
        let is_open_ended = example.is_open_ended();
        let answer = thread::spawn(move || {
            let mut first = String::new();
            if is_open_ended {
                stdout.read_line(&mut first).expect("a line");
                let _ = sender.send(());
            }
            first + &text(stdout)
        });
        if is_open_ended && receiver.recv_timeout(PATIENCE).is_ok() {
            self.interrupt();
        }
        let code = self.wait(shell);
        let answer = answer.join().expect("what it printed");
        let story = story.join().expect("what it told");
        let status = fs::read_to_string(self.folder.join("status")).unwrap_or_default();
        assert!(
            code == Some(0) && status == "0\n",
            "{}: exit status {code:?}, of the program {status:?}\n$ {}\n{line}\n{answer}{story}",
            example.source,
            example.line
        );
    }

    fn interrupt(&self) {
        let pid = fs::read_to_string(self.folder.join("pid")).expect("a process id");
        let status = Command::new("sh")
            .args(["-c", &format!("kill -INT {pid}")])
            .status();
        assert!(status.expect("a shell starts").success());
    }

    /// The exit status; `None` if it had to be killed.
    fn wait(&self, mut shell: Child) -> Option<i32> {
        let (sender, receiver) = channel();
        let pid = shell.id();
        let folder = self.folder.clone();
        let watchdog = thread::spawn(move || {
            if receiver.recv_timeout(PATIENCE).is_err() {
                let program = fs::read_to_string(folder.join("pid")).unwrap_or_default();
                let kill = format!("kill -KILL {pid} {program}");
                let _ = Command::new("sh").args(["-c", &kill]).status();
            }
        });
        let status = shell.wait().expect("a status");
        let _ = sender.send(());
        watchdog.join().expect("the watchdog ends");
        status.code()
    }
}

fn text(mut stream: impl Read) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("output is text");
    text
}

fn server(settings: Settings) -> Server {
    Server::bind("127.0.0.1:0", settings).expect("a free port")
}

/// What makes a load test short, where it does not say itself how long it takes.
fn shortened(line: &str) -> String {
    let is_said = |options: &[&str]| words(line).any(|it| options.contains(&it));
    let mut options = String::new();
    // The master says when it ends.
    if is_said(&["--locust", "--print-locustfile"]) {
        return options;
    }
    if !is_said(&["-d", "--duration", "-n", "--count"]) {
        options.push_str(" --duration 200ms");
    }
    if !is_said(&["--warmup"]) {
        options.push_str(" --warmup 0s");
    }
    options
}

/// Passes on what is subscribed to, once that is confirmed.
struct Subscriptions(Mutex<Sender<ChannelPattern>>);

impl Observer for Subscriptions {
    fn observe(&self, event: &Event<'_>) {
        let Event::Sent { messages, .. } = event else {
            return;
        };
        let confirmed = messages
            .iter()
            .filter(|it| it.channel() == meta::SUBSCRIBE && it.successful() == Some(true));
        for reply in confirmed {
            let sender = self.0.lock().expect("nobody panics with it");
            // `check` subscribes to several at once, and to what is no pattern.
            for pattern in reply.subscriptions() {
                if let Ok(pattern) = pattern.parse() {
                    // The test may be over.
                    let _ = sender.send(pattern);
                }
            }
        }
    }
}

/// A few messages on a channel that the pattern matches.
fn publish_what_matches(server: &Server, pattern: &ChannelPattern) {
    // Checks publish for themselves, and count what comes.
    if ["/bayeux-check/", "/test/"]
        .iter()
        .any(|it| pattern.as_str().contains(it))
    {
        return;
    }
    let channel = pattern.as_str().replace("**", "x").replace('*', "x");
    let channel: Channel = channel.parse().expect("a channel");
    for n in 1..=3 {
        let data = format!(r#"{{"user": "ann", "text": "hello", "price": 291.50, "n": {n}}}"#);
        let data: Json = data.parse().expect("JSON");
        server.publish(&channel, &data);
    }
}
