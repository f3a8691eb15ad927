//! `bayeux bench --locust`: a worker of a Locust master, until the master quits.
//!
//! ```text
//! line    a thread that connects and listens  --+
//! load    a thread that carries out a run     --+-->  inbox  -->  Enlisted, with the worker and the printer
//! signals                                     --+
//! ```

mod faults;
mod line;
mod load;
mod orders;

use std::hash::{BuildHasher, RandomState};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant, SystemTime};

use bayeux::bench::{BenchError, Portion, Run, Stage};
use bayeux::locust::{Event, Exception, FromMaster, LinkError, Options, Users, Worker};

use self::faults::{Faults, told};
use self::line::{Happening, Line};
use self::load::{Load, described};
use self::orders::Orders;
use super::Bench;
use super::locust_args::Master;
use super::outcome::failed;
use crate::cli::descriptors;
use crate::cli::exit::{Exit, Stop};
use crate::cli::operands::Operands;
use crate::cli::signals::{Ends, Signals};
use crate::output::{Printer, words};

/// What the worker's thread waits for.
enum Input {
    /// Of the connection to the master.
    Line {
        /// Of which attempt to connect.
        attempt: u64,
        happening: Happening,
    },
    /// The run has measured something.
    Measured(Box<Portion>),
    /// The run is over.
    Ended(Result<Box<Run>, BenchError>),
    /// Somebody wants the program to end.
    Signal,
}

/// Works for a master until it quits, or a signal comes.
pub(super) fn work(
    bench: &Bench,
    master: &Master,
    operands: Operands,
    printer: &mut Printer,
) -> Result<(), Stop> {
    descriptors::raise_limit();
    let orders = Orders::new(bench, operands)?;
    // That they can be written is known before a master relies on it.
    drop(bench.results.open_one_of_many(1)?);
    let (sender, inbox) = channel();
    let signals = {
        let sender = sender.clone();
        let end = move || {
            // Nobody listens any more once the program ends.
            let _ = sender.send(Input::Signal);
        };
        Signals::listen(end, Ends::Measurement)
            .map_err(|error| Stop::local("cannot listen for signals", &error))?
    };
    let now = Instant::now();
    // Not the seed of the load, which may be given: an id must be a new one each time.
    let seed = RandomState::new().hash_one(SystemTime::now());
    let mut enlisted = Enlisted {
        bench,
        orders,
        worker: Worker::new(name_of_machine(), seed, now, SystemTime::now()),
        line: Line::new(master.clone(), sender.clone(), now),
        sender,
        inbox,
        load: None,
        n_runs: 0,
        faults: Faults::new(master.clone()),
        hurry_at: None,
        is_over: false,
        failure: None,
        printer,
    };
    let worked = enlisted.work();
    match (signals.received(), worked, enlisted.failure) {
        (_, Err(stop), _) => Err(stop),
        (_, Ok(()), Some(stop)) if stop.exit == Exit::Local => Err(stop),
        (Some(signal), Ok(()), _) => Err(Stop::silent(Exit::Signal(signal))),
        (None, Ok(()), Some(stop)) => Err(stop),
        (None, Ok(()), None) => Ok(()),
    }
}

struct Enlisted<'a> {
    bench: &'a Bench,
    orders: Orders<'a>,
    worker: Worker,
    line: Line,
    sender: Sender<Input>,
    inbox: Receiver<Input>,
    load: Option<Load>,
    n_runs: u64,
    faults: Faults,
    /// When the run is to wait no longer for what is on its way.
    hurry_at: Option<Instant>,
    /// Whether the worker has left: what is still under way comes to its end.
    is_over: bool,
    /// What the program ends with, if it is no success.
    failure: Option<Stop>,
    printer: &'a mut Printer,
}

