//! `bayeux handshake`: handshake, show the reply and what was negotiated, disconnect.

use std::time::{Duration, Instant};

use bayeux::check::Flavour;
use bayeux::filter::Filter;
use bayeux::protocol::{Advice, ConnectionType, Message, Reconnect};
use bayeux::redaction::{Secrets, shortened_client_id};
use bayeux::session::{Connects, Event};
use serde_json::Value;

use super::connection::{ConnectionArgs, Wanted};
use super::conversation::{Conversation, Heard};
use super::exit::{Exit, Stop};
use super::operands::Operands;
use super::output_args::OutputArgs;
use super::signals::{Ends, Signals};
use super::{curl, values};
use crate::output::{Fact, Printer, words};

/// Handshake, show the reply and what was negotiated, disconnect.
///
/// Succeeds only if the server accepts the handshake.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  bayeux handshake :8080/cometd
  bayeux handshake https://example.com/cometd -H @headers.txt -vv
  bayeux handshake https://example.com/cometd --token-cmd 'cat token.txt'
  bayeux handshake :8080/cometd --retry 30s --timeout 30s --jq .clientId
  bayeux handshake :8080/cometd --curl")]
pub(crate) struct Handshake {
    /// The server; BAYEUX_URL if left out.
    url: Option<String>,

    /// Print the equivalent curl command instead.
    #[arg(long)]
    curl: bool,

    /// Filter the reply with a jq expression.
    #[arg(long, value_name = "EXPR")]
    jq: Option<String>,

    /// Fail if the handshake takes longer than this.
    #[arg(long, value_name = "DUR", value_parser = values::duration, env = "BAYEUX_TIMEOUT", hide_env_values = true, default_value = "30s")]
    timeout: Duration,

    #[command(flatten)]
    connection: ConnectionArgs,
}

impl Handshake {
    pub(crate) fn run(self, output: &OutputArgs, printer: &mut Printer) -> Result<(), Stop> {
        let operands = Operands::new(self.url.into_iter().collect());
        let endpoint = self.connection.endpoint(&operands)?;
        operands.end()?;
        let filter = compile(self.jq.as_deref())?;
        let wanted = Wanted {
            connects: Connects::Never,
            traffic: bayeux::client::Traffic::Shown,
            capture: output.capture(),
            timeout: Some(self.timeout),
        };
        if self.curl {
            let settings = self.connection.settings_without_tls(&endpoint, wanted)?;
            let command = curl::handshake(settings, &self.connection, output.secrets());
            printer.line(&command)?;
            if endpoint.is_web_socket() || self.connection.is_web_socket() {
                printer.note("no websocket with curl: the same handshake over long-polling");
            }
            return Ok(());
        }
        self.connection
            .record(&endpoint, output.secrets(), printer)?;
        let client = ConnectionArgs::client(self.connection.settings(&endpoint, wanted)?)?;
        let waker = client.waker();
        let signals = Signals::listen(move || waker.break_off(), Ends::Goal)
            .map_err(|error| Stop::local("cannot listen for signals", &error))?;
        let mut conversation = Conversation::new(client, endpoint, printer);
        let deadline = Instant::now() + self.timeout;
        let started = Instant::now();
        let mut clock = self
            .connection
            .extensions
            .is_timesync()
            .then(|| "the server does not tell its time".to_owned());
        loop {
            let heard = conversation.next(Some(deadline));
            if let Some(signal) = signals.received() {
                conversation.leave();
                return Err(Stop::silent(Exit::Signal(signal)));
            }
            if Instant::now() >= deadline {
                conversation.leave();
                return Err(too_late(self.timeout, &conversation));
            }
            match heard? {
                Some(Heard::Event(Event::Handshaken { reply })) => {
                    let round_trip = started.elapsed();
                    let answered = match &filter {
                        Some(filter) => filtered(&mut conversation, &reply, filter),
                        None => {
                            let seen = Seen {
                                round_trip,
                                clock,
                                secrets: output.secrets(),
                            };
                            answer(&mut conversation, &reply, seen)
                        }
                    };
                    conversation.leave();
                    return answered;
                }
                Some(Heard::Event(Event::Synchronised { lag, offset })) => {
                    clock = Some(words::clocks(lag, offset));
                }
                Some(Heard::Event(_) | Heard::Woken) | None => {}
            }
        }
    }
}

/// What the digest has from elsewhere than the reply.
struct Seen {
    round_trip: Duration,
    /// How the server's clock compares, if that was asked.
    clock: Option<String>,
    secrets: Secrets,
}

/// Compiles `--jq` before anything is sent.
pub(crate) fn compile(expression: Option<&str>) -> Result<Option<Filter>, Stop> {
    let compile = |it: &str| {
        Filter::compile(it).map_err(|error| {
            Stop::usage(format!("--jq: {error}"))
                .hint("the expression sees the whole message: --jq .data.text")
        })
    };
    expression.map(compile).transpose()
}

