//! What a session does when something goes wrong.

use std::time::Duration;

use super::scenario::*;
use crate::protocol::meta;
use crate::session::{Connects, Failure, Lane, Settings, Stage};

#[test]
fn an_unknown_client_leads_to_a_new_handshake_and_the_same_subscriptions() {
    let mut scenario = Scenario::connected("/demo");
    scenario.passes(Duration::from_secs(30));
    scenario.server_replies([refused(meta::CONNECT, "402::session_unknown")
        .advice(r#"{"reconnect":"handshake","interval":0}"#)]);
    scenario.expect_events(["session lost"]);
    scenario.expect_sent(["/meta/handshake"]);
    scenario.server_replies([handshake_accepted("two")]);
    scenario.expect_sent(["/meta/subscribe /demo"]);
    scenario.server_replies([accepted(meta::SUBSCRIBE)]);
    scenario.expect_sent(["/meta/connect at once"]);
    scenario.expect_events(["handshaken", "subscribed /demo", "session renewed 1/1"]);
    scenario.server_replies([accepted(meta::CONNECT)]);
    scenario.expect_sent(["/meta/connect"]);
    scenario.expect_events(["connected"]);
    assert_eq!(scenario.session.client_id(), Some("two"));
}

/// Whoever takes the deliveries is slow, or the program was stopped while its connect was held.
#[test]
fn a_session_that_is_lost_because_its_connect_left_late_is_told_as_such() {
    let unknown = || {
        refused(meta::CONNECT, "402::session_unknown")
            .advice(r#"{"reconnect":"handshake","interval":0}"#)
    };
    for (held, taken, late) in [
        (1, 11, Some("late by 11s of 10s")),
        (42, 0, Some("late by 12s of 10s")),
        (35, 6, Some("late by 11s of 10s")),
        (35, 4, None),
    ] {
        let mut scenario = Scenario::connected("/demo");
        scenario.passes(Duration::from_secs(held));
        scenario.server_replies([delivery("/demo", "1"), accepted(meta::CONNECT)]);
        scenario.passes(Duration::from_secs(taken));
        scenario.expect_sent(["/meta/connect"]);
        scenario.server_replies([unknown()]);
        let events = scenario_events(&mut scenario);
        let lost = late.into_iter().chain(["session lost"]);
        assert!(events[1..].iter().eq(lost), "{held} {taken} {events:?}");
    }
}

#[test]
fn a_lost_session_is_recognised_by_wording_where_no_advice_comes() {
    // Faye's refusal of a publish carries no advice.
    let mut scenario = Scenario::connected("/demo");
    scenario
        .session
        .publish("/demo".parse().unwrap(), "1".parse().unwrap());
    scenario.expect_sent(["/demo"]);
    scenario.server_replies([refused("/demo", "401:one:Unknown client")]);
    scenario.expect_events(["session lost"]);
    scenario.passes(Duration::from_secs(1));
    scenario.expect_sent(["/meta/handshake"]);
    // The lost session's connect is given up for the new one's.
    scenario.server_replies([handshake_accepted("two")]);
    scenario.expect_sent(["/meta/subscribe /demo"]);
    scenario.server_replies([accepted(meta::SUBSCRIBE)]);
    scenario.expect_sent(["/demo", "/meta/connect at once"]);
    scenario.server_replies([accepted("/demo")]);
    scenario.expect_events([
        "handshaken",
        "subscribed /demo",
        "session renewed 1/1",
        "acknowledged 0",
    ]);
}

#[test]
fn a_failed_connect_is_tried_again_at_once_without_hold() {
    let mut scenario = Scenario::connected("/demo");
    scenario.passes(Duration::from_secs(3));
    scenario.exchange_fails(Lane::Connect, &failure(Stage::Interrupted));
    scenario.expect_events(["reconnecting 1"]);
    scenario.expect_sent([]);
    assert!(scenario.passes_until_due() <= Duration::from_millis(250));
    scenario.expect_sent(["/meta/connect at once"]);
    scenario.server_replies([accepted(meta::CONNECT)]);
    scenario.expect_sent(["/meta/connect"]);
    let [event] = scenario_events(&mut scenario).try_into().unwrap();
    assert!(event.starts_with("reconnected after 3."), "{event}");
}

#[test]
fn after_the_life_of_a_session_a_handshake_is_tried_instead_of_a_connect() {
    let mut scenario = Scenario::connected("/demo");
    let mut n_connects = 0;
    loop {
        scenario.exchange_fails(Lane::Connect, &failure(Stage::Unsent));
        scenario.passes_until_due();
        let Some(transmit) = scenario.session.poll_transmit(scenario.now) else {
            continue;
        };
        match transmit.messages[0].channel() {
            meta::HANDSHAKE => break,
            channel => assert_eq!(channel, meta::CONNECT),
        }
        n_connects += 1;
        scenario.put_in_flight(transmit);
    }
    assert!((5..20).contains(&n_connects), "{n_connects}");
}

#[test]
fn a_restarted_server_is_found_however_long_it_took() {
    let mut scenario = Scenario::connected("/demo");
    scenario.exchange_fails(Lane::Connect, &failure(Stage::Interrupted));
    scenario.passes_until_due();
    scenario.expect_sent(["/meta/connect at once"]);
    scenario.server_replies([refused(meta::CONNECT, "402::session_unknown")
        .advice(r#"{"reconnect":"handshake","interval":0}"#)]);
    scenario.passes(Duration::from_secs(1));
    scenario.expect_sent(["/meta/handshake"]);
    for _ in 0..50 {
        scenario.exchange_fails(Lane::Send, &failure(Stage::Unsent));
        scenario.passes_until_due();
        scenario.expect_sent(["/meta/handshake"]);
    }
    scenario.server_replies([handshake_accepted("two")]);
    scenario.expect_sent(["/meta/subscribe /demo"]);
}

#[test]
fn a_publish_that_never_left_is_sent_again_in_its_place() {
    let mut scenario = Scenario::connected("/demo");
    scenario
        .session
        .publish("/demo".parse().unwrap(), "1".parse().unwrap());
    scenario.expect_sent(["/demo"]);
    scenario
        .session
        .publish("/demo".parse().unwrap(), "2".parse().unwrap());
    scenario.exchange_fails(Lane::Send, &failure(Stage::Unsent));
    scenario.expect_events(["reconnecting 1"]);
    scenario.passes_until_due();
    scenario.expect_sent(["/demo", "/demo"]);
    assert_eq!(scenario.data_in_flight(), ["1", "2"]);
}

#[test]
fn a_publish_that_may_have_arrived_is_never_sent_again() {
    for stage in [Stage::Unanswered, Stage::Interrupted] {
        let mut scenario = Scenario::connected("/demo");
        scenario
            .session
            .publish("/demo".parse().unwrap(), "1".parse().unwrap());
        scenario.expect_sent(["/demo"]);
        scenario.exchange_fails(Lane::Send, &failure(stage));
        scenario.expect_events(["unacknowledged 0"]);
        scenario.passes(Duration::from_secs(5));
        scenario.expect_sent([]);
    }
}

#[test]
fn a_subscribe_may_be_sent_again_however_far_it_got() {
    for stage in [Stage::Unsent, Stage::Unanswered, Stage::Interrupted] {
        let mut scenario = Scenario::connected("/demo");
        scenario.session.subscribe("/other".parse().unwrap());
        scenario.expect_sent(["/meta/subscribe /other"]);
        scenario.exchange_fails(Lane::Send, &failure(stage));
        scenario.passes_until_due();
        scenario.expect_sent(["/meta/subscribe /other"]);
    }
}

#[test]
fn a_disconnect_is_tried_once_more_and_then_done() {
    let mut scenario = Scenario::connected("/demo");
    scenario.session.disconnect();
    scenario.expect_sent(["/meta/disconnect"]);
    scenario.exchange_fails(Lane::Send, &failure(Stage::Unanswered));
    scenario.expect_sent(["/meta/disconnect"]);
    scenario.exchange_fails(Lane::Send, &failure(Stage::Unanswered));
    scenario.expect_events(["ended: disconnected"]);
}

#[test]
fn a_transient_refusal_of_a_subscribe_is_tried_again_and_then_told() {
    let mut scenario = Scenario::connected("/demo");
    scenario.session.subscribe("/topic/A".parse().unwrap());
    for n in 1..=5 {
        scenario.expect_sent(["/meta/subscribe /topic/A"]);
        scenario.server_replies([refused(meta::SUBSCRIBE, "503::Server is too busy")]);
        if n < 5 {
            scenario.expect_events([format!("reconnecting {n}").as_str()]);
            scenario.passes_until_due();
        }
    }
    scenario.expect_events(["refused /topic/A"]);
}

#[test]
fn a_busy_salesforce_says_so_only_in_ext() {
    let mut scenario = Scenario::connected("/demo");
    scenario.session.subscribe("/topic/A".parse().unwrap());
    scenario.expect_sent(["/meta/subscribe /topic/A"]);
    let denied = "403:denied_by_security_policy:subscribe_denied";
    scenario.server_replies([refused(meta::SUBSCRIBE, denied).with(
        "ext",
        r#"{"sfdc":{"failureReason":"503::Server is too busy."}}"#,
    )]);
    scenario.expect_events(["reconnecting 1"]);
    assert!(scenario.passes_until_due() > Duration::ZERO);
    scenario.expect_sent(["/meta/subscribe /topic/A"]);
    scenario.server_replies([accepted(meta::SUBSCRIBE)]);
    scenario.expect_events(["subscribed /topic/A"]);
}

#[test]
fn a_session_that_is_unknown_again_right_after_its_handshake_recovers() {
    // Salesforce, when its load balancer moves a client: cometd issues 1587 and 2480.
    let mut scenario = Scenario::connected("/demo");
    scenario.passes(Duration::from_secs(3 * 3600));
    let unknown = || {
        refused(meta::CONNECT, "403::Unknown client")
            .advice(r#"{"reconnect":"handshake","interval":0}"#)
    };
    scenario.server_replies([unknown()]);
    for client_id in ["two", "three"] {
        scenario.passes_until_due();
        scenario.expect_sent(["/meta/handshake"]);
        scenario.server_replies([handshake_accepted(client_id)]);
        scenario.expect_sent(["/meta/subscribe /demo"]);
        scenario.server_replies([accepted(meta::SUBSCRIBE)]);
        scenario.expect_sent(["/meta/connect at once"]);
        if client_id == "two" {
            scenario.server_replies([unknown()]);
            // However soon the server wants the next handshake.
            assert_eq!(
                scenario.session.poll_timeout(),
                Some(scenario.now + Duration::from_secs(1))
            );
        }
    }
    scenario.server_replies([accepted(meta::CONNECT)]);
    scenario.expect_sent(["/meta/connect"]);
    assert_eq!(scenario.session.client_id(), Some("three"));
}

#[test]
fn a_server_that_never_replies_to_a_subscribe_is_told() {
    let mut scenario = Scenario::new(Settings {
        connects: Connects::Never,
        ..settings()
    });
    scenario.session.subscribe("/demo".parse().unwrap());
    scenario.expect_sent(["/meta/handshake"]);
    scenario.server_replies([handshake_accepted("one")]);
    for _ in 0..5 {
        scenario.expect_sent(["/meta/subscribe /demo"]);
        scenario.server_responds(Lane::Send, []);
        scenario.passes(Duration::from_secs(10));
    }
    scenario.expect_events(["handshaken", "refused /demo"]);
}

#[test]
fn a_successful_handshake_with_the_advice_to_handshake_is_taken_as_retry() {
    // cometd issue 2057.
    let mut scenario = Scenario::new(settings());
    scenario.expect_sent(["/meta/handshake"]);
    scenario.server_replies([handshake_accepted("one").advice(r#"{"reconnect":"handshake"}"#)]);
    scenario.expect_events(["contradictory advice", "handshaken"]);
    scenario.expect_sent(["/meta/connect at once"]);
    scenario.server_replies([accepted(meta::CONNECT)]);
    scenario.expect_sent(["/meta/connect"]);
}

#[test]
fn what_was_refused_before_the_loss_is_not_counted_as_lost() {
    let mut scenario = Scenario::connected("/demo");
    scenario.session.subscribe("/admin".parse().unwrap());
    scenario.expect_sent(["/meta/subscribe /admin"]);
    scenario.server_replies([refused(meta::SUBSCRIBE, "403::denied")]);
    scenario.passes(Duration::from_secs(30));
    scenario.server_replies([refused(meta::CONNECT, "402::session_unknown")]);
    scenario.expect_sent(["/meta/handshake"]);
    scenario.server_replies([handshake_accepted("two")]);
    scenario.expect_sent(["/meta/subscribe /demo"]);
    scenario.server_replies([accepted(meta::SUBSCRIBE)]);
    scenario.expect_events([
        "refused /admin",
        "session lost",
        "handshaken",
        "subscribed /demo",
        "session renewed 1/1",
    ]);
}

#[test]
fn a_late_confirmation_of_a_lost_session_does_not_count() {
    let mut scenario = Scenario::connected("/demo");
    scenario.passes(Duration::from_secs(2));
    scenario.session.subscribe("/late".parse().unwrap());
    scenario.expect_sent(["/meta/subscribe /late"]);
    scenario.server_replies([refused(meta::CONNECT, "402::session_unknown")]);
    scenario.server_replies([accepted(meta::SUBSCRIBE)]);
    scenario.expect_sent(["/meta/handshake"]);
    scenario.server_replies([handshake_accepted("two")]);
    scenario.expect_sent(["/meta/subscribe /demo", "/meta/subscribe /late"]);
}

#[test]
fn an_unsubscribe_is_not_forgotten_for_a_subscribe_that_is_under_way() {
    let mut scenario = Scenario::connected("/demo");
    scenario.session.subscribe("/other".parse().unwrap());
    scenario.expect_sent(["/meta/subscribe /other"]);
    scenario.session.unsubscribe(&"/other".parse().unwrap());
    scenario.server_replies([accepted(meta::SUBSCRIBE)]);
    scenario.expect_sent(["/meta/unsubscribe /other"]);
}

#[test]
fn a_lane_that_rests_delays_neither_the_handshake_nor_the_disconnect() {
    let busy = Failure {
        retry_after: Some(Duration::from_secs(600)),
        ..failure(Stage::Unsent)
    };
    let mut scenario = Scenario::connected("/demo");
    scenario.passes(Duration::from_secs(2));
    scenario
        .session
        .publish("/demo".parse().unwrap(), "1".parse().unwrap());
    scenario.expect_sent(["/demo"]);
    scenario.exchange_fails(Lane::Send, &busy);
    scenario.server_replies([refused(meta::CONNECT, "402::session_unknown")]);
    scenario.expect_sent(["/meta/handshake"]);

    let mut scenario = Scenario::connected("/demo");
    scenario
        .session
        .publish("/demo".parse().unwrap(), "1".parse().unwrap());
    scenario.expect_sent(["/demo"]);
    scenario.exchange_fails(Lane::Send, &busy);
    scenario.session.disconnect();
    scenario.expect_sent(["/meta/disconnect"]);
}

#[test]
fn a_handshake_that_is_refused_for_now_is_announced_and_waits_as_advised() {
    let first_handshake = Duration::from_secs(30);
    let mut scenario = Scenario::new(Settings {
        first_handshake,
        ..settings()
    });
    scenario.expect_sent(["/meta/handshake"]);
    scenario.server_replies([
        refused(meta::HANDSHAKE, "503::too_many_sessions").advice(r#"{"interval":10000}"#)
    ]);
    scenario.expect_events(["reconnecting 1"]);
    assert_eq!(scenario.passes_until_due(), Duration::from_secs(10));
    scenario.expect_sent(["/meta/handshake"]);
}
