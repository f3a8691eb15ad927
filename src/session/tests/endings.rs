//! When a session gives up.

use std::time::Duration;

use super::scenario::*;
use crate::protocol::meta;
use crate::session::{Failure, Lane, Recovery, Settings, Stage};

#[test]
fn the_first_handshake_is_tried_again_only_as_long_as_asked() {
    let mut scenario = Scenario::new(settings());
    scenario.expect_sent(["/meta/handshake"]);
    scenario.exchange_fails(Lane::Send, &failure(Stage::Unsent));
    scenario.expect_events(["ended: wire cut"]);

    let first_handshake = Duration::from_secs(30);
    let mut scenario = Scenario::new(Settings {
        first_handshake,
        ..settings()
    });
    let start = scenario.now;
    while !scenario.session.is_ended() {
        scenario.expect_sent(["/meta/handshake"]);
        scenario.exchange_fails(Lane::Send, &failure(Stage::Unsent));
        if !scenario.session.is_ended() {
            assert!(scenario.passes_until_due() <= Duration::from_secs(1));
        }
    }
    let took = scenario.now - start;
    assert!(
        took >= Duration::from_secs(29) && took <= first_handshake,
        "{took:?}"
    );
}

#[test]
fn what_is_permanent_is_never_tried_again() {
    let first_handshake = Duration::from_secs(30);
    let mut scenario = Scenario::new(Settings {
        first_handshake,
        ..settings()
    });
    scenario.expect_sent(["/meta/handshake"]);
    scenario.exchange_fails(Lane::Send, &permanent(Stage::Interrupted));
    scenario.expect_events(["ended: wire cut"]);

    let mut scenario = Scenario::connected("/demo");
    scenario.exchange_fails(Lane::Connect, &permanent(Stage::Interrupted));
    scenario.expect_events(["ended: wire cut"]);
    scenario.expect_sent([]);
}

