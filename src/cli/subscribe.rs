//! `bayeux subscribe`: tail channels.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use bayeux::filter::Filter;
use bayeux::protocol::{ChannelPattern, Message, member};
use bayeux::session::extension::ReplayFrom;
use bayeux::session::{Connects, Event, Recovery};

use super::connection::{ConnectionArgs, Wanted};
use super::conversation::{Conversation, Heard};
use super::cursor::Cursor;
use super::exit::{Exit, Stop};
use super::explain::{subscribe_refused, subscribe_refused_again};
use super::handshake::compile;
use super::operands::Operands;
use super::output_args::OutputArgs;
use super::replay_args::ReplayArgs;
use super::signals::{Ends, Signals};
use super::values;
use crate::output::{Printer, Summary, words};

/// Tail channels.
///
/// A lost session is renewed and every channel subscribed again, and each step is told on
/// standard error. Without --count, --duration or --idle it goes on until it is interrupted,
/// and that is a success.
#[derive(clap::Args, Debug)]
#[command(
    override_usage = "bayeux subscribe [OPTIONS] [URL] <CHANNEL>...",
    after_help = "\
Examples:
  bayeux sub :8080/cometd /demo
  bayeux sub /demo -n 1 --timeout 10s --jq 'select(.data.user==\"ann\")'
  bayeux sub '/stocks/**' -o data | jq .price
  bayeux sub /a '/b/*' --duration 1m --record traffic.ndjson
  bayeux sub /demo --idle 5s --no-reconnect
  bayeux sub /event/Order__e --replay all --cursor orders.json
  bayeux sub --profile dev /demo"
)]
pub(crate) struct Subscribe {
    /// The server (BAYEUX_URL if left out) and the channels or patterns: /a, /a/*, /a/**.
    // clap puts one more pair of brackets around it.
    #[arg(value_name = "URL] [CHANNEL")]
    operands: Vec<String>,

    /// End in success after this many messages, counted after --jq.
    #[arg(short = 'n', long, value_name = "N", value_parser = values::count)]
    count: Option<u64>,

    /// End in success after this time, counted from the confirmed subscription.
    #[arg(long, value_name = "DUR", value_parser = values::duration)]
    duration: Option<Duration>,

    /// End in success once no message has come for this long.
    #[arg(long, value_name = "DUR", value_parser = values::duration)]
    idle: Option<Duration>,

    /// Fail if the goal is not reached within this time.
    #[arg(long, value_name = "DUR", value_parser = values::duration, env = "BAYEUX_TIMEOUT", hide_env_values = true)]
    timeout: Option<Duration>,

    /// Filter, project or assert with a jq expression; it sees the whole message. A message
    /// for which it gives nothing is dropped.
    #[arg(long, value_name = "EXPR")]
    jq: Option<String>,

    /// End when the session is lost instead of renewing it.
    #[arg(long)]
    no_reconnect: bool,

    #[command(flatten)]
    replay: ReplayArgs,

    #[command(flatten)]
    connection: ConnectionArgs,
}

impl Subscribe {
    pub(crate) fn run(mut self, output: &OutputArgs, printer: &mut Printer) -> Result<(), Stop> {
        let mut operands = Operands::new(std::mem::take(&mut self.operands));
        let endpoint = self.connection.endpoint(&operands)?;
        let patterns = operands.patterns()?;
        let filter = compile(self.jq.as_deref())?;
        let replaying = self.replay.prepare(&endpoint, &patterns)?;
        self.connection
            .record(&endpoint, output.secrets(), printer)?;
        let wanted = Wanted {
            connects: Connects::Held,
            traffic: self.connection.traffic(output),
            capture: output.capture(),
            timeout: self.timeout,
        };
        let mut settings = self.connection.settings(&endpoint, wanted)?;
        if let Some(replay) = replaying.extension {
            settings.session.extensions.push(Box::new(replay));
        }
        if self.no_reconnect {
            settings.session.recovery = Recovery::Never;
        }
        for note in patterns.iter().filter_map(ChannelPattern::grammar_note) {
            printer.warning(&note.to_string());
        }
        let mut client = ConnectionArgs::client(settings)?;
        let signals = Signals::wake(client.waker(), self.ends())
            .map_err(|error| Stop::local("cannot listen for signals", &error))?;
        for pattern in &patterns {
            client.subscribe(pattern.clone());
        }
        Tail {
            conversation: Conversation::new(client, endpoint, printer),
            patterns,
            filter,
            signals,
            ends: self.ends(),
            started: Instant::now(),
            confirmed: HashSet::new(),
            tailing_since: None,
            last_received: None,
            n_received: 0,
            n_matched: 0,
            filter_errors: HashSet::new(),
            is_stranger_told: false,
            is_salesforce: false,
            asks_for_all: replaying.asks_for_all,
            cursor: replaying.cursor,
            goal: self,
        }
        .run()
    }

