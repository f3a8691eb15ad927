//! The charts of a run: percentiles, and the seconds one after the other.

use super::super::{Distribution, Interval, Run};
use super::axis::Axis;
use super::chart::{Chart, Hint, Line, Shade};
use super::figures;

/// More points than this cannot be told apart, and make the page heavy.
const MOST: usize = 300;
/// Steps in each half of the distance to 100 %.
const TICKS: u32 = 8;

/// The seconds of a run, or several at a time where there are many.
pub(super) struct Series {
    rows: Vec<Row>,
    /// When the measured time ends.
    end: f64,
    /// Whether there are seconds after it.
    has_drain: bool,
}

/// Some seconds.
pub(super) struct Row {
    pub(super) start_s: f64,
    pub(super) seconds: f64,
    /// The sum of what was in them.
    pub(super) interval: Interval<Distribution>,
}

impl Row {
    fn end(&self) -> f64 {
        self.start_s + self.seconds
    }

    fn middle(&self) -> f64 {
        self.start_s + self.seconds / 2.0
    }

    /// So many in these seconds, as a rate.
    pub(super) fn a_second(&self, n: u64) -> f64 {
        n as f64 / self.seconds
    }
}

impl Series {
    pub(super) fn of(run: &Run) -> Self {
        let n_together = run.intervals.len().div_ceil(MOST).max(1);
        let rows = run.intervals.chunks(n_together).map(|chunk| {
            let mut interval = Interval::<Distribution>::default();
            chunk.iter().for_each(|it| interval.add(&it.unpack()));
            Row {
                start_s: chunk[0].start_s,
                seconds: chunk.len() as f64,
                interval,
            }
        });
        let rows: Vec<_> = rows.collect();
        let end = run.client.seconds;
        let has_drain = rows.last().is_some_and(|it| it.start_s >= end && end > 0.0);
        Self {
            rows,
            end,
            has_drain,
        }
    }

    pub(super) fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// Latency over time.
    pub(super) fn latency(&self) -> Chart {
        let line = |name, of: fn(&Distribution) -> Option<f64>| Line {
            name,
            points: self
                .rows
                .iter()
                .map(|row| Some((row.middle(), of(&row.interval.delivery)?)))
                .collect(),
        };
        let lines = vec![
            line("median", |it| micros(it.percentile(50.0))),
            line("99 %", |it| micros(it.percentile(99.0))),
            line("highest", |it| micros(it.max())),
        ];
        let values = || {
            lines
                .iter()
                .flat_map(|it| &it.points)
                .flatten()
                .map(|(_, y)| *y)
        };
        let (min, max) = (
            values().fold(f64::MAX, f64::min),
            values().fold(0.0, f64::max),
        );
        let description = match max > 0.0 {
            true => format!(
                "From the intended time to the delivery, second by second; the longest took {}.",
                figures::time(max)
            ),
            false => "No message was delivered.".to_owned(),
        };
        self.chart(
            "latency",
            "Latency over time",
            description,
            Axis::latency(min.min(max), max),
            lines,
        )
    }

    /// Messages published over time.
    pub(super) fn published(&self) -> Chart {
        self.rate(
            "published",
            "Published over time",
            "messages a second",
            |it| it.published,
        )
    }

    /// Deliveries over time.
    pub(super) fn delivered(&self) -> Chart {
        self.rate(
            "delivered",
            "Delivered over time",
            "deliveries a second",
            |it| it.delivered,
        )
    }

    fn rate(
        &self,
        id: &'static str,
        title: &'static str,
        label: &'static str,
        of: fn(&Interval<Distribution>) -> u64,
    ) -> Chart {
        let points: Vec<_> = self
            .rows
            .iter()
            .map(|row| Some((row.middle(), row.a_second(of(&row.interval)))))
            .collect();
        let max = points.iter().flatten().map(|(_, y)| *y).fold(0.0, f64::max);
        let description = format!(
            "In {label}, second by second; at the most {}.",
            figures::rate(max)
        );
        let lines = vec![Line {
            name: label,
            points,
        }];
        self.chart(id, title, description, Axis::rate(max, label), lines)
    }

