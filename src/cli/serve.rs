//! `bayeux serve`: an embedded Bayeux server for development and tests.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, SystemTime};

use bayeux::protocol::{
    Channel, ChannelError, ChannelPattern, ConnectionType, Json, JsonError, Message,
};
use bayeux::recording::Direction;
use bayeux::server::{
    AllowedOrigin, BrowserCookie, ChannelGrammar, Event, Fault, FaultError, Flavor, Generated,
    Observer, Recording, RecordingError, Retention, Server, ServerError, Settings, Token,
};
use bayeux::transport::Secret;

use super::conversation::record;
use super::descriptors;
use super::exit::{Exit, Stop, root};
use super::identity_args::IdentityArgs;
use super::output_args::OutputArgs;
use super::signals::{Ends, Signals};
use super::values;
use crate::output::Printer;

/// Run a Bayeux server for development and tests.
///
/// The first line on standard output is its URL. The traffic is shown on standard error.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  bayeux serve
  bayeux serve --listen 127.0.0.1:0 --path /faye --deny '/admin/**'
  bayeux serve --timeout 5s --interval 100ms --max-interval 2s
  bayeux serve --require-token s3cret
  bayeux serve --tls-self-signed=ca.pem
  bayeux serve --tls-cert server.pem --tls-key server-key.pem
  bayeux serve --retain 1000 --retain-age 1h --max-queue 10k,8MiB
  bayeux serve --allow-origin https://app.example.com --allow-origin http://dev.test:3000
  bayeux serve --max-body 64KiB --max-sessions 100 --max-connections 500 --request-timeout 5s
  bayeux serve --trust-client-id
  bayeux serve --flavor faye
  bayeux serve --flavor salesforce --fault expire=10m --fault busy=2
  bayeux serve --fault connect:expire:every=5 --fault any:delay=200ms:p=0.1 --seed 42
  bayeux serve --generate /ticks=10 --publish-on-subscribe '/state={\"n\":1}'
  bayeux serve --replay recorded.jsonl")]
pub(crate) struct Serve {
    /// The address to listen on; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    listen: String,

    /// The server to pass for, field for field: cometd (9.0.0), faye (1.4.3), or salesforce
    /// (its Streaming API: versions in the path, replay ids, cookies and wordings).
    #[arg(long, value_name = "NAME", default_value = "cometd")]
    flavor: Flavor,

    /// What goes wrong on purpose, WHERE:WHAT[:KEY=VALUE], e.g. connect:drop:every=5 or
    /// any:delay=200ms:p=0.1; may be repeated, and docs/faults.md lists them all. WHERE is handshake, connect, subscribe,
    /// unsubscribe, disconnect, publish, any, delivery or upgrade. WHAT is expire, refuse=CODE,
    /// status=CODE, html, delay=DUR, drop, cut, drip=DUR, close=before|after, wrong-id, infinity,
    /// advice=retry|handshake|none, storm, hold, cookie, duplicate or reorder. KEY is every, first,
    /// after, for or p. Without WHERE: expire=DUR ends every session after that time, forget=N
    /// makes it forget the next N sessions at once after that; for salesforce also
    /// token-expires=DUR, busy=N and daily-limit=N.
    #[arg(long, value_name = "SPEC")]
    fault: Vec<String>,

    /// What the chances of faults (p=0.1) are drawn from, as a run that is to be repeated told
    /// it.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,

    /// Answer from a recording that a client made with --record, with the ids of today; what is
    /// not in it is answered as otherwise.
    #[arg(long, value_name = "FILE")]
    replay: Option<PathBuf>,

    /// Publish numbered messages, {"n":1,"due_ms":0} and so on, so many a second; may be repeated.
    #[arg(long, value_name = "CHANNEL=RATE", value_parser = generated)]
    generate: Vec<Generated>,

    /// Give this to each client that subscribes to the channel, or to a pattern that matches it;
    /// may be repeated.
    #[arg(long, value_name = "CHANNEL=JSON", value_parser = greeting)]
    publish_on_subscribe: Vec<(Channel, Json)>,

    /// End with standard input, for a program that starts the server and may die.
    #[arg(long)]
    exit_with_stdin: bool,

    /// Serve whoever shows a session's client id. Without it the cometd flavor also wants its
    /// cookie BAYEUX_BROWSER with every request, as CometD does: a client that drops cookies
    /// gets 402::session_unknown.
    #[arg(long)]
    trust_client_id: bool,

    /// The path of the endpoint; /cometd if left out, /faye for faye.
    #[arg(long, value_name = "PATH", value_parser = path)]
    path: Option<String>,

