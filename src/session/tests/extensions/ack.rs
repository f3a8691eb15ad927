//! The ack extension.

use super::*;

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
