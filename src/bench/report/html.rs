//! One page with everything: no script, nothing from elsewhere, light or dark as the reader has
//! it. What the charts show stands in tables, too.

use std::fmt::Write;

use super::super::{Distribution, PERCENTILES, Run};
use super::series::{self, Series};
use super::{Report, TOOL, figures, words};
use crate::markup::escaped;
use crate::rfc3339;

/// The page.
pub(super) fn render(report: &Report<'_>) -> String {
    let Report { run, .. } = report;
    let config = &run.config;
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>bayeux bench {url}</title>\n<style>\n{style}</style>\n</head>\n<body>\n<main>\n\
         <h1>{url}</h1>\n<p>{transport}: {plan}</p>\n<p class=\"dim\">{started}{TOOL}</p>\n",
        url = escaped(&config.url),
        style = include_str!("page.css"),
        transport = escaped(&config.transport),
        plan = escaped(&words::plan(config)),
        started = run.started.map_or(String::new(), |it| {
            let text = rfc3339::text(it);
            let seconds = text.split('.').next().unwrap_or_default();
            format!("{} UTC, ", seconds.replace('T', " "))
        }),
    );
    for caveat in words::caveats(run) {
        let _ = writeln!(page, "<p class=\"note\">{}</p>", escaped(&caveat));
    }
    tiles(&mut page, report);
    expectations(&mut page, report);
    let series = Series::of(run);
    let charts = [
        series::percentiles(run),
        series.latency(),
        series.published(),
        series.delivered(),
    ];
    page.push_str("<h2>Charts</h2>\n<div class=\"charts\">\n");
    charts.iter().for_each(|it| page.push_str(&it.render()));
    page.push_str("</div>\n");
    latencies(&mut page, run);
    errors(&mut page, run);
    page.push_str("<h2>In numbers</h2>\n<div class=\"columns\">\n");
    columns(&mut page, run);
    page.push_str("</div>\n");
    seconds(&mut page, &series);
    page.push_str("</main>\n</body>\n</html>\n");
    page
}

/// What is read first.
fn tiles(page: &mut String, report: &Report<'_>) {
    let run = report.run;
    let summary = run.summary();
    let shown = |name: &str, show: fn(f64) -> String| {
        summary.get(name).map_or("-".to_owned(), |it| show(*it))
    };
    let messages = &run.messages;
    let class = |n: u64| if n > 0 { "bad" } else { "good" };
    let mut tiles = vec![
        ("median latency", shown("p50", figures::time), ""),
        ("99 % within", shown("p99", figures::time), ""),
        ("longest", shown("max", figures::time), ""),
        ("delivered", figures::count(messages.delivered), ""),
        ("lost", figures::count(messages.lost), class(messages.lost)),
        ("deliveries", shown("delivery_rate", figures::rate), ""),
        (
            "errors",
            figures::count(run.n_errors()),
            class(run.n_errors()),
        ),
    ];
    if !report.outcomes.is_empty() {
        let (n, n_failed) = (report.outcomes.len(), report.n_failed());
        let met = format!("{} of {n} met", n - n_failed);
        tiles.push(("expectations", met, class(n_failed as u64)));
    }
    page.push_str("<ul class=\"tiles\">\n");
    for (name, value, class) in tiles {
        let _ = writeln!(
            page,
            "<li><span>{name}</span><b class=\"{class}\">{value}</b></li>"
        );
    }
    page.push_str("</ul>\n");
}

fn expectations(page: &mut String, report: &Report<'_>) {
    if report.outcomes.is_empty() {
        return;
    }
    page.push_str("<h2>Expectations</h2>\n<div class=\"card\"><table>\n<thead><tr><th></th><th>expected</th><th>was</th></tr></thead>\n<tbody>\n");
    for outcome in report.outcomes {
        let (class, word) = match outcome.is_met {
            true => ("good", "met"),
            false => ("bad", "not met"),
        };
        let _ = writeln!(
            page,
            "<tr><td class=\"{class}\">{word}</td><td>{}</td><td>{}</td></tr>",
            escaped(&outcome.expectation.to_string()),
            escaped(&outcome.shown_value())
        );
    }
    page.push_str("</tbody></table></div>\n");
}

