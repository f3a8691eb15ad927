//! What was asked for and why it was not reached, in words that every format for people shares.

use super::super::run::{Config, Run, Shortfall};
use super::figures;

/// What was asked for, on one line.
pub fn plan(config: &Config) -> String {
    let rate = match config.rate {
        Some(rate) => format!("{} msg/s asked", figures::exact_number(rate)),
        None => "as fast as acknowledged (closed model)".to_owned(),
    };
    let amount = match (config.count, config.duration_s) {
        (Some(n), _) => counted(n, "message"),
        (None, Some(seconds)) => format!("{} s", figures::exact_number(seconds)),
        (None, None) => "until interrupted".to_owned(),
    };
    let mut plan = format!(
        "{rate}, {} -> {} on {}, {} B",
        counted(config.publishers, "publisher"),
        counted(config.clients, "client"),
        counted(config.channels, "channel"),
        figures::count(config.size)
    );
    if config.batch > 1 {
        plan.push_str(&format!(", {} in a request", figures::count(config.batch)));
    }
    if config.churn > 0.0 {
        plan.push_str(&format!(
            ", churn {}/s",
            figures::exact_number(config.churn)
        ));
    }
    if config.ack {
        plan.push_str(", ack");
    }
    plan.push_str(&format!(", {amount}"));
    if config.warmup_s > 0.0 {
        let warm_up = figures::exact_number(config.warmup_s);
        plan.push_str(&format!(" (+{warm_up} s warm-up)"));
    }
    plan
}

/// What keeps the figures from being what was asked for; nothing where all went as planned.
pub fn caveats(run: &Run) -> Vec<String> {
    let mut caveats = Vec::new();
    if run.client.interrupted {
        let seconds = figures::exact_number(run.client.seconds);
        caveats.push(format!(
            "interrupted after {seconds} s: this is what was measured"
        ));
    }
    if let Some(shortfall) = run.client.shortfall {
        let why = match shortfall {
            Shortfall::GeneratorCpu => {
                "this process used all the processor time that it can have: the load generator is the bottleneck"
            }
            Shortfall::SchedulerLag => {
                "this process was woken too late: the machine is busy with something else"
            }
            Shortfall::ServerBackPressure => "publishers waited for the server",
            Shortfall::NoSession => "publishers had no session",
        };
        caveats.push(format!("the rate was not reached: {why}"));
    }
    caveats
}

/// A count with its noun: `1 client`, `2 clients`.
fn counted(n: u64, noun: &str) -> String {
    let plural = if n == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", figures::count(n))
}
