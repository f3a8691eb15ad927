//! A distribution that nothing is recorded in any more, in the few bytes that its samples need.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::distribution::Distribution;

/// A distribution at rest: a run has one for each of its seconds, and a day has 86 400 of them.
///
/// It holds what [`Distribution`] does, sample for sample, as HdrHistogram's own compressed bytes.
/// A histogram to record in has a counter for each time that there may be, which are tens of
/// kilobytes.
#[derive(Clone, Debug, Default)]
pub struct Packed(
    /// Nothing at all where there is no sample.
    Box<[u8]>,
);

impl Packed {
    /// Packs a distribution.
    pub fn new(distribution: &Distribution) -> Self {
        match distribution.is_empty() {
            true => Self::default(),
            false => Self(distribution.pack().into()),
        }
    }

    /// The distribution to compute with.
    pub fn unpack(&self) -> Distribution {
        if self.0.is_empty() {
            return Distribution::default();
        }
        let unpacked = Distribution::unpack(&self.0);
        unpacked.expect("the bytes were written by `Distribution::pack`")
    }
}

/// The same samples, whatever else the bytes say.
impl PartialEq for Packed {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0 || self.unpack() == other.unpack()
    }
}

impl Serialize for Packed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.unpack().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Packed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Distribution::deserialize(deserializer).map(|it| Self::new(&it))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    fn distribution(micros: impl IntoIterator<Item = u64>) -> Distribution {
        let mut distribution = Distribution::default();
        let samples = micros.into_iter().map(Duration::from_micros);
        samples.for_each(|it| distribution.record(it));
        distribution
    }

    /// The bytes of a day whose seconds are all like this one.
    fn day(second: &Distribution) -> usize {
        86_400 * (size_of::<Packed>() + Packed::new(second).0.len())
    }

    #[test]
    fn a_day_is_kept_in_a_part_of_the_memory_that_its_seconds_were_recorded_in() {
        // Latencies between 0.3 and 10 ms, most of them low, no two deliveries alike.
        let spread = |n: u64| 300 + 9_700 * (n * n % 10_007) / 10_007 * (n % 97 + 1) / 97;
        let (few, many) = (
            distribution((0..100).map(spread)),
            distribution((0..10_000).map(spread)),
        );
        let unpacked = 86_400 * many.histogram().distinct_values() * size_of::<u64>();
        assert!(unpacked > 3 << 30, "{unpacked} bytes");
        assert!(day(&many) < 350 << 20, "{} bytes", day(&many));
        assert!(day(&few) < 40 << 20, "{} bytes", day(&few));
        assert!(day(&Distribution::default()) < 2 << 20);
    }

    #[test]
    fn what_is_packed_reads_as_if_it_were_not() {
        for samples in [vec![], vec![0], vec![1, 1, 1], vec![7, 1 << 40, u64::MAX]] {
            let distribution = distribution(samples);
            let packed = Packed::new(&distribution);
            let json = serde_json::to_string(&packed).unwrap();
            assert_eq!(json, serde_json::to_string(&distribution).unwrap());
            assert_eq!(serde_json::from_str::<Packed>(&json).unwrap(), packed);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn nothing_is_lost_in_it(samples in prop::collection::vec(any::<u64>(), 0..50)) {
            let distribution = distribution(samples.into_iter().map(|it| it >> (it % 64)));
            let unpacked = Packed::new(&distribution).unpack();
            prop_assert_eq!(&unpacked, &distribution);
            prop_assert_eq!(unpacked.encode(), distribution.encode());
            prop_assert_eq!(unpacked.mean(), distribution.mean());
            prop_assert_eq!((unpacked.min(), unpacked.max()), (distribution.min(), distribution.max()));
        }
    }
}
