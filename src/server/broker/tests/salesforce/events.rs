//! Events: replay, filters, and how they are published.

use super::*;

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
