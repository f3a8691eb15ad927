//! What Salesforce does when something goes wrong: sessions, tokens and limits.

use super::*;

#[test]
fn sessions_expire_and_the_next_ones_are_forgotten_as_often_as_asked() {
    let mut scenario = Scenario::with(with_faults(&["expire=3h", "forget=2"]));
    let id = scenario.signed_in();
    let hold = scenario.hold_well(&id);
    let mut released = Vec::new();
    for _ in 0..3 * 60 * 60 / 100 {
        scenario.pass(100 * SECOND);
        released = scenario.released();
        if !released.is_empty() && !released[0].1.contains("Unknown") {
            scenario.hold_well(&id);
        }
    }
    let unknown = "{'channel':'/meta/connect','id':'9','successful':false,\
         'error':'403::Unknown client','advice':{'reconnect':'handshake','interval':0}}";
    assert_eq!(released[0].1, unknown);
    assert_ne!(released[0].0, hold);
    assert!(
        scenario
            .events()
            .contains(&SessionEvent::Closed("c1".into(), CloseReason::Fault))
    );
    for n in 1..=3 {
        let handshake = scenario.ask("[{'channel':'/meta/handshake'}]");
        assert!(handshake.contains("'successful':true"));
        let id = handshake.split("'clientId':'").nth(1).unwrap();
        let id = id.split('\'').next().unwrap();
        let reply = scenario.ask(&connect(id));
        assert_eq!(reply == unknown, n < 3, "{n}: {reply}");
    }
}

#[test]
fn a_token_expires_while_a_connect_is_held() {
    let mut scenario = Scenario::with(with_faults(&["token-expires=50s"]));
    let id = scenario.signed_in();
    let hold = scenario.hold_well(&id);
    scenario.pass(50 * SECOND);
    let invalid = format!(
        "{{'channel':'/meta/connect','id':'9','successful':false,'clientId':'{id}',\
         'error':'401::Authentication invalid','advice':{{'reconnect':'none','interval':0}}}}"
    );
    assert_eq!(scenario.released(), [(hold, invalid)]);
    let handshake = "[{'channel':'/meta/handshake'}]";
    assert!(scenario.ask(handshake).contains("403::Handshake denied"));
    let fresh = Around {
        bearer: Some("fresh"),
        ..WELL
    };
    assert!(
        scenario
            .ask_with(handshake, fresh)
            .contains("'successful':true")
    );
}

#[test]
fn a_busy_server_refuses_subscribes_and_says_why_in_ext() {
    let mut scenario = Scenario::with(with_faults(&["busy=1"]));
    let id = scenario.signed_in();
    assert_eq!(
        scenario.subscribe(&id, "/event/A__e", ""),
        "{'channel':'/meta/subscribe','id':'3','successful':false,'clientId':'c1',\
         'subscription':'/event/A__e',\
         'error':'403:denied_by_security_policy:subscribe_denied',\
         'ext':{'sfdc':{'failureReason':'503::Server is too busy. Please try your request again later.'}}}"
    );
    let reply = scenario.subscribe(&id, "/event/A__e", "");
    assert!(reply.contains("'successful':true"), "{reply}");
}

#[test]
fn deliveries_use_up_what_is_allowed_a_day() {
    let mut scenario = Scenario::with(with_faults(&["daily-limit=2"]));
    scenario.publishes("/u/G", "1");
    let id = scenario.signed_in();
    for _ in 0..2 {
        let reply = scenario.subscribe(&id, "/u/G", "{'/u/G':-2}");
        assert!(reply.contains("'successful':true"), "{reply}");
    }
    let reply = scenario.subscribe(&id, "/u/G", "{'/u/G':-2}");
    let error = "'error':'403::Organization total events daily limit exceeded'";
    assert!(reply.contains(error), "{reply}");
}

#[test]
fn cometd_sessions_expire_on_demand_too() {
    let mut scenario = Scenario::with(Settings {
        faults: vec!["expire=1s".parse().unwrap()],
        ..Settings::default()
    });
    let id = scenario.connected(&[]);
    let hold = scenario.hold(&id);
    scenario.pass(SECOND);
    assert_eq!(scenario.released(), [(hold, UNKNOWN.into())]);
}
