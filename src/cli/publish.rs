//! `bayeux publish`: publish messages and wait for each acknowledgement.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bayeux::client::{Settings, Traffic};
use bayeux::filter::Filter;
use bayeux::protocol::{Channel, ChannelPattern, Json, Message};
use bayeux::session::{Connects, Event, PublishId};
use bayeux::transport::{Endpoint, LongPolling};
use serde_json::Value;

use super::connection::{ConnectionArgs, Wanted};
use super::conversation::{Conversation, Heard, record};
use super::data::{self, Form};
use super::exit::{Exit, Stop};
use super::explain;
use super::handshake::{compile, too_late};
use super::lines::{Line, Lines};
use super::operands::Operands;
use super::output_args::OutputArgs;
use super::signals::{Ends, Signals};
use super::values;
use crate::output::{Printer, words};

/// Publish messages and wait for each acknowledgement.
///
/// DATA is JSON, @FILE, `-` for standard input, or items: key=text key:=json. A publish of
/// which nobody knows whether it was carried out is told, and never repeated.
#[derive(clap::Args, Debug)]
#[command(
    override_usage = "bayeux publish [OPTIONS] [URL] <CHANNEL> <DATA>...\n       \
                      bayeux publish [OPTIONS] [URL] <CHANNEL> --lines",
    after_help = "\
Examples:
  bayeux pub :8080/cometd /demo user=ann text='hello' n:=1
  bayeux pub /demo '{\"user\":\"ann\"}' --expect /demo --timeout 5s
  seq 100 | bayeux pub /demo --lines --rate 50
  bayeux pub /demo --text 'hello world' --repeat 3
  bayeux pub :8080/faye /demo @message.json --no-handshake"
)]
pub(crate) struct Publish {
    /// The server (BAYEUX_URL if left out), the channel, and what to publish.
    // clap puts one more pair of brackets around it.
    #[arg(value_name = "URL] <CHANNEL> [DATA")]
    operands: Vec<String>,

    /// Publish each line of standard input, one JSON value a line.
    #[arg(short, long, conflicts_with_all = ["repeat", "no_handshake"])]
    lines: bool,

    /// DATA is plain text, to be sent as a JSON string.
    #[arg(long)]
    text: bool,

    /// The most messages a second.
    #[arg(long, value_name = "N", value_parser = values::rate)]
    rate: Option<f64>,

    /// Publish the same DATA this many times.
    #[arg(long, value_name = "N", value_parser = values::count, default_value = "1")]
    repeat: u64,

    /// Subscribe to this channel first and wait until the message comes back; with --jq, until
    /// as many messages pass.
    #[arg(long, value_name = "CHANNEL", conflicts_with = "no_handshake")]
    expect: Option<ChannelPattern>,

    /// Publish without a session, in one request; Faye allows it.
    #[arg(long, conflicts_with_all = ["repeat", "rate"])]
    no_handshake: bool,

    /// Filter with a jq expression: what comes back with --expect, else the acknowledgements.
    #[arg(long, value_name = "EXPR")]
    jq: Option<String>,

    /// Fail if it takes longer than this; no limit with --lines.
    #[arg(long, value_name = "DUR", value_parser = values::duration, env = "BAYEUX_TIMEOUT", hide_env_values = true)]
    timeout: Option<Duration>,

    #[command(flatten)]
    connection: ConnectionArgs,
}

/// The deadline of what is not open-ended.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);
/// Messages that wait for their acknowledgements before more are read.
const MOST_UNANSWERED: usize = 64;

