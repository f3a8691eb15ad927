//! How a session talks while nothing goes wrong, and what it makes of the servers' habits.

use std::time::Duration;

use super::scenario::*;
use crate::protocol::meta;
use crate::session::{Connects, Lane, Settings, Stage};

#[test]
fn a_session_subscribes_then_connects_at_once_then_is_held() {
    Scenario::connected("/demo");
}

#[test]
fn a_one_shot_session_sends_no_connect() {
    let mut scenario = Scenario::new(Settings {
        connects: Connects::Never,
        ..settings()
    });
    scenario
        .session
        .publish("/demo".parse().unwrap(), "1.00".parse().unwrap());
    scenario.expect_sent(["/meta/handshake"]);
    scenario.server_replies([handshake_accepted("one")]);
    scenario.expect_sent(["/demo"]);
    assert_eq!(scenario.data_in_flight(), ["1.00"]);
    scenario.server_replies([accepted("/demo")]);
    scenario.session.disconnect();
    scenario.expect_sent(["/meta/disconnect"]);
    scenario.server_replies([accepted(meta::DISCONNECT)]);
    scenario.expect_events(["handshaken", "acknowledged 0", "ended: disconnected"]);
}

#[test]
fn several_channels_are_subscribed_one_by_one_in_one_request() {
    let mut scenario = Scenario::new(settings());
    for channel in ["/a", "/b/*", "/c"] {
        scenario.session.subscribe(channel.parse().unwrap());
    }
    scenario.expect_sent(["/meta/handshake"]);
    scenario.server_replies([handshake_accepted("one")]);
    scenario.expect_sent([
        "/meta/subscribe /a",
        "/meta/subscribe /b/*",
        "/meta/subscribe /c",
    ]);
    scenario.server_replies([
        accepted(meta::SUBSCRIBE),
        refused(
            meta::SUBSCRIBE,
            "403:denied_by_security_policy:subscribe_denied",
        ),
        accepted(meta::SUBSCRIBE),
    ]);
    scenario.expect_events([
        "handshaken",
        "subscribed /a",
        "refused /b/*",
        "subscribed /c",
    ]);
    scenario.expect_sent(["/meta/connect at once"]);
}

#[test]
fn deliveries_are_taken_from_any_response() {
    let mut scenario = Scenario::connected("/demo");
    scenario
        .session
        .publish("/demo".parse().unwrap(), "1".parse().unwrap());
    scenario.expect_sent(["/demo"]);
    // CometD puts what waits into the response to a publish.
    scenario.server_responds(Lane::Send, [delivery("/demo", "7"), accepted("/demo")]);
    scenario.expect_events(["received 7", "acknowledged 0"]);
}

#[test]
fn faye_repeats_the_publishers_id_on_the_delivery_and_puts_the_connect_reply_first() {
    let mut scenario = Scenario::connected("/demo");
    scenario
        .session
        .publish("/demo".parse().unwrap(), "1".parse().unwrap());
    scenario.expect_sent(["/demo"]);
    scenario.server_responds(
        Lane::Connect,
        [
            accepted(meta::CONNECT),
            delivery("/demo", "1").with("id", "\"5\""),
        ],
    );
    scenario.expect_events(["received 1"]);
    scenario.server_replies([accepted("/demo")]);
    scenario.expect_events(["acknowledged 0"]);
}

#[test]
fn a_reply_may_come_through_the_other_lane() {
    let mut scenario = Scenario::connected("/demo");
    scenario
        .session
        .publish("/demo".parse().unwrap(), "1".parse().unwrap());
    scenario.expect_sent(["/demo"]);
    scenario.server_responds(Lane::Send, []);
    scenario.expect_events([]);
    scenario.server_responds(
        Lane::Connect,
        [
            accepted("/demo").with("id", "\"5\""),
            accepted(meta::CONNECT),
        ],
    );
    scenario.expect_events(["acknowledged 0"]);
}

#[test]
fn a_reply_that_never_comes_is_given_up_after_the_network_timeout() {
    let mut scenario = Scenario::connected("/demo");
    scenario
        .session
        .publish("/demo".parse().unwrap(), "1".parse().unwrap());
    scenario.expect_sent(["/demo"]);
    scenario.server_responds(Lane::Send, []);
    scenario.passes(Duration::from_secs(9));
    scenario.expect_events([]);
    scenario.passes(Duration::from_secs(1));
    scenario.expect_events(["unacknowledged 0"]);
}

#[test]
fn lyrion_media_server_replies_without_ids() {
    let mut scenario = Scenario::new(settings());
    scenario.session.subscribe("/a".parse().unwrap());
    scenario.session.subscribe("/b".parse().unwrap());
    scenario.expect_sent(["/meta/handshake"]);
    scenario.server_replies([handshake_accepted("1a2b3c4d").with("id", "null")]);
    scenario.expect_sent(["/meta/subscribe /a", "/meta/subscribe /b"]);
    scenario.server_replies([
        refused(meta::SUBSCRIBE, "no")
            .with("id", "null")
            .with("subscription", "\"/b\""),
        accepted(meta::SUBSCRIBE)
            .with("id", "null")
            .with("subscription", "\"/a\""),
    ]);
    scenario.expect_events(["handshaken", "refused /b", "subscribed /a"]);
}

