//! The values of the summary: their names, their units, and where each comes from.

use std::fmt;
use std::time::Duration;

use super::distribution::Distribution;
use super::report::figures;
use super::run::{Messages, Run};

/// A value of the summary.
pub struct Metric {
    /// Its name, in the JSON summary and in an expectation.
    pub name: &'static str,
    /// What it counts.
    pub unit: Unit,
    source: Source,
}

/// What a value counts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Unit {
    /// A time, in microseconds.
    Micros,
    /// Things.
    Count,
    /// Things a second.
    PerSecond,
    /// Percent.
    Percent,
    /// Memory, in MiB.
    MiB,
}

/// Where a value comes from.
enum Source {
    Percentile(fn(&Run) -> &Distribution, f64),
    Max(fn(&Run) -> &Distribution),
    Mean(fn(&Run) -> &Distribution),
    Message(fn(&Messages) -> u64),
    Other(fn(&Run) -> Option<f64>),
}

/// All of them, the latencies of deliveries first.
pub static METRICS: [Metric; 39] = {
    use Source::{Max, Mean, Message, Other, Percentile};
    use Unit::{Count, MiB, Micros, PerSecond, Percent};
    const fn metric(name: &'static str, unit: Unit, source: Source) -> Metric {
        Metric { name, unit, source }
    }
    [
        metric("p50", Micros, Percentile(delivery, 50.0)),
        metric("p90", Micros, Percentile(delivery, 90.0)),
        metric("p99", Micros, Percentile(delivery, 99.0)),
        metric("p999", Micros, Percentile(delivery, 99.9)),
        metric("p9999", Micros, Percentile(delivery, 99.99)),
        metric("max", Micros, Max(delivery)),
        metric("mean", Micros, Mean(delivery)),
        metric("from_send_p50", Micros, Percentile(from_send, 50.0)),
        metric("from_send_p99", Micros, Percentile(from_send, 99.0)),
        metric("publish_p50", Micros, Percentile(publish, 50.0)),
        metric("publish_p99", Micros, Percentile(publish, 99.0)),
        metric("publish_max", Micros, Max(publish)),
        metric("handshake_p50", Micros, Percentile(handshake, 50.0)),
        metric("handshake_p99", Micros, Percentile(handshake, 99.0)),
        metric("handshake_max", Micros, Max(handshake)),
        metric("subscribe_p99", Micros, Percentile(subscribe, 99.0)),
        metric("connect_p99", Micros, Percentile(connect, 99.0)),
        metric("published", Count, Message(|it| it.published)),
        metric("acknowledged", Count, Message(|it| it.acknowledged)),
        metric("rejected", Count, Message(|it| it.rejected)),
        metric("unacknowledged", Count, Message(|it| it.unacknowledged)),
        metric("unsent", Count, Message(|it| it.unsent)),
        metric("expected", Count, Message(|it| it.expected)),
        metric("delivered", Count, Message(|it| it.delivered)),
        metric("lost", Count, Message(|it| it.lost)),
        metric("duplicates", Count, Message(|it| it.duplicates)),
        metric("out_of_order", Count, Message(|it| it.out_of_order)),
        metric("foreign", Count, Message(|it| it.foreign)),
        metric("errors", Count, Other(|it| Some(it.n_errors() as f64))),
        metric("sessions", Count, Other(|it| Some(it.sessions.up as f64))),
        metric(
            "renewed",
            Count,
            Other(|it| Some(it.sessions.renewed as f64)),
        ),
        metric("ended", Count, Other(|it| Some(it.sessions.ended as f64))),
        metric(
            "publish_rate",
            PerSecond,
            Other(|it| it.a_second(it.messages.published_in_time())),
        ),
        metric(
            "delivery_rate",
            PerSecond,
            Other(|it| it.a_second(it.messages.delivered_in_time())),
        ),
        metric("cpu_percent", Percent, Other(Run::cpu_percent)),
        metric("cpu_per_delivery", Micros, Other(Run::cpu_per_delivery)),
        metric("lag_p99", Micros, Percentile(|it| &it.client.lag, 99.0)),
        metric("rss", MiB, Other(|it| Some(it.client.rss_mib))),
        metric("rss_peak", MiB, Other(|it| Some(it.client.rss_peak_mib))),
    ]
};

fn delivery(run: &Run) -> &Distribution {
    &run.latency.delivery
}

fn from_send(run: &Run) -> &Distribution {
    &run.latency.delivery_from_send
}

fn publish(run: &Run) -> &Distribution {
    &run.latency.publish
}

fn handshake(run: &Run) -> &Distribution {
    &run.latency.handshake
}

fn subscribe(run: &Run) -> &Distribution {
    &run.latency.subscribe
}