#[test]
fn a_refused_handshake_is_final_even_with_the_advice_to_handshake() {
    // Faye gives that advice with every refusal.
    let mut scenario = Scenario::new(settings());
    scenario.expect_sent(["/meta/handshake"]);
    scenario.server_replies([refused(meta::HANDSHAKE, "401::Authentication failed")
        .advice(r#"{"reconnect":"handshake"}"#)]);
    scenario.expect_events(["ended: handshake refused"]);
}

#[test]
fn a_handshake_reply_without_a_client_id_is_a_refusal() {
    let mut scenario = Scenario::new(settings());
    scenario.expect_sent(["/meta/handshake"]);
    scenario.server_replies([accepted(meta::HANDSHAKE)]);
    scenario.expect_events(["ended: handshake refused"]);
}

#[test]
fn a_response_without_the_handshake_reply_is_a_failure() {
    let mut scenario = Scenario::new(settings());
    scenario.expect_sent(["/meta/handshake"]);
    scenario.server_responds(
        Lane::Send,
        [accepted(meta::HANDSHAKE).with("id", "\"999\"")],
    );
    scenario.expect_events(["unmatched", "ended: no reply to /meta/handshake"]);
}

#[test]
fn the_advice_none_ends_the_session_and_keeps_what_came_with_it() {
    let mut scenario = Scenario::connected("/demo");
    let advice = r#"{"reconnect":"none"}"#;
    scenario.server_responds(
        Lane::Connect,
        [
            refused(meta::CONNECT, "401::expired").advice(advice),
            delivery("/demo", "1"),
        ],
    );
    scenario.expect_events(["received 1", "ended: advised none"]);
    scenario.expect_sent([]);
}

#[test]
fn a_server_that_disconnects_the_session_ends_it() {
    let mut scenario = Scenario::connected("/demo");
    scenario.server_responds(Lane::Connect, [disconnect_by_server()]);
    scenario.expect_events(["ended: by server"]);
}

/// CometD 9.0.0 does, of a session that its activity extension or its own code ends, with the
/// response to whatever was asked.
#[test]
fn a_server_may_call_the_disconnect_that_nobody_asked_for_successful() {
    for lane in [Lane::Connect, Lane::Send] {
        let mut scenario = Scenario::connected("/demo");
        scenario
            .session
            .publish("/demo".parse().unwrap(), "1".parse().unwrap());
        scenario.expect_sent(["/demo"]);
        scenario.server_responds(lane, [accepted(meta::DISCONNECT).without_id()]);
        scenario.expect_events(["ended: by server"]);
        scenario.expect_sent([]);
    }
}

/// A refusal ends nothing, and a reply that carries an id was meant for somebody.
#[test]
fn other_replies_on_the_channel_of_disconnects_end_nothing() {
    let mut scenario = Scenario::connected("/demo");
    scenario.server_responds(
        Lane::Connect,
        [
            refused(meta::DISCONNECT, "402::session_unknown").without_id(),
            accepted(meta::DISCONNECT).with("id", "\"999\""),
            accepted(meta::CONNECT),
        ],
    );
    scenario.expect_events(["unmatched", "unmatched"]);
    scenario.expect_sent(["/meta/connect"]);
}

#[test]
fn a_server_that_ends_the_session_while_it_is_left_says_so_to_nobody() {
    for is_asked_first in [true, false] {
        let mut scenario = Scenario::connected("/demo");
        scenario.session.disconnect();
        scenario.expect_sent(["/meta/disconnect"]);
        let mut replies = [
            accepted(meta::DISCONNECT),
            accepted(meta::DISCONNECT).without_id(),
        ];
        if !is_asked_first {
            replies.reverse();
        }
        scenario.server_responds(Lane::Send, replies);
        scenario.expect_events(["ended: disconnected"]);
    }
}

#[test]
fn sessions_that_are_never_kept_end_after_the_third() {
    let mut scenario = Scenario::new(settings());
    for n in 1..=3 {
        scenario.expect_sent(["/meta/handshake"]);
        scenario.server_replies([handshake_accepted("one")]);
        scenario.expect_sent(["/meta/connect at once"]);
        scenario
            .server_replies([refused(meta::CONNECT, "402::session_unknown")
                .advice(r#"{"reconnect":"handshake"}"#)]);
        if n < 3 {
            scenario.expect_events(["handshaken", "session lost"]);
            assert!(scenario.passes_until_due() >= Duration::from_secs(1));
        }
    }
    scenario.expect_events(["handshaken", "ended: not kept 3"]);
}

#[test]
fn more_than_ten_handshakes_a_minute_end_the_session() {
    let mut scenario = Scenario::connected("/demo");
    let mut n_handshakes = 1;
    loop {
        scenario
            .server_replies([refused(meta::CONNECT, "402::session_unknown")
                .advice(r#"{"reconnect":"handshake"}"#)]);
        if scenario.session.is_ended() {
            break;
        }
        scenario.passes_until_due();
        scenario.expect_sent(["/meta/handshake"]);
        n_handshakes += 1;
        scenario.server_replies([handshake_accepted("again")]);
        scenario.expect_sent(["/meta/subscribe /demo"]);
        scenario.server_replies([accepted(meta::SUBSCRIBE)]);
        scenario.expect_sent(["/meta/connect at once"]);
    }
    assert_eq!(n_handshakes, 10);
}

#[test]
fn connects_that_return_at_once_for_ever_are_a_loop() {
    let mut scenario = Scenario::connected("/demo");
    let mut n_connects = 0;
    while !scenario.session.is_ended() {
        n_connects += 1;
        scenario.passes(Duration::from_millis(2));
        scenario.server_replies([accepted(meta::CONNECT)]);
        if !scenario.session.is_ended() {
            scenario.expect_sent(["/meta/connect"]);
        }
    }
    scenario.expect_events(["ended: tight loop 20"]);
    assert_eq!(n_connects, 20);
}

#[test]
fn connects_that_return_at_once_with_messages_are_none() {
    let mut scenario = Scenario::connected("/demo");
    for _ in 0..100 {
        scenario.server_responds(
            Lane::Connect,
            [delivery("/demo", "1"), accepted(meta::CONNECT)],
        );
        scenario.expect_sent(["/meta/connect"]);
    }
}

#[test]
fn a_lost_session_ends_where_recovery_is_forbidden() {
    let mut scenario = Scenario::new(Settings {
        recovery: Recovery::Never,
        ..settings()
    });
    scenario.expect_sent(["/meta/handshake"]);
    scenario.server_replies([handshake_accepted("one")]);
    scenario.expect_sent(["/meta/connect at once"]);
    scenario.server_replies([refused(meta::CONNECT, "403::Unknown client")]);
    scenario.expect_events(["handshaken", "ended: lost"]);
}

#[test]
fn a_server_that_holds_nothing_is_a_loop_even_if_it_says_so() {
    let mut scenario = Scenario::connected("/demo");
    scenario.server_replies([accepted(meta::CONNECT).advice(r#"{"timeout":0,"interval":1}"#)]);
    while !scenario.session.is_ended() {
        scenario.passes(Duration::from_millis(1));
        if let Some(transmit) = scenario.session.poll_transmit(scenario.now) {
            scenario.put_in_flight(transmit);
            scenario.server_replies([accepted(meta::CONNECT)]);
        }
    }
    let events = scenario_events(&mut scenario);
    assert_eq!(events, ["ended: tight loop 20"]);
}

#[test]
fn a_server_that_wants_more_patience_than_there_is_ends_the_first_handshake() {
    let first_handshake = Duration::from_secs(30);
    let mut scenario = Scenario::new(Settings {
        first_handshake,
        ..settings()
    });
    scenario.expect_sent(["/meta/handshake"]);
    let busy = Failure {
        retry_after: Some(Duration::from_secs(600)),
        ..failure(Stage::Interrupted)
    };
    scenario.exchange_fails(Lane::Send, &busy);
    scenario.expect_events(["ended: wire cut"]);
}