    /// How long a connect is held; 30s if left out, 60s for faye, 110s for salesforce.
    #[arg(long, value_name = "DUR", value_parser = values::duration)]
    timeout: Option<Duration>,

    /// How long clients are advised to wait between two connects.
    #[arg(long, value_name = "DUR", value_parser = values::duration, default_value = "0s")]
    interval: Duration,

    /// How long a session lives without a connect; 10s if left out, 40s for salesforce, twice
    /// as long as a connect is held for faye.
    #[arg(long, value_name = "DUR", value_parser = values::duration)]
    max_interval: Option<Duration>,

    /// Refuse to subscribe and to publish here; may be repeated.
    #[arg(long, value_name = "PATTERN")]
    deny: Vec<ChannelPattern>,

    /// Let pages of this origin use the server, beside those on loopback; `*` for all, without
    /// credentials. May be repeated.
    #[arg(long, value_name = "ORIGIN")]
    allow_origin: Vec<AllowedOrigin>,

    /// Refuse handshakes without this bearer token (or `ext.token`); salesforce refuses every
    /// request without it.
    #[arg(
        long,
        value_name = "TOKEN",
        env = "BAYEUX_REQUIRE_TOKEN",
        hide_env_values = true
    )]
    require_token: Option<Secret>,

    /// Refuse channels that the grammar of Bayeux 1.0 does not know, with dots or spaces for
    /// instance.
    #[arg(long)]
    strict: bool,

    /// Most messages (10k) or bytes of them (8MiB) that wait for one session, which ends when
    /// there are more; 100k,64MiB if left out. May be repeated.
    #[arg(long, value_name = "COUNT|SIZE", value_delimiter = ',')]
    max_queue: Vec<QueueLimit>,

    /// Keep the last messages of all channels together, for subscribes with `ext.replay`.
    #[arg(long, value_name = "COUNT", value_parser = values::count)]
    retain: Option<u64>,

    /// Forget what is older; without it the number alone counts.
    #[arg(long, value_name = "DUR", value_parser = values::patience)]
    retain_age: Option<Duration>,

    /// End sessions whose clients send nothing but connects for so long, as CometD's activity
    /// extension does.
    #[arg(long, value_name = "DUR", value_parser = values::patience)]
    max_inactivity: Option<Duration>,

    /// Hold connects for so many sessions of one browser, told by its cookie, and advise the
    /// others to poll (`multiple-clients`). CometD says 1.
    #[arg(long, value_name = "COUNT", value_parser = values::count)]
    max_per_browser: Option<u64>,

    /// How long a request may take to arrive; a slower one gets HTTP 408.
    #[arg(long, value_name = "DUR", value_parser = values::duration)]
    request_timeout: Option<Duration>,

    /// Longest body of a request, and message of a websocket, e.g. 64KiB; a longer one gets
    /// HTTP 413, or close code 1009.
    #[arg(long, value_name = "SIZE", value_parser = values::size)]
    max_body: Option<u64>,

    /// Most sessions at a time; further handshakes are refused with 503 and told to come again.
    #[arg(long, value_name = "N", value_parser = values::number)]
    max_sessions: Option<usize>,

    /// Most connections at a time; further ones are closed.
    #[arg(long, value_name = "N", value_parser = values::number)]
    max_connections: Option<usize>,

    #[command(flatten)]
    identity: IdentityArgs,
}

/// As far as this machine can count.
fn whole(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// One limit of a session's queue.
#[derive(Clone, Copy, Debug)]
enum QueueLimit {
    Messages(usize),
    Bytes(usize),
}

impl FromStr for QueueLimit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.ends_with('B') {
            true => values::size(text).map(|it| Self::Bytes(whole(it))),
            false => values::count(text).map(|it| Self::Messages(whole(it))),
        }
        .map_err(|_| "a limit is a number of messages or a size: 10k, 8MiB".to_owned())
    }
}

