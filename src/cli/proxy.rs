//! `bayeux proxy`: sit between clients and a server and show what passes.

mod passed;
mod reporter;
mod told;

use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use bayeux::proxy::{Detail, Proxy as Relay, ProxyError, Settings};
use bayeux::recording::Side;
use bayeux::server::Fault;
use bayeux::transport::{Endpoint, TransportError};

use self::reporter::{MOST_UNTOLD, MOST_UNTOLD_BYTES, Reporter, Told, record_rest, tell};
use super::descriptors;
use super::exit::{Exit, Stop, root};
use super::faults::{faults, new_seed};
use super::identity_args::IdentityArgs;
use super::operands::Operands;
use super::output_args::OutputArgs;
use super::record_args::RecordArgs;
use super::signals::{Ends, Signals};
use super::tls_args::TlsArgs;
use super::untold::Untold;
use super::values;
use crate::output::Printer;

/// Sit between clients and a server and show what passes.
///
/// The first line on standard output is the URL for clients: that of the server with the address
/// of the proxy. What passes is shown on standard error: requests (>) and replies (<) with their
/// latency, connects that are held, sessions that are lost and replaced, and the rules of the
/// protocol that either side breaks. Nothing is changed on the way but the `Host` of requests,
/// which becomes that of the server.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  bayeux proxy :8080/cometd
  bayeux proxy :8080/cometd --listen 127.0.0.1:0 -o json
  bayeux proxy :8080/cometd --record passed.jsonl
  bayeux proxy :8080/cometd --record passed.har
  bayeux proxy :8080/cometd --inspector 127.0.0.1:0
  bayeux proxy https://example.com/cometd --cacert ca.pem --tls-self-signed
  bayeux proxy :8080/cometd --fault connect:expire:every=5 --fault any:delay=200ms:p=0.1 --seed 42
  bayeux proxy :8080/cometd --connect-timeout 2s --max-body 1MiB")]
pub(crate) struct Proxy {
    /// The URL of the server: http://, https://, ws://, wss://, or :8080/cometd for short.
    #[arg(value_name = "UPSTREAM")]
    upstream: Option<String>,

    /// The address to listen on; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8081")]
    listen: String,

    /// Show sessions, channels and traffic in a page at this address, which switches faults too;
    /// port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS")]
    inspector: Option<String>,

    /// What goes wrong on purpose on the way, WHERE:WHAT[:KEY=VALUE], as for bayeux serve, e.g.
    /// connect:drop:every=5 or any:delay=200ms:p=0.1; may be repeated. What only the server itself
    /// can do is refused: expire=DUR, forget=N, hold, cookie, and what is of Salesforce.
    #[arg(long, value_name = "SPEC")]
    fault: Vec<String>,

    /// What the chances of faults (p=0.1) are drawn from, as a run that is to be repeated told
    /// it.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,

    #[command(flatten)]
    record: RecordArgs,

    /// How long a TCP connection to the server may take.
    #[arg(long, value_name = "DUR", value_parser = values::patience, default_value = "10s")]
    connect_timeout: Duration,

    /// The longest body or frame to look at; a longer one passes all the same.
    #[arg(long, value_name = "SIZE", value_parser = values::size, default_value = "16MiB")]
    max_body: u64,

    #[command(flatten)]
    tls: TlsArgs,

    #[command(flatten)]
    identity: IdentityArgs,
}

impl Proxy {
    pub(crate) fn run(self, output: &OutputArgs, printer: &mut Printer) -> Result<(), Stop> {
        descriptors::raise_limit();
        let operands = Operands::new(self.upstream.clone().into_iter().collect());
        let upstream = operands.endpoint(None)?;
        let (sender, receiver) = sync_channel(MOST_UNTOLD);
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
        let is_wanted = !output.is_quiet() || self.record.is_given();
        let detail = match self.record.needs_http() {
            true => Detail::Exchanges,
            false => Detail::Messages,
        };
        let observer = is_wanted.then(|| Reporter::shared(sender, &untold, detail));
        self.record
            .open(upstream.expose(), Side::Client, output.secrets(), printer)?;
        self.tls.warn(&upstream, printer);
        let faults = faults(&self.fault)?;
        if let Some(fault) = faults.iter().find(|it| it.is_of_server()) {
            let error = format!("--fault {fault}: nobody between a client and a server can do it");
            return Err(Stop::usage(error).hint("bayeux serve --fault has it"));
        }
        let is_by_chance = faults.iter().any(Fault::is_by_chance);
        let seed = self.seed.unwrap_or_else(new_seed);
        let settings = Settings {
            faults,
            seed,
            tls: self.tls.tls(&upstream)?,
            connect_timeout: self.connect_timeout,
            max_body: usize::try_from(self.max_body).unwrap_or(usize::MAX),
            observer,
            detail,
            inspector: self.inspector.clone(),
            // Last: it may write a file.
            identity: self.identity.identity(&self.listen, printer)?,
            ..Settings::new(upstream.clone())
        };
        let relay = Relay::bind(self.listen.as_str(), settings)
            .map_err(|error| self.explain(&upstream, &error))?;
        printer.line(&relay.url())?;
        if let Some(url) = relay.inspector_url() {
            printer.note(&format!("inspector {url}"));
        }
        if is_by_chance && self.seed.is_none() {
            printer.note(&format!("the same chances again: --seed {seed}"));
        }
        if !relay.address().ip().is_loopback() {
            printer.warning("reachable from other machines, with nobody asked who they are");
        }
        tell(&receiver, &untold, printer)?;
        relay.stop();
        // What passed is told a little later.
        tell(&receiver, &untold, printer)?;
        record_rest(&receiver, printer);
        printer.note("stopped");
        Ok(())
    }

    fn explain(&self, upstream: &Endpoint, error: &ProxyError) -> Stop {
        if let ProxyError::Upstream(error) = error {
            let hint = match error {
                TransportError::Resolve { .. } | TransportError::ResolveTimeout { .. } => {
                    "is the name of the server right?"
                }
                _ => "see the options of TLS: bayeux proxy --help",
            };
            return Stop::new(Exit::Unreachable, format!("cannot use {upstream}"))
                .cause(root(error))
                .hint(hint);
        }
        let (option, address) = match (error, &self.inspector) {
            (ProxyError::Inspector(_), Some(address)) => ("--inspector", address),
            _ => ("--listen", &self.listen),
        };
        let kind = match error {
            ProxyError::Listen(error) | ProxyError::Inspector(error) => error.kind(),
            _ => ErrorKind::Other,
        };
        let (exit, hint) = match kind {
            ErrorKind::AddrInUse | ErrorKind::PermissionDenied => (
                Exit::Local,
                format!("{option} 127.0.0.1:0 takes a free port"),
            ),
            ErrorKind::AddrNotAvailable => (
                Exit::Local,
                "it has to be an address of this machine: 127.0.0.1, or 0.0.0.0 for all of them"
                    .to_owned(),
            ),
            _ => (
                Exit::Usage,
                format!("{option} wants HOST:PORT: 127.0.0.1:8081, or 127.0.0.1:0 for a free port"),
            ),
        };
        Stop::new(exit, format!("cannot listen on {address}"))
            .cause(root(error))
            .hint(hint)
    }
}
