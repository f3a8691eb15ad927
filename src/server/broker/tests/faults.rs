//! Faults, recordings, schedules and greetings in the broker.

use super::*;
use crate::server::{Fault, Flavor, Generated};

fn faulty(faults: &[&str]) -> Scenario {
    Scenario::with(Settings {
        faults: faults.iter().map(|it| it.parse().unwrap()).collect(),
        ..Settings::default()
    })
}

fn handshake(scenario: &mut Scenario) -> String {
    scenario.request("[{'channel':'/meta/handshake'}]")
}

/// The answer to a request with this `Cookie` header: its messages and its cookies.
fn with_cookies(
    scenario: &mut Scenario,
    request: &str,
    cookies: &'static str,
) -> (String, Vec<String>) {
    let around = Around {
        bearer: None,
        below: "",
        cookies,
    };
    match scenario.handle_with(request, around) {
        Handled::Answer(answer) => (text(&answer.messages), answer.set_cookies),
        handled => panic!("{handled:?}"),
    }
}

#[test]
fn a_session_is_lost_after_so_many_connects() {
    let mut scenario = faulty(&["connect:expire:every=3"]);
    let id = scenario.connected(&["/a"]);
    scenario.hold(&id);
    assert_eq!(scenario.connect(&id), UNKNOWN);
    let events = scenario.events();
    assert_eq!(
        events[1],
        SessionEvent::Closed("c1".into(), CloseReason::Fault)
    );
    let id = scenario.connected(&[]);
    scenario.hold(&id);
}

#[test]
fn messages_are_refused_with_the_advice_that_fits_the_code() {
    let mut scenario = faulty(&[
        "handshake:refuse:first=2",
        "publish:refuse=403",
        "connect:refuse=401:after=1",
    ]);
    let refused = "{'advice':{'interval':0,'reconnect':'handshake'},'channel':'/meta/handshake',\
         'error':'503::refused_by_fault','successful':false}";
    for _ in 0..2 {
        assert_eq!(handshake(&mut scenario), refused);
    }
    let id = scenario.connected(&[]);
    let reply = scenario.publish(&id, "/a", "1");
    assert_eq!(
        reply,
        "{'channel':'/a','error':'403::refused_by_fault','successful':false}"
    );
    let reply = scenario.connect(&id);
    assert!(
        reply.contains("'401::refused_by_fault'") && reply.contains("'reconnect':'none'"),
        "{reply}"
    );
}

#[test]
fn a_status_or_a_page_takes_the_place_of_the_response_and_nothing_is_carried_out() {
    let mut scenario = faulty(&["subscribe:status=503:first=1", "publish:html:first=1"]);
    let id = scenario.connected(&[]);
    assert_eq!(scenario.subscribe_to(&id, "/a"), "Status(503)");
    assert!(scenario.broker.subscriptions.is_empty());
    assert!(
        scenario
            .subscribe_to(&id, "/a")
            .contains("'successful':true")
    );
    assert_eq!(scenario.publish(&id, "/a", "1"), "Html");
    assert!(
        scenario
            .publish(&id, "/a", "2")
            .starts_with("{'data':2,'channel':'/a'}")
    );
}

#[test]
fn what_happens_by_chance_depends_on_the_seed() {
    let refused = |seed: u64| -> Vec<bool> {
        let mut scenario = Scenario::with(Settings {
            faults: vec!["publish:refuse:p=0.5".parse().unwrap()],
            seed,
            ..Settings::default()
        });
        let id = scenario.connected(&[]);
        (0..64)
            .map(|_| scenario.publish(&id, "/a", "1").contains("'error'"))
            .collect()
    };
    assert_eq!(refused(1), refused(1));
    assert_ne!(refused(1), refused(2));
}

#[test]
fn a_first_connect_can_be_held_and_a_storm_holds_none() {
    let mut scenario = faulty(&["connect:hold:first=1", "connect:storm:after=1"]);
    handshake(&mut scenario);
    let hold = scenario.hold("c1");
    scenario.pass(30 * SECOND);
    assert_eq!(scenario.released()[0].0, hold);
    let storm = "{'channel':'/meta/connect','id':'9','successful':true,\
         'advice':{'reconnect':'retry','interval':0,'timeout':0}}";
    assert_eq!(scenario.connect("c1"), storm);
    assert_eq!(scenario.connect("c1"), storm);
}

