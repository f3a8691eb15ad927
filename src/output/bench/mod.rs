//! The report of a load test, for people.

mod comparison;
mod latency;
mod lines;

use std::time::Duration;

use bayeux::bench::report::{Report, figures, words};
use bayeux::bench::{Outcome, Run};

use super::paint::Role;
use super::surface::Surface;
use lines::Lines;

pub(super) use comparison::comparison;

/// The report, line by line.
pub(super) fn report(report: &Report<'_>, surface: &Surface) -> String {
    let Report { run, outcomes } = report;
    let mut lines = Lines::new(surface);
    head(&mut lines, run);
    sessions(&mut lines, run);
    messages(&mut lines, run);
    traffic(&mut lines, run);
    lines.gap();
    latency::table(&mut lines, &run.latency);
    latency::bars(&mut lines, &run.latency.delivery);
    slowest(&mut lines, run);
    errors(&mut lines, run);
    client(&mut lines, run);
    expectations(&mut lines, outcomes);
    lines.end()
}

fn head(lines: &mut Lines<'_>, run: &Run) {
    let config = &run.config;
    let line = lines.bare().push(Role::Dim, "bayeux bench").plain("  ");
    lines.push(
        line.push(Role::Hint, &config.url)
            .plain("  ")
            .plain(&config.transport),
    );
    lines.push(lines.bare().plain(&words::plan(config)));
    for caveat in words::caveats(run) {
        lines.push(lines.bare().push(Role::Warning, &caveat));
    }
    lines.gap();
}

/// Where the second column begins.
const SECOND: usize = 38;

fn sessions(lines: &mut Lines<'_>, run: &Run) {
    let sessions = &run.sessions;
    let up = format!(
        "{}/{}",
        figures::count(sessions.up),
        figures::count(sessions.wanted)
    );
    let role = if sessions.up < sessions.wanted {
        Role::Bad
    } else {
        Role::Plain
    };
    let until = figures::time(sessions.up_ms * 1e3);
    let line = lines.labelled("sessions").push(role, &up);
    let line = line.plain(&format!(" up in {until}")).pad(SECOND);
    let handshake = &run.latency.handshake;
    let time = |percent| shown(handshake.percentile(percent));
    let handshakes = match handshake.percentile(50.0) {
        Some(_) => format!("handshake  p50 {}   p99 {}", time(50.0), time(99.0)),
        None => format!("handshake  max {}", shown(handshake.max())),
    };
    lines.push(line.plain(&handshakes));
    let odd = [
        ("renewed", sessions.renewed),
        ("ended early", sessions.ended),
    ];
    let churned = [("left and came back", sessions.churned)];
    notes(lines, &odd, &churned);
}

fn messages(lines: &mut Lines<'_>, run: &Run) {
    let messages = &run.messages;
    let summary = run.summary();
    let rate = |name: &str| {
        summary
            .get(name)
            .map_or("-".to_owned(), |it| figures::rate(*it))
    };
    let mut published = rate("publish_rate");
    if let Some(asked) = run.config.rate {
        published.push_str(&format!(" (asked {})", figures::exact_number(asked)));
    }
    let line = lines
        .labelled("published")
        .plain(&figures::count(messages.published));
    let line = line.pad(SECOND).plain(&published);
    let acknowledged = figures::count(messages.acknowledged);
    lines.push(line.plain(&format!("   acknowledged {acknowledged}")));
    let faults = [
        ("rejected", messages.rejected),
        ("outcome unknown", messages.unacknowledged),
        ("not sent", messages.unsent),
    ];
    notes(
        lines,
        &faults,
        &[("sent in the drain", messages.published_late)],
    );

    let (delivered, expected) = (messages.delivered, messages.expected);
    let counts = format!(
        "{} / {}",
        figures::count(delivered),
        figures::count(expected)
    );
    let line = lines.labelled("delivered").plain(&counts).pad(SECOND);
    let line = line
        .plain(&rate("delivery_rate"))
        .fault("lost", messages.lost);
    let line = line.fault("duplicate", messages.duplicates);
    lines.push(line.fault("out of order", messages.out_of_order));
    let lost_by = &messages.lost_by;
    let reasons = [
        ("lost without a session", lost_by.no_session),
        (
            "lost with an unacknowledged publish",
            lost_by.unacknowledged,
        ),
        ("lost unexplained", lost_by.unexplained),
    ];
    // The last few always come a moment later.
    let is_much = messages.delivered_late * 100 > delivered;
    let others = [
        (
            "delivered in the drain",
            if is_much { messages.delivered_late } else { 0 },
        ),
        ("undecided", messages.undecided),
        ("of others", messages.foreign),
    ];
    notes(lines, &reasons, &others);
}

/// A line of what there should not be and of what else is worth a word; none where there is
/// neither.
fn notes(lines: &mut Lines<'_>, faults: &[(&str, u64)], others: &[(&str, u64)]) {
    let mut pieces = Vec::new();
    let marked = faults.iter().map(|it| (Role::Bad, it));
    for (role, (name, n)) in marked.chain(others.iter().map(|it| (Role::Plain, it))) {
        if *n > 0 {
            pieces.push((role, format!("{name} {}", figures::count(*n))));
        }
    }
    if pieces.is_empty() {
        return;
    }
    let mut line = lines.labelled("");
    for (n, (role, text)) in pieces.iter().enumerate() {
        let before = if n == 0 { "" } else { "   " };
        line = line.plain(before).push(*role, text);
    }
    lines.push(line);
}

