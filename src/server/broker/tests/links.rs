//! Sessions on links: deliveries that no connect has to carry.

use super::*;

#[test]
fn a_link_gets_messages_at_once_and_its_connect_stays_held() {
    let mut scenario = Scenario::new();
    let (link, _) = linked(&mut scenario, &["/demo"]);
    let publisher = scenario.connected(&[]);
    scenario.ready();
    for _ in 0..2 {
        scenario.publish(&publisher, "/demo", "1");
        assert_eq!(scenario.ready(), [link]);
        assert_eq!(scenario.taken(link), [DELIVERY]);
    }
    assert_eq!(scenario.released(), []);
    scenario.pass(30 * SECOND);
    assert_eq!(scenario.ready(), [link]);
    assert_eq!(scenario.taken(link), [CONNECTED]);
}

#[test]
fn a_link_of_which_everything_was_taken_is_not_ready() {
    let mut scenario = Scenario::new();
    let (link, _) = linked(&mut scenario, &["/demo"]);
    let publisher = scenario.connected(&[]);
    scenario.publish(&publisher, "/demo", "1");
    assert_eq!(scenario.taken(link), [DELIVERY]);
    assert_eq!(scenario.ready(), []);
}

#[test]
fn what_waits_for_a_link_goes_before_the_reply_to_its_connect() {
    let mut scenario = Scenario::new();
    let (link, client_id) = linked(&mut scenario, &["/demo"]);
    let publisher = scenario.connected(&[]);
    scenario.publish(&publisher, "/demo", "1");
    scenario.pass(30 * SECOND);
    assert_eq!(scenario.taken(link), [format!("{DELIVERY} {CONNECTED}")]);
    // What came before the connect leaves by itself, and the connect is held all the same.
    let publisher = scenario.connected(&[]);
    scenario.publish(&publisher, "/demo", "1");
    assert_eq!(scenario.over(link, &connect(&client_id)), [DELIVERY]);
    let disconnect = format!("[{{'channel':'/meta/disconnect','clientId':'{client_id}'}}]");
    assert_eq!(
        scenario.over(link, &disconnect),
        [
            "{'advice':{'reconnect':'none'},'channel':'/meta/connect','id':'9','successful':true}",
            "{'channel':'/meta/disconnect','successful':true}"
        ]
    );
    assert!(!scenario.broker.is_in_use(link));
}

#[test]
fn a_session_is_where_its_last_connect_was() {
    let mut scenario = Scenario::new();
    let (first, client_id) = linked(&mut scenario, &["/demo"]);
    let publisher = scenario.connected(&[]);
    let second = scenario.broker.open_link();
    assert!(scenario.over(second, &connect(&client_id)).is_empty());
    assert_eq!(scenario.taken(first), [CONNECTED]);
    scenario.publish(&publisher, "/demo", "1");
    assert!(scenario.taken(first).is_empty());
    assert_eq!(scenario.taken(second), [DELIVERY]);

    let hold = scenario.hold(&client_id);
    assert_eq!(scenario.taken(second), [CONNECTED]);
    scenario.publish(&publisher, "/demo", "1");
    assert_eq!(
        scenario.released(),
        [(hold, format!("{DELIVERY} {CONNECTED}"))]
    );
    assert!(scenario.taken(second).is_empty());

    let hold = scenario.hold(&client_id);
    assert!(scenario.over(second, &connect(&client_id)).is_empty());
    assert_eq!(scenario.released(), [(hold, String::new())]);
}

#[test]
fn a_session_outlives_its_link_and_keeps_its_messages() {
    let mut scenario = Scenario::new();
    let (link, client_id) = linked(&mut scenario, &["/demo"]);
    let publisher = scenario.connected(&[]);
    scenario.broker.link_gone(scenario.now, link);
    scenario.publish(&publisher, "/demo", "1");
    assert_eq!(scenario.released(), []);
    assert!(scenario.taken(link).is_empty());
    let other = scenario.broker.open_link();
    assert_eq!(scenario.over(other, &connect(&client_id)), [DELIVERY]);
    scenario.broker.link_gone(scenario.now, other);
    scenario.events();
    scenario.pass(10 * SECOND);
    let expired = |client_id: String| SessionEvent::Closed(client_id.into(), CloseReason::Expired);
    let events = scenario.events();
    assert!(events.contains(&expired(client_id)), "{events:?}");
    assert_eq!(scenario.broker.n_sessions(), 0);
}

#[test]
fn a_session_whose_link_takes_nothing_is_closed_when_its_queue_overflows() {
    let mut scenario = Scenario::with(Settings {
        max_queue_messages: 2,
        ..Settings::default()
    });
    let (link, _) = linked(&mut scenario, &["/demo"]);
    let publisher = scenario.connected(&[]);
    for _ in 0..3 {
        scenario.publish(&publisher, "/demo", "1");
    }
    assert_eq!(scenario.broker.n_sessions(), 1);
    assert_eq!(scenario.taken(link), [UNKNOWN]);
}

#[test]
fn links_are_told_of_forgotten_sessions() {
    let mut scenario = Scenario::new();
    let (link, client_id) = linked(&mut scenario, &[]);
    scenario.ready();
    scenario.broker.forget_all();
    assert_eq!(scenario.ready(), [link]);
    assert_eq!(scenario.taken(link), [UNKNOWN]);
    assert_eq!(scenario.over(link, &connect(&client_id)), [UNKNOWN]);
}

#[test]
fn a_session_on_a_link_ends_when_a_fault_says_so() {
    let mut scenario = Scenario::with(Settings {
        faults: vec!["expire=3s".parse().unwrap()],
        ..Settings::default()
    });
    let (link, client_id) = linked(&mut scenario, &["/demo"]);
    scenario.ready();
    scenario.pass(Duration::from_secs(3));
    assert_eq!(scenario.ready(), [link]);
    assert_eq!(scenario.taken(link), [UNKNOWN]);
    assert_eq!(scenario.over(link, &connect(&client_id)), [UNKNOWN]);
    assert!(!scenario.broker.is_in_use(link));
}

#[test]
fn a_publisher_on_a_link_gets_its_own_message_before_the_reply() {
    let mut scenario = Scenario::new();
    let (link, client_id) = linked(&mut scenario, &["/demo"]);
    let publish = format!("[{{'channel':'/demo','clientId':'{client_id}','data':1}}]");
    assert_eq!(
        scenario.over(link, &publish),
        [format!(
            "{DELIVERY} {{'channel':'/demo','successful':true}}"
        )]
    );
    assert_eq!(scenario.over(link, "[]"), [""]);
}

#[test]
fn a_long_queue_goes_over_a_link_in_several_pieces_and_in_order() {
    let mut scenario = Scenario::new();
    let (link, client_id) = linked(&mut scenario, &["/a"]);
    for n in 0..2500 {
        scenario.broker.publish(
            scenario.now,
            &"/a".parse().unwrap(),
            &n.to_string().parse().unwrap(),
        );
    }
    scenario.ready();
    scenario.handle_on_link(link, &connect(&client_id));
    assert_eq!(scenario.ready(), [link]);
    let pieces = scenario.taken(link);
    let lengths: Vec<_> = pieces.iter().map(|it| it.matches("data").count()).collect();
    assert_eq!(lengths, [1000, 1000, 500]);
    let n_last = pieces.join(" ").replace(CONNECTED, "");
    let numbers = n_last.split("'data':").skip(1);
    let numbers = numbers.map(|it| it.split(',').next().unwrap().parse::<u32>().unwrap());
    assert!(numbers.eq(0..2500));
}
