//! Conversations with extensions, in simulated time.

use proptest::prelude::*;

use super::*;
use crate::server::Retention;

impl Scenario {
    /// A session whose handshake carried this `ext`, and its reply.
    fn extended(&mut self, ext: &str) -> (String, String) {
        let reply = self.request(&format!("[{{'channel':'/meta/handshake','ext':{ext}}}]"));
        let client_id = reply.split("'clientId':'").nth(1).unwrap();
        (client_id.split('\'').next().unwrap().to_owned(), reply)
    }

    /// A session with the ack extension, subscribed to `/demo`; its connects so far were
    /// replied to with batch 1.
    fn acknowledging(&mut self) -> String {
        let (client_id, reply) = self.extended("{'ack':true}");
        assert!(reply.starts_with("{'ext':{'ack':true},"), "{reply}");
        let reply = self.request(&acknowledging_connect(&client_id, "0"));
        assert!(reply.starts_with("{'ext':{'ack':1},"), "{reply}");
        self.subscribe_with(&client_id, "'/demo'", "{}");
        client_id
    }

    fn subscribe_with(&mut self, client_id: &str, subscription: &str, ext: &str) -> String {
        self.request(&format!(
            "[{{'channel':'/meta/subscribe','clientId':'{client_id}','subscription':{subscription},'ext':{ext}}}]"
        ))
    }

    fn hold_acknowledging(&mut self, client_id: &str, batch: &str) -> HoldId {
        match self.handle(&acknowledging_connect(client_id, batch)) {
            Handled::Held(hold) => hold,
            handled => panic!("not held: {handled:?}"),
        }
    }
}

fn acknowledging_connect(client_id: &str, batch: &str) -> String {
    let ext = format!("'ext':{{'ack':{batch}}},'id'");
    connect(client_id).replace("'id'", &ext)
}

/// The numbers that were delivered, and the batch that the reply to a connect carries.
fn batch(response: &str) -> (Vec<u32>, Option<u32>) {
    let leading = |text: &str| {
        let digits = text.split(|it: char| !it.is_ascii_digit()).next();
        digits.unwrap().parse::<u32>().unwrap()
    };
    let numbers = response.split("'data':").skip(1).map(leading).collect();
    (numbers, response.split("'ext':{'ack':").nth(1).map(leading))
}

#[test]
fn nothing_is_advertised_that_was_not_asked_for() {
    let mut scenario = Scenario::with(retaining(10));
    for ext in [
        "{}",
        "{'ack':false,'replay':false}",
        "{'token':'x'}",
        "[]",
        "null",
    ] {
        let (client_id, reply) = scenario.extended(ext);
        assert!(!reply.contains("'ext'"), "{ext}: {reply}");
        // Nor is there anything of it later.
        let reply = scenario.request(&acknowledging_connect(&client_id, "0"));
        assert!(!reply.contains("'ext'"), "{ext}: {reply}");
    }
    let (_, reply) = scenario.extended("{'ack':true,'replay':true}");
    assert!(
        reply.starts_with("{'ext':{'ack':true,'replay':true},"),
        "{reply}"
    );
    // Where nothing is kept there is nothing to replay.
    let (_, reply) = Scenario::new().extended("{'replay':true}");
    assert!(!reply.contains("'ext'"), "{reply}");
}

