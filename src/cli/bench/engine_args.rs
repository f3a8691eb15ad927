//! The options that say how the load is made: by which engine, from where, with which randomness.

use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, TcpListener};
use std::num::NonZero;

use bayeux::bench::{Engine, Plan};

use crate::cli::exit::{Stop, plain};
use crate::cli::values;

#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Engine")]
pub(crate) struct EngineArgs {
    /// Who drives the sessions: loop, a few threads with thousands of sessions each, or
    /// threads, one for each session, as the other commands have them.
    #[arg(long, value_name = "NAME", value_enum, default_value_t = EngineName::Loop, hide_possible_values = true)]
    engine: EngineName,

    /// Threads of the loop engine [default: as many as the load needs, at most one a core].
    #[arg(long, value_name = "N", value_parser = values::count)]
    threads: Option<u64>,

    /// Connect from this local address, which has ports of its own; several take turns.
    #[arg(long, value_name = "ADDR")]
    source: Vec<IpAddr>,

    /// What randomness begins with [default: random; the report shows it].
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
}

/// The names of the engines.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
enum EngineName {
    /// Poll loops.
    Loop,
    /// A thread for each session.
    Threads,
}

/// Nobody has so many cores.
const MOST_THREADS: u64 = 1024;
/// What one thread does with time to spare, so that it is not late itself.
const SESSIONS_A_THREAD: f64 = 2_000.0;
/// The same: messages sent and received in a second.
const MESSAGES_A_THREAD: f64 = 10_000.0;

impl EngineArgs {
    /// The engine for a plan.
    pub(crate) fn engine(&self, plan: &Plan) -> Result<Engine, Stop> {
        match (self.engine, self.threads) {
            (EngineName::Threads, None) => Ok(Engine::Threads),
            (EngineName::Threads, Some(_)) => {
                Err(Stop::usage("--threads is of no use with --engine threads")
                    .hint("that engine has a thread for each session; --clients says how many"))
            }
            (EngineName::Loop, Some(n_threads)) if n_threads > MOST_THREADS => {
                Err(Stop::usage(format!("--threads: at most {MOST_THREADS}"))
                    .hint("more threads than cores make a run slower"))
            }
            (EngineName::Loop, Some(n_threads)) => {
                let n_threads = usize::try_from(n_threads).unwrap_or(usize::MAX);
                // One without a session would have nothing to do.
                let n_threads = n_threads.min(plan.n_sessions());
                Ok(Engine::Loop { n_threads })
            }
            (EngineName::Loop, None) => {
                let n_cores = std::thread::available_parallelism().map_or(1, NonZero::get);
                let n_threads = needed(plan).min(n_cores);
                Ok(Engine::Loop { n_threads })
            }
        }
    }

    /// The engine for a load of which somebody else says how large it is, and changes it.
    pub(crate) fn steered_engine(&self) -> Result<Engine, Stop> {
        if self.engine == EngineName::Threads {
            return Err(Stop::usage("--engine threads is of no use with --locust")
                .hint("the loop engine is the one whose sessions come and go"));
        }
        let n_cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        let n_threads = match self.threads {
            Some(n_threads) => usize::try_from(n_threads.min(MOST_THREADS)).unwrap_or(1),
            None => n_cores,
        };
        Ok(Engine::Loop { n_threads })
    }

    /// The local addresses to connect from, which this machine has.
    pub(crate) fn sources(&self) -> Result<Vec<IpAddr>, Stop> {
        for address in &self.source {
            let probe = match address.is_unspecified() {
                true => Err("it stands for any address".to_owned()),
                false => TcpListener::bind((*address, 0))
                    .map(drop)
                    .map_err(|error| plain(&error)),
            };
            probe.map_err(|reason| {
                Stop::usage(format!(
                    "--source: not an address of this machine: {address}"
                ))
                .cause(reason)
                .hint("`ip address` lists them; on Linux all of 127.0.0.0/8 are")
            })?;
        }
        Ok(self.source.clone())
    }

    /// The seed, small enough for every reader of JSON unless it was given.
    pub(crate) fn seed(&self) -> u64 {
        // Every RandomState has keys of its own.
        let random = || RandomState::new().hash_one(()) >> 32;
        self.seed.unwrap_or_else(random)
    }
}

/// The threads that a load keeps busy.
fn needed(plan: &Plan) -> usize {
    let of_sessions = plan.n_sessions() as f64 / SESSIONS_A_THREAD;
    let of_messages = match (plan.deliveries_per_second(), plan.rate) {
        (Some(deliveries), bayeux::bench::Rate::Fixed(rate)) => {
            (deliveries + rate) / MESSAGES_A_THREAD
        }
        // As many as there can be.
        (None, _) | (_, bayeux::bench::Rate::Max) => f64::INFINITY,
    };
    // A float that is too large becomes the largest number.
    let n_threads = of_sessions.max(of_messages).ceil() as usize;
    n_threads.clamp(1, plan.n_sessions().max(1))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bayeux::bench::{Payload, Rate, Stop as PlanStop};

    use super::*;

    #[test]
    fn a_larger_load_gets_more_threads() {
        let plan = |n_clients, rate| Plan {
            channel: "/bench".parse().unwrap(),
            n_clients,
            n_publishers: 1,
            n_channels: 1,
            n_per_client: 1,
            rate,
            stop: PlanStop::After(Duration::from_secs(1)),
            warmup: Duration::ZERO,
            drain: Duration::ZERO,
            payload: Payload::Size(64),
            batch: 1,
            ramp: 1.0,
            churn: 0.0,
        };
        assert_eq!(needed(&plan(10, Rate::Fixed(100.0))), 1);
        assert_eq!(needed(&plan(100, Rate::Fixed(250.0))), 3);
        assert_eq!(needed(&plan(10_000, Rate::Fixed(0.1))), 6);
        assert_eq!(needed(&plan(3, Rate::Max)), 4);
        assert_eq!(needed(&plan(1, Rate::Fixed(1e7))), 2);
    }
}
