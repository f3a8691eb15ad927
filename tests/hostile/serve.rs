//! A `bayeux serve` for one test, and whether it is still well.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::wire::{PATIENCE, Wire, post};

/// What the server may keep of memory beyond what it had when it had served one session. The
/// allocator of the GNU C library keeps up to twice the largest block that it has seen, which
/// it counts up to 32 MiB; that it is no leak is seen from doing the same again.
const MEMORY_KEPT: u64 = 72 * 1024 * 1024;

/// What may be added when the same is done again.
const MEMORY_ADDED: u64 = 24 * 1024 * 1024;

/// A server, killed when it goes out of scope before it was found to [end well](Self::ends_well).
pub(crate) struct Serve {
    process: Child,
    address: SocketAddr,
    memory: u64,
    has_own_timeout: bool,
    /// Reads standard error; says what there was of panics.
    panics: Option<JoinHandle<Vec<String>>>,
}

impl Serve {
    pub(crate) fn start(options: &[&str]) -> Self {
        Self::run(Command::new(env!("CARGO_BIN_EXE_bayeux")), options).asked()
    }

    /// A server that has not shown yet that it is well: it speaks in a way of its own.
    pub(crate) fn unasked(options: &[&str]) -> Self {
        Self::run(Command::new(env!("CARGO_BIN_EXE_bayeux")), options)
    }

    /// A server that may have so many descriptors.
    pub(crate) fn limited(n_descriptors: u32, options: &[&str]) -> Self {
        let mut command = Command::new("/bin/sh");
        let program = env!("CARGO_BIN_EXE_bayeux");
        let script = format!("ulimit -n {n_descriptors} && exec '{program}' \"$@\"");
        command.args(["-c", &script, "sh"]);
        Self::run(command, options).asked()
    }

    fn asked(mut self) -> Self {
        self.serves_a_session();
        self.memory = self.resident();
        self
    }

    fn run(command: Command, options: &[&str]) -> Self {
        let (mut process, address) = begin(command, options);
        let stderr = BufReader::new(process.stderr.take().unwrap());
        let panics = thread::spawn(move || {
            let lines = stderr.split(b'\n').map_while(Result::ok);
            let lines = lines.map(|it| String::from_utf8_lossy(&it).into_owned());
            // A message that was sent may have the words in it; it is shown as a JSON text.
            lines
                .filter(|it| it.contains("panicked at") && !it.contains('{'))
                .collect()
        });
        Self {
            process,
            address,
            memory: 0,
            has_own_timeout: options.contains(&"--timeout"),
            panics: Some(panics),
        }
    }

    pub(crate) fn connect(&self) -> Wire {
        Wire::new(self.tcp())
    }

    pub(crate) fn tcp(&self) -> TcpStream {
        TcpStream::connect(self.address).unwrap()
    }

    /// Whether a subscriber gets what another session publishes.
    pub(crate) fn serves_a_session(&self) {
        let mut subscriber = Session::open(self.connect());
        let channel = "\"channel\":\"/meta/subscribe\",\"subscription\":\"/well\"";
        assert!(subscriber.ask(channel).contains("\"successful\":true"));
        // The first connect is answered at once, the second is held.
        let connect = "\"channel\":\"/meta/connect\",\"connectionType\":\"long-polling\"";
        assert!(subscriber.ask(connect).contains("\"successful\":true"));
        subscriber.send(connect);
        let mut publisher = Session::open(self.connect());
        let publish = "\"channel\":\"/well\",\"data\":\"it is well\"";
        assert!(publisher.ask(publish).contains("\"successful\":true"));
        let mut delivered = subscriber.wire.response().text();
        // A server with a timeout of the test's may have answered before there was anything: then
        // the next one brings it.
        if self.has_own_timeout && !delivered.contains("\"data\"") {
            delivered = subscriber.ask(connect);
        }
        assert!(delivered.contains("\"it is well\""), "{delivered}");
        for mut session in [subscriber, publisher] {
            let disconnect = "\"channel\":\"/meta/disconnect\"";
            assert!(session.ask(disconnect).contains("\"successful\":true"));
        }
    }

    /// Ends a test: an ordinary session works, the memory is back, nothing has panicked, and
    /// the server ends when it is asked to.
    pub(crate) fn ends_well(self) {
        self.serves_a_session();
        self.ends();
    }

