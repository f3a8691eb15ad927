//! The supervisor: opens the sessions, lets clients come and go, and does the accounting.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::super::board::Order;
use super::super::engine::MOST_OPENING;
use super::super::participant::{Participant, Role, Who};
use super::seat::{Seat, Wish};
use super::{Common, occupant};
use crate::session::{End, Event, Failure, Permanence, Stage};

/// Disconnects under way at once.
const MOST_LEAVING: usize = 128;
/// How often the board is brought up to date.
const BETWEEN_COUNTS: Duration = Duration::from_millis(20);
/// How often it is looked who has left.
const BETWEEN_LOOKS: Duration = Duration::from_millis(5);
/// How long threads that are to end at once are waited for.
const LONGEST_END: Duration = Duration::from_millis(500);
/// As the lanes of a client have, and as much again for its session.
const STACK: usize = 512 * 1024;

pub(super) struct Supervisor {
    common: Arc<Common>,
    /// Those that are to be opened, last one first.
    todo: Vec<Who>,
    /// Those that were, in the same order as their threads.
    seats: Vec<Arc<Seat>>,
    handles: Vec<JoinHandle<()>>,
    next_opening: Instant,
    next_churn: Option<Instant>,
    /// The client that leaves next, by its place among the seats.
    churn_place: usize,
    is_publishing: bool,
}

impl Supervisor {
    pub(super) fn new(common: Arc<Common>) -> Self {
        let plan = &common.board.plan;
        let numbers = (0..plan.n_sessions()).rev();
        let todo: Vec<_> = numbers.map(|it| Who::nth(it, plan)).collect();
        Self {
            seats: Vec::with_capacity(todo.len()),
            handles: Vec::with_capacity(todo.len()),
            todo,
            next_opening: common.board.begun,
            next_churn: None,
            churn_place: 0,
            is_publishing: false,
            common,
        }
    }

    /// Sees the sessions through the run.
    pub(super) fn run(mut self) {
        loop {
            let now = Instant::now();
            match self.common.board.order() {
                Order::Open => {}
                Order::Publish | Order::Listen => self.begin_publishing(now),
                Order::Leave => break,
            }
            self.open_some(now);
            self.churn(now);
            self.tell(now);
            let opening = self.may_open().then_some(self.next_opening);
            let next = [opening, self.next_churn].into_iter().flatten().min();
            let left = next.map_or(BETWEEN_COUNTS, |it| {
                it.saturating_duration_since(Instant::now())
            });
            thread::park_timeout(left.min(BETWEEN_COUNTS));
        }
        self.close();
        self.leave();
    }

    fn begin_publishing(&mut self, now: Instant) {
        if self.is_publishing {
            return;
        }
        self.is_publishing = true;
        self.next_churn = self.between_churns().map(|it| now + it);
        self.seats.iter().for_each(|it| it.wake());
    }

    fn may_open(&self) -> bool {
        let progress = &self.common.board.progress;
        let n_up = progress.n_up.load(Ordering::Relaxed);
        let n_settled = n_up + progress.n_failed.load(Ordering::Relaxed);
        // The very first session goes alone: if it cannot come up, no other needs to try.
        let is_led = self.seats.is_empty() || n_up > 0;
        !self.todo.is_empty() && is_led && self.seats.len() - n_settled < MOST_OPENING
    }

    fn open_some(&mut self, now: Instant) {
        let between = Duration::from_secs_f64(1.0 / self.common.board.plan.ramp);
        while self.may_open() && self.next_opening <= now {
            // No catching up after a pause, which would be a burst.
            self.next_opening = (self.next_opening + between).max(now - between);
            let Some(who) = self.todo.pop() else {
                return;
            };
            self.open(who);
        }
    }

    fn open(&mut self, who: Who) {
        let (common, board) = (Arc::clone(&self.common), &self.common.board);
        let now = Instant::now();
        let seat = Arc::new(Seat::new(who, board, now));
        let own = Arc::clone(&seat);
        let spawned = thread::Builder::new()
            .name("bayeux-session".to_owned())
            .stack_size(STACK)
            .spawn(move || occupant::run(&common, &own));
        match spawned {
            Ok(handle) => self.handles.push(handle),
            Err(error) => {
                let failure = Failure {
                    stage: Stage::Unsent,
                    permanence: Permanence::Permanent,
                    retry_after: None,
                    is_gateway_timeout: false,
                    cause: Arc::new(error),
                };
                let event = Event::Ended(End::Unreachable(failure));
                let mut inner = seat.lock();
                inner.handle(now, event, board, &mut self.common.ledger(now).recorder);
            }
        }
        self.seats.push(seat);
    }

