//! What is told before a run begins: whether the sessions fit, and what the server is in for.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use bayeux::bench::{self, Capacity, Limit, Plan, Rate, Settings, Stop as PlanStop};
use bayeux::transport::Endpoint;

use crate::cli::exit::{Exit, Stop};
use crate::output::{Printer, words};

/// How long a server that is not on this machine is safe.
const PAUSE: Duration = Duration::from_secs(3);

/// Whether to wait before somebody else's server is loaded.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Consent {
    /// The user has agreed in advance.
    Given,
    /// There is time to think better of it.
    Awaited,
}

/// Says how many sessions fit where that is close, and refuses those that do not.
pub(super) fn check_room(settings: &Settings, printer: &mut Printer) -> Result<(), Stop> {
    let capacity = bench::capacity(settings);
    let n_wanted = settings.plan.n_sessions();
    if n_wanted > capacity.n_sessions {
        return Err(no_room(n_wanted, capacity));
    }
    if n_wanted > capacity.n_sessions / 10 {
        printer.note(&format!(
            "{} of {} that fit ({})",
            sessions(n_wanted),
            words::grouped(capacity.n_sessions as u64),
            limit(capacity.limit)
        ));
    }
    Ok(())
}

/// More sessions than there is room for.
pub(super) fn no_room(n_wanted: usize, capacity: Capacity) -> Stop {
    let fitting = words::grouped(capacity.n_sessions as u64);
    let error = format!("{} do not fit: {fitting} do", sessions(n_wanted));
    Stop::new(Exit::Local, error)
        .cause(format!("this process can have {}", limit(capacity.limit)))
        .hint(match capacity.limit {
            Limit::Descriptors { .. } => {
                "raise the hard limit (ulimit -Hn, LimitNOFILE= of systemd), or merge several runs with `bayeux report`"
            }
            Limit::Ports { .. } => {
                "--source ADDR, once for each local address: each has ports of its own"
            }
            Limit::Threads { .. } => "--engine loop has thousands of sessions on one thread",
        })
}

/// Says whom a load is meant for, and waits, unless it is this machine. What comes through
/// `interrupted` breaks the pause off: `false` then.
pub(super) fn announce(
    endpoint: &Endpoint,
    plan: &Plan,
    consent: Consent,
    interrupted: &Receiver<()>,
    printer: &mut Printer,
) -> bool {
    if endpoint.is_loopback() {
        return true;
    }
    printer.note(&format!("target  {endpoint}, channel {}", plan.channel));
    printer.note(&format!("load    {}", load(plan)));
    if consent == Consent::Given {
        return true;
    }
    let pause = words::duration(PAUSE);
    printer.note(&format!(
        "begins in {pause}: Ctrl-C stops it, --yes skips this pause"
    ));
    match interrupted.recv_timeout(PAUSE) {
        Ok(()) => false,
        Err(RecvTimeoutError::Timeout) => true,
        // Where nobody listens for signals, the system ends the program.
        Err(RecvTimeoutError::Disconnected) => {
            std::thread::sleep(PAUSE);
            true
        }
    }
}

/// `110 sessions, 2 000 a second; then 100 messages/s, 1 000 deliveries/s, for 12s`.
fn load(plan: &Plan) -> String {
    let mut text = format!(
        "{}, {} a second; then ",
        sessions(plan.n_sessions()),
        frequency(plan.ramp)
    );
    match (plan.rate, plan.deliveries_per_second()) {
        (Rate::Fixed(rate), Some(deliveries)) => text.push_str(&format!(
            "{} messages/s, {} deliveries/s",
            frequency(rate),
            frequency(deliveries)
        )),
        (Rate::Max, _) | (Rate::Fixed(_), None) => {
            text.push_str("messages as fast as they are acknowledged");
        }
    }
    match (plan.stop, plan.rate) {
        (PlanStop::After(duration), _) => {
            let all = words::duration(plan.warmup.saturating_add(duration));
            text.push_str(&format!(", for {all}"));
        }
        (PlanStop::Count(count), _) => {
            let count = words::grouped(count);
            text.push_str(&format!(", {count} of them"));
            if !plan.warmup.is_zero() {
                let warmup = words::duration(plan.warmup);
                text.push_str(&format!(" after a warm-up of {warmup}"));
            }
        }
        (PlanStop::Interrupt, _) => text.push_str(", until it is interrupted"),
    }
    if plan.churn > 0.0 {
        let churn = frequency(plan.churn);
        text.push_str(&format!("; {churn} clients a second come back anew"));
    }
    text
}

fn sessions(n: usize) -> String {
    let noun = if n == 1 { "session" } else { "sessions" };
    format!("{} {noun}", words::grouped(n as u64))
}

/// Without a fraction where it has none.
fn frequency(n: f64) -> String {
    match n.fract() == 0.0 {
        true => words::grouped(n as u64),
        false => n.to_string(),
    }
}

fn limit(limit: Limit) -> String {
    match limit {
        Limit::Descriptors { limit } => format!("{} open files", words::grouped(limit)),
        Limit::Ports { n_sources: 1 } => "the ports of 1 local address".to_owned(),
        Limit::Ports { n_sources } => format!("the ports of {n_sources} local addresses"),
        Limit::Threads { limit } => format!("{} threads", words::grouped(limit)),
    }
}
