//! A run in somebody else's hands, from beginning to end: sessions come and go, publishers become
//! faster and slower, and what was measured is told about once a second.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime};

use super::board::Control;
use super::conductor::{BETWEEN_LOOKS, LONGEST_FAREWELL};
use super::ongoing::Ongoing;
use super::plan::{Plan, Rate, Stop};
use super::results;
use super::run::{ClientUse, ErrorCount, Request, Run, Sessions};
use super::settings::{BenchError, Engine, Interrupt, Settings, Stage};
use super::steering::{Portion, Steering, Wanted};
use super::system::{Usage, descriptor_limit, n_cores};

/// How long after a second is over its portion is made: the threads hand theirs over meanwhile.
const GRACE: Duration = Duration::from_millis(150);

/// Carries out a plan in somebody else's hands until it is interrupted. `observe` gets a portion
/// about once a second, and one last one, on this thread.
///
/// The clients, the rate, the warm-up and the end of the plan do not count: the first two are
/// steered, and everything is measured from the beginning. Publishing begins when the publishers
/// are up. A session that ends although it is wanted, or does not come up, comes back after a
/// while, so that a server that is not there is waited for. The portions add up to the run.
///
/// # Errors
/// When the run cannot begin.
pub fn steered(
    settings: &Settings,
    steering: &Steering,
    interrupt: &Interrupt,
    observe: &mut dyn FnMut(Portion),
) -> Result<Run, BenchError> {
    if settings.engine == Engine::Threads {
        return Err(BenchError::NotSteerable);
    }
    let wanted = steering.wanted();
    let mut settings = settings.clone();
    settings.plan = Plan {
        n_clients: wanted.n_clients,
        // Until the publishers are up.
        rate: Rate::Fixed(0.0),
        stop: Stop::Interrupt,
        warmup: Duration::ZERO,
        ..settings.plan
    };
    settings.plan.check_apart_from_load()?;
    let time = SystemTime::now();
    let ongoing = Ongoing::begin(&settings, Control::Steering)?;
    let steersman = Steersman {
        ongoing,
        steering,
        n_clients: wanted.n_clients,
        rate: None,
        time,
        ledger: Ledger {
            sum: None,
            n_seconds: 0,
            most: wanted,
            n_wanted: 0,
            usage: Usage::now(),
            n_unfit: 0,
            n_unfit_told: 0,
            most_up: 0,
            up: Duration::ZERO,
        },
        observe,
    };
    Ok(steersman.conduct(interrupt))
}

struct Steersman<'a> {
    ongoing: Ongoing,
    steering: &'a Steering,
    /// What the threads know.
    n_clients: usize,
    rate: Option<Rate>,
    /// When it began.
    time: SystemTime,
    ledger: Ledger,
    observe: &'a mut dyn FnMut(Portion),
}

/// What was told.
struct Ledger {
    sum: Option<Run>,
    /// Seconds in the portions.
    n_seconds: u64,
    /// The most clients and the highest rate that were wanted so far.
    most: Wanted,
    /// The most sessions that were wanted, as far as is told.
    n_wanted: usize,
    usage: Usage,
    /// The most clients that were wanted and do not fit on this machine, and how many of them are
    /// told.
    n_unfit: usize,
    n_unfit_told: usize,
    /// The most sessions that were up, and how long after the beginning.
    most_up: usize,
    up: Duration,
}

