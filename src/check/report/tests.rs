//! Reports over outcomes that are made up, so that every word is known.

use std::time::Duration;

use super::*;
use crate::check::{
    Deviation, Exchange, Finding, Flavour, Judged, Known, Obstacle, Outcome, Received, Strictness,
};

const FIELDS: Check = Check::must(
    "hs.fields",
    "the reply has <all> fields",
    "Handshake",
    never,
);
const CACHE: Check = Check::should("http.cache", "no reply is kept", "", never);
const GZIP: Check = Check::information("http.gzip", "replies #1 are compressed", "", never);
const HOLD: Check = Check::must("con.hold", "connects are held", "", never).intrusive();

fn never(_: &crate::check::Subject) -> Result<Finding, Obstacle> {
    Ok(Finding::holds())
}

fn exchange() -> Exchange {
    Exchange {
        asked: "POST /cometd".to_owned(),
        headers: vec!["Authorization: Bearer geheim".to_owned()],
        sent: r#"[{"channel":"/meta/handshake","ext":{"token":"geheim"}}]"#.to_owned(),
        received: Received::Response {
            status: 200,
            headers: vec!["set-cookie: BAYEUX_BROWSER=geheim; Path=/".to_owned()],
            body: r#"[{"successful":true,"clientId":"geheim0123456789"}]"#.to_owned(),
        },
        took: Duration::from_millis(3),
    }
}

fn report(strictness: Strictness) -> Report {
    let known = [Deviation {
        check: "http.cache".to_owned(),
        seen: "no Cache-Control".parse().unwrap(),
        over: Vec::new(),
        from: None,
        to: None,
        source: "measured with CometD 9.0.0".to_owned(),
    }];
    let second = Duration::from_secs(1);
    let outcomes = [
        Outcome::new(&GZIP, Ok(Finding::deviates("they are not")), vec![], second),
        Outcome::new(
            &CACHE,
            Ok(Finding::deviates("no Cache-Control")),
            vec![],
            second,
        ),
        Outcome::new(
            &FIELDS,
            Ok(Finding::deviates("no \"version\"\u{1b}")
                .at("version")
                .remedy("add it")),
            vec![exchange()],
            second,
        ),
        Outcome::new(
            &HOLD,
            Err(Obstacle::Inapplicable("no session".to_owned())),
            vec![],
            second,
        ),
    ];
    Report {
        url: "http://localhost:8080/cometd".to_owned(),
        transport: "long-polling",
        flavour: Flavour::CometD,
        known: Known::of(Flavour::CometD),
        strictness,
        hindrance: None,
        outcomes: outcomes
            .into_iter()
            .map(|it| Judged::new(it, &known))
            .collect(),
    }
}

#[test]
fn what_is_written_follows_the_shipped_schema_and_holds_no_secret() {
    let schema = include_str!("../../../schema/check.v1.json");
    let schema = serde_json::from_str(schema).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let text = Format::Json.render(&report(Strictness::Known), Secrets::Redacted);
    let document = serde_json::from_str(&text).unwrap();
    let errors: Vec<_> = validator
        .iter_errors(&document)
        .map(|it| it.to_string())
        .collect();
    assert!(errors.is_empty(), "{errors:?}\n{text}");
    assert!(
        !text.contains("geheim,") && !text.contains("geheim\\") && !text.contains("geheim;"),
        "{text}"
    );
    assert!(
        !text.contains("Bearer geheim") && !text.contains("geheim0123456789"),
        "{text}"
    );
    let shown = Format::Json.render(&report(Strictness::Known), Secrets::Shown);
    assert!(shown.contains("Bearer geheim"));
}

