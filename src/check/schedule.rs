//! Running checks: the first ones alone, then a few at a time, then those that measure.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Instant;

use super::{Check, Outcome, Over, Settings, Stage, Status, Subject};

/// Why a check is skipped that the run has no time for.
const TIME_IS_OVER: &str = "the time of the run was over";

/// Checks at a time: none has more than a few sessions, and a server should hardly notice.
const N_AT_ONCE: usize = 4;

/// Runs the checks, and tells what came of each in their order. After this time those that have
/// not begun are skipped, and those that have end.
///
/// Where one of the [first](Stage::First) fails, the others are skipped; where the run is given up,
/// those that have not begun are not told.
pub fn run(
    settings: &Settings,
    checks: &[&'static Check],
    until: Instant,
    is_given_up: &AtomicBool,
    mut tell: impl FnMut(Outcome),
) {
    let mut reason: Option<String> = None;
    let mut ordered = Ordered::default();
    let mut tell_all = |nth: usize, outcome: Outcome| ordered.take(nth, outcome, &mut tell);
    for stage in [Stage::First, Stage::Beside, Stage::Last] {
        let numbered = checks.iter().copied().enumerate();
        let of_stage: Vec<_> = numbered.filter(|(_, it)| it.stage == stage).collect();
        if let Some(reason) = &reason {
            for (nth, check) in of_stage {
                tell_all(nth, Outcome::skipped(check, reason));
            }
            continue;
        }
        let n_workers = match stage {
            Stage::First | Stage::Last => 1,
            Stage::Beside => N_AT_ONCE,
        };
        let next = AtomicUsize::new(0);
        let (sender, receiver) = channel();
        let failed: Mutex<Option<&'static str>> = Mutex::new(None);
        thread::scope(|scope| {
            for _ in 0..n_workers {
                let (next, of_stage, failed) = (&next, &of_stage, &failed);
                let sender = sender.clone();
                scope.spawn(move || {
                    while !is_given_up.load(Ordering::Relaxed)
                        && let Some(&(nth, check)) =
                            of_stage.get(next.fetch_add(1, Ordering::Relaxed))
                    {
                        let outcome = after(failed, check, || one(settings, check, until));
                        // Nobody listens any more once the run is given up.
                        let _ = sender.send((nth, outcome));
                    }
                });
            }
            drop(sender);
            for (nth, outcome) in receiver {
                tell_all(nth, outcome);
            }
        });
        let failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
        if stage == Stage::First {
            reason = failed.map(|id| format!("{id} failed"));
        }
    }
}

/// What comes of a check, unless it is one of the first and another one of them has failed.
fn after(
    failed: &Mutex<Option<&'static str>>,
    check: &'static Check,
    run: impl FnOnce() -> Outcome,
) -> Outcome {
    let before = *failed.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(id) = before
        && check.stage == Stage::First
    {
        return Outcome::skipped(check, &format!("{id} failed"));
    }
    let outcome = run();
    if outcome.status == Status::Failed {
        let mut failed = failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed.get_or_insert(check.id);
    }
    outcome
}

fn one(settings: &Settings, check: &'static Check, until: Instant) -> Outcome {
    let started = Instant::now();
    if started >= until {
        return Outcome::skipped(check, TIME_IS_OVER);
    }
    let check_until = (started + check.patience).min(until);
    let connection_type = match check.over {
        Over::Any => settings.connection_type,
        Over::Only(connection_type) => connection_type,
    };
    let subject = Subject::new(settings, check.id, connection_type, check_until);
    let found = (check.run)(&subject);
    // What is cut off by the end of the run says nothing of the server: a connection that had a
    // millisecond, a hold that nobody waited for. Of one that does not even answer the first
    // checks it does.
    let is_cut_off = check.stage != Stage::First && Instant::now() >= until;
    if is_cut_off && !found.as_ref().is_ok_and(|it| it.holds) {
        return Outcome::skipped(check, TIME_IS_OVER);
    }
    Outcome::new(check, found, subject.transcript().take(), started.elapsed())
}

/// Outcomes come in any order and are told in that of the list.
#[derive(Default)]
struct Ordered {
    waiting: BTreeMap<usize, Outcome>,
    n_told: usize,
}

impl Ordered {
    fn take(&mut self, nth: usize, outcome: Outcome, tell: &mut impl FnMut(Outcome)) {
        self.waiting.insert(nth, outcome);
        while let Some(outcome) = self.waiting.remove(&self.n_told) {
            self.n_told += 1;
            tell(outcome);
        }
    }
}