impl Steersman<'_> {
    fn conduct(mut self, interrupt: &Interrupt) -> Run {
        let begun = self.ongoing.board.begun;
        self.ongoing.board.start(begun);
        while !interrupt.is_interrupted() && !self.ongoing.crew.has_fallen() {
            self.ongoing.intervals.receive();
            let now = Instant::now();
            self.steer(now);
            let elapsed = now.saturating_duration_since(begun);
            let n_seconds = elapsed.saturating_sub(GRACE).as_secs();
            if n_seconds > self.ledger.n_seconds {
                let seconds = (n_seconds - self.ledger.n_seconds) as f64;
                self.tell(Stage::Measuring, n_seconds, seconds);
            }
            std::thread::sleep(BETWEEN_LOOKS);
        }
        let until = Instant::now();
        self.ongoing.board.stop(until);
        self.ongoing.crew.wake();
        self.drain(until, interrupt);
        self.ongoing.end();
        let elapsed = (until - begun).as_secs_f64();
        let seconds = (elapsed - self.ledger.n_seconds as f64).max(0.0);
        self.tell(Stage::Draining, elapsed.ceil() as u64, seconds);
        self.ongoing.crew.join();
        let mut run = self.ledger.sum.unwrap_or_default();
        let most = self.ledger.most;
        run.config.clients = most.n_clients as u64;
        run.config.rate = fixed(most.rate);
        run.client.shortfall = results::shortfall(&run, self.ongoing.n_threads);
        run
    }

    /// Lets the threads know what is wanted now.
    fn steer(&mut self, now: Instant) {
        let board = &self.ongoing.board;
        let mut wanted = self.steering.wanted();
        let n_fitting = self.ongoing.n_fitting;
        let room = n_fitting.saturating_sub(board.plan.n_publishers);
        self.ledger.n_unfit = (self.ledger.n_unfit).max(wanted.n_clients.saturating_sub(room));
        wanted.n_clients = wanted.n_clients.min(room);
        let most = &mut self.ledger.most;
        most.n_clients = most.n_clients.max(wanted.n_clients);
        most.rate = match (most.rate, wanted.rate) {
            (Rate::Fixed(one), Rate::Fixed(other)) => Rate::Fixed(one.max(other)),
            (Rate::Max, _) | (_, Rate::Max) => Rate::Max,
        };
        let is_other_population = wanted.n_clients != self.n_clients;
        if is_other_population {
            self.n_clients = wanted.n_clients;
            board.want(wanted.n_clients);
        }
        let may_publish = self.rate.is_some() || self.is_ready(now);
        let is_other_rate = may_publish && self.rate != Some(wanted.rate);
        if is_other_rate {
            self.rate = Some(wanted.rate);
            board.change_rate(now, wanted.rate);
        }
        if is_other_population || is_other_rate {
            self.ongoing.crew.wake();
        }
        let n_up = board.progress.n_up.load(Ordering::Relaxed);
        if n_up > self.ledger.most_up {
            self.ledger.most_up = n_up;
            self.ledger.up = now.saturating_duration_since(board.begun);
        }
    }

    /// Whether publishing may begin: all publishers are up, or those that are have waited long
    /// enough for the others.
    fn is_ready(&self, now: Instant) -> bool {
        let (board, transport) = (&self.ongoing.board, &self.ongoing.settings.transport);
        let n_publishers = board.plan.n_publishers;
        let n_up = board.progress.n_publishers_up.load(Ordering::Relaxed);
        let ramp = Duration::try_from_secs_f64(n_publishers as f64 / board.plan.ramp);
        let patience = ramp
            .unwrap_or(Duration::MAX)
            .saturating_add(transport.connect_timeout)
            .saturating_add(transport.network_timeout);
        n_up >= n_publishers || (n_up > 0 && now.saturating_duration_since(board.begun) > patience)
    }

    /// Waits for what is on its way, for a bounded time.
    fn drain(&mut self, until: Instant, interrupt: &Interrupt) {
        let board = &self.ongoing.board;
        let patience = board.plan.drain.min(LONGEST_FAREWELL);
        let is_all = || {
            let n_published = board.progress.n_published.load(Ordering::Relaxed);
            n_published == 0 || (board.is_published() && board.is_delivered())
        };
        let is_over = || until.elapsed() >= patience || interrupt.is_hurried();
        while !is_all() && !is_over() && !self.ongoing.crew.has_fallen() {
            std::thread::sleep(BETWEEN_LOOKS);
        }
    }

    /// Tells what was measured until this second of the run.
    fn tell(&mut self, stage: Stage, until: u64, seconds: f64) {
        let ledger = &mut self.ledger;
        let from = ledger.n_seconds;
        let mut measured = self.ongoing.intervals.take(from, until);
        measured.started = Some(self.time + Duration::from_secs(from));
        measured.config = results::config(&self.ongoing.settings, self.ongoing.n_threads);
        measured.config.clients = self.n_clients as u64;
        measured.config.rate = self.rate.map_or(Some(0.0), fixed);
        let n_unfit = ledger.n_unfit - std::mem::replace(&mut ledger.n_unfit_told, ledger.n_unfit);
        if n_unfit > 0 {
            let n_fitting = self.ongoing.n_fitting;
            measured.errors.push(ErrorCount {
                kind: "no room for more sessions on this machine".to_owned(),
                request: Some(Request::Handshake),
                count: n_unfit as u64,
                first: format!(
                    "{n_fitting} sessions fit, {} more are wanted",
                    ledger.n_unfit
                ),
                first_at_s: 0.0,
            });
        }
        let n_wanted = self.ongoing.board.plan.n_publishers + ledger.most.n_clients;
        measured.sessions = Sessions {
            wanted: (n_wanted - ledger.n_wanted) as u64,
            up_ms: ledger.up.as_secs_f64() * 1000.0,
            ..measured.sessions
        };
        measured.messages.intended = measured.messages.published + measured.messages.unsent;
        let usage = Usage::now();
        measured.client = ClientUse {
            seconds,
            cpu_seconds: usage.cpu.saturating_sub(ledger.usage.cpu).as_secs_f64(),
            cores: n_cores() as u64,
            lag: std::mem::take(&mut measured.client.lag),
            descriptors: usage.descriptors,
            descriptor_limit: descriptor_limit(),
            rss_mib: usage.rss_mib,
            rss_peak_mib: usage.rss_peak_mib,
            shortfall: None,
            // It ends when it is told to.
            interrupted: false,
        };
        (ledger.n_seconds, ledger.n_wanted, ledger.usage) = (until, n_wanted, usage);
        match &mut ledger.sum {
            Some(sum) => sum.add(&measured),
            None => ledger.sum = Some(measured.clone()),
        }
        let elapsed = self.ongoing.board.begun.elapsed();
        let progress = self.ongoing.progress(stage, elapsed, None);
        (self.observe)(Portion { progress, measured });
    }
}

fn fixed(rate: Rate) -> Option<f64> {
    match rate {
        Rate::Fixed(rate) => Some(rate),
        Rate::Max => None,
    }
}
