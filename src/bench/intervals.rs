//! The seconds of a run, as its threads hand them over.

use std::collections::BTreeMap;
use std::sync::mpsc::Receiver;
use std::time::Duration;

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

    /// Waits for the last seconds of all threads. Those of the measured time are all there, those of
    /// the drain up to the last one in which anything happened.
    pub(super) fn finish(mut self, measured: Duration) -> Vec<Interval> {
        while let Ok((second, interval)) = self.receiver.recv() {
            self.add(second, &interval);
        }
        self.seconds.retain(|_, it| !it.is_empty());
        let last = self.seconds.keys().next_back();
        // A measured time lasts a little longer than was asked for.
        let n_measured = measured.as_secs_f64().round() as u64;
        let n_seconds = last.map_or(0, |it| it + 1).max(n_measured);
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