impl Serve {
    pub(crate) fn run(self, output: &OutputArgs, printer: &mut Printer) -> Result<(), Stop> {
        let faults = faults(&self.fault)?;
        if let Some(fault) = faults.iter().find(|it| it.is_of_salesforce())
            && self.flavor != Flavor::Salesforce
        {
            let error = format!("--fault {fault}: {} does not show it", self.flavor);
            return Err(Stop::usage(error).hint("--flavor salesforce does"));
        }
        let of_cometd = [
            ("--trust-client-id", self.trust_client_id),
            ("--strict", self.strict),
            ("--retain", self.retain.is_some()),
            ("--max-inactivity", self.max_inactivity.is_some()),
            ("--max-per-browser", self.max_per_browser.is_some()),
        ];
        if let Some((option, _)) = of_cometd.iter().find(|(_, is_given)| *is_given)
            && self.flavor != Flavor::CometD
        {
            let error = format!("{option}: {} has rules of its own", self.flavor);
            return Err(Stop::usage(error).hint("leave it out, or take --flavor cometd"));
        }
        if self.retain_age.is_some() && self.retain.is_none() {
            let error = "--retain-age: nothing is kept";
            return Err(Stop::usage(error).hint("--retain says how many messages are"));
        }
        descriptors::raise_limit();
        let (sender, receiver) = sync_channel(MOST_UNTOLD);
        if self.exit_with_stdin {
            end_with_stdin(sender.clone())?;
        }
        let stopper = sender.clone();
        Signals::listen(move || drop(stopper.send(Told::Stop)), Ends::OpenEnded)
            .map_err(|error| Stop::local("cannot listen for signals", &error))?;
        let is_by_chance = self.seed.is_none() && faults.iter().any(Fault::is_by_chance);
        let seed = self.seed.unwrap_or_else(new_seed);
        let mut defaults = Settings::of(self.flavor);
        let timeout = self.timeout.unwrap_or(defaults.timeout);
        for limit in self.max_queue {
            match limit {
                QueueLimit::Messages(most) => defaults.max_queue_messages = most,
                QueueLimit::Bytes(most) => defaults.max_queue_bytes = most,
            }
        }
        let retain = self.retain.map(|most| Retention {
            max_messages: whole(most),
            max_age: self.retain_age.unwrap_or(Duration::MAX),
            ..Retention::default()
        });
        let settings = Settings {
            retain,
            max_inactivity: self.max_inactivity,
            max_held_per_browser: self.max_per_browser.map(whole),
            channel_grammar: match self.strict {
                true => ChannelGrammar::Strict,
                false => ChannelGrammar::Lenient,
            },
            faults,
            seed,
            replay: self.replay.as_deref().map(recording).transpose()?,
            generate: self.generate,
            publish_on_subscribe: self.publish_on_subscribe,
            path: self.path.unwrap_or(defaults.path),
            timeout,
            interval: self.interval,
            max_interval: self
                .max_interval
                .unwrap_or_else(|| self.flavor.max_interval(timeout)),
            browser_cookie: match self.trust_client_id {
                true => BrowserCookie::Ignored,
                false => BrowserCookie::Required,
            },
            deny: self.deny,
            allow_origins: self.allow_origin,
            identity: self.identity.identity(&self.listen, printer)?,
            require_token: self.require_token.map(|it| Token::new(it.expose())),
            request_timeout: self.request_timeout.unwrap_or(defaults.request_timeout),
            max_body: self.max_body.map_or(defaults.max_body, bounded),
            max_sessions: self.max_sessions.unwrap_or(defaults.max_sessions),
            max_connections: self.max_connections.unwrap_or(defaults.max_connections),
            observer: (!output.is_quiet()).then(|| Reporter::shared(sender)),
            ..defaults
        };
        let server = Server::bind(self.listen.as_str(), settings).map_err(|error| {
            let exit = match &error {
                ServerError::Listen(error) if error.kind() != ErrorKind::InvalidInput => {
                    Exit::Local
                }
                _ => Exit::Usage,
            };
            Stop::new(exit, format!("cannot listen on {}", self.listen))
                .cause(root(&error))
                .hint("--listen 127.0.0.1:0 takes a free port")
        })?;
        printer.line(&server.url())?;
        printer.note(&format!(
            "a chat is at /, the inspector at {}",
            server.inspector_url()
        ));
        if is_by_chance {
            printer.note(&format!("the same chances again: --seed {seed}"));
        }
        if !server.address().ip().is_loopback() {
            printer.warning("reachable from other machines: --require-token says who may use it");
        }
        tell(&receiver, printer)?;
        let n_sessions = server.n_sessions();
        server.stop();
        let open = match n_sessions {
            1 => "1 session was open".to_owned(),
            n_sessions => format!("{n_sessions} sessions were open"),
        };
        printer.note(&format!("stopped, {open}"));
        Ok(())
    }
}

/// Whatever comes is read and ignored; its end ends the server.
fn end_with_stdin(stopper: SyncSender<Told>) -> Result<(), Stop> {
    let read = move || {
        let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
        let _ = stopper.send(Told::Stop);
    };
    let thread = thread::Builder::new().name("stdin".to_owned()).spawn(read);
    thread
        .map(drop)
        .map_err(|error| Stop::local("cannot read standard input", &error))
}

