//! What the extensions make of a session.

use std::time::{Duration, SystemTime};

use super::scenario::*;
use crate::protocol::{Json, meta};
use crate::session::extension::{
    Ack, ClockReading, Extension, Extensions, Fallback, Replay, ReplayFrom, TimeSync,
};
use crate::session::{Lane, Settings, Stage};

fn with(extensions: Vec<Box<dyn Extension>>) -> Scenario {
    Scenario::new(Settings {
        extensions,
        ..settings()
    })
}

fn json(text: &str) -> Json {
    text.parse().unwrap()
}

fn from(text: &str) -> ReplayFrom {
    text.parse().unwrap()
}

/// Handshakes and subscribes; the connect is held.
fn begin(scenario: &mut Scenario, channel: &str, handshake: Reply) {
    scenario.session.subscribe(channel.parse().unwrap());
    scenario.expect_sent(["/meta/handshake"]);
    scenario.server_replies([handshake]);
    scenario.expect_sent([format!("/meta/subscribe {channel}").as_str()]);
    scenario.server_replies([accepted(meta::SUBSCRIBE)]);
    scenario.expect_sent(["/meta/connect at once"]);
}

/// The server forgets the session, and a new one is there and has sent its subscribe.
fn lose(scenario: &mut Scenario, channel: &str, handshake: Reply) {
    scenario.server_replies([refused(meta::CONNECT, "403::Unknown client")
        .advice(r#"{"reconnect":"handshake","interval":0}"#)]);
    scenario.passes(Duration::from_secs(1));
    scenario.expect_sent(["/meta/handshake"]);
    scenario.server_replies([handshake]);
    scenario.expect_sent([format!("/meta/subscribe {channel}").as_str()]);
}

// --- given ---

#[test]
fn what_is_given_is_sent_as_it_is_written_with_its_kind_of_message() {
    let mut scenario = with(vec![Box::new(Extensions {
        handshake: Some(json(r#"{ "token": "a" }"#)),
        connect: Some(json(r#"{"c":1.00}"#)),
        subscribe: Some(json(r#"{"s":[ ]}"#)),
        publish: Some(json("{}")),
    })]);
    scenario.session.subscribe("/demo".parse().unwrap());
    scenario.expect_sent(["/meta/handshake"]);
    assert_eq!(
        scenario.ext_in_flight(meta::HANDSHAKE),
        [r#"{ "token": "a" }"#]
    );
    scenario.server_replies([handshake_accepted("one")]);
    scenario.expect_sent(["/meta/subscribe /demo"]);
    assert_eq!(scenario.ext_in_flight(meta::SUBSCRIBE), [r#"{"s":[ ]}"#]);
    scenario.server_replies([accepted(meta::SUBSCRIBE)]);
    scenario
        .session
        .publish("/demo".parse().unwrap(), json("1"));
    scenario.expect_sent(["/demo", "/meta/connect at once"]);
    assert_eq!(scenario.ext_in_flight("/demo"), ["{}"]);
    assert_eq!(scenario.ext_in_flight(meta::CONNECT), [r#"{"c":1.00}"#]);
}

#[test]
fn members_of_all_extensions_make_one_object_and_the_users_go_first() {
    let given = Extensions {
        handshake: Some(json(r#"{"b":1.0, "ack" : "mine"}"#)),
        ..Extensions::default()
    };
    let replay = Replay::new([], ReplayFrom::New, Fallback::Fail);
    let mut scenario = with(vec![
        Box::new(given),
        Box::new(Ack::new()),
        Box::new(replay),
    ]);
    scenario.expect_sent(["/meta/handshake"]);
    assert_eq!(
        scenario.ext_in_flight(meta::HANDSHAKE),
        [r#"{"b":1.0, "ack" : "mine","replay":true}"#]
    );
}

#[test]
fn without_extensions_no_message_has_an_ext() {
    let mut scenario = Scenario::connected("/demo");
    scenario
        .session
        .publish("/demo".parse().unwrap(), json("1"));
    scenario.expect_sent(["/demo"]);
    assert_eq!(scenario.ext_in_flight("/demo"), ["-"]);
    assert_eq!(scenario.ext_in_flight(meta::CONNECT), ["-"]);
}

// --- ack ---

fn agreed(client_id: &str) -> Reply {
    handshake_accepted(client_id).with("ext", r#"{"ack":true}"#)
}

fn batch(number: &str) -> Reply {
    accepted(meta::CONNECT).with("ext", &format!(r#"{{"ack":{number}}}"#))
}

/// An acknowledged session whose held connect carries batch 1.
fn acknowledged() -> Scenario {
    let mut scenario = with(vec![Box::new(Ack::new())]);
    begin(&mut scenario, "/demo", agreed("one"));
    assert_eq!(scenario.ext_in_flight(meta::CONNECT), [r#"{"ack":0}"#]);
    scenario.server_replies([batch("1")]);
    scenario.expect_sent(["/meta/connect"]);
    assert_eq!(scenario.ext_in_flight(meta::CONNECT), [r#"{"ack":1}"#]);
    scenario.expect_events(["handshaken", "subscribed /demo", "connected"]);
    scenario
}

#[test]
fn each_connect_carries_the_last_batch_that_came() {
    let mut scenario = acknowledged();
    scenario.server_replies([delivery("/demo", "7"), batch("2")]);
    scenario.expect_sent(["/meta/connect"]);
    assert_eq!(scenario.ext_in_flight(meta::CONNECT), [r#"{"ack":2}"#]);
    // A reply without a number leaves it; one beyond 64 bits is kept to the digit.
    scenario.server_replies([accepted(meta::CONNECT)]);
    scenario.expect_sent(["/meta/connect"]);
    assert_eq!(scenario.ext_in_flight(meta::CONNECT), [r#"{"ack":2}"#]);
    scenario.server_replies([batch("90071992547409931234")]);
    scenario.expect_sent(["/meta/connect"]);
    assert_eq!(
        scenario.ext_in_flight(meta::CONNECT),
        [r#"{"ack":90071992547409931234}"#]
    );
    scenario.expect_events(["received 7"]);
}

#[test]
fn a_server_that_does_not_agree_sees_no_number() {
    let mut scenario = with(vec![Box::new(Ack::new())]);
    begin(&mut scenario, "/demo", handshake_accepted("one"));
    assert_eq!(scenario.ext_in_flight(meta::CONNECT), ["-"]);
    scenario.expect_events(["unknown ack", "handshaken", "subscribed /demo"]);
}

#[test]
fn a_handshake_that_delivers_gives_the_first_batch() {
    let mut scenario = with(vec![Box::new(Ack::new())]);
    let handshake = handshake_accepted("one").with("ext", r#"{"ack":{"enabled":true,"batch":4}}"#);
    begin(&mut scenario, "/demo", handshake);
    assert_eq!(scenario.ext_in_flight(meta::CONNECT), [r#"{"ack":4}"#]);
}

#[test]
fn a_new_session_counts_anew() {
    let mut scenario = acknowledged();
    scenario.server_replies([delivery("/demo", "7"), batch("2")]);
    scenario.expect_sent(["/meta/connect"]);
    lose(&mut scenario, "/demo", agreed("two"));
    scenario.server_replies([accepted(meta::SUBSCRIBE)]);
    scenario.expect_sent(["/meta/connect at once"]);
    assert_eq!(scenario.ext_in_flight(meta::CONNECT), [r#"{"ack":0}"#]);
}

/// The messages came, and the reply to their connect did not.
fn broken_after_two_messages() -> Scenario {
    let mut scenario = acknowledged();
    scenario.server_responds(
        Lane::Connect,
        [delivery("/demo", "7"), delivery("/demo", "8")],
    );
    scenario.expect_events(["received 7", "received 8", "reconnecting 1"]);
    scenario.passes_until_due();
    scenario.expect_sent(["/meta/connect at once"]);
    assert_eq!(scenario.ext_in_flight(meta::CONNECT), [r#"{"ack":1}"#]);
    scenario
}

/// Asserts the deliveries, whatever else is told of a connection that is back.
fn expect_received<const N: usize>(scenario: &mut Scenario, expected: [&str; N]) {
    let mut events = Vec::new();
    scenario.take_events(&mut events);
    events.retain(|it| !it.starts_with("reconnected"));
    assert_eq!(events, expected);
}

#[test]
fn what_comes_again_after_a_failure_is_a_duplicate() {
    let mut scenario = broken_after_two_messages();
    // CometD 8.0.10: the same messages under the next number.
    scenario.server_replies([
        delivery("/demo", "7"),
        delivery("/demo", "8"),
        delivery("/demo", "9"),
        batch("3"),
    ]);
    expect_received(&mut scenario, ["duplicate 7", "duplicate 8", "received 9"]);
    scenario.expect_sent(["/meta/connect"]);
    // The same text once more is a new message.
    scenario.server_replies([delivery("/demo", "7"), batch("4")]);
    scenario.expect_events(["received 7"]);
}

#[test]
fn duplicates_stay_known_when_the_connection_fails_again() {
    let mut scenario = broken_after_two_messages();
    scenario.server_responds(Lane::Connect, [delivery("/demo", "7")]);
    scenario.passes_until_due();
    scenario.expect_events(["duplicate 7", "reconnecting 2"]);
    scenario.expect_sent(["/meta/connect at once"]);
    scenario.server_responds(
        Lane::Connect,
        [delivery("/demo", "7"), delivery("/demo", "8")],
    );
    scenario.expect_events(["duplicate 7", "duplicate 8", "reconnecting 3"]);
}

#[test]
fn messages_that_were_never_handed_out_are_no_duplicates() {
    let mut scenario = acknowledged();
    scenario.exchange_fails(Lane::Connect, &failure(Stage::Interrupted));
    scenario.passes_until_due();
    scenario.expect_events(["reconnecting 1"]);
    scenario.expect_sent(["/meta/connect at once"]);
    scenario.server_responds(Lane::Connect, [delivery("/demo", "7"), batch("2")]);
    expect_received(&mut scenario, ["received 7"]);
}

#[test]
fn a_server_that_goes_on_elsewhere_sends_new_messages() {
    let mut scenario = broken_after_two_messages();
    scenario.server_replies([delivery("/demo", "8"), delivery("/demo", "7"), batch("3")]);
    expect_received(&mut scenario, ["received 8", "received 7"]);
}

#[test]
fn a_reply_before_its_messages_acknowledges_them_too() {
    let mut scenario = acknowledged();
    scenario.server_responds(Lane::Connect, [batch("2"), delivery("/demo", "7")]);
    scenario.expect_events(["received 7"]);
    scenario.expect_sent(["/meta/connect"]);
    scenario.exchange_fails(Lane::Connect, &failure(Stage::Interrupted));
    scenario.passes_until_due();
    scenario.expect_events(["reconnecting 1"]);
    scenario.expect_sent(["/meta/connect at once"]);
    scenario.server_replies([delivery("/demo", "7"), batch("3")]);
    expect_received(&mut scenario, ["received 7"]);
}

// --- timesync ---

/// A session that began when its wall clock showed this many milliseconds.
fn clocked(wall: u64) -> Scenario {
    let clocks = ClockReading {
        // Not before the session began.
        instant: std::time::Instant::now() + Duration::from_secs(1),
        wall: SystemTime::UNIX_EPOCH + Duration::from_millis(wall),
    };
    let mut scenario = with(vec![Box::new(TimeSync::new(clocks))]);
    scenario.now = clocks.instant;
    scenario
}

fn told(reply: Reply, timesync: &str) -> Reply {
    reply.with("ext", &format!(r#"{{"timesync":{timesync}}}"#))
}

#[test]
fn lag_and_offset_are_those_of_the_javascript_client() {
    let mut scenario = clocked(1_000_000);
    scenario.session.subscribe("/demo".parse().unwrap());
    scenario.expect_sent(["/meta/handshake"]);
    assert_eq!(
        scenario.ext_in_flight(meta::HANDSHAKE),
        [r#"{"timesync":{"tc":1000000,"l":0,"o":0}}"#]
    );
    // 100 ms on the way, of which the server took 20; its clock is 500 ms ahead.
    scenario.passes(Duration::from_millis(100));
    let answer = r#"{"tc":1000000,"ts":1000540,"p":20,"a":-540}"#;
    scenario.server_replies([told(handshake_accepted("one"), answer)]);
    scenario.expect_events(["lag 40 offset 500", "handshaken"]);
    scenario.expect_sent(["/meta/subscribe /demo"]);
    assert_eq!(scenario.ext_in_flight(meta::SUBSCRIBE), ["-"]);
    scenario.server_replies([accepted(meta::SUBSCRIBE)]);
    scenario.expect_sent(["/meta/connect at once"]);
    assert_eq!(
        scenario.ext_in_flight(meta::CONNECT),
        [r#"{"timesync":{"tc":1000100,"l":40,"o":500}}"#]
    );
    scenario.passes(Duration::from_millis(20));
    let answer = r#"{"tc":1000100,"ts":1000621,"p":0,"a":19}"#;
    scenario.server_replies([told(accepted(meta::CONNECT), answer)]);
    scenario.expect_events(["subscribed /demo", "lag 25 offset 506", "connected"]);
}

#[test]
fn the_last_ten_samples_count() {
    let mut scenario = clocked(0);
    begin(&mut scenario, "/demo", handshake_accepted("one"));
    scenario.expect_events(["unknown timesync", "handshaken", "subscribed /demo"]);
    let mut events = Vec::new();
    for n in 0..11 {
        let ts = if n == 0 { 1_000_000 } else { 100 };
        let answer = format!(r#"{{"tc":0,"ts":{ts},"p":0,"a":0}}"#);
        scenario.server_replies([told(accepted(meta::CONNECT), &answer)]);
        scenario.expect_sent(["/meta/connect"]);
    }
    scenario.take_events(&mut events);
    assert_eq!(events[0], "lag 0 offset 1000000");
    assert_eq!(events.last().unwrap(), "lag 0 offset 100");
}

#[test]
fn figures_that_are_missing_or_absurd_are_left_out() {
    for answer in [
        r#"{"tc":1}"#,
        "7",
        r#"{"tc":-9223372036854775808,"ts":9223372036854775807,"p":0}"#,
        r#"{"tc":0,"ts":1e400,"p":0}"#,
        r#"{"tc":"0","ts":1,"p":0}"#,
    ] {
        let mut scenario = clocked(1);
        scenario.expect_sent(["/meta/handshake"]);
        scenario.server_replies([told(handshake_accepted("one"), answer)]);
        scenario.expect_events(["unknown timesync", "handshaken"]);
    }
}

// --- replay ---

fn replaying(from: ReplayFrom, fallback: Fallback) -> Scenario {
    with(vec![Box::new(Replay::new([], from, fallback))])
}

fn offers_replay(client_id: &str) -> Reply {
    handshake_accepted(client_id).with("ext", r#"{"replay":true,"payload.format":true}"#)
}

fn event(id: &str) -> Reply {
    delivery(
        "/event/Order__e",
        &format!(r#"{{"payload":{{}},"event":{{"replayId":{id}}}}}"#),
    )
}

const INVALID: &str = "400::The replayId {7} you provided was invalid.  Please provide a valid ID, -2 to replay all events, or -1 to replay only new events.";

#[test]
fn a_new_session_replays_from_the_last_event_in_the_servers_own_digits() {
    let mut scenario = replaying(ReplayFrom::All, Fallback::Fail);
    let channel = "/event/Order__e";
    scenario.session.subscribe(channel.parse().unwrap());
    scenario.expect_sent(["/meta/handshake"]);
    assert_eq!(
        scenario.ext_in_flight(meta::HANDSHAKE),
        [r#"{"replay":true}"#]
    );
    scenario.server_replies([offers_replay("one")]);
    scenario.expect_sent(["/meta/subscribe /event/Order__e"]);
    assert_eq!(
        scenario.ext_in_flight(meta::SUBSCRIBE),
        [r#"{"replay":{"/event/Order__e":-2}}"#]
    );
    scenario.server_replies([accepted(meta::SUBSCRIBE)]);
    scenario.expect_sent(["/meta/connect at once"]);
    assert_eq!(scenario.ext_in_flight(meta::CONNECT), ["-"]);
    scenario.server_replies([
        event("90071992547409931233"),
        event("90071992547409931234"),
        delivery("/other", r#"{"event":{"replayId":1}}"#),
        delivery("/event/Order__e", r#"{"payload":{}}"#),
        accepted(meta::CONNECT),
    ]);
    scenario.expect_sent(["/meta/connect"]);
    lose(&mut scenario, channel, offers_replay("two"));
    assert_eq!(
        scenario.ext_in_flight(meta::SUBSCRIBE),
        [r#"{"replay":{"/event/Order__e":90071992547409931234}}"#]
    );
    // What is replayed may come with the confirmation.
    let mut events = Vec::new();
    scenario.take_events(&mut events);
    scenario.server_responds(
        Lane::Send,
        [event("90071992547409931235"), accepted(meta::SUBSCRIBE)],
    );
    scenario.expect_events([
        r#"received {"payload":{},"event":{"replayId":90071992547409931235}}"#,
        "subscribed /event/Order__e",
        "session renewed 1/1 from 90071992547409931234",
    ]);
}

#[test]
fn ids_may_be_strings_and_nothing_else() {
    let mut scenario = replaying(ReplayFrom::New, Fallback::Fail);
    begin(&mut scenario, "/event/Order__e", offers_replay("one"));
    scenario.server_replies([
        event(r#""a\u0062""#),
        event("null"),
        event("{}"),
        accepted(meta::CONNECT),
    ]);
    scenario.expect_sent(["/meta/connect"]);
    lose(&mut scenario, "/event/Order__e", offers_replay("two"));
    assert_eq!(
        scenario.ext_in_flight(meta::SUBSCRIBE),
        [r#"{"replay":{"/event/Order__e":"a\u0062"}}"#]
    );
}

#[test]
fn a_channel_is_named_without_its_filter() {
    let channels = [("/topic/T?Status=New".to_owned(), from("12"))];
    let replay = Replay::new(channels, ReplayFrom::All, Fallback::Fail);
    let mut scenario = with(vec![Box::new(replay)]);
    begin(&mut scenario, "/topic/T?Status=Old", offers_replay("one"));
    scenario.server_replies([
        delivery("/topic/T", r#"{"event":{"replayId":13}}"#),
        accepted(meta::CONNECT),
    ]);
    scenario.expect_sent(["/meta/connect"]);
    lose(&mut scenario, "/topic/T?Status=Old", offers_replay("two"));
    assert_eq!(
        scenario.ext_in_flight(meta::SUBSCRIBE),
        [r#"{"replay":{"/topic/T":13}}"#]
    );
}

#[test]
fn a_session_without_an_event_so_far_begins_as_it_began() {
    let mut scenario = replaying(ReplayFrom::New, Fallback::Fail);
    begin(&mut scenario, "/event/Order__e", offers_replay("one"));
    scenario.server_replies([accepted(meta::CONNECT)]);
    scenario.expect_sent(["/meta/connect"]);
    lose(&mut scenario, "/event/Order__e", offers_replay("two"));
    assert_eq!(
        scenario.ext_in_flight(meta::SUBSCRIBE),
        [r#"{"replay":{"/event/Order__e":-1}}"#]
    );
    scenario.server_replies([accepted(meta::SUBSCRIBE)]);
    let mut events = Vec::new();
    scenario.take_events(&mut events);
    assert_eq!(events.last().unwrap(), "session renewed 1/1");
}

#[test]
fn an_id_that_the_server_refuses_is_final_unless_there_is_a_fallback() {
    let mut scenario = replaying(from("7"), Fallback::Fail);
    scenario
        .session
        .subscribe("/event/Order__e".parse().unwrap());
    scenario.expect_sent(["/meta/handshake"]);
    scenario.server_replies([offers_replay("one")]);
    scenario.expect_sent(["/meta/subscribe /event/Order__e"]);
    scenario.server_replies([refused(meta::SUBSCRIBE, INVALID)]);
    scenario.expect_events(["handshaken", "refused /event/Order__e"]);
}

#[test]
fn a_fallback_is_tried_once() {
    for (fallback, sent) in [(Fallback::New, "-1"), (Fallback::All, "-2")] {
        let mut scenario = replaying(from("7"), fallback);
        scenario
            .session
            .subscribe("/event/Order__e".parse().unwrap());
        scenario.expect_sent(["/meta/handshake"]);
        scenario.server_replies([offers_replay("one")]);
        scenario.expect_sent(["/meta/subscribe /event/Order__e"]);
        scenario.server_replies([refused(meta::SUBSCRIBE, INVALID)]);
        let told = format!("no replay from 7 but {sent}");
        scenario.expect_events(["handshaken", &told]);
        scenario.expect_sent(["/meta/subscribe /event/Order__e"]);
        let ext = format!(r#"{{"replay":{{"/event/Order__e":{sent}}}}}"#);
        assert_eq!(scenario.ext_in_flight(meta::SUBSCRIBE), [ext.as_str()]);
        scenario.server_replies([refused(meta::SUBSCRIBE, INVALID)]);
        scenario.expect_events(["refused /event/Order__e"]);
    }
}

#[test]
fn other_refusals_are_final_whatever_the_fallback() {
    let mut scenario = replaying(from("7"), Fallback::New);
    scenario
        .session
        .subscribe("/event/Order__e".parse().unwrap());
    scenario.expect_sent(["/meta/handshake"]);
    scenario.server_replies([handshake_accepted("one")]);
    scenario.expect_sent(["/meta/subscribe /event/Order__e"]);
    let denied = "403:denied_by_security_policy:create_denied";
    scenario.server_replies([refused(meta::SUBSCRIBE, denied)]);
    scenario.expect_events(["unknown replay", "handshaken", "refused /event/Order__e"]);
}

#[test]
fn a_connect_that_breaks_off_leads_to_a_new_session_that_replays() {
    for stage in [Stage::Unanswered, Stage::Interrupted] {
        let mut scenario = replaying(ReplayFrom::New, Fallback::Fail);
        begin(&mut scenario, "/event/Order__e", offers_replay("one"));
        scenario.server_replies([event("12"), accepted(meta::CONNECT)]);
        scenario.expect_sent(["/meta/connect"]);
        let mut events = Vec::new();
        scenario.take_events(&mut events);
        scenario.passes(Duration::from_secs(5));
        // Event 13 was in it, for all that is known.
        scenario.exchange_fails(Lane::Connect, &failure(stage));
        scenario.expect_events(["session lost"]);
        scenario.expect_sent(["/meta/handshake"]);
        scenario.server_replies([offers_replay("two")]);
        scenario.expect_sent(["/meta/subscribe /event/Order__e"]);
        assert_eq!(
            scenario.ext_in_flight(meta::SUBSCRIBE),
            [r#"{"replay":{"/event/Order__e":12}}"#]
        );
        scenario.server_replies([accepted(meta::SUBSCRIBE)]);
        scenario.expect_events([
            "handshaken",
            "subscribed /event/Order__e",
            "session renewed 1/1 from 12",
        ]);
    }
}

#[test]
fn a_connect_that_never_left_or_has_nothing_to_go_on_from_keeps_the_session() {
    let mut scenario = replaying(ReplayFrom::New, Fallback::Fail);
    begin(&mut scenario, "/event/Order__e", offers_replay("one"));
    scenario.exchange_fails(Lane::Connect, &failure(Stage::Interrupted));
    scenario.expect_events(["handshaken", "subscribed /event/Order__e", "reconnecting 1"]);
    scenario.passes_until_due();
    scenario.expect_sent(["/meta/connect at once"]);
    scenario.server_replies([event("12"), accepted(meta::CONNECT)]);
    scenario.expect_sent(["/meta/connect"]);
    let mut events = Vec::new();
    scenario.take_events(&mut events);
    scenario.exchange_fails(Lane::Connect, &failure(Stage::Unsent));
    scenario.expect_events(["reconnecting 1"]);
}
