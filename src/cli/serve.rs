//! `bayeux serve`: an embedded Bayeux server for development and tests.

mod habit_args;
mod limit_args;
mod reporter;
mod script_args;

use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use bayeux::protocol::ChannelPattern;
use bayeux::recording::Side;
use bayeux::server::{AllowedOrigin, Flavor, Server, ServerError, Settings, Token};
use bayeux::transport::Secret;

use self::habit_args::HabitArgs;
use self::limit_args::LimitArgs;
use self::reporter::{MOST_UNTOLD, MOST_UNTOLD_BYTES, Reporter, Told, tell};
use self::script_args::ScriptArgs;
use super::descriptors;
use super::exit::{Exit, Stop, root};
use super::identity_args::IdentityArgs;
use super::output_args::OutputArgs;
use super::record_args::RecordArgs;
use super::signals::{Ends, Signals};
use super::untold::Untold;
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
  bayeux serve --flavor cometd --trust-client-id
  bayeux serve --flavor faye
  bayeux serve --flavor salesforce --fault expire=10m --fault busy=2
  bayeux serve --fault connect:expire:every=5 --fault any:delay=200ms:p=0.1 --seed 42
  bayeux serve --generate /ticks=10 --publish-on-subscribe '/state={\"n\":1}'
  bayeux serve --replay recorded.jsonl
  bayeux serve --record traffic.ndjson")]
pub(crate) struct Serve {
    /// The address to listen on; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    listen: String,

    /// The server to pass for, field for field: cometd (9.0.0), faye (1.4.3), or salesforce
    /// (its Streaming API: versions in the path, replay ids, cookies and wordings).
    /// Without it the server speaks as CometD does, and serves clients that keep no cookies too.
    #[arg(long, value_name = "NAME")]
    flavor: Option<Flavor>,

    /// End with standard input, for a program that starts the server and may die.
    #[arg(long)]
    exit_with_stdin: bool,

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

    #[command(flatten)]
    habits: HabitArgs,

    #[command(flatten)]
    limits: LimitArgs,

    #[command(flatten)]
    script: ScriptArgs,

    #[command(flatten)]
    identity: IdentityArgs,

    #[command(flatten)]
    record: RecordArgs,
}

impl Serve {
    pub(crate) fn run(self, output: &OutputArgs, printer: &mut Printer) -> Result<(), Stop> {
        self.record.refuse_archive()?;
        descriptors::raise_limit();
        let (sender, receiver) = sync_channel(MOST_UNTOLD);
        if self.exit_with_stdin {
            end_with_stdin(sender.clone())?;
        }
        let untold = Arc::new(Untold::of(MOST_UNTOLD_BYTES));
        let (stopper, stopping) = (sender.clone(), Arc::clone(&untold));
        // Whoever waits here for a terminal that is stopped would not hear of a second signal. Where there is no
        // room, nobody needs to be woken.
        let stop = move || {
            stopping.stop();
            drop(stopper.try_send(Told::Stop));
        };
        Signals::listen(stop, Ends::OpenEnded)
            .map_err(|error| Stop::local("cannot listen for signals", &error))?;
        let defaults = self.flavor.map_or_else(Settings::default, Settings::of);
        let timeout = self.timeout.unwrap_or(defaults.timeout);
        let mut settings = Settings {
            path: self.path.unwrap_or(defaults.path),
            timeout,
            interval: self.interval,
            max_interval: self
                .max_interval
                .unwrap_or_else(|| defaults.flavor.max_interval(timeout)),
            deny: self.deny,
            allow_origins: self.allow_origin,
            require_token: self.require_token.map(|it| Token::new(it.expose())),
            observer: (!output.is_quiet() || self.record.is_given())
                .then(|| Reporter::shared(sender, &untold)),
            ..defaults
        };
        self.habits.apply(&mut settings)?;
        self.limits.apply(&mut settings);
        let new_seed = self.script.apply(&mut settings, printer)?;
        // Last: it may write a file.
        settings.identity = self.identity.identity(&self.listen, printer)?;
        let server = Server::bind(self.listen.as_str(), settings).map_err(|error| {
            let exit = match &error {
                ServerError::Listen(error) if error.kind() != ErrorKind::InvalidInput => {
                    Exit::Local
                }
                _ => Exit::Usage,
            };
            Stop::new(exit, format!("cannot listen on {}", self.listen))
                .cause(root(&error))
                .hint(hint_to(&error))
        })?;
        self.record
            .open(&server.url(), Side::Server, output.secrets(), printer)?;
        printer.line(&server.url())?;
        printer.note(&format!(
            "chat {}, inspector {}",
            server.chat_url(),
            server.inspector_url()
        ));
        if let Some(seed) = new_seed {
            printer.note(&format!("the same chances again: --seed {seed}"));
        }
        if !server.address().ip().is_loopback() {
            printer.warning("reachable from other machines: --require-token says who may use it");
        }
        tell(&receiver, &untold, printer)?;
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

fn hint_to(error: &ServerError) -> &'static str {
    let kind = match error {
        ServerError::Listen(error) => error.kind(),
        _ => ErrorKind::Other,
    };
    match kind {
        ErrorKind::AddrInUse | ErrorKind::PermissionDenied => {
            "--listen 127.0.0.1:0 takes a free port"
        }
        ErrorKind::AddrNotAvailable => {
            "it has to be an address of this machine: 127.0.0.1, or 0.0.0.0 for all of them"
        }
        _ => "--listen wants HOST:PORT: 127.0.0.1:8080, or 127.0.0.1:0 for a free port",
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