/// No handshake within `--timeout`.
pub(crate) fn too_late(timeout: Duration, conversation: &Conversation<'_>) -> Stop {
    let endpoint = conversation.endpoint();
    let timeout = words::duration(timeout);
    match conversation.client.session().was_established() {
        false => Stop::new(
            Exit::Timeout,
            format!("no handshake with {endpoint} within {timeout}"),
        )
        .hint("-vv shows how far it gets"),
        true => Stop::new(
            Exit::Timeout,
            format!("no answer from {endpoint} within {timeout}"),
        )
        .hint("-v shows the traffic"),
    }
}

fn answer(conversation: &mut Conversation<'_>, reply: &Message, seen: Seen) -> Result<(), Stop> {
    let record = conversation.received(reply.clone());
    conversation.printer.answer(&record)?;
    let facts = digest(conversation, reply, seen);
    Ok(conversation.printer.facts(&facts)?)
}

fn filtered(
    conversation: &mut Conversation<'_>,
    reply: &Message,
    filter: &Filter,
) -> Result<(), Stop> {
    let outputs = filter
        .apply(reply.raw())
        .map_err(|error| Stop::usage("--jq fails on the reply").cause(error))?;
    Ok(conversation.printer.filtered(&outputs)?)
}

/// What was negotiated, for people.
fn digest(conversation: &Conversation<'_>, reply: &Message, seen: Seen) -> Vec<Fact> {
    let trace = conversation.last_trace();
    let connection_type = conversation.client.connection_type();
    let mut facts = Vec::new();
    let mut fact = |label: &'static str, value: String| facts.push(Fact { label, value });
    let flavour = Flavour::recognise(reply, trace);
    let software = trace.and_then(|it| it.headers.get("server")?.to_str().ok());
    fact(
        "server",
        match software {
            Some(software) => format!("{flavour} ({software})"),
            None => flavour.to_string(),
        },
    );
    fact(
        "version",
        match (text(reply, "version"), text(reply, "minimumVersion")) {
            (Some(version), Some(minimum)) => format!("{version}, minimum {minimum}"),
            (Some(version), None) => version,
            (None, _) => "not given".to_owned(),
        },
    );
    let client_id = reply.client_id().unwrap_or_default();
    fact(
        "client id",
        match seen.secrets {
            Secrets::Redacted => shortened_client_id(client_id),
            Secrets::Shown => client_id.to_owned(),
        },
    );
    fact(
        "transports",
        strings(reply, "supportedConnectionTypes").join(", "),
    );
    fact(
        "advice",
        match reply
            .advice()
            .and_then(|it| Advice::parse(it, connection_type))
        {
            Some(advice) => describe(&advice),
            None => "none given".to_owned(),
        },
    );
    fact(
        "extensions",
        match keys(reply.ext()) {
            keys if keys.is_empty() => "none".to_owned(),
            keys => keys.join(", "),
        },
    );
    fact(
        "cookies",
        match trace.map(|it| it.cookies_set.as_slice()) {
            Some([]) | None => "none set".to_owned(),
            Some(names) => names.join(", "),
        },
    );
    fact(
        "round trip",
        words::duration(match connection_type {
            // Of a websocket the trace tells the upgrade.
            ConnectionType::WebSocket => seen.round_trip,
            ConnectionType::LongPolling | ConnectionType::CallbackPolling => {
                trace.map_or(seen.round_trip, |it| it.total)
            }
        }),
    );
    if let Some(clock) = seen.clock {
        fact("its clock", clock);
    }
    facts
}

fn describe(advice: &Advice) -> String {
    let reconnect = match advice.reconnect {
        Reconnect::Retry => "retry",
        Reconnect::Handshake => "handshake",
        Reconnect::None => "none",
    };
    let mut text = reconnect.to_owned();
    match advice.interval {
        Some(interval) => text.push_str(&format!(", interval {}", words::duration(interval))),
        None => text.push_str(", do not connect again"),
    }
    if let Some(timeout) = advice.timeout {
        text.push_str(&format!(", connects held for {}", words::duration(timeout)));
    }
    if let Some(max_interval) = advice.max_interval {
        text.push_str(&format!(
            ", session kept for {}",
            words::duration(max_interval)
        ));
    }
    text
}

fn text(reply: &Message, field: &str) -> Option<String> {
    serde_json::from_str(reply.get(field)?).ok()
}

fn strings(reply: &Message, field: &str) -> Vec<String> {
    reply
        .get(field)
        .and_then(|it| serde_json::from_str(it).ok())
        .unwrap_or_default()
}

fn keys(object: Option<&str>) -> Vec<String> {
    match object.and_then(|it| serde_json::from_str(it).ok()) {
        Some(Value::Object(fields)) => fields.keys().cloned().collect(),
        Some(_) | None => Vec::new(),
    }
}
