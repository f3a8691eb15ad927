//! The seconds of a run, as its threads hand them over.

use std::collections::BTreeMap;
use std::sync::mpsc::Receiver;

use super::distribution::Distribution;
use super::run::Interval;

/// The seconds of all threads.
pub(super) struct Intervals {
    receiver: Receiver<(u64, Interval)>,
    seconds: BTreeMap<u64, Interval>,
    /// All deliveries of the seconds that are over.
    delivery: Distribution,
}

impl Intervals {
    pub(super) fn new(receiver: Receiver<(u64, Interval)>) -> Self {
        Self {
            receiver,
            seconds: BTreeMap::new(),
            delivery: Distribution::default(),
        }
    }

    /// Takes what the threads have handed over.
    pub(super) fn take(&mut self) {
        while let Ok((second, interval)) = self.receiver.try_recv() {
            self.add(second, &interval);
        }
    }

    /// Waits for the last seconds of all threads. Those in which nothing happened are there.
    pub(super) fn finish(mut self) -> Vec<Interval> {
        while let Ok((second, interval)) = self.receiver.recv() {
            self.add(second, &interval);
        }
        let n_seconds = self.seconds.keys().next_back().map_or(0, |it| it + 1);
        (0..n_seconds)
            .map(|second| {
                let nothing = Interval {
                    start_s: second as f64,
                    ..Interval::default()
                };
                self.seconds.remove(&second).unwrap_or(nothing)
            })
            .collect()
    }

    /// All deliveries of the seconds that are over.
    pub(super) fn delivery(&self) -> &Distribution {
        &self.delivery
    }

    fn add(&mut self, second: u64, interval: &Interval) {
        self.delivery.add(&interval.delivery);
        let own = self.seconds.entry(second).or_insert_with(|| Interval {
            start_s: second as f64,
            ..Interval::default()
        });
        own.add(interval);
    }
}
