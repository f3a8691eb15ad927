//! The axes of the charts: which values are on them, where, and with which words.

use super::figures::{self, TimeUnit};

/// An axis. Positions on it go from 0 to 1.
#[derive(Clone, Debug)]
pub(super) struct Axis {
    pub(super) label: String,
    pub(super) ticks: Vec<Tick>,
    low: f64,
    high: f64,
    scale: Scale,
}

/// A value that is written beside the axis.
#[derive(Clone, Debug)]
pub(super) struct Tick {
    pub(super) at: f64,
    pub(super) text: String,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Scale {
    Linear,
    Logarithmic,
}

/// More than this, and the small values of a linear axis cannot be told apart.
const SPREAD: f64 = 50.0;
/// Steps of an axis of time, in seconds.
const SECONDS: [f64; 18] = [
    1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0,
    14_400.0, 28_800.0, 86_400.0, 604_800.0,
];

impl Axis {
    /// Latencies in microseconds: from 0, or logarithmic where most are far below the highest.
    pub(super) fn latency(typical: f64, max: f64) -> Self {
        let is_spread = typical > 0.0 && max / typical > SPREAD;
        if is_spread {
            let mut axis = Self::decades(typical.max(1.0), max, figures::exact_time);
            axis.label = "latency (logarithmic)".to_owned();
            return axis;
        }
        let mut axis = Self::from_zero(max, |_| String::new());
        let unit = TimeUnit::of(axis.high);
        for tick in &mut axis.ticks {
            let value = unit.from_micros(tick.at * axis.high);
            tick.text = match value {
                0.0 => "0".to_owned(),
                _ => format!("{} {}", figures::exact_number(value), unit.sign()),
            };
        }
        axis.label = "latency".to_owned();
        axis
    }

    /// Things a second, from 0.
    pub(super) fn rate(max: f64, label: &str) -> Self {
        let mut axis = Self::from_zero(max, short);
        axis.label = label.to_owned();
        axis
    }

    /// Seconds from the start of the measured time.
    pub(super) fn time(low: f64, high: f64) -> Self {
        let span = (high - low).max(1.0);
        let fits = |step: &&f64| span / **step <= 8.0;
        let step = SECONDS.iter().find(fits).copied().unwrap_or(span / 4.0);
        let first = (low / step).ceil();
        let values = (0..10).map(|n| (first + f64::from(n)) * step);
        let text = |it: f64| match step {
            step if step < 60.0 => format!("{it:.0} s"),
            step if step < 3600.0 => format!("{:.0} min", it / 60.0),
            _ => format!("{:.0} h", it / 3600.0),
        };
        let ticks = values.take_while(|it| *it <= low + span).map(|it| Tick {
            at: (it - low) / span,
            text: text(it),
        });
        Self {
            label: "from the start of the measured time".to_owned(),
            ticks: ticks.collect(),
            low,
            high: low + span,
            scale: Scale::Linear,
        }
    }

    /// Percentiles of so many samples: each step takes a tenth of what the one before left. A
    /// value on it is 1 / (1 - quantile).
    pub(super) fn percentiles(n_samples: u64) -> Self {
        let high = (n_samples as f64).max(10.0);
        let decades = high.log10();
        let mut ticks = vec![tick(0.0, "0 %"), tick(2_f64.log10() / decades, "50 %")];
        for n in (1..).take_while(|n| f64::from(*n) <= decades + 1e-9) {
            let digits = usize::try_from(n - 2).unwrap_or(0);
            let percent = 100.0 - 100.0 / 10_f64.powi(n);
            let text = format!("{percent:.digits$} %");
            ticks.push(tick(f64::from(n) / decades, &text));
        }
        Self {
            label: "percentile (logarithmic distance to 100 %)".to_owned(),
            ticks,
            low: 1.0,
            high,
            scale: Scale::Logarithmic,
        }
    }

    /// Where a value is.
    pub(super) fn position(&self, value: f64) -> f64 {
        let position = match self.scale {
            Scale::Linear => (value - self.low) / (self.high - self.low),
            Scale::Logarithmic => {
                let value = value.max(self.low);
                (value / self.low).log10() / (self.high / self.low).log10()
            }
        };
        // Where all values are the same there is no other place.
        let is_somewhere = position.is_finite();
        if is_somewhere {
            position.clamp(0.0, 1.0)
        } else {
            0.0
        }
    }

