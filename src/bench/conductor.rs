//! A run from beginning to end: sessions up, warm-up, measured time, drain, and the results.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant, SystemTime};

use super::board::{Board, Order};
use super::crew::Crew;
use super::engine;
use super::intervals::Intervals;
use super::payload::RunId;
use super::results::Measured;
use super::run::Run;
use super::settings::{BenchError, Engine, Interrupt, Progress, Settings, Stage};
use super::system::{Usage, capacity};
use super::threads;
use crate::session::End;

/// How often the observer is called, and the end looked for.
const BETWEEN_LOOKS: Duration = Duration::from_millis(20);
const BETWEEN_CALLS: Duration = Duration::from_millis(200);
/// A run by count ends when nothing has been published or delivered for so long.
const LONGEST_STANDSTILL: Duration = Duration::from_secs(30);
/// How long an interrupted run waits for what is on its way.
const LONGEST_FAREWELL: Duration = Duration::from_secs(1);

/// Carries out a plan. `observe` is called several times a second, on this thread.
///
/// The run ends on time whatever the server does; what did not come up, was not published or
/// not delivered is in the result.
///
/// # Errors
/// When the run cannot begin, or no session comes up.
pub fn run(
    settings: &Settings,
    interrupt: &Interrupt,
    observe: &mut dyn FnMut(&Progress),
) -> Result<Run, BenchError> {
    settings.plan.check()?;
    let n_wanted = settings.plan.n_sessions();
    let capacity = capacity(settings);
    if n_wanted > capacity.n_sessions {
        return Err(BenchError::NoRoom { n_wanted, capacity });
    }
    let mut settings = settings.clone();
    settings.sources = settings.sources();
    let settings = Arc::new(settings);
    let run_id = RunId::new(settings.seed ^ u64::from(std::process::id()));
    let board = Board::new(
        settings.plan.clone(),
        settings.connection_type,
        run_id,
        Instant::now(),
    );
    let board = Arc::new(board);
    let (sender, intervals) = channel();
    let n_threads = match settings.engine {
        Engine::Loop { n_threads } => n_threads.clamp(1, n_wanted),
        Engine::Threads => n_wanted,
    };
    let crew = match settings.engine {
        Engine::Loop { .. } => engine::start(&settings, &board, n_threads, &sender)?,
        Engine::Threads => threads::start(&settings, &board, &sender)?,
    };
    drop(sender);
    let conductor = Conductor {
        settings: &settings,
        board: &board,
        crew: &crew,
        interrupt,
        observe,
        called: None,
        intervals: Intervals::new(intervals),
    };
    let outcome = conductor.conduct();
    board.give(Order::Leave);
    crew.wake();
    let outcome = outcome.map(|(measured, intervals)| {
        let intervals = intervals.finish(measured.seconds);
        (measured, intervals)
    });
    let recorders = crew.join();
    let (measured, intervals) = outcome?;
    Ok(measured.into_run(&settings, n_threads, recorders, intervals))
}

struct Conductor<'a> {
    settings: &'a Settings,
    board: &'a Board,
    crew: &'a Crew,
    interrupt: &'a Interrupt,
    observe: &'a mut dyn FnMut(&Progress),
    called: Option<Instant>,
    intervals: Intervals,
}

