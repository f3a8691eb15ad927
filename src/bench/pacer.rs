//! When a publisher's turns come: an absolute schedule that waits for nobody, or one turn after
//! the other.

use std::collections::VecDeque;
use std::time::Duration;

use super::plan::{Plan, Stop};
use super::tempo::{Pace, Tempo};

/// The turns of one publisher. All times are on the run's clock, which starts with the first
/// message.
#[derive(Clone, Debug)]
pub(super) struct Pacer {
    /// On a schedule this turn of all publishers together is this one's next, and then each
    /// `n_publishers`th.
    next: u64,
    n_publishers: u64,
    tempo: Tempo,
    /// What the tempo becomes, once the turns before are taken.
    later: VecDeque<Tempo>,
    end: Option<Duration>,
    warmup: Duration,
    batch: u64,
    /// Messages of this publisher that are yet to come after the warm-up, where they are counted.
    n_left: u64,
}

/// What is due.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Due {
    /// A turn at this time, which may have passed.
    At(Duration),
    /// As soon as the publisher is ready.
    WhenReady,
    /// Nothing any more.
    Never,
}

/// One request's worth of messages.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Turn {
    /// When they were to be sent.
    pub(super) intended: Duration,
    /// How many.
    pub(super) n_messages: u64,
    /// Whether they count.
    pub(super) phase: Phase,
}

/// Whether a message counts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Phase {
    /// It does not.
    Warmup,
    /// It does.
    Measured,
}

impl Phase {
    /// The phase in which a message is to be sent at this time.
    pub(super) fn at(intended: Duration, warmup: Duration) -> Self {
        match intended < warmup {
            true => Self::Warmup,
            false => Self::Measured,
        }
    }
}

impl Pacer {
    /// The turns of one of the plan's publishers.
    pub(super) fn new(plan: &Plan, publisher: usize) -> Self {
        let (publisher, n_publishers) = (publisher as u64, plan.n_publishers as u64);
        let batch = plan.batch as u64;
        let tempo = Tempo::first(plan.rate, plan.batch);
        let n_left = match (plan.stop, tempo.pace) {
            (Stop::After(_) | Stop::Interrupt, _) | (_, Pace::Rest) => u64::MAX,
            (Stop::Count(count), Pace::Every(period)) => {
                // The first turn after the warm-up is somebody's, and so on from there.
                let first = first_turn(plan.warmup, &tempo, period);
                let place = (publisher + n_publishers - first % n_publishers) % n_publishers;
                share(count, batch, place, n_publishers)
            }
            (Stop::Count(count), Pace::Ready) => share(count, batch, publisher, n_publishers),
        };
        Self {
            next: publisher,
            n_publishers,
            tempo,
            later: VecDeque::new(),
            end: match plan.stop {
                Stop::After(duration) => Some(plan.warmup + duration),
                Stop::Count(_) | Stop::Interrupt => None,
            },
            warmup: plan.warmup,
            batch,
            n_left,
        }
    }

    /// Takes a change of the tempo whose time has come. Turns that were due before and are not
    /// taken remain.
    pub(super) fn change(&mut self, tempo: Tempo) {
        self.later.push_back(tempo);
        self.advance();
    }

    /// What is due next.
    pub(super) fn due(&self) -> Due {
        if self.n_left == 0 {
            return Due::Never;
        }
        match self.tempo.pace {
            Pace::Every(_) => match self.tempo.time_of(self.next) {
                Some(at) if !self.is_after_end(at) => Due::At(at),
                Some(_) | None => Due::Never,
            },
            Pace::Ready => Due::WhenReady,
            Pace::Rest => Due::Never,
        }
    }

    /// Takes the turn that is due; nothing if its time has not come, or there is none.
    pub(super) fn take(&mut self, now: Duration) -> Option<Turn> {
        let intended = match self.due() {
            Due::At(at) if at <= now => {
                self.next += self.n_publishers;
                self.advance();
                at
            }
            Due::WhenReady if !self.is_after_end(now) => now,
            Due::At(_) | Due::WhenReady | Due::Never => return None,
        };
        let phase = Phase::at(intended, self.warmup);
        let n_messages = match phase {
            Phase::Warmup => self.batch,
            Phase::Measured => self.batch.min(self.n_left),
        };
        if phase == Phase::Measured && self.n_left != u64::MAX {
            self.n_left -= n_messages;
        }
        Some(Turn {
            intended,
            n_messages,
            phase,
        })
    }