impl Publish {
    pub(crate) fn run(mut self, output: &OutputArgs, printer: &mut Printer) -> Result<(), Stop> {
        let mut operands = Operands::new(std::mem::take(&mut self.operands));
        let endpoint = operands.endpoint()?;
        let channel = operands.channel()?;
        let form = if self.text { Form::Text } else { Form::Json };
        let source = if self.lines {
            operands.end()?;
            None
        } else {
            Some(data::read(&operands.rest(), form)?)
        };
        let filter = compile(self.jq.as_deref())?;
        if let Some(note) = channel.grammar_note() {
            printer.warning(&note.to_string());
        }
        self.connection
            .record(&endpoint, output.secrets(), printer)?;
        let timeout = match self.lines {
            true => self.timeout,
            false => Some(self.timeout.unwrap_or(DEFAULT_TIMEOUT)),
        };
        let is_one_shot = !self.lines && self.repeat == 1 && self.expect.is_none();
        let wanted = Wanted {
            connects: if is_one_shot {
                Connects::Never
            } else {
                Connects::Held
            },
            traffic: self.connection.traffic(output),
            capture: output.capture(),
            patience: timeout.filter(|_| is_one_shot),
        };
        let settings = self.connection.settings(&endpoint, wanted)?;
        if self.no_handshake {
            let data = source.ok_or_else(|| Stop::usage("no DATA to publish"))?;
            return unconnected(&channel, &data, settings, &endpoint, timeout, printer);
        }
        let mut client = ConnectionArgs::client(settings)?;
        let waker = client.waker();
        let signals = Signals::listen(
            move || {
                if is_one_shot {
                    waker.break_off();
                }
                waker.wake();
            },
            Ends::Goal,
        )
        .map_err(|error| Stop::local("cannot listen for signals", &error))?;
        let supply = match source {
            Some(data) => Supply::Repeated {
                data,
                n_left: self.repeat,
            },
            None => Supply::Lines(Lines::start(client.waker(), form)?),
        };
        if let Some(expect) = &self.expect {
            client.subscribe(expect.clone());
        }
        let started = Instant::now();
        let mut publishing = Publishing {
            conversation: Conversation::new(client, endpoint, printer),
            channel,
            expect: self.expect,
            filter,
            supply,
            rate: self.rate,
            is_ready: false,
            started,
            first_at: None,
            unanswered: HashMap::new(),
            awaited: Vec::new(),
            count: Count::default(),
            first_refusal: None,
        };
        publishing
            .conversation
            .printer
            .begin_progress(match self.lines {
                true => None,
                false => Some(self.repeat),
            });
        let outcome = publishing.run(timeout, &signals);
        publishing.finish(outcome)
    }
}

/// Where messages come from.
enum Supply {
    Repeated { data: Json, n_left: u64 },
    Lines(Lines),
}

/// What became of the messages.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    n_published: u64,
    n_acknowledged: u64,
    n_rejected: u64,
    n_unknown: u64,
    n_unreadable: u64,
    n_returned: u64,
}

/// A publish without its reply.
struct Unanswered {
    line: Option<u64>,
    sent: Instant,
}

/// Data that is awaited on the channel of `--expect`.
struct Awaited {
    data: Option<Value>,
    sent: Instant,
}

struct Publishing<'p> {
    conversation: Conversation<'p>,
    channel: Channel,
    expect: Option<ChannelPattern>,
    filter: Option<Filter>,
    supply: Supply,
    rate: Option<f64>,
    /// Whether publishing may begin: with `--expect` not before its subscription is confirmed.
    is_ready: bool,
    started: Instant,
    /// When the first message was published; the rate counts from there.
    first_at: Option<Instant>,
    unanswered: HashMap<PublishId, Unanswered>,
    awaited: Vec<Awaited>,
    count: Count,
    first_refusal: Option<Stop>,
}