#[test]
fn ids_and_advice_are_altered_also_in_replies_that_were_held() {
    let mut scenario = faulty(&[
        "connect:wrong-id:after=1:first=1",
        "handshake:advice=handshake",
    ]);
    assert!(handshake(&mut scenario).contains("'advice':{'reconnect':'handshake','interval':0}"));
    scenario.connect("c1");
    let hold = scenario.hold("c1");
    scenario.pass(30 * SECOND);
    let wrong = CONNECTED.replace("'9'", "'fault'");
    assert_eq!(scenario.released(), [(hold, wrong)]);
}

#[test]
fn advice_is_altered_only_where_it_is_about_the_session() {
    let mut scenario = faulty(&["any:advice=none"]);
    let none = "'advice':{'reconnect':'none','interval':0}";
    assert!(handshake(&mut scenario).contains(none));
    assert!(scenario.connect("c1").contains(none));
    assert_eq!(
        scenario.subscribe_to("c1", "/a"),
        "{'channel':'/meta/subscribe','subscription':'/a','successful':true}"
    );
}

#[test]
fn the_response_to_a_held_connect_has_the_wire_of_its_request() {
    let mut scenario = faulty(&["connect:drop:every=2", "any:delay=1s:after=2"]);
    let id = scenario.connected(&[]);
    scenario.hold(&id);
    scenario.pass(30 * SECOND);
    let passage = scenario.broker.poll_released().unwrap().answer.passage;
    assert_eq!(
        passage.steps(Vec::new()),
        [Step::Wait(SECOND), Step::FallSilent]
    );
}

#[test]
fn deliveries_are_lost_doubled_and_late() {
    for (fault, expected) in [
        ("delivery:drop:first=1", "2 3"),
        ("delivery:duplicate:every=2", "1 2 2 3"),
        ("delivery:reorder:first=1", "2 1 3"),
        ("delivery:reorder", "2 1"),
    ] {
        let mut scenario = faulty(&[fault]);
        let id = scenario.connected(&["/a"]);
        let messages =
            [1, 2, 3].map(|n| format!("{{'channel':'/a','clientId':'{id}','data':{n}}}"));
        let answer = scenario.request(&format!("[{}]", messages.join(",")));
        let data = answer.split("'data':").skip(1);
        let data: Vec<_> = data.map(|it| it.split(',').next().unwrap()).collect();
        assert_eq!(data.join(" "), expected, "{fault}");
    }
}

#[test]
fn what_waits_for_the_next_delivery_comes_with_the_end_of_the_hold() {
    let mut scenario = faulty(&["delivery:reorder"]);
    let id = scenario.connected(&["/a"]);
    let hold = scenario.hold(&id);
    scenario
        .broker
        .publish(scenario.now, &"/a".parse().unwrap(), &"1".parse().unwrap());
    assert_eq!(scenario.released(), []);
    scenario.pass(30 * SECOND);
    let delivery = "{'data':1,'channel':'/a'}";
    assert_eq!(
        scenario.released(),
        [(hold, format!("{delivery} {CONNECTED}"))]
    );
}

#[test]
fn a_cookie_that_rotates_has_to_be_shown() {
    let mut scenario = faulty(&["connect:cookie"]);
    handshake(&mut scenario);
    let (_, cookies) = with_cookies(&mut scenario, &connect("c1"), "");
    assert_eq!(cookies, ["BAYEUX_ROUTE=c2; Path=/; HttpOnly"]);
    let storm = |id: &str| connect(id).replace("'id'", "'advice':{'timeout':0},'id'");
    // Sent before the cookie came.
    let (reply, cookies) = with_cookies(&mut scenario, &storm("c1"), "");
    assert!(reply.contains("'successful':true"), "{reply}");
    assert_eq!(cookies, ["BAYEUX_ROUTE=c3; Path=/; HttpOnly"]);
    let (reply, _) = with_cookies(&mut scenario, &storm("c1"), "a=b; BAYEUX_ROUTE=c3");
    assert!(reply.contains("'successful':true"), "{reply}");
    let (reply, _) = with_cookies(&mut scenario, &storm("c1"), "");
    assert_eq!(reply, UNKNOWN);
}

#[test]
fn faults_come_and_go_while_sessions_are_open() {
    let mut scenario = Scenario::new();
    let id = scenario.connected(&[]);
    let fault: Fault = "publish:refuse".parse().unwrap();
    scenario.broker.add_fault(scenario.now, fault.clone());
    assert!(
        scenario
            .publish(&id, "/a", "1")
            .contains("503::refused_by_fault")
    );
    assert!(scenario.broker.remove_fault(&fault));
    assert!(
        scenario
            .publish(&id, "/a", "1")
            .contains("'successful':true")
    );
}

