//! Each format of one run, and of a run in which nothing happened.

mod merging;

use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};
use serde_json::Value;

use super::super::run::{ErrorCount, Interval, Slowest};
use super::super::{Distribution, Expectation, Outcome, Run, Shortfall};
use super::{ENDINGS, Format, Report, read};

/// A run in which every field has a value, and nothing is as it should be.
fn fixture() -> (Run, Vec<Outcome>) {
    static FIXTURE: LazyLock<(Run, Vec<Outcome>)> = LazyLock::new(measured);
    FIXTURE.clone()
}

fn measured() -> (Run, Vec<Outcome>) {
    let mut run = Run {
        started: Some(SystemTime::UNIX_EPOCH + Duration::from_millis(1_763_837_462_500)),
        ..Run::default()
    };
    run.config.url = "http://127.0.0.1:8080/cometd".to_owned();
    run.config.channel = "/bench".to_owned();
    run.config.transport = "long-polling".to_owned();
    run.config.engine = "loop".to_owned();
    (
        run.config.threads,
        run.config.clients,
        run.config.publishers,
    ) = (2, 100, 1);
    (run.config.channels, run.config.per_client) = (10, 1);
    (run.config.rate, run.config.batch, run.config.size) = (Some(1000.0), 1, 64);
    (run.config.ramp, run.config.warmup_s, run.config.duration_s) = (500.0, 2.0, Some(3.0));
    (run.config.drain_s, run.config.seed) = (5.0, 4242);
    (run.sessions.wanted, run.sessions.up, run.sessions.up_ms) = (101, 101, 512.25);
    (run.sessions.handshakes, run.sessions.renewed) = (102, 1);
    (run.messages.intended, run.messages.published) = (3000, 2999);
    (run.messages.acknowledged, run.messages.rejected) = (2998, 1);
    (run.messages.unsent, run.messages.expected) = (1, 29_980);
    (run.messages.delivered, run.messages.lost) = (29_970, 10);
    (
        run.messages.lost_by.no_session,
        run.messages.lost_by.unexplained,
    ) = (7, 3);
    (run.messages.duplicates, run.messages.out_of_order) = (2, 1);
    (run.traffic.bytes_out, run.traffic.bytes_in) = (3_000_000, 9_000_000);
    (run.traffic.requests, run.traffic.batches) = (12_000, 8_100);
    (run.traffic.connects, run.traffic.connections) = (9_000, 201);
    for second in 0..4_u64 {
        let mut interval = Interval::<Distribution> {
            start_s: second as f64,
            published: if second < 3 { 1000 } else { 0 },
            acknowledged: if second < 3 { 999 } else { 0 },
            ..Interval::default()
        };
        let n_deliveries = if second < 3 { 9_000 } else { 20 };
        for n in 0..n_deliveries {
            // A tail that grows, as real ones do.
            let latency = Duration::from_micros(900 + n / 10 + 2_000_000 / (n + 40) + 300 * second);
            interval.delivery.record(latency);
            run.latency
                .delivery_from_send
                .record(latency - Duration::from_micros(40));
            interval.delivered += 1;
        }
        run.latency.delivery.add(&interval.delivery);
        run.intervals.push(interval.pack());
    }
    run.intervals[2].errors = 3;
    for n in 0..2_998 {
        run.latency.publish.record(Duration::from_micros(400 + n));
    }
    for n in 0..101 {
        run.latency
            .handshake
            .record(Duration::from_micros(1_000 + 70 * n));
        run.latency
            .subscribe
            .record(Duration::from_micros(300 + 5 * n));
    }
    run.latency.slowest = Some(Slowest {
        latency: 52_500,
        publisher: 0,
        sequence: 2_517,
        client: 62,
        at_s: 2.613,
    });
    run.errors.push(ErrorCount {
        kind: "connection reset".to_owned(),
        request: None,
        count: 3,
        first: "<b>\u{1b}[31m & \"reset\"".to_owned(),
        first_at_s: 2.5,
    });
    (run.client.seconds, run.client.cpu_seconds, run.client.cores) = (3.0, 1.25, 2);
    (run.client.descriptors, run.client.descriptor_limit) = (104, 1024);
    (run.client.rss_mib, run.client.rss_peak_mib) = (5.5, 6.25);
    run.client.lag.record(Duration::from_micros(120));
    run.client.shortfall = Some(Shortfall::ServerBackPressure);
    let expectations = [
        Expectation::max("p99=25ms"),
        Expectation::max("lost=0"),
        Expectation::max("p9999=10ms"),
        Expectation::min("delivery_rate=5k"),
    ];
    let outcomes = expectations.map(|it| it.unwrap().check(&run));
    (run, outcomes.into())
}

