//! Statistics, held against what a master computes of them.

use serde_json::{Value, json};

use super::*;
use crate::bench::{ErrorCount, Request};

/// A run of one channel, without anything.
fn run() -> Run {
    let mut run = Run::default();
    run.config.channel = "/bench".to_owned();
    run.config.size = 50;
    run
}

fn error(request: Option<Request>, kind: &str, count: u64) -> ErrorCount {
    ErrorCount {
        kind: kind.to_owned(),
        request,
        count,
        ..ErrorCount::default()
    }
}

fn taken(figures: &mut Figures, at: f64) -> Report {
    let users = UserCounts::new([("U".to_owned(), 2), ("V".to_owned(), 1)].into());
    figures.take(users, at)
}

/// The report as a master reads it; its map keys, which may be numbers, as text.
fn read(report: &Report) -> Value {
    serde_json::to_value(report).unwrap()
}

fn record(distribution: &mut Distribution, micros: impl IntoIterator<Item = u64>) {
    for micros in micros {
        distribution.record(Duration::from_micros(micros));
    }
}

#[test]
fn a_report_is_what_was_measured_since_the_last_one() {
    let mut figures = Figures::new(100.0);
    let mut portion = run();
    record(&mut portion.latency.publish, [500, 1000, 1000]);
    record(&mut portion.latency.handshake, [2000]);
    figures.add(&portion, 101.5);
    figures.add(&portion, 102.5);
    let report = read(&taken(&mut figures, 103.0));
    let publish = json!({
        "method": "publish", "name": "/bench",
        "start_time": 100.0, "last_request_timestamp": 102.5,
        "num_requests": 6, "num_none_requests": 0, "num_failures": 0,
        "total_response_time": 5.0, "min_response_time": 0.5, "max_response_time": 1.0,
        "total_content_length": 300,
        "response_times": {"0.5": 2, "1": 4},
        "num_reqs_per_sec": {"101": 3, "102": 3}, "num_fail_per_sec": {},
    });
    assert_eq!(report["stats"][1], publish);
    assert_eq!(report["stats"][0]["name"], "/meta/handshake");
    let total = &report["stats_total"];
    assert_eq!(total["name"], "Aggregated");
    assert_eq!(total["num_requests"], 8);
    assert_eq!(total["response_times"], json!({"0.5": 2, "1": 4, "2": 2}));
    assert_eq!(total["num_reqs_per_sec"], json!({"101": 4, "102": 4}));
    assert_eq!(total["min_response_time"], 0.5);
    assert_eq!(total["max_response_time"], 2.0);
    assert_eq!(total["total_response_time"], 9.0);
    assert_eq!(report["user_count"], 3);
    assert_eq!(report["user_classes_count"], json!({"U": 2, "V": 1}));

    let next = read(&taken(&mut figures, 106.0));
    assert_eq!(next["stats"], json!([]));
    assert_eq!(next["stats_total"]["num_requests"], 0);
    assert_eq!(next["stats_total"]["start_time"], 103.0);
    assert_eq!(next["stats_total"]["last_request_timestamp"], json!(null));
    assert_eq!(next["stats_total"]["min_response_time"], json!(null));
}

#[test]
fn what_failed_has_no_time_and_is_a_request_all_the_same() {
    let mut figures = Figures::new(0.0);
    let mut portion = run();
    record(&mut portion.latency.publish, [1000; 7]);
    portion.messages.rejected = 2;
    portion.messages.unacknowledged = 3;
    portion.messages.unsent = 1;
    portion.messages.lost = 4;
    portion.errors = vec![
        error(Some(Request::Publish), "publish rejected: 403", 2),
        error(Some(Request::Handshake), "HTTP 503", 5),
        error(Some(Request::Subscribe), "subscribe refused: 403", 6),
        error(None, "of an old file", 1),
    ];
    figures.add(&portion, 1.0);
    let report = read(&taken(&mut figures, 2.0));
    let figures = |nth: usize| {
        let entry = &report["stats"][nth];
        let number = |name: &str| entry[name].as_u64().unwrap();
        let method = entry["method"].as_str().unwrap().to_owned();
        (
            method,
            number("num_requests"),
            number("num_failures"),
            number("num_none_requests"),
        )
    };
    assert_eq!(figures(0), ("handshake".to_owned(), 5, 5, 5));
    assert_eq!(figures(1), ("connect".to_owned(), 1, 1, 1));
    assert_eq!(figures(2), ("subscribe".to_owned(), 6, 6, 6));
    assert_eq!(figures(3), ("publish".to_owned(), 13, 6, 6));
    assert_eq!(figures(4), ("deliver".to_owned(), 4, 4, 4));
    let errors: Vec<(&str, u64)> = report["errors"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(key, failures)| (key.as_str(), failures["occurrences"].as_u64().unwrap()))
        .collect();
    let expected = [
        ("connect /meta/connect of an old file", 1),
        ("deliver /bench lost", 4),
        ("handshake /meta/handshake HTTP 503", 5),
        ("publish /bench no acknowledgement", 3),
        ("publish /bench not sent in time", 1),
        ("publish /bench publish rejected: 403", 2),
        ("subscribe /bench subscribe refused: 403", 6),
    ];
    assert_eq!(errors, expected);
    let total = &report["stats_total"];
    assert_eq!(total["num_failures"], 22);
    assert_eq!(total["num_fail_per_sec"], json!({"1": 22}));
}