fn connect(run: &Run) -> &Distribution {
    &run.latency.connect
}

impl Metric {
    /// The one with this name.
    pub fn named(name: &str) -> Option<&'static Self> {
        METRICS.iter().find(|it| it.name == name)
    }

    /// The names that resemble one that there is not; all names where none does.
    pub fn near(name: &str) -> Vec<&'static str> {
        let name = name.to_lowercase().replace('-', "_");
        let all = METRICS.iter().map(|it| it.name);
        let within = |it: &&str| name.len() > 1 && (name.contains(it) || it.contains(&name));
        let begin_alike = |it: &&str| {
            let alike = it.chars().zip(name.chars()).take_while(|(a, b)| a == b);
            let n_alike = alike.count();
            n_alike >= 2 && 2 * n_alike >= it.len().min(name.len())
        };
        let near: Vec<_> = all
            .clone()
            .filter(|it| within(it) || begin_alike(it))
            .collect();
        let is_useful = !near.is_empty() && !name.is_empty();
        if is_useful { near } else { all.collect() }
    }

    /// Its value in a run, if it has one.
    pub fn value(&self, run: &Run) -> Option<f64> {
        let micros = |it: Duration| it.as_nanos() as f64 / 1e3;
        match &self.source {
            Source::Percentile(of, percent) => of(run).percentile(*percent).map(micros),
            Source::Max(of) => of(run).max().map(micros),
            Source::Mean(of) => of(run).mean().map(micros),
            Source::Message(of) => Some(of(&run.messages) as f64),
            Source::Other(of) => of(run),
        }
    }

    /// Why a run has no such value.
    pub fn absence(&self) -> &'static str {
        match &self.source {
            Source::Percentile(..) => "too few samples: fewer than 10 lie beyond it",
            Source::Max(_) | Source::Mean(_) => "there is no sample",
            Source::Message(_) | Source::Other(_) => "nothing was measured",
        }
    }

    /// A value of it in words: `4.87 ms`, `9 998.7/s`.
    pub fn show(&self, value: f64) -> String {
        match self.unit {
            Unit::Micros => figures::time(value),
            Unit::Count => figures::exact_number(value),
            Unit::PerSecond => figures::rate(value),
            Unit::Percent => format!("{} %", figures::number(value)),
            Unit::MiB => format!("{} MiB", figures::number(value)),
        }
    }

    /// A value of it with all its digits: `4.873 ms`.
    pub fn show_exactly(&self, value: f64) -> String {
        match self.unit {
            Unit::Micros => figures::exact_time(value),
            Unit::Count => figures::exact_number(value),
            Unit::PerSecond => format!("{}/s", figures::exact_number(value)),
            Unit::Percent => format!("{} %", figures::exact_number(value)),
            Unit::MiB => format!("{} MiB", figures::exact_number(value)),
        }
    }
}

impl PartialEq for Metric {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl fmt::Debug for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl Run {
    /// So many things, as a rate in the measured time.
    fn a_second(&self, n: u64) -> Option<f64> {
        let seconds = self.client.seconds;
        (seconds > 0.0).then(|| n as f64 / seconds)
    }

    /// Processor time, in percent of all processors in the measured time.
    fn cpu_percent(&self) -> Option<f64> {
        let available = self.client.seconds * self.client.cores.max(1) as f64;
        (available > 0.0).then(|| 100.0 * self.client.cpu_seconds / available)
    }

    /// Processor time for each delivery, in microseconds.
    fn cpu_per_delivery(&self) -> Option<f64> {
        let n_delivered = self.messages.delivered;
        (n_delivered > 0).then(|| 1e6 * self.client.cpu_seconds / n_delivered as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_resemble_a_wrong_one_are_found() {
        assert_eq!(Metric::near("p98"), ["p90", "p99", "p999", "p9999"]);
        assert_eq!(Metric::near("deliverd"), ["delivered", "delivery_rate"]);
        assert_eq!(Metric::near("publish-p99")[0], "p99");
        assert!(Metric::near("publish-p99").contains(&"publish_p99"));
        assert_eq!(Metric::near("x").len(), METRICS.len());
        assert_eq!(Metric::near("").len(), METRICS.len());
    }

    #[test]
    fn every_name_is_found_and_there_once() {
        for (n, metric) in METRICS.iter().enumerate() {
            let found = Metric::named(metric.name).unwrap();
            assert!(std::ptr::eq(found, &METRICS[n]), "{}", metric.name);
        }
    }

    #[test]
    fn an_empty_run_has_counts_and_no_times() {
        let summary = Run::default().summary();
        assert_eq!(summary["lost"], 0.0);
        for name in ["p50", "max", "mean", "publish_rate", "cpu_percent"] {
            assert_eq!(summary.get(name), None, "{name}");
        }
    }
}
