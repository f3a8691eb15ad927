//! The broker as Salesforce: every shape and every refusal that it has.

use super::*;
use crate::server::{Flavor, Token};

/// A client that does everything right.
const WELL: Around = Around {
    bearer: Some("good"),
    below: "/65.0",
    cookies: "BAYEUX_BROWSER=x",
};

fn settings() -> Settings {
    Settings::of(Flavor::Salesforce)
}

fn with_faults(faults: &[&str]) -> Settings {
    Settings {
        faults: faults.iter().map(|it| it.parse().unwrap()).collect(),
        ..settings()
    }
}

impl Scenario {
    fn salesforce() -> Self {
        Self::with(settings())
    }

    fn ask(&mut self, request: &str) -> String {
        self.ask_with(request, WELL)
    }

    fn ask_with(&mut self, request: &str, around: Around) -> String {
        match self.handle_with(request, around) {
            Handled::Answer(answer) => text(&answer.messages),
            Handled::Unauthorised(line) => line.to_owned(),
            handled => panic!("{handled:?}: {request}"),
        }
    }

    /// A session that has made its first connect; its client id.
    fn signed_in(&mut self) -> String {
        let handshake = self.ask("[{'channel':'/meta/handshake'}]");
        let client_id = handshake.split("'clientId':'").nth(1).unwrap();
        let client_id = client_id.split('\'').next().unwrap().to_owned();
        self.ask(&connect(&client_id));
        client_id
    }

    fn hold_well(&mut self, client_id: &str) -> HoldId {
        match self.handle_with(&connect(client_id), WELL) {
            Handled::Held(hold) => hold,
            handled => panic!("not held: {handled:?}"),
        }
    }

    fn subscribe(&mut self, client_id: &str, channel: &str, replay: &str) -> String {
        let ext = match replay {
            "" => String::new(),
            replay => format!(",'ext':{{'replay':{replay}}}"),
        };
        self.ask(&format!(
            "[{{'channel':'/meta/subscribe','clientId':'{client_id}','subscription':'{channel}'{ext},'id':'3'}}]"
        ))
    }

    fn publishes(&mut self, channel: &str, data: &str) {
        let data = data.replace('\'', "\"").parse().unwrap();
        self.broker
            .publish(self.now, &channel.parse().unwrap(), &data);
    }

    /// The replay ids in a connect reply.
    fn replay_ids(&mut self, client_id: &str) -> Vec<u64> {
        let response = self.ask(&connect(client_id));
        let ids = response.split("'replayId':").skip(1);
        ids.map(|it| it.split(['}', ',']).next().unwrap().parse().unwrap())
            .collect()
    }
}

#[test]
fn a_handshake_has_its_ext_and_no_advice() {
    let mut scenario = Scenario::salesforce();
    assert_eq!(
        scenario.ask("[{'channel':'/meta/handshake','id':'1','version':'1.0','supportedConnectionTypes':['long-polling'],'ext':{'replay':true}}]"),
        "{'channel':'/meta/handshake','id':'1','successful':true,\
         'ext':{'replay':true,'payload.format':true},'minimumVersion':'1.0','clientId':'c1',\
         'supportedConnectionTypes':['long-polling'],'version':'1.0'}"
    );
}

#[test]
fn the_first_connect_has_the_advice_and_no_other_one() {
    let mut scenario = Scenario::salesforce();
    scenario.ask("[{'channel':'/meta/handshake'}]");
    assert_eq!(
        scenario.ask(&connect("c1")),
        "{'channel':'/meta/connect','id':'9','successful':true,'clientId':'c1',\
         'advice':{'interval':0,'timeout':110000,'reconnect':'retry'}}"
    );
    let hold = scenario.hold_well("c1");
    scenario.pass(109 * SECOND);
    assert_eq!(scenario.released(), []);
    scenario.pass(SECOND);
    let connected = "{'channel':'/meta/connect','id':'9','successful':true,'clientId':'c1'}";
    assert_eq!(scenario.released(), [(hold, connected.to_owned())]);
    assert_eq!(
        scenario.ask("[{'channel':'/meta/connect','clientId':'c1','connectionType':'long-polling','id':'9','advice':{'timeout':0}}]"),
        connected
    );
    // The time to come back.
    scenario.pass(40 * SECOND);
    assert_eq!(scenario.broker.n_sessions(), 0);
}