    /// The same, of a server that speaks TLS: that it serves a session is the test's to see.
    pub(crate) fn ends(mut self) {
        let most = self.memory + MEMORY_KEPT;
        if !within_patience(|| self.resident() <= most) {
            let [kept, before] = [self.resident(), self.memory];
            panic!("{kept} bytes of memory are kept, and before it were {before}");
        }
        let pid = rustix::process::Pid::from_child(&self.process);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        until("the server ends", || {
            self.process.try_wait().unwrap().is_some()
        });
        let status = self.process.wait().unwrap();
        assert!(status.success(), "{status}");
        let panics = self.panics.take().unwrap().join().unwrap();
        assert!(panics.is_empty(), "{panics:?}");
    }

    /// That doing the same again and again takes no more memory than it took the first times:
    /// how much the allocator keeps for the next time grows with what it has seen.
    pub(crate) fn forgets(&self, mut doing: impl FnMut()) {
        let mut most_after = |n_times: usize| {
            let taken = (0..n_times).map(|_| {
                doing();
                self.resident()
            });
            taken.max().unwrap_or_default()
        };
        let first = most_after(4);
        let then = most_after(4);
        assert!(
            then <= first + MEMORY_ADDED,
            "{then} bytes of memory are taken, and the first times it were {first}"
        );
    }

    /// Resident memory in bytes; where the system does not tell, none.
    pub(crate) fn resident(&self) -> u64 {
        resident(&self.process)
    }

    /// That the server never took more than this beyond what it began with.
    pub(crate) fn took_at_most(&self, bytes: u64) {
        let taken = self.resident().saturating_sub(self.memory);
        assert!(taken <= bytes, "{taken} bytes of memory were taken");
    }

    /// That not even for a moment it took more.
    pub(crate) fn peaked_at_most(&self, bytes: u64) {
        let peak = memory(&self.process, "VmHWM:").saturating_sub(self.memory);
        assert!(peak <= bytes, "{peak} bytes of memory were taken");
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Starts a server that tells everything over a pipe: the process, and where it listens.
pub(crate) fn begin(mut command: Command, options: &[&str]) -> (Child, SocketAddr) {
    let mut process = command
        .args(["serve", "--listen", "127.0.0.1:0"])
        .args(options)
        .env_remove("BAYEUX_REQUIRE_TOKEN")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut url = String::new();
    let stdout = process.stdout.take().unwrap();
    BufReader::new(stdout).read_line(&mut url).unwrap();
    let (_, address) = url.split_once("://").unwrap();
    let address = address.split('/').next().unwrap().parse().unwrap();
    (process, address)
}

/// Resident memory in bytes; where the system does not tell, none.
pub(crate) fn resident(process: &Child) -> u64 {
    memory(process, "VmRSS:")
}

fn memory(process: &Child, name: &str) -> u64 {
    let path = format!("/proc/{}/status", process.id());
    let status = fs::read_to_string(path).unwrap_or_default();
    let line = status.lines().find_map(|it| it.strip_prefix(name));
    let kib = line.and_then(|it| it.trim().trim_end_matches(" kB").parse().ok());
    kib.unwrap_or(0) * 1024
}

/// A session that is what it seems.
pub(crate) struct Session {
    pub(crate) wire: Wire,
    pub(crate) client_id: String,
}

impl Session {
    pub(crate) fn open(mut wire: Wire) -> Self {
        wire.send(&post(HANDSHAKE));
        let reply = wire.response().text();
        let client_id = client_id(&reply).unwrap_or_else(|| panic!("{reply}"));
        Self { wire, client_id }
    }

    /// Sends a message with these fields, and its client id.
    pub(crate) fn send(&mut self, fields: &str) {
        let client_id = &self.client_id;
        let message = format!(r#"[{{"id":"1","clientId":"{client_id}",{fields}}}]"#);
        self.wire.send(&post(&message));
    }

    pub(crate) fn ask(&mut self, fields: &str) -> String {
        self.send(fields);
        self.wire.response().text()
    }
}

pub(crate) const HANDSHAKE: &str = r#"[{"channel":"/meta/handshake","version":"1.0","id":"1","supportedConnectionTypes":["long-polling","websocket","callback-polling"]}]"#;

/// The client id in the reply to a handshake, if it has one.
pub(crate) fn client_id(reply: &str) -> Option<String> {
    let (_, rest) = reply.split_once("\"clientId\":\"")?;
    Some(rest.split_once('"')?.0.to_owned())
}

/// Waits until something is so. It is looked at often; nothing depends on how often.
pub(crate) fn until(what: &str, is_so: impl FnMut() -> bool) {
    assert!(within_patience(is_so), "not within {PATIENCE:?}: {what}");
}

fn within_patience(mut is_so: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        if Instant::now() > deadline {
            return false;
        }
        thread::park_timeout(Duration::from_millis(5));
    }
    true
}
