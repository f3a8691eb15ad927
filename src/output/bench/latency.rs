//! Latencies: a table of percentiles, and bars.

use std::time::Duration;

use bayeux::bench::report::figures::{self, TimeUnit};
use bayeux::bench::{Distribution, Latencies, PERCENTILES};

use super::super::paint::Role;
use super::lines::Lines;

/// Columns of a percentile.
const COLUMN: usize = 8;
/// The most bars.
const MOST_BARS: usize = 12;
/// Columns of the longest bar.
const LONGEST_BAR: usize = 40;
/// What stands beside a bar: its limits, its count, and blanks.
const BESIDE_BARS: usize = 40;

/// A row for deliveries, twice, and one for acknowledgements.
pub(super) fn table(lines: &mut Lines<'_>, latency: &Latencies) {
    let head = lines.labelled("latency");
    if latency.delivery.is_empty() && latency.publish.is_empty() {
        return lines.push(head.plain("nothing was delivered"));
    }
    lines.push(head.plain("publish -> delivery, from the intended send time"));
    let mut line = lines.bare();
    let names = PERCENTILES.map(|(_, percent)| format!("p{percent}"));
    let names = names.iter().map(String::as_str).chain(["max", "mean"]);
    for (n, name) in names.enumerate() {
        line = line.right((n + 1) * COLUMN, Role::Dim, name);
    }
    lines.push(line);
    let unit = unit(match latency.delivery.is_empty() {
        true => &latency.publish,
        false => &latency.delivery,
    });
    for (distribution, meaning) in [
        (&latency.delivery, ""),
        (&latency.delivery_from_send, "from the actual send"),
        (&latency.publish, "publish -> ack"),
    ] {
        if distribution.is_empty() {
            continue;
        }
        let times = PERCENTILES.map(|(_, percent)| distribution.percentile(percent));
        let times = times
            .into_iter()
            .chain([distribution.max(), distribution.mean()]);
        let mut line = lines.bare();
        for (n, time) in times.enumerate() {
            let number = time.map(|it| figures::number(unit.from_micros(micros(it))));
            let number = number.as_deref().unwrap_or("-");
            line = line.plain(" ").right((n + 1) * COLUMN, Role::Plain, number);
        }
        line = line.plain("  ").plain(unit.sign()).plain("   ");
        lines.push(line.push(Role::Dim, meaning));
    }
}

/// The unit of a table: milliseconds unless all of it is much shorter or longer.
fn unit(distribution: &Distribution) -> TimeUnit {
    let (max, mean) = (distribution.max(), distribution.mean());
    match (max.map_or(0.0, micros), mean.map_or(0.0, micros)) {
        (max, _) if max < 1e3 => TimeUnit::Micros,
        (_, mean) if mean >= 1e6 => TimeUnit::Seconds,
        _ => TimeUnit::Millis,
    }
}

/// How many deliveries took how long.
pub(super) fn bars(lines: &mut Lines<'_>, distribution: &Distribution) {
    let bins = bins(distribution);
    let Some(highest) = bins.iter().map(|it| it.count).max() else {
        return;
    };
    lines.gap();
    let room = lines.surface.width.saturating_sub(BESIDE_BARS);
    let room = room.clamp(8, LONGEST_BAR);
    for Bin { low, high, count } in bins {
        // At least one, where there is one.
        let length = (count as u128 * room as u128).div_ceil(u128::from(highest.max(1)));
        let unit = TimeUnit::of(high - 1.0);
        let number = |it| figures::exact_number(unit.from_micros(it));
        let limits = format!("{} - {} {}", number(low), number(high), unit.sign());
        let line = lines
            .bare()
            .right(16, Role::Dim, &limits)
            .plain("  ")
            .push(Role::Key, &"#".repeat(length as usize))
            .right(18 + room + 15, Role::Plain, &figures::count(count));
        lines.push(line);
    }
}

/// Deliveries that took from `low` to below `high` microseconds.
#[derive(Debug, PartialEq)]
struct Bin {
    low: f64,
    high: f64,
    count: u64,
}

/// Limits that grow by 2 or 2.5; neighbours of the longest are put together where there would be
/// too many.
fn bins(distribution: &Distribution) -> Vec<Bin> {
    let mut bins: Vec<Bin> = Vec::new();
    let histogram = distribution.histogram();
    for step in histogram.iter_recorded() {
        let micros = histogram.lowest_equivalent(step.value_iterated_to()) as f64;
        let count = step.count_since_last_iteration();
        while bins.last().is_none_or(|it| micros >= it.high) {
            let (low, high) = match bins.last() {
                None => limits_around(micros),
                Some(last) => (last.high, limits_around(last.high).1),
            };
            bins.push(Bin {
                low,
                high,
                count: 0,
            });
        }
        if let Some(last) = bins.last_mut() {
            last.count += count;
        }
    }
    if bins.len() > MOST_BARS {
        let tail = bins.split_off(MOST_BARS);
        if let (Some(last), Some(end)) = (bins.last_mut(), tail.last()) {
            last.high = end.high;
            last.count += tail.iter().map(|it| it.count).sum::<u64>();
        }
    }
    bins
}

/// The limits of 1, 2, 5, 10 ... around a time.
fn limits_around(micros: f64) -> (f64, f64) {
    if micros < 100.0 {
        return (0.0, 100.0);
    }
    let mut size = 100.0;
    loop {
        for (low, high) in [(1.0, 2.0), (2.0, 5.0), (5.0, 10.0)] {
            if micros < high * size {
                return (low * size, high * size);
            }
        }
        size *= 10.0;
    }
}

fn micros(time: Duration) -> f64 {
    time.as_nanos() as f64 / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    fn distribution(micros: &[u64]) -> Distribution {
        let mut distribution = Distribution::default();
        let times = micros.iter().map(|it| Duration::from_micros(*it));
        times.for_each(|it| distribution.record(it));
        distribution
    }

    #[test]
    fn every_sample_is_in_one_bar() {
        let micros: Vec<u64> = (0..40).map(|n| 3_u64.pow(n)).collect();
        let bins = bins(&distribution(&micros));
        assert_eq!(bins.len(), MOST_BARS);
        assert_eq!(bins.iter().map(|it| it.count).sum::<u64>(), 40);
        assert!(bins.windows(2).all(|it| it[0].high == it[1].low));
    }

    #[test]
    fn a_limit_belongs_to_the_longer_bar() {
        let bins = bins(&distribution(&[999, 1000]));
        let shown: Vec<_> = bins.iter().map(|it| (it.low, it.high, it.count)).collect();
        assert_eq!(shown, [(500.0, 1000.0, 1), (1000.0, 2000.0, 1)]);
    }

    #[test]
    fn no_sample_is_no_bar() {
        assert_eq!(bins(&Distribution::default()), []);
    }
}
