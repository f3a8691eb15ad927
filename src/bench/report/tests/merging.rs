//! Reports that are read back and added to each other.

use proptest::prelude::*;

use super::*;

/// A part of a run: who measured it, in which second, and how long it took.
fn samples() -> impl Strategy<Value = Vec<(usize, usize, u64)>> {
    prop::collection::vec((0..3_usize, 0..4_usize, 0..10_000_000_u64), 0..60)
}

fn record(run: &mut Run, second: usize, micros: u64) {
    while run.intervals.len() <= second {
        let start_s = run.intervals.len() as f64;
        run.intervals.push(Interval {
            start_s,
            ..Interval::default()
        });
    }
    let latency = Duration::from_micros(micros);
    let mut interval = run.intervals[second].unpack();
    interval.delivered += 1;
    interval.delivery.record(latency);
    run.intervals[second] = interval.pack();
    run.latency.delivery.record(latency);
    run.latency.publish.record(latency / 2);
    run.messages.delivered += 1;
    run.messages.expected += 1;
    run.traffic.bytes_in += micros;
    let first_at_s = second as f64 + 0.5;
    match run
        .errors
        .iter_mut()
        .find(|it| it.kind == format!("of {second}"))
    {
        Some(error) => error.count += 1,
        None => run.errors.push(ErrorCount {
            kind: format!("of {second}"),
            request: None,
            count: 1,
            first: "the same".to_owned(),
            first_at_s,
        }),
    }
    run.errors
        .sort_by(|one, other| one.first_at_s.total_cmp(&other.first_at_s));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn merged_files_are_what_one_would_have_recorded(samples in samples()) {
        let mut parts = vec![Run::default(); 3];
        let mut whole = Run::default();
        for (part, second, micros) in samples {
            record(&mut parts[part], second, micros);
            record(&mut whole, second, micros);
        }
        let saved = parts.iter().map(|it| read(&Format::Json.render(&Report { run: it, outcomes: &[] })));
        let mut merged = saved.map(|it| it.unwrap().run);
        let mut sum = merged.next().unwrap();
        merged.for_each(|it| sum.add(&it));
        prop_assert_eq!(sum.summary(), whole.summary());
        prop_assert_eq!(sum, whole);
    }

    #[test]
    fn any_run_can_be_rendered(times in prop::collection::vec(any::<u64>(), 0..4), seconds: f64, start: f64) {
        let mut run = Run::default();
        run.client.seconds = seconds;
        for micros in times {
            let mut interval = Interval::<Distribution> { start_s: start, published: micros, ..Interval::default() };
            interval.delivery.record(Duration::from_micros(micros));
            run.latency.delivery.add(&interval.delivery);
            run.intervals.push(interval.pack());
        }
        for (_, format) in ENDINGS {
            Format::render(format, &Report { run: &run, outcomes: &[] });
        }
    }
}

#[test]
fn a_run_after_another_continues_it() {
    let (first, _) = fixture();
    let mut second = first.clone();
    second.started = first.started.map(|it| it + Duration::from_secs(60));
    let mut both = first.clone();
    both.add(&second);
    assert_eq!(both.intervals.len(), 2 * first.intervals.len());
    assert_eq!(both.intervals[4].start_s, 60.0);
    assert_eq!((both.client.seconds, both.client.cores), (6.0, 2));
    assert_eq!(both.config, first.config);
    assert_eq!(both.messages.delivered, 2 * first.messages.delivered);
    assert_eq!(
        both.summary()["delivery_rate"],
        first.summary()["delivery_rate"]
    );
    assert_eq!(both.errors[0].count, 6);
}

/// Of its last second, that of the drain, a run may have needed a moment only.
#[test]
fn a_run_that_follows_at_once_is_not_taken_for_one_at_the_same_time() {
    let (first, _) = fixture();
    let mut second = first.clone();
    second.started = first.started.map(|it| it + Duration::from_millis(3200));
    let mut both = first.clone();
    both.add(&second);
    assert_eq!(both.config, first.config);
    assert_eq!(both.intervals[4].start_s, 3.2);
    assert_eq!(both.client.cores, first.client.cores);
}

#[test]
fn a_run_at_the_same_time_adds_to_it() {
    let (first, _) = fixture();
    let mut second = first.clone();
    second.started = first.started.map(|it| it + Duration::from_millis(300));
    second.config.url = "http://127.0.0.2:8080/cometd".to_owned();
    let mut both = first.clone();
    both.add(&second);
    both.add(&second);
    assert_eq!(both.started, first.started);
    assert_eq!(both.intervals.len(), first.intervals.len());
    assert_eq!(
        both.intervals[0].delivered,
        3 * first.intervals[0].delivered
    );
    assert_eq!((both.client.seconds, both.config.clients), (3.0, 300));
    assert_eq!(both.config.rate, Some(3000.0));
    assert_eq!(
        both.config.url,
        "http://127.0.0.1:8080/cometd and http://127.0.0.2:8080/cometd"
    );
}

#[test]
fn results_with_the_highest_numbers_are_merged_and_shown_without_an_overflow() {
    fn raise(value: &mut Value) {
        match value {
            Value::Number(number) if number.is_u64() => *value = u64::MAX.into(),
            Value::Number(_) => *value = f64::MAX.into(),
            Value::Array(items) => items.iter_mut().for_each(raise),
            Value::Object(members) => members.values_mut().for_each(raise),
            Value::Null | Value::Bool(_) | Value::String(_) => {}
        }
    }
    let (run, outcomes) = fixture();
    let mut json: Value = serde_json::from_str(&text(Format::Json, &run, &outcomes)).unwrap();
    raise(&mut json);
    json["schema"] = 1.into();
    let mut sum = read(json.to_string().as_bytes()).unwrap().run;
    let other = sum.clone();
    sum.add(&other);
    sum.started = None;
    sum.add(&other);
    assert_eq!(sum.messages.published, u64::MAX);
    assert_eq!(sum.n_errors(), u64::MAX);
    let outcomes: Vec<Outcome> = Vec::new();
    for (_, format) in ENDINGS {
        Format::render(
            format,
            &Report {
                run: &sum,
                outcomes: &outcomes,
            },
        );
    }
}
