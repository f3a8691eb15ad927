//! What makes the checks of `sub` and `unsub` fail.

use super::tampering::{Tampering, outcome_between, outcome_of_requests, outcome_of_responses};
use super::*;

#[test]
fn a_reply_that_does_not_say_which_subscription_is_told() {
    let id = "sub.fields";
    assert_eq!(
        outcome_of_fault("subscribe:wrong-id", id),
        "fail: the request has the id \"2\", its reply \"fault\""
    );
    // As cometd-nodejs-server 1.2.1 does.
    let forgetful = |_: &str, body: String| {
        if body.contains("402") {
            body.replace("\"subscription\"", "\"x\"")
        } else {
            body
        }
    };
    assert_eq!(
        outcome_of_responses(forgetful, id),
        "fail: the reply does not say which subscription it is about (with an unknown clientId)"
    );
}

#[test]
fn an_array_that_is_refused_is_told() {
    assert_eq!(
        outcome_of_fault("subscribe:refuse", "sub.array"),
        "fail: a subscribe to two channels is refused: 503::refused_by_fault"
    );
    let first_only = |_: &str, body: String| body.replace(",\"/check/n/sub-array/b\"", "");
    let seen = outcome_of_responses(first_only, "sub.array");
    assert!(
        seen.ends_with("the reply is about /check/n/sub-array/a"),
        "{seen}"
    );
}

#[test]
fn faye_leaves_what_stands_before_the_refused_channel() {
    assert_eq!(
        outcome_as(Flavor::Faye, "sub.array-atomic"),
        "note: the reply says that it is refused, and the channel before the refused one is \
         subscribed to"
    );
}

#[test]
fn patterns_that_match_too_much_or_too_little_are_told() {
    let deeper = |body: String| body.replace("/a/*\"", "/a/**\"");
    let flatter = |body: String| body.replace("/a/**\"", "/a/*\"");
    assert_eq!(
        outcome_of_requests(deeper, "sub.wild-one"),
        "fail: /check/n/sub-wild-one/a/* brings what is published on /check/n/sub-wild-one/a/b/c"
    );
    assert_eq!(
        outcome_of_requests(flatter, "sub.wild-deep"),
        "fail: /check/n/sub-wild-deep/a/** does not bring what is published on \
         /check/n/sub-wild-deep/a/b/c"
    );
}

#[test]
fn a_subscribe_that_should_be_refused_and_is_not_is_told() {
    // The server says yes to everything.
    let yes = |_: &str, body: String| body.replace("\"successful\":false", "\"successful\":true");
    for (id, what) in [
        ("sub.wild-middle", "/check/n/sub-wild-middle/a/*/b"),
        ("sub.invalid", "check/n/sub-invalid/a"),
    ] {
        assert_eq!(
            outcome_of_responses(yes, id),
            format!("fail: a subscribe to {what} is accepted")
        );
    }
    assert_eq!(
        outcome_of_responses(yes, "sub.missing"),
        "fail: a subscribe without a subscription is accepted"
    );
    assert_eq!(
        outcome_of_responses(yes, "sub.meta-forbidden"),
        "warn: a subscribe to /meta/connect is accepted"
    );
}

#[test]
fn a_refusal_by_a_status_of_http_is_no_reply() {
    assert_eq!(
        outcome_of_fault("subscribe:status=500", "sub.wild-middle"),
        "fail: a subscribe to /check/n/sub-wild-middle/a/*/b: HTTP 500"
    );
}

#[test]
fn faye_refuses_service_channels() {
    assert_eq!(
        outcome_as(Flavor::Faye, "sub.service"),
        "note: a subscribe to /service/check/n/sub-service/a is refused: \
         403:/service/check/n/sub-service/a:Forbidden channel"
    );
}

#[test]
fn messages_that_come_twice_are_counted() {
    assert_eq!(
        outcome_of_fault("delivery:duplicate", "sub.idempotent"),
        "warn: 2 subscriptions, 2 copies of one message"
    );
    assert_eq!(
        outcome_of_fault("delivery:duplicate", "sub.overlap-dedup"),
        "note: 3 subscriptions, 2 copies of one message"
    );
}

#[test]
fn an_unsubscribe_that_changes_nothing_is_told() {
    let tampering = Tampering {
        request: |body| body.replace("/meta/unsubscribe", "/meta/subscribe"),
        response: |asked, body| {
            if asked.contains("/meta/unsubscribe") {
                body.replace("/meta/subscribe", "/meta/unsubscribe")
            } else {
                body
            }
        },
    };
    assert_eq!(
        outcome_between(tampering, ConnectionType::LongPolling, "unsub.stops"),
        "fail: a message that was published after the unsubscribe is delivered"
    );
}

#[test]
fn cometd_refuses_to_unsubscribe_from_what_it_does_not_know() {
    assert_eq!(
        outcome_as(Flavor::CometD, "unsub.unknown"),
        "note: the unsubscribe is refused: 400::channel_missing"
    );
}

#[test]
fn a_server_that_delivers_nothing_is_told_so() {
    assert_eq!(
        outcome_of_fault("delivery:drop", "sub.idempotent"),
        "warn: what another session published on /check/n/sub-idempotent/end was not delivered \
         within 4 s"
    );
}
