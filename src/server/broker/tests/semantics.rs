//! What the broker promises beyond the letter of the protocol: order, services, grammar,
//! browsers.

use super::*;
use crate::server::ChannelGrammar;

/// The numbers of what was delivered in a response.
fn numbers(response: &str) -> Vec<u32> {
    let number = |it: &str| it.split(',').next().unwrap().parse().unwrap();
    response.split("'data':").skip(1).map(number).collect()
}

#[test]
fn a_publishers_order_holds_over_replies_connects_and_transports() {
    let mut scenario = Scenario::new();
    let subscriber = scenario.connected(&["/demo"]);
    let publisher = scenario.connected(&[]);
    let mut came = Vec::new();
    let mut n = 0;
    let mut publish = |scenario: &mut Scenario, sender: &str| {
        n += 1;
        scenario.publish(sender, "/demo", &n.to_string())
    };
    // With the reply to a publish of the subscriber's own, and behind what waited.
    publish(&mut scenario, &publisher);
    came.extend(numbers(&publish(&mut scenario, &subscriber)));
    // With a connect that was held, and one that finds something.
    scenario.hold(&subscriber);
    publish(&mut scenario, &publisher);
    came.extend(numbers(&scenario.released()[0].1));
    publish(&mut scenario, &publisher);
    publish(&mut scenario, &publisher);
    came.extend(numbers(&scenario.connect(&subscriber)));
    // Over a websocket to which what waited moves.
    publish(&mut scenario, &publisher);
    let link = scenario.broker.open_link();
    scenario.handle_on_link(link, &connect(&subscriber));
    publish(&mut scenario, &publisher);
    // What the websocket has not taken is not overtaken by what a POST brings.
    let reply = publish(&mut scenario, &subscriber);
    assert!(numbers(&reply).is_empty());
    came.extend(numbers(&scenario.taken(link).join(" ")));
    // And back.
    publish(&mut scenario, &publisher);
    scenario.broker.link_gone(scenario.now, link);
    publish(&mut scenario, &publisher);
    came.extend(numbers(&scenario.connect(&subscriber)));
    assert_eq!(came, (1..=10).collect::<Vec<u32>>());
}

#[test]
fn one_copy_is_delivered_on_every_path() {
    let mut scenario = Scenario::new();
    let patterns = ["/a/b", "/a/*", "/a/**", "/**"];
    let subscriber = scenario.connected(&patterns);
    let publisher = scenario.connected(&[]);
    scenario.hold(&subscriber);
    scenario.publish(&publisher, "/a/b", "1");
    assert_eq!(numbers(&scenario.released()[0].1), [1]);
    scenario.publish(&publisher, "/a/b", "2");
    assert_eq!(numbers(&scenario.connect(&subscriber)), [2]);
    let (link, _) = linked(&mut scenario, &patterns);
    scenario.publish(&publisher, "/a/b", "3");
    assert_eq!(numbers(&scenario.taken(link).join(" ")), [3]);
}

#[test]
fn the_time_service_tells_the_servers_clock() {
    let mut scenario = Scenario::new();
    scenario.pass(90 * SECOND);
    let client_id = scenario.connected(&[]);
    assert_eq!(
        scenario.request(&format!(
            "{{'channel':'/service/time','clientId':'{client_id}','id':'5','data':{{}}}}"
        )),
        "{'channel':'/service/time','id':'5','data':{'time':'1970-01-01T00:01:30.000Z','milliseconds':90000}} \
         {'channel':'/service/time','id':'5','successful':true}"
    );
}

#[test]
fn what_waits_for_a_session_that_disconnects_comes_with_the_reply() {
    let mut scenario = Scenario::new();
    let client_id = scenario.connected(&["/a"]);
    let publisher = scenario.connected(&[]);
    scenario.publish(&publisher, "/a", "1");
    let reply = scenario.request(&format!(
        "[{{'channel':'/meta/disconnect','clientId':'{client_id}'}}]"
    ));
    assert_eq!(
        reply,
        "{'data':1,'channel':'/a'} {'channel':'/meta/disconnect','successful':true}"
    );
}