/// The conversation with which CometD 8.0.10 was measured.
#[test]
fn an_old_ack_brings_what_was_not_acknowledged_under_a_new_number() {
    let mut scenario = Scenario::new();
    let client_id = scenario.acknowledging();
    let publisher = scenario.connected(&[]);
    scenario.publish(&publisher, "/demo", "1");
    scenario.publish(&publisher, "/demo", "2");
    let mut connect = |ack| batch(&scenario.request(&acknowledging_connect(&client_id, ack)));
    assert_eq!(connect("1"), (vec![1, 2], Some(2)));
    assert_eq!(connect("1"), (vec![1, 2], Some(3)));
    scenario.publish(&publisher, "/demo", "3");
    let mut connect = |ack| batch(&scenario.request(&acknowledging_connect(&client_id, ack)));
    // What is new stands behind what comes again.
    assert_eq!(connect("2"), (vec![1, 2, 3], Some(4)));
    assert_eq!(connect("-1"), (vec![1, 2, 3], Some(5)));
    assert_eq!(connect("'x'"), (vec![1, 2, 3], Some(6)));
    let hold = scenario.hold_acknowledging(&client_id, "6");
    scenario.pass(30 * SECOND);
    let released = scenario.released();
    assert_eq!(released[0].0, hold);
    assert_eq!(batch(&released[0].1), (vec![], Some(7)));
}

#[test]
fn a_response_that_was_lost_with_its_connection_comes_again() {
    let mut scenario = Scenario::new();
    let client_id = scenario.acknowledging();
    let publisher = scenario.connected(&[]);
    scenario.hold_acknowledging(&client_id, "1");
    scenario.publish(&publisher, "/demo", "1");
    // Handed out, and lost behind the server.
    assert_eq!(batch(&scenario.released()[0].1), (vec![1], Some(2)));
    scenario.publish(&publisher, "/demo", "2");
    let response = scenario.request(&acknowledging_connect(&client_id, "1"));
    assert_eq!(batch(&response), (vec![1, 2], Some(3)));
}

#[test]
fn with_ack_deliveries_go_with_connects_alone() {
    let mut scenario = Scenario::new();
    let client_id = scenario.acknowledging();
    let hold = scenario.hold_acknowledging(&client_id, "1");
    assert_eq!(
        scenario.publish(&client_id, "/demo", "1"),
        "{'channel':'/demo','successful':true}"
    );
    let released = scenario.released();
    assert_eq!(
        (released[0].0, batch(&released[0].1)),
        (hold, (vec![1], Some(2)))
    );
    scenario.publish(&client_id, "/demo", "2");
    let reply = scenario.subscribe_with(&client_id, "'/other'", "{}");
    assert_eq!(
        reply,
        "{'channel':'/meta/subscribe','subscription':'/other','successful':true}"
    );
    let disconnect = format!("[{{'channel':'/meta/disconnect','clientId':'{client_id}'}}]");
    assert_eq!(
        scenario.request(&disconnect),
        "{'channel':'/meta/disconnect','successful':true}"
    );
}

#[test]
fn with_ack_a_link_gets_its_messages_with_connects_and_another_link_what_was_lost() {
    let mut scenario = Scenario::new();
    let client_id = scenario.acknowledging();
    let publisher = scenario.connected(&[]);
    let link = scenario.broker.open_link();
    assert!(
        scenario
            .over(link, &acknowledging_connect(&client_id, "1"))
            .is_empty()
    );
    scenario.publish(&publisher, "/demo", "1");
    let taken = scenario.taken(link);
    assert_eq!(taken.len(), 1);
    assert_eq!(batch(&taken[0]), (vec![1], Some(2)));
    scenario.publish(&publisher, "/demo", "2");
    assert!(scenario.taken(link).is_empty());
    scenario.broker.link_gone(scenario.now, link);
    // The same over another transport: nothing is lost, twice or out of order.
    let response = scenario.request(&acknowledging_connect(&client_id, "1"));
    assert_eq!(batch(&response), (vec![1, 2], Some(3)));
    let link = scenario.broker.open_link();
    let taken = scenario.over(link, &acknowledging_connect(&client_id, "1"));
    assert_eq!(batch(&taken[0]), (vec![1, 2], Some(4)));
}

