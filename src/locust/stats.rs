//! What a run measured, as a master adds it up: an entry for each kind of request, with every
//! time to three digits, and what failed.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::bench::{Distribution, ErrorCount, Request, Run};

/// How many users of each class a worker has.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct UserCounts {
    /// By class.
    pub user_classes_count: BTreeMap<String, u64>,
    /// In all.
    pub user_count: u64,
}

/// What a worker has measured since it last said so.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    stats: Vec<Entry>,
    stats_total: Entry,
    /// By a key that is the same on each worker.
    errors: BTreeMap<String, Failures>,
    user_classes_count: BTreeMap<String, u64>,
    user_count: u64,
}

/// The requests of one kind, or all of them.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
struct Entry {
    method: &'static str,
    name: String,
    /// Seconds since 1970, as every time here.
    start_time: f64,
    last_request_timestamp: Option<f64>,
    num_requests: u64,
    /// Those of them that have no time.
    num_none_requests: u64,
    num_failures: u64,
    /// Milliseconds, as the next two.
    total_response_time: f64,
    min_response_time: Option<f64>,
    max_response_time: f64,
    total_content_length: u64,
    response_times: BTreeMap<Micros, u64>,
    num_reqs_per_sec: BTreeMap<u64, u64>,
    num_fail_per_sec: BTreeMap<u64, u64>,
}

/// How often something failed in one way.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
struct Failures {
    method: &'static str,
    name: String,
    error: String,
    occurrences: u64,
    first_seen: f64,
    last_seen: f64,
}

/// Microseconds, which are told as milliseconds: a whole number if they are whole.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Micros(u64);

/// What has been measured since the last report.
#[derive(Debug)]
pub(super) struct Figures {
    since: f64,
    entries: BTreeMap<Request, Entry>,
    errors: BTreeMap<String, Failures>,
    /// The kinds of errors that have been told of the run.
    kinds: BTreeSet<(Request, String)>,
}

/// More different times than this are much for a master, which adds and sorts all of them in one
/// Python process, for each worker: about 4 ms of each 3 s.
const MANY_TIMES: usize = 4000;
/// Then a time has so many significant bits, which is within 0.2 %: 512 times for each doubling.
const ENOUGH_BITS: u32 = 10;
/// The kinds of errors that a run tells of each by its name.
const MOST_KINDS: usize = 100;

impl Report {
    /// The requests in it.
    pub fn n_requests(&self) -> u64 {
        self.stats_total.num_requests
    }
}

