//! Who comes and who goes: sessions are opened, clients come and go, and in the end all leave.
//!
//! ```text
//! absent --open--> Opening ----> Up --churn--> leaves and comes back at once
//!   ^                 |           |
//!   |    (steered)    v           v
//!   +-- after a rest: Failed <----+--not wanted--> Away --wanted again--> absent
//! ```

use std::cmp::Reverse;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use mio::Events;

use super::super::super::board::{Control, Order};
use super::super::super::participant::{Role, Who};
use super::super::MOST_OPENING;
use super::super::member::{Member, Standing};
use super::Worker;

/// Disconnects under way at once on one thread.
const MOST_LEAVING: usize = 128;
/// How long a session that has ended rests before it comes back: longer each time.
const SHORTEST_REST: Duration = Duration::from_secs(1);
const LONGEST_REST: Duration = Duration::from_secs(10);

impl Worker {
    /// Sees how many sessions are wanted: those of this thread are the first so many.
    pub(super) fn follow(&mut self) {
        let n_wanted = self.board.n_wanted().saturating_sub(self.thread);
        let n_wanted = n_wanted.div_ceil(self.n_threads);
        if n_wanted == self.n_wanted {
            return;
        }
        self.n_wanted = n_wanted;
        for place in self.n_kept..n_wanted {
            // One that is still on its way out comes back once it is.
            if self.members.get(place).is_none_or(|it| !it.is_leaving) {
                self.absent.insert(place);
            }
        }
        self.n_kept = self.n_kept.max(n_wanted);
    }

    /// Whether there is a session to be opened, and room for it.
    pub(super) fn may_open(&self) -> bool {
        let most = (MOST_OPENING / self.n_threads).max(1);
        let Some(&place) = self.absent.first() else {
            return false;
        };
        // The very first session goes alone: if it cannot come up, no other needs to try.
        let is_led = self.number(place) == 0 || self.board.progress.is_led.load(Ordering::Relaxed);
        let goes_on = self.board.order() <= Order::Publish;
        goes_on && place < self.n_wanted && self.n_opening < most && is_led
    }

    /// Opens the sessions whose time has come, by the ramp.
    pub(super) fn open_some(&mut self, now: Instant) {
        self.end_rests(now);
        let between = Duration::from_secs_f64(self.n_threads as f64 / self.board.plan.ramp);
        while self.may_open() && self.next_opening <= now {
            // No catching up after a pause, which would be a burst.
            self.next_opening = (self.next_opening + between).max(now - between);
            let Some(place) = self.absent.pop_first() else {
                return;
            };
            self.open(now, place);
        }
    }

    /// Opens a session, for the first time or again. Places are taken in turn.
    fn open(&mut self, now: Instant, place: usize) {
        match self.members.get_mut(place) {
            None => {
                let who = self.who(self.members.len());
                let member = Member::open(&self.settings, &self.board, who, now);
                self.members.push(member);
            }
            Some(member) => {
                let has_left = member.standing == Standing::Away;
                self.recorder.sessions.churned += u64::from(has_left);
                // Of one that had ended what it missed was its loss until now.
                member.participant.leave(&self.board, &mut self.recorder);
                member.open_again(&self.settings, &self.board, now);
            }
        }
        self.stand(place, Standing::Opening);
        self.drive(now, place);
    }

