//! The timesync extension.

use super::*;

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