    fn ends(&self) -> Ends {
        match (self.count, self.duration, self.idle) {
            (None, None, None) => Ends::OpenEnded,
            _ => Ends::Goal,
        }
    }
}

/// Salesforce tells it by an extension that nobody else has.
fn is_salesforce(reply: &Message) -> bool {
    let format = reply.ext().and_then(|it| member(it, "payload.format"));
    format.is_some()
}

/// Complaints of `--jq` that are told; after that they say nothing new.
const MOST_FILTER_ERRORS: usize = 5;

/// A tail that runs.
struct Tail<'p> {
    conversation: Conversation<'p>,
    patterns: Vec<ChannelPattern>,
    filter: Option<Filter>,
    signals: Signals,
    ends: Ends,
    goal: Subscribe,
    started: Instant,
    confirmed: HashSet<ChannelPattern>,
    /// Since when all subscriptions are confirmed.
    tailing_since: Option<Instant>,
    last_received: Option<Instant>,
    n_received: u64,
    n_matched: u64,
    /// What `--jq` complained about so far: each complaint is told once.
    filter_errors: HashSet<String>,
    /// Whether it was told that messages come which nobody asked for.
    is_stranger_told: bool,
    is_salesforce: bool,
    /// Whether a channel starts with all that the server has kept.
    asks_for_all: bool,
    cursor: Option<Cursor>,
}

