//! What one thread of a run measures, and hands over second by second.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::protocol::{Kind, Message, meta};

use super::distribution::Distribution;
use super::run::{
    ClientUse, ErrorCount, Interval, Latencies, Messages, Request, Run, Sessions, Slowest, Traffic,
};

/// More kinds of errors are no report: a server that gives every refusal words of its own.
const MOST_KINDS: usize = 100;
const OTHERS: &str = "other errors";

/// What one thread measured since it last handed something over.
#[derive(Debug)]
pub(super) struct Share {
    /// The second that the interval is.
    pub(super) second: u64,
    pub(super) interval: Interval<Distribution>,
    /// All but the latencies of the deliveries, which the interval has.
    pub(super) measured: Run,
}

/// What one thread measures.
#[derive(Debug)]
pub(super) struct Recorder {
    /// Since when the sessions are being opened.
    begun: Instant,
    /// Since when messages count, once that is known.
    measured_from: Option<Instant>,
    /// Until when they count for a rate, if that is known.
    measured_until: Option<Instant>,
    pub(super) sessions: Sessions,
    pub(super) messages: Messages,
    pub(super) traffic: Traffic,
    pub(super) latency: Latencies,
    pub(super) lag: Distribution,
    /// And when the first one of each kind happened.
    errors: HashMap<(Request, String), (ErrorCount, Instant)>,
    n_errors: u64,
    /// Of what was handed over.
    n_published: u64,
    n_delivered: u64,
    interval: Interval<Distribution>,
    /// Which second the interval is.
    second: u64,
}

/// A delivery that counts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Delivered {
    pub(super) client: usize,
    pub(super) publisher: u32,
    pub(super) sequence: u64,
    pub(super) latency: Duration,
    pub(super) latency_from_send: Duration,
}

impl Recorder {
    pub(super) fn new(begun: Instant) -> Self {
        Self {
            begun,
            measured_from: None,
            measured_until: None,
            sessions: Sessions::default(),
            messages: Messages::default(),
            traffic: Traffic::default(),
            latency: Latencies::default(),
            lag: Distribution::default(),
            errors: HashMap::new(),
            n_errors: 0,
            n_published: 0,
            n_delivered: 0,
            interval: Interval::default(),
            second: 0,
        }
    }

    /// From this time on messages count, and for so long, if that is known, for a rate as well.
    pub(super) fn measure(&mut self, from: Instant, time: Option<Duration>) {
        self.measured_from = Some(from);
        self.measured_until = time.and_then(|it| from.checked_add(it));
    }

    /// Counts something that went wrong.
    pub(super) fn error(
        &mut self,
        now: Instant,
        request: Request,
        kind: &str,
        sample: &dyn std::fmt::Display,
    ) {
        self.n_errors += 1;
        // What happens before is in no second of the measured time.
        if self.measured_from.is_some_and(|it| now >= it) {
            self.interval.errors += 1;
        }
        let mut key = (request, kind.to_owned());
        if self.errors.len() >= MOST_KINDS && !self.errors.contains_key(&key) {
            key = (request, OTHERS.to_owned());
        }
        let unknown = ErrorCount {
            kind: key.1.clone(),
            request: Some(request),
            ..ErrorCount::default()
        };
        let (error, at) = self.errors.entry(key).or_insert((unknown, now));
        if error.count == 0 {
            error.first = sample.to_string();
            *at = now;
        }
        error.count += 1;
    }

    /// Messages published so far.
    pub(super) fn n_published(&self) -> u64 {
        self.n_published + self.messages.published
    }

    /// Deliveries so far.
    pub(super) fn n_delivered(&self) -> u64 {
        self.n_delivered + self.messages.delivered
    }

    /// Errors so far.
    pub(super) fn n_errors(&self) -> u64 {
        self.n_errors
    }

    /// Counts a response or a frame, before the session takes it.
    pub(super) fn arrived(&mut self, messages: &[Message]) {
        let is_delivery = |it: &Message| it.kind() == Kind::Delivery;
        self.traffic.batches += u64::from(messages.iter().any(is_delivery));
        let is_connect = |it: &Message| it.is_reply_on(meta::CONNECT);
        self.traffic.connects += u64::from(messages.iter().any(is_connect));
    }

    /// Counts messages that were published.
    pub(super) fn published(&mut self, now: Instant, n_messages: u64) {
        self.messages.published += n_messages;
        if self.is_late(now) {
            self.messages.published_late += n_messages;
        }
        self.interval.published += n_messages;
    }

    /// Counts an acknowledgement.
    pub(super) fn acknowledged(&mut self, latency: Duration) {
        self.messages.acknowledged += 1;
        self.interval.acknowledged += 1;
        self.latency.publish.record(latency);
    }