#[test]
fn a_client_gets_the_cookies_that_it_does_not_have_and_a_new_route_when_it_is_unknown() {
    let mut scenario = Scenario::salesforce();
    let cookies = |handled: Handled| match handled {
        Handled::Answer(answer) => answer.set_cookies,
        handled => panic!("{handled:?}"),
    };
    let handshake = "[{'channel':'/meta/handshake'}]";
    let without = Around {
        cookies: "",
        ..WELL
    };
    assert_eq!(
        cookies(scenario.handle_with(handshake, without)),
        [
            "BrowserId=c2; Path=/; Max-Age=5184000",
            "t=c3; Path=/cometd/; HttpOnly",
            "BAYEUX_BROWSER=c4; Path=/cometd/",
            "sfdc-stream=c5; Path=/; Max-Age=10800",
        ]
    );
    let with = Around {
        cookies: "BrowserId=1; t=2; BAYEUX_BROWSER=3; sfdc-stream=4",
        ..WELL
    };
    assert!(cookies(scenario.handle_with(handshake, with)).is_empty());
    assert!(cookies(scenario.handle_with(&connect("c1"), with)).is_empty());
    assert_eq!(
        cookies(scenario.handle_with(&connect("gone"), with)),
        ["sfdc-stream=c7; Path=/; Max-Age=10800"]
    );
}

#[test]
fn an_unknown_session_is_told_without_client_id() {
    let mut scenario = Scenario::salesforce();
    assert_eq!(
        scenario.ask(&connect("gone")),
        "{'channel':'/meta/connect','id':'9','successful':false,'error':'403::Unknown client',\
         'advice':{'reconnect':'handshake','interval':0}}"
    );
}

#[test]
fn what_is_wrong_with_a_request_is_said_in_the_words_of_salesforce() {
    let mut scenario = Scenario::salesforce();
    let id = scenario.signed_in();
    let below = |below| Around { below, ..WELL };
    let error = |reply: String| {
        let error = reply.split("'error':'").nth(1).map(str::to_owned);
        error.unwrap_or(reply)
    };
    let mandatory = "400::API version in the URI is mandatory. URI format: '/cometd/NN.0'";
    for path in ["", "/", "/handshake", "/replay/36.0", "/65", "/v65.0"] {
        let reply = scenario.ask_with("[{'channel':'/meta/handshake'}]", below(path));
        assert!(error(reply).starts_with(mandatory), "{path}");
    }
    for path in ["/36.0", "/0.0"] {
        let reply = scenario.ask_with("[{'channel':'/meta/handshake'}]", below(path));
        assert!(
            error(reply).starts_with(
                "400::Unsupported API version. Only API versions '37.0' and later are supported."
            ),
            "{path}"
        );
    }
    for path in ["/37.0", "/65.0/handshake", "/99.0/"] {
        let reply = scenario.ask_with("[{'channel':'/meta/handshake'}]", below(path));
        assert!(reply.contains("'successful':true"), "{path}: {reply}");
    }
    let without_cookie = Around {
        cookies: "BAYEUX_BROWSER=; x=y",
        ..WELL
    };
    assert!(
        error(scenario.ask_with(&connect(&id), without_cookie)).starts_with(&format!(
            "400::Client {id} has established a session, but no BAYEUX_BROWSER cookie present"
        ))
    );
    let websocket = connect(&id).replace("long-polling", "websocket");
    assert!(error(scenario.ask(&websocket)).starts_with("400::Invalid connection type websocket"));
    let types = "[{'channel':'/meta/handshake','supportedConnectionTypes':['websocket']}]";
    assert!(error(scenario.ask(types)).starts_with("400::Invalid connection type websocket"));
    let nothing = format!("[{{'channel':'/meta/subscribe','clientId':'{id}'}}]");
    assert!(error(scenario.ask(&nothing)).starts_with("400::Channel name not specified"));
    let reply = scenario.subscribe(&id, "event/A__e", "");
    assert!(error(reply).starts_with("400::Channel subscriptions must start with a leading '/'"));
    for channel in ["/demo", "/event/*", "/event/", "/meta/x", "/service/x"] {
        let reply = scenario.subscribe(&id, channel, "");
        let expected =
            format!("400::The channel you requested to subscribe to doesn't exist {channel}");
        assert!(error(reply).starts_with(&expected), "{channel}");
    }
}

#[test]
fn a_channel_that_is_denied_does_not_exist() {
    let mut scenario = Scenario::with(Settings {
        deny: vec!["/topic/Absent".parse().unwrap()],
        ..settings()
    });
    let id = scenario.signed_in();
    assert_eq!(
        scenario.subscribe(&id, "/topic/Absent", ""),
        "{'channel':'/meta/subscribe','id':'3','successful':false,'clientId':'c1',\
         'subscription':'/topic/Absent',\
         'error':'400::The channel you requested to subscribe to doesn't exist /topic/Absent'}"
    );
}

