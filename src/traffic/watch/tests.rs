//! Conversations as somebody in the middle sees them, in simulated time.

use super::*;
use crate::protocol::decode;
use crate::traffic::ResponseHead;

/// A client, a server and the watcher between them.
struct Scenario {
    watch: Watch,
    now: Duration,
    connection_type: ConnectionType,
    cookies: Vec<String>,
}

impl Scenario {
    fn new() -> Self {
        Self {
            watch: Watch::new(),
            now: Duration::ZERO,
            connection_type: ConnectionType::LongPolling,
            cookies: Vec::new(),
        }
    }

    /// With a session that is subscribed and has sent its first connect.
    fn connected() -> Self {
        let mut scenario = Self::new();
        scenario.handshakes("one");
        scenario.subscribes("one", "/demo");
        scenario.asks(1, connect("one", 3));
        scenario.answers(1, connect_reply(3));
        scenario.noticed();
        scenario
    }

    fn passes(&mut self, milliseconds: u64) {
        self.now += Duration::from_millis(milliseconds);
    }

    fn sees(&mut self, connection: u64, seen: Seen) {
        self.watch.see(Sighting {
            at: self.now,
            connection,
            connection_type: self.connection_type,
            seen,
        });
    }

    fn asks(&mut self, connection: u64, messages: impl AsRef<str>) {
        let body = decode(format!("[{}]", messages.as_ref()).as_bytes()).unwrap();
        let head = (self.connection_type != ConnectionType::WebSocket).then(|| RequestHead {
            user_agent: None,
            content_type: Some("application/json".to_owned()),
            cookies: self.cookies.clone(),
        });
        self.sees(connection, Seen::Request { body, head });
    }

    fn answers(&mut self, connection: u64, messages: impl AsRef<str>) {
        self.answers_with(connection, messages, 200, &[]);
    }

    fn answers_with(
        &mut self,
        connection: u64,
        messages: impl AsRef<str>,
        status: u16,
        cookies_set: &[&str],
    ) {
        let body = decode(format!("[{}]", messages.as_ref()).as_bytes()).unwrap();
        let head = (self.connection_type != ConnectionType::WebSocket).then(|| ResponseHead {
            status,
            content_type: Some("application/json".to_owned()),
            cookies_set: cookies_set.iter().map(|it| (*it).to_owned()).collect(),
        });
        self.sees(connection, Seen::Response { body, head });
    }

    fn handshakes(&mut self, client_id: &str) {
        self.asks(1, HANDSHAKE);
        self.answers(1, handshake_reply(client_id));
    }

    fn subscribes(&mut self, client_id: &str, channel: &str) {
        self.asks(1, subscribe(client_id, channel));
        self.answers(
            1,
            format!(
                r#"{{"channel":"/meta/subscribe","id":"2","subscription":"{channel}","successful":true}}"#
            ),
        );
    }

    /// What was noticed since the last time, in words.
    fn noticed(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.watch.poll())
            .map(|it| in_words(&it))
            .collect()
    }

    /// What was noticed of sessions and broken rules.
    fn told(&mut self) -> Vec<String> {
        let mut noticed = self.noticed();
        noticed.retain(|it| it.starts_with("session") || it.starts_with("rule"));
        noticed
    }
}

