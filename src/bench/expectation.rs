//! What a run is expected to achieve: `p99=25ms` at the most, `delivery_rate=10k` at the least.
//! An expectation is held against the very values that are printed.

use std::fmt;

use serde::ser::SerializeStruct;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::metric::{Metric, Unit};
use super::run::Run;

/// On which side of the limit a value has to be.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// At the most.
    Max,
    /// At the least.
    Min,
}

/// What one value of the summary is expected to be.
#[derive(Clone, Debug, PartialEq)]
pub struct Expectation {
    metric: &'static Metric,
    bound: Bound,
    limit: f64,
}

/// What became of an expectation.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// What was expected.
    pub expectation: Expectation,
    /// What it was; nothing where too few samples allow no such value.
    pub value: Option<f64>,
    /// Whether it is within the limit. What there is not is not.
    pub is_met: bool,
}

/// A text that is no expectation.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ExpectationError {
    /// There is no `=`.
    #[error("an expectation is METRIC=VALUE: p99=25ms, lost=0, delivery_rate=10k")]
    NoLimit,
    /// There is no such metric.
    #[error("there is no metric {name}: {}", near.join(", "))]
    UnknownMetric {
        /// What was written.
        name: String,
        /// Names that resemble it.
        near: Vec<&'static str>,
    },
    /// A latency is no duration.
    #[error("{0} is a time and needs a unit: {0}=25ms, {0}=500us, {0}=1.5s")]
    NoDuration(&'static str),
    /// Something else is no number.
    #[error("{0} is a number: {0}=100, {0}=10k, {0}=0.5")]
    NoNumber(&'static str),
}

impl Expectation {
    /// At the most: `p99=25ms`.
    ///
    /// # Errors
    /// When the text is no expectation.
    pub fn max(text: &str) -> Result<Self, ExpectationError> {
        Self::parse(Bound::Max, text)
    }

    /// At the least: `delivery_rate=10k`.
    ///
    /// # Errors
    /// When the text is no expectation.
    pub fn min(text: &str) -> Result<Self, ExpectationError> {
        Self::parse(Bound::Min, text)
    }

    fn parse(bound: Bound, text: &str) -> Result<Self, ExpectationError> {
        let (name, limit) = text.split_once('=').ok_or(ExpectationError::NoLimit)?;
        let (name, limit) = (name.trim(), limit.trim());
        let Some(metric) = Metric::named(name) else {
            return Err(ExpectationError::UnknownMetric {
                name: name.to_owned(),
                near: Metric::near(name),
            });
        };
        let limit = match metric.unit {
            Unit::Micros => micros(limit).ok_or(ExpectationError::NoDuration(metric.name)),
            unit @ (Unit::Count | Unit::PerSecond | Unit::Percent | Unit::MiB) => {
                number(limit, unit).ok_or(ExpectationError::NoNumber(metric.name))
            }
        }?;
        Ok(Self {
            metric,
            bound,
            limit,
        })
    }

    /// Holds it against a run.
    pub fn check(&self, run: &Run) -> Outcome {
        let value = self.metric.value(run);
        let is_within = |it: f64| match self.bound {
            Bound::Max => it <= self.limit,
            Bound::Min => it >= self.limit,
        };
        Outcome {
            expectation: self.clone(),
            value,
            is_met: value.is_some_and(is_within),
        }
    }

    /// The value that it is about.
    pub fn metric(&self) -> &'static Metric {
        self.metric
    }

    /// On which side of the limit the value has to be.
    pub fn bound(&self) -> Bound {
        self.bound
    }

    /// The limit, in the metric's unit.
    pub fn limit(&self) -> f64 {
        self.limit
    }
}

impl Outcome {
    /// The value in words, or why there is none. It has all its digits where three would look
    /// like the limit.
    pub fn shown_value(&self) -> String {
        let Expectation { metric, limit, .. } = self.expectation;
        match self.value {
            None => metric.absence().to_owned(),
            Some(value) if value != limit && (value - limit).abs() < limit / 100.0 => {
                metric.show_exactly(value)
            }
            Some(value) => metric.show(value),
        }
    }

    /// The limit in words.
    pub fn shown_limit(&self) -> String {
        self.expectation.metric.show_exactly(self.expectation.limit)
    }

    /// How value and limit compare: `<=`, or the contrary where that is so.
    pub fn relation(&self) -> &'static str {
        match (self.expectation.bound, self.is_met || self.value.is_none()) {
            (Bound::Max, true) => "<=",
            (Bound::Max, false) => ">",
            (Bound::Min, true) => ">=",
            (Bound::Min, false) => "<",
        }
    }
}

/// `p99 <= 25 ms`.
impl fmt::Display for Expectation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let relation = match self.bound {
            Bound::Max => "<=",
            Bound::Min => ">=",
        };
        let limit = self.metric.show_exactly(self.limit);
        write!(f, "{} {relation} {limit}", self.metric.name)
    }
}

impl Serialize for Outcome {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut form = serializer.serialize_struct("Outcome", 5)?;
        form.serialize_field("metric", self.expectation.metric.name)?;
        form.serialize_field("bound", &self.expectation.bound)?;
        form.serialize_field("limit", &self.expectation.limit)?;
        form.serialize_field("value", &self.value)?;
        form.serialize_field("is_met", &self.is_met)?;
        form.end()
    }
}

/// Out of what an [`Outcome`] is written as.
impl<'de> Deserialize<'de> for Expectation {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Form {
            metric: String,
            bound: Bound,
            limit: f64,
        }
        let Form {
            metric: name,
            bound,
            limit,
        } = Form::deserialize(deserializer)?;
        let Some(metric) = Metric::named(&name) else {
            return Err(serde::de::Error::custom(format!(
                "there is no metric {name}"
            )));
        };
        Ok(Self {
            metric,
            bound,
            limit,
        })
    }
}

