//! `bayeux check`: whether a server keeps the protocol, and whether the way to it lets it.

mod outcome;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use bayeux::check::report::Format;
use bayeux::check::{
    self, Check as OneCheck, Flavour, Glob, Greeting, Judged, Known, Mode, Report, Strictness,
    greet,
};
use bayeux::client::Settings as ClientSettings;
use bayeux::protocol::{Channel, ConnectionType};
use bayeux::transport::Endpoint;

use self::outcome::{Reached, ended};
use super::exit::{Exit, Stop};
use super::extension_args::GivenExtensionArgs;
use super::network_args::NetworkArgs;
use super::operands::Operands;
use super::output_args::OutputArgs;
use super::proxy_args::ProxyArgs;
use super::report_file::{Pending, ReportFile};
use super::server_args::ServerArgs;
use super::signals::{Ends, Signals};
use super::values;
use crate::output::{PrintError, Printer};

/// Check whether a server keeps the protocol, and say why Bayeux does not work here.
///
/// Runs small checks over the protocol and over the way to the server, and ends with a verdict:
/// what most likely is wrong, and what to do about it. Without --intrusive it does nothing that
/// an ordinary client does not do: a few sessions at a time, on channels of its own, each of
/// which is disconnected. A known server may deviate as it is known to.
///
/// What is printed is text, in a pipe too: -o compact leaves out what is as it should be, -o json
/// has everything, and -o data the verdict on one line.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  bayeux check :8080/cometd
  bayeux check :8080/cometd --only 'hs.*' --only 'con.*' --skip con.hold
  bayeux check :8080/cometd --retry 30s --report checks.xml --report checks.json
  bayeux check :8080/cometd -t websocket --as cometd@9.0.0 --strict --only 'sub.*'
  bayeux check :8080/cometd --intrusive --channel /test --timeout 2m
  bayeux check --list --only 'path.*'")]
pub(crate) struct Check {
    /// The server; BAYEUX_URL if left out.
    url: Option<String>,

    /// Run only the checks with such names, e.g. `hs.*`. May be repeated.
    #[arg(long, value_name = "GLOB")]
    only: Vec<Glob>,

    /// Run no check with such a name. May be repeated.
    #[arg(long, value_name = "GLOB")]
    skip: Vec<Glob>,

    /// List the checks instead of running them.
    #[arg(long)]
    list: bool,

    /// Run those checks too that send malformed input, let sessions expire or look for limits.
    #[arg(long)]
    intrusive: bool,

    /// Let known deviations and warnings fail the run too.
    #[arg(long)]
    strict: bool,

    /// Hold the server against what is known of this one, whatever it looks like: bayeux, cometd,
    /// cometd-nodejs, faye or salesforce, with @VERSION if that is known; `none` for nothing.
    #[arg(long = "as", value_name = "SERVER", value_parser = known)]
    known: Option<Known>,

    /// The channel below which the checks have theirs.
    #[arg(long, value_name = "PREFIX", default_value = "/bayeux-check")]
    channel: Channel,

    /// Write the outcomes to this file, in the form of its ending: .xml (JUnit), .json or .tap.
    /// May be repeated.
    #[arg(long, value_name = "FILE")]
    report: Vec<ReportFile<Format>>,

    /// End after this long, with what was found so far.
    #[arg(long, value_name = "DUR", value_parser = values::patience, env = "BAYEUX_TIMEOUT", hide_env_values = true, default_value = "1m")]
    timeout: Duration,

    #[command(flatten)]
    connection: CheckConnectionArgs,
}

#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Connection")]
struct CheckConnectionArgs {
    #[command(flatten)]
    server: ServerArgs,

    #[command(flatten)]
    extensions: GivenExtensionArgs,

    /// Over which transport the sessions of the checks run: long-polling, websocket or
    /// callback-polling [default: websocket for URLs of ws and wss, long-polling for others].
    #[arg(
        short,
        long,
        value_name = "TYPE",
        value_parser = values::connection_type(),
        env = "BAYEUX_TRANSPORT",
        hide_env_values = true,
        hide_possible_values = true
    )]
    transport: Option<ConnectionType>,

    #[command(flatten)]
    proxy: ProxyArgs,

    /// Keep trying the first handshake for this long while the server cannot be reached, as far
    /// as --timeout allows.
    #[arg(long, value_name = "DUR", value_parser = values::duration, default_value = "0s")]
    retry: Duration,

    #[command(flatten)]
    network: NetworkArgs,
}

/// Between two looks whether the server is up.
const BETWEEN_TRIES: Duration = Duration::from_millis(250);

