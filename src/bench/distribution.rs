//! A distribution of times: an HDR histogram of microseconds with three significant digits.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer, Serializer, V2DeflateSerializer};
use serde::de::Error as _;
use serde::{Deserialize, Serialize};

/// A distribution of times.
#[derive(Clone, Debug, PartialEq)]
pub struct Distribution(Histogram<u64>);

/// Significant decimal digits of each time.
const DIGITS: u8 = 3;
/// 146 years.
const LONGEST: u64 = 1 << 62;
/// So many samples have to lie beyond a percentile for it to mean something.
const LEAST_BEYOND: f64 = 10.0;
/// The percentiles that are printed, with their names.
pub const PERCENTILES: [(&str, f64); 5] = [
    ("p50", 50.0),
    ("p90", 90.0),
    ("p99", 99.0),
    ("p999", 99.9),
    ("p9999", 99.99),
];

impl Default for Distribution {
    fn default() -> Self {
        let histogram = Histogram::new(DIGITS);
        Self(histogram.expect("three digits are within what a histogram can have"))
    }
}

impl Distribution {
    /// Takes a sample.
    pub fn record(&mut self, sample: Duration) {
        let micros = u64::try_from(sample.as_micros()).unwrap_or(u64::MAX);
        let recorded = self.0.record(micros.min(LONGEST));
        recorded.expect("a histogram that resizes takes any value below 2^63");
    }

    /// Takes all samples of another one.
    pub fn add(&mut self, other: &Self) {
        let added = self.0.add(&other.0);
        added.expect("a histogram that resizes takes any other");
    }

    /// How many samples there are.
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// Whether there is no sample.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The smallest sample.
    pub fn min(&self) -> Option<Duration> {
        (!self.is_empty()).then(|| Duration::from_micros(self.0.min()))
    }

    /// The largest sample.
    pub fn max(&self) -> Option<Duration> {
        (!self.is_empty()).then(|| Duration::from_micros(self.0.max()))
    }

    /// The mean.
    pub fn mean(&self) -> Option<Duration> {
        (!self.is_empty()).then(|| Duration::from_secs_f64(self.0.mean() / 1e6))
    }

    /// The time within which so many percent of the samples are; nothing where fewer than ten
    /// lie beyond it.
    pub fn percentile(&self, percent: f64) -> Option<Duration> {
        let n_beyond = self.count() as f64 * (100.0 - percent) / 100.0;
        // 99.9 % of 10 000 leaves a little less than 10 in binary.
        let is_meaningful = n_beyond + 1e-6 >= LEAST_BEYOND;
        is_meaningful.then(|| Duration::from_micros(self.0.value_at_percentile(percent)))
    }

    /// The histogram, in microseconds.
    pub fn histogram(&self) -> &Histogram<u64> {
        &self.0
    }

    /// The histogram in HdrHistogram's own compressed form (V2), as base64.
    pub fn encode(&self) -> String {
        BASE64.encode(self.pack())
    }

    /// Reads what [`encode`](Self::encode) wrote, or another HdrHistogram.
    ///
    /// # Errors
    /// When it is no such text.
    pub fn decode(text: &str) -> Result<Self, NotAHistogram> {
        let bytes = BASE64
            .decode(text)
            .map_err(|it| NotAHistogram(it.to_string()))?;
        // Into one that grows, whatever the other's limits are.
        let mut distribution = Self::default();
        let added = distribution.0.add(&Self::read(&bytes)?);
        added.map_err(|it| NotAHistogram(it.to_string()))?;
        Ok(distribution)
    }

    /// HdrHistogram's own compressed form (V2).
    pub(super) fn pack(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let written = V2DeflateSerializer::new().serialize(&self.0, &mut bytes);
        written.expect("a vector takes everything");
        bytes
    }

    /// Reads what [`pack`](Self::pack) wrote: packed again, it is the same bytes.
    pub(super) fn unpack(bytes: &[u8]) -> Result<Self, NotAHistogram> {
        let mut histogram = Self::read(bytes)?;
        histogram.auto(true);
        Ok(Self(histogram))
    }

    fn read(mut bytes: &[u8]) -> Result<Histogram<u64>, NotAHistogram> {
        let read = Deserializer::new().deserialize(&mut bytes);
        read.map_err(|it| NotAHistogram(it.to_string()))
    }
}

/// A text that is no encoded histogram.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not an encoded histogram: {0}")]
pub struct NotAHistogram(String);

/// The form in the results: figures to read, and the histogram to compute with.
#[derive(Deserialize, Serialize)]
struct Form {
    count: u64,
    min: Option<u64>,
    mean: Option<f64>,
    max: Option<u64>,
    percentiles: Percentiles,
    histogram: String,
}

#[derive(Deserialize, Serialize)]
struct Percentiles {
    p50: Option<u64>,
    p90: Option<u64>,
    p99: Option<u64>,
    p999: Option<u64>,
    p9999: Option<u64>,
}

impl Serialize for Distribution {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let micros = |it: Duration| it.as_micros() as u64;
        let percentile = |it| self.percentile(it).map(micros);
        let form = Form {
            count: self.count(),
            min: self.min().map(micros),
            mean: self.mean().map(|it| it.as_nanos() as f64 / 1000.0),
            max: self.max().map(micros),
            percentiles: Percentiles {
                p50: percentile(50.0),
                p90: percentile(90.0),
                p99: percentile(99.0),
                p999: percentile(99.9),
                p9999: percentile(99.99),
            },
            histogram: self.encode(),
        };
        form.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Distribution {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let form = Form::deserialize(deserializer)?;
        Self::decode(&form.histogram).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn distribution(samples: impl IntoIterator<Item = u32>) -> Distribution {
        let mut distribution = Distribution::default();
        samples
            .into_iter()
            .for_each(|it| distribution.record(it * MS));
        distribution
    }

    #[test]
    fn a_percentile_needs_ten_samples_beyond_it() {
        let few = distribution(1..=19);
        assert_eq!(few.percentile(50.0), None);
        let enough = distribution(1..=10_000);
        assert!(enough.percentile(99.9).is_some());
        assert_eq!(enough.percentile(99.99), None);
        assert_eq!(enough.percentile(50.0).unwrap().as_millis(), 5001);
        assert_eq!(enough.max().unwrap().as_millis(), 10_002);
    }

    #[test]
    fn what_is_saved_merges_without_loss() {
        let (one, other) = (distribution(1..=500), distribution(501..=1000));
        let json = serde_json::to_string(&one).unwrap();
        let mut read: Distribution = serde_json::from_str(&json).unwrap();
        assert_eq!(read, one);
        read.add(&other);
        assert_eq!(read, distribution(1..=1000));
    }

    #[test]
    fn the_longest_time_is_no_trouble() {
        let mut distribution = Distribution::default();
        distribution.record(Duration::MAX);
        distribution.record(Duration::ZERO);
        assert_eq!(distribution.count(), 2);
        assert_eq!(
            Distribution::decode(&distribution.encode()),
            Ok(distribution)
        );
        for text in ["", "HISTFAAA", "*", "AAAA"] {
            assert!(Distribution::decode(text).is_err(), "{text}");
        }
    }
}
