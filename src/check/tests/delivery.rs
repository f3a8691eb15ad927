//! What makes the checks of `pub`, `evt`, `svc`, `ext` and `perf` fail.

use std::time::Duration;

use super::tampering::{outcome_of_requests, outcome_of_responses};
use super::*;

#[test]
fn a_reply_with_another_id_is_no_reply_to_a_publish() {
    let wrong = |id| outcome_of_fault("publish:wrong-id", id);
    assert_eq!(
        wrong("pub.reply"),
        "fail: the request has the id \"3\", its reply \"fault\""
    );
    assert_eq!(wrong("svc.id"), "warn: the reply has the id fault");
}

#[test]
fn a_publisher_that_misses_its_own_message_is_told() {
    assert_eq!(
        outcome_of_fault("delivery:drop", "pub.self"),
        "fail: it was not delivered within 2 s"
    );
}

#[test]
fn cometd_takes_publishes_without_data_to_patterns_and_to_odd_channels() {
    assert_eq!(
        outcome_as(Flavor::CometD, "pub.data-required"),
        "fail: a publish without data is accepted"
    );
    assert_eq!(
        outcome_as(Flavor::CometD, "pub.pattern"),
        "fail: a publish to /check/n/pub-pattern/a/* is accepted"
    );
    assert_eq!(
        outcome_as(Flavor::CometD, "pub.channel-chars"),
        "fail: accepted is a dot, a space"
    );
}

#[test]
fn null_that_is_delivered_as_something_else_is_told() {
    let id = "pub.null-data";
    let zero = |_: &str, body: String| body.replace("\"data\":null", "\"data\":0");
    assert_eq!(outcome_of_responses(zero, id), "fail: it is delivered as 0");
    let without = |_: &str, body: String| body.replace("\"data\":null", "\"x\":null");
    assert_eq!(
        outcome_of_responses(without, id),
        "fail: it is delivered without data"
    );
}

#[test]
fn a_publish_of_nobody_that_is_not_answered_is_told() {
    assert_eq!(
        outcome_of_fault("publish:status=500", "pub.unconnected"),
        "fail: a publish without a clientId: HTTP 500"
    );
}

#[test]
fn faye_takes_publishes_of_nobody() {
    assert_eq!(
        outcome_as(Flavor::Faye, "pub.bogus-client"),
        "warn: a publish with a clientId of nobody is accepted"
    );
}

#[test]
fn a_publish_to_a_meta_channel_that_is_accepted_is_told() {
    let yes = |_: &str, body: String| body.replace("\"successful\":false", "\"successful\":true");
    assert_eq!(
        outcome_of_responses(yes, "pub.meta"),
        "fail: a publish to /meta/nothing is accepted"
    );
}

#[test]
fn a_client_id_in_what_is_delivered_is_told() {
    let leaky = |_: &str, body: String| {
        body.replace(
            "\"data\":{\"n\":1}",
            "\"clientId\":\"x\",\"data\":{\"n\":1}",
        )
    };
    assert_eq!(
        outcome_of_responses(leaky, "evt.no-clientid"),
        "fail: the delivery has a clientId: whoever knows it can speak for that session"
    );
}

#[test]
fn faye_keeps_the_id_of_the_publish_and_tells_service_channels_to_others() {
    assert_eq!(
        outcome_as(Flavor::Faye, "evt.id"),
        "note: a client that tells replies by their id takes it for the reply to a publish of its \
         own"
    );
    assert_eq!(
        outcome_as(Flavor::Faye, "evt.service-private"),
        "fail: another session that is subscribed to it, to /service/** and to /** gets it"
    );
}

#[test]
fn a_batch_that_is_forgotten_before_it_is_acknowledged_is_told() {
    // For the server everything is acknowledged.
    let eager = |body: String| body.replace("\"ack\":1}", "\"ack\":1000}");
    assert_eq!(
        outcome_of_requests(eager, "ext.ack-replay"),
        "note: a connect with the old ack does not bring the message again: it is lost if the \
         response was"
    );
    assert_eq!(
        outcome_as(Flavor::Faye, "ext.ack-replay"),
        "skip: the server does not offer the extension ack"
    );
}

#[test]
fn an_acknowledged_batch_that_comes_again_is_told() {
    // For the server nothing is acknowledged.
    let deaf = |body: String| match body.split_once("\"ack\":") {
        Some((before, after)) if after.starts_with(|it: char| it.is_ascii_digit()) => {
            let rest = after.trim_start_matches(|it: char| it.is_ascii_digit());
            format!("{before}\"ack\":0{rest}")
        }
        _ => body,
    };
    assert_eq!(
        outcome_of_requests(deaf, "ext.ack-replay"),
        "note: what was acknowledged is delivered again"
    );
}

/// What CometD would add where its clock is that of the client.
fn steady(asked: &str, body: String) -> String {
    let Some((_, rest)) = asked.split_once("\"tc\":") else {
        return body;
    };
    let tc = rest.split([',', '}']).next().unwrap();
    let sync = format!("\"ext\":{{\"timesync\":{{\"tc\":{tc},\"ts\":{tc},\"p\":0,\"a\":0}}}},");
    body.replacen("\"channel\":", &format!("{sync}\"channel\":"), 1)
}

#[test]
fn a_clock_that_jumps_is_told() {
    // The embedded server knows no timesync: what CometD would add.
    let clock = |asked: &str, body: String| {
        let Some((_, rest)) = asked.split_once("\"tc\":") else {
            return body;
        };
        let tc: f64 = rest.split([',', '}']).next().unwrap().parse().unwrap();
        let ts = if asked.contains("\"id\":\"4\"") {
            tc + 5000.0
        } else {
            tc
        };
        let sync = format!("\"ext\":{{\"timesync\":{{\"tc\":{tc},\"ts\":{ts},\"p\":0,\"a\":0}}}},");
        body.replacen("\"channel\":", &format!("{sync}\"channel\":"), 1)
    };
    let seen = outcome_of_responses(clock, "ext.timesync");
    assert!(seen.starts_with("note: the server's clock is "), "{seen}");
    let seen = outcome_of_responses(steady, "ext.timesync");
    assert!(seen.starts_with("pass: the server's clock is "), "{seen}");
    // One reply that is long on its way makes no clock jump.
    let delayed = |asked: &str, body: String| {
        if asked.contains("\"id\":\"4\"") {
            std::thread::sleep(Duration::from_millis(500));
        }
        steady(asked, body)
    };
    let seen = outcome_of_responses(delayed, "ext.timesync");
    assert!(seen.starts_with("pass: the server's clock is "), "{seen}");
}

#[test]
fn what_takes_more_than_a_second_is_noted() {
    let seen = outcome_of_fault("publish:delay=1100ms:first=1", "perf.rtt");
    assert!(
        seen.starts_with("note: an acknowledgement took 1"),
        "{seen}"
    );
    let seen = outcome_of_fault("connect:delay=1100ms:after=2:first=1", "perf.fanout");
    assert!(seen.starts_with("note: a delivery took 1"), "{seen}");
}
