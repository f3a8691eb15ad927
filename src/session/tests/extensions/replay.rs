//! The replay extension.

use super::*;

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
