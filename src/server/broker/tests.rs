//! Conversations with a broker in simulated time.

mod extensions;
mod faults;
mod salesforce;
mod semantics;

use std::time::{Duration, SystemTime};

use proptest::prelude::*;

use super::*;
use crate::protocol::{ConnectionType, Message, decode};
use crate::server::fault::Step;
use crate::server::{BrowserCookie, Token, UnconnectedPublish};

const SECOND: Duration = Duration::from_secs(1);

/// A broker with a clock of its own. Requests and responses are text; `'` stands for `"`.
struct Scenario {
    broker: Broker,
    now: Instant,
}

impl Scenario {
    fn new() -> Self {
        Self::with(Settings::default())
    }

    /// Client ids are `c1`, `c2` and so on. Cookies have a test of their own.
    fn with(settings: Settings) -> Self {
        Self::trusting(settings, BrowserCookie::Ignored)
    }

    fn trusting(settings: Settings, browser_cookie: BrowserCookie) -> Self {
        let settings = Settings {
            browser_cookie,
            ..settings
        };
        let mut n_ids = 0;
        let client_ids = Box::new(move || {
            n_ids += 1;
            Some(format!("c{n_ids}"))
        });
        let started = Now {
            instant: Instant::now(),
            wall: SystemTime::UNIX_EPOCH,
        };
        Self {
            broker: Broker::new(Arc::new(settings), client_ids, started),
            now: started.instant,
        }
    }

    /// A session that has made its first connect, and subscribed to these channels.
    fn connected(&mut self, subscriptions: &[&str]) -> String {
        let handshake = self.request("[{'channel':'/meta/handshake'}]");
        let client_id = handshake.split("'clientId':'").nth(1).unwrap();
        let client_id = client_id.split('\'').next().unwrap().to_owned();
        self.connect(&client_id);
        for channel in subscriptions {
            let reply = self.subscribe_to(&client_id, channel);
            assert!(reply.contains("'successful':true"), "{reply}");
        }
        client_id
    }

    fn handle(&mut self, request: &str) -> Handled {
        let around = Around {
            bearer: None,
            below: "",
            cookies: "",
        };
        self.handle_with(request, around)
    }

    fn handle_with(&mut self, request: &str, around: Around) -> Handled {
        let body = decode(request.replace('\'', "\"").as_bytes()).unwrap();
        let request = Request {
            messages: &body.messages,
            n_unreadable: body.findings.len(),
            connection_type: ConnectionType::LongPolling,
            bearer: around.bearer,
            below: around.below,
            cookies: around.cookies,
            user_agent: None,
        };
        self.broker.handle(self.now, request)
    }

    fn request(&mut self, request: &str) -> String {
        match self.handle(request) {
            Handled::Answer(answer) => text(&answer.messages),
            Handled::Unauthorised(line) => line.to_owned(),
            Handled::Instead(instead) => format!("{instead:?}"),
            Handled::Held(_) => panic!("held: {request}"),
        }
    }

    fn connect(&mut self, client_id: &str) -> String {
        self.request(&connect(client_id))
    }

    fn hold(&mut self, client_id: &str) -> HoldId {
        match self.handle(&connect(client_id)) {
            Handled::Held(hold) => hold,
            handled => panic!("not held: {handled:?}"),
        }
    }

    /// What there is to take for a link after this request came over it.
    fn over(&mut self, link: LinkId, request: &str) -> Vec<String> {
        self.handle_on_link(link, request);
        self.taken(link)
    }

    fn handle_on_link(&mut self, link: LinkId, request: &str) {
        let body = decode(request.replace('\'', "\"").as_bytes()).unwrap();
        let request = Request {
            messages: &body.messages,
            n_unreadable: body.findings.len(),
            connection_type: ConnectionType::WebSocket,
            bearer: None,
            below: "",
            cookies: "",
            user_agent: None,
        };
        self.broker.handle_on_link(self.now, link, request);
    }

