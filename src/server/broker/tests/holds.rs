//! Held connects: what ends a hold, and what is delivered with its reply.

use super::*;

#[test]
fn the_first_connect_is_answered_at_once_and_the_second_is_held() {
    let mut scenario = Scenario::new();
    scenario.request("[{'channel':'/meta/handshake'}]");
    assert_eq!(scenario.connect("c1"), CONNECTED);
    let hold = scenario.hold("c1");
    scenario.pass(30 * SECOND - Duration::from_millis(1));
    assert_eq!(scenario.released(), []);
    scenario.pass(Duration::from_millis(1));
    assert_eq!(scenario.released(), [(hold, CONNECTED.into())]);
}

#[test]
fn a_message_of_another_session_ends_the_hold_and_stands_before_the_reply() {
    let mut scenario = Scenario::new();
    let subscriber = scenario.connected(&["/demo"]);
    let publisher = scenario.connected(&[]);
    let hold = scenario.hold(&subscriber);
    assert_eq!(
        scenario.request(&format!(
            "[{{'channel':'/demo','clientId':'{publisher}','id':'7','data':{{'n':1.00,'big':9007199254740993}},'x':1}}]"
        )),
        "{'channel':'/demo','id':'7','successful':true}"
    );
    let delivery = "{'data':{'n':1.00,'big':9007199254740993},'channel':'/demo','x':1}";
    assert_eq!(
        scenario.released(),
        [(hold, format!("{delivery} {CONNECTED}"))]
    );
}

#[test]
fn a_batch_of_publishes_arrives_in_one_response_and_in_order() {
    let mut scenario = Scenario::new();
    let subscriber = scenario.connected(&["/a", "/b"]);
    scenario.connected(&[]);
    scenario.hold(&subscriber);
    scenario.request(
        "[{'channel':'/a','clientId':'c2','data':1},{'channel':'/b','clientId':'c2','data':2},\
         {'channel':'/a','clientId':'c2','data':3}]",
    );
    let released = scenario.released();
    assert_eq!(released.len(), 1);
    assert_eq!(
        released[0].1,
        format!(
            "{{'data':1,'channel':'/a'}} {{'data':2,'channel':'/b'}} {{'data':3,'channel':'/a'}} {CONNECTED}"
        )
    );
}

#[test]
fn a_session_gets_one_copy_however_many_of_its_patterns_match() {
    let mut scenario = Scenario::new();
    let subscriber = scenario.connected(&["/a/b", "/a/*", "/a/**", "/**", "/a/b/*", "/*"]);
    let delivery = "{'data':1,'channel':'/a/b'}";
    let reply = scenario.publish(&subscriber, "/a/b", "1");
    assert_eq!(
        reply,
        format!("{delivery} {{'channel':'/a/b','successful':true}}")
    );
}

#[test]
fn the_publishers_own_message_comes_with_the_reply_and_leaves_its_connect_held() {
    let mut scenario = Scenario::new();
    let client_id = scenario.connected(&["/demo"]);
    scenario.hold(&client_id);
    assert_eq!(
        scenario.publish(&client_id, "/demo", "null"),
        "{'data':null,'channel':'/demo'} {'channel':'/demo','successful':true}"
    );
    assert_eq!(scenario.released(), []);
}

#[test]
fn what_came_between_two_connects_waits_for_the_next() {
    let mut scenario = Scenario::new();
    let subscriber = scenario.connected(&["/demo"]);
    let publisher = scenario.connected(&[]);
    scenario.publish(&publisher, "/demo", "1");
    scenario.publish(&publisher, "/demo", "2");
    assert_eq!(
        scenario.connect(&subscriber),
        format!("{{'data':1,'channel':'/demo'}} {{'data':2,'channel':'/demo'}} {CONNECTED}")
    );
    scenario.hold(&subscriber);
}

#[test]
fn a_connect_asks_for_its_own_timeout_within_twice_the_configured_one() {
    let mut scenario = Scenario::new();
    scenario.connected(&[]);
    let connect = |timeout: u32| {
        format!("[{{'channel':'/meta/connect','clientId':'c1','advice':{{'timeout':{timeout}}}}}]")
    };
    let at_once = scenario.request(&connect(0));
    assert!(at_once.contains("'timeout':30000"), "{at_once}");
    scenario.handle(&connect(999_000));
    scenario.pass(59 * SECOND);
    assert_eq!(scenario.released(), []);
    scenario.pass(SECOND);
    assert_eq!(scenario.released().len(), 1);
}

#[test]
fn a_connect_among_other_messages_is_answered_at_once() {
    let mut scenario = Scenario::new();
    let client_id = scenario.connected(&["/a"]);
    let batch = connect(&client_id).replace(
        "}]",
        "},{'channel':'/meta/unsubscribe','clientId':'c1','subscription':'/a'}]",
    );
    let replies = scenario.request(&batch);
    assert_eq!(
        replies,
        format!(
            "{CONNECTED} {{'channel':'/meta/unsubscribe','subscription':'/a','successful':true}}"
        )
    );
}

#[test]
fn a_long_queue_goes_out_in_several_responses_and_in_order() {
    let mut scenario = Scenario::new();
    let client_id = scenario.connected(&["/a"]);
    for n in 0..2500 {
        scenario.broker.publish(
            scenario.now,
            &"/a".parse().unwrap(),
            &n.to_string().parse().unwrap(),
        );
    }
    let mut n_next = 0;
    for n_expected in [1000, 1000, 500] {
        let response = scenario.connect(&client_id);
        let deliveries = (n_next..n_next + n_expected)
            .map(|n| format!("{{'data':{n},'channel':'/a'}} "))
            .collect::<String>();
        assert_eq!(response, deliveries + CONNECTED);
        n_next += n_expected;
    }
}

#[test]
fn a_newer_connect_ends_the_older_one_with_the_status_of_cometd() {
    let mut scenario = Scenario::new();
    let client_id = scenario.connected(&[]);
    let older = scenario.hold(&client_id);
    scenario.hold(&client_id);
    let released = scenario.broker.poll_released().unwrap();
    assert_eq!(
        (released.hold, released.answer.superseded),
        (older, Some(500))
    );
    assert_eq!(scenario.released(), []);
}

#[test]
fn a_duration_beyond_the_clock_does_not_panic() {
    let mut scenario = Scenario::with(Settings {
        timeout: Duration::MAX,
        interval: Duration::MAX,
        max_interval: Duration::MAX,
        ..Settings::default()
    });
    let client_id = scenario.connected(&[]);
    scenario.hold(&client_id);
}
