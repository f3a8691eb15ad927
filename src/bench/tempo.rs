//! How fast turns come, from one change of the rate to the next: what a schedule is made of.

use std::time::Duration;

use super::plan::Rate;

/// How fast turns come from a time on. All times are on the run's clock.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Tempo {
    from: Duration,
    /// Turns of all publishers until then; the fraction is the part of the way to the next one
    /// that has been gone.
    n_before: f64,
    pub(super) pace: Pace,
}

/// How fast turns come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Pace {
    /// One of any publisher's each so many seconds.
    Every(f64),
    /// One of a publisher's whenever it is ready.
    Ready,
    /// None.
    Rest,
}

impl Tempo {
    /// The one that a run begins with.
    pub(super) fn first(rate: Rate, batch: usize) -> Self {
        Self {
            from: Duration::ZERO,
            n_before: 0.0,
            pace: Pace::new(rate, batch),
        }
    }

    /// The one that follows at this time. It goes on where this one was: halfway between two
    /// turns is halfway afterwards too, so that changes alone neither bring turns nor cost any.
    pub(super) fn then(&self, from: Duration, rate: Rate, batch: usize) -> Self {
        let n_before = match self.pace {
            Pace::Every(period) => {
                let passed = from.saturating_sub(self.from).as_secs_f64();
                self.n_before + passed / period
            }
            Pace::Ready | Pace::Rest => self.n_before,
        };
        Self {
            from: from.max(self.from),
            n_before,
            pace: Pace::new(rate, batch),
        }
    }

    /// When this turn comes, if it has a time.
    pub(super) fn time_of(&self, turn: u64) -> Option<Duration> {
        // A century, beyond which no sum overflows; nobody waits for it.
        const LONGEST: f64 = 3.2e9;
        let Pace::Every(period) = self.pace else {
            return None;
        };
        let after = ((turn as f64 - self.n_before) * period).clamp(0.0, LONGEST);
        Some(self.from + Duration::from_secs_f64(after))
    }

    /// Whether this turn comes before the tempo that follows.
    pub(super) fn has(&self, turn: u64, following: &Self) -> bool {
        matches!(self.pace, Pace::Every(_)) && (turn as f64) < following.n_before
    }
}

impl Pace {
    fn new(rate: Rate, batch: usize) -> Self {
        match rate {
            Rate::Fixed(rate) if rate > 0.0 => Self::Every(batch as f64 / rate),
            Rate::Fixed(_) => Self::Rest,
            Rate::Max => Self::Ready,
        }
    }
}
