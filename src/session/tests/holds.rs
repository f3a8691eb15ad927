//! Held connects that something on the way cuts off.

use std::time::Duration;

use super::scenario::*;
use crate::protocol::meta;
use crate::session::{Failure, Lane, Recovery, Settings, Stage};

const SECOND: Duration = Duration::from_secs(1);

/// The held connect of this scenario ends so after this time.
fn cut(scenario: &mut Scenario, after: Duration, failure: &Failure) {
    scenario.passes(after);
    scenario.exchange_fails(Lane::Connect, failure);
}

fn gateway_timeout() -> Failure {
    Failure {
        is_gateway_timeout: true,
        ..failure(Stage::Interrupted)
    }
}

/// A failure that is told as any other; the session comes back.
fn chance(scenario: &mut Scenario, after: Duration, failure: &Failure) {
    cut(scenario, after, failure);
    scenario.expect_events(["reconnecting 1"]);
    scenario.passes_until_due();
    scenario.expect_sent(["/meta/connect at once"]);
    scenario.server_replies([accepted(meta::CONNECT)]);
    scenario.expect_sent(["/meta/connect"]);
    let mut events = Vec::new();
    scenario.take_events(&mut events);
    assert!(
        matches!(&events[..], [it] if it.starts_with("reconnected")),
        "{events:?}"
    );
}

/// A failure after which the session goes on without a word.
fn silence(scenario: &mut Scenario, after: Duration, next: &str) {
    cut(scenario, after, &failure(Stage::Interrupted));
    scenario.expect_events([]);
    scenario.expect_sent(["/meta/connect at once"]);
    scenario.server_replies([accepted(meta::CONNECT)]);
    scenario.expect_sent([next]);
}