    /// Lets clients that are no longer wanted disconnect, the last one first.
    pub(super) fn let_go(&mut self, now: Instant) {
        while self.n_kept > self.n_wanted && self.n_leaving < MOST_LEAVING {
            self.n_kept -= 1;
            let place = self.n_kept;
            self.absent.remove(&place);
            let Some(member) = self.members.get_mut(place) else {
                continue;
            };
            member.participant.leave(&self.board, &mut self.recorder);
            let is_gone = member.session.is_ended() || member.is_leaving;
            self.stand(place, Standing::Away);
            if !is_gone {
                self.members[place].leave();
                self.n_leaving += 1;
                self.drive(now, place);
            }
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

    /// Sees whether a session has come up, has ended, or has left.
    pub(super) fn settle(&mut self, now: Instant, at: usize) {
        let member = &mut self.members[at];
        if member.standing == Standing::Opening && member.participant.is_settled() {
            let standing = match member.participant.is_up() {
                true => Standing::Up,
                false => Standing::Failed,
            };
            self.stand(at, standing);
        }
        let member = &mut self.members[at];
        if !member.session.is_ended() {
            return;
        }
        let goes_on = self.board.order() == Order::Publish;
        match member.is_leaving {
            true => {
                member.is_leaving = false;
                self.n_leaving -= 1;
                if goes_on && at < self.n_kept {
                    return self.come_back(now, at);
                }
                let (member, mut context) = self.parts(at);
                member.link.close(&mut context);
            }
            false if goes_on && self.board.control == Control::Steering => self.rest(now, at),
            false => {}
        }
    }

    /// A client that has left is wanted: it was only to be another session, or it is wanted again.
    fn come_back(&mut self, now: Instant, at: usize) {
        let member = &mut self.members[at];
        if member.standing == Standing::Away {
            self.absent.insert(at);
            return;
        }
        member.open_again(&self.settings, &self.board, now);
        self.recorder.sessions.churned += 1;
        self.drive(now, at);
    }

    /// A session that is wanted has ended: it comes back after a while.
    fn rest(&mut self, now: Instant, at: usize) {
        let member = &mut self.members[at];
        if member.standing == Standing::Away {
            return;
        }
        if !member.is_resting {
            member.is_resting = true;
            let factor = 1_u32 << member.n_ends.min(16);
            member.n_ends += 1;
            let rest = SHORTEST_REST.saturating_mul(factor).min(LONGEST_REST);
            self.rests.push(Reverse((now + rest, at)));
        }
        self.stand(at, Standing::Failed);
    }

    fn end_rests(&mut self, now: Instant) {
        while let Some(&Reverse((until, at))) = self.rests.peek()
            && until <= now
        {
            self.rests.pop();
            let member = &mut self.members[at];
            member.is_resting = false;
            if member.standing == Standing::Failed && at < self.n_kept {
                self.absent.insert(at);
            }
        }
    }

    /// Counts a session where it stands now.
    fn stand(&mut self, at: usize, standing: Standing) {
        let member = &mut self.members[at];
        let before = std::mem::replace(&mut member.standing, standing);
        let progress = &self.board.progress;
        let is_publisher = matches!(member.participant.role, Role::Publisher(_));
        match before {
            Standing::Away => {}
            Standing::Opening => self.n_opening -= 1,
            Standing::Up => {
                progress.n_up.fetch_sub(1, Ordering::Relaxed);
                let n_publishers_up = &progress.n_publishers_up;
                n_publishers_up.fetch_sub(usize::from(is_publisher), Ordering::Relaxed);
            }
            Standing::Failed => {
                progress.n_failed.fetch_sub(1, Ordering::Relaxed);
            }
        }
        match standing {
            Standing::Away => {}
            Standing::Opening => self.n_opening += 1,
            Standing::Up => {
                member.n_ends = 0;
                progress.is_led.store(true, Ordering::Relaxed);
                progress.n_up.fetch_add(1, Ordering::Relaxed);
                let n_publishers_up = &progress.n_publishers_up;
                n_publishers_up.fetch_add(usize::from(is_publisher), Ordering::Relaxed);
            }
            Standing::Failed => {
                progress.n_failed.fetch_add(1, Ordering::Relaxed);
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

    /// Who has this place among the members.
    pub(super) fn who(&self, place: usize) -> Who {
        Who::nth(self.number(place), &self.board.plan)
    }

    /// Everybody's number; the threads take turns.
    fn number(&self, place: usize) -> usize {
        self.thread + place * self.n_threads
    }
}
