//! A response that leaves in steps, as a fault wants it: what is still to be done, and when.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::server::fault::Step;

/// The steps that are left, in their order.
#[derive(Debug, Default)]
pub(super) struct Course {
    steps: VecDeque<Step>,
    until: Option<Instant>,
}

/// What comes next.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Next {
    /// Nothing before this time.
    Pause,
    Write(Vec<u8>),
    Close,
    /// Nothing will be written any more.
    Silence,
    Over,
}

impl Course {
    pub(super) fn extend(&mut self, steps: impl IntoIterator<Item = Step>) {
        self.steps.extend(steps);
    }

    pub(super) fn next(&mut self, now: Instant) -> Next {
        if self.until.is_some_and(|until| now < until) {
            return Next::Pause;
        }
        self.until = None;
        match self.steps.pop_front() {
            None => Next::Over,
            Some(Step::Write(bytes)) => Next::Write(bytes),
            // Without a pause they need not leave one by one.
            Some(Step::Drip(bytes, Duration::ZERO)) => Next::Write(bytes.into()),
            Some(Step::Drip(mut bytes, pause)) => {
                // Made one by one: as steps they would take fifty times as much.
                if let Some(byte) = bytes.pop_front() {
                    self.steps.push_front(Step::Drip(bytes, pause));
                    self.steps.push_front(Step::Write(vec![byte]));
                    self.until = now.checked_add(pause);
                }
                self.next(now)
            }
            Some(Step::Close) => Next::Close,
            Some(Step::FallSilent) => Next::Silence,
            Some(Step::Wait(time)) => {
                // What no clock can show is not worth waiting for.
                self.until = now.checked_add(time);
                self.next(now)
            }
        }
    }

    /// Until when nothing is to be done.
    pub(super) fn until(&self) -> Option<Instant> {
        self.until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_drip_one_by_one_and_take_no_more_room_than_they_did() {
        let start = Instant::now();
        let second = Duration::from_secs(1);
        let mut course = Course::default();
        course.extend([Step::Drip(vec![1, 2, 3].into(), second), Step::Close]);
        for (n_seconds, byte) in [(0, 1), (1, 2), (2, 3)] {
            let now = start + second * n_seconds;
            assert_eq!(course.next(now), Next::Pause);
            assert!(course.steps.len() <= 3);
            assert_eq!(course.next(now + second), Next::Write(vec![byte]));
        }
        assert_eq!(course.next(start + second * 3), Next::Close);
        course.extend([Step::Drip(vec![1, 2].into(), Duration::ZERO)]);
        assert_eq!(course.next(start), Next::Write(vec![1, 2]));
        assert_eq!(course.next(start), Next::Over);
    }

    #[test]
    fn steps_are_taken_in_their_order_and_not_before_their_time() {
        let start = Instant::now();
        let second = Duration::from_secs(1);
        let mut course = Course::default();
        course.extend([Step::Write(vec![1]), Step::Wait(second), Step::Close]);
        assert_eq!(course.next(start), Next::Write(vec![1]));
        assert_eq!(course.until(), None);
        assert_eq!(course.next(start), Next::Pause);
        assert_eq!(course.until(), Some(start + second));
        assert_eq!(course.next(start), Next::Pause);
        assert_eq!(course.next(start + second), Next::Close);
        assert_eq!(course.next(start + second), Next::Over);
    }
}