fn traffic(lines: &mut Lines<'_>, run: &Run) {
    let traffic = &run.traffic;
    let [out, into] = [traffic.bytes_out, traffic.bytes_in].map(|it| figures::bytes(it as f64));
    let line = lines
        .labelled("traffic")
        .plain(&format!("out {out}   in {into}"));
    let requests = figures::count(traffic.requests);
    let connects = figures::count(traffic.connects);
    let connections = figures::count(traffic.connections);
    lines.push(line.pad(SECOND).plain(&format!(
        "{requests} requests   {connects} connects   {connections} connections"
    )));
}

fn slowest(lines: &mut Lines<'_>, run: &Run) {
    let Some(slowest) = &run.latency.slowest else {
        return;
    };
    let after = Duration::try_from_secs_f64(slowest.at_s).unwrap_or_default();
    let at = match run.started.and_then(|it| it.checked_add(after)) {
        Some(time) => format!("at {}", lines.surface.time(time)),
        None => format!("after {:.1} s", slowest.at_s),
    };
    lines.gap();
    let time = figures::time(slowest.latency as f64);
    let line = lines.labelled("slowest").plain(&time);
    lines.push(line.plain(&format!(
        "   publisher {} seq {} -> client {} {at}",
        slowest.publisher,
        figures::count(slowest.sequence),
        slowest.client
    )));
}

fn errors(lines: &mut Lines<'_>, run: &Run) {
    if run.latency.slowest.is_none() {
        lines.gap();
    }
    if run.errors.is_empty() {
        return lines.push(lines.labelled("errors").plain("none"));
    }
    let width = |it: &bayeux::bench::ErrorCount| figures::count(it.count).len();
    let width = run.errors.iter().map(width).max().unwrap_or(0);
    for (n, error) in run.errors.iter().enumerate() {
        let label = if n == 0 { "errors" } else { "" };
        let count = figures::count(error.count);
        let line = lines.labelled(label);
        let line = line.right(lines::LABEL + width, Role::Bad, &count);
        lines.push(line.plain("  ").plain(&error.kind));
        let when = format!("first at {:.1} s: ", error.first_at_s);
        let line = lines.labelled("").plain(&" ".repeat(width + 2));
        lines.push(line.push(Role::Dim, &when).push(Role::Dim, &error.first));
    }
}

fn client(lines: &mut Lines<'_>, run: &Run) {
    let client = &run.client;
    let cpu = run.summary().get("cpu_percent").copied();
    let cpu = cpu.map_or("-".to_owned(), |it| format!("{it:.0} %"));
    let cores = if client.cores == 1 { "core" } else { "cores" };
    let lag = match client.lag.percentile(99.0) {
        Some(it) => format!("p99 {}", shown(Some(it))),
        None => format!("max {}", shown(client.lag.max())),
    };
    lines.push(lines.labelled("client").plain(&format!(
        "cpu {cpu} of {} {cores}   scheduler lag {lag}   files {}/{}   memory {} MiB   seed {}",
        client.cores,
        client.descriptors,
        client.descriptor_limit,
        figures::number(client.rss_peak_mib),
        run.config.seed
    )));
}

fn expectations(lines: &mut Lines<'_>, outcomes: &[Outcome]) {
    if outcomes.is_empty() {
        return;
    }
    lines.gap();
    let name = |it: &Outcome| it.expectation.metric().name.len();
    let names = outcomes.iter().map(name).max().unwrap_or(0);
    let values = outcomes.iter().filter(|it| it.value.is_some());
    let values = values.map(|it| it.shown_value().len()).max().unwrap_or(0);
    let begin = lines::LABEL + 6;
    for (n, outcome) in outcomes.iter().enumerate() {
        let label = if n == 0 { "expect" } else { "" };
        let (role, word) = match outcome.is_met {
            true => (Role::Text, "ok"),
            false => (Role::Bad, "FAIL"),
        };
        let name = outcome.expectation.metric().name;
        let line = lines
            .labelled(label)
            .push(role, word)
            .pad(begin)
            .plain(name);
        let line = line.pad(begin + names + 2);
        let (value, limit) = (outcome.shown_value(), outcome.shown_limit());
        lines.push(match outcome.value {
            Some(_) => {
                let line = line.right(begin + names + 2 + values, Role::Plain, &value);
                line.plain(&format!(" {:2} {limit}", outcome.relation()))
            }
            None => line.plain(&format!("{} {limit}: {value}", outcome.relation())),
        });
    }
    let n_failed = outcomes.iter().filter(|it| !it.is_met).count();
    let (role, verdict) = match n_failed {
        0 => (Role::Text, "all expectations are met".to_owned()),
        n => (
            Role::Bad,
            format!("{n} of {} expectations failed", outcomes.len()),
        ),
    };
    lines.push(lines.bare().push(role, &verdict));
}

fn shown(time: Option<Duration>) -> String {
    time.map_or("-".to_owned(), |it| {
        figures::time(it.as_nanos() as f64 / 1e3)
    })
}