impl Tail<'_> {
    fn run(mut self) -> Result<(), Stop> {
        let mut outcome = self.listen();
        // At once: to leave may take a second, and a second signal ends the program.
        outcome = self.save_cursor(outcome);
        if !self.conversation.client.is_ended() {
            let until = self.conversation.disconnect();
            while let Some(message) = self.conversation.next_while_leaving(until) {
                if outcome.is_ok() && self.goal.count.is_none() {
                    outcome = self.received(message);
                }
            }
            outcome = self.save_cursor(outcome);
        }
        if self.tailing_since.is_some() {
            let n_matched = self.filter.as_ref().map(|_| self.n_matched);
            self.conversation.printer.summary(&Summary {
                n_received: self.n_received,
                n_matched,
                n_duplicates: self.conversation.n_duplicates(),
                n_lost_sessions: self.conversation.n_lost_sessions(),
                elapsed: self.started.elapsed(),
            });
        }
        outcome
    }

    fn listen(&mut self) -> Result<(), Stop> {
        loop {
            // What was received is the answer, even if a signal came at the same moment.
            let save_at = self.cursor.as_ref().and_then(Cursor::due);
            let wake_at = self.deadline().into_iter().chain(save_at).min();
            match self.conversation.next(wake_at) {
                Ok(Some(Heard::Event(event))) => self.take(event)?,
                Ok(Some(Heard::Woken) | None) => {}
                Err(_) if self.signals.received().is_some() => {}
                Err(stop) => return Err(stop),
            }
            if let Some(cursor) = &mut self.cursor
                && cursor.due().is_some_and(|it| it <= Instant::now())
            {
                cursor.save()?;
            }
            if self.goal.count.is_some_and(|count| self.n_matched >= count) {
                return Ok(());
            }
            if let Some(signal) = self.signals.received() {
                return match self.ends {
                    Ends::OpenEnded => Ok(()),
                    Ends::Goal | Ends::Measurement => Err(Stop::silent(Exit::Signal(signal))),
                };
            }
            // Looked at after each message: they may come without a pause.
            if self.deadline().is_some_and(|it| it <= Instant::now()) {
                return if self.is_too_late() {
                    Err(self.too_late())
                } else {
                    Ok(())
                };
            }
        }
    }

    fn take(&mut self, event: Event) -> Result<(), Stop> {
        match event {
            Event::Received { message } => self.received(message),
            Event::Subscribed { pattern } => {
                self.confirmed.insert(pattern);
                if self.confirmed.len() == self.patterns.len() {
                    self.tailing_since.get_or_insert_with(Instant::now);
                }
                Ok(())
            }
            Event::SubscribeRefused { pattern, refusal } => {
                Err(match self.confirmed.contains(&pattern) {
                    true => subscribe_refused_again(&pattern, &refusal),
                    false => subscribe_refused(&pattern, &refusal),
                })
            }
            Event::Handshaken { reply } => {
                self.is_salesforce = is_salesforce(&reply);
                if std::mem::take(&mut self.asks_for_all) {
                    self.tell_allowance();
                }
                Ok(())
            }
            Event::ReplayRefused { instead, .. } => {
                if instead == ReplayFrom::All {
                    self.tell_allowance();
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Salesforce counts what it delivers in 24 hours, and then delivers nothing.
    fn tell_allowance(&mut self) {
        if self.is_salesforce {
            self.conversation.printer.warning(
                "every replayed event counts against the org's daily allowance of deliveries",
            );
        }
    }

    /// Brings the cursor up to date. An error that ends the tail already stays the one that is
    /// told as such.
    fn save_cursor(&mut self, outcome: Result<(), Stop>) -> Result<(), Stop> {
        let saved = self.cursor.as_mut().map_or(Ok(()), Cursor::save);
        match (outcome, saved) {
            (Err(stop), Err(unsaved)) if stop.exit != Exit::Reached => {
                self.conversation.printer.warning(&unsaved.to_string());
                Err(stop)
            }
            (_, Err(unsaved)) => Err(unsaved),
            (outcome, Ok(())) => outcome,
        }
    }

    fn received(&mut self, message: Message) -> Result<(), Stop> {
        let is_asked_for = self.is_asked_for(message.channel());
        if !is_asked_for && !std::mem::replace(&mut self.is_stranger_told, true) {
            let channel = message.channel();
            let text = format!("a message on a channel that was not subscribed to: {channel:?}");
            self.conversation.printer.warning(&text);
        }
        self.n_received += 1;
        self.last_received = Some(Instant::now());
        let record = self.conversation.received(message);
        // Only an event that was written, or that a filter dropped, moves the cursor.
        let mut cursor = self.cursor.as_mut().filter(|_| is_asked_for);
        let Some(filter) = &self.filter else {
            self.n_matched += u64::from(is_asked_for);
            self.conversation.printer.delivery(&record)?;
            if let Some(cursor) = &mut cursor {
                cursor.advance(&record.message);
            }
            return Ok(());
        };
        self.conversation.printer.traffic(&record, None)?;
        match filter.apply(record.message.raw()) {
            Ok(outputs) => {
                if !outputs.is_empty() {
                    self.n_matched += u64::from(is_asked_for);
                    self.conversation.printer.filtered(&outputs)?;
                }
                if let Some(cursor) = &mut cursor {
                    cursor.advance(&record.message);
                }
                Ok(())
            }
            Err(error) => {
                if let Some(cursor) = &mut cursor {
                    cursor.hold(&record.message);
                }
                // jq's complaints hold the value at hand: each message may bring a new one.
                let error = error.to_string();
                let is_told = self.filter_errors.len() < MOST_FILTER_ERRORS;
                if is_told && self.filter_errors.insert(error.clone()) {
                    self.conversation.printer.warning(&format!("--jq: {error}"));
                }
                Ok(())
            }
        }
    }

    /// Whether a subscription asks for this channel. A Salesforce filter (`/topic/X?a=b`) is
    /// not part of the channel that its messages come on.
    fn is_asked_for(&self, channel: &str) -> bool {
        self.patterns.iter().any(|pattern| {
            let name = pattern.as_str().split('?').next();
            pattern.matches(channel) || name == Some(channel)
        })
    }

    /// When the next of the limits is reached.
    fn deadline(&self) -> Option<Instant> {
        [self.timeout_at(), self.duration_at(), self.idle_at()]
            .into_iter()
            .flatten()
            .min()
    }

    fn timeout_at(&self) -> Option<Instant> {
        Some(self.started + self.goal.timeout?)
    }

    fn duration_at(&self) -> Option<Instant> {
        Some(self.tailing_since? + self.goal.duration?)
    }

    fn idle_at(&self) -> Option<Instant> {
        let since = self.tailing_since?;
        Some(self.last_received.map_or(since, |it| it.max(since)) + self.goal.idle?)
    }

    fn is_too_late(&self) -> bool {
        let now = Instant::now();
        let has_passed = |it: Option<Instant>| it.is_some_and(|it| it <= now);
        has_passed(self.timeout_at())
            && !has_passed(self.duration_at())
            && !has_passed(self.idle_at())
    }

    fn too_late(&self) -> Stop {
        let timeout = words::duration(self.goal.timeout.unwrap_or_default());
        let channels: Vec<String> = self
            .patterns
            .iter()
            .map(ChannelPattern::to_string)
            .collect();
        let channels = channels.join(", ");
        let n_received = self.n_received;
        let stop = |error: String| Stop::new(Exit::Timeout, error);
        if self.tailing_since.is_none() {
            stop(format!(
                "no confirmed subscription to {channels} within {timeout}"
            ))
            .hint("-v shows how far it gets")
        } else if self.filter.is_some() {
            let n_matched = self.n_matched;
            stop(format!(
                "no message matching --jq within {timeout} on {channels} ({n_received} received, {n_matched} matched)"
            ))
            .hint(match n_received {
                0 => "the subscription is confirmed: does somebody publish?",
                _ => "drop --jq to see what arrives",
            })
        } else if let Some(count) = self.goal.count {
            stop(format!(
                "{n_received} of {count} messages within {timeout} on {channels}"
            ))
            .hint("the subscription is confirmed: does somebody publish?")
        } else {
            stop(format!("no end within {timeout} on {channels}"))
                .hint("--duration ends in success, --timeout in failure")
        }
    }
}
