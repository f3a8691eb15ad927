//! A run from beginning to end: sessions up, warm-up, measured time, drain, and the results.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime};

use super::board::{Board, Control};
use super::ongoing::Ongoing;
use super::plan::Stop;
use super::results::Measured;
use super::run::Run;
use super::settings::{BenchError, Interrupt, Progress, Settings, Stage};
use super::system::Usage;
use crate::session::End;

/// How often the observer is called, and the end looked for.
pub(super) const BETWEEN_LOOKS: Duration = Duration::from_millis(20);
const BETWEEN_CALLS: Duration = Duration::from_millis(200);
/// A run by count ends when nothing has been published or delivered for so long.
const LONGEST_STANDSTILL: Duration = Duration::from_secs(30);
/// How long an interrupted run waits for what is on its way.
pub(super) const LONGEST_FAREWELL: Duration = Duration::from_secs(1);

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
    let mut ongoing = Ongoing::begin(settings, Control::Plan)?;
    let conductor = Conductor {
        ongoing: &mut ongoing,
        interrupt,
        observe,
        called: None,
    };
    let outcome = conductor.conduct();
    ongoing.end();
    ongoing.crew.join();
    let measured = outcome?;
    // A measured time lasts a little longer than was asked for.
    let n_seconds = measured.seconds.as_secs_f64().round() as u64;
    let run = ongoing.intervals.take(0, n_seconds);
    Ok(measured.into_run(&ongoing.settings, ongoing.n_threads, run))
}

struct Conductor<'a> {
    ongoing: &'a mut Ongoing,
    interrupt: &'a Interrupt,
    observe: &'a mut dyn FnMut(&Progress),
    called: Option<Instant>,
}

impl Conductor<'_> {
    fn conduct(mut self) -> Result<Measured, BenchError> {
        let up = self.open();
        let board = Arc::clone(&self.ongoing.board);
        let n_up = board.progress.n_up.load(Ordering::Relaxed);
        if n_up == 0 {
            let first = board.first_end().unwrap_or(End::Disconnected);
            return Err(BenchError::NoSession {
                first: Box::new(first),
                last: board.last_hindrance().map(Box::new),
            });
        }
        let started = Instant::now();
        board.start(started);
        self.ongoing.crew.wake();
        let plan = &board.plan;
        let interrupt = self.interrupt;
        self.wait(Stage::Warmup, Some(plan.warmup), started, |_| {
            interrupt.is_interrupted()
        });
        let (from, time, before) = (Instant::now(), SystemTime::now(), Usage::now());
        let end = plan.measured_time();
        let mut standstill = Standstill::new(from);
        self.wait(Stage::Measuring, end, from, |board| {
            // With a schedule the time is what was asked for; without one the messages are.
            let is_counted = end.is_none() && plan.stop != Stop::Interrupt;
            let is_all = is_counted && (board.is_published() || standstill.is_over(board));
            is_all || interrupt.is_interrupted()
        });
        let (until, usage) = (Instant::now(), Usage::now());
        let is_interrupted = interrupt.is_interrupted();
        let drain = match is_interrupted {
            true => {
                board.stop(until);
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
        Ok(measured)
    }

    /// Waits until every session is up or has given up, for a bounded time.
    fn open(&mut self) -> Duration {
        let board = Arc::clone(&self.ongoing.board);
        let plan = &board.plan;
        let n_wanted = plan.n_sessions();
        let ramp = Duration::try_from_secs_f64(n_wanted as f64 / plan.ramp);
        let transport = &self.ongoing.settings.transport;
        let (connect, network) = (transport.connect_timeout, transport.network_timeout);
        let patience = ramp
            .unwrap_or(Duration::MAX)
            .saturating_add(connect)
            .saturating_add(network);
        let (begun, interrupt) = (board.begun, self.interrupt);
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
        while !is_over(&self.ongoing.board) && !self.ongoing.crew.has_fallen() {
            let now = Instant::now();
            let elapsed = now.saturating_duration_since(since);
            let left = total.map_or(BETWEEN_LOOKS, |it| it.saturating_sub(elapsed));
            if left.is_zero() {
                break;
            }
            self.ongoing.intervals.receive();
            if self.called.is_none_or(|it| now >= it + BETWEEN_CALLS) {
                self.called = Some(now);
                let progress = self.ongoing.progress(stage, elapsed, total);
                (self.observe)(&progress);
            }
            std::thread::sleep(left.min(BETWEEN_LOOKS));
        }
        let elapsed = since.elapsed();
        let progress = self.ongoing.progress(stage, elapsed, total);
        (self.observe)(&progress);
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