fn latencies(page: &mut String, run: &Run) {
    let latency = &run.latency;
    let rows: [(&str, &Distribution); 7] = [
        ("delivery, from the intended time", &latency.delivery),
        (
            "delivery, from the actual send",
            &latency.delivery_from_send,
        ),
        ("acknowledgement of a publish", &latency.publish),
        ("handshake", &latency.handshake),
        ("subscribe", &latency.subscribe),
        ("connect", &latency.connect),
        ("scheduler lag of this machine", &run.client.lag),
    ];
    page.push_str("<h2>Latency</h2>\n<div class=\"card\"><table>\n<thead><tr><th></th><th class=\"n\">samples</th>");
    for (_, percent) in PERCENTILES {
        let _ = write!(page, "<th class=\"n\">{percent} %</th>");
    }
    page.push_str("<th class=\"n\">max</th><th class=\"n\">mean</th></tr></thead>\n<tbody>\n");
    for (name, distribution) in rows {
        let count = figures::count(distribution.count());
        let _ = write!(
            page,
            "<tr><th scope=\"row\">{name}</th><td class=\"n\">{count}</td>"
        );
        let times = PERCENTILES.map(|(_, percent)| distribution.percentile(percent));
        for time in times
            .into_iter()
            .chain([distribution.max(), distribution.mean()])
        {
            let _ = write!(page, "<td class=\"n\">{}</td>", shown(time));
        }
        page.push_str("</tr>\n");
    }
    page.push_str("</tbody></table></div>\n<p class=\"dim\">A percentile with fewer than 10 samples beyond it is left out.</p>\n");
    if let Some(slowest) = &latency.slowest {
        let _ = writeln!(
            page,
            "<p class=\"dim\">The slowest, {}: message {} of publisher {} to client {}, {:.1} s after the start.</p>",
            figures::time(slowest.latency as f64),
            figures::count(slowest.sequence),
            slowest.publisher,
            slowest.client,
            slowest.at_s
        );
    }
}

fn errors(page: &mut String, run: &Run) {
    page.push_str("<h2>Errors</h2>\n");
    if run.errors.is_empty() {
        page.push_str("<p>None.</p>\n");
        return;
    }
    page.push_str("<div class=\"card\"><table>\n<thead><tr><th>kind</th><th class=\"n\">count</th><th class=\"n\">first after</th><th>the first</th></tr></thead>\n<tbody>\n");
    for error in &run.errors {
        let _ = writeln!(
            page,
            "<tr><td>{}</td><td class=\"n bad\">{}</td><td class=\"n\">{:.1} s</td><td class=\"t\">{}</td></tr>",
            escaped(&error.kind),
            figures::count(error.count),
            error.first_at_s,
            escaped(&error.first)
        );
    }
    page.push_str("</tbody></table></div>\n");
}