#[test]
fn a_token_is_wanted_in_every_request_once_it_is_required() {
    let mut scenario = Scenario::with(Settings {
        require_token: Some(Token::new("good")),
        ..settings()
    });
    let id = scenario.signed_in();
    let without = Around {
        bearer: None,
        ..WELL
    };
    let wrong = Around {
        bearer: Some("bad"),
        ..WELL
    };
    let handshake = "[{'channel':'/meta/handshake','id':'1'}]";
    for request in [handshake, &connect(&id)] {
        assert_eq!(
            scenario.ask_with(request, without),
            "401::Request requires authentication"
        );
    }
    assert_eq!(
        scenario.ask_with(handshake, wrong),
        "{'channel':'/meta/handshake','id':'1','successful':false,'error':'403::Handshake denied',\
         'ext':{'sfdc':{'failureReason':'401::Authentication invalid'},'replay':true},\
         'advice':{'reconnect':'none'}}"
    );
    assert_eq!(
        scenario.ask_with(&connect(&id), wrong),
        "{'channel':'/meta/connect','id':'9','successful':false,'clientId':'c1',\
         'error':'401::Authentication invalid','advice':{'reconnect':'none','interval':0}}"
    );
}

#[test]
fn too_many_clients_are_the_limit_of_the_organization() {
    let mut scenario = Scenario::with(Settings {
        max_sessions: 1,
        ..settings()
    });
    scenario.signed_in();
    let reply = scenario.ask("[{'channel':'/meta/handshake'}]");
    let error = "'error':'403::Organization concurrent user limit exceeded'";
    assert!(reply.contains(error), "{reply}");
}

#[test]
fn events_are_delivered_with_replay_ids_and_end_the_hold() {
    let mut scenario = Scenario::salesforce();
    let id = scenario.signed_in();
    assert_eq!(
        scenario.subscribe(&id, "/event/A__e", ""),
        "{'channel':'/meta/subscribe','id':'3','successful':true,'clientId':'c1',\
         'subscription':'/event/A__e'}"
    );
    scenario.subscribe(&id, "/u/G", "");
    let hold = scenario.hold_well(&id);
    scenario.pass(Duration::from_millis(1500));
    scenario.publishes("/event/A__e", "{'payload':{'N__c':1}}");
    let [(released, response)] = scenario.released().try_into().unwrap();
    assert_eq!(released, hold);
    for part in [
        "{'channel':'/event/A__e','data':{'schema':'",
        "'payload':{'CreatedDate':'1970-01-01T00:00:01.500Z','CreatedById':'005",
        "'N__c':1},'event':{'EventUuid':'",
        "'replayId':1001}}}",
    ] {
        assert!(response.contains(part), "{response}");
    }
    scenario.publishes("/u/G", "'text'");
    let response = scenario.ask(&connect(&id));
    let delivery = "{'channel':'/u/G','clientId':'c1','data':{'payload':'text','event':{";
    assert!(response.starts_with(delivery), "{response}");
}

#[test]
fn events_are_replayed_as_asked() {
    let mut scenario = Scenario::salesforce();
    for n in 1..=3 {
        scenario.publishes("/event/A__e", &n.to_string());
    }
    for (replay, expected) in [
        ("", vec![]),
        ("true", vec![]),
        ("{'/event/A__e':-1}", vec![]),
        ("{'/event/A__e':-2}", vec![1001, 1002, 1003]),
        (
            "{'/event/A__e':'-2','/event/B__e':-1}",
            vec![1001, 1002, 1003],
        ),
        ("{'/event/A__e':1001}", vec![1002, 1003]),
        ("{'/event/A__e':'1003'}", vec![]),
    ] {
        let id = scenario.signed_in();
        let reply = scenario.subscribe(&id, "/event/A__e", replay);
        assert!(reply.contains("'successful':true"), "{replay}: {reply}");
        // One that comes later, so that the connect is answered in any case.
        scenario.publishes("/event/A__e", "4");
        let mut ids = scenario.replay_ids(&id);
        ids.retain(|it| *it <= 1003);
        assert_eq!(ids, expected, "{replay}");
    }
}

#[test]
fn a_replay_id_that_is_not_kept_is_refused() {
    let mut scenario = Scenario::salesforce();
    scenario.publishes("/event/A__e", "1");
    let id = scenario.signed_in();
    let invalid = |id: &str| {
        format!(
            "'error':'400::The replayId {{{id}}} you provided was invalid.  Please provide a \
             valid ID, -2 to replay all events, or -1 to replay only new events.'"
        )
    };
    for replay in ["7", "-3", "1.5", "1002"] {
        let reply = scenario.subscribe(&id, "/event/A__e", &format!("{{'/event/A__e':{replay}}}"));
        assert!(reply.contains(&invalid(replay)), "{reply}");
    }
    scenario.pass(73 * 3600 * SECOND);
    let id = scenario.signed_in();
    let reply = scenario.subscribe(&id, "/event/A__e", "{'/event/A__e':1001}");
    assert!(reply.contains(&invalid("1001")), "{reply}");
}