    fn taken(&mut self, link: LinkId) -> Vec<String> {
        std::iter::from_fn(|| self.broker.take(link))
            .map(|(messages, _)| text(&messages))
            .collect()
    }

    fn ready(&mut self) -> Vec<LinkId> {
        std::iter::from_fn(|| self.broker.poll_ready()).collect()
    }

    fn subscribe_to(&mut self, client_id: &str, channel: &str) -> String {
        self.request(&format!(
            "[{{'channel':'/meta/subscribe','clientId':'{client_id}','subscription':'{channel}'}}]"
        ))
    }

    fn publish(&mut self, client_id: &str, channel: &str, data: &str) -> String {
        self.request(&format!(
            "[{{'channel':'{channel}','clientId':'{client_id}','data':{data}}}]"
        ))
    }

    fn released(&mut self) -> Vec<(HoldId, String)> {
        std::iter::from_fn(|| self.broker.poll_released())
            .map(|released| (released.hold, text(&released.answer.messages)))
            .collect()
    }

    fn events(&mut self) -> Vec<SessionEvent> {
        std::iter::from_fn(|| self.broker.poll_event()).collect()
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.broker.handle_timeout(self.now);
    }
}

/// What a request has beside its messages.
#[derive(Clone, Copy)]
struct Around {
    bearer: Option<&'static str>,
    below: &'static str,
    cookies: &'static str,
}

fn connect(client_id: &str) -> String {
    format!(
        "[{{'channel':'/meta/connect','clientId':'{client_id}','connectionType':'long-polling','id':'9'}}]"
    )
}

fn text(messages: &[Arc<Message>]) -> String {
    let messages: Vec<_> = messages.iter().map(|it| it.raw()).collect();
    messages.join(" ").replace('"', "'")
}

const CONNECTED: &str = "{'channel':'/meta/connect','id':'9','successful':true}";
const UNKNOWN: &str = "{'advice':{'interval':0,'reconnect':'handshake'},\
     'channel':'/meta/connect','id':'9','error':'402::session_unknown','successful':false}";

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

