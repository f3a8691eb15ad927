//! A session's place: what its thread and the supervisor both get at.

use std::sync::atomic::Ordering;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::super::board::Board;
use super::super::participant::{Participant, Role, Who};
use super::super::recorder::Recorder;
use crate::client::Waker;
use crate::session::Event;

/// A session's place.
pub(super) struct Seat(Mutex<Inner>);

/// What is there.
pub(super) struct Inner {
    /// Nobody any more once the run is over and the accounting done.
    pub(super) participant: Option<Participant>,
    pub(super) wish: Wish,
    /// Wakes the session's thread, once it has a client.
    pub(super) waker: Option<Waker>,
    /// Whether the run knows that it is up or never will be.
    is_counted: bool,
}

/// What the supervisor wants of a session's thread.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Wish {
    /// Take part.
    Stay,
    /// Disconnect, and come back as a new session.
    ComeBack,
    /// Disconnect.
    Leave,
    /// End at once.
    Vanish,
}

impl Seat {
    pub(super) fn new(who: Who, board: &Board, now: Instant) -> Self {
        Self(Mutex::new(Inner {
            participant: Some(Participant::new(who, board, now)),
            wish: Wish::Stay,
            waker: None,
            is_counted: false,
        }))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the session's thread see what has changed.
    pub(super) fn wake(&self) {
        let waker = self.lock().waker.clone();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    pub(super) fn ask(&self, wish: Wish) {
        self.lock().wish = wish;
        self.wake();
    }
}

impl Inner {
    /// Takes an event, and tells the board where it leads: up, or to an end.
    pub(super) fn handle(
        &mut self,
        now: Instant,
        event: Event,
        board: &Board,
        recorder: &mut Recorder,
    ) {
        let Some(participant) = &mut self.participant else {
            return;
        };
        participant.handle(now, event, board, recorder);
        if !self.is_counted && participant.is_settled() {
            self.is_counted = true;
            let count = match participant.is_up() {
                true => &board.progress.n_up,
                false => &board.progress.n_failed,
            };
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Does the accounting of a client that is to leave and come back; whether it is one that can.
    pub(super) fn turn_over(&mut self, board: &Board, recorder: &mut Recorder) -> bool {
        let Some(participant) = &mut self.participant else {
            return false;
        };
        let is_there = participant.is_up() && self.wish == Wish::Stay;
        let (true, Role::Client(subscriber)) = (is_there, &mut participant.role) else {
            return false;
        };
        subscriber.leave(board, recorder);
        self.wish = Wish::ComeBack;
        true
    }
}
