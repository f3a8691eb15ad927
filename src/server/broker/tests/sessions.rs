//! How long sessions last, how many there may be, and whose they are.

use super::*;

#[test]
fn a_disconnect_ends_the_hold_and_the_session() {
    let mut scenario = Scenario::new();
    let client_id = scenario.connected(&["/demo"]);
    let hold = scenario.hold(&client_id);
    scenario.events();
    let disconnect = format!("[{{'channel':'/meta/disconnect','clientId':'{client_id}'}}]");
    assert_eq!(
        scenario.request(&disconnect),
        "{'channel':'/meta/disconnect','successful':true}"
    );
    let stopped =
        "{'advice':{'reconnect':'none'},'channel':'/meta/connect','id':'9','successful':true}";
    assert_eq!(scenario.released(), [(hold, stopped.into())]);
    assert_eq!(
        scenario.events(),
        [SessionEvent::Closed("c1".into(), CloseReason::Disconnected)]
    );
    assert_eq!(scenario.connect(&client_id), UNKNOWN);
    assert_eq!(
        scenario.request(&disconnect),
        "{'channel':'/meta/disconnect','error':'402::session_unknown','successful':false}"
    );
    assert_eq!(scenario.broker.poll_timeout(), None);
}

#[test]
fn a_session_expires_when_no_connect_comes_and_not_before() {
    let mut scenario = Scenario::new();
    let client_id = scenario.connected(&[]);
    scenario.pass(10 * SECOND - Duration::from_millis(1));
    scenario.hold(&client_id);
    scenario.pass(30 * SECOND);
    scenario.released();
    scenario.pass(9 * SECOND);
    scenario.hold(&client_id);
    scenario.pass(30 * SECOND);
    scenario.events();
    scenario.pass(10 * SECOND);
    assert_eq!(
        scenario.events(),
        [SessionEvent::Closed("c1".into(), CloseReason::Expired)]
    );
    assert_eq!(scenario.connect(&client_id), UNKNOWN);
    assert_eq!(
        scenario.publish(&client_id, "/demo", "1"),
        "{'channel':'/demo','error':'402::session_unknown','successful':false}"
    );
}

#[test]
fn any_other_message_puts_off_the_expiry() {
    let mut scenario = Scenario::new();
    let client_id = scenario.connected(&[]);
    for _ in 0..3 {
        scenario.pass(9 * SECOND);
        let reply = scenario.publish(&client_id, "/demo", "1");
        assert!(reply.contains("true"), "{reply}");
    }
    scenario.pass(10 * SECOND);
    assert_eq!(scenario.broker.n_sessions(), 0);
}

#[test]
fn a_session_outlives_its_connection_and_keeps_its_messages() {
    let mut scenario = Scenario::new();
    let subscriber = scenario.connected(&["/demo"]);
    let hold = scenario.hold(&subscriber);
    scenario.broker.hold_gone(scenario.now, hold);
    scenario.broker.publish(
        scenario.now,
        &"/demo".parse().unwrap(),
        &"1".parse().unwrap(),
    );
    assert_eq!(scenario.released(), []);
    assert_eq!(
        scenario.connect(&subscriber),
        format!("{{'data':1,'channel':'/demo'}} {CONNECTED}")
    );
    let hold = scenario.hold(&subscriber);
    scenario.broker.hold_gone(scenario.now, hold);
    scenario.pass(10 * SECOND);
    assert_eq!(scenario.broker.n_sessions(), 0);
}

#[test]
fn forgotten_sessions_are_told_to_handshake() {
    let mut scenario = Scenario::new();
    let client_id = scenario.connected(&["/demo"]);
    let hold = scenario.hold(&client_id);
    scenario.broker.forget_all();
    assert_eq!(scenario.released(), [(hold, UNKNOWN.into())]);
    assert_eq!(scenario.connect(&client_id), UNKNOWN);
    assert_eq!(scenario.broker.n_sessions(), 0);
}

#[test]
fn a_session_whose_queue_overflows_is_closed_and_the_others_go_on() {
    let mut scenario = Scenario::with(Settings {
        max_queue_messages: 2,
        max_queue_bytes: 100,
        ..Settings::default()
    });
    let absent = scenario.connected(&["/demo"]);
    let present = scenario.connected(&["/demo"]);
    let publisher = scenario.connected(&[]);
    scenario.events();
    for _ in 0..3 {
        scenario.hold(&present);
        scenario.publish(&publisher, "/demo", "1");
    }
    let overflown = |client_id: String| {
        let client_id = client_id.into();
        SessionEvent::Closed(client_id, CloseReason::QueueOverflow)
    };
    assert_eq!(scenario.events(), [overflown(absent.clone())]);
    assert_eq!(scenario.released().len(), 3);
    assert_eq!(scenario.connect(&absent), UNKNOWN);
    // A connect that is held when a single request overflows the queue is answered too.
    scenario.hold(&present);
    scenario.publish(&publisher, "/demo", &format!("'{}'", "x".repeat(100)));
    assert_eq!(scenario.events(), [overflown(present)]);
    assert_eq!(scenario.released()[0].1, UNKNOWN);
}

#[test]
fn sessions_and_subscriptions_are_limited() {
    let mut scenario = Scenario::with(Settings {
        max_sessions: 1,
        max_subscriptions: 1,
        ..Settings::default()
    });
    scenario.connected(&["/a"]);
    let reply =
        scenario.request("{'channel':'/meta/subscribe','clientId':'c1','subscription':'/b'}");
    assert!(reply.contains("403:too_many_subscriptions:subscribe_failed"));
    let reply = scenario.request("[{'channel':'/meta/handshake'}]");
    assert!(reply.contains("503::too_many_sessions"), "{reply}");
    assert!(reply.contains("'interval':10000,'reconnect':'handshake'"));
}

#[test]
fn a_session_is_for_the_browser_that_has_its_cookie() {
    let mut scenario = Scenario::trusting(Settings::default(), BrowserCookie::Required);
    let around = |cookies| Around {
        bearer: None,
        below: "",
        cookies,
    };
    let Handled::Answer(answer) =
        scenario.handle_with("[{'channel':'/meta/handshake'}]", around(""))
    else {
        panic!("no answer");
    };
    assert_eq!(answer.set_cookies, ["BAYEUX_BROWSER=c2; Path=/; HttpOnly"]);
    let mut published = |cookies| {
        let publish = "[{'channel':'/demo','clientId':'c1','data':1}]";
        match scenario.handle_with(publish, around(cookies)) {
            Handled::Answer(answer) => (text(&answer.messages), answer.set_cookies),
            handled => panic!("{handled:?}"),
        }
    };
    let unknown = "{'channel':'/demo','error':'402::session_unknown','successful':false}";
    for cookies in ["", "BAYEUX_BROWSER=c1", "OTHER=c2"] {
        assert_eq!(published(cookies), (unknown.into(), vec![]), "{cookies}");
    }
    let done = "{'channel':'/demo','successful':true}";
    assert_eq!(published("a=b; BAYEUX_BROWSER=c2"), (done.into(), vec![]));
}
