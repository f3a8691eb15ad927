//! A run that somebody else steers: what is wanted of it, and what it tells while it goes on.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::plan::{FASTEST, MOST_SESSIONS, Rate};
use super::run::Run;
use super::settings::Progress;

/// What is wanted of a run that somebody else steers. Clones share it.
///
/// ```
/// use bayeux::bench::{Rate, Steering};
///
/// let steering = Steering::new(10, Rate::Fixed(100.0));
/// let elsewhere = steering.clone();
/// elsewhere.steer(20, Rate::Fixed(250.0));
/// ```
#[derive(Clone, Debug)]
pub struct Steering(Arc<Mutex<Wanted>>);

/// What is wanted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Wanted {
    pub(super) n_clients: usize,
    pub(super) rate: Rate,
}

/// What was measured since the last portion; the whole run is their sum.
#[derive(Clone, Debug)]
pub struct Portion {
    /// How far the run is.
    pub progress: Progress,
    /// What was measured since, with as many seconds as it took. Whether a delivery is lost is
    /// known when its client leaves, or at the end of the run.
    pub measured: Run,
}

impl Steering {
    /// So many clients, and so fast.
    pub fn new(n_clients: usize, rate: Rate) -> Self {
        Self(Arc::new(Mutex::new(Wanted::new(n_clients, rate))))
    }

    /// From now on so many clients, and so fast. A rate of `Fixed(0.0)` pauses the publishers, as
    /// does one that is no number; numbers beyond what a plan may have become the largest.
    pub fn steer(&self, n_clients: usize, rate: Rate) {
        *self.lock() = Wanted::new(n_clients, rate);
    }

    /// What is wanted now.
    pub(super) fn wanted(&self) -> Wanted {
        *self.lock()
    }

    fn lock(&self) -> MutexGuard<'_, Wanted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wanted {
    fn new(n_clients: usize, rate: Rate) -> Self {
        Self {
            n_clients: n_clients.min(MOST_SESSIONS),
            rate: match rate {
                Rate::Fixed(rate) if rate.is_nan() => Rate::Fixed(0.0),
                Rate::Fixed(rate) => Rate::Fixed(rate.clamp(0.0, FASTEST)),
                Rate::Max => Rate::Max,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_wanted_becomes_what_can() {
        let wanted = |n_clients, rate| {
            let wanted = Steering::new(n_clients, Rate::Fixed(rate)).wanted();
            let Rate::Fixed(rate) = wanted.rate else {
                panic!("{wanted:?}");
            };
            (wanted.n_clients, rate)
        };
        assert_eq!(wanted(7, 2.5), (7, 2.5));
        assert_eq!(wanted(usize::MAX, f64::INFINITY), (MOST_SESSIONS, FASTEST));
        assert_eq!(wanted(0, f64::NAN), (0, 0.0));
        assert_eq!(wanted(0, -1.0), (0, 0.0));
    }
}