fn text(format: Format, run: &Run, outcomes: &[Outcome]) -> String {
    String::from_utf8(format.render(&Report { run, outcomes })).unwrap()
}

#[test]
fn the_ending_tells_the_format() {
    for (ending, format) in ENDINGS {
        assert_eq!(Format::of(format!("a.b/x.{ending}").as_ref()), Some(format));
    }
    assert_eq!(Format::of("X.JSON".as_ref()), Some(Format::Json));
    for name in ["x", "x.txt", ".json", "json", "x.json.gz"] {
        assert_eq!(Format::of(name.as_ref()), None, "{name}");
    }
}

#[test]
fn json_follows_its_schema_and_is_read_back() {
    let schema = include_str!("../../../schema/bench.v1.json");
    let schema: Value = serde_json::from_str(schema).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let (run, outcomes) = fixture();
    for (run, outcomes) in [(&run, &outcomes[..]), (&Run::default(), &[])] {
        let text = text(Format::Json, run, outcomes);
        let document: Value = serde_json::from_str(&text).unwrap();
        let wrong: Vec<_> = validator
            .iter_errors(&document)
            .map(|it| it.to_string())
            .collect();
        assert!(wrong.is_empty(), "{wrong:#?}\n{text}");
        let saved = read(text.as_bytes()).unwrap();
        assert_eq!(&saved.run, run);
        let expectations: Vec<_> = outcomes.iter().map(|it| it.expectation.clone()).collect();
        assert_eq!(saved.expectations, expectations);
    }
}

/// Whoever renames a field or forgets one in the schema is told so here.
#[test]
fn the_schema_describes_every_field() {
    let schema = include_str!("../../../schema/bench.v1.json");
    let schema: Value = serde_json::from_str(schema).unwrap();
    let (run, outcomes) = fixture();
    let document: Value = serde_json::from_str(&text(Format::Json, &run, &outcomes)).unwrap();
    let mut missing = Vec::new();
    undescribed(&schema, &schema, &document, "", &mut missing);
    assert!(missing.is_empty(), "{missing:#?}");
}

fn undescribed(root: &Value, schema: &Value, value: &Value, path: &str, missing: &mut Vec<String>) {
    let schema = match schema["$ref"].as_str() {
        Some(reference) => root.pointer(&reference[1..]).unwrap(),
        None => schema,
    };
    // Of `anyOf` with null, the other.
    let schema = match schema["anyOf"][0]["$ref"].as_str() {
        Some(reference) => root.pointer(&reference[1..]).unwrap(),
        None => schema,
    };
    match value {
        Value::Object(fields) if schema["additionalProperties"].is_null() => {
            for (name, value) in fields {
                let path = format!("{path}/{name}");
                match schema["properties"].get(name) {
                    Some(schema) => undescribed(root, schema, value, &path, missing),
                    None => missing.push(path),
                }
            }
        }
        Value::Array(values) => {
            let first = values.first().unwrap_or(&Value::Null);
            undescribed(root, &schema["items"], first, &format!("{path}[]"), missing);
        }
        _ => {}
    }
}

