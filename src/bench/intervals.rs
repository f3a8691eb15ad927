//! What the threads of a run hand over, put together: the seconds, and everything else.

use std::collections::BTreeMap;
use std::sync::mpsc::Receiver;

use super::distribution::Distribution;
use super::recorder::Share;
use super::run::{Interval, Run};

/// So many of the last seconds may still be added to: a thread hands one over when it has
/// something to do in the next.
const N_RECENT: usize = 3;

/// What all threads handed over.
pub(super) struct Intervals {
    receiver: Receiver<Share>,
    /// What was not taken yet, without the seconds.
    measured: Run,
    recent: BTreeMap<u64, Interval<Distribution>>,
    /// Those that are very likely complete, in a fraction of the memory.
    packed: BTreeMap<u64, Interval>,
    /// All deliveries of the seconds that are over.
    delivery: Distribution,
}

impl Intervals {
    pub(super) fn new(receiver: Receiver<Share>) -> Self {
        Self {
            receiver,
            measured: Run::default(),
            recent: BTreeMap::new(),
            packed: BTreeMap::new(),
            delivery: Distribution::default(),
        }
    }

    /// Receives what the threads have handed over.
    pub(super) fn receive(&mut self) {
        while let Ok(share) = self.receiver.try_recv() {
            self.add(&share);
        }
    }

    /// Waits until all threads have handed over the last.
    pub(super) fn receive_all(&mut self) {
        while let Ok(share) = self.receiver.recv() {
            self.add(&share);
        }
    }

    /// Takes what was measured since the last time, from this second on until that one. The seconds
    /// until then are all there, and those after it up to the last one in which anything happened.
    /// What a thread tells late of one before counts in the first.
    pub(super) fn take(&mut self, from: u64, until: u64) -> Run {
        self.pack_all_but(0);
        let mut measured = std::mem::take(&mut self.measured);
        let n_seconds = until.saturating_sub(from) as usize;
        let nothing = |nth: usize| Interval {
            start_s: nth as f64,
            ..Interval::default()
        };
        let mut seconds: Vec<Interval> = (0..n_seconds).map(nothing).collect();
        for (second, interval) in std::mem::take(&mut self.packed) {
            if interval.is_empty() {
                continue;
            }
            let nth = second.saturating_sub(from) as usize;
            seconds.extend((seconds.len()..=nth).map(nothing));
            match seconds[nth].is_empty() {
                true => {
                    seconds[nth] = Interval {
                        start_s: nth as f64,
                        ..interval
                    };
                }
                false => seconds[nth].add(&interval),
            }
        }
        measured.intervals = seconds;
        let offset = from as f64;
        for error in &mut measured.errors {
            error.first_at_s -= offset;
        }
        if let Some(slowest) = &mut measured.latency.slowest {
            slowest.at_s -= offset;
        }
        measured
    }

    /// All deliveries of the seconds that are over.
    pub(super) fn delivery(&self) -> &Distribution {
        &self.delivery
    }

    fn add(&mut self, share: &Share) {
        let Share {
            second,
            interval,
            measured,
        } = share;
        self.measured.add(measured);
        self.measured.latency.delivery.add(&interval.delivery);
        self.delivery.add(&interval.delivery);
        let own = self.recent.entry(*second).or_insert_with(|| {
            // One that comes after all.
            let known = self.packed.remove(second).map(|it| it.unpack());
            known.unwrap_or_else(|| Interval {
                start_s: *second as f64,
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
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_second_of_which_a_thread_tells_late_is_added_to_all_the_same() {
        let (sender, receiver) = channel();
        let mut intervals = Intervals::new(receiver);
        let share = |second, millis| {
            let mut interval = Interval {
                delivered: 1,
                ..Interval::<Distribution>::default()
            };
            interval.delivery.record(Duration::from_millis(millis));
            let mut measured = Run::default();
            measured.messages.delivered = 1;
            Share {
                second,
                interval,
                measured,
            }
        };
        for second in 0..10 {
            sender.send(share(second, 1)).unwrap();
        }
        intervals.receive();
        assert_eq!(intervals.recent.len(), N_RECENT);
        for second in [0, 1, 0, 12] {
            sender.send(share(second, 2)).unwrap();
        }
        drop(sender);
        intervals.receive();
        assert_eq!(intervals.delivery().count(), 14);
        intervals.receive_all();
        let run = intervals.take(0, 11);
        assert_eq!(
            (run.messages.delivered, run.latency.delivery.count()),
            (14, 14)
        );
        let seconds = run.intervals;
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
