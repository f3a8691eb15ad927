//! What is answered to requests: replies, refusals, and who may do what.

use super::*;
use crate::server::{Token, UnconnectedPublish};

#[test]
fn a_handshake_reply_has_all_the_fields_of_the_specification() {
    let mut scenario = Scenario::new();
    assert_eq!(
        scenario.request("[{'channel':'/meta/handshake','id':1,'version':'1.0','supportedConnectionTypes':['x','long-polling']}]"),
        "{'minimumVersion':'1.0','clientId':'c1',\
         'supportedConnectionTypes':['websocket','long-polling','callback-polling'],\
         'advice':{'interval':0,'timeout':30000,'reconnect':'retry'},\
         'channel':'/meta/handshake','id':'1','version':'1.0','successful':true}"
    );
    assert_eq!(scenario.events(), [SessionEvent::Opened("c1".into())]);
}

#[test]
fn a_bad_message_does_not_cost_the_others_their_replies() {
    let mut scenario = Scenario::new();
    scenario.connected(&[]);
    let replies = scenario.request(
        "[{'id':'1','data':1},{'channel':'demo','id':'2','clientId':'c1'},7,\
         {'channel':'/meta/foo','id':'3','clientId':'c1'},{'channel':'/a/*/b','id':'4','clientId':'c1'},\
         {'channel':'/a','id':'5','clientId':'c1'},{'channel':'/a','id':'6','data':1,'clientId':'c1'}]",
    );
    let replies: Vec<&str> = replies.split(' ').collect();
    assert_eq!(
        replies,
        [
            "{'id':'1','error':'400::channel_missing','successful':false}",
            "{'channel':'demo','id':'2','error':'405::channel_invalid','successful':false}",
            "{'channel':'/meta/foo','id':'3','error':'403:denied_by_security_policy:channel_create_denied','successful':false}",
            "{'channel':'/a/*/b','id':'4','error':'405::channel_invalid','successful':false}",
            "{'channel':'/a','id':'5','successful':true}",
            "{'channel':'/a','id':'6','successful':true}",
            "{'error':'400::message_invalid','successful':false}",
        ]
    );
}

#[test]
fn an_empty_request_has_an_empty_response() {
    assert_eq!(Scenario::new().request("[]"), "");
}

#[test]
fn subscriptions_are_refused_as_cometd_does_and_echoed() {
    let deny = vec!["/admin/**".parse().unwrap()];
    let mut scenario = Scenario::with(Settings {
        deny,
        ..Settings::default()
    });
    scenario.connected(&[]);
    for (subscription, error) in [
        ("null", "403::subscription_missing"),
        ("[1]", "403::subscription_invalid"),
        ("'a'", "403::subscription_invalid"),
        ("'/a/*/b'", "403::subscription_invalid"),
        ("'/meta/*'", "403:denied_by_security_policy:create_denied"),
        (
            "'/meta/connect'",
            "403:denied_by_security_policy:subscribe_denied",
        ),
        (
            "'/admin/*'",
            "403:denied_by_security_policy:subscribe_denied",
        ),
        (
            "['/ok','/admin/x']",
            "403:denied_by_security_policy:subscribe_denied",
        ),
    ] {
        let echoed = match subscription {
            "null" => String::new(),
            _ => format!("'subscription':{subscription},"),
        };
        assert_eq!(
            scenario.request(&format!(
                "{{'channel':'/meta/subscribe','clientId':'c1','subscription':{subscription}}}"
            )),
            format!("{{'channel':'/meta/subscribe',{echoed}'error':'{error}','successful':false}}")
        );
    }
    // Nothing of the refused array was subscribed to.
    let reply = scenario.publish("c1", "/ok", "1");
    assert_eq!(reply, "{'channel':'/ok','successful':true}");
    let reply = scenario.publish("c1", "/admin/x", "1");
    assert!(reply.contains("denied_by_security_policy:publish_denied"));
}

#[test]
fn nothing_is_delivered_after_an_unsubscribe() {
    let mut scenario = Scenario::new();
    scenario.connected(&["/a", "/b"]);
    let reply = scenario.request(
        "[{'channel':'/meta/unsubscribe','clientId':'c1','subscription':['/a','/b']},\
          {'channel':'/meta/subscribe','clientId':'c1','subscription':'/b'}]",
    );
    assert!(reply.contains("'successful':true"), "{reply}");
    assert_eq!(
        scenario.publish("c1", "/a", "1"),
        "{'channel':'/a','successful':true}"
    );
    assert!(scenario.publish("c1", "/b", "1").contains("'data':1"));
}

