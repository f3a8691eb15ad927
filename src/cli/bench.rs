//! `bayeux bench`: load a server, and tell what becomes of every message.

mod announcement;
mod engine_args;
mod load_args;
mod locust;
mod locust_args;
mod outcome;
mod results;
mod witness;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Instant;

use bayeux::bench::{self, Engine, Interrupt, Settings, Stop as PlanStop};
use bayeux::client::Settings as ClientSettings;
use bayeux::protocol::ConnectionType;
use bayeux::recording::Side;
use bayeux::transport::{Endpoint, Settings as TransportSettings};

use self::announcement::{Consent, announce, check_room};
use self::engine_args::EngineArgs;
use self::load_args::LoadArgs;
use self::locust_args::LocustArgs;
use self::outcome::{carried_out, failed, interrupted};
use self::results::ResultArgs;
use self::witness::Witness;
use super::descriptors;
use super::exit::{Exit, Stop};
use super::extension_args::EssentialExtensionArgs;
use super::network_args::NetworkArgs;
use super::operands::Operands;
use super::output_args::OutputArgs;
use super::proxy_args::ProxyArgs;
use super::record_args::RecordArgs;
use super::server_args::ServerArgs;
use super::signals::{Ends, Signals};
use crate::output::Printer;

macro_rules! examples {
    () => {
        "\
Examples:
  bayeux bench :8080/cometd
  bayeux bench :8080/cometd /rooms --clients 100 --channels 10 --per-client 2 --rate 1k
  bayeux bench :8080/cometd -r 10 -n 20 --record traffic.ndjson
  bayeux bench ws://localhost:8080/cometd -r max -n 1k --batch 10
  bayeux bench :8080/cometd -r 1k --max p99=500ms --min delivery_rate=1k --report run.html
  bayeux bench https://example.com/cometd --token-cmd 'cat token.txt' --yes
  bayeux bench --print-locustfile > bayeux_locust.py
  bayeux bench :8080/cometd --locust master.example"
    };
}

macro_rules! exit_status {
    () => {
        "\
Exit status:
  0    the run was carried out: every session came up and stayed, every message was sent and
       acknowledged, every delivery came, and what --max and --min expect was met
  1    an error of this machine: no room for so many sessions, a report cannot be written
  2    usage
  3    no session: the server could not be reached or does not speak Bayeux
  4    no session: the handshake was refused, or the credentials are not accepted
  5    some sessions never came up, or publishes were rejected
  7    an expectation was not met; goes before 5 and 8
  8    sessions were lost for good
  130  interrupted; 143 terminated"
    };
}

/// Load a server, and tell what becomes of every message.
///
/// Clients subscribe to CHANNEL (/bench if left out), publishers publish to it, and each message
/// says whose it is, which one, and when it was to be sent: so every delivery is accounted for, and
/// latencies count from the time when a message was due, however late it was sent. Any Bayeux
/// server will do. Credentials of --token-cmd and --sf are fetched once.
///
/// Every run is expected to send all messages, to have them acknowledged and to lose no delivery,
/// as if --max unsent=0 --max unacknowledged=0 --max lost=0 were given; other limits for these
/// take their place. Ctrl-C ends a run with the report of what was measured.
///
/// With --locust the load is a master's, which judges it as well: exit status 0 says that the master
/// has quit, 7 that --max or --min was not met.
#[derive(clap::Args, Debug)]
#[command(
    override_usage = "bayeux bench [OPTIONS] [URL] [CHANNEL]",
    after_help = examples!(),
    after_long_help = concat!(examples!(), "\n\n", exit_status!())
)]
pub(crate) struct Bench {
    /// The server (BAYEUX_URL if left out), and the channel to publish to.
    // clap puts one more pair of brackets around it.
    #[arg(value_name = "URL] [CHANNEL")]
    operands: Vec<String>,

    /// Begin at once, also where the server is not on this machine; otherwise there are 3 s to
    /// think better of it.
    #[arg(long)]
    yes: bool,

    #[command(flatten)]
    load: LoadArgs,

    #[command(flatten)]
    engine: EngineArgs,

    #[command(flatten)]
    locust: LocustArgs,

    #[command(flatten)]
    results: ResultArgs,

    /// Record what one of the sessions says and hears, that of the first client, one JSON line for
    /// each message.
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    record: Option<PathBuf>,

    #[command(flatten)]
    connection: BenchConnectionArgs,
}

/// What each of many sessions needs as one does.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Connection")]
struct BenchConnectionArgs {
    #[command(flatten)]
    server: ServerArgs,

    #[command(flatten)]
    extensions: EssentialExtensionArgs,

    /// How messages travel: long-polling or websocket [default: websocket for URLs of ws and wss,
    /// long-polling for others].
    #[arg(
        short,
        long,
        value_name = "TYPE",
        env = "BAYEUX_TRANSPORT",
        hide_env_values = true,
        hide_possible_values = true,
        value_enum
    )]
    transport: Option<Transport>,

    #[command(flatten)]
    proxy: ProxyArgs,

    #[command(flatten)]
    network: NetworkArgs,
}

/// The connection types that can carry a load.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Transport {
    /// Two connections a session.
    LongPolling,
    /// One connection a session.
    #[value(name = "websocket")]
    WebSocket,
}