#[test]
fn a_failure_says_when_it_was_first_and_last_seen() {
    let mut figures = Figures::new(0.0);
    let mut portion = run();
    portion.messages.lost = 1;
    figures.add(&portion, 5.5);
    figures.add(&portion, 7.5);
    let report = read(&taken(&mut figures, 8.0));
    let expected = json!({
        "method": "deliver", "name": "/bench", "error": "lost", "occurrences": 2,
        "first_seen": 5.5, "last_seen": 7.5,
    });
    assert_eq!(report["errors"]["deliver /bench lost"], expected);
}

#[test]
fn many_channels_are_one_entry() {
    let mut figures = Figures::new(0.0);
    let mut portion = run();
    portion.config.channels = 500;
    record(&mut portion.latency.delivery, [1000]);
    figures.add(&portion, 1.0);
    let report = read(&taken(&mut figures, 2.0));
    assert_eq!(report["stats"][0]["name"], "/bench/*");
}

/// Locust's `calculate_response_time_percentile`.
fn percentile(times: &BTreeMap<Micros, u64>, n_requests: u64, percent: f64) -> u64 {
    let n_below = (n_requests as f64 * percent) as u64;
    let mut n_above = 0;
    for (micros, count) in times.iter().rev() {
        n_above += count;
        if n_requests - n_above <= n_below {
            return micros.0;
        }
    }
    0
}

#[test]
fn percentiles_are_within_a_five_hundredth_however_far_times_are_spread() {
    let mut figures = Figures::new(0.0);
    let mut portion = run();
    // From a microsecond to an hour, evenly on a logarithmic scale.
    let mut samples: Vec<u64> = (0..60_000)
        .map(|it| 3.6e9_f64.powf(f64::from(it) / 60_000.0) as u64)
        .collect();
    record(&mut portion.latency.delivery, samples.iter().copied());
    figures.add(&portion, 1.0);
    let report = taken(&mut figures, 2.0);
    samples.sort_unstable();
    for times in [
        &report.stats[0].response_times,
        &report.stats_total.response_times,
    ] {
        // An hour is 2^32 microseconds, the histogram has twice as many for each doubling.
        assert!(times.len() <= 32 * 512, "{} times", times.len());
        assert_eq!(times.values().sum::<u64>(), 60_000);
        for percent in [0.5, 0.9, 0.95, 0.99, 0.999] {
            let exact = samples[(60_000.0 * percent) as usize] as f64;
            let told = percentile(times, 60_000, percent) as f64;
            let error = (told - exact).abs() / exact;
            assert!(error < 0.002, "{percent}: {told} for {exact}");
        }
    }
}

#[test]
fn kinds_of_errors_without_end_are_one_kind() {
    let mut figures = Figures::new(0.0);
    let mut n_told = 0;
    for nth in 0..300 {
        let mut portion = run();
        portion.errors = vec![error(Some(Request::Connect), &format!("no {nth}"), 1)];
        figures.add(&portion, 1.0);
        if nth % 10 == 9 {
            let report = taken(&mut figures, 2.0);
            n_told += report.errors.values().map(|it| it.occurrences).sum::<u64>();
            let others = report.errors.get("connect /meta/connect other errors");
            assert_eq!(others.map(|it| it.occurrences), (nth >= 100).then_some(10));
        }
    }
    assert_eq!(n_told, 300);
}

#[test]
fn messagepack_has_the_times_as_numbers() {
    let mut figures = Figures::new(0.0);
    let mut portion = run();
    record(&mut portion.latency.publish, [1500, 2000]);
    figures.add(&portion, 1.0);
    let entry = taken(&mut figures, 2.0).stats.remove(0);
    let bytes = rmp_serde::to_vec_named(&entry.response_times).unwrap();
    // {1.5: 1, 2: 1}
    let expected = b"\x82\xcb\x3f\xf8\0\0\0\0\0\0\x01\x02\x01";
    assert_eq!(bytes, expected);
}