    fn chart(
        &self,
        id: &'static str,
        title: &'static str,
        description: String,
        y: Axis,
        lines: Vec<Line>,
    ) -> Chart {
        let first = self.rows.first().map_or(0.0, |it| it.start_s);
        let last = self.rows.last().map_or(1.0, Row::end);
        let hints = self.rows.iter().map(|row| Hint {
            from: row.start_s,
            to: row.end(),
            text: row.hint(),
        });
        Chart {
            id,
            title,
            description,
            x: Axis::time(first, last),
            y,
            lines,
            shade: self.has_drain.then_some(Shade {
                from: self.end,
                text: "after the measured time: missing deliveries are waited for",
            }),
            hints: hints.collect(),
        }
    }
}

impl Row {
    fn hint(&self) -> String {
        let Interval {
            published,
            delivered,
            errors,
            delivery,
            ..
        } = &self.interval;
        let time = |it| micros(it).map_or("-".to_owned(), figures::time);
        format!(
            "{:.0} s: {} published, {} delivered, {} errors, median {}, 99 % {}, highest {}",
            self.start_s,
            figures::count(*published),
            figures::count(*delivered),
            figures::count(*errors),
            time(delivery.percentile(50.0)),
            time(delivery.percentile(99.0)),
            time(delivery.max())
        )
    }
}

/// The percentile curve.
pub(super) fn percentiles(run: &Run) -> Chart {
    let latency = &run.latency;
    let distributions = [
        ("delivery", &latency.delivery),
        ("delivery, from the send", &latency.delivery_from_send),
        ("acknowledgement", &latency.publish),
    ];
    let n_samples = distributions.iter().map(|(_, it)| it.count()).max();
    let n_samples = n_samples.unwrap_or(0);
    let present = distributions.iter().filter(|(_, it)| !it.is_empty());
    let lines = present.clone().map(|(name, it)| Line {
        name,
        points: curve(it),
    });
    let max = present.clone().filter_map(|(_, it)| micros(it.max()));
    let max = max.fold(0.0, f64::max);
    let medians = present.map(|(_, it)| it.histogram().value_at_percentile(50.0) as f64);
    let median = medians.fold(f64::MAX, f64::min).min(max);
    let n_deliveries = latency.delivery.count();
    let description = match latency
        .delivery
        .percentile(50.0)
        .and(micros(latency.delivery.max()))
    {
        Some(max) => format!(
            "Half of {} deliveries within {}, all within {}.",
            figures::count(n_deliveries),
            figures::time(latency.delivery.histogram().value_at_percentile(50.0) as f64),
            figures::time(max)
        ),
        None => format!("{} deliveries.", figures::count(n_deliveries)),
    };
    Chart {
        id: "percentiles",
        title: "Latency by percentile",
        description,
        x: Axis::percentiles(n_samples),
        y: Axis::latency(median, max),
        lines: lines.collect(),
        shade: (n_samples > 0).then_some(Shade {
            from: n_samples as f64 / 10.0,
            text: "fewer than 10 samples lie beyond: chance",
        }),
        hints: Vec::new(),
    }
}

/// The points of a distribution: values by 1 / (1 - quantile), which ends with the last sample.
fn curve(distribution: &Distribution) -> Vec<Option<(f64, f64)>> {
    let n_samples = distribution.count() as f64;
    let histogram = distribution.histogram();
    let steps = histogram.iter_quantiles(TICKS).map(|step| {
        let beyond = 1.0 / (1.0 - step.quantile_iterated_to()).max(1.0 / n_samples);
        (beyond, step.value_iterated_to() as f64)
    });
    // Many steps end with the last sample; one is enough.
    let mut points: Vec<(f64, f64)> = Vec::new();
    for point in steps {
        match points.last_mut() {
            Some(last) if last.0 >= point.0 => last.1 = last.1.max(point.1),
            Some(_) | None => points.push(point),
        }
    }
    points.into_iter().map(Some).collect()
}

fn micros(time: Option<std::time::Duration>) -> Option<f64> {
    time.map(|it| it.as_nanos() as f64 / 1e3)
}
