//! What `bayeux publish` and `bayeux call` do: send messages as fast as they may and follow each
//! to its end.

use std::collections::HashMap;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

use bayeux::filter::Filter;
use bayeux::protocol::{Channel, Json, Message};
use bayeux::session::{Event, PublishId, Stage};

use super::conversation::{Conversation, Heard};
use super::exit::{Exit, Stop};
use super::expected::{Awaited, Expected, Goal};
use super::explain;
use super::handshake::too_late;
use super::lines::{Line, Lines};
use super::signals::Signals;
use crate::output::words;

/// Messages that wait for their acknowledgements before more are read.
const MOST_UNANSWERED: usize = 64;
/// A message a day is the slowest rate.
const LONGEST_PERIOD: Duration = Duration::from_secs(86_400);

/// Where messages come from.
pub(super) enum Supply {
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
    /// Messages on the channel of what has to come.
    n_received: u64,
    /// Those of them that had to come.
    n_returned: u64,
}

/// A publish without its reply.
struct Unanswered {
    line: Option<u64>,
    sent: Instant,
}

pub(super) struct Publishing<'p> {
    conversation: Conversation<'p>,
    task: Task,
    /// Whether publishing may begin: not before the subscription that it needs is confirmed.
    is_ready: bool,
    started: Instant,
    /// When the first message was published.
    first_at: Option<Instant>,
    /// When the rate allows the next one.
    next_at: Option<Instant>,
    unanswered: HashMap<PublishId, Unanswered>,
    awaited: Vec<Awaited>,
    count: Count,
    first_refusal: Option<Stop>,
    is_filter_error_told: bool,
}

/// What to publish and what to wait for.
pub(super) struct Task {
    pub(super) channel: Channel,
    pub(super) supply: Supply,
    pub(super) rate: Option<f64>,
    pub(super) expected: Option<Expected>,
    pub(super) filter: Option<Filter>,
}

impl<'p> Publishing<'p> {
    pub(super) fn new(mut conversation: Conversation<'p>, task: Task) -> Self {
        if let Some(expected) = task.expected.as_ref().filter(|it| it.needs_subscription()) {
            conversation.client.subscribe(expected.pattern.clone());
        }
        Self {
            conversation,
            task,
            is_ready: false,
            started: Instant::now(),
            first_at: None,
            next_at: None,
            unanswered: HashMap::new(),
            awaited: Vec::new(),
            count: Count::default(),
            first_refusal: None,
            is_filter_error_told: false,
        }
    }

    /// Publishes until nothing is left to wait for.
    pub(super) fn run(mut self, timeout: Option<Duration>, signals: &Signals) -> Result<(), Stop> {
        let total = match &self.task.supply {
            Supply::Repeated { n_left, .. } => Some(*n_left),
            Supply::Lines(_) => None,
        };
        // What somebody types would stand in the midst of it.
        if total.is_some() || !std::io::stdin().is_terminal() {
            self.conversation.printer.begin_progress(total);
        }
        let outcome = self.publish_all(timeout, signals);
        self.finish(outcome)
    }

    fn publish_all(&mut self, timeout: Option<Duration>, signals: &Signals) -> Result<(), Stop> {
        let timeout_at = timeout.map(|it| self.started + it);
        loop {
            let supply_at = self.publish_what_is_due()?;
            let is_done = supply_at == Due::Never
                && (self.unanswered.is_empty() || self.is_answered())
                && (self.awaited.is_empty() || self.first_refusal.is_some());
            if is_done && self.is_ready {
                return Ok(());
            }
            let is_over_time = || timeout_at.is_some_and(|it| it <= Instant::now());
            if is_over_time() {
                return Err(self.too_late(timeout.unwrap_or_default()));
            }
            let due = match supply_at {
                Due::At(due) => Some(due),
                Due::Later | Due::Never => None,
            };
            let heard = self
                .conversation
                .next([timeout_at, due].into_iter().flatten().min());
            // An exchange that the deadline broke off has no other outcome than that.
            let is_broken_off = is_over_time()
                && matches!(
                    heard,
                    Ok(Some(Heard::Event(Event::Unacknowledged { .. }))) | Err(_)
                );
            // What became of a message counts, even if a signal came meanwhile.
            let taken = match heard {
                Ok(Some(Heard::Event(event))) if !is_broken_off => self.take(event),
                heard => heard.map(drop),
            };
            if let Some(signal) = signals.received() {
                return Err(Stop::silent(Exit::Signal(signal)));
            }
            if !is_broken_off {
                taken?;
            }
        }
    }