fn in_words(noticed: &Noticed) -> String {
    let of = |session: Option<SessionNumber>| match session {
        Some(number) => format!(" of {number}"),
        None => String::new(),
    };
    match noticed {
        Noticed::Asked(it) => {
            let hold = match it.hold {
                Hold::No => String::new(),
                Hold::Unknown => " held".to_owned(),
                Hold::UpTo(hold) => format!(" held up to {} ms", hold.as_millis()),
            };
            let channel = it.message.channel();
            format!("#{} {channel}{}{hold}", it.request, of(it.session))
        }
        Noticed::Answered(it) => match it.to {
            Some((request, latency)) => format!("answer #{request} {} ms", latency.as_millis()),
            None => format!("answer to nothing, {}", it.message.channel()),
        },
        Noticed::Delivered(it) => {
            let again = if it.is_duplicate { " again" } else { "" };
            format!("delivery {}{}{again}", it.message.channel(), of(it.session))
        }
        Noticed::Unanswered(it) => format!("unanswered #{}: {}", it.request, it.why),
        Noticed::Session(it) => {
            let what = match &it.change {
                SessionChange::Opened { client_id } => format!("opened as {client_id}"),
                SessionChange::Joined { client_id } => format!("joined as {client_id}"),
                SessionChange::Renewed { replaces, owed, .. } => {
                    format!("replaces {replaces}, owes {}", owed.join(" "))
                }
                SessionChange::Restored {
                    n_subscriptions,
                    gap,
                } => format!("restored {n_subscriptions}, gap {} ms", gap.as_millis()),
                SessionChange::NotRestored { channels } => {
                    format!("goes on without {}", channels.join(" "))
                }
                SessionChange::Lost { reason, .. } => format!("lost: {reason}"),
                SessionChange::Ended { .. } => "ended".to_owned(),
            };
            format!("session {} {what}", it.session)
        }
        Noticed::Remark(it) => format!("rule {}{}", it.breach.rule.id, of(it.session)),
    }
}

const HANDSHAKE: &str = r#"{"channel":"/meta/handshake","id":"1","version":"1.0","supportedConnectionTypes":["long-polling"]}"#;
const UNKNOWN: &str = r#"{"channel":"/meta/connect","id":"3","successful":false,"error":"402::session_unknown","advice":{"reconnect":"handshake","interval":0}}"#;

fn handshake_reply(client_id: &str) -> String {
    format!(
        r#"{{"channel":"/meta/handshake","id":"1","version":"1.0","supportedConnectionTypes":["long-polling"],"clientId":"{client_id}","successful":true,"advice":{{"reconnect":"retry","interval":0,"timeout":30000,"maxInterval":10000}}}}"#
    )
}

fn connect(client_id: &str, id: u32) -> String {
    format!(
        r#"{{"channel":"/meta/connect","id":"{id}","clientId":"{client_id}","connectionType":"long-polling"}}"#
    )
}