    /// Counts a delivery.
    pub(super) fn delivered(&mut self, now: Instant, delivered: Delivered) {
        self.messages.delivered += 1;
        self.messages.delivered_late += u64::from(self.is_late(now));
        self.interval.delivered += 1;
        // The seconds have their sum in the end.
        self.interval.delivery.record(delivered.latency);
        self.latency
            .delivery_from_send
            .record(delivered.latency_from_send);
        let latency = u64::try_from(delivered.latency.as_micros()).unwrap_or(u64::MAX);
        if self
            .latency
            .slowest
            .as_ref()
            .is_none_or(|it| it.latency < latency)
        {
            self.latency.slowest = Some(Slowest {
                latency,
                publisher: u64::from(delivered.publisher),
                sequence: delivered.sequence,
                client: delivered.client as u64,
                at_s: seconds_from(self.measured_from.unwrap_or(self.begun), now),
            });
        }
    }

    /// Whether a second is over that is to be handed over before anything more is recorded.
    pub(super) fn is_second_over(&self, now: Instant) -> bool {
        self.second_at(now).is_some_and(|it| it > self.second)
    }

    /// Hands over what was measured, and begins again with nothing.
    pub(super) fn hand_over(&mut self, now: Instant) -> Share {
        let zero = self.measured_from.unwrap_or(self.begun);
        // The kinds remain known, so that there are never too many.
        let counted = self.errors.values_mut().filter(|(it, _)| it.count > 0);
        let errors = counted.map(|(error, at)| {
            let unknown = ErrorCount {
                kind: error.kind.clone(),
                request: error.request,
                ..ErrorCount::default()
            };
            ErrorCount {
                first_at_s: seconds_from(zero, *at),
                ..std::mem::replace(error, unknown)
            }
        });
        let mut errors: Vec<_> = errors.collect();
        errors.sort_by(|one, other| one.first_at_s.total_cmp(&other.first_at_s));
        (self.n_published, self.n_delivered) = (self.n_published(), self.n_delivered());
        let measured = Run {
            sessions: std::mem::take(&mut self.sessions),
            messages: std::mem::take(&mut self.messages),
            traffic: std::mem::take(&mut self.traffic),
            latency: std::mem::take(&mut self.latency),
            errors,
            client: ClientUse {
                lag: std::mem::take(&mut self.lag),
                ..ClientUse::default()
            },
            ..Run::default()
        };
        let second = self.second;
        let mut interval = std::mem::take(&mut self.interval);
        interval.start_s = second as f64;
        self.second = self.second_at(now).unwrap_or(second);
        Share {
            second,
            interval,
            measured,
        }
    }

    fn second_at(&self, now: Instant) -> Option<u64> {
        let from = self.measured_from?;
        Some(now.saturating_duration_since(from).as_secs())
    }

    /// Whether the measured time is over.
    fn is_late(&self, now: Instant) -> bool {
        self.measured_until.is_some_and(|it| now >= it)
    }
}

/// Negative where the time is before the other one.
fn seconds_from(zero: Instant, at: Instant) -> f64 {
    match at.checked_duration_since(zero) {
        Some(after) => after.as_secs_f64(),
        None => -(zero - at).as_secs_f64(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_before_the_measured_time_are_in_none_of_its_seconds() {
        let now = Instant::now();
        let second = Duration::from_secs(1);
        let mut recorder = Recorder::new(now);
        recorder.error(now, Request::Connect, "refused", &"while it opened");
        recorder.measure(now + second, None);
        recorder.error(now, Request::Connect, "refused", &"in the warm-up");
        recorder.error(
            now + second,
            Request::Connect,
            "refused",
            &"in the first second",
        );
        assert_eq!(recorder.hand_over(now + second).interval.errors, 1);
        assert_eq!(recorder.n_errors(), 3);
    }

    #[test]
    fn a_server_that_never_says_the_same_twice_does_not_fill_the_report() {
        let now = Instant::now();
        let mut recorder = Recorder::new(now);
        let mut run = Run::default();
        for nth in 0..10_000 {
            if nth == 5_000 {
                run.add(&recorder.hand_over(now).measured);
            }
            recorder.error(now, Request::Connect, &format!("refused: {nth}"), &nth);
        }
        run.add(&recorder.hand_over(now).measured);
        let errors = run.errors;
        assert_eq!(errors.len(), MOST_KINDS + 1);
        assert_eq!(errors.iter().map(|it| it.count).sum::<u64>(), 10_000);
        let others = errors.iter().find(|it| it.kind == OTHERS).unwrap();
        assert_eq!((others.count, others.first.as_str()), (9_900, "100"));
    }
}
