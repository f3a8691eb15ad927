//! Tests of reading faults.

use super::*;

#[test]
fn a_fault_reads_what_it_writes() {
    let texts = [
        "expire=3h",
        "forget=2",
        "token-expires=10m",
        "busy=2",
        "daily-limit=9",
        "connect:drop:every=5",
        "any:delay=200ms:p=0.1",
        "any:refuse=401:after=10m",
        "connect:expire:after=2:for=1m:first=3:every=2:p=0.000001",
        "publish:cut",
        "publish:cut=0",
        "delivery:drop",
        "upgrade:status=403",
    ];
    for text in texts {
        let fault: Fault = text.parse().unwrap();
        assert_eq!(fault.to_string(), text);
    }
    let kinds = KINDS
        .iter()
        .flat_map(|it| it.2.iter().map(|place| (place, it.1)));
    for (place, what) in kinds {
        let text = format!("{}:{what}", place.as_str());
        assert_eq!(text.parse::<Fault>().unwrap().to_string(), text);
    }
}

#[test]
fn all_that_can_go_wrong_is_documented_and_the_documents_are_right() {
    let document = include_str!("../../../../docs/faults.md");
    let (_, tables) = document.split_once("## What goes wrong").unwrap();
    let (tables, _) = tables.split_once("## When").unwrap();
    let rows = tables.lines().filter_map(|it| it.strip_prefix("| `"));
    let mut documented = Vec::new();
    for spec in rows.filter_map(|it| it.split('`').next()) {
        if spec == "--fault" {
            continue;
        }
        documented.push(
            spec.parse::<Fault>()
                .unwrap_or_else(|it| panic!("{spec}: {it}")),
        );
    }
    for (name, example, places) in KINDS {
        let is_it = |it: &Fault| it.what.to_string().split('=').next() == Some(name);
        assert!(documented.iter().any(is_it), "{name}");
        assert!(places.iter().all(|it| what(*it, example).is_ok()), "{name}");
    }
    for name in OF_NO_PLACE
        .split([',', ' ', '='])
        .filter(|it| it.contains('-'))
    {
        assert!(
            documented.iter().any(|it| it.to_string().starts_with(name)),
            "{name}"
        );
    }
}

#[test]
fn codes_may_be_left_out() {
    for (text, whole) in [
        ("handshake:refuse", "handshake:refuse=503"),
        ("any:status:first=1", "any:status=503:first=1"),
    ] {
        assert_eq!(text.parse::<Fault>().unwrap().to_string(), whole);
    }
}

#[test]
fn what_is_no_fault_says_what_would_be_one() {
    let places = "any, handshake, connect, subscribe, unsubscribe, disconnect, publish, \
                  delivery, upgrade";
    let place = format!("WHERE:WHAT, with {places} as WHERE; or {OF_NO_PLACE}");
    for (text, cause, hint) in [
        ("slow", "no such place: slow", place.as_str()),
        ("", "no such place: ", place.as_str()),
        (
            "delivery:",
            "no such fault: delivery:",
            "delivery has drop, duplicate, reorder",
        ),
        (
            "upgrade:refuse",
            "refuse is nothing that goes wrong at upgrade",
            "upgrade has status=503, html, delay=200ms, drop, close=before",
        ),
        ("expire", "expire has no value", "write a time: expire=10m"),
        (
            "expire=soon",
            "expire does not take soon",
            "write a time: expire=10m",
        ),
        (
            "expire=1m:p=1",
            "expire=1m has no conditions: p=1",
            "it is written expire=1m",
        ),
        ("busy=-1", "busy does not take -1", "write a number: busy=2"),
        (
            "any:status=200",
            "status does not take 200",
            "write a number: status=503",
        ),
        (
            "any:delay",
            "delay has no value",
            "write a time: delay=200ms",
        ),
        (
            "any:drop=3",
            "drop does not take 3",
            "write drop without a value",
        ),
        (
            "any:close",
            "close has no value",
            "write close=before or close=after",
        ),
        (
            "connect:drop:evry=5",
            "no such condition: evry",
            "there are every=N, first=N, after=N, after=DUR, for=DUR and p=0.1",
        ),
        (
            "connect:drop:every=0",
            "every does not take 0",
            "write a number: every=5",
        ),
        (
            "connect:drop:after=x",
            "after does not take x",
            "write after=5 or after=10m",
        ),
        (
            "connect:drop:p=2",
            "p does not take 2",
            "write p=0.1, above 0 and up to 1",
        ),
    ] {
        let error = text.parse::<Fault>().unwrap_err();
        assert_eq!(
            (error.to_string().as_str(), error.hint()),
            (cause, hint),
            "{text}"
        );
    }
}