    /// Messages that count, were due by now and are not taken. Without a schedule nothing is ever
    /// late but what was counted.
    pub(super) fn n_unsent(&self, now: Duration) -> u64 {
        if self.tempo.pace == Pace::Ready {
            return match self.n_left {
                u64::MAX => 0,
                n_left => n_left,
            };
        }
        let time = |nth: u64| self.time_of(self.next + nth * self.n_publishers);
        let most = (u64::MAX - self.next) / self.n_publishers;
        let is_there = |at: Duration| at <= now && !self.is_after_end(at);
        let n_due = n_turns(most, |it| time(it).is_some_and(is_there));
        let n_warmup = n_turns(most, |it| time(it).is_some_and(|at| at < self.warmup));
        let n_measured = n_due.saturating_sub(n_warmup);
        n_measured.saturating_mul(self.batch).min(self.n_left)
    }

    /// Whether there will be no turn any more.
    pub(super) fn is_over(&self, now: Duration) -> bool {
        match self.due() {
            Due::Never => self.tempo.pace != Pace::Rest,
            Due::WhenReady => self.is_after_end(now),
            Due::At(_) => false,
        }
    }

    fn is_after_end(&self, at: Duration) -> bool {
        self.end.is_some_and(|end| at >= end)
    }

    /// Goes on to the tempo of the next turn.
    fn advance(&mut self) {
        while let Some(following) = self.later.front()
            && !self.tempo.has(self.next, following)
            && let Some(following) = self.later.pop_front()
        {
            self.tempo = following;
        }
    }

    /// When a turn comes, of this one's next or a later one.
    fn time_of(&self, turn: u64) -> Option<Duration> {
        let mut tempo = &self.tempo;
        for following in &self.later {
            if tempo.has(turn, following) {
                break;
            }
            tempo = following;
        }
        tempo.time_of(turn)
    }
}

/// How many turns there are before something is over for ever. A search and no walk: a publisher
/// that never came up has missed as many as a long run has at a high rate.
fn n_turns(most: u64, is_before: impl Fn(u64) -> bool) -> u64 {
    let (mut low, mut high) = (0, most);
    while low < high {
        let middle = low.midpoint(high);
        match is_before(middle) {
            true => low = middle + 1,
            false => high = middle,
        }
    }
    low
}

/// The first turn that is not within the warm-up.
fn first_turn(warmup: Duration, tempo: &Tempo, period: f64) -> u64 {
    let mut turn = (warmup.as_secs_f64() / period) as u64;
    // Rounding may be off by one, either way.
    turn = turn.saturating_sub(1);
    while tempo.time_of(turn).is_some_and(|it| it < warmup) {
        turn += 1;
    }
    turn
}