/// A session keeps the names that it subscribes to, and a service gives one back.
#[test]
fn a_channel_is_as_long_as_2048_bytes() {
    let mut scenario = Scenario::new();
    let client_id = scenario.connected(&[]);
    for (length, is_taken) in [(2047, true), (2048, false)] {
        let channel = format!("/{}", "a".repeat(length));
        let reply = scenario.publish(&client_id, &channel, "1");
        assert_eq!(reply.contains("'successful':true"), is_taken);
        let subscribe = format!(
            "[{{'channel':'/meta/subscribe','clientId':'{client_id}','subscription':'{channel}'}}]"
        );
        let reply = scenario.request(&subscribe);
        assert_eq!(reply.contains("'successful':true"), is_taken);
    }
}

/// The machine slept for an hour, of which instants know nothing, or its clock was set.
#[test]
fn the_calendar_counts_and_not_how_long_the_server_has_run() {
    const TIME: &str = "{'channel':'/service/time','clientId':'c1','data':{}}";
    let mut scenario = Scenario::new();
    scenario.connected(&[]);
    for (wall, told) in [
        (3600, "1970-01-01T01:00:05.000Z"),
        (60, "1970-01-01T00:01:05.000Z"),
    ] {
        scenario.broker.set_clock(Now {
            instant: scenario.now,
            wall: SystemTime::UNIX_EPOCH + Duration::from_secs(wall),
        });
        scenario.pass(5 * SECOND);
        let reply = scenario.request(TIME);
        assert!(reply.contains(told), "{reply}");
    }
}

#[test]
fn the_grammar_of_the_specification_counts_only_where_it_is_asked_for() {
    let strict = Settings {
        channel_grammar: ChannelGrammar::Strict,
        ..Settings::default()
    };
    let outside = ["/de.mo", "/a b", "/a+b", "/a*b"];
    for (settings, is_taken) in [(Settings::default(), true), (strict, false)] {
        let mut scenario = Scenario::with(settings);
        let client_id = scenario.connected(&["/a/*", "/A-_!~()$@9/**"]);
        for channel in outside {
            let reply = scenario.publish(&client_id, channel, "1");
            let refused = format!(
                "{{'channel':'{channel}','error':'405::channel_invalid','successful':false}}"
            );
            assert_eq!(reply == refused, !is_taken, "{reply}");
            let reply = scenario.request(&format!(
                "{{'channel':'/meta/subscribe','clientId':'{client_id}','subscription':['/ok','{channel}/*']}}"
            ));
            let is_refused = reply.contains("403::subscription_invalid");
            assert_eq!(is_refused, !is_taken, "{reply}");
        }
        // Nothing of a refused array was subscribed to.
        let reply = scenario.publish(&client_id, "/ok", "1");
        assert_eq!(reply.contains("'data'"), is_taken, "{reply}");
    }
}

const BROWSER: Around = Around {
    bearer: None,
    below: "",
    cookies: "a=1; BAYEUX_BROWSER=one",
};

/// A session of the browser with the cookie above, or of another one. Its first connect was
/// answered.
fn opened(scenario: &mut Scenario, around: Around) -> String {
    let handshake = match scenario.handle_with("[{'channel':'/meta/handshake'}]", around) {
        Handled::Answer(answer) => answer.messages,
        handled => panic!("not answered: {handled:?}"),
    };
    let client_id = handshake[0].client_id().unwrap().to_owned();
    let first = scenario.handle_with(&connect(&client_id), around);
    assert!(matches!(first, Handled::Answer(_)));
    client_id
}

/// The same, and its connect is held.
fn browsing(scenario: &mut Scenario, around: Around) -> String {
    let client_id = opened(scenario, around);
    assert!(matches!(
        scenario.handle_with(&connect(&client_id), around),
        Handled::Held(_)
    ));
    client_id
}

