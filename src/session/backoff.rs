//! How long to wait before the next attempt.

use std::time::Duration;

/// The first delay; each further one is twice as long.
const SHORTEST: Duration = Duration::from_millis(250);
/// No delay is longer.
const LONGEST: Duration = Duration::from_secs(30);

/// Delays that double, with jitter so that a thousand clients of one restarted server do
/// not come back at once.
#[derive(Clone, Debug)]
pub(super) struct Backoff {
    n_attempts: u32,
    random: u64,
}

impl Backoff {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            n_attempts: 0,
            random: seed,
        }
    }

    /// The next delay: between half of the doubled value and all of it.
    pub(super) fn next_delay(&mut self) -> Duration {
        let doublings = self.n_attempts.min(10);
        self.n_attempts = self.n_attempts.saturating_add(1);
        let full = (SHORTEST * 2_u32.pow(doublings)).min(LONGEST);
        full / 2 + (full / 2).mul_f64(self.fraction())
    }

    pub(super) fn reset(&mut self) {
        self.n_attempts = 0;
    }

    /// Attempts since the last reset.
    pub(super) fn n_attempts(&self) -> u32 {
        self.n_attempts
    }

    /// The next number of SplitMix64, as a fraction of 1.
    fn fraction(&mut self) -> f64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        (mixed >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_with_jitter_up_to_the_longest() {
        let mut backoff = Backoff::new(1);
        for n in 0..20 {
            let full = (SHORTEST * 2_u32.pow(n.min(10))).min(LONGEST);
            let delay = backoff.next_delay();
            assert!(
                delay >= full / 2 && delay <= full,
                "{n}: {delay:?} of {full:?}"
            );
        }
        backoff.reset();
        assert!(backoff.next_delay() <= SHORTEST);
    }

    #[test]
    fn different_seeds_give_different_delays() {
        assert_ne!(Backoff::new(1).next_delay(), Backoff::new(2).next_delay());
    }
}
