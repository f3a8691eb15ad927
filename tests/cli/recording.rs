//! `--record` and `-o json`: every line follows `schema/record.v1.json`.

use serde_json::Value;

use crate::hostile::{Hostile, accepted, good, page};
use crate::peer::{publish, server};
use crate::program::{Outcome, bayeux, empty_folder};

/// Checks every line, and says what types there are.
fn validated(lines: &str) -> Vec<String> {
    let schema: Value = serde_json::from_str(include_str!("../../schema/record.v1.json")).unwrap();
    let schema = jsonschema::validator_for(&schema).unwrap();
    let lines = lines.lines().map(|line| {
        let record: Value = serde_json::from_str(line).unwrap();
        if let Err(error) = schema.validate(&record) {
            panic!("{error}: {line}");
        }
        let what = [&record["dir"], &record["channel"], &record["state"]];
        let what = what.iter().filter_map(|it| it.as_str());
        let what: Vec<&str> = std::iter::once(record["type"].as_str().unwrap())
            .chain(what)
            .collect();
        what.join(" ")
    });
    lines.collect()
}

fn recorded(name: &str, words: &[&str]) -> (Vec<String>, Outcome) {
    let file = empty_folder(name).join("traffic.ndjson");
    let record = ["--record", file.to_str().unwrap()];
    let outcome = bayeux([]).args(words).args(&record).run();
    (validated(&std::fs::read_to_string(file).unwrap()), outcome)
}

#[test]
fn a_tail_is_recorded_both_ways() {
    let server = server();
    let file = empty_folder("record-tail").join("traffic.ndjson");
    let mut tail = bayeux(["sub", &server.url(), "/demo", "-n", "1", "-o", "json"])
        .args(&["--record", file.to_str().unwrap()])
        .start();
    tail.told("subscribed");
    publish(&server, "/demo", r#"{"n": 1.00}"#);
    let outcome = tail.end();
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    let recording = std::fs::read_to_string(file).unwrap();
    let types = validated(&recording);
    assert_eq!(types[0], "header");
    for wanted in [
        "message out /meta/handshake",
        "message in /meta/handshake",
        "state handshaken",
        "message out /meta/subscribe",
        "message in /meta/subscribe",
        "message out /meta/connect",
        "message in /demo",
        "message out /meta/disconnect",
        "message in /meta/disconnect",
    ] {
        assert!(
            types.contains(&wanted.to_owned()),
            "no {wanted}: {types:#?}"
        );
    }
    assert!(recording.contains(r#""data":{"n": 1.00}"#), "{recording}");
    // What is printed is what is recorded.
    assert_eq!(validated(&outcome.stdout()), ["message in /demo"]);
    assert!(
        recording.contains(outcome.stdout().trim_end()),
        "{recording}"
    );
}

#[test]
fn a_delivery_that_jq_drops_is_recorded_all_the_same() {
    let server = server();
    let file = empty_folder("record-jq").join("traffic.ndjson");
    let mut tail = bayeux([
        "sub",
        &server.url(),
        "/demo",
        "-n",
        "1",
        "--jq",
        "select(.data==2)",
    ])
    .args(&["--record", file.to_str().unwrap()])
    .start();
    tail.told("subscribed");
    publish(&server, "/demo", "1");
    publish(&server, "/demo", "2");
    assert_eq!(tail.end().code(), Some(0));
    let types = validated(&std::fs::read_to_string(file).unwrap());
    let deliveries = types.iter().filter(|it| *it == "message in /demo");
    assert_eq!(deliveries.count(), 2, "{types:#?}");
}

#[test]
fn a_handshake_and_a_publish_are_recorded() {
    let server = server();
    let (types, outcome) = recorded("record-handshake", &["hs", &server.url()]);
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    assert_eq!(
        types,
        [
            "header",
            "message out /meta/handshake",
            "message in /meta/handshake",
            "state handshaken",
            "message out /meta/disconnect",
            "message in /meta/disconnect",
        ]
    );
    let (types, outcome) = recorded("record-publish", &["pub", &server.url(), "/demo", "1"]);
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    assert!(
        types.contains(&"state /demo acknowledged".to_owned()),
        "{types:#?}"
    );
}

#[test]
fn a_failure_is_recorded_and_told_as_a_record() {
    let hostile = Hostile::canned(page("404 Not Found"));
    let (types, outcome) = recorded("record-failure", &["hs", &hostile.url(), "-o", "json"]);
    assert_eq!(outcome.code(), Some(3), "{outcome}");
    assert_eq!(types, ["header", "message out /meta/handshake", "failure"]);
    let stderr = outcome.stderr();
    assert_eq!(validated(stderr.lines().last().unwrap()), ["failure"]);
}

#[test]
fn v_in_the_json_view_tells_records() {
    let server = server();
    let outcome = bayeux(["pub", &server.url(), "/demo", "1", "-v", "-o", "json"]).run();
    let stderr = outcome.stderr();
    let (records, notes): (Vec<&str>, Vec<&str>) =
        stderr.lines().partition(|it| it.starts_with('{'));
    let types = validated(&records.join("\n"));
    assert!(types.contains(&"message in /demo".to_owned()), "{types:#?}");
    assert_eq!(notes.len(), 1, "{notes:?}");
}

#[test]
fn what_is_no_message_is_recorded_as_unreadable() {
    let hostile = Hostile::new(|request| {
        let body = request.split_once("\r\n\r\n").unwrap().1;
        let messages: Vec<Value> = serde_json::from_str(body).unwrap();
        let reply = match good(&messages[0]) {
            Some(_) => accepted(&messages[0]),
            None => return crate::hostile::Answer::Silence,
        };
        let body = format!("[{reply}, 17]");
        crate::hostile::Answer::Bytes(crate::hostile::response(
            "200 OK",
            "application/json",
            &body,
        ))
    });
    let (types, outcome) = recorded("record-odd", &["hs", &hostile.url()]);
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    assert!(types.contains(&"unreadable in".to_owned()), "{types:#?}");
}
