//! `bayeux report` on recordings: the conversation told again, what it adds up to, drawings.

use std::path::PathBuf;

use crate::program::{Outcome, bayeux, empty_folder};

/// A session that is lost, and one in its place that forgets a subscription.
const TRAFFIC: &str = include_str!("../fixtures/traffic.ndjson");

fn report(name: &str, text: &str, words: &[&str]) -> Outcome {
    let folder = empty_folder(&format!("recorded-{name}"));
    let file = folder.join("traffic.ndjson");
    std::fs::write(&file, text).unwrap();
    bayeux(["report", file.to_str().unwrap()]).args(words).run()
}

/// What it printed.
fn shown(name: &str, text: &str, words: &[&str]) -> String {
    report(name, text, words).to_string()
}

#[test]
fn a_recording_is_told_again_with_what_was_wrong() {
    insta::assert_snapshot!(shown("compact", TRAFFIC, &["-o", "compact"]), @r#"
    exit: 0
    ----- stdout -----
    ~ recorded by a client: http://127.0.0.1:8080/cometd
    18:50:33.000 > /meta/handshake {"channel":"/meta/handshake","id":"1","version":"1.0","supportedConnectionTypes":["long-polling"]}
    18:50:33.004 < /meta/handshake {"channel":"/meta/handshake","id":"1","version":"1.0","supportedConnectionTypes":["long-polling"],"clientId":"1w3k…","successful":true,"advice":{"reconnect":"retry","interval":0,"timeout":30000,"maxInterval":10000}}
    ~ connected over long-polling
    18:50:33.005 > /meta/subscribe {"channel":"/meta/subscribe","id":"2","clientId":"1w3k…","subscription":"/orders"}
    18:50:33.007 < /meta/subscribe {"channel":"/meta/subscribe","id":"2","subscription":"/orders","successful":true}
    ~ subscribed to /orders
    18:50:33.008 > /meta/subscribe {"channel":"/meta/subscribe","id":"3","clientId":"1w3k…","subscription":"/stocks/*"}
    18:50:33.010 < /meta/subscribe {"channel":"/meta/subscribe","id":"3","subscription":"/stocks/*","successful":true}
    ~ subscribed to /stocks/*
    18:50:33.012 > /meta/connect {"channel":"/meta/connect","id":"4","clientId":"1w3k…","connectionType":"long-polling"}
    18:50:34.250 < /meta/connect {"channel":"/meta/connect","id":"4","successful":true}
    18:50:34.250 < /orders {"n":1}
    18:50:34.251 > /meta/connect {"channel":"/meta/connect","id":"5","clientId":"1w3k…","connectionType":"long-polling"}
    18:50:35.300 < /meta/connect {"channel":"/meta/connect","id":"5","successful":false,"error":"402::session_unknown","advice":{"reconnect":"handshake","interval":0}}
    ~ session lost after 2.3s: 402::session_unknown
    18:50:35.310 > /meta/handshake {"channel":"/meta/handshake","id":"6","version":"1.0","supportedConnectionTypes":["long-polling"]}
    18:50:35.314 < /meta/handshake {"channel":"/meta/handshake","id":"6","version":"1.0","supportedConnectionTypes":["long-polling"],"clientId":"9fq2…","successful":true,"advice":{"reconnect":"retry","interval":0,"timeout":30000,"maxInterval":10000}}
    ~ connected over long-polling
    18:50:35.316 > /meta/subscribe {"channel":"/meta/subscribe","id":"7","clientId":"9fq2…","subscription":"/orders"}
    18:50:35.318 < /meta/subscribe {"channel":"/meta/subscribe","id":"7","subscription":"/orders","successful":true}
    ~ subscribed to /orders
    18:50:35.320 > /meta/connect {"channel":"/meta/connect","id":"8","clientId":"9fq2…","connectionType":"long-polling"}
    18:50:35.325 < /meta/connect {"channel":"/meta/connect","id":"8","successful":true}
    18:50:35.326 > /meta/connect {"channel":"/meta/connect","id":"9","clientId":"9fq2…","connectionType":"long-polling"}
    ~ not subscribed again to /stocks/*
    18:50:35.400 > /orders/* {"channel":"/orders/*","id":"10","clientId":"9fq2…","data":{"n":2}}
    ~ client (channel): /orders/* is a pattern: it can be subscribed to only [pub.pattern: Channels]
    18:50:35.613 < /orders/* {"channel":"/orders/*","id":"10","successful":false,"error":"400::channel_invalid"}
    18:50:36.700 < /meta/connect {"channel":"/meta/connect","id":"9","successful":true}
    18:50:36.700 < /orders {"n":3}
    18:50:36.701 > /meta/disconnect {"channel":"/meta/disconnect","id":"11","clientId":"9fq2…"}
    18:50:36.703 < /meta/disconnect {"channel":"/meta/disconnect","id":"11","successful":true}
    ~ disconnected

    conversation  11 requests, 2 deliveries in 3.7s, 2 refused
    session       1w3k…  from 18:50:33.004, lost 18:50:35.300: 402::session_unknown
    session       9fq2…  from 18:50:35.314 to 18:50:36.703, not subscribed again to /stocks/*
    slowest       213 ms  /orders/*  id 10
    slowest       4.0 ms  /meta/handshake  id 1
    slowest       4.0 ms  /meta/handshake  id 6
    slowest       2.0 ms  /meta/subscribe  id 2
    slowest       2.0 ms  /meta/subscribe  id 3
    longest hold  1.4s
    broken rule   pub.pattern (client): /orders/* is a pattern: it can be subscribed to only
    ----- stderr -----
    "#);
}

#[test]
fn in_the_pretty_view_replies_have_their_latency() {
    let stdout = report("pretty", TRAFFIC, &["-o", "pretty"]).stdout();
    for line in [
        "18:50:33.004  < /meta/handshake  id 1  ok  4.0 ms",
        "18:50:34.250  < /meta/connect  id 4  ok  1.2s",
        "18:50:35.613  < /orders/*  id 10  refused  400::channel_invalid  213 ms",
        "~ not subscribed again to /stocks/*",
    ] {
        assert!(stdout.contains(line), "{line}: {stdout}");
    }
}

#[test]
fn json_is_what_was_recorded_and_data_is_what_was_delivered() {
    let outcome = report("json", TRAFFIC, &["-o", "json"]);
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    let with_version = |text: &str| text.replace("bayeux 0.1.0", "bayeux");
    assert_eq!(with_version(&outcome.stdout()), with_version(TRAFFIC));
    let outcome = report("data", TRAFFIC, &["-o", "data"]);
    assert_eq!(outcome.stdout(), "{\"n\":1}\n{\"n\":3}\n");
}

#[test]
fn jq_sees_every_message_both_ways() {
    let expression = "select(.channel | startswith(\"/orders\")) | .data // .error";
    insta::assert_snapshot!(shown("jq", TRAFFIC, &["--jq", expression, "-o", "data"]), @r#"
    exit: 0
    ----- stdout -----
    {"n":1}
    {"n":2}
    400::channel_invalid
    {"n":3}
    ----- stderr -----
    "#);
}

#[test]
fn several_recordings_are_told_in_the_order_of_their_times() {
    let folder = empty_folder("recorded-several");
    let (first, second): (Vec<_>, Vec<_>) = TRAFFIC
        .lines()
        .skip(1)
        .enumerate()
        .partition(|(at, _)| at % 2 == 0);
    let write = |name: &str, lines: Vec<(usize, &str)>| {
        let text: String = lines.iter().map(|(_, line)| format!("{line}\n")).collect();
        std::fs::write(folder.join(name), text).unwrap();
    };
    write("a.ndjson", first);
    write("b.ndjson", second);
    let [a, b] = ["a.ndjson", "b.ndjson"].map(|it| folder.join(it));
    let (a, b) = (a.to_str().unwrap(), b.to_str().unwrap());
    let outcome = bayeux(["report", b, a, "-o", "json"]).run();
    let expected: Vec<_> = TRAFFIC.lines().skip(1).collect();
    let mut told: Vec<_> = outcome.stdout().lines().map(str::to_owned).collect();
    let times = |it: &String| it.split("\"time\":\"").nth(1).unwrap()[..27].to_owned();
    assert!(told.is_sorted_by_key(times), "{outcome}");
    told.sort_unstable();
    let mut expected: Vec<String> = expected.into_iter().map(str::to_owned).collect();
    expected.sort_unstable();
    assert_eq!(told, expected);
}

#[test]
fn a_page_and_a_diagram_are_written() {
    let folder = empty_folder("drawn");
    let [page, diagram] = ["page.html", "diagram.svg"].map(|it| folder.join(it));
    let words = [
        "--report",
        page.to_str().unwrap(),
        "--report",
        diagram.to_str().unwrap(),
    ];
    let outcome = report("drawn", TRAFFIC, &words);
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    let read = |it: PathBuf| std::fs::read_to_string(it).unwrap();
    let (page, diagram) = (read(page), read(diagram));
    assert!(
        page.starts_with("<!DOCTYPE html>") && page.contains("not subscribed again: /stocks/*")
    );
    assert!(diagram.starts_with("<svg ") && diagram.contains("session lost after 2.30 s"));
}

#[test]
fn what_cannot_be_told_is_said_with_its_line() {
    let mut told = String::new();
    let (header, rest) = TRAFFIC.split_once('\n').unwrap();
    let newer = TRAFFIC.replacen("\"schema\":1", "\"schema\":9", 1);
    let broken = format!("{header}\nnonsense\n{rest}");
    for (name, text) in [
        ("empty", ""),
        ("newer", newer.as_str()),
        ("broken", broken.as_str()),
        ("cut", &header[..40]),
        ("other", "GIF89a"),
    ] {
        told.push_str(&shown(&format!("bad-{name}"), text, &[]));
    }
    insta::assert_snapshot!(told, @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: [tmp]/recorded-bad-empty/traffic.ndjson is no recording
    cause: it is empty
    hint: bayeux sub --record FILE writes one
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: [tmp]/recorded-bad-newer/traffic.ndjson is no recording
    cause: line 1 begins a recording of schema 9; this program reads 1
    hint: a later version of bayeux wrote it, and reads it
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: [tmp]/recorded-bad-broken/traffic.ndjson is no recording
    cause: line 2 is no record: not a JSON object
    hint: bayeux sub --record FILE writes one
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: [tmp]/recorded-bad-cut/traffic.ndjson is no recording
    cause: line 1 is no record: EOF while parsing a string
    hint: bayeux sub --record FILE writes one
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: [tmp]/recorded-bad-other/traffic.ndjson is neither a recording nor the result of a load test
    cause: not JSON: expected value at line 1 column 1
    hint: --record FILE and bayeux bench --report FILE.json write them
    ");
}

#[test]
fn of_a_recording_that_is_cut_the_lines_before_are_told() {
    let cut = &TRAFFIC[..TRAFFIC.len() - 30];
    insta::assert_snapshot!(shown("cut", cut, &["-o", "data"]), @r#"
    exit: 0
    ----- stdout -----
    {"n":1}
    {"n":3}
    ----- stderr -----
    warning: [tmp]/recorded-cut/traffic.ndjson is cut in line 32, which is left out
    "#);
}

#[test]
fn what_belongs_to_results_of_load_tests_is_refused() {
    let mut told = String::new();
    for words in [
        &["--compare"][..],
        &["--max", "p99=1s"],
        &["--report", "run.csv"],
        &["--report", "run.pdf"],
        &["--jq", "("],
    ] {
        told.push_str(&shown("refused", TRAFFIC, words));
    }
    insta::assert_snapshot!(told, @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: --compare: not of recordings
    hint: results of `bayeux bench --report FILE.json` have it
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: --max and --min: not of recordings
    hint: results of `bayeux bench --report FILE.json` have it
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: --report run.csv: not of these files
    hint: a recording is written as .html or .svg
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: invalid value 'run.pdf' for '--report <FILE>': the name ends in .json, .csv, .html, .hgrm, .hlog, .xml, .svg
    hint: bayeux report -h lists its options
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: --jq: expected closing parenthesis at character 2, where it ends
    hint: the expression sees the whole message: --jq .data.text
    ");
}
