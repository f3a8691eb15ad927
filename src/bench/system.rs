//! What this process may use of its machine, and what it has used.

use std::time::Duration;

use super::settings::{Capacity, Engine, Limit, PORTS, Settings};

/// Descriptors that are not connections: the standard ones, poll loops, timers, files.
const SPARE: u64 = 64;
/// Threads of a session of [`Engine::Threads`]: itself and its two lanes.
const THREADS_A_SESSION: u64 = 3;
/// Its descriptors: over polling two connections, over a websocket one and the two ends of what
/// wakes its thread.
const DESCRIPTORS_OF_A_THREAD: u64 = 3;

/// How many sessions of this kind fit on this machine, with the limits that this process has.
pub fn capacity(settings: &Settings) -> Capacity {
    let limit = descriptor_limit();
    let n_more = settings.n_connections() - settings.plan.n_sessions();
    let n_sessions = |n_connections: u64| {
        usize::try_from(n_connections)
            .unwrap_or(usize::MAX)
            .saturating_sub(n_more)
    };
    let n_descriptors = limit.saturating_sub(SPARE);
    let mut capacity = Capacity {
        n_sessions: match settings.engine {
            Engine::Loop { .. } => n_sessions(n_descriptors),
            Engine::Threads => {
                usize::try_from(n_descriptors / DESCRIPTORS_OF_A_THREAD).unwrap_or(usize::MAX)
            }
        },
        limit: Limit::Descriptors { limit },
    };
    let n_sources = settings.sources().len().max(1);
    let n_ports = n_sessions((n_sources * PORTS) as u64);
    if n_ports < capacity.n_sessions {
        capacity = Capacity {
            n_sessions: n_ports,
            limit: Limit::Ports { n_sources },
        };
    }
    if settings.engine == Engine::Threads
        && let Some(limit) = thread_limit()
        && let Ok(n_sessions) = usize::try_from(limit / THREADS_A_SESSION)
        && n_sessions < capacity.n_sessions
    {
        capacity = Capacity {
            n_sessions,
            limit: Limit::Threads { limit },
        };
    }
    capacity
}

/// What a process has used of its machine.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Usage {
    /// Processor time, user and system.
    pub(super) cpu: Duration,
    /// Resident memory in MiB, now and at the most.
    pub(super) rss_mib: f64,
    pub(super) rss_peak_mib: f64,
    /// Open files.
    pub(super) descriptors: u64,
}

impl Usage {
    pub(super) fn now() -> Self {
        let (rss_mib, rss_peak_mib) = memory();
        Self {
            cpu: cpu_time(),
            rss_mib,
            rss_peak_mib,
            descriptors: open_descriptors(),
        }
    }
}

/// Threads that can run at the same time.
pub(super) fn n_cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Lets this thread wait until a processor is free rather than take it from what runs there, often
/// the server on the same machine. Where one is free it starts as soon as ever; where none is, more
/// has come by the time that it does, and each wake is worth more.
///
/// Linux alone knows this, as SCHED_BATCH. Whoever has chosen another policy keeps it.
pub(super) fn preempt_nobody() {
    #[cfg(target_os = "linux")]
    {
        use preempt_rt::sched::{Pid, Scheduler, SchedulerParams, get_scheduler, set_scheduler};

        let this = Pid::current_thread();
        if let Ok(Scheduler::SCHED_NORMAL) = get_scheduler(this) {
            // A system that refuses this costs processor time, and nothing else.
            let params = SchedulerParams { priority: 0 };
            let _ = set_scheduler(this, Scheduler::SCHED_BATCH, params);
        }
    }
}

#[cfg(unix)]
pub(super) fn descriptor_limit() -> u64 {
    use rustix::process::{Resource, getrlimit};

    getrlimit(Resource::Nofile)
        .current
        .unwrap_or(u64::from(u32::MAX))
}

#[cfg(not(unix))]
pub(super) fn descriptor_limit() -> u64 {
    u64::from(u32::MAX)
}

#[cfg(unix)]
fn cpu_time() -> Duration {
    use rustix::time::{ClockId, clock_gettime};

    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

#[cfg(not(unix))]
fn cpu_time() -> Duration {
    Duration::ZERO
}

/// Linux tells in `/proc`; elsewhere the figures are 0.
fn memory() -> (f64, f64) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mib = |name: &str| {
        let line = status.lines().find_map(|it| it.strip_prefix(name))?;
        let kib: f64 = line
            .trim_start_matches(':')
            .trim()
            .split(' ')
            .next()?
            .parse()
            .ok()?;
        Some(kib / 1024.0)
    };
    (mib("VmRSS").unwrap_or(0.0), mib("VmHWM").unwrap_or(0.0))
}

fn open_descriptors() -> u64 {
    std::fs::read_dir("/proc/self/fd").map_or(0, |it| it.count() as u64)
}

/// As Linux limits them: for the whole machine, of which most is left to others.
fn thread_limit() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/sys/kernel/pid_max").ok()?;
    let limit: u64 = text.trim().parse().ok()?;
    Some(limit / 2)
}