    fn from_zero(max: f64, text: impl Fn(f64) -> String) -> Self {
        let max = if max > 0.0 { max } else { 1.0 };
        let size = 10_f64.powf((max / 5.0).log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|it| it * size);
        let step = step.into_iter().find(|it| max / it <= 5.0);
        let step = step.unwrap_or(10.0 * size);
        let n_steps = (max / step - 1e-9).ceil().max(1.0);
        let ticks = (0..=n_steps as u32).map(|n| Tick {
            at: f64::from(n) / n_steps,
            text: text(f64::from(n) * step),
        });
        Self {
            label: String::new(),
            ticks: ticks.collect(),
            low: 0.0,
            high: n_steps * step,
            scale: Scale::Linear,
        }
    }

    fn decades(min: f64, max: f64, text: impl Fn(f64) -> String) -> Self {
        let (first, last) = (min.log10().floor() as i32, max.log10().ceil() as i32);
        let last = last.max(first + 1);
        let every = (last - first + 5) / 6;
        let ticks = (first..=last).step_by(every.max(1) as usize).map(|n| Tick {
            at: f64::from(n - first) / f64::from(last - first),
            text: text(10_f64.powi(n)),
        });
        Self {
            label: String::new(),
            ticks: ticks.collect(),
            low: 10_f64.powi(first),
            high: 10_f64.powi(last),
            scale: Scale::Logarithmic,
        }
    }
}

fn tick(at: f64, text: &str) -> Tick {
    let text = text.to_owned();
    Tick { at, text }
}

/// A number in few characters: `800`, `12 500`, `150k`, `3M`.
fn short(value: f64) -> String {
    match value {
        it if it < 100_000.0 => figures::exact_number(it),
        it if it < 1e6 => figures::exact_number(it / 1e3) + "k",
        it if it < 1e9 => figures::exact_number(it / 1e6) + "M",
        it => figures::exact_number(it / 1e9) + "G",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|it| it.text.as_str()).collect()
    }

    #[test]
    fn a_linear_axis_begins_at_zero_and_ends_above_the_highest() {
        let axis = Axis::rate(101_000.0, "deliveries/s");
        assert_eq!(texts(&axis), ["0", "50 000", "100k", "150k"]);
        assert_eq!(
            texts(&Axis::rate(0.0, "")),
            ["0", "0.2", "0.4", "0.6", "0.8", "1"]
        );
        assert_eq!(axis.position(75_000.0), 0.5);
        assert_eq!(axis.position(1e9), 1.0);
    }

    #[test]
    fn latencies_have_one_unit_and_no_more_digits_than_needed() {
        let axis = Axis::latency(800.0, 1_400.0);
        assert_eq!(texts(&axis), ["0", "0.5 ms", "1 ms", "1.5 ms"]);
        assert_eq!(texts(&Axis::latency(0.0, 0.0)).len(), 6);
    }

    #[test]
    fn latencies_far_apart_are_on_a_logarithmic_axis() {
        let axis = Axis::latency(90.0, 3_000_000.0);
        assert_eq!(
            texts(&axis),
            ["10 us", "100 us", "1 ms", "10 ms", "100 ms", "1 s", "10 s"]
        );
        assert!((axis.position(10_000.0) - 0.5).abs() < 1e-9);
        assert_eq!(axis.position(0.0), 0.0);
    }

    #[test]
    fn time_has_round_steps() {
        assert_eq!(texts(&Axis::time(0.0, 1.0)), ["0 s", "1 s"]);
        assert_eq!(texts(&Axis::time(0.0, 12.0)).last(), Some(&"12 s"));
        let hour = Axis::time(0.0, 3600.0);
        assert_eq!(texts(&hour)[..3], ["0 min", "10 min", "20 min"]);
        assert!(texts(&Axis::time(0.0, 1e9)).len() < 10);
    }

    #[test]
    fn percentiles_end_with_the_last_sample() {
        let axis = Axis::percentiles(10_000);
        assert_eq!(
            texts(&axis),
            ["0 %", "50 %", "90 %", "99 %", "99.9 %", "99.99 %"]
        );
        assert_eq!(texts(&Axis::percentiles(0)), ["0 %", "50 %", "90 %"]);
        assert_eq!(axis.position(100.0), 0.5);
    }
}
