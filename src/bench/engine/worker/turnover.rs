//! Who comes and who goes: sessions are opened, clients come and go, and in the end all leave.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use mio::Events;

use super::super::super::participant::{Role, Who};
use super::super::MOST_OPENING;
use super::super::member::Member;
use super::Worker;

/// Disconnects under way at once on one thread.
const MOST_LEAVING: usize = 128;

impl Worker {
    /// Whether there is a session to be opened, and room for it.
    pub(super) fn may_open(&self) -> bool {
        let most = (MOST_OPENING / self.n_threads).max(1);
        // The very first session goes alone: if it cannot come up, no other needs to try.
        let is_pilot = self.members.is_empty() && self.has_pilot();
        let is_led = self.board.progress.n_up.load(Ordering::Relaxed) > 0;
        !self.todo.is_empty() && self.n_opening < most && (is_pilot || is_led)
    }

    /// Opens the sessions whose time has come, by the ramp.
    pub(super) fn open_some(&mut self, now: Instant) {
        let between = Duration::from_secs_f64(self.n_threads as f64 / self.board.plan.ramp);
        while self.may_open() && self.next_opening <= now {
            // No catching up after a pause, which would be a burst.
            self.next_opening = (self.next_opening + between).max(now - between);
            let Some(who) = self.todo.pop() else {
                return;
            };
            let member = Member::open(&self.settings, &self.board, who, now);
            self.members.push(member);
            self.n_opening += 1;
            self.drive(now, self.members.len() - 1);
        }
    }

    /// Lets clients disconnect, one after the other; they come back as soon as they have.
    pub(super) fn churn(&mut self, now: Instant) {
        let (Some(due), Some(between)) = (self.next_churn, self.between_churns()) else {
            return;
        };
        if due > now {
            return;
        }
        self.next_churn = Some(due + between);
        for _ in 0..self.members.len() {
            self.churn_place = (self.churn_place + 1) % self.members.len();
            let member = &mut self.members[self.churn_place];
            let is_there = member.participant.is_up() && !member.is_leaving;
            if let (true, Role::Client(subscriber)) = (is_there, &mut member.participant.role) {
                subscriber.leave(&self.board, &mut self.recorder);
                member.leave();
                self.n_leaving += 1;
                return self.drive(now, self.churn_place);
            }
        }
    }

    /// Lets all sessions disconnect, some at a time, within a bounded time.
    pub(super) fn leave(&mut self, events: &mut Events) {
        let n_members = self.members.len();
        let patience = Duration::from_secs(2) + Duration::from_micros(300) * n_members as u32;
        let until = Instant::now() + patience;
        let (mut next, mut n_gone) = (0, 0);
        // Those that leave for the churn have been asked, and hold nobody up.
        let most = self.n_leaving + MOST_LEAVING;
        while n_gone < n_members && Instant::now() < until {
            while next < n_members && self.n_leaving < most {
                let at = next;
                next += 1;
                let member = &self.members[at];
                if member.session.is_ended() || member.is_leaving {
                    continue;
                }
                self.members[at].leave();
                self.n_leaving += 1;
                self.drive(Instant::now(), at);
            }
            self.wait(events);
            n_gone = self
                .members
                .iter()
                .filter(|it| it.session.is_ended())
                .count();
        }
    }

    /// How long after a client of this thread the next one leaves.
    pub(super) fn between_churns(&self) -> Option<Duration> {
        let rate = self.board.plan.churn / self.n_threads as f64;
        (rate > 0.0).then(|| Duration::from_secs_f64(1.0 / rate))
    }

    fn has_pilot(&self) -> bool {
        let first = match self.board.plan.n_publishers {
            0 => Who::Client(0),
            _ => Who::Publisher(0),
        };
        self.todo.last() == Some(&first)
    }
}