#[test]
fn advice_stays_until_the_next_one_replaces_it() {
    let mut scenario = Scenario::connected("/demo");
    scenario.passes(Duration::from_secs(30));
    scenario
        .server_replies([accepted(meta::CONNECT).advice(r#"{"interval":2000,"timeout":5000}"#)]);
    scenario.expect_sent([]);
    assert_eq!(scenario.passes_until_due(), Duration::from_secs(2));
    scenario.expect_sent(["/meta/connect"]);
    scenario.server_replies([accepted(meta::CONNECT)]);
    scenario.expect_sent([]);
    assert_eq!(
        scenario.session.advice().timeout,
        Some(Duration::from_secs(5))
    );
    scenario.passes_until_due();
    scenario.expect_sent(["/meta/connect"]);
    scenario.server_replies([accepted(meta::CONNECT).advice("{}")]);
    scenario.expect_sent(["/meta/connect"]);
    assert_eq!(scenario.session.advice().timeout, None);
}

#[test]
fn publishes_that_wait_share_a_request_in_their_order() {
    let mut scenario = Scenario::connected("/demo");
    for n in 0..20 {
        scenario
            .session
            .publish("/demo".parse().unwrap(), n.to_string().parse().unwrap());
    }
    let sent = scenario.session.poll_transmit(scenario.now).unwrap();
    let data: Vec<_> = sent.messages.iter().filter_map(|it| it.data()).collect();
    assert_eq!(data.len(), 16);
    assert_eq!((data[0], data[15]), ("0", "15"));
}

#[test]
fn unsubscribing_is_confirmed_even_if_the_server_never_saw_the_channel() {
    let mut scenario = Scenario::connected("/demo");
    scenario.session.unsubscribe(&"/demo".parse().unwrap());
    scenario.expect_sent(["/meta/unsubscribe /demo"]);
    // CometD's answer for a channel that does not exist.
    scenario.server_replies([refused(meta::UNSUBSCRIBE, "400::channel_missing")]);
    scenario.expect_events(["unsubscribed /demo"]);
}

#[test]
fn a_reply_to_nothing_is_told() {
    let mut scenario = Scenario::connected("/demo");
    scenario.server_responds(
        Lane::Connect,
        [
            accepted("/meta/subscribe").with("id", "\"99\""),
            // Not one of ours, although there is a connect.
            accepted(meta::CONNECT).with("id", "\"x\""),
            accepted(meta::CONNECT),
        ],
    );
    scenario.expect_events(["unmatched", "unmatched"]);
}

#[test]
fn leaving_during_the_handshake_disconnects_what_it_brought() {
    let mut scenario = Scenario::new(settings());
    scenario.expect_sent(["/meta/handshake"]);
    scenario.session.disconnect();
    scenario.expect_sent([]);
    scenario.server_replies([handshake_accepted("one")]);
    scenario.expect_sent(["/meta/disconnect"]);
    scenario.server_replies([refused(meta::DISCONNECT, "402::session_unknown")]);
    scenario.expect_events(["handshaken", "ended: disconnected"]);
}

#[test]
fn the_connect_that_a_disconnect_releases_ends_nothing_by_itself() {
    let mut scenario = Scenario::connected("/demo");
    scenario.session.disconnect();
    scenario.expect_sent(["/meta/disconnect"]);
    // CometD releases it with the advice to stop.
    scenario.server_replies([accepted(meta::CONNECT).advice(r#"{"reconnect":"none"}"#)]);
    scenario.expect_events([]);
    scenario.server_replies([accepted(meta::DISCONNECT)]);
    scenario.expect_events(["ended: disconnected"]);
    scenario.expect_sent([]);
}

#[test]
fn several_sessions_with_one_cookie_are_told_once() {
    let mut scenario = Scenario::connected("/demo");
    let advice = r#"{"interval":2000,"multiple-clients":true}"#;
    scenario.server_replies([accepted(meta::CONNECT).advice(advice)]);
    scenario.passes_until_due();
    scenario.expect_sent(["/meta/connect"]);
    scenario.server_replies([accepted(meta::CONNECT).advice(advice)]);
    scenario.expect_events(["multiple clients"]);
}

#[test]
fn what_does_not_fit_into_one_url_is_sent_in_several_and_in_its_order() {
    let mut scenario = Scenario::new(Settings {
        max_encoded: Some(350),
        ..settings()
    });
    for channel in ["/a", "/b", "/c", "/d"] {
        scenario.session.subscribe(channel.parse().unwrap());
    }
    scenario.session.unsubscribe(&"/d".parse().unwrap());
    let long = format!("\"{}\"", "x".repeat(600));
    for data in ["1", "2", &long, "3", "4", "5"] {
        scenario
            .session
            .publish("/demo".parse().unwrap(), data.parse().unwrap());
    }
    scenario.expect_sent(["/meta/handshake"]);
    scenario.server_replies([handshake_accepted("one")]);
    for expected in [
        ["/meta/subscribe /a", "/meta/subscribe /b"],
        ["/meta/subscribe /c", "/meta/unsubscribe /d"],
    ] {
        scenario.expect_sent(expected);
        let accepted = expected.map(|it| accepted(it.split_once(' ').unwrap().0));
        scenario.server_responds(Lane::Send, accepted);
    }
    scenario.expect_sent(["/demo", "/demo", "/meta/connect at once"]);
    scenario.server_responds(Lane::Send, [accepted("/demo"), accepted("/demo")]);
    scenario.expect_sent(["/demo"]);
    assert_eq!(scenario.data_in_flight(), [long.as_str()]);
    // A failure concerns the messages of its own request.
    scenario.exchange_fails(Lane::Send, &permanent(Stage::Interrupted));
    scenario.expect_sent(["/demo", "/demo", "/demo"]);
    assert_eq!(scenario.data_in_flight(), ["3", "4", "5"]);
    scenario.expect_events([
        "handshaken",
        "subscribed /a",
        "subscribed /b",
        "subscribed /c",
        "unsubscribed /d",
        "acknowledged 0",
        "acknowledged 1",
        "unacknowledged 2",
    ]);
}
