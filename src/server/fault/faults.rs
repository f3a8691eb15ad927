//! The faults of a server: which of them happen on an occasion.

use std::time::{Duration, Instant};

use super::effects::Effects;
use super::spec::{After, Fault, Place, What, When};

/// The faults of a server, and what they have seen. It is asked on each occasion, and counts.
#[derive(Debug)]
pub(crate) struct Faults {
    seed: u64,
    armed: Vec<Armed>,
    n_added: u64,
}

#[derive(Debug)]
struct Armed {
    fault: Fault,
    /// How many were added before it.
    number: u64,
    since: Instant,
    n_occasions: u64,
    /// Those on which it could have happened, by its time and its `after`.
    n_counted: u64,
}

impl Faults {
    pub(crate) fn new(faults: Vec<Fault>, seed: u64, now: Instant) -> Self {
        let mut machine = Self {
            seed,
            armed: Vec::new(),
            n_added: 0,
        };
        for fault in faults {
            machine.add(now, fault);
        }
        machine
    }

    /// From now on it happens; its times and counts begin.
    pub(crate) fn add(&mut self, now: Instant, fault: Fault) {
        self.armed.push(Armed {
            fault,
            number: self.n_added,
            since: now,
            n_occasions: 0,
            n_counted: 0,
        });
        self.n_added += 1;
    }

    /// It happens no longer; false if there is no such.
    pub(crate) fn remove(&mut self, fault: &Fault) -> bool {
        let at = self.armed.iter().position(|it| it.fault == *fault);
        at.map(|at| self.armed.remove(at)).is_some()
    }

    /// In the order in which they were added.
    pub(crate) fn list(&self) -> Vec<Fault> {
        self.armed.iter().map(|it| it.fault.clone()).collect()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.armed.is_empty()
    }

    /// Whether anything may happen to deliveries.
    pub(crate) fn concern_deliveries(&self) -> bool {
        let mut places = self.armed.iter().filter_map(|it| it.fault.place);
        places.any(|it| it == Place::Delivery)
    }

    /// What happens on this occasion.
    pub(crate) fn meet(&mut self, now: Instant, occasion: Place) -> Effects {
        let seed = self.seed;
        let concerned = self.armed.iter_mut().filter(|armed| {
            let place = armed.fault.place;
            place.is_some_and(|place| place.covers(occasion))
        });
        let met =
            concerned.filter_map(|armed| armed.happens(now, seed).then_some(armed.fault.what));
        Effects(met.collect())
    }

    /// How long a session lives at the most.
    pub(crate) fn session_lifetime(&self) -> Option<Duration> {
        self.find(|it| match it {
            What::ExpireAfter(lifetime) => Some(lifetime),
            _ => None,
        })
    }

    /// How many sessions are forgotten after one that ended.
    pub(crate) fn n_to_forget(&self) -> u32 {
        let n = self.find(|it| match it {
            What::Forget(n) => Some(n),
            _ => None,
        });
        n.unwrap_or(0)
    }

    pub(crate) fn token_lifetime(&self) -> Option<Duration> {
        self.find(|it| match it {
            What::TokenExpires(lifetime) => Some(lifetime),
            _ => None,
        })
    }

    /// How many subscribes are refused in all, because the server is too busy.
    pub(crate) fn n_busy(&self) -> u32 {
        let n = self.find(|it| match it {
            What::Busy(n) => Some(n),
            _ => None,
        });
        n.unwrap_or(0)
    }

    /// How many deliveries there are in all before subscribes are refused.
    pub(crate) fn daily_limit(&self) -> Option<u32> {
        self.find(|it| match it {
            What::DailyLimit(n) => Some(n),
            _ => None,
        })
    }

    fn find<T>(&self, choose: impl Fn(What) -> Option<T>) -> Option<T> {
        self.armed.iter().find_map(|it| choose(it.fault.what))
    }
}