impl Conductor<'_> {
    fn conduct(mut self) -> Result<(Measured, Intervals), BenchError> {
        let up = self.open();
        let n_up = self.board.progress.n_up.load(Ordering::Relaxed);
        if n_up == 0 {
            let first = self.board.first_end().unwrap_or(End::Disconnected);
            return Err(BenchError::NoSession {
                first: Box::new(first),
                last: self.board.last_hindrance().map(Box::new),
            });
        }
        let started = Instant::now();
        self.board.start(started);
        self.crew.wake();
        let plan = &self.board.plan;
        let interrupt = self.interrupt;
        self.wait(Stage::Warmup, Some(plan.warmup), started, |_| {
            interrupt.is_interrupted()
        });
        let (from, time, before) = (Instant::now(), SystemTime::now(), Usage::now());
        let end = plan.measured_time();
        let mut standstill = Standstill::new(from);
        self.wait(Stage::Measuring, end, from, |board| {
            // With a schedule the time is what was asked for; without one the messages are.
            let is_all = end.is_none() && (board.is_published() || standstill.is_over(board));
            is_all || interrupt.is_interrupted()
        });
        let (until, usage) = (Instant::now(), Usage::now());
        let is_interrupted = interrupt.is_interrupted();
        let drain = match is_interrupted {
            true => {
                self.board.stop(until);
                plan.drain.min(LONGEST_FAREWELL)
            }
            false => plan.drain,
        };
        self.wait(Stage::Draining, Some(drain), until, |board| {
            let is_all = board.is_published() && board.is_delivered();
            is_all || (!is_interrupted && interrupt.is_interrupted())
        });
        let measured = Measured {
            n_up,
            up,
            seconds: until - from,
            cpu: usage.cpu.saturating_sub(before.cpu),
            usage,
            is_interrupted: interrupt.is_interrupted(),
            started: time,
        };
        Ok((measured, self.intervals))
    }

    /// Waits until every session is up or has given up, for a bounded time.
    fn open(&mut self) -> Duration {
        let plan = &self.board.plan;
        let n_wanted = plan.n_sessions();
        let ramp = Duration::try_from_secs_f64(n_wanted as f64 / plan.ramp);
        let transport = &self.settings.transport;
        let patience = ramp
            .unwrap_or(Duration::MAX)
            .saturating_add(transport.connect_timeout)
            .saturating_add(transport.network_timeout);
        let (begun, interrupt) = (self.board.begun, self.interrupt);
        self.wait(Stage::Opening, Some(patience), begun, |board| {
            let progress = &board.progress;
            let n_up = progress.n_up.load(Ordering::Relaxed);
            let n_failed = progress.n_failed.load(Ordering::Relaxed);
            // The first one goes alone.
            let is_settled = n_up + n_failed >= n_wanted || (n_up == 0 && n_failed > 0);
            is_settled || interrupt.is_interrupted()
        });
        begun.elapsed()
    }

    /// Waits for the time to pass, or something to happen; tells the observer.
    fn wait(
        &mut self,
        stage: Stage,
        total: Option<Duration>,
        since: Instant,
        mut is_over: impl FnMut(&Board) -> bool,
    ) {
        while !is_over(self.board) && !self.crew.has_fallen() {
            let now = Instant::now();
            let elapsed = now.saturating_duration_since(since);
            let left = total.map_or(BETWEEN_LOOKS, |it| it.saturating_sub(elapsed));
            if left.is_zero() {
                break;
            }
            self.intervals.take();
            if self.called.is_none_or(|it| now >= it + BETWEEN_CALLS) {
                self.called = Some(now);
                let progress = self.progress(stage, elapsed, total);
                (self.observe)(&progress);
            }
            std::thread::sleep(left.min(BETWEEN_LOOKS));
        }
        let elapsed = since.elapsed();
        let progress = self.progress(stage, elapsed, total);
        (self.observe)(&progress);
    }

    fn progress(&self, stage: Stage, elapsed: Duration, total: Option<Duration>) -> Progress {
        let counters = &self.board.progress;
        Progress {
            stage,
            elapsed,
            total,
            n_up: counters.n_up.load(Ordering::Relaxed),
            n_wanted: self.board.plan.n_sessions(),
            n_published: counters.n_published.load(Ordering::Relaxed),
            n_delivered: counters.n_delivered.load(Ordering::Relaxed),
            n_expected: counters.n_expected.load(Ordering::Relaxed),
            n_errors: counters.n_errors.load(Ordering::Relaxed),
            p99: self.intervals.delivery().percentile(99.0),
        }
    }
}

/// Notices when nothing moves any more.
struct Standstill {
    n_delivered: u64,
    n_published: u64,
    since: Instant,
}

impl Standstill {
    fn new(now: Instant) -> Self {
        Self {
            n_delivered: 0,
            n_published: 0,
            since: now,
        }
    }

    fn is_over(&mut self, board: &Board) -> bool {
        let n_delivered = board.progress.n_delivered.load(Ordering::Relaxed);
        let n_published = board.progress.n_published.load(Ordering::Relaxed);
        if (n_delivered, n_published) != (self.n_delivered, self.n_published) {
            *self = Self {
                n_delivered,
                n_published,
                since: Instant::now(),
            };
        }
        self.since.elapsed() > LONGEST_STANDSTILL
    }
}