fn recording(file: &Path) -> Result<Arc<Recording>, Stop> {
    let text = fs::read_to_string(file)
        .map_err(|error| Stop::local(&format!("cannot read {}", file.display()), &error))?;
    text.parse().map(Arc::new).map_err(|error: RecordingError| {
        Stop::usage(format!("{} is no recording", file.display()))
            .cause(error)
            .hint("bayeux sub --record makes one")
    })
}

fn generated(text: &str) -> Result<Generated, String> {
    let (channel, rate) = text
        .split_once('=')
        .ok_or("CHANNEL=RATE is wanted, e.g. /ticks=10")?;
    Ok(Generated {
        channel: channel.parse().map_err(|it: ChannelError| it.to_string())?,
        rate: values::rate(rate)?,
    })
}

fn greeting(text: &str) -> Result<(Channel, Json), String> {
    let (channel, data) = text
        .split_once('=')
        .ok_or("CHANNEL=JSON is wanted, e.g. /state={\"n\":1}")?;
    Ok((
        channel.parse().map_err(|it: ChannelError| it.to_string())?,
        data.parse().map_err(|it: JsonError| it.to_string())?,
    ))
}

fn faults(texts: &[String]) -> Result<Vec<Fault>, Stop> {
    let faults = texts.iter().map(|text| {
        text.parse().map_err(|error: FaultError| {
            let hint = error.hint().to_owned();
            Stop::usage(format!("--fault {text} is no fault"))
                .cause(error)
                .hint(hint)
        })
    });
    faults.collect()
}

/// One that is easily typed again.
fn new_seed() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |it| u64::from(it.subsec_nanos()) % 1_000_000)
}

/// What the server's thread tells the one that owns the printer.
enum Told {
    Messages(SystemTime, Direction, ConnectionType, Vec<Message>),
    Note(String),
    Stop,
}

/// What happens while the terminal is stopped; the server never waits for it.
const MOST_UNTOLD: usize = 4096;

struct Reporter {
    sender: SyncSender<Told>,
    n_untold: AtomicU64,
}

impl Reporter {
    fn shared(sender: SyncSender<Told>) -> Arc<dyn Observer> {
        Arc::new(Self {
            sender,
            n_untold: AtomicU64::new(0),
        })
    }
}

impl Observer for Reporter {
    fn observe(&self, event: &Event<'_>) {
        let now = SystemTime::now();
        let told = match event {
            Event::Received {
                connection_type,
                messages,
                ..
            } => Told::Messages(now, Direction::In, *connection_type, messages.to_vec()),
            Event::Sent {
                connection_type,
                messages,
                ..
            } => {
                let messages = messages.iter().map(|it| Message::clone(it)).collect();
                Told::Messages(now, Direction::Out, *connection_type, messages)
            }
            // Its handshake is shown.
            Event::SessionOpened { .. } => return,
            Event::Refused { status: 403, .. } => {
                let remark = event.remark().unwrap_or_default();
                Told::Note(format!("{remark}; --allow-origin lets them"))
            }
            event => match event.remark() {
                Some(remark) => Told::Note(remark),
                None => return,
            },
        };
        let n_untold = self.n_untold.swap(0, Ordering::Relaxed);
        let is_sent = n_untold == 0 || {
            let note = Told::Note(format!("{n_untold} things happened that were not shown"));
            self.sender.try_send(note).is_ok()
        };
        // While the server stops nobody listens any more, and then nothing is missed.
        if !is_sent || self.sender.try_send(told).is_err() {
            self.n_untold.fetch_add(n_untold + 1, Ordering::Relaxed);
        }
    }
}

fn tell(receiver: &Receiver<Told>, printer: &mut Printer) -> Result<(), Stop> {
    for told in receiver {
        match told {
            Told::Messages(time, direction, connection_type, messages) => {
                for message in messages {
                    printer.served(&record(time, direction, connection_type, message))?;
                }
            }
            Told::Note(text) => printer.note(&text),
            Told::Stop => return Ok(()),
        }
    }
    Ok(())
}

/// What does not fit into memory limits nothing.
fn bounded(size: u64) -> usize {
    usize::try_from(size).unwrap_or(usize::MAX)
}

fn path(text: &str) -> Result<String, String> {
    let is_path = text.starts_with('/')
        && text
            .bytes()
            .all(|it| it.is_ascii_graphic() && !b"?#".contains(&it));
    if is_path {
        Ok(text.to_owned())
    } else {
        Err("a path begins with `/` and has no white space, `?` or `#`".to_owned())
    }
}