#[test]
fn what_is_not_acknowledged_counts_for_the_limits_of_a_queue() {
    let limits = [
        Settings {
            max_queue_messages: 2,
            ..Settings::default()
        },
        Settings {
            max_queue_bytes: 2 * DELIVERY.len(),
            ..Settings::default()
        },
    ];
    for settings in limits {
        let mut scenario = Scenario::with(settings);
        let client_id = scenario.acknowledging();
        let publisher = scenario.connected(&[]);
        for _ in 0..2 {
            scenario.publish(&publisher, "/demo", "1");
            scenario.request(&acknowledging_connect(&client_id, "1"));
        }
        // Acknowledged, these make room.
        scenario.hold_acknowledging(&client_id, "3");
        scenario.publish(&publisher, "/demo", "1");
        scenario.publish(&publisher, "/demo", "1");
        scenario.events();
        scenario.publish(&publisher, "/demo", "1");
        assert_eq!(
            scenario.events(),
            [SessionEvent::Closed(
                client_id.into(),
                CloseReason::QueueOverflow
            )]
        );
    }
}

#[test]
fn what_comes_again_of_a_long_queue_stays_in_order() {
    let mut scenario = Scenario::new();
    let client_id = scenario.acknowledging();
    for n in 0..1500 {
        let data = n.to_string().parse().unwrap();
        scenario
            .broker
            .publish(scenario.now, &"/demo".parse().unwrap(), &data);
    }
    let mut connect = |ack| batch(&scenario.request(&acknowledging_connect(&client_id, ack)));
    assert_eq!(connect("1"), ((0..1000).collect(), Some(2)));
    assert_eq!(connect("1"), ((0..1000).collect(), Some(3)));
    assert_eq!(connect("3"), ((1000..1500).collect(), Some(4)));
    assert_eq!(connect("3"), ((1000..1500).collect(), Some(5)));
}

#[test]
fn timesync_tells_the_time_to_those_whose_reckoning_is_wrong() {
    // The clock began at 0, in 1970.
    let mut scenario = Scenario::new();
    scenario.pass(10 * SECOND);
    let sync = |tc, lag, offset| format!("{{'timesync':{{'tc':{tc},'l':{lag},'o':{offset}}}}}");
    let (client_id, reply) = scenario.extended(&sync(9_000, 0, 0));
    let answer = "{'ext':{'timesync':{'tc':9000,'ts':10000,'p':0,'a':-1000}},";
    assert!(reply.starts_with(answer), "{reply}");
    let connect = |ext: &str| connect(&client_id).replace("'id'", &format!("'ext':{ext},'id'"));
    let reply = scenario.request(&connect(&sync(9_000, 0, 1_000)));
    let answer = "{'ext':{'timesync':{'tc':9000,'ts':10000,'p':0,'a':0}},";
    assert!(reply.starts_with(answer), "{reply}");
    // `p` is how long the connect was held.
    scenario.handle(&connect(&sync(9_000, 1, 1_024)));
    scenario.pass(30 * SECOND);
    let answer = "{'ext':{'timesync':{'tc':9000,'ts':10000,'p':30000,'a':25}},";
    let released = scenario.released();
    assert!(released[0].1.starts_with(answer), "{released:?}");
    // A reckoning that is good enough is left alone.
    scenario.handle(&connect(&sync(39_000, 1, 1_023)));
    scenario.pass(30 * SECOND);
    assert_eq!(scenario.released()[0].1, CONNECTED);
    let ext = sync(1, 0, 0);
    let reply = scenario.subscribe_with(&client_id, "'/a'", &ext);
    assert!(reply.contains("'ts':70000,'p':0,'a':-69999"), "{reply}");
    for nonsense in [
        "{'timesync':1}",
        "{'timesync':{'tc':'x'}}",
        "{'timesync':{}}",
    ] {
        let reply = scenario.subscribe_with(&client_id, "'/a'", nonsense);
        assert!(!reply.contains("'ext'"), "{reply}");
    }
}