#[test]
fn the_worst_and_deepest_is_the_cause() {
    let verdict = compact_verdict(&report(Strictness::Known));
    insta::assert_snapshot!(verdict, @r#"{"passed":false,"summary":"0 pass, 1 fail, 1 as known, 1 to note, 1 skipped","cause":"hs.fields: no \"version\"\u001b","remedy":"add it"}"#);
    let strict = compact_verdict(&report(Strictness::Strict));
    insta::assert_snapshot!(strict, @r#"{"passed":false,"summary":"0 pass, 2 fail, 1 to note, 1 skipped","cause":"hs.fields: no \"version\"\u001b","remedy":"add it"}"#);
}

#[test]
fn checks_are_test_cases() {
    insta::assert_snapshot!(Format::Xml.render(&report(Strictness::Known), Secrets::Redacted), @r#"
    <?xml version="1.0" encoding="UTF-8"?>
    <testsuites name="bayeux check http://localhost:8080/cometd" tests="4" failures="1" errors="0" time="4.000">
      <testsuite name="http" tests="2" failures="0" errors="0" skipped="0" time="2.000">
        <properties>
          <property name="tool" value="bayeux 0.1.0"/>
          <property name="url" value="http://localhost:8080/cometd"/>
          <property name="transport" value="long-polling"/>
          <property name="server" value="CometD"/>
          <property name="verdict" value="0 pass, 1 fail, 1 as known, 1 to note, 1 skipped"/>
        </properties>
        <testcase classname="bayeux.check.http" name="http.gzip: replies #1 are compressed" time="1.000">
          <system-out>note: they are not</system-out>
        </testcase>
        <testcase classname="bayeux.check.http" name="http.cache: no reply is kept" time="1.000">
          <system-out>known: no Cache-Control (measured with CometD 9.0.0)</system-out>
        </testcase>
      </testsuite>
      <testsuite name="hs" tests="1" failures="1" errors="0" skipped="0" time="1.000">
        <testcase classname="bayeux.check.hs" name="hs.fields: the reply has &lt;all&gt; fields" time="1.000">
          <failure type="must" message="no &quot;version&quot;�">no &quot;version&quot;� - add it</failure>
        </testcase>
      </testsuite>
      <testsuite name="con" tests="1" failures="0" errors="0" skipped="1" time="1.000">
        <testcase classname="bayeux.check.con" name="con.hold: connects are held" time="1.000">
          <skipped message="no session"/>
        </testcase>
      </testsuite>
    </testsuites>
    "#);
}

#[test]
fn checks_are_lines_of_tap() {
    insta::assert_snapshot!(Format::Tap.render(&report(Strictness::Known), Secrets::Redacted), @r#"
    TAP version 14
    1..4
    ok 1 - http.gzip: replies \#1 are compressed
      ---
      status: note
      severity: information
      seen: "they are not"
      ...
    ok 2 - http.cache: no reply is kept
      ---
      status: known
      severity: should
      seen: "no Cache-Control"
      known: "measured with CometD 9.0.0"
      ...
    not ok 3 - hs.fields: the reply has <all> fields
      ---
      status: fail
      severity: must
      seen: "no \"version\"\u001b"
      remedy: "add it"
      ...
    ok 4 - con.hold: connects are held # SKIP no session
    "#);
}

#[test]
fn a_deviation_is_known_only_as_it_is_known() {
    let known = [Deviation {
        check: "hs.fields".to_owned(),
        seen: "*no version".parse().unwrap(),
        over: Vec::new(),
        from: None,
        to: None,
        source: "s".to_owned(),
    }];
    let word = |found: Finding| {
        let outcome = Outcome::new(&FIELDS, Ok(found), vec![], Duration::ZERO);
        let judged = Judged::new(outcome, &known);
        (
            judged.word(),
            judged.is_failure(Strictness::Known),
            judged.is_failure(Strictness::Strict),
        )
    };
    assert_eq!(
        word(Finding::deviates("there is no version")),
        ("known", false, true)
    );
    assert_eq!(word(Finding::deviates("no clientId")), ("fail", true, true));
    assert_eq!(word(Finding::holds()), ("pass", false, false));
}

/// Whoever reads the file alone must not take it for a success.
#[test]
fn what_was_in_the_way_is_in_every_report() {
    let mut report = report(Strictness::Known);
    report.outcomes.retain(|it| it.word() == "skip");
    report.hindrance = Some("the server refuses the handshake: 401::<#1>".to_owned());
    insta::assert_snapshot!(compact_verdict(&report), @r#"{"passed":false,"summary":"0 pass, 1 skipped","cause":"the server refuses the handshake: 401::<#1>","remedy":null}"#);
    let xml = Format::Xml.render(&report, Secrets::Redacted);
    insta::assert_snapshot!(xml, @r#"
    <?xml version="1.0" encoding="UTF-8"?>
    <testsuites name="bayeux check http://localhost:8080/cometd" tests="2" failures="0" errors="1" time="1.000">
      <testsuite name="con" tests="1" failures="0" errors="0" skipped="1" time="1.000">
        <properties>
          <property name="tool" value="bayeux 0.1.0"/>
          <property name="url" value="http://localhost:8080/cometd"/>
          <property name="transport" value="long-polling"/>
          <property name="server" value="CometD"/>
          <property name="verdict" value="0 pass, 1 skipped"/>
        </properties>
        <testcase classname="bayeux.check.con" name="con.hold: connects are held" time="1.000">
          <skipped message="no session"/>
        </testcase>
      </testsuite>
      <testsuite name="run" tests="1" failures="0" errors="1" skipped="0" time="0">
        <testcase classname="bayeux.check" name="run" time="0">
          <error type="hindrance" message="the server refuses the handshake: 401::&lt;#1&gt;">the server refuses the handshake: 401::&lt;#1&gt;</error>
        </testcase>
      </testsuite>
    </testsuites>
    "#);
    let tap = Format::Tap.render(&report, Secrets::Redacted);
    insta::assert_snapshot!(tap, @r"
    TAP version 14
    1..1
    ok 1 - con.hold: connects are held # SKIP no session
    Bail out! the server refuses the handshake: 401::<#1>
    ");
}
