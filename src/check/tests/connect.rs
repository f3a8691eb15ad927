//! What makes the checks of `con` and `adv` fail.

use super::tampering::{Between, Tampering, outcome_of_requests, outcome_of_responses};
use super::*;

#[test]
fn a_reply_with_another_id_is_no_reply_to_a_connect() {
    assert_eq!(
        outcome_of_fault("connect:wrong-id", "con.fields"),
        "fail: the request has the id \"2\", its reply \"fault\""
    );
}

#[test]
fn a_first_connect_that_is_held_is_noted() {
    let seen = outcome_of_fault("connect:hold:first=1", "con.first-immediate");
    assert!(seen.starts_with("note: it is held: a client"), "{seen}");
}

#[test]
fn a_server_with_a_timeout_of_its_own_does_not_honour_that_of_a_connect() {
    assert_eq!(
        outcome_of_fault("connect:hold", "con.timeout-honoured"),
        "warn: asked for 0 ms, it was still held after 1000 ms"
    );
    let at_once = outcome_of_fault("connect:storm:for=1h", "con.timeout-honoured");
    assert!(
        at_once.starts_with("warn: asked for 1000 ms, it was held for "),
        "{at_once}"
    );
}

#[test]
fn a_hold_is_measured_where_it_is_short_and_asked_for_where_it_is_long() {
    let short = ServerSettings {
        timeout: Duration::from_millis(300),
        ..ServerSettings::default()
    };
    let seen = outcome_with(short, "con.hold");
    assert!(
        seen.starts_with("pass: 3") && seen.ends_with(" ms of 300 ms"),
        "{seen}"
    );
    let storm = outcome_of_fault("connect:storm:for=1h", "con.hold");
    assert!(storm.starts_with("warn: answered after "), "{storm}");
    assert!(
        storm.ends_with(" ms with nothing to deliver, where 2000 ms were asked for"),
        "{storm}"
    );
}

#[test]
fn a_message_that_does_not_come_ends_no_hold() {
    assert_eq!(
        outcome_of_fault("delivery:drop", "con.wakeup"),
        "fail: nothing was delivered within 2 s"
    );
}

#[test]
fn a_connect_that_is_superseded_in_silence_waits_in_vain() {
    // The first connect of the check is no held one.
    assert_eq!(
        outcome_of_fault("connect:drop:after=1:first=1", "con.single"),
        "fail: the first one is not answered: who sent it waits in vain"
    );
}

#[test]
fn any_connection_type_is_accepted_as_cometd_does() {
    assert_eq!(
        outcome_as(Flavor::CometD, "con.type-required"),
        "fail: a connect without connectionType is accepted"
    );
}

#[test]
fn faye_holds_back_what_came_with_a_connect() {
    assert_eq!(
        outcome_as(Flavor::Faye, "con.batched"),
        "note: the whole response is held: who waits for the subscription waits as long"
    );
}

#[test]
fn sessions_of_one_browser_are_counted_if_the_server_is_told_to() {
    let id = "con.multi-session";
    let counting = ServerSettings {
        max_held_per_browser: Some(1),
        ..ServerSettings::default()
    };
    assert_eq!(
        outcome_with(counting, id),
        "pass: advised to connect every 2000 ms"
    );
    assert_eq!(
        outcome_as(Flavor::CometD, id),
        "warn: connects of both are held: with a third one a browser has no connection left"
    );
    assert_eq!(
        outcome_as(Flavor::Faye, id),
        "warn: the server sets no cookie, and cannot tell that they are of one browser"
    );
}

#[test]
fn a_refusal_without_the_advice_to_handshake_leaves_a_client_alone() {
    let id = "con.unknown-client";
    assert_eq!(
        outcome_of_responses(|_, body| body.replace("\"advice\"", "\"advise\""), id),
        "fail: there is no advice: a client does not learn that it has to handshake"
    );
    assert_eq!(
        outcome_of_responses(|_, body| body.replace("\"handshake\"", "\"retry\""), id),
        "fail: the advice does not say to handshake: a client goes on with a session that is gone"
    );
    assert_eq!(
        outcome_of_responses(|_, body| body.replace(":false", ":true"), id),
        "fail: it is accepted"
    );
}

#[test]
fn a_session_that_ends_too_early_or_too_late_is_told() {
    // CometD says it only where its clients are to handshake anew by themselves.
    let advising = || Tampering {
        response: |_, body| body.replace("\"interval\":0", "\"interval\":0,\"maxInterval\":400"),
        ..Tampering::default()
    };
    let seen = |max_interval: u64, faults: &[&str]| {
        let settings = ServerSettings {
            max_interval: Duration::from_millis(max_interval),
            faults: faults.iter().map(|it| it.parse().unwrap()).collect(),
            ..ServerSettings::default()
        };
        let server = Server::bind("127.0.0.1:0", settings).unwrap();
        let between = Between::new(&server, advising());
        outcome_at(&between.url(), ConnectionType::LongPolling, "con.expiry")
    };
    assert_eq!(seen(400, &[]), "pass: after 400 ms, as advised");
    assert_eq!(
        seen(400, &["expire=100ms"]),
        "warn: a session is unknown 200 ms after its last connect, where its advice says 400 ms"
    );
    assert_eq!(
        seen(10_000, &[]),
        "warn: still known 1500 ms after the 400 ms that its advice says"
    );
}

#[test]
fn faye_takes_publishes_of_sessions_that_left() {
    assert_eq!(
        outcome_as(Flavor::Faye, "con.error-on-other"),
        "fail: a publish is accepted"
    );
}

#[test]
fn an_advice_of_words_that_there_are_not_is_told() {
    let odd = |_: &str, body: String| body.replace("\"retry\"", "\"sometimes\"");
    assert_eq!(
        outcome_of_responses(odd, "adv.shape"),
        "fail: reconnect is \"sometimes\", not retry, handshake or none"
    );
}

#[test]
fn a_server_that_advises_nothing_is_told() {
    let silent = |_: &str, body: String| body.replace("\"advice\"", "\"advise\"");
    assert_eq!(
        outcome_of_responses(silent, "adv.absolute"),
        "warn: neither the handshake nor the first connect brings one"
    );
}

#[test]
fn a_server_that_holds_nothing_is_no_server_to_see_holds_at() {
    let impatient = |body: String| body.replace("\"timeout\":6000", "\"timeout\":0");
    assert_eq!(
        outcome_of_requests(impatient, "con.wakeup"),
        "skip: the server holds no connect"
    );
}

#[test]
fn a_server_that_sends_away_whom_it_has_just_let_in_is_told() {
    assert_eq!(
        outcome_of_fault("handshake:advice=handshake", "adv.reconnect"),
        "warn: a successful reply on /meta/handshake advises handshake"
    );
}