#[test]
fn further_sessions_of_one_browser_are_advised_to_poll_where_that_is_asked_for() {
    let mut scenario = Scenario::with(Settings {
        max_held_per_browser: Some(1),
        ..Settings::default()
    });
    let first = browsing(&mut scenario, BROWSER);
    let elsewhere = Around {
        cookies: "BAYEUX_BROWSER=two",
        ..BROWSER
    };
    browsing(&mut scenario, elsewhere);
    browsing(
        &mut scenario,
        Around {
            cookies: "",
            ..BROWSER
        },
    );
    let second = opened(&mut scenario, BROWSER);
    let crowded = "{'advice':{'multiple-clients':true,'interval':2000,'reconnect':'retry'},\
         'channel':'/meta/connect','id':'9','successful':true}";
    for _ in 0..2 {
        match scenario.handle_with(&connect(&second), BROWSER) {
            Handled::Answer(answer) => assert_eq!(text(&answer.messages), crowded),
            handled => panic!("not answered: {handled:?}"),
        }
        // Longer than sessions live that need not wait.
        scenario.pass(11 * SECOND);
        assert!(scenario.broker.sessions.find(&second).is_some());
    }
    // A connect of the one that waits takes its own place.
    assert!(matches!(
        scenario.handle_with(&connect(&first), BROWSER),
        Handled::Held(_)
    ));
    scenario.request(&format!(
        "[{{'channel':'/meta/disconnect','clientId':'{first}'}}]"
    ));
    assert!(matches!(
        scenario.handle_with(&connect(&second), BROWSER),
        Handled::Held(_)
    ));
    scenario.broker.forget_all();
    assert!(scenario.broker.browsers.is_empty());
}

#[test]
fn a_browser_gets_its_cookie_with_the_handshake_and_only_where_it_is_looked_at() {
    let mut scenario = Scenario::with(Settings {
        max_held_per_browser: Some(1),
        ..Settings::default()
    });
    let mut cookies = |request: &str, cookies| {
        let around = Around { cookies, ..BROWSER };
        match scenario.handle_with(request, around) {
            Handled::Answer(answer) => answer.set_cookies,
            handled => panic!("not answered: {handled:?}"),
        }
    };
    let handshake = "[{'channel':'/meta/handshake'}]";
    assert_eq!(
        cookies(handshake, "x=y"),
        ["BAYEUX_BROWSER=c2; Path=/; HttpOnly"]
    );
    assert!(cookies(handshake, "BAYEUX_BROWSER=c2").is_empty());
    assert!(cookies("[{'channel':'/demo','data':1}]", "").is_empty());
    match Scenario::new().handle(handshake) {
        Handled::Answer(answer) => assert!(answer.set_cookies.is_empty()),
        handled => panic!("not answered: {handled:?}"),
    }
}

#[test]
fn sessions_of_one_browser_all_wait_unless_the_settings_say_otherwise() {
    let mut scenario = Scenario::new();
    for _ in 0..3 {
        browsing(&mut scenario, BROWSER);
    }
}

#[test]
fn what_a_session_is_subscribed_to_can_be_given_up_however_many_channels_were_used_since() {
    let mut scenario = Scenario::new();
    let client_id = scenario.connected(&["/kept/**"]);
    for n in 0..10_001 {
        scenario.publish(&client_id, &format!("/used/{n}"), "1");
    }
    let mut unsubscribe = || {
        scenario.request(&format!(
            "[{{'channel':'/meta/unsubscribe','clientId':'{client_id}','subscription':'/kept/**'}}]"
        ))
    };
    assert!(unsubscribe().contains("'successful':true"));
    assert!(unsubscribe().contains("'400::channel_missing'"));
}

#[test]
fn a_session_is_for_the_browser_that_shook_hands() {
    let mut scenario = Scenario::trusting(Settings::default(), BrowserCookie::Required);
    let client_id = opened(&mut scenario, BROWSER);
    for cookies in ["", "BAYEUX_BROWSER=two"] {
        let around = Around { cookies, ..BROWSER };
        match scenario.handle_with(&connect(&client_id), around) {
            Handled::Answer(answer) => assert_eq!(text(&answer.messages), UNKNOWN),
            handled => panic!("not answered: {handled:?}"),
        }
    }
    let link = scenario.broker.open_link();
    assert!(scenario.over(link, &connect(&client_id)).is_empty());
    assert!(scenario.broker.is_in_use(link));
}