#[test]
fn what_is_no_report_is_not_read() {
    let error = |text: &str| read(text.as_bytes()).unwrap_err().to_string();
    assert!(error("{").starts_with("not JSON: "));
    assert_eq!(error("[]"), "no `schema` beside `config` and `latency`");
    assert_eq!(
        error(r#"{"a":1}"#),
        "no `schema` beside `config` and `latency`"
    );
    let (run, _) = fixture();
    let json = text(Format::Json, &run, &[]);
    let later = json.replacen("\"schema\": 1", "\"schema\": 2", 1);
    assert_eq!(error(&later), "its schema is 2, and this version reads 1");
    let without = json.replacen("\"delivered\"", "\"supplied\"", 2);
    assert!(error(&without).contains("missing field `delivered`"));
    let broken = json.replacen("\"histogram\": \"", "\"histogram\": \"x", 1);
    assert!(error(&broken).contains("not an encoded histogram"));
    // Fields may be added within a version.
    let more = json.replacen("\"schema\": 1", "\"schema\": 1, \"more\": {}", 1);
    assert_eq!(read(more.as_bytes()).unwrap().run, run);
}

#[test]
fn csv_has_a_row_a_second_and_units_in_its_header() {
    let (run, _) = fixture();
    insta::assert_snapshot!(text(Format::Csv, &run, &[]), @"
    start_s,published,acknowledged,delivered,errors,delivery_p50_us,delivery_p90_us,delivery_p99_us,delivery_p999_us,delivery_p9999_us,delivery_max_us,delivery_mean_us
    0,1000,999,9000,0,1896,3117,16295,,,50911,2556.5
    1,1000,999,9000,0,2197,3417,16607,,,51231,2856.8
    2,1000,999,9000,3,2497,3717,16895,,,51519,3156.9
    3,0,0,20,0,41823,,,,,51807,42764.8
    ");
}

#[test]
fn hgrm_is_what_hdr_histogram_prints() {
    let mut run = Run::default();
    for n in 1..=20 {
        run.latency.delivery.record(Duration::from_millis(n));
    }
    insta::assert_snapshot!(text(Format::Hgrm, &run, &[]), @"
           Value     Percentile TotalCount 1/(1-Percentile)

           1.000 0.000000000000          1           1.00
           2.000 0.100000000000          2           1.11
           4.001 0.200000000000          4           1.25
           7.003 0.300000000000          7           1.43
           8.003 0.400000000000          8           1.67
          10.007 0.500000000000         10           2.00
          11.007 0.550000000000         11           2.22
          13.007 0.600000000000         13           2.50
          14.007 0.650000000000         14           2.86
          15.007 0.700000000000         15           3.33
          16.007 0.750000000000         16           4.00
          16.007 0.775000000000         16           4.44
          17.007 0.800000000000         17           5.00
          17.007 0.825000000000         17           5.71
          18.015 0.850000000000         18           6.67
          18.015 0.875000000000         18           8.00
          18.015 0.887500000000         18           8.89
          19.007 0.900000000000         19          10.00
          19.007 0.912500000000         19          11.43
          19.007 0.925000000000         19          13.33
          19.007 0.937500000000         19          16.00
          19.007 0.943750000000         19          17.78
          20.015 0.950000000000         20          20.00
          20.015 1.000000000000         20
    #[Mean    =       10.503, StdDeviation   =        5.768]
    #[Max     =       20.015, Total count    =           20]
    #[Buckets =            5, SubBuckets     =         2048]
    ");
}

#[test]
fn hlog_is_read_by_the_library_that_did_not_write_its_frame() {
    let (run, _) = fixture();
    let log = text(Format::Hlog, &run, &[]);
    let (head, _) = log.split_once("\n0.000").unwrap();
    insta::assert_snapshot!(head, @"
    #[Logged with bayeux 0.1.0]
    #[Histogram log format version 1.3]
    #[Values are microseconds: outputValueUnitRatio 1000 makes milliseconds]
    #[StartTime: 1763837462.500 (seconds since epoch)]
    ");
    let mut n_intervals = 0;
    for entry in IntervalLogIterator::new(log.as_bytes()) {
        let LogEntry::Interval(interval) = entry.unwrap() else {
            continue;
        };
        let expected = &run.intervals[n_intervals];
        assert_eq!(interval.start_timestamp().as_secs_f64(), expected.start_s);
        let histogram = Distribution::decode(interval.encoded_histogram()).unwrap();
        assert_eq!(histogram, expected.delivery.unpack());
        n_intervals += 1;
    }
    assert_eq!(n_intervals, run.intervals.len());
}

#[test]
fn junit_has_a_case_for_each_expectation() {
    let (run, outcomes) = fixture();
    let xml = text(Format::Xml, &run, &outcomes);
    let (head, rest) = xml.split_once("    <properties>").unwrap();
    let (_, cases) = rest.split_once("</properties>\n").unwrap();
    insta::assert_snapshot!(format!("{head}{cases}"), @r#"
    <?xml version="1.0" encoding="UTF-8"?>
    <testsuites name="bayeux bench" tests="4" failures="2" errors="0" time="3.000">
      <testsuite name="bayeux bench http://127.0.0.1:8080/cometd" tests="4" failures="2" errors="0" skipped="0" time="3.000" timestamp="2025-11-22T18:51:02">
        <testcase classname="bayeux.bench" name="p99 &lt;= 25 ms" time="0"/>
        <testcase classname="bayeux.bench" name="lost &lt;= 0" time="0">
          <failure type="expectation" message="lost 10 &gt; 0">lost 10 &gt; 0</failure>
        </testcase>
        <testcase classname="bayeux.bench" name="p9999 &lt;= 10 ms" time="0">
          <failure type="expectation" message="p9999 has no value: too few samples: fewer than 10 lie beyond it">p9999 has no value: too few samples: fewer than 10 lie beyond it</failure>
        </testcase>
        <testcase classname="bayeux.bench" name="delivery_rate &gt;= 5 000/s" time="0"/>
      </testsuite>
    </testsuites>
    "#);
}

#[test]
fn junit_has_one_case_where_nothing_is_expected() {
    let mut run = Run::default();
    let xml = text(Format::Xml, &run, &[]);
    assert!(
        xml.contains(r#"<testcase classname="bayeux.bench" name="run" time="0"/>"#),
        "{xml}"
    );
    run.client.interrupted = true;
    let xml = text(Format::Xml, &run, &[]);
    assert!(
        xml.contains(r#"<failure type="expectation" message="interrupted">"#),
        "{xml}"
    );
}

#[test]
fn html_needs_nothing_from_elsewhere_and_every_chart_is_described() {
    let (run, outcomes) = fixture();
    for (run, outcomes) in [(&run, &outcomes[..]), (&Run::default(), &[])] {
        let page = text(Format::Html, run, outcomes);
        for wrong in [
            "<script",
            "src=",
            "href=",
            "url(",
            "@import",
            "<b>\u{1b}",
            "NaN",
            "inf",
        ] {
            let content = page.replace("infinite", "");
            assert!(!content.contains(wrong), "{wrong}");
        }
        assert_eq!(page.matches("role=\"img\"").count(), 4);
        assert_eq!(page.matches("<desc").count(), 4);
        well_formed(&page);
    }
    let page = text(Format::Html, &run, &outcomes);
    assert!(page.contains("&lt;b&gt;\u{fffd}[31m &amp; &quot;reset&quot;"));
}

#[test]
fn a_page_of_a_day_is_no_larger_than_one_of_minutes() {
    let seconds = (0..86_400).map(|second| Interval {
        start_s: f64::from(second),
        delivered: 10,
        ..Interval::default()
    });
    let run = Run {
        intervals: seconds.collect(),
        ..Run::default()
    };
    let page = text(Format::Html, &run, &[]);
    assert!(page.len() < 300_000, "{} bytes", page.len());
    assert_eq!(text(Format::Csv, &run, &[]).lines().count(), 86_401);
}

/// Every element that is opened is closed.
fn well_formed(page: &str) {
    let mut open: Vec<&str> = Vec::new();
    for tag in page.split('<').skip(1) {
        let (tag, _) = tag.split_once('>').unwrap();
        let name = tag.split([' ', '/', '\n']).next().unwrap_or_default();
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name));
        } else if !tag.ends_with('/') && !["!DOCTYPE", "meta"].contains(&name) {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

#[test]
fn every_part_of_a_report_is_refused() {
    let (run, outcomes) = fixture();
    let json = text(Format::Json, &run, &outcomes);
    let end = json.trim_end().len();
    for end in (0..end).step_by(97).chain(end - 200..end) {
        assert!(read(&json.as_bytes()[..end]).is_err(), "{end}");
    }
}