impl Publishing<'_> {
    fn run(&mut self, timeout: Option<Duration>, signals: &Signals) -> Result<(), Stop> {
        let timeout_at = timeout.map(|it| self.started + it);
        loop {
            let supply_at = self.publish_what_is_due()?;
            let is_done = supply_at == Due::Never
                && self.unanswered.is_empty()
                && (self.awaited.is_empty() || self.first_refusal.is_some());
            if is_done && self.is_ready {
                return Ok(());
            }
            let due = match supply_at {
                Due::At(due) => Some(due),
                Due::Later | Due::Never => None,
            };
            let heard = self
                .conversation
                .next([timeout_at, due].into_iter().flatten().min());
            let is_too_late =
                timeout_at.is_some_and(|it| it <= Instant::now()) && !matches!(heard, Ok(Some(_)));
            // What became of a message counts, even if a signal came meanwhile.
            let taken = match heard {
                Ok(Some(Heard::Event(event))) => self.take(event),
                Ok(Some(Heard::Woken) | None) => Ok(()),
                Err(stop) => Err(stop),
            };
            if let Some(signal) = signals.received() {
                return Err(Stop::silent(Exit::Signal(signal)));
            }
            if is_too_late {
                return Err(self.too_late(timeout.unwrap_or_default()));
            }
            taken?;
        }
    }

    /// Publishes as much as the rate and the unanswered messages allow, and tells when more
    /// can be done.
    fn publish_what_is_due(&mut self) -> Result<Due, Stop> {
        if !self.is_ready {
            return Ok(Due::Later);
        }
        while self.unanswered.len() < MOST_UNANSWERED {
            if let (Some(rate), Some(first_at)) = (self.rate, self.first_at) {
                let due = first_at + Duration::from_secs_f64(self.count.n_published as f64 / rate);
                if due > Instant::now() {
                    return Ok(Due::At(due));
                }
            }
            let (data, line) = match &mut self.supply {
                Supply::Repeated { n_left: 0, .. } => return Ok(Due::Never),
                Supply::Repeated { data, n_left } => {
                    *n_left -= 1;
                    (data.clone(), None)
                }
                Supply::Lines(lines) => match lines.next() {
                    Line::Data(number, data) => (data, Some(number)),
                    Line::Unreadable(number, error) => {
                        self.unreadable(number, &error);
                        continue;
                    }
                    Line::NotYet => return Ok(Due::Later),
                    Line::Failed(error) => {
                        return Err(Stop::local("cannot read standard input", &error));
                    }
                    Line::End => return Ok(Due::Never),
                },
            };
            self.publish(data, line);
        }
        Ok(Due::Later)
    }

    fn publish(&mut self, data: Json, line: Option<u64>) {
        let sent = Instant::now();
        self.first_at.get_or_insert(sent);
        self.count.n_published += 1;
        if self.expect.is_some() {
            let data = match &self.filter {
                Some(_) => None,
                None => serde_json::from_str(data.as_str()).ok(),
            };
            self.awaited.push(Awaited { data, sent });
        }
        let publish = self.conversation.client.publish(self.channel.clone(), data);
        self.unanswered.insert(publish, Unanswered { line, sent });
    }

    fn take(&mut self, event: Event) -> Result<(), Stop> {
        match event {
            Event::Handshaken { .. } if self.expect.is_none() => self.is_ready = true,
            Event::Subscribed { .. } => self.is_ready = true,
            Event::SubscribeRefused { pattern, refusal } => {
                return Err(explain::subscribe_refused(&pattern, &refusal));
            }
            Event::Acknowledged { publish, reply } => {
                let answered = self.unanswered.remove(&publish);
                self.count.n_acknowledged += 1;
                self.conversation.printer.advance_progress();
                if let Some(answered) = answered {
                    let id = reply.id().map(str::to_owned);
                    let round_trip = answered.sent.elapsed();
                    self.conversation
                        .tell_acknowledged(&self.channel, id, round_trip)?;
                }
                self.filter_reply(&reply)?;
            }
            Event::Rejected { publish, reply } => {
                self.count.n_rejected += 1;
                let stop = explain::publish_rejected(&self.channel, &reply);
                self.refused(publish, stop);
            }
            Event::Unacknowledged { publish, failure } => {
                self.count.n_unknown += 1;
                let stop = explain::outcome_unknown(&self.channel, &failure);
                self.refused(publish, stop);
            }
            Event::Received { message } => self.received(message)?,
            _ => {}
        }
        Ok(())
    }

    /// Tells of a message that was not acknowledged; several are told one by one, and the
    /// first one again at the end.
    fn refused(&mut self, publish: PublishId, stop: Stop) {
        self.conversation.printer.advance_progress();
        let unanswered = self.unanswered.remove(&publish);
        if let Some(line) = unanswered.and_then(|it| it.line) {
            self.conversation
                .printer
                .warning(&format!("line {line}: {stop}"));
        }
        self.first_refusal.get_or_insert(stop);
    }

    fn unreadable(&mut self, line: u64, error: &str) {
        self.count.n_unreadable += 1;
        self.conversation
            .printer
            .warning(&format!("line {line} not published: {error}"));
    }

    fn filter_reply(&mut self, reply: &Message) -> Result<(), Stop> {
        match &self.filter {
            Some(filter) if self.expect.is_none() => {
                let outputs = filter
                    .apply(reply.raw())
                    .map_err(|error| Stop::usage("--jq fails on the reply").cause(error))?;
                Ok(self.conversation.printer.filtered(&outputs)?)
            }
            Some(_) | None => Ok(()),
        }
    }

    /// A message on the channel of `--expect`: the one that was published, or another.
    fn received(&mut self, message: Message) -> Result<(), Stop> {
        let outputs = match &self.filter {
            Some(filter) => filter.apply(message.raw()).unwrap_or_default(),
            None => Vec::new(),
        };
        let data = message
            .data()
            .and_then(|it| serde_json::from_str::<Value>(it).ok());
        let is_awaited = |it: &Awaited| match self.filter {
            Some(_) => !outputs.is_empty(),
            None => it.data == data,
        };
        let found = self.awaited.iter().position(is_awaited);
        let record = Conversation::received(message);
        let Some(found) = found else {
            return Ok(self.conversation.printer.traffic(&record, None)?);
        };
        let awaited = self.awaited.remove(found);
        self.count.n_returned += 1;
        if self.filter.is_some() {
            self.conversation.printer.traffic(&record, None)?;
            self.conversation.printer.filtered(&outputs)?;
        } else {
            self.conversation.printer.delivery(&record)?;
        }
        let round_trip = words::duration(awaited.sent.elapsed());
        let channel = record.message.channel();
        self.conversation
            .printer
            .note(&format!("came back on {channel}, round trip {round_trip}"));
        Ok(())
    }

    fn too_late(&self, timeout: Duration) -> Stop {
        match &self.expect {
            Some(expect) if self.is_ready && self.unanswered.is_empty() => Stop::new(
                Exit::Timeout,
                format!(
                    "the message did not come back on {expect} within {} ({} of {})",
                    words::duration(timeout),
                    self.count.n_returned,
                    self.count.n_published,
                ),
            )
            .hint("it was acknowledged; does the server deliver to the publisher itself?"),
            Some(_) | None => too_late(timeout, &self.conversation),
        }
    }

    fn finish(mut self, outcome: Result<(), Stop>) -> Result<(), Stop> {
        self.conversation.printer.end_progress();
        if !self.conversation.client.is_ended() {
            self.conversation.leave();
        }
        let Count {
            n_published,
            n_acknowledged,
            n_rejected,
            n_unknown,
            n_unreadable,
            ..
        } = self.count;
        // A lone message that was refused has its error to tell of it.
        if n_published > 1 || n_acknowledged > 0 {
            let messages = if n_published == 1 {
                "message"
            } else {
                "messages"
            };
            let mut text =
                format!("{n_published} {messages} published, {n_acknowledged} acknowledged");
            for (n, word) in [(n_rejected, "rejected"), (n_unknown, "unknown")] {
                if n > 0 {
                    text.push_str(&format!(", {n} {word}"));
                }
            }
            let elapsed = self.first_at.unwrap_or(self.started).elapsed();
            text.push_str(&format!(" in {}", words::duration(elapsed)));
            self.conversation.printer.note(&text);
        }
        outcome?;
        if n_published == 0 && n_unreadable == 0 {
            self.conversation
                .printer
                .warning("nothing was published: standard input had no line");
        }
        let n_failed = n_rejected + n_unknown;
        match self.first_refusal {
            Some(stop) if n_published == 1 => Err(stop),
            Some(stop) => {
                let report = stop.report.clone();
                let first = report.map_or_else(String::new, |it| it.error);
                Err(Stop::new(
                    stop.exit,
                    format!("{n_failed} of {n_published} messages were not acknowledged"),
                )
                .cause(format!("the first: {first}"))
                .hint("the lines above say which"))
            }
            None if n_unreadable > 0 => Err(Stop::usage(format!(
                "not JSON: {} of standard input",
                words::count(n_unreadable, "line")
            ))
            .hint("--text sends each line as a JSON string")),
            None => Ok(()),
        }
    }
}

