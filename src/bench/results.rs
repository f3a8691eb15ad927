//! The results of a run, put together from what the conductor and the threads measured.

use std::time::{Duration, Instant, SystemTime};

use super::plan::{Rate, Stop};
use super::run::{ClientUse, Config, Run, Shortfall};
use super::settings::{Engine, Settings};
use super::system::{Usage, descriptor_limit, n_cores};
use crate::protocol::member;
use crate::session::extension::{Outgoing, members};

/// What only the conductor knows.
pub(super) struct Measured {
    pub(super) n_up: usize,
    pub(super) up: Duration,
    pub(super) seconds: Duration,
    pub(super) cpu: Duration,
    pub(super) usage: Usage,
    pub(super) is_interrupted: bool,
    pub(super) started: SystemTime,
}

impl Measured {
    /// With what the threads measured, the results.
    pub(super) fn into_run(self, settings: &Settings, n_threads: usize, mut run: Run) -> Run {
        run.started = Some(self.started);
        run.config = config(settings, n_threads);
        run.sessions.wanted = settings.plan.n_sessions() as u64;
        run.sessions.up = self.n_up as u64;
        run.sessions.up_ms = self.up.as_secs_f64() * 1000.0;
        let messages = &mut run.messages;
        messages.intended = messages.published + messages.unsent;
        run.client = ClientUse {
            seconds: self.seconds.as_secs_f64(),
            cpu_seconds: self.cpu.as_secs_f64(),
            cores: n_cores() as u64,
            lag: std::mem::take(&mut run.client.lag),
            descriptors: self.usage.descriptors,
            descriptor_limit: descriptor_limit(),
            rss_mib: self.usage.rss_mib,
            rss_peak_mib: self.usage.rss_peak_mib,
            shortfall: None,
            interrupted: self.is_interrupted,
        };
        run.client.shortfall = shortfall(&run, n_threads);
        run
    }
}

/// A rate is reached if this much of it is.
const NEARLY: f64 = 0.99;
/// Why the rate was not reached, if it was not.
pub(super) fn shortfall(run: &Run, n_threads: usize) -> Option<Shortfall> {
    let messages = &run.messages;
    let seconds = run.client.seconds;
    run.config.rate?;
    if messages.published_in_time() as f64 >= messages.intended as f64 * NEARLY {
        return None;
    }
    let n_usable = (n_threads as f64).min(run.client.cores as f64);
    let is_busy = run.client.cpu_seconds > 0.85 * seconds * n_usable;
    let lag = run.client.lag.percentile(99.0).or(run.client.lag.max());
    let is_late = lag.is_some_and(|it| it > Duration::from_millis(50));
    Some(if is_busy {
        Shortfall::GeneratorCpu
    } else if is_late {
        Shortfall::SchedulerLag
    } else if run.sessions.ended + run.sessions.renewed > 0 || run.sessions.up < run.sessions.wanted
    {
        Shortfall::NoSession
    } else {
        Shortfall::ServerBackPressure
    })
}

pub(super) fn config(settings: &Settings, n_threads: usize) -> Config {
    let plan = &settings.plan;
    let seconds = |it: Duration| it.as_secs_f64();
    Config {
        url: settings.transport.endpoint.to_string(),
        channel: plan.channel.to_string(),
        transport: settings.connection_type.to_string(),
        engine: match settings.engine {
            Engine::Loop { .. } => "loop",
            Engine::Threads => "threads",
        }
        .to_owned(),
        threads: n_threads as u64,
        clients: plan.n_clients as u64,
        publishers: plan.n_publishers as u64,
        channels: plan.n_channels as u64,
        per_client: plan.n_per_client as u64,
        rate: match plan.rate {
            Rate::Fixed(rate) => Some(rate),
            Rate::Max => None,
        },
        batch: plan.batch as u64,
        size: plan.payload.size() as u64,
        ramp: plan.ramp,
        churn: plan.churn,
        warmup_s: seconds(plan.warmup),
        duration_s: match plan.stop {
            Stop::After(duration) => Some(seconds(duration)),
            Stop::Count(_) | Stop::Interrupt => None,
        },
        count: match plan.stop {
            Stop::After(_) | Stop::Interrupt => None,
            Stop::Count(count) => Some(count),
        },
        drain_s: seconds(plan.drain),
        ack: asks_for_ack(settings),
        seed: settings.seed,
    }
}

/// Whether the handshakes offer the ack extension.
fn asks_for_ack(settings: &Settings) -> bool {
    let mut extensions = (settings.extensions)();
    let ext = members(&mut extensions, Instant::now(), Outgoing::Handshake).to_json();
    ext.is_some_and(|it| member(it.as_str(), "ack") == Some("true"))
}