#[test]
fn a_newer_connect_ends_the_older_one_with_the_status_of_cometd() {
    let mut scenario = Scenario::new();
    let client_id = scenario.connected(&[]);
    let older = scenario.hold(&client_id);
    scenario.hold(&client_id);
    let released = scenario.broker.poll_released().unwrap();
    assert_eq!((released.hold, released.answer.status), (older, 500));
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

/// A link, and a session on it whose connect is held, with these subscriptions.
fn linked(scenario: &mut Scenario, subscriptions: &[&str]) -> (LinkId, String) {
    let link = scenario.broker.open_link();
    let client_id = scenario.connected(subscriptions);
    assert!(scenario.over(link, &connect(&client_id)).is_empty());
    (link, client_id)
}

const DELIVERY: &str = "{'data':1,'channel':'/demo'}";

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

/// One message of a client that may have lost its senses.
fn any_message() -> impl Strategy<Value = String> {
    let channel = prop::sample::select(vec![
        "/meta/handshake",
        "/meta/connect",
        "/meta/connect",
        "/meta/connect",
        "/meta/subscribe",
        "/meta/subscribe",
        "/meta/unsubscribe",
        "/meta/disconnect",
        "/meta/other",
        "/service/echo",
        "/a",
        "/a/b",
        "a",
    ]);
    let subscription = prop::sample::select(vec!["'/a'", "'/**'", "['/a/*','/a']", "[1]", "{}"]);
    (channel, 1..4_u8, subscription, 0..2_u8).prop_map(|(channel, client, subscription, advice)| {
        format!(
            "{{'channel':'{channel}','clientId':'c{client}','data':1,'subscription':{subscription}{}}}",
            if advice == 0 { "" } else { ",'advice':{'timeout':0}" }
        )
    })
}

proptest! {
    #[test]
    fn every_message_is_answered_once_and_every_hold_released_whatever_comes(
        requests in prop::collection::vec((prop::collection::vec(any_message(), 0..3), 0..15_u64), 0..40),
    ) {
        let mut scenario = Scenario::with(Settings { max_queue_messages: 3, ..Settings::default() });
        let mut held = BTreeSet::new();
        for (messages, seconds) in requests {
            match scenario.handle(&format!("[{}]", messages.join(","))) {
                Handled::Answer(answer) => {
                    let n_replies = answer.messages.iter().filter(|it| it.successful().is_some()).count();
                    prop_assert_eq!(n_replies, messages.len());
                }
                Handled::Held(hold) => prop_assert!(held.insert(hold)),
                handled => prop_assert!(false, "{:?}", handled),
            }
            scenario.pass(Duration::from_secs(seconds));
            for (hold, _) in scenario.released() {
                prop_assert!(held.remove(&hold));
            }
        }
        // Left alone, everything comes to rest: no hold, no session, no deadline.
        while let Some(at) = scenario.broker.poll_timeout() {
            scenario.pass(at.saturating_duration_since(scenario.now));
        }
        for (hold, _) in scenario.released() {
            prop_assert!(held.remove(&hold));
        }
        prop_assert!(held.is_empty());
        prop_assert_eq!(scenario.broker.n_sessions(), 0);
        prop_assert!(scenario.broker.subscriptions.is_empty());
    }
}

proptest! {
    /// The same with links, which come and go, beside requests that are held.
    #[test]
    fn every_message_over_a_link_is_answered_once_while_the_link_is_there(
        requests in prop::collection::vec(
            (prop::collection::vec(any_message(), 0..3), 0..15_u64, 0..4_usize, 0..8_u8),
            0..40,
        ),
    ) {
        let mut scenario = Scenario::with(Settings { max_queue_messages: 3, ..Settings::default() });
        // Each link, how many messages came over it and how many replies went.
        let mut links: Vec<_> = (0..3).map(|_| (scenario.broker.open_link(), 0, 0)).collect();
        let mut n_held = 0;
        for (messages, seconds, way, fate) in requests {
            let request = format!("[{}]", messages.join(","));
            match links.get_mut(way) {
                None => match scenario.handle(&request) {
                    Handled::Answer(_) => {}
                    Handled::Held(_) => n_held += 1,
                    handled => prop_assert!(false, "{:?}", handled),
                },
                Some((link, n_messages, _)) => {
                    scenario.handle_on_link(*link, &request);
                    *n_messages += messages.len();
                }
            }
            if fate == 0 && let Some((link, n_messages, n_replies)) = links.get_mut(way) {
                scenario.broker.link_gone(scenario.now, *link);
                prop_assert!(scenario.taken(*link).is_empty());
                (*link, *n_messages, *n_replies) = (scenario.broker.open_link(), 0, 0);
            }
            scenario.pass(Duration::from_secs(seconds));
            n_held -= scenario.released().len();
            for link in scenario.ready() {
                let it = links.iter_mut().find(|(it, _, _)| *it == link).unwrap();
                let taken = scenario.taken(link).join(" ");
                it.2 += taken.matches("'successful':").count();
            }
        }
        while let Some(at) = scenario.broker.poll_timeout() {
            scenario.pass(at.saturating_duration_since(scenario.now));
        }
        n_held -= scenario.released().len();
        prop_assert_eq!(n_held, 0);
        for (link, n_messages, n_replies) in links {
            let taken = scenario.taken(link).join(" ");
            prop_assert_eq!(n_messages, n_replies + taken.matches("'successful':").count());
            prop_assert!(!scenario.broker.is_in_use(link));
        }
        prop_assert_eq!(scenario.broker.n_sessions(), 0);
        prop_assert!(scenario.broker.holds.is_empty());
        prop_assert!(scenario.broker.subscriptions.is_empty());
    }
}