/// Tables of two columns.
fn columns(page: &mut String, run: &Run) {
    let Run {
        config,
        sessions,
        messages,
        traffic,
        client,
        ..
    } = run;
    let count = figures::count;
    table(
        page,
        "Messages",
        &[
            ("intended", count(messages.intended)),
            ("published", count(messages.published)),
            ("… in the drain", count(messages.published_late)),
            ("acknowledged", count(messages.acknowledged)),
            ("rejected", count(messages.rejected)),
            ("outcome unknown", count(messages.unacknowledged)),
            ("not sent", count(messages.unsent)),
            ("deliveries expected", count(messages.expected)),
            ("delivered", count(messages.delivered)),
            ("… in the drain", count(messages.delivered_late)),
            ("lost", count(messages.lost)),
            ("… without a session", count(messages.lost_by.no_session)),
            (
                "… publish not acknowledged",
                count(messages.lost_by.unacknowledged),
            ),
            ("… unexplained", count(messages.lost_by.unexplained)),
            ("duplicates", count(messages.duplicates)),
            ("out of order", count(messages.out_of_order)),
            ("undecided", count(messages.undecided)),
            ("of others", count(messages.foreign)),
        ],
    );
    table(
        page,
        "Sessions",
        &[
            (
                "up",
                format!("{} of {}", count(sessions.up), count(sessions.wanted)),
            ),
            ("until they were", figures::time(sessions.up_ms * 1e3)),
            ("handshakes", count(sessions.handshakes)),
            ("renewed", count(sessions.renewed)),
            ("ended early", count(sessions.ended)),
            ("left and came back", count(sessions.churned)),
        ],
    );
    table(
        page,
        "Traffic",
        &[
            ("sent", figures::bytes(traffic.bytes_out as f64)),
            ("received", figures::bytes(traffic.bytes_in as f64)),
            ("requests", count(traffic.requests)),
            ("responses with deliveries", count(traffic.batches)),
            ("connects answered", count(traffic.connects)),
            ("connections opened", count(traffic.connections)),
        ],
    );
    let summary = run.summary();
    let cpu = summary.get("cpu_percent");
    table(
        page,
        "This machine",
        &[
            (
                "measured time",
                format!("{} s", figures::exact_number(client.seconds)),
            ),
            (
                "processor time",
                format!("{} s", figures::exact_number(client.cpu_seconds)),
            ),
            (
                "of its processors",
                cpu.map_or("-".to_owned(), |it| {
                    format!("{} % of {}", figures::number(*it), client.cores)
                }),
            ),
            (
                "processor time a delivery",
                summary
                    .get("cpu_per_delivery")
                    .map_or("-".to_owned(), |it| figures::time(*it)),
            ),
            (
                "open files",
                format!(
                    "{} of {}",
                    count(client.descriptors),
                    count(client.descriptor_limit)
                ),
            ),
            ("memory", format!("{} MiB", figures::number(client.rss_mib))),
            (
                "memory at the most",
                format!("{} MiB", figures::number(client.rss_peak_mib)),
            ),
        ],
    );
    let rate = config
        .rate
        .map_or("as fast as acknowledged".to_owned(), figures::rate);
    table(
        page,
        "Asked for",
        &[
            ("channel", config.channel.clone()),
            ("engine", format!("{} × {}", config.engine, config.threads)),
            ("clients", count(config.clients)),
            ("publishers", count(config.publishers)),
            ("channels", count(config.channels)),
            ("channels a client", count(config.per_client)),
            ("rate", rate),
            ("messages in a request", count(config.batch)),
            ("size", figures::bytes(config.size as f64)),
            ("handshakes", figures::rate(config.ramp)),
            ("churn", figures::rate(config.churn)),
            (
                "warm-up",
                format!("{} s", figures::exact_number(config.warmup_s)),
            ),
            (
                "drain at the most",
                format!("{} s", figures::exact_number(config.drain_s)),
            ),
            (
                "ack extension",
                if config.ack { "asked for" } else { "no" }.to_owned(),
            ),
            ("seed", config.seed.to_string()),
        ],
    );
}

fn table(page: &mut String, caption: &str, rows: &[(&str, String)]) {
    let _ = writeln!(
        page,
        "<div class=\"card\"><table><caption>{caption}</caption>\n<tbody>"
    );
    for (name, value) in rows {
        let value = escaped(value);
        let _ = writeln!(
            page,
            "<tr><th scope=\"row\">{name}</th><td class=\"n\">{value}</td></tr>"
        );
    }
    page.push_str("</tbody></table></div>\n");
}

/// What the charts over time show.
fn seconds(page: &mut String, series: &Series) {
    if series.rows().is_empty() {
        return;
    }
    page.push_str(
        "<details class=\"card\"><summary>The seconds as a table</summary>\n<table>\n<thead><tr>",
    );
    for name in [
        "from",
        "published/s",
        "delivered/s",
        "errors",
        "50 %",
        "99 %",
        "max",
    ] {
        let _ = write!(page, "<th class=\"n\">{name}</th>");
    }
    page.push_str("</tr></thead>\n<tbody>\n");
    for row in series.rows() {
        let it = &row.interval;
        let rate = |n| figures::number(row.a_second(n).round());
        let cells = [
            format!("{} s", figures::exact_number(row.start_s)),
            rate(it.published),
            rate(it.delivered),
            figures::count(it.errors),
            shown(it.delivery.percentile(50.0)),
            shown(it.delivery.percentile(99.0)),
            shown(it.delivery.max()),
        ];
        page.push_str("<tr>");
        for cell in cells {
            let _ = write!(page, "<td class=\"n\">{cell}</td>");
        }
        page.push_str("</tr>\n");
    }
    page.push_str("</tbody></table></details>\n");
}

fn shown(time: Option<std::time::Duration>) -> String {
    time.map_or("-".to_owned(), |it| {
        figures::time(it.as_nanos() as f64 / 1e3)
    })
}