#[test]
fn numbered_messages_keep_to_their_schedule() {
    let mut scenario = Scenario::with(Settings {
        generate: vec![Generated {
            channel: "/ticks".parse().unwrap(),
            rate: 4.0,
        }],
        ..Settings::default()
    });
    let id = scenario.connected(&["/ticks"]);
    let hold = scenario.hold(&id);
    scenario.pass(Duration::ZERO);
    let tick = |n: u32| {
        format!(
            "{{'data':{{'n':{n},'due_ms':{}}},'channel':'/ticks'}}",
            (n - 1) * 250
        )
    };
    assert_eq!(
        scenario.released(),
        [(hold, format!("{} {CONNECTED}", tick(1)))]
    );
    let due = scenario.broker.poll_timeout().unwrap();
    assert_eq!(due - scenario.now, SECOND / 4);
    let hold = scenario.hold(&id);
    scenario.pass(SECOND * 3 / 5);
    let late = format!("{} {} {CONNECTED}", tick(2), tick(3));
    assert_eq!(scenario.released(), [(hold, late)]);
}

#[test]
fn who_subscribes_is_greeted_alone() {
    let mut scenario = Scenario::with(Settings {
        publish_on_subscribe: vec![("/a/b".parse().unwrap(), "1".parse().unwrap())],
        ..Settings::default()
    });
    let other = scenario.connected(&["/a/b"]);
    scenario.hold(&other);
    let id = scenario.connected(&[]);
    for (pattern, is_greeted) in [("/a/*", true), ("/x", false), ("/a/b", true)] {
        let reply = scenario.subscribe_to(&id, pattern);
        assert_eq!(
            reply.starts_with("{'data':1,'channel':'/a/b'} "),
            is_greeted,
            "{reply}"
        );
    }
    assert_eq!(scenario.released(), []);
}

/// A line of a recording, made at this second of a minute.
fn line(at: &str, dir: &str, message: &str) -> String {
    format!(
        "{{\"type\":\"message\",\"time\":\"2026-01-01T00:00:{at}Z\",\"dir\":\"{dir}\",\
         \"transport\":\"long-polling\",\"message\":{}}}\n",
        message.replace('\'', "\"")
    )
}

#[test]
fn a_recording_answers_and_what_is_not_in_it_is_answered_as_otherwise() {
    let lines = [
        line("00", "out", "{'channel':'/meta/handshake','id':'1'}"),
        line(
            "00",
            "in",
            "{'channel':'/meta/handshake','id':'1','successful':true,'clientId':'old','played':true}",
        ),
        line("00", "out", "{'channel':'/meta/connect','id':'2'}"),
        line(
            "00",
            "in",
            "{'channel':'/meta/connect','id':'2','successful':true}",
        ),
        line("01", "out", "{'channel':'/meta/connect','id':'3'}"),
        line("04", "in", "{'channel':'/a','data':{'n':1.00}}"),
        line(
            "04",
            "in",
            "{'channel':'/meta/connect','id':'3','successful':true,'played':true}",
        ),
        line("05", "out", "{'channel':'/a','id':'4','data':1}"),
        line(
            "05",
            "in",
            "{'channel':'/a','id':'4','successful':false,'error':'403::no'}",
        ),
    ];
    let mut scenario = Scenario::with(Settings {
        replay: Some(Arc::new(lines.concat().parse().unwrap())),
        ..Settings::default()
    });
    assert_eq!(
        handshake(&mut scenario),
        "{'channel':'/meta/handshake','id':'1','successful':true,'clientId':'c1','played':true}"
    );
    scenario.connect("c1");
    let hold = scenario.hold("c1");
    scenario.pass(SECOND);
    assert_eq!(scenario.released(), []);
    scenario.pass(2 * SECOND);
    assert_eq!(
        scenario.released(),
        [(hold, "{'channel':'/a','data':{'n':1.00}} {'channel':'/meta/connect','id':'9','successful':true,'played':true}".into())]
    );
    assert!(scenario.publish("c1", "/a", "1").contains("403::no"));
    assert!(
        scenario
            .publish("c1", "/a", "1")
            .contains("'successful':true")
    );
    // Held as otherwise.
    let hold = scenario.hold("c1");
    scenario.pass(30 * SECOND);
    assert_eq!(scenario.released(), [(hold, CONNECTED.into())]);
}