    /// Publishes as much as the rate and the unanswered messages allow, and tells when more
    /// can be done.
    fn publish_what_is_due(&mut self) -> Result<Due, Stop> {
        if !self.is_ready {
            return Ok(Due::Later);
        }
        while self.unanswered.len() < MOST_UNANSWERED {
            let is_over = matches!(self.task.supply, Supply::Repeated { n_left: 0, .. });
            if let Some(due) = self.next_at.filter(|it| !is_over && *it > Instant::now()) {
                return Ok(Due::At(due));
            }
            let (data, line) = match &mut self.task.supply {
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
        self.next_at = self.task.rate.map(|rate| next_at(self.next_at, sent, rate));
        self.count.n_published += 1;
        if let Some(expected) = &self.task.expected {
            let has_filter = self.task.filter.is_some();
            self.awaited.push(expected.awaited(&data, has_filter, sent));
        }
        let publish = self
            .conversation
            .client
            .publish(self.task.channel.clone(), data);
        self.unanswered.insert(publish, Unanswered { line, sent });
    }

    fn take(&mut self, event: Event) -> Result<(), Stop> {
        match event {
            Event::Handshaken { .. } => self.is_ready |= !self.needs_subscription(),
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
                        .tell_acknowledged(&self.task.channel, id, round_trip)?;
                }
                self.filter_reply(&reply)?;
            }
            Event::Rejected { publish, reply } => {
                self.count.n_rejected += 1;
                let stop = explain::publish_rejected(&self.task.channel, &reply);
                self.refused(publish, stop);
            }
            Event::Unacknowledged { publish, failure } => {
                self.count.n_unknown += 1;
                let stop = match failure.stage {
                    Stage::Unsent => explain::unreachable(&failure, self.conversation.endpoint()),
                    Stage::Unanswered | Stage::Interrupted => {
                        explain::outcome_unknown(&self.task.channel, &failure)
                    }
                };
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
        match &self.task.filter {
            Some(filter) if self.task.expected.is_none() => {
                let outputs = filter
                    .apply(reply.raw())
                    .map_err(|error| Stop::usage("--jq fails on the reply").cause(error))?;
                Ok(self.conversation.printer.filtered(&outputs)?)
            }
            Some(_) | None => Ok(()),
        }
    }

    /// A message that may be one that has to come.
    fn received(&mut self, message: Message) -> Result<(), Stop> {
        let Some(expected) = &self.task.expected else {
            let record = self.conversation.received(message);
            return Ok(self.conversation.printer.traffic(&record, None)?);
        };
        let goal = expected.goal;
        let is_from_there = expected.is_from_there(&message, self.conversation.last_published());
        self.count.n_received += u64::from(is_from_there);
        let outputs = match self.task.filter.as_ref().map(|it| it.apply(message.raw())) {
            Some(Ok(outputs)) => Some(outputs),
            Some(Err(error)) => {
                if !std::mem::replace(&mut self.is_filter_error_told, true) {
                    self.conversation.printer.warning(&format!("--jq: {error}"));
                }
                Some(Vec::new())
            }
            None => None,
        };
        let passes = is_from_there && outputs.as_ref().is_none_or(|it| !it.is_empty());
        let found = self
            .awaited
            .iter()
            .position(|it| passes && it.is_met_by(&message));
        let record = self.conversation.received(message);
        let Some(found) = found else {
            return Ok(self.conversation.printer.traffic(&record, None)?);
        };
        let awaited = &mut self.awaited[found];
        awaited.n_left -= 1;
        let round_trip = words::duration(awaited.sent.elapsed());
        if awaited.n_left == 0 {
            self.awaited.remove(found);
        }
        self.count.n_returned += 1;
        match outputs {
            Some(outputs) => {
                self.conversation.printer.traffic(&record, None)?;
                self.conversation.printer.filtered(&outputs)?;
            }
            None => self.conversation.printer.delivery(&record)?,
        }
        let came = match goal {
            Goal::Return => "came back",
            Goal::Answers(_) => "answered",
        };
        let channel = record.message.channel();
        self.conversation
            .printer
            .note(&format!("{came} on {channel}, round trip {round_trip}"));
        Ok(())
    }

    /// Whether an answer shows that the message arrived, acknowledged or not.
    fn is_answered(&self) -> bool {
        let goal = self.task.expected.as_ref().map(|it| it.goal);
        matches!(goal, Some(Goal::Answers(_))) && self.count.n_returned > 0
    }

    fn needs_subscription(&self) -> bool {
        let expected = self.task.expected.as_ref();
        expected.is_some_and(Expected::needs_subscription)
    }

    fn too_late(&self, timeout: Duration) -> Stop {
        match &self.task.expected {
            Some(expected) if self.is_ready && self.unanswered.is_empty() => {
                self.nothing_came(expected, timeout)
            }
            Some(_) | None => too_late(timeout, &self.conversation),
        }
    }

    /// The message was acknowledged, and what has to come did not.
    fn nothing_came(&self, expected: &Expected, timeout: Duration) -> Stop {
        let Expected { pattern, goal } = expected;
        let timeout = words::duration(timeout);
        let Count {
            n_published,
            n_received,
            n_returned,
            ..
        } = self.count;
        let stop = |error: String| Stop::new(Exit::Timeout, error);
        let hint = match goal {
            Goal::Return => "it was acknowledged; does the server deliver to the publisher itself?",
            Goal::Answers(_) if self.task.filter.is_some() && n_received > 0 => {
                "drop --jq to see what arrives"
            }
            Goal::Answers(_) if n_returned > 0 => "-v shows what else the server sends",
            Goal::Answers(_) if expected.needs_subscription() => {
                "the message was acknowledged: does somebody answer it there? see --reply"
            }
            Goal::Answers(_) => {
                "every server acknowledges a publish to a service channel that nobody handles"
            }
        };
        match goal {
            Goal::Return => stop(format!(
                "the message did not come back on {pattern} within {timeout} ({n_returned} of {n_published})"
            )),
            Goal::Answers(_) if self.task.filter.is_some() => stop(format!(
                "no answer matching --jq within {timeout} on {pattern} ({n_received} received, {n_returned} matched)"
            )),
            Goal::Answers(1) => stop(format!("no answer on {pattern} within {timeout}")),
            Goal::Answers(count) => stop(format!(
                "{n_returned} of {count} answers on {pattern} within {timeout}"
            )),
        }
        .hint(hint)
    }

    fn finish(mut self, outcome: Result<(), Stop>) -> Result<(), Stop> {
        self.conversation.printer.end_progress();
        let n_open = self.unanswered.len() as u64;
        if n_open > 0 && !self.is_answered() {
            let messages = words::count(n_open, "message");
            let text = format!("{messages} without acknowledgement may have been delivered");
            self.conversation.printer.warning(&text);
        }
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
        // A lone message that was refused has its error to tell of it, and one that was
        // answered its answer.
        let wants_answers = matches!(&self.task.expected, Some(it) if it.goal != Goal::Return);
        if (n_published > 1 || n_acknowledged > 0) && !wants_answers {
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

/// When the next message is due: on a schedule that does not drift, and without catching up
/// on what was missed while there was nothing to publish.
fn next_at(scheduled: Option<Instant>, sent: Instant, rate: f64) -> Instant {
    let period = Duration::try_from_secs_f64(1.0 / rate).unwrap_or(LONGEST_PERIOD);
    let period = period.min(LONGEST_PERIOD);
    let is_on_time = |it: &Instant| sent.saturating_duration_since(*it) < period;
    scheduled.filter(is_on_time).unwrap_or(sent) + period
}
