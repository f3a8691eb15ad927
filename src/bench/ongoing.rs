//! A run that goes on, for whoever conducts it: its threads, what they share, and what they hand
//! over.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use super::board::{Board, Control, Order};
use super::crew::Crew;
use super::engine;
use super::intervals::Intervals;
use super::payload::RunId;
use super::settings::{BenchError, Engine, Progress, Settings, Stage};
use super::system::capacity;
use super::threads;

/// A run that goes on.
pub(super) struct Ongoing {
    pub(super) settings: Arc<Settings>,
    pub(super) board: Arc<Board>,
    pub(super) crew: Crew,
    pub(super) n_threads: usize,
    /// Sessions that fit on this machine.
    pub(super) n_fitting: usize,
    pub(super) intervals: Intervals,
}

impl Ongoing {
    /// Starts the threads, which open the sessions.
    ///
    /// # Errors
    /// When the run cannot begin.
    pub(super) fn begin(settings: &Settings, control: Control) -> Result<Self, BenchError> {
        let n_wanted = settings.plan.n_sessions();
        let capacity = capacity(settings);
        if n_wanted > capacity.n_sessions {
            return Err(BenchError::NoRoom { n_wanted, capacity });
        }
        let mut settings = settings.clone();
        settings.sources = settings.sources();
        let settings = Arc::new(settings);
        let board = Board::new(
            settings.plan.clone(),
            control,
            settings.connection_type,
            RunId::random(),
            Instant::now(),
        );
        let board = Arc::new(board);
        let (sender, shares) = channel();
        let n_threads = match (settings.engine, control) {
            (Engine::Loop { n_threads }, Control::Plan) => n_threads.clamp(1, n_wanted),
            (Engine::Loop { n_threads }, Control::Steering) => n_threads.max(1),
            (Engine::Threads, _) => n_wanted,
        };
        let crew = match settings.engine {
            Engine::Loop { .. } => engine::start(&settings, &board, n_threads, &sender)?,
            Engine::Threads => threads::start(&settings, &board, &sender)?,
        };
        Ok(Self {
            settings,
            board,
            crew,
            n_threads,
            n_fitting: capacity.n_sessions,
            intervals: Intervals::new(shares),
        })
    }

    /// Ends it: the accounting is done, and everything is handed over. The sessions are still
    /// leaving then.
    pub(super) fn end(&mut self) {
        self.board.give(Order::Leave);
        self.crew.wake();
        self.intervals.receive_all();
    }

    /// How far it is.
    pub(super) fn progress(
        &self,
        stage: Stage,
        elapsed: Duration,
        total: Option<Duration>,
    ) -> Progress {
        let counters = &self.board.progress;
        Progress {
            stage,
            elapsed,
            total,
            n_up: counters.n_up.load(Ordering::Relaxed),
            n_wanted: self.board.n_wanted(),
            n_published: counters.n_published.load(Ordering::Relaxed),
            n_delivered: counters.n_delivered.load(Ordering::Relaxed),
            n_expected: counters.n_expected.load(Ordering::Relaxed),
            n_errors: counters.n_errors.load(Ordering::Relaxed),
            p99: self.intervals.delivery().percentile(99.0),
        }
    }
}