fn connect_reply(id: u32) -> String {
    format!(r#"{{"channel":"/meta/connect","id":"{id}","successful":true}}"#)
}

fn subscribe(client_id: &str, channel: &str) -> String {
    format!(
        r#"{{"channel":"/meta/subscribe","id":"2","clientId":"{client_id}","subscription":"{channel}"}}"#
    )
}

fn publish(client_id: &str, id: u32) -> String {
    format!(r#"{{"channel":"/demo","id":"{id}","clientId":"{client_id}","data":1}}"#)
}

#[test]
fn requests_are_paired_with_their_replies_and_connects_are_held() {
    let mut scenario = Scenario::new();
    scenario.handshakes("one");
    scenario.asks(1, subscribe("one", "/demo"));
    scenario.passes(4);
    scenario.answers(
        1,
        r#"{"channel":"/meta/subscribe","id":"2","subscription":"/demo","successful":true}"#,
    );
    scenario.asks(1, connect("one", 3));
    scenario.passes(10);
    scenario.asks(2, publish("one", 4));
    scenario.passes(2);
    scenario.answers(2, r#"{"channel":"/demo","id":"4","successful":true}"#);
    scenario.passes(1_000);
    scenario.answers(
        1,
        format!(r#"{{"channel":"/demo","data":1}},{}"#, connect_reply(3)),
    );
    assert_eq!(
        scenario.noticed(),
        [
            "#1 /meta/handshake",
            "answer #1 0 ms",
            "session 1 opened as one",
            "#2 /meta/subscribe of 1",
            "answer #2 4 ms",
            "#3 /meta/connect of 1 held up to 30000 ms",
            "#4 /demo of 1",
            "answer #4 2 ms",
            "delivery /demo of 1",
            "answer #3 1012 ms",
        ]
    );
}

#[test]
fn a_lost_session_is_replaced_and_its_subscriptions_come_back() {
    let mut scenario = Scenario::connected();
    scenario.passes(2_000);
    scenario.asks(1, connect("one", 3));
    scenario.answers(1, UNKNOWN);
    scenario.passes(500);
    scenario.handshakes("two");
    scenario.passes(500);
    scenario.subscribes("two", "/demo");
    assert_eq!(
        scenario.told(),
        [
            "session 1 lost: 402::session_unknown",
            "session 2 replaces 1, owes /demo",
            // Since the refused connect: until then the server still held what came.
            "session 2 restored 1, gap 1000 ms",
        ]
    );
}

#[test]
fn a_client_that_keeps_no_connection_is_known_by_its_loss() {
    let mut scenario = Scenario::connected();
    scenario.asks(2, connect("one", 3));
    scenario.answers(2, UNKNOWN);
    scenario.passes(500);
    scenario.asks(3, HANDSHAKE);
    scenario.answers(3, handshake_reply("two"));
    assert_eq!(
        scenario.told(),
        [
            "session 1 lost: 402::session_unknown",
            "session 2 replaces 1, owes /demo",
        ]
    );
}

#[test]
fn whose_session_a_new_one_replaces_is_not_guessed() {
    // Long after the loss it is somebody else.
    let mut scenario = Scenario::connected();
    scenario.asks(2, connect("one", 3));
    scenario.answers(2, UNKNOWN);
    scenario.passes(31_000);
    scenario.asks(3, HANDSHAKE);
    scenario.answers(3, handshake_reply("two"));
    assert_eq!(scenario.told().last().unwrap(), "session 2 opened as two");
    // Two that have lost theirs may be either.
    let mut scenario = Scenario::connected();
    scenario.asks(4, HANDSHAKE);
    scenario.answers(4, handshake_reply("other"));
    for (connection, client_id) in [(5, "one"), (6, "other")] {
        scenario.asks(connection, connect(client_id, 3));
        scenario.answers(connection, UNKNOWN);
    }
    scenario.asks(7, HANDSHAKE);
    scenario.answers(7, handshake_reply("three"));
    assert_eq!(scenario.told().last().unwrap(), "session 3 opened as three");
}

#[test]
fn a_client_that_does_not_subscribe_again_is_told_with_its_second_connect() {
    let mut scenario = Scenario::connected();
    scenario.asks(1, connect("one", 3));
    scenario.answers(1, UNKNOWN);
    scenario.handshakes("two");
    scenario.asks(1, connect("two", 3));
    scenario.answers(1, connect_reply(3));
    scenario.told();
    scenario.asks(1, connect("two", 4));
    assert_eq!(scenario.told(), ["session 2 goes on without /demo"]);
    scenario.answers(1, connect_reply(4));
    scenario.asks(1, connect("two", 5));
    assert_eq!(scenario.told(), [""; 0]);
}

#[test]
fn a_subscription_that_is_refused_the_second_time_is_told_at_once() {
    let mut scenario = Scenario::connected();
    scenario.asks(1, connect("one", 3));
    scenario.answers(1, UNKNOWN);
    scenario.handshakes("two");
    scenario.told();
    scenario.asks(1, subscribe("two", "/demo"));
    scenario.answers(
        1,
        r#"{"channel":"/meta/subscribe","id":"2","subscription":"/demo","successful":false,"error":"403::denied"}"#,
    );
    assert_eq!(scenario.told(), ["session 2 goes on without /demo"]);
}

#[test]
fn another_handshake_on_a_websocket_takes_the_place_of_a_living_session() {
    let mut scenario = Scenario::new();
    scenario.connection_type = ConnectionType::WebSocket;
    scenario.handshakes("one");
    scenario.subscribes("one", "/demo");
    scenario.told();
    scenario.handshakes("two");
    assert_eq!(
        scenario.told(),
        [
            "session 1 lost: another handshake took its place",
            "session 2 replaces 1, owes /demo",
        ]
    );
}

#[test]
fn another_handshake_on_a_shared_connection_is_another_client() {
    let mut scenario = Scenario::connected();
    scenario.handshakes("two");
    assert_eq!(scenario.told(), ["session 2 opened as two"]);
}

#[test]
fn a_session_whose_handshake_was_not_seen_is_joined() {
    let mut scenario = Scenario::new();
    scenario.asks(1, connect("one", 3));
    scenario.answers(
        1,
        format!(r#"{{"channel":"/unseen","data":1}},{}"#, connect_reply(3)),
    );
    // Nothing is known of its subscriptions, so that nothing is said about them.
    assert_eq!(scenario.told(), ["session 1 joined as one"]);
}

#[test]
fn a_session_ends_and_what_comes_after_is_a_mistake() {
    let mut scenario = Scenario::connected();
    scenario.asks(
        1,
        r#"{"channel":"/meta/disconnect","id":"9","clientId":"one"}"#,
    );
    scenario.answers(
        1,
        r#"{"channel":"/meta/disconnect","id":"9","successful":true}"#,
    );
    scenario.asks(1, publish("one", 10));
    assert_eq!(
        scenario.told(),
        ["session 1 ended", "rule msg.ended-session of 1"]
    );
}

#[test]
fn a_server_that_disconnects_ends_the_session() {
    let mut scenario = Scenario::connected();
    scenario.asks(1, connect("one", 4));
    scenario.answers(
        1,
        format!(r#"{{"channel":"/meta/disconnect"}},{}"#, connect_reply(4)),
    );
    assert_eq!(scenario.told(), ["session 1 ended"]);
}

#[test]
fn two_connects_at_once_are_told_unless_the_first_connection_ended() {
    let mut scenario = Scenario::connected();
    scenario.asks(1, connect("one", 4));
    scenario.sees(1, Seen::Closed);
    scenario.asks(2, connect("one", 5));
    assert_eq!(scenario.told(), [""; 0]);
    scenario.asks(3, connect("one", 6));
    assert_eq!(scenario.told(), ["rule con.single of 1"]);
}

#[test]
fn a_connect_that_the_client_gave_up_waits_no_more() {
    let mut scenario = Scenario::new();
    scenario.connection_type = ConnectionType::WebSocket;
    scenario.handshakes("one");
    scenario.asks(1, publish("one", 7));
    scenario.asks(1, connect("one", 8));
    scenario.noticed();
    scenario.sees(1, Seen::GivenUp);
    scenario.asks(1, connect("one", 9));
    scenario.answers(1, r#"{"channel":"/demo","id":"7","successful":true}"#);
    assert_eq!(
        scenario.noticed(),
        [
            "unanswered #3: the client gave it up",
            "#4 /meta/connect of 1 held up to 30000 ms",
            "answer #2 0 ms",
        ]
    );
}

#[test]
fn connects_too_early_and_too_late() {
    let mut scenario = Scenario::connected();
    scenario.passes(9_000);
    scenario.asks(1, connect("one", 4));
    scenario.answers(
        1,
        r#"{"channel":"/meta/connect","id":"4","successful":true,"advice":{"interval":2000,"maxInterval":10000}}"#,
    );
    assert_eq!(scenario.told(), [""; 0]);
    scenario.passes(1_000);
    scenario.asks(1, connect("one", 5));
    assert_eq!(scenario.told(), ["rule adv.interval of 1"]);
    scenario.answers(1, connect_reply(5));
    scenario.passes(12_100);
    scenario.asks(1, connect("one", 6));
    assert_eq!(scenario.told(), ["rule con.expiry of 1"]);
}

#[test]
fn advice_that_is_not_followed() {
    let mut scenario = Scenario::connected();
    scenario.asks(1, connect("one", 3));
    scenario.answers(1, UNKNOWN);
    scenario.told();
    scenario.asks(1, connect("one", 4));
    assert_eq!(scenario.told(), ["rule adv.handshake of 1"]);

    let mut scenario = Scenario::connected();
    scenario.asks(1, connect("one", 3));
    scenario.answers(
        1,
        r#"{"channel":"/meta/connect","id":"3","successful":false,"error":"403::no","advice":{"reconnect":"none"}}"#,
    );
    scenario.told();
    scenario.asks(1, connect("one", 4));
    assert_eq!(scenario.told(), ["rule adv.none of 1"]);
}

#[test]
fn a_connect_that_is_held_longer_than_advised() {
    let mut scenario = Scenario::connected();
    scenario.asks(1, connect("one", 4));
    scenario.passes(34_000);
    scenario.answers(1, connect_reply(4));
    assert_eq!(scenario.told(), [""; 0]);
    scenario.asks(1, connect("one", 5));
    scenario.passes(36_000);
    scenario.answers(1, connect_reply(5));
    assert_eq!(scenario.told(), ["rule con.hold of 1"]);
}

#[test]
fn connects_that_are_answered_at_once_over_and_over() {
    let mut scenario = Scenario::connected();
    for id in 10..13 {
        scenario.asks(1, connect("one", id));
        scenario.answers(1, connect_reply(id));
    }
    assert_eq!(scenario.told(), [""; 0]);
    scenario.asks(1, connect("one", 13));
    scenario.answers(1, connect_reply(13));
    assert_eq!(scenario.told(), ["rule con.loop of 1"]);
}

#[test]
fn a_cookie_that_does_not_come_back() {
    let mut scenario = Scenario::new();
    scenario.asks(1, HANDSHAKE);
    scenario.answers_with(1, handshake_reply("one"), 200, &["BAYEUX_BROWSER"]);
    scenario.cookies.push("BAYEUX_BROWSER".to_owned());
    scenario.subscribes("one", "/demo");
    assert_eq!(scenario.told(), ["session 1 opened as one"]);
    scenario.cookies.clear();
    scenario.asks(1, connect("one", 3));
    assert_eq!(scenario.told(), ["rule cookie.returned of 1"]);
}

#[test]
fn what_an_http_response_leaves_out_will_not_come() {
    let mut scenario = Scenario::connected();
    let requests = format!("{},{}", publish("one", 7), publish("one", 8));
    scenario.asks(1, requests);
    scenario.answers(1, r#"{"channel":"/demo","id":"8","successful":true}"#);
    assert_eq!(
        scenario.noticed()[2..],
        [
            "answer #5 0 ms",
            "unanswered #4: the response ended without a reply to it",
            "rule msg.batch-order of 1",
        ]
    );
    scenario.asks(1, connect("one", 9));
    scenario.answers_with(1, "", 502, &[]);
    assert_eq!(
        scenario.noticed()[1..],
        ["rule http.status of 1", "unanswered #6: HTTP 502"]
    );
    assert!(scenario.watch.waiting().next().is_none());
}

#[test]
fn replies_with_wrong_ids_or_to_nothing() {
    let mut scenario = Scenario::connected();
    scenario.asks(1, publish("one", 7));
    scenario.answers(
        1,
        r#"{"channel":"/demo","id":"70","successful":true},{"channel":"/demo","id":"7","successful":true}"#,
    );
    assert_eq!(
        scenario.told(),
        ["rule hs.id-echo of 1", "rule msg.unasked of 1"]
    );
}

#[test]
fn an_id_that_is_in_use() {
    let mut scenario = Scenario::new();
    scenario.connection_type = ConnectionType::WebSocket;
    scenario.handshakes("one");
    scenario.asks(1, publish("one", 7));
    scenario.told();
    scenario.asks(1, publish("one", 7));
    assert_eq!(scenario.told(), ["rule msg.id-unique of 1"]);
}

#[test]
fn deliveries_that_come_again_or_were_not_asked_for() {
    let mut scenario = Scenario::connected();
    let event = r#"{"channel":"/demo","data":{"event":{"replayId":7}}}"#;
    scenario.asks(1, connect("one", 4));
    scenario.answers(1, format!("{event},{}", connect_reply(4)));
    assert_eq!(scenario.told(), [""; 0]);
    scenario.asks(1, connect("one", 5));
    let other = r#"{"channel":"/other","data":1},{"channel":"/other","data":1}"#;
    scenario.answers(1, format!("{event},{other},{}", connect_reply(5)));
    assert_eq!(
        scenario.noticed(),
        [
            "#5 /meta/connect of 1 held up to 30000 ms",
            "delivery /demo of 1 again",
            "rule evt.twice of 1",
            "delivery /other of 1",
            "rule evt.subscribed of 1",
            // The same text is no proof that it is the same message.
            "delivery /other of 1",
            "answer #5 0 ms",
        ]
    );
    let session = scenario.watch.sessions().next().unwrap();
    assert_eq!((session.n_deliveries, session.n_duplicates), (4, 1));
}

#[test]
fn a_rule_is_told_once_a_session_and_counted_always() {
    let mut scenario = Scenario::connected();
    for id in [7, 8] {
        scenario.asks(
            1,
            format!(r#"{{"channel":"/demo","id":"{id}","clientId":"one"}}"#),
        );
        scenario.answers(
            1,
            format!(r#"{{"channel":"/demo","id":"{id}","successful":true}}"#),
        );
    }
    assert_eq!(scenario.told(), ["rule pub.data-required of 1"]);
    let counted: Vec<_> = scenario.watch.n_breaches().collect();
    assert_eq!((counted[0].0.id, counted[0].1), ("pub.data-required", 2));
}

#[test]
fn a_server_that_never_answers_does_not_fill_the_memory() {
    let mut scenario = Scenario::new();
    scenario.connection_type = ConnectionType::WebSocket;
    for id in 0..1_100 {
        scenario.asks(1, publish("one", id));
    }
    assert_eq!(scenario.watch.waiting().count(), 1_000);
    let noticed = scenario.noticed();
    assert!(noticed.contains(&"unanswered #1: too many requests wait for a reply".to_owned()));
}

mod property {
    use proptest::prelude::*;

    use super::*;

    /// Anything that a client or a server may say, sensible or not.
    fn message() -> impl Strategy<Value = String> {
        let channel = prop_oneof![
            Just("/meta/handshake"),
            Just("/meta/connect"),
            Just("/meta/subscribe"),
            Just("/meta/unsubscribe"),
            Just("/meta/disconnect"),
            Just("/demo"),
            Just(""),
        ];
        let rest = prop_oneof![
            Just(""),
            Just(r#","successful":true"#),
            Just(r#","successful":false,"error":"402::session_unknown""#),
            Just(r#","advice":{"reconnect":"handshake","interval":-1,"timeout":1e300}"#),
            Just(r#","subscription":["/demo","/**",""]"#),
            Just(r#","data":{"event":{"replayId":1}}"#),
        ];
        (channel, 0..4_u8, "[ab]?", rest, rest_again()).prop_map(
            |(channel, id, client_id, rest, more)| {
                format!(
                    r#"{{"channel":"{channel}","id":"{id}","clientId":"{client_id}"{rest}{more}}}"#
                )
            },
        )
    }

    fn rest_again() -> impl Strategy<Value = &'static str> {
        prop_oneof![Just(""), Just(r#","successful":true"#), Just(r#","id":[]"#)]
    }

    proptest! {
        #[test]
        fn any_order_of_anything_is_watched_without_panic(
            steps in proptest::collection::vec(
                (0..6_u8, 1..4_u64, proptest::collection::vec(message(), 0..3), 0..60_000_u64),
                0..60,
            ),
        ) {
            let mut scenario = Scenario::new();
            let mut n_seen = 0;
            for (what, connection, messages, milliseconds) in steps {
                scenario.passes(milliseconds);
                n_seen += match what {
                    0..=3 => messages.len(),
                    _ => 0,
                };
                match what {
                    0 | 1 => scenario.asks(connection, messages.join(",")),
                    2 => scenario.answers(connection, messages.join(",")),
                    3 => scenario.answers_with(connection, messages.join(","), 500, &["c"]),
                    4 => scenario.sees(connection, Seen::Closed),
                    _ => scenario.sees(connection, Seen::GivenUp),
                }
            }
            let mut n_told = 0;
            let mut summary = crate::traffic::Summary::default();
            let mut last = Duration::ZERO;
            while let Some(noticed) = scenario.watch.poll() {
                prop_assert!(noticed.at() >= last);
                last = noticed.at();
                summary.add(&noticed);
                n_told += usize::from(matches!(
                    noticed,
                    Noticed::Asked(_) | Noticed::Answered(_) | Noticed::Delivered(_)
                ));
            }
            // Each message is told exactly once.
            prop_assert_eq!(n_told, n_seen);
        }
    }
}
