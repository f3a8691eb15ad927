//! The seconds of a run, as its threads hand them over.

use std::collections::BTreeMap;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use super::distribution::Distribution;
use super::recorder::Second;
use super::run::Interval;

/// So many of the last seconds may still be added to: a thread hands one over when it has
/// something to do in the next.
const N_RECENT: usize = 3;

/// The seconds of all threads.
pub(super) struct Intervals {
    receiver: Receiver<Second>,
    recent: BTreeMap<u64, Interval<Distribution>>,
    /// Those that are very likely complete, in a fraction of the memory.
    packed: BTreeMap<u64, Interval>,
    /// All deliveries of the seconds that are over.
    delivery: Distribution,
}

impl Intervals {
    pub(super) fn new(receiver: Receiver<Second>) -> Self {
        Self {
            receiver,
            recent: BTreeMap::new(),
            packed: BTreeMap::new(),
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
        self.pack_all_but(0);
        self.packed.retain(|_, it| !it.is_empty());
        let last = self.packed.keys().next_back();
        // A measured time lasts a little longer than was asked for.
        let n_measured = measured.as_secs_f64().round() as u64;
        let n_seconds = last.map_or(0, |it| it + 1).max(n_measured);
        (0..n_seconds)
            .map(|second| {
                let nothing = Interval {
                    start_s: second as f64,
                    ..Interval::default()
                };
                self.packed.remove(&second).unwrap_or(nothing)
            })
            .collect()
    }

    /// All deliveries of the seconds that are over.
    pub(super) fn delivery(&self) -> &Distribution {
        &self.delivery
    }

    fn add(&mut self, second: u64, interval: &Interval<Distribution>) {
        self.delivery.add(&interval.delivery);
        let own = self.recent.entry(second).or_insert_with(|| {
            // One that comes after all.
            let known = self.packed.remove(&second).map(|it| it.unpack());
            known.unwrap_or_else(|| Interval {
                start_s: second as f64,
                ..Interval::default()
            })
        });
        own.add(interval);
        self.pack_all_but(N_RECENT);
    }

    fn pack_all_but(&mut self, n_recent: usize) {
        while self.recent.len() > n_recent
            && let Some((second, interval)) = self.recent.pop_first()
        {
            self.packed.insert(second, interval.pack());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn a_second_of_which_a_thread_tells_late_is_added_to_all_the_same() {
        let (sender, receiver) = channel();
        let mut intervals = Intervals::new(receiver);
        let interval = |millis| {
            let mut interval = Interval {
                delivered: 1,
                ..Interval::<Distribution>::default()
            };
            interval.delivery.record(Duration::from_millis(millis));
            interval
        };
        for second in 0..10 {
            sender.send((second, interval(1))).unwrap();
        }
        intervals.take();
        assert_eq!(intervals.recent.len(), N_RECENT);
        for second in [0, 1, 0, 12] {
            sender.send((second, interval(2))).unwrap();
        }
        drop(sender);
        intervals.take();
        assert_eq!(intervals.delivery().count(), 14);
        let seconds = intervals.finish(Duration::from_secs(11));
        let counts: Vec<_> = seconds
            .iter()
            .map(|it| it.delivery.unpack().count())
            .collect();
        assert_eq!(counts, [3, 2, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 1]);
        assert!(
            seconds
                .iter()
                .all(|it| it.delivered == it.delivery.unpack().count())
        );
        assert_eq!(seconds[12].start_s, 12.0);
    }
}