#[test]
fn a_session_without_activity_is_ended_with_its_next_connect() {
    let mut scenario = Scenario::with(Settings {
        max_inactivity: Some(60 * SECOND),
        ..Settings::default()
    });
    let client_id = scenario.connected(&["/demo"]);
    scenario.hold(&client_id);
    scenario.pass(30 * SECOND);
    scenario.released();
    scenario.publish(&client_id, "/demo", "1");
    for _ in 0..2 {
        scenario.hold(&client_id);
        scenario.pass(30 * SECOND);
        scenario.released();
    }
    scenario.hold(&client_id);
    // What comes to the client is no activity of its own.
    let data = "1".parse().unwrap();
    scenario
        .broker
        .publish(scenario.now, &"/demo".parse().unwrap(), &data);
    scenario.released();
    scenario.pass(SECOND);
    scenario.events();
    assert_eq!(
        scenario.connect(&client_id),
        "{'channel':'/meta/disconnect','successful':true} \
         {'advice':{'interval':0,'reconnect':'none'},'channel':'/meta/connect','id':'9',\
         'error':'402::session_unknown','successful':false}"
    );
    let ended = SessionEvent::Closed(client_id.as_str().into(), CloseReason::Inactive);
    assert_eq!(scenario.events(), [ended]);
    assert_eq!(scenario.connect(&client_id), UNKNOWN);
}

fn retaining(max_messages: usize) -> Settings {
    Settings {
        retain: Some(Retention {
            max_messages,
            max_age: 60 * SECOND,
            ..Retention::default()
        }),
        ..Settings::default()
    }
}

#[test]
fn what_is_kept_is_replayed_to_those_who_ask_and_goes_on_with_what_comes() {
    let mut scenario = Scenario::with(retaining(10));
    let publisher = scenario.connected(&[]);
    for (channel, data) in [
        ("/a/1", "1"),
        ("/b", "2"),
        ("/a/2", "3"),
        ("/service/echo", "4"),
    ] {
        scenario.publish(&publisher, channel, data);
    }
    let (client_id, _) = scenario.extended("{'replay':true}");
    scenario.connect(&client_id);
    let reply = scenario.subscribe_with(
        &client_id,
        "['/a/*','/**']",
        "{'replay':{'/a/*':-2,'/**':1}}",
    );
    assert_eq!(
        reply,
        "{'ext':{'replay':1},'data':1,'channel':'/a/1'} {'ext':{'replay':2},'data':2,'channel':'/b'} \
         {'ext':{'replay':3},'data':3,'channel':'/a/2'} \
         {'channel':'/meta/subscribe','subscription':['/a/*','/**'],'successful':true}"
    );
    let hold = scenario.hold(&client_id);
    scenario.publish(&publisher, "/b", "5");
    assert_eq!(
        scenario.released(),
        [(
            hold,
            format!("{{'ext':{{'replay':4}},'data':5,'channel':'/b'}} {CONNECTED}")
        )]
    );
}

#[test]
fn who_did_not_ask_in_the_handshake_gets_no_ids() {
    let mut scenario = Scenario::with(retaining(10));
    let client_id = scenario.connected(&["/a"]);
    assert!(
        scenario
            .publish(&client_id, "/a", "1")
            .starts_with("{'data':1,'channel':'/a'} ")
    );
    let reply = scenario.subscribe_with(&client_id, "'/a'", "{'replay':{'/a':-2}}");
    assert!(reply.starts_with("{'data':1,'channel':'/a'} "), "{reply}");
    let reply = scenario.subscribe_with(&client_id, "'/a'", "{'replay':{'/a':-1}}");
    assert!(!reply.contains("'data'"), "{reply}");
}