impl UserCounts {
    pub(super) fn new(user_classes_count: BTreeMap<String, u64>) -> Self {
        let counts = user_classes_count.values().copied();
        Self {
            user_count: counts.fold(0, u64::saturating_add),
            user_classes_count,
        }
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

impl Figures {
    /// Those of a run that begins at this time.
    pub(super) fn new(at: f64) -> Self {
        Self {
            since: at,
            entries: BTreeMap::new(),
            errors: BTreeMap::new(),
            kinds: BTreeSet::new(),
        }
    }

    /// Adds what was measured since the last time.
    pub(super) fn add(&mut self, run: &Run, at: f64) {
        let latency = &run.latency;
        let messages = &run.messages;
        for (request, times, size) in [
            (Request::Handshake, &latency.handshake, 0),
            (Request::Connect, &latency.connect, 0),
            (Request::Subscribe, &latency.subscribe, 0),
            (Request::Publish, &latency.publish, run.config.size),
            (Request::Deliver, &latency.delivery, run.config.size),
        ] {
            let mut failures = BTreeMap::new();
            for error in run.errors.iter().filter(|it| request_of(it) == request) {
                *failures.entry(error.kind.as_str()).or_default() += error.count;
            }
            match request {
                Request::Publish => {
                    let n_told: u64 = failures.values().sum();
                    let n_failed = messages.rejected + messages.unacknowledged;
                    failures.insert("no acknowledgement", n_failed.saturating_sub(n_told));
                    failures.insert("not sent in time", messages.unsent);
                }
                Request::Deliver => {
                    failures.insert("lost", messages.lost);
                }
                Request::Handshake | Request::Connect | Request::Subscribe => {}
            }
            failures.retain(|_, count| *count > 0);
            if times.is_empty() && failures.is_empty() {
                continue;
            }
            let name = channel(request, run);
            let entry = self.entries.entry(request).or_insert_with(|| Entry {
                method: self::name(request),
                name: name.clone(),
                start_time: self.since,
                ..Entry::default()
            });
            entry.add(times, failures.values().sum(), size, at);
            for (kind, count) in failures {
                self.fail(request, &name, kind, count, at);
            }
        }
    }

    /// Takes all of it.
    pub(super) fn take(&mut self, users: UserCounts, at: f64) -> Report {
        let mut total = Entry {
            name: "Aggregated".to_owned(),
            start_time: self.since,
            ..Entry::default()
        };
        let entries = std::mem::take(&mut self.entries).into_values();
        let mut entries: Vec<Entry> = entries.collect();
        for entry in &mut entries {
            entry.coarsen();
            total.extend(entry);
        }
        total.coarsen();
        self.since = at;
        Report {
            stats: entries,
            stats_total: total,
            errors: std::mem::take(&mut self.errors),
            user_classes_count: users.user_classes_count,
            user_count: users.user_count,
        }
    }

    fn fail(&mut self, request: Request, name: &str, kind: &str, count: u64, at: f64) {
        let known = (request, kind.to_owned());
        let is_one_more = self.kinds.len() >= MOST_KINDS && !self.kinds.contains(&known);
        let kind = if is_one_more { "other errors" } else { kind };
        if !is_one_more {
            self.kinds.insert(known);
        }
        let key = format!("{} {name} {kind}", self::name(request));
        let failures = self.errors.entry(key).or_insert_with(|| Failures {
            method: self::name(request),
            name: name.to_owned(),
            error: kind.to_owned(),
            occurrences: 0,
            first_seen: at,
            last_seen: at,
        });
        failures.occurrences += count;
        failures.last_seen = at;
    }
}

/// What Locust calls the method.
fn name(request: Request) -> &'static str {
    match request {
        Request::Handshake => "handshake",
        Request::Connect => "connect",
        Request::Subscribe => "subscribe",
        Request::Publish => "publish",
        Request::Deliver => "deliver",
    }
}

/// The channel that is shown; one for all where a run has many, since each is an entry.
fn channel(request: Request, run: &Run) -> String {
    match request {
        Request::Handshake => "/meta/handshake".to_owned(),
        Request::Connect => "/meta/connect".to_owned(),
        Request::Subscribe | Request::Publish | Request::Deliver => match run.config.channels {
            0 | 1 => run.config.channel.clone(),
            _ => format!("{}/*", run.config.channel),
        },
    }
}

/// The request in which something went wrong.
fn request_of(error: &ErrorCount) -> Request {
    error.request.unwrap_or(Request::Connect)
}

impl Entry {
    fn add(&mut self, times: &Distribution, n_failures: u64, size: u64, at: f64) {
        let n_times = times.count();
        let n_requests = n_times + n_failures;
        self.last_request_timestamp = Some(at);
        self.num_requests += n_requests;
        self.num_none_requests += n_failures;
        self.num_failures += n_failures;
        self.total_content_length += n_times * size;
        let second = at as u64;
        *self.num_reqs_per_sec.entry(second).or_default() += n_requests;
        if n_failures > 0 {
            *self.num_fail_per_sec.entry(second).or_default() += n_failures;
        }
        let millis = |it: Duration| it.as_nanos() as f64 / 1e6;
        if let (Some(min), Some(max)) = (times.min(), times.max()) {
            self.min_response_time = least(self.min_response_time, Some(millis(min)));
            self.max_response_time = self.max_response_time.max(millis(max));
        }
        let histogram = times.histogram();
        for time in histogram.iter_recorded() {
            let (value, count) = (time.value_iterated_to(), time.count_at_value());
            let micros = Micros(histogram.highest_equivalent(value));
            *self.response_times.entry(micros).or_default() += count;
            let middle = histogram.median_equivalent(value) as f64;
            self.total_response_time += middle * count as f64 / 1000.0;
        }
    }

    /// Adds another entry.
    fn extend(&mut self, other: &Self) {
        self.last_request_timestamp = match other.last_request_timestamp {
            Some(at) => Some(self.last_request_timestamp.map_or(at, |it| it.max(at))),
            None => self.last_request_timestamp,
        };
        self.num_requests += other.num_requests;
        self.num_none_requests += other.num_none_requests;
        self.num_failures += other.num_failures;
        self.total_response_time += other.total_response_time;
        self.min_response_time = least(self.min_response_time, other.min_response_time);
        self.max_response_time = self.max_response_time.max(other.max_response_time);
        self.total_content_length += other.total_content_length;
        merge(&mut self.response_times, &other.response_times);
        merge(&mut self.num_reqs_per_sec, &other.num_reqs_per_sec);
        merge(&mut self.num_fail_per_sec, &other.num_fail_per_sec);
    }

    /// Tells fewer times apart where there are many, each for the longest of those it stands for.
    fn coarsen(&mut self) {
        if self.response_times.len() <= MANY_TIMES {
            return;
        }
        for (Micros(time), count) in std::mem::take(&mut self.response_times) {
            let n_cleared = (u64::BITS - time.leading_zeros()).saturating_sub(ENOUGH_BITS);
            let micros = Micros(time | ((1 << n_cleared) - 1));
            *self.response_times.entry(micros).or_default() += count;
        }
    }
}

fn least(one: Option<f64>, other: Option<f64>) -> Option<f64> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

fn merge<K: Copy + Ord>(own: &mut BTreeMap<K, u64>, other: &BTreeMap<K, u64>) {
    for (&key, &count) in other {
        *own.entry(key).or_default() += count;
    }
}

impl Serialize for Micros {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 % 1000 {
            0 => serializer.serialize_u64(self.0 / 1000),
            _ => serializer.serialize_f64(self.0 as f64 / 1000.0),
        }
    }
}