#[test]
fn what_a_recording_delivers_comes_in_its_order_though_a_connect_ended_earlier() {
    const REPLY: &str = "{'channel':'/meta/connect','id':'2','successful':true}";
    let lines = [
        line("00", "out", "{'channel':'/meta/connect','id':'2'}"),
        line("00", "in", REPLY),
        line("01", "out", "{'channel':'/meta/connect','id':'2'}"),
        line("05", "in", "{'channel':'/a','data':1}"),
        line("05", "in", REPLY),
        line("05", "out", "{'channel':'/meta/connect','id':'2'}"),
        line("06", "in", "{'channel':'/a','data':2}"),
        line("06", "in", REPLY),
    ];
    let mut scenario = Scenario::with(Settings {
        replay: Some(Arc::new(lines.concat().parse().unwrap())),
        ..Settings::default()
    });
    let id = scenario.connected(&["/b"]);
    scenario.hold(&id);
    scenario.pass(SECOND);
    // What the recording does not know ends the hold three seconds too early.
    let channel = "/b".parse().unwrap();
    let data = "0".parse().unwrap();
    scenario.broker.publish(scenario.now, &channel, &data);
    assert_eq!(scenario.released().len(), 1);
    let hold = scenario.hold(&id);
    // Here the second message would be due, had the first one come.
    scenario.pass(2 * SECOND);
    assert_eq!(scenario.released(), []);
    scenario.pass(SECOND);
    let both = format!(
        "{{'channel':'/a','data':1}} {{'channel':'/a','data':2}} {}",
        REPLY.replace("'2'", "'9'")
    );
    assert_eq!(scenario.released(), [(hold, both)]);
}

#[test]
fn a_fault_refuses_in_every_flavor_and_in_its_words() {
    for (flavor, refused) in [
        (
            Flavor::CometD,
            "{'advice':{'interval':0,'reconnect':'retry'},'channel':'/meta/connect','id':'9',\
             'error':'503::refused_by_fault','successful':false}",
        ),
        (
            Flavor::Faye,
            "{'id':'9','channel':'/meta/connect','error':'503::refused_by_fault','successful':false,\
             'advice':{'reconnect':'retry','interval':0}}",
        ),
        (
            Flavor::Salesforce,
            "{'channel':'/meta/connect','id':'9','successful':false,'clientId':'c1',\
             'error':'503::refused_by_fault','advice':{'reconnect':'retry','interval':0}}",
        ),
    ] {
        let mut scenario = Scenario::with(Settings {
            faults: vec!["connect:refuse=503".parse().unwrap()],
            ..Settings::of(flavor)
        });
        let around = Around {
            bearer: None,
            below: "/65.0",
            cookies: "BAYEUX_BROWSER=1",
        };
        let handshake = "[{'channel':'/meta/handshake','version':'1.0',\
             'supportedConnectionTypes':['long-polling']}]";
        assert!(matches!(
            scenario.handle_with(handshake, around),
            Handled::Answer(_)
        ));
        match scenario.handle_with(&connect("c1"), around) {
            Handled::Answer(answer) => assert_eq!(text(&answer.messages), refused),
            handled => panic!("not answered: {handled:?}"),
        }
    }
}

#[test]
fn what_waits_with_a_connect_of_faye_has_the_faults_of_all_its_messages() {
    let mut scenario = Scenario::with(Settings {
        faults: vec![
            "subscribe:wrong-id:first=1".parse().unwrap(),
            "subscribe:delay=1s".parse().unwrap(),
            "connect:advice=none".parse().unwrap(),
        ],
        ..Settings::of(Flavor::Faye)
    });
    scenario.request(
        "[{'channel':'/meta/handshake','version':'1.0','supportedConnectionTypes':['long-polling']}]",
    );
    // The connect comes first in the request, and is answered last.
    let batch = connect("c1").replace(
        "}]",
        "},{'channel':'/meta/subscribe','clientId':'c1','subscription':'/a','id':'3'}]",
    );
    assert!(matches!(scenario.handle(&batch), Handled::Held(_)));
    scenario.publish("c1", "/a", "1");
    let released = scenario.broker.poll_released().unwrap().answer;
    assert_eq!(
        text(&released.messages),
        "{'id':'fault','clientId':'c1','channel':'/meta/subscribe','successful':true,'subscription':'/a'} \
         {'id':'9','clientId':'c1','channel':'/meta/connect','successful':true,\
         'advice':{'reconnect':'none','interval':0}} {'channel':'/a','data':1}"
    );
    assert_eq!(
        released.passage.steps(Vec::new()),
        [Step::Wait(SECOND), Step::Write(Vec::new())]
    );
}