#[test]
fn an_id_that_is_not_known_is_refused_and_nothing_subscribed_to() {
    let mut scenario = Scenario::with(retaining(2));
    let publisher = scenario.connected(&[]);
    let (client_id, _) = scenario.extended("{'replay':true}");
    scenario.connect(&client_id);
    for data in ["1", "2", "3"] {
        scenario.publish(&publisher, "/a", data);
    }
    let mut replay = |id: &str| {
        let ext = format!("{{'replay':{{'/a':{id}}}}}");
        scenario.subscribe_with(&client_id, "'/a'", &ext)
    };
    for id in ["0", "4", "-7", "x"] {
        let id = if id == "x" { "'x'" } else { id };
        let reply = replay(id);
        let error = format!(
            "400::The replayId {{{}}} you provided was invalid.",
            id.trim_matches('\'')
        );
        assert!(reply.contains(&error), "{reply}");
    }
    assert!(!scenario.publish(&publisher, "/a", "4").contains("'data'"));
    scenario.hold(&client_id);
    let ext = "{'replay':{'/a':3}}";
    let reply = scenario.subscribe_with(&client_id, "'/a'", ext);
    assert!(reply.contains("'ext':{'replay':4},'data':4"), "{reply}");
    assert_eq!(reply.matches("'data'").count(), 1);
    scenario.pass(61 * SECOND);
    let (late, _) = scenario.extended("{'replay':true}");
    let reply = scenario.subscribe_with(&late, "'/a'", "{'replay':{'/a':-2}}");
    assert!(!reply.contains("'data'"), "{reply}");
}

#[test]
fn what_is_replayed_counts_for_the_limits_of_a_queue() {
    let mut scenario = Scenario::with(Settings {
        max_queue_messages: 2,
        ..retaining(10)
    });
    let publisher = scenario.connected(&[]);
    for data in ["1", "2", "3"] {
        scenario.publish(&publisher, "/a", data);
    }
    let client_id = scenario.connected(&[]);
    scenario.events();
    scenario.subscribe_with(&client_id, "'/a'", "{'replay':{'/a':-2}}");
    assert_eq!(
        scenario.events(),
        [SessionEvent::Closed(
            client_id.into(),
            CloseReason::QueueOverflow
        )]
    );
}

proptest! {
    /// A client that loses any response, and changes its transport whenever it likes.
    #[test]
    fn with_ack_each_message_arrives_once_and_in_order_whatever_is_lost(
        steps in prop::collection::vec((0..4_u32, 0..3_u8, any::<bool>()), 1..40),
    ) {
        let mut scenario = Scenario::new();
        let client_id = scenario.acknowledging();
        let publisher = scenario.connected(&[]);
        let (mut n_published, mut arrived, mut acknowledged) = (0, Vec::new(), 1);
        for (n_messages, way, is_lost) in steps {
            let request = acknowledging_connect(&client_id, &acknowledged.to_string());
            let link = (way > 0).then(|| scenario.broker.open_link());
            let answered = match link {
                Some(link) => scenario.over(link, &request),
                None => match scenario.handle(&request) {
                    Handled::Answer(answer) => vec![text(&answer.messages)],
                    _ => Vec::new(),
                },
            };
            // An older connect is answered before the one that takes its place.
            let mut responses: Vec<String> =
                scenario.released().into_iter().map(|(_, response)| response).collect();
            responses.extend(answered);
            for _ in 0..n_messages {
                n_published += 1;
                let own = if way == 2 { &client_id } else { &publisher };
                let reply = scenario.publish(&own.clone(), "/demo", &n_published.to_string());
                prop_assert!(!reply.contains("'data'"), "{}", reply);
            }
            responses.extend(link.map(|link| scenario.taken(link)).into_iter().flatten());
            responses.extend(scenario.released().into_iter().map(|(_, response)| response));
            if let Some(link) = link {
                scenario.broker.link_gone(scenario.now, link);
            }
            for response in responses.iter().filter(|_| !is_lost) {
                if let (numbers, Some(number)) = batch(response) {
                    arrived.extend(numbers);
                    acknowledged = number;
                }
            }
        }
        for _ in 0..2 {
            let request = acknowledging_connect(&client_id, &acknowledged.to_string());
            if let Handled::Answer(answer) = scenario.handle(&request) {
                let (numbers, number) = batch(&text(&answer.messages));
                arrived.extend(numbers);
                acknowledged = number.unwrap();
            }
        }
        prop_assert_eq!(arrived, (1..=n_published).collect::<Vec<u32>>());
    }
}