impl Check {
    pub(crate) fn run(self, output: &OutputArgs, printer: &mut Printer) -> Result<(), Stop> {
        let checks = self.chosen()?;
        if self.list {
            return Ok(printer.checks(&checks)?);
        }
        let operands = Operands::new(self.url.iter().cloned().collect());
        let endpoint = self.connection.server.endpoint(&operands)?;
        operands.end()?;
        let settings = self.settings(&endpoint)?;
        self.connection.network.tls.warn(&endpoint, printer);
        let pending = Pending::open(&self.report)?;

        let until = Instant::now() + self.timeout;
        let is_given_up = Arc::new(AtomicBool::new(false));
        let signals = {
            let (is_given_up, connections) = (
                Arc::clone(&is_given_up),
                settings.transport.connections.clone(),
            );
            let give_up = move || {
                is_given_up.store(true, Ordering::Relaxed);
                connections.abort();
            };
            Signals::listen(give_up, Ends::Goal)
                .map_err(|error| Stop::local("cannot listen for signals", &error))?
        };
        let greeting = self.greet(&settings, until, &is_given_up);
        let flavour = match &greeting {
            Greeting::Accepted(flavour) | Greeting::Refused { flavour, .. } => *flavour,
            Greeting::Unreached(_) | Greeting::Strange(_) => Flavour::Unknown,
        };
        let known = self.known.clone().unwrap_or_else(|| Known::of(flavour));
        let deviations = known.deviations(settings.connection_type);
        let mut report = Report {
            url: endpoint.to_string(),
            transport: settings.connection_type.as_str(),
            flavour,
            known,
            strictness: match self.strict {
                true => Strictness::Strict,
                false => Strictness::Known,
            },
            hindrance: None,
            outcomes: Vec::new(),
        };
        printer.check_begins(&report)?;
        let mut shown = Ok(());
        check::run(&settings, &checks, until, &is_given_up, |outcome| {
            let judged = Judged::new(outcome, &deviations);
            if shown.is_ok() {
                shown = printer.checked(&judged, report.strictness);
            }
            report.outcomes.push(judged);
        });
        if let Some(signal) = signals.received() {
            return Err(Stop::silent(Exit::Signal(signal)));
        }
        let reached = Reached {
            greeting: &greeting,
            endpoint: &endpoint,
            is_over: Instant::now() >= until,
            timeout: self.timeout,
        };
        report.hindrance = reached.hindrance();
        let secrets = output.secrets();
        let written = pending.write(|format| format.render(&report, secrets).into_bytes());
        match shown.and_then(|()| printer.check_ends(&report)) {
            // Whoever read it has seen enough; how it ended is for others to know.
            Ok(()) | Err(PrintError::Closed) => {}
            Err(error) => return Err(error.into()),
        }
        for path in written? {
            printer.note(&format!("written to {path}"));
        }
        ended(&report, reached)
    }

    /// The checks that are asked for.
    fn chosen(&self) -> Result<Vec<&'static OneCheck>, Stop> {
        let is_named = |it: &OneCheck| {
            let is_only = self.only.is_empty() || self.only.iter().any(|glob| glob.matches(it.id));
            is_only && !self.skip.iter().any(|glob| glob.matches(it.id))
        };
        let named: Vec<_> = check::all().into_iter().filter(|it| is_named(it)).collect();
        if named.is_empty() {
            return Err(Stop::usage("no check has such a name")
                .hint("`bayeux check --list` shows all of them"));
        }
        let is_allowed = |it: &&OneCheck| self.intrusive || self.list || it.mode == Mode::Safe;
        let allowed: Vec<_> = named.into_iter().filter(is_allowed).collect();
        if allowed.is_empty() {
            return Err(Stop::usage("these checks are intrusive")
                .cause("they send malformed input, let sessions expire or look for limits")
                .hint("--intrusive runs them"));
        }
        Ok(allowed)
    }

    fn settings(&self, endpoint: &Endpoint) -> Result<check::Settings, Stop> {
        let mut transport = ClientSettings::new(endpoint.clone()).transport;
        let connection = &self.connection;
        transport.proxy = connection.proxy.proxy(endpoint)?;
        connection.network.limit(&mut transport);
        connection.network.trust(&mut transport, endpoint)?;
        let credentials = connection.server.credentials(Some(self.timeout))?;
        transport.headers = credentials.headers;
        transport.authorization = credentials.authorization;
        let of_url = match endpoint.is_web_socket() {
            true => ConnectionType::WebSocket,
            false => ConnectionType::LongPolling,
        };
        Ok(check::Settings {
            transport,
            connection_type: connection.transport.unwrap_or(of_url),
            prefix: self.channel.clone(),
            nonce: check::nonce(),
            extensions: connection.extensions.extensions()?,
        })
    }

    /// The first handshake; again and again where `--retry` says so.
    fn greet(
        &self,
        settings: &check::Settings,
        until: Instant,
        is_given_up: &AtomicBool,
    ) -> Greeting {
        let retry_until = (Instant::now() + self.connection.retry).min(until);
        loop {
            let greeting = greet(settings, until);
            let is_there = matches!(greeting, Greeting::Accepted(_) | Greeting::Refused { .. });
            let is_over = Instant::now() + BETWEEN_TRIES >= retry_until;
            if is_there || is_over || is_given_up.load(Ordering::Relaxed) {
                return greeting;
            }
            thread::sleep(BETWEEN_TRIES);
        }
    }
}

fn known(text: &str) -> Result<Known, String> {
    text.parse().map_err(|error: check::known::UnknownServer| {
        let names = check::known::NAMES.join(", ");
        format!("{error}; known are {names}, and `none`")
    })
}