/// When more can be published.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Due {
    At(Instant),
    /// When something else happens first: an acknowledgement, a line.
    Later,
    Never,
}

/// One POST without a session (Bayeux 1.0, "Unconnected operation"). Faye takes it; CometD and
/// cometd-nodejs refuse it as an unknown session.
fn unconnected(
    channel: &Channel,
    data: &Json,
    settings: Settings,
    endpoint: &Endpoint,
    timeout: Option<Duration>,
    printer: &mut Printer,
) -> Result<(), Stop> {
    let ext = settings.session.ext.publish.clone();
    let message = Message::builder(channel.as_str())
        .id("1")
        .json("data", data)
        .json_if("ext", ext.as_ref());
    let message = message.build();
    let is_shown = settings.traffic == Traffic::Shown;
    let transport = LongPolling::new(settings.transport)
        .map_err(|error| Stop::usage("cannot use these options").cause(error))?;
    let transport = Arc::new(transport);
    let under_way = Arc::clone(&transport);
    let signals = Signals::listen(move || under_way.abort(), Ends::Goal)
        .map_err(|error| Stop::local("cannot listen for signals", &error))?;
    let started = Instant::now();
    let now = std::time::SystemTime::now();
    if is_shown {
        let sent = record(now, bayeux::recording::Direction::Out, message.clone());
        printer.traffic(&sent, None)?;
    }
    let exchange = transport.exchange(std::slice::from_ref(&message), Duration::ZERO);
    let body = exchange.outcome.map_err(|error| {
        if let Some(signal) = signals.received() {
            return Stop::silent(Exit::Signal(signal));
        }
        if let Some(timeout) = timeout.filter(|it| *it <= started.elapsed()) {
            return Stop::new(
                Exit::Timeout,
                format!(
                    "no answer from {endpoint} within {}",
                    words::duration(timeout)
                ),
            )
            .hint("the message may have been delivered; -vv shows how far it gets");
        }
        let failure = Arc::new(error).failure();
        match failure.stage {
            bayeux::session::Stage::Unanswered => explain::outcome_unknown(channel, &failure),
            _ => explain::unreachable(&failure, endpoint),
        }
    })?;
    let total = exchange.trace.total;
    for reply in &body.messages {
        printer.traffic(&Conversation::received(reply.clone()), Some(total))?;
    }
    let is_reply = |it: &&Message| it.successful().is_some() && it.channel() == channel.as_str();
    match body.messages.iter().find(is_reply) {
        Some(reply) if reply.successful() == Some(true) => {
            let round_trip = words::duration(total);
            printer.note(&format!(
                "published without a session, acknowledged in {round_trip}"
            ));
            Ok(())
        }
        Some(reply) => Err(explain::publish_rejected(channel, reply)
            .hint("this server wants a session: leave --no-handshake out")),
        None => Err(Stop::new(
            Exit::Unreachable,
            format!("no reply to the publish from {endpoint}"),
        )
        .hint("-v shows what it answered")),
    }
}