/// `25ms`, `4.5ms`, `1m 30s`.
fn micros(text: &str) -> Option<f64> {
    const UNITS: [(&str, f64); 7] = [
        ("ns", 1e-3),
        ("us", 1.0),
        ("µs", 1.0),
        ("ms", 1e3),
        ("s", 1e6),
        ("m", 60e6),
        ("h", 3600e6),
    ];
    let simple = UNITS
        .iter()
        .find_map(|(unit, factor)| Some(plain(text.strip_suffix(unit)?.trim_end())? * factor));
    simple.or_else(|| {
        let duration = humantime::parse_duration(text).ok()?;
        let has_unit = text.contains(char::is_alphabetic);
        has_unit.then(|| duration.as_nanos() as f64 / 1e3)
    })
}

/// `100`, `10k`, `1.5M`, and with what belongs to the unit: `10k/s`, `0.5%`.
fn number(text: &str, unit: Unit) -> Option<f64> {
    let sign = match unit {
        Unit::PerSecond => "/s",
        Unit::Percent => "%",
        Unit::MiB => "MiB",
        Unit::Count | Unit::Micros => "",
    };
    let text = text.strip_suffix(sign).unwrap_or(text).trim_end();
    [("k", 1e3), ("M", 1e6), ("", 1.0)]
        .iter()
        .find_map(|(suffix, factor)| Some(plain(text.strip_suffix(suffix)?)? * factor))
}

/// Digits, with a fraction or without.
fn plain(text: &str) -> Option<f64> {
    let is_plain = text.bytes().all(|it| it.is_ascii_digit() || it == b'.');
    text.parse().ok().filter(|_| is_plain)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn limits_have_the_unit_of_their_metric() {
        let limit = |text| Expectation::max(text).unwrap().limit();
        assert_eq!(limit("p99=25ms"), 25_000.0);
        assert_eq!(limit("p99=4.5ms"), 4_500.0);
        assert_eq!(limit("p9999=500us"), 500.0);
        assert_eq!(limit("max=1m 30s"), 90e6);
        assert_eq!(limit("delivery_rate=10k"), 10_000.0);
        assert_eq!(limit("delivery_rate=1.5k/s"), 1_500.0);
        assert_eq!(limit("lost=0"), 0.0);
        assert_eq!(limit("cpu_percent=62.5%"), 62.5);
        assert_eq!(limit("rss_peak = 40 MiB"), 40.0);
    }

    #[test]
    fn what_is_no_expectation_is_told_with_what_would_be_one() {
        let error = |text| Expectation::max(text).unwrap_err().to_string();
        assert_eq!(
            error("p99"),
            "an expectation is METRIC=VALUE: p99=25ms, lost=0, delivery_rate=10k"
        );
        assert_eq!(
            error("p98=1ms"),
            "there is no metric p98: p90, p99, p999, p9999"
        );
        assert_eq!(
            error("p99=25"),
            "p99 is a time and needs a unit: p99=25ms, p99=500us, p99=1.5s"
        );
        for text in ["p99=", "p99=0", "p99=-1ms", "p99=ms", "p99=infs"] {
            assert!(error(text).contains("needs a unit"), "{text}");
        }
        for text in ["lost=", "lost=x", "lost=nan", "lost=-1", "lost=10ms"] {
            assert_eq!(
                error(text),
                "lost is a number: lost=100, lost=10k, lost=0.5",
                "{text}"
            );
        }
    }

    fn run(n_samples: u32) -> Run {
        let mut run = Run::default();
        for _ in 0..n_samples {
            run.latency.delivery.record(Duration::from_millis(10));
        }
        run.messages.lost = 3;
        run
    }

    #[test]
    fn a_limit_itself_is_within_it() {
        let run = run(1000);
        let p99 = run.summary()["p99"];
        for (expectation, is_met) in [
            (Expectation::max("lost=3"), true),
            (Expectation::max("lost=2"), false),
            (Expectation::min("lost=3"), true),
            (Expectation::min("lost=4"), false),
            (Expectation::max(&format!("p99={p99}us")), true),
            (Expectation::max("p99=10ms"), p99 <= 10_000.0),
        ] {
            let expectation = expectation.unwrap();
            assert_eq!(expectation.check(&run).is_met, is_met, "{expectation}");
        }
    }

    #[test]
    fn a_value_that_there_is_not_fails() {
        let outcome = Expectation::max("p99=1h").unwrap().check(&run(999));
        assert_eq!((outcome.value, outcome.is_met), (None, false));
        assert_eq!(
            outcome.shown_value(),
            "too few samples: fewer than 10 lie beyond it"
        );
    }

    #[test]
    fn a_value_just_beyond_does_not_look_like_the_limit() {
        let outcome = Expectation::max("p99=10.001ms").unwrap().check(&run(1000));
        assert!(!outcome.is_met);
        assert_eq!(outcome.shown_limit(), "10.001 ms");
        assert_eq!(outcome.shown_value(), "10.007 ms");
        assert_eq!(outcome.relation(), ">");
    }

    #[test]
    fn an_expectation_is_read_out_of_its_outcome() {
        let expectation = Expectation::min("delivery_rate=10k").unwrap();
        let json = serde_json::to_string(&expectation.check(&Run::default())).unwrap();
        assert_eq!(
            json,
            r#"{"metric":"delivery_rate","bound":"min","limit":10000.0,"value":null,"is_met":false}"#
        );
        assert_eq!(
            serde_json::from_str::<Expectation>(&json).unwrap(),
            expectation
        );
    }
}