impl Enlisted<'_> {
    fn work(&mut self) -> Result<(), Stop> {
        loop {
            let now = Instant::now();
            self.worker.handle_timeout(now);
            if self.hurry_at.is_some_and(|it| now >= it) {
                self.hurry_at = None;
                if let Some(load) = &self.load {
                    load.interrupt.hurry();
                }
            }
            self.settle(now);
            if self.is_over && self.load.is_none() {
                return Ok(());
            }
            if !self.is_over {
                let id = self.worker.id();
                self.line
                    .call(id, now)
                    .map_err(|error| Stop::local("cannot start a thread", &error))?;
            }
            let line = self.line.timeout().filter(|_| !self.is_over);
            let timeout = [self.worker.poll_timeout(), line, self.hurry_at];
            let next = timeout.into_iter().flatten().min();
            // Without a time there is something that will come.
            let wait = next.map_or(Duration::from_secs(1), |it| {
                it.saturating_duration_since(now)
            });
            match self.inbox.recv_timeout(wait) {
                Ok(input) => self.handle(input),
                // This side holds a sender, so that the other case cannot be.
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
            }
        }
    }

    /// Says what the worker has to say, and does what it asks for.
    fn settle(&mut self, now: Instant) {
        loop {
            while let Some(message) = self.worker.poll_transmit() {
                let bytes = message.encode(self.worker.id());
                if let Err(error) = self.line.send(&bytes) {
                    self.disconnected(&error, now);
                }
            }
            let Some(event) = self.worker.poll_event() else {
                return;
            };
            self.carry_out(event, now);
        }
    }

    fn handle(&mut self, input: Input) {
        let now = Instant::now();
        match input {
            Input::Line { attempt, happening } if self.line.is_current(attempt) => {
                match happening {
                    Happening::Up(sender) => {
                        self.line.up(sender);
                        self.worker.handle_connected(now);
                    }
                    Happening::Said(bytes) => match FromMaster::decode(&bytes) {
                        Ok(message) => self.worker.handle_message(now, message),
                        Err(error) => self.faults.tell_once(&error.to_string(), self.printer),
                    },
                    Happening::Down(error) => self.disconnected(&error, now),
                }
            }
            Input::Line { .. } => {}
            Input::Measured(portion) => {
                self.worker.handle_portion(now, &portion.measured);
                if let Some(load) = &mut self.load {
                    load.is_told |= portion.progress.stage == Stage::Draining;
                    if let Some((cpu_percent, memory)) = load.use_of_machine(&portion.measured) {
                        self.worker.usage(cpu_percent, memory);
                    }
                }
                self.printer.load_progress(&portion.progress, None);
            }
            Input::Ended(ended) => self.ended(ended, now),
            Input::Signal => self.worker.leave(),
        }
    }

    fn carry_out(&mut self, event: Event, now: Instant) {
        match event {
            Event::Registered { index } => {
                self.line.proven();
                self.faults.are_over();
                let master = self.faults.master();
                self.printer.note(&format!("worker {index} of {master}"));
            }
            Event::Begin { users, options } => {
                if let Err(stop) = self.begin(users, &options) {
                    self.refused(&stop, now);
                }
            }
            Event::Steer { users, options } => self.steer(users, &options),
            Event::Stop { hurry } => {
                self.hurry_at = hurry;
                if let Some(load) = &self.load {
                    load.interrupt.interrupt();
                }
            }
            Event::Quit => {
                self.is_over = true;
                if self.load.as_ref().is_some_and(|it| !it.is_told) {
                    self.printer.warning(
                        "the master has not waited for the last figures, and lacks the end of this run",
                    );
                }
            }
            Event::Reconnect => {
                self.faults
                    .tell("it asks for another connection", self.printer);
                self.line.down(now);
            }
            Event::Silent { after } => {
                let after = words::duration(after);
                self.faults.tell(
                    &format!("it takes no worker in, within {after}; perhaps for another one with the same id"),
                    self.printer,
                );
                self.line.down(now);
            }
            Event::MasterGone { after } => {
                let after = words::duration(after);
                self.faults
                    .tell(&format!("nothing from it within {after}"), self.printer);
                self.line.down(now);
            }
            Event::Note(text) => self.faults.tell_once(&text, self.printer),
        }
    }

    /// Begins with a run.
    fn begin(&mut self, users: Users, options: &Options) -> Result<(), Stop> {
        let settings = self.orders.settings(users, options)?;
        self.n_runs += 1;
        let results = self.bench.results.open_one_of_many(self.n_runs)?;
        let endpoint = &settings.transport.endpoint;
        self.bench
            .connection
            .network
            .tls
            .warn(endpoint, self.printer);
        if let Some(note) = settings.plan.channel.grammar_note() {
            self.printer.warning(&note.to_string());
        }
        let load = described(users, settings.plan.rate);
        self.printer.note(&format!(
            "run {}: {load}; {endpoint}, channel {}",
            self.n_runs, settings.plan.channel
        ));
        let load = Load::start(users.own, settings, results, self.sender.clone())?;
        self.load = Some(load);
        Ok(())
    }

    fn steer(&mut self, users: Users, options: &Options) {
        let rate = self.orders.rate(users, options);
        if let Some(load) = &self.load {
            load.steering.steer(users.own, rate);
            // A ramp brings one a second.
            self.printer.note_in_traffic(&described(users, rate));
        }
    }

    /// The run is over: the master is told before anything is written.
    fn ended(&mut self, ended: Result<Box<Run>, BenchError>, now: Instant) {
        let Some(load) = self.load.take() else {
            return;
        };
        let told = match ended {
            Ok(run) => {
                self.worker.handle_ended(now);
                self.settle(now);
                self.printer.end_load_progress();
                load.results.tell(&run, self.printer)
            }
            Err(error) => {
                self.printer.end_load_progress();
                let endpoint = &load.settings.transport.endpoint;
                let stop = failed(error, endpoint, load.began.elapsed());
                self.refused(&stop, now);
                Err(stop)
            }
        };
        if let Err(stop) = told {
            if stop.exit != Exit::Unmet {
                self.printer.warning(&told_in_one_line(&stop));
            }
            self.failure.get_or_insert(stop);
        }
    }

    /// A run that cannot be: its people are told at the master, which shows it as an exception.
    fn refused(&mut self, stop: &Stop, now: Instant) {
        let text = told_in_one_line(stop);
        self.printer.warning(&text);
        let hint = stop.report.as_ref().and_then(|it| it.hint.clone());
        self.worker.handle_exception(Exception {
            msg: text,
            traceback: hint.unwrap_or_default(),
        });
        self.worker.handle_ended(now);
    }

    fn disconnected(&mut self, error: &LinkError, now: Instant) {
        if !self.is_over {
            self.faults.tell(&told(error), self.printer);
        }
        self.worker.handle_disconnected(now);
        self.line.down(now);
    }
}

/// What people know this worker by, on the master's page.
fn name_of_machine() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let name = name.or_else(|| std::env::var("HOSTNAME").ok());
    let name: String = name
        .unwrap_or_default()
        .chars()
        .filter(|it| it.is_ascii_alphanumeric() || ".-".contains(*it))
        .take(64)
        .collect();
    match name.is_empty() {
        true => "bayeux".to_owned(),
        false => name,
    }
}

/// An error and its cause.
fn told_in_one_line(stop: &Stop) -> String {
    let cause = stop.report.as_ref().and_then(|it| it.cause.as_ref());
    match cause {
        Some(cause) => format!("{stop}: {cause}"),
        None => stop.to_string(),
    }
}