#[test]
fn a_replay_map_has_to_hold_the_channel() {
    let mut scenario = Scenario::salesforce();
    let id = scenario.signed_in();
    let reply = scenario.subscribe(&id, "/event/A__e", "{'/event/B__e':-2}");
    assert!(
        reply.contains(
            "'error':'400::The replayId for channel {/event/A__e} wasn't found using the provided \
             replay ID map {{/event/B__e=-2}}. Ensure that the channel name you provided in the \
             replay map is valid and matches the channel name used for subscribing.'"
        ),
        "{reply}"
    );
    let reply = scenario.subscribe(&id, "/event/A__e", "{}");
    assert!(reply.contains("replay ID map {{}}."), "{reply}");
}

#[test]
fn conditions_of_a_topic_select_events_old_and_new() {
    let mut scenario = Scenario::salesforce();
    let event = |kind: &str| format!("{{'sobject':{{'Type':'{kind}'}}}}");
    scenario.publishes("/topic/T", &event("Tech Partner"));
    scenario.publishes("/topic/T", &event("Other"));
    let id = scenario.signed_in();
    let filtered = "/topic/T?Type=Tech Partner&Phone=1";
    let reply = scenario.subscribe(&id, filtered, "{'/topic/T':-2}");
    assert!(reply.contains("'successful':true"), "{reply}");
    scenario.publishes("/topic/T", &event("Other"));
    scenario.publishes("/topic/T", &event("Tech Partner"));
    assert_eq!(scenario.replay_ids(&id), [1001, 1005]);
    // Without the conditions, everything; without that again, what they select.
    scenario.subscribe(&id, "/topic/T", "");
    let unsubscribe = |channel: &str| {
        format!("[{{'channel':'/meta/unsubscribe','clientId':'{id}','subscription':'{channel}'}}]")
    };
    scenario.publishes("/topic/T", &event("Other"));
    assert_eq!(scenario.replay_ids(&id).len(), 1);
    scenario.ask(&unsubscribe("/topic/T"));
    scenario.publishes("/topic/T", &event("Other"));
    scenario.publishes("/topic/T", &event("Tech Partner"));
    assert_eq!(scenario.replay_ids(&id).len(), 1);
    scenario.ask(&unsubscribe(filtered));
    assert!(scenario.broker.subscriptions.is_empty());
}

#[test]
fn clients_publish_on_durable_channels_only() {
    let mut scenario = Scenario::salesforce();
    let id = scenario.signed_in();
    let publish = |channel: &str| format!("[{{'channel':'{channel}','clientId':'{id}','data':1}}]");
    assert_eq!(
        scenario.ask(&publish("/u/G")),
        "{'channel':'/u/G','successful':true}"
    );
    let reply = scenario.ask(&publish("/demo"));
    assert!(reply.contains(":publish_denied'"), "{reply}");
}

#[test]
fn a_platform_event_can_be_posted() {
    let mut scenario = Scenario::with(Settings {
        require_token: Some(Token::new("good")),
        ..settings()
    });
    let id = scenario.signed_in();
    scenario.subscribe(&id, "/event/A__e", "");
    let path = "/v65.0/sobjects/A__e";
    let mut post = |bearer, path: &str, body: &str| {
        let now = scenario.now;
        let posted = scenario.broker.post(now, bearer, path, body.as_bytes());
        (posted.status, posted.body)
    };
    let (status, body) = post(Some("good"), path, r#"{"N__c":1}"#);
    assert_eq!(status, 201, "{body}");
    let start = r#"{"id":"e01000000000001AAA","success":true,"errors":[{"statusCode":"OPERATION_ENQUEUED","message":""#;
    let rest = body.strip_prefix(start).unwrap();
    let uuid = &rest[..36];
    assert_eq!(&rest[36..], r#"","fields":[]}]}"#);
    for (bearer, path, body, expected) in [
        (None, path, "{}", 401),
        (Some("bad"), path, "{}", 401),
        (Some("good"), "/v65.0/sobjects/Account", "{}", 404),
        (Some("good"), path, "[1]", 400),
        (Some("good"), path, "{", 400),
    ] {
        let (status, answer) = post(bearer, path, body);
        assert_eq!(status, expected, "{answer}");
        assert!(answer.starts_with(r#"[{"message":""#), "{answer}");
    }
    let response = scenario.ask(&connect(&id));
    assert!(response.contains("'N__c':1}"), "{response}");
    assert!(response.contains(&format!("'EventUuid':'{uuid}'")));
}

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