impl Armed {
    /// Counts the occasion, and says whether the fault happens on it.
    fn happens(&mut self, now: Instant, seed: u64) -> bool {
        self.n_occasions += 1;
        let When {
            after,
            lasts,
            first,
            every,
            millionths,
        } = self.fault.when;
        let age = now.saturating_duration_since(self.since);
        let begins = match after {
            Some(After::Occasions(n)) if self.n_occasions <= n => return false,
            Some(After::Time(time)) => time,
            Some(After::Occasions(_)) | None => Duration::ZERO,
        };
        if age < begins || lasts.is_some_and(|lasts| age >= begins.saturating_add(lasts)) {
            return false;
        }
        self.n_counted += 1;
        let n = self.n_counted;
        first.is_none_or(|first| n <= first)
            && every.is_none_or(|every| n.is_multiple_of(every))
            && millionths.is_none_or(|it| draw(seed, self.number, n) < u64::from(it))
    }
}

/// A number below a million: the same for the same seed, fault and occasion.
fn draw(seed: u64, fault: u64, occasion: u64) -> u64 {
    let state = mixed(mixed(mixed(seed).wrapping_add(fault)).wrapping_add(occasion));
    state % 1_000_000
}

/// The step of SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators).
fn mixed(state: u64) -> u64 {
    let mut z = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn faults(texts: &[&str], seed: u64, now: Instant) -> Faults {
        let faults = texts.iter().map(|it| it.parse().unwrap()).collect();
        Faults::new(faults, seed, now)
    }

    /// On which of so many connects, a second apart, a fault happens, counted from 1.
    fn met(text: &str, n_connects: u32) -> Vec<u32> {
        let start = Instant::now();
        let mut faults = faults(&[text], 7, start);
        (1..=n_connects)
            .filter(|n| {
                !faults
                    .meet(start + SECOND * (n - 1), Place::Connect)
                    .0
                    .is_empty()
            })
            .collect()
    }

    #[test]
    fn a_fault_happens_on_the_occasions_that_it_names() {
        assert_eq!(met("connect:drop", 3), [1, 2, 3]);
        assert_eq!(met("any:drop", 3), [1, 2, 3]);
        assert!(met("publish:drop", 3).is_empty());
        assert!(met("delivery:drop", 3).is_empty());
        assert_eq!(met("connect:drop:every=3", 7), [3, 6]);
        assert_eq!(met("connect:drop:first=2", 7), [1, 2]);
        assert_eq!(met("connect:drop:after=2", 4), [3, 4]);
        assert_eq!(met("connect:drop:after=2s", 4), [3, 4]);
        assert_eq!(met("connect:drop:for=2s", 4), [1, 2]);
        assert_eq!(met("connect:drop:after=1s:for=2s", 5), [2, 3]);
        assert_eq!(met("connect:drop:after=1:every=2:first=4", 9), [3, 5]);
    }

    #[test]
    fn chance_is_about_as_often_as_it_says_and_the_same_again() {
        let often = met("connect:drop:p=0.25", 4000);
        assert!((900..1100).contains(&often.len()), "{}", often.len());
        assert_eq!(often, met("connect:drop:p=0.25", 4000));
        assert_eq!(met("connect:drop:p=1", 100).len(), 100);
    }

    #[test]
    fn another_seed_and_another_fault_draw_otherwise() {
        let draws = |seed, fault| -> Vec<u64> { (0..9).map(|n| draw(seed, fault, n)).collect() };
        assert_ne!(draws(1, 0), draws(2, 0));
        assert_ne!(draws(1, 0), draws(1, 1));
    }

    #[test]
    fn faults_come_and_go_while_it_runs() {
        let start = Instant::now();
        let mut faults = faults(&["connect:drop:first=1", "expire=3s"], 0, start);
        assert_eq!(faults.session_lifetime(), Some(3 * SECOND));
        let late = "connect:cut:after=1s".parse::<Fault>().unwrap();
        faults.add(start + SECOND, late.clone());
        let mut meet = |seconds| faults.meet(start + seconds * SECOND, Place::Connect).0;
        assert_eq!(meet(1), [What::Drop]);
        assert_eq!(meet(2), [What::Cut(None)]);
        assert!(faults.remove(&late) && !faults.remove(&late));
        assert!(faults.remove(&"expire=3s".parse().unwrap()));
        assert_eq!(faults.session_lifetime(), None);
        let left: Vec<_> = faults.list().iter().map(Fault::to_string).collect();
        assert_eq!(left, ["connect:drop:first=1"]);
    }
}