#[test]
fn a_second_cut_at_the_same_age_is_a_limit_and_the_server_is_asked_for_less() {
    let mut scenario = Scenario::connected("/demo");
    chance(&mut scenario, 5 * SECOND, &failure(Stage::Interrupted));
    cut(&mut scenario, 5 * SECOND, &failure(Stage::Unanswered));
    scenario.expect_events(["hold cut after 5s of 30s, asking for 4s"]);
    scenario.expect_sent(["/meta/connect at once"]);
    scenario.server_replies([accepted(meta::CONNECT)]);
    scenario.expect_sent([r#"/meta/connect {"timeout":4000}"#]);
    for _ in 0..10 {
        scenario.passes(4 * SECOND);
        scenario.server_replies([accepted(meta::CONNECT)]);
        scenario.expect_sent([r#"/meta/connect {"timeout":4000}"#]);
    }
    scenario.expect_events([]);
}

#[test]
fn a_gateway_timeout_is_a_limit_the_first_time() {
    let mut scenario = Scenario::connected("/demo");
    cut(&mut scenario, 20 * SECOND, &gateway_timeout());
    scenario.expect_events(["hold cut after 20s of 30s, asking for 18s"]);
    scenario.expect_sent(["/meta/connect at once"]);
    scenario.server_replies([accepted(meta::CONNECT)]);
    scenario.expect_sent([r#"/meta/connect {"timeout":18000}"#]);
}

#[test]
fn a_server_that_grants_nothing_is_cut_off_in_silence() {
    let mut scenario = Scenario::connected("/demo");
    cut(&mut scenario, 5 * SECOND, &gateway_timeout());
    scenario.expect_events(["hold cut after 5s of 30s, asking for 4s"]);
    scenario.expect_sent(["/meta/connect at once"]);
    scenario.server_replies([accepted(meta::CONNECT)]);
    let asking = r#"/meta/connect {"timeout":4000}"#;
    scenario.expect_sent([asking]);
    for _ in 0..20 {
        silence(&mut scenario, 5 * SECOND, asking);
    }
    // But not when the session is lost meanwhile.
    cut(&mut scenario, 5 * SECOND, &failure(Stage::Interrupted));
    scenario.expect_sent(["/meta/connect at once"]);
    scenario.exchange_fails(Lane::Connect, &failure(Stage::Unsent));
    scenario.expect_events(["reconnecting 1"]);
}

#[test]
fn cuts_at_different_ages_are_chance() {
    let mut scenario = Scenario::connected("/demo");
    for seconds in [5, 8, 20, 12, 3] {
        chance(
            &mut scenario,
            seconds * SECOND,
            &failure(Stage::Interrupted),
        );
    }
}

#[test]
fn cuts_are_chance_if_a_connect_lived_longer_meanwhile() {
    let mut scenario = Scenario::connected("/demo");
    for _ in 0..3 {
        chance(&mut scenario, 5 * SECOND, &failure(Stage::Interrupted));
        scenario.passes(10 * SECOND);
        scenario.server_replies([accepted(meta::CONNECT)]);
        scenario.expect_sent(["/meta/connect"]);
    }
}

#[test]
fn a_connect_with_messages_meanwhile_says_nothing_of_the_limit() {
    let mut scenario = Scenario::connected("/demo");
    chance(&mut scenario, 5 * SECOND, &failure(Stage::Interrupted));
    scenario.passes(2 * SECOND);
    scenario.server_replies([accepted(meta::CONNECT), delivery("/demo", "1")]);
    scenario.expect_sent(["/meta/connect"]);
    cut(&mut scenario, 5 * SECOND, &failure(Stage::Interrupted));
    scenario.expect_events(["received 1", "hold cut after 5s of 30s, asking for 4s"]);
}

#[test]
fn the_beginning_and_the_end_of_a_hold_are_no_cut() {
    let mut scenario = Scenario::connected("/demo");
    for millis in [900, 900, 29_500, 29_500] {
        let after = Duration::from_millis(millis);
        chance(&mut scenario, after, &failure(Stage::Interrupted));
    }
    // Our own patience ended.
    for _ in 0..2 {
        chance(&mut scenario, 40 * SECOND, &failure(Stage::Interrupted));
    }
}

#[test]
fn what_was_never_sent_or_is_asked_to_wait_was_not_cut() {
    let mut scenario = Scenario::connected("/demo");
    let busy = Failure {
        retry_after: Some(SECOND),
        ..failure(Stage::Interrupted)
    };
    for failure in [failure(Stage::Unsent), busy] {
        for _ in 0..2 {
            chance(&mut scenario, 5 * SECOND, &failure);
        }
    }
}

#[test]
fn a_limit_that_shrinks_is_found_again() {
    let mut scenario = Scenario::connected("/demo");
    cut(&mut scenario, 20 * SECOND, &gateway_timeout());
    scenario.expect_sent(["/meta/connect at once"]);
    scenario.server_replies([accepted(meta::CONNECT)]);
    scenario.expect_sent([r#"/meta/connect {"timeout":18000}"#]);
    cut(&mut scenario, 10 * SECOND, &gateway_timeout());
    scenario.expect_events([
        "hold cut after 20s of 30s, asking for 18s",
        "hold cut after 10s of 30s, asking for 9s",
    ]);
}

#[test]
fn whoever_does_not_recover_ends_with_a_cut() {
    let mut scenario = Scenario::new(Settings {
        recovery: Recovery::Never,
        ..settings()
    });
    scenario.expect_sent(["/meta/handshake"]);
    scenario
        .server_replies([handshake_accepted("one")
            .advice(r#"{"reconnect":"retry","interval":0,"timeout":30000}"#)]);
    scenario.expect_sent(["/meta/connect at once"]);
    scenario.server_replies([accepted(meta::CONNECT)]);
    scenario.expect_sent(["/meta/connect"]);
    cut(&mut scenario, 5 * SECOND, &gateway_timeout());
    scenario.expect_events(["handshaken", "connected", "ended: lost"]);
}