impl Bench {
    pub(crate) fn run(mut self, output: &OutputArgs, printer: &mut Printer) -> Result<(), Stop> {
        if self.locust.prints_file() {
            return self.locust.print_file(printer);
        }
        let mut operands = Operands::new(std::mem::take(&mut self.operands));
        if let Some(master) = self.locust.master() {
            return locust::work(&self, master, operands, printer);
        }
        let endpoint = self.connection.server.endpoint(&operands)?;
        let target = operands.channel_or("/bench")?;
        operands.end()?;
        let plan = self.load.plan(target)?;
        let engine = self.engine.engine(&plan)?;
        let record = RecordArgs::of(self.record.take());
        record.refuse_archive()?;
        if record.is_given() && engine == Engine::Threads {
            return Err(Stop::usage("--record is of no use with --engine threads")
                .hint("the loop engine records one of its sessions"));
        }
        if let Some(note) = plan.channel.grammar_note() {
            printer.warning(&note.to_string());
        }
        let mut settings = Settings {
            engine,
            sources: self.engine.sources()?,
            seed: self.engine.seed(),
            connection_type: self.connection.connection_type(&endpoint),
            extensions: self.connection.extensions.maker()?,
            transport: self.connection.transport(&endpoint, engine)?,
            plan,
            witness: None,
        };
        self.connection.network.tls.warn(&endpoint, printer);
        printer
            .note_in_traffic("a load test shows no traffic: `bayeux sub -v` does, of one session");
        descriptors::raise_limit();
        check_room(&settings, printer)?;
        let results = self.results.open()?;
        let url = endpoint.expose();
        let recorder = record.recorder(url, Side::Client, output.secrets(), printer)?;
        let witness = recorder.map(|it| Arc::new(Witness::new(it, settings.connection_type)));
        settings.witness = witness.clone().map(Witness::witness);

        let interrupt = Interrupt::default();
        let (interrupting, interruption) = channel();
        let signals = {
            let interrupt = interrupt.clone();
            let end = move || {
                interrupt.interrupt();
                // Nobody listens any more once the run has begun.
                let _ = interrupting.send(());
            };
            Signals::listen(end, Ends::Measurement)
                .map_err(|error| Stop::local("cannot listen for signals", &error))?
        };
        let consent = match self.yes {
            true => Consent::Given,
            false => Consent::Awaited,
        };
        let begins = announce(&endpoint, &settings.plan, consent, &interruption, printer);
        let ends = |it: Stop| match signals.received() {
            Some(signal) => Stop::silent(Exit::Signal(signal)),
            None => it,
        };
        if !begins {
            return Err(ends(Stop::silent(Exit::Local)));
        }
        let count = match settings.plan.stop {
            PlanStop::Count(count) => Some(count),
            PlanStop::After(_) | PlanStop::Interrupt => None,
        };
        let began = Instant::now();
        let run = bench::run(&settings, &interrupt, &mut |progress| {
            printer.load_progress(progress, count);
        });
        printer.end_load_progress();
        if let Some(error) = witness.and_then(|it| it.failure()) {
            printer.recording_failed(&error);
        }
        let run = run.map_err(|error| match signals.received() {
            Some(signal) => interrupted(error, signal),
            None => failed(error, &endpoint, began.elapsed()),
        })?;
        let told = results.tell(&run, printer);
        if run.client.interrupted {
            // An error of this machine is told all the same.
            return match told {
                Err(stop) if stop.exit == Exit::Local => Err(stop),
                Ok(()) | Err(_) => Err(ends(Stop::silent(Exit::Local))),
            };
        }
        told.and_then(|()| carried_out(&run))
    }
}

impl BenchConnectionArgs {
    fn connection_type(&self, endpoint: &Endpoint) -> ConnectionType {
        match (self.transport, endpoint.is_web_socket()) {
            (Some(Transport::LongPolling), _) | (None, false) => ConnectionType::LongPolling,
            (Some(Transport::WebSocket), _) | (None, true) => ConnectionType::WebSocket,
        }
    }

    /// Whom to talk to, and how.
    fn transport(&self, endpoint: &Endpoint, engine: Engine) -> Result<TransportSettings, Stop> {
        let mut settings = self.way(endpoint, engine)?;
        let credentials = self.server.credentials(None)?;
        settings.headers = credentials.headers;
        settings.authorization = credentials.authorization;
        Ok(settings)
    }

    /// The same without credentials.
    fn way(&self, endpoint: &Endpoint, engine: Engine) -> Result<TransportSettings, Stop> {
        let mut settings = ClientSettings::new(endpoint.clone()).transport;
        settings.proxy = self.proxy.proxy(endpoint)?;
        match (&settings.proxy, engine) {
            (Some(proxy), Engine::Loop { .. }) => {
                return Err(Stop::usage("the loop engine goes through no proxy")
                    .cause(format!("the proxy for {endpoint} is {proxy}"))
                    .hint("`-x none` goes past it; --engine threads goes through it"));
            }
            (Some(_), Engine::Threads) | (None, _) => {}
        }
        self.network.limit(&mut settings);
        self.network.trust(&mut settings, endpoint)?;
        Ok(settings)
    }
}
