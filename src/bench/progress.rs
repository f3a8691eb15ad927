//! How far a run is: sums over its threads, to be read at any time.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use super::board::Board;
use super::recorder::Recorder;

/// Sums over all threads.
#[derive(Debug, Default)]
pub(super) struct Counters {
    /// Sessions that are up, or gave up.
    pub(super) n_up: AtomicUsize,
    pub(super) n_failed: AtomicUsize,
    /// Publishers that are up.
    pub(super) n_publishers_up: AtomicUsize,
    /// Whether any session has ever been up.
    pub(super) is_led: AtomicBool,
    pub(super) n_published: AtomicU64,
    pub(super) n_expected: AtomicU64,
    pub(super) n_delivered: AtomicU64,
    pub(super) n_errors: AtomicU64,
    /// Publishers that have nothing more to send or to wait for.
    pub(super) n_done: AtomicUsize,
}

/// What the board's counters know of one recorder.
#[derive(Debug, Default)]
pub(super) struct Told {
    n_published: u64,
    n_delivered: u64,
    n_errors: u64,
    n_done: usize,
}

impl Told {
    /// Adds what was counted since.
    pub(super) fn tell(&mut self, recorder: &Recorder, board: &Board) {
        let progress = &board.progress;
        let tell = |sum: &AtomicU64, told: &mut u64, count: u64| {
            if count > *told {
                sum.fetch_add(count - *told, Ordering::Relaxed);
                *told = count;
            }
        };
        let (published, delivered) = (recorder.n_published(), recorder.n_delivered());
        tell(&progress.n_published, &mut self.n_published, published);
        tell(&progress.n_delivered, &mut self.n_delivered, delivered);
        let n_errors = recorder.n_errors();
        tell(&progress.n_errors, &mut self.n_errors, n_errors);
    }

    /// Says how many publishers are done. One that had given up may have come back.
    pub(super) fn tell_done(&mut self, n_done: usize, board: &Board) {
        let sum = &board.progress.n_done;
        sum.fetch_add(n_done, Ordering::Relaxed);
        sum.fetch_sub(self.n_done, Ordering::Relaxed);
        self.n_done = n_done;
    }
}