/// How many of `count` messages belong to the publisher at this place, when batches go round.
fn share(count: u64, batch: u64, place: u64, n_publishers: u64) -> u64 {
    let (n_full, rest) = (count / batch, count % batch);
    let n_own = n_full / n_publishers + u64::from(place < n_full % n_publishers);
    let has_rest = n_full % n_publishers == place;
    n_own * batch + if has_rest { rest } else { 0 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::plan::Rate;
    use super::super::plan::tests::plan;
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn turns(plan: &Plan, publisher: usize) -> Vec<Turn> {
        let mut pacer = Pacer::new(plan, publisher);
        let end = Duration::from_secs(3600);
        std::iter::from_fn(|| pacer.take(end)).collect()
    }

    #[test]
    fn the_schedule_does_not_wait_for_anybody() {
        let plan = Plan {
            rate: Rate::Fixed(10.0),
            stop: Stop::After(1000 * MS),
            warmup: 200 * MS,
            ..plan()
        };
        let mut pacer = Pacer::new(&plan, 0);
        assert_eq!(pacer.due(), Due::At(Duration::ZERO));
        assert_eq!(pacer.take(350 * MS).unwrap().phase, Phase::Warmup);
        assert_eq!(pacer.take(350 * MS).unwrap().intended, 100 * MS);
        let third = pacer.take(350 * MS).unwrap();
        assert_eq!((third.intended, third.phase), (200 * MS, Phase::Measured));
        assert_eq!(pacer.take(350 * MS).unwrap().intended, 300 * MS);
        assert_eq!(pacer.take(350 * MS), None);
        assert_eq!(pacer.due(), Due::At(400 * MS));
        assert_eq!(turns(&plan, 0).len(), 12);
    }

    #[test]
    fn publishers_take_turns_and_together_reach_the_rate() {
        let plan = Plan {
            n_publishers: 3,
            batch: 10,
            rate: Rate::Fixed(1000.0),
            stop: Stop::After(1000 * MS),
            warmup: Duration::ZERO,
            ..plan()
        };
        let mut times: Vec<_> = (0..3).flat_map(|it| turns(&plan, it)).collect();
        times.sort_by_key(|it| it.intended);
        assert_eq!(times.len(), 100);
        for (n, turn) in times.iter().enumerate() {
            assert_eq!(turn.intended.as_millis(), n as u128 * 10);
        }
    }

    #[test]
    fn a_count_is_exact_however_it_is_shared() {
        for n_publishers in [1, 2, 3, 7] {
            for (count, batch) in [(1, 1), (100, 1), (100, 7), (5, 10), (21, 3)] {
                for rate in [Rate::Fixed(130.0), Rate::Max] {
                    let plan = Plan {
                        n_publishers,
                        batch,
                        rate,
                        stop: Stop::Count(count),
                        warmup: 50 * MS,
                        ..plan()
                    };
                    let of_all = (0..n_publishers).flat_map(|it| turns(&plan, it));
                    let measured = of_all.filter(|it| it.phase == Phase::Measured);
                    let n_messages: u64 = measured.map(|it| it.n_messages).sum();
                    assert_eq!(n_messages, count, "{plan:?}");
                }
            }
        }
    }

    #[test]
    fn what_was_due_and_not_taken_is_unsent() {
        let of = |rate, stop, now| {
            let warmup = 50 * MS;
            let plan = Plan {
                rate,
                stop,
                warmup,
                ..plan()
            };
            let mut pacer = Pacer::new(&plan, 0);
            pacer.take(now);
            pacer.n_unsent(now)
        };
        let fixed = Rate::Fixed(100.0);
        assert_eq!(of(fixed, Stop::Count(7), Duration::ZERO), 0);
        // Turns at 0, 10, ... and 80 ms; the first five are of the warm-up.
        assert_eq!(of(fixed, Stop::Count(7), 85 * MS), 4);
        assert_eq!(of(fixed, Stop::Count(7), 5000 * MS), 7);
        assert_eq!(of(fixed, Stop::After(90 * MS), 5000 * MS), 9);
        assert_eq!(of(Rate::Max, Stop::Count(7), 60 * MS), 6);
        assert_eq!(of(Rate::Max, Stop::After(90 * MS), 60 * MS), 0);
        assert_eq!(of(Rate::Max, Stop::After(90 * MS), 5000 * MS), 0);
    }

    #[test]
    fn what_nobody_took_of_a_long_run_is_counted_at_once() {
        let day = Duration::from_secs(86_400);
        let plan = Plan {
            n_publishers: 1,
            rate: Rate::Fixed(10_000_000.0),
            stop: Stop::After(day),
            warmup: Duration::ZERO,
            ..plan()
        };
        let pacer = Pacer::new(&plan, 0);
        assert_eq!(pacer.n_unsent(day), 864_000_000_000);
        assert_eq!(pacer.n_unsent(Duration::MAX), 864_000_000_000);
    }

    proptest! {
        #[test]
        fn what_is_unsent_is_what_could_still_be_taken(
            rate in 1.0..2000.0_f64,
            (n_publishers, publisher) in (1..5_usize).prop_flat_map(|it| (Just(it), 0..it)),
            (batch, warmup, now) in (1..8_usize, 0..300_u32, 0..900_u32),
            stop in prop_oneof![
                (1..600_u32).prop_map(|it| Stop::After(it * MS)),
                (1..500_u64).prop_map(Stop::Count),
            ],
            n_taken in 0..50_usize,
        ) {
            let rate = Rate::Fixed(rate);
            let warmup = warmup * MS;
            let plan = Plan { n_publishers, batch, rate, stop, warmup, ..plan() };
            let mut pacer = Pacer::new(&plan, publisher);
            for _ in 0..n_taken {
                pacer.take(now / 2 * MS);
            }
            let mut rest = pacer.clone();
            let turns = std::iter::from_fn(|| rest.take(now * MS));
            let measured = turns.filter(|it| it.phase == Phase::Measured);
            let n_messages: u64 = measured.map(|it| it.n_messages).sum();
            prop_assert_eq!(pacer.n_unsent(now * MS), n_messages);
        }
    }

    proptest! {
        /// However late turns are taken, and in however many parts changes are told: each is there
        /// once, when the sum of what the rates bring has come to it.
        #[test]
        fn changes_of_the_rate_neither_lose_a_turn_nor_double_one(
            n_publishers in 1..5_usize,
            changes in prop::collection::vec((0..2000_u32, prop_oneof![Just(0.0), 0.5..3000.0_f64]), 0..8),
            n_at_once in 1..40_usize,
        ) {
            let rate = Rate::Fixed(100.0);
            let stop = Stop::Interrupt;
            let plan = Plan { n_publishers, rate, stop, warmup: Duration::ZERO, ..plan() };
            let mut pacers: Vec<_> = (0..n_publishers).map(|it| Pacer::new(&plan, it)).collect();
            let mut tempo = Tempo::first(plan.rate, plan.batch);
            let (mut now, mut n_due, mut rate) = (Duration::ZERO, 0.0, 100.0);
            let mut taken = Vec::new();
            for (millis, next) in changes.into_iter().chain([(500, 0.0)]) {
                now += millis * MS;
                n_due += f64::from(millis) / 1000.0 * rate;
                rate = next;
                tempo = tempo.then(now, Rate::Fixed(rate), plan.batch);
                for pacer in &mut pacers {
                    pacer.change(tempo);
                    let turns = std::iter::from_fn(|| pacer.take(now)).take(n_at_once);
                    taken.extend(turns.map(|it| it.intended));
                }
            }
            let n_unsent: u64 = pacers.iter().map(|it| it.n_unsent(now)).sum();
            let before = taken.len();
            for pacer in &mut pacers {
                taken.extend(std::iter::from_fn(|| pacer.take(now)).map(|it| it.intended));
                prop_assert!(pacer.due() == Due::Never && !pacer.is_over(now));
            }
            prop_assert_eq!((taken.len() - before) as u64, n_unsent);
            // The first one is due at once, where there is a rate.
            let difference = taken.len() as f64 - n_due;
            prop_assert!((-1e-3..1.001).contains(&difference), "{} and {n_due}", taken.len());
            prop_assert!(taken.iter().all(|it| *it <= now));
        }
    }

    #[test]
    fn a_schedule_goes_on_where_it_was_when_the_rate_changes() {
        let plan = Plan {
            rate: Rate::Fixed(10.0),
            stop: Stop::Interrupt,
            warmup: Duration::ZERO,
            ..plan()
        };
        let mut pacer = Pacer::new(&plan, 0);
        assert_eq!(pacer.take(Duration::ZERO).unwrap().intended, Duration::ZERO);
        // Halfway to the next turn; from there the other half takes a tenth of the time.
        let faster = Tempo::first(plan.rate, 1).then(150 * MS, Rate::Fixed(100.0), 1);
        pacer.change(faster);
        assert_eq!(pacer.take(150 * MS).unwrap().intended, 100 * MS);
        assert_eq!(pacer.due(), Due::At(155 * MS));
        let resting = faster.then(152 * MS, Rate::Fixed(0.0), 1);
        pacer.change(resting);
        assert_eq!((pacer.due(), pacer.n_unsent(9000 * MS)), (Due::Never, 0));
        let slower = resting.then(1000 * MS, Rate::Fixed(1.0), 1);
        pacer.change(slower);
        assert_eq!(pacer.due(), Due::At(1300 * MS));
        let ready = slower.then(1400 * MS, Rate::Max, 1);
        pacer.change(ready);
        assert_eq!(pacer.take(1500 * MS).unwrap().intended, 1300 * MS);
        assert_eq!(pacer.due(), Due::WhenReady);
        pacer.change(ready.then(1600 * MS, Rate::Fixed(1.0), 1));
        assert_eq!(pacer.due(), Due::At(2500 * MS));
    }

    #[test]
    fn without_a_schedule_a_turn_comes_when_the_publisher_is_ready() {
        let plan = Plan {
            rate: Rate::Max,
            stop: Stop::After(100 * MS),
            warmup: 10 * MS,
            ..plan()
        };
        let mut pacer = Pacer::new(&plan, 0);
        assert_eq!(pacer.due(), Due::WhenReady);
        assert_eq!(pacer.take(5 * MS).unwrap().phase, Phase::Warmup);
        assert_eq!(pacer.take(50 * MS).unwrap().intended, 50 * MS);
        assert_eq!(pacer.take(110 * MS), None);
        assert!(pacer.is_over(110 * MS) && !pacer.is_over(109 * MS));
    }
}