#[test]
fn services_are_private_and_the_echo_answers_its_sender() {
    let mut scenario = Scenario::new();
    let other = scenario.connected(&["/**", "/service/echo"]);
    scenario.connected(&[]);
    scenario.hold(&other);
    assert_eq!(
        scenario.request("{'channel':'/service/echo','clientId':'c2','id':'5','data':[1.0]}"),
        "{'channel':'/service/echo','id':'5','data':[1.0]} {'channel':'/service/echo','id':'5','successful':true}"
    );
    assert_eq!(
        scenario.publish("c2", "/service/x", "1"),
        "{'channel':'/service/x','successful':true}"
    );
    assert_eq!(scenario.released(), []);
}

#[test]
fn a_handshake_in_a_batch_is_carried_out_alone() {
    let mut scenario = Scenario::new();
    let replies = scenario.request(
        "[{'data':1,'channel':'/demo'},{'channel':'/meta/handshake'},{'channel':'/meta/handshake'}]",
    );
    let replies: Vec<&str> = replies.split(' ').collect();
    assert_eq!(
        replies[0],
        "{'channel':'/demo','error':'400::handshake_batched','successful':false}"
    );
    assert!(replies[1].contains("'clientId':'c1'"));
    assert_eq!(
        replies[2],
        "{'channel':'/meta/handshake','error':'400::handshake_batched','successful':false}"
    );
    assert_eq!(scenario.broker.n_sessions(), 1);
}

#[test]
fn a_handshake_has_to_show_the_token_where_one_is_required() {
    let mut scenario = Scenario::with(Settings {
        require_token: Some(Token::new("secret")),
        ..Settings::default()
    });
    let denied = "{'advice':{'reconnect':'none'},'channel':'/meta/handshake',\
         'error':'403::handshake_denied','successful':false}";
    for ext in ["{}", "{'token':'other'}", "{'token':1}", "[]", "null"] {
        let handshake = format!("[{{'channel':'/meta/handshake','ext':{ext}}}]");
        assert_eq!(scenario.request(&handshake), denied);
    }
    let reply = scenario.request("[{'channel':'/meta/handshake','ext':{'token':'secret'}}]");
    assert!(reply.contains("'clientId':'c1'"), "{reply}");
    let messages = [Message::parse(r#"{"channel":"/meta/handshake"}"#).unwrap()];
    let request = Request {
        messages: &messages,
        n_unreadable: 0,
        connection_type: ConnectionType::LongPolling,
        bearer: Some("secret"),
        below: "",
        cookies: "",
        user_agent: None,
    };
    scenario.broker.handle(scenario.now, request);
    assert_eq!(scenario.broker.n_sessions(), 2);
}

#[test]
fn a_publish_without_session_is_refused_unless_the_settings_say_otherwise() {
    let unconnected = "[{'data':1,'channel':'/demo'}]";
    let refused = "{'channel':'/demo','error':'402::session_unknown','successful':false}";
    assert_eq!(Scenario::new().request(unconnected), refused);

    let mut scenario = Scenario::with(Settings {
        unconnected_publish: UnconnectedPublish::Accepted,
        ..Settings::default()
    });
    let subscriber = scenario.connected(&["/demo"]);
    scenario.hold(&subscriber);
    assert_eq!(
        scenario.request(unconnected),
        "{'channel':'/demo','successful':true}"
    );
    assert_eq!(scenario.released().len(), 1);
    assert_eq!(scenario.publish("bogus", "/demo", "1"), refused);
}

#[test]
fn a_request_speaks_for_one_session() {
    let mut scenario = Scenario::new();
    scenario.connected(&["/demo"]);
    scenario.connected(&[]);
    assert_eq!(
        scenario.request(
            "[{'channel':'/demo','clientId':'c1','data':1},{'channel':'/demo','clientId':'c2','data':2}]",
        ),
        "{'data':1,'channel':'/demo'} {'channel':'/demo','successful':true} \
         {'channel':'/demo','error':'402::session_unknown','successful':false}"
    );
}