    /// Lets clients disconnect, one after the other; they come back as soon as they have.
    fn churn(&mut self, now: Instant) {
        let (Some(due), Some(between)) = (self.next_churn, self.between_churns()) else {
            return;
        };
        if due > now {
            return;
        }
        self.next_churn = Some(due + between);
        for _ in 0..self.seats.len() {
            self.churn_place = (self.churn_place + 1) % self.seats.len();
            let seat = &self.seats[self.churn_place];
            let mut inner = seat.lock();
            let mut ledger = self.common.ledger(now);
            if inner.turn_over(&self.common.board, &mut ledger.recorder) {
                drop((ledger, inner));
                return seat.wake();
            }
        }
    }

    fn between_churns(&self) -> Option<Duration> {
        let rate = self.common.board.plan.churn;
        (rate > 0.0).then(|| Duration::from_secs_f64(1.0 / rate))
    }

    /// Lets the run's conductor know what was counted.
    fn tell(&self, now: Instant) {
        let board = &self.common.board;
        let is_done = |seat: &&Arc<Seat>| {
            let inner = seat.lock();
            let participant = inner.participant.as_ref();
            participant.is_some_and(|it| it.is_done(now, board))
        };
        let n_done = match self.is_publishing {
            // Publishers come first.
            true => self.seats.iter().take(board.plan.n_publishers),
            false => self.seats.iter().take(0),
        }
        .filter(is_done)
        .count();
        let mut ledger = self.common.ledger(now);
        let ledger = &mut *ledger;
        ledger.told.tell(&ledger.recorder, board);
        ledger.told.tell_done(n_done, board);
    }

    /// The accounting, without any session's help: the publishers' before the clients', which
    /// count what was published. What comes later is nobody's any more.
    fn close(&mut self) {
        let (now, board) = (Instant::now(), &self.common.board);
        let is_publisher = |it: &Participant| matches!(it.role, Role::Publisher(_));
        let not_opened = self.todo.drain(..).map(|it| Seat::new(it, board, now));
        let not_opened: Vec<_> = not_opened.map(Arc::new).collect();
        for publishers in [true, false] {
            for seat in self.seats.iter().chain(&not_opened) {
                let mut inner = seat.lock();
                let participant = &mut inner.participant;
                if let Some(mut it) = participant.take_if(|it| is_publisher(it) == publishers) {
                    it.close(now, board, &mut self.common.ledger(now).recorder);
                }
            }
        }
        let mut ledger = self.common.ledger(now);
        ledger.hand_over(now);
        ledger.shares = None;
    }

    /// Lets all sessions disconnect, some at a time, within a bounded time. A thread that has not
    /// ended by then ends by itself, once the system gives up what it waits for.
    fn leave(self) {
        let n_sessions = self.seats.len();
        let patience = Duration::from_secs(2) + Duration::from_micros(300) * n_sessions as u32;
        let until = Instant::now() + patience;
        let n_gone =
            |handles: &[JoinHandle<()>]| handles.iter().filter(|it| it.is_finished()).count();
        let n_unspawned = n_sessions - self.handles.len();
        let mut n_asked = 0;
        while n_gone(&self.handles) < self.handles.len() && Instant::now() < until {
            let most = n_unspawned + n_gone(&self.handles) + MOST_LEAVING;
            while n_asked < n_sessions.min(most) {
                self.seats[n_asked].ask(Wish::Leave);
                n_asked += 1;
            }
            thread::park_timeout(BETWEEN_LOOKS);
        }
        self.seats.iter().for_each(|it| it.ask(Wish::Vanish));
        let until = Instant::now() + LONGEST_END;
        while n_gone(&self.handles) < self.handles.len() && Instant::now() < until {
            thread::park_timeout(BETWEEN_LOOKS);
        }
        // A thread that panicked has not told all that happened to its session.
        for handle in self.handles {
            if handle.is_finished()
                && let Err(panic) = handle.join()
            {
                resume_unwind(panic);
            }
        }
    }
}
