//! A run of a worker, in a thread of its own.

use std::sync::mpsc::Sender;
use std::thread;
use std::time::Instant;

use bayeux::bench::{self, Engine, Interrupt, Rate, Run, Settings, Steering};
use bayeux::locust::Users;

use super::Input;
use crate::cli::bench::results::Results;
use crate::cli::exit::Stop;
use crate::output::words;

/// A run that goes on.
pub(super) struct Load {
    pub(super) steering: Steering,
    pub(super) interrupt: Interrupt,
    pub(super) settings: Settings,
    pub(super) results: Results,
    pub(super) began: Instant,
    /// Whether the last figures are in.
    pub(super) is_told: bool,
}

impl Load {
    /// Begins with so many clients.
    pub(super) fn start(
        n_clients: usize,
        settings: Settings,
        results: Results,
        inbox: Sender<Input>,
    ) -> Result<Self, Stop> {
        let load = Self {
            steering: Steering::new(n_clients, settings.plan.rate),
            interrupt: Interrupt::default(),
            settings,
            results,
            began: Instant::now(),
            is_told: false,
        };
        let (settings, steering) = (load.settings.clone(), load.steering.clone());
        let interrupt = load.interrupt.clone();
        let carry_out = move || {
            let ended = bench::steered(&settings, &steering, &interrupt, &mut |portion| {
                // Nobody listens any more once the program ends.
                let _ = inbox.send(Input::Measured(Box::new(portion)));
            });
            let _ = inbox.send(Input::Ended(ended.map(Box::new)));
        };
        thread::Builder::new()
            .name("bayeux-load".to_owned())
            .spawn(carry_out)
            .map_err(|error| Stop::local("cannot start a thread", &error))?;
        Ok(load)
    }

    /// What it needed of the machine: percent of the processors that its threads can use, and
    /// bytes.
    pub(super) fn use_of_machine(&self, measured: &Run) -> Option<(f64, u64)> {
        let client = &measured.client;
        let n_threads = match self.settings.engine {
            Engine::Loop { n_threads } => n_threads.max(1),
            Engine::Threads => 1,
        };
        let is_known = client.seconds > 0.0;
        is_known.then(|| {
            let cpu_percent = 100.0 * client.cpu_seconds / client.seconds / n_threads as f64;
            (cpu_percent, (client.rss_mib * f64::from(1 << 20)) as u64)
        })
    }
}

/// `5 of 10 clients, 50 messages/s`.
pub(super) fn described(users: Users, rate: Rate) -> String {
    let rate = match rate {
        Rate::Max => "messages as fast as they are acknowledged".to_owned(),
        Rate::Fixed(rate) => format!("{} messages/s", (rate * 10.0).round() / 10.0),
    };
    format!(
        "{} of {}, {rate}",
        words::grouped(users.own as u64),
        words::count(users.total as u64, "client")
    )
}
