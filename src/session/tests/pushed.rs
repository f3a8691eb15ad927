//! Conversations over a websocket: requests leave one after the other, and what the server
//! has to say comes on its own.

use std::time::{Duration, Instant};

use crate::protocol::{ConnectionType, Message, meta};
use crate::session::extension::Ack;
use crate::session::{Event, ExchangeId, Session, Settings, Stage};

use super::scenario::{failure, permanent, settings};

/// A session and what it sent, message by message.
struct Socket {
    session: Session,
    now: Instant,
    sent: Vec<Message>,
    last: Option<ExchangeId>,
}

impl Socket {
    fn new(settings: Settings) -> Self {
        let now = Instant::now();
        let mut session = Session::new(settings);
        session.handshake(now);
        Self {
            session,
            now,
            sent: Vec::new(),
            last: None,
        }
    }

    fn connected() -> Self {
        let mut socket = Self::new(Settings {
            connection_type: ConnectionType::WebSocket,
            ..settings()
        });
        socket.session.subscribe("/demo".parse().unwrap());
        socket.expect_sent(&["/meta/handshake"]);
        socket.replies(
            meta::HANDSHAKE,
            r#""successful":true,"clientId":"one","advice":{"reconnect":"retry","interval":0,"timeout":30000}"#,
        );
        socket.expect_sent(&["/meta/subscribe"]);
        socket.replies(meta::SUBSCRIBE, r#""successful":true"#);
        socket.expect_sent(&["/meta/connect"]);
        socket.replies(meta::CONNECT, r#""successful":true"#);
        socket.expect_sent(&["/meta/connect"]);
        socket.events();
        socket
    }

    fn timeout(&self) -> Option<Instant> {
        self.session.poll_timeout()
    }

    /// Everything that is sent now leaves at once.
    fn expect_sent(&mut self, channels: &[&str]) {
        let mut sent = Vec::new();
        while let Some(transmit) = self.session.poll_transmit(self.now) {
            self.session.handle_sent(self.now, transmit.exchange);
            self.last = Some(transmit.exchange);
            sent.extend(transmit.messages);
            assert!(sent.len() < 100, "it never ends");
        }
        let names: Vec<&str> = sent.iter().map(Message::channel).collect();
        assert_eq!(names, channels);
        self.sent.extend(sent);
    }

    /// Replies to the oldest message on the channel.
    fn replies(&mut self, channel: &str, fields: &str) {
        let at = self.sent.iter().position(|it| it.channel() == channel);
        let asked = self.sent.remove(at.expect("something to reply to"));
        let id = asked.id().unwrap();
        self.pushes(channel, &format!(r#""id":"{id}",{fields}"#));
    }

    fn pushes(&mut self, channel: &str, fields: &str) {
        let raw = format!(r#"{{"channel":"{channel}",{fields}}}"#);
        let messages = vec![Message::parse(&raw).unwrap()];
        self.session.handle_messages(self.now, messages);
    }

    fn passes(&mut self, time: Duration) {
        self.now += time;
        self.session.handle_timeout(self.now);
    }

    fn events(&mut self) -> Vec<String> {
        let mut names = Vec::new();
        while let Some(event) = self.session.poll_event() {
            let text = format!("{event:?}");
            names.push(match event {
                Event::Received { message } => message.data().unwrap().to_owned(),
                _ => text.split([' ', '(', '{']).next().unwrap().to_owned(),
            });
        }
        names
    }
}

#[test]
fn deliveries_come_while_the_connect_is_held() {
    let mut socket = Socket::connected();
    socket.pushes("/demo", r#""data":1"#);
    socket.pushes("/demo", r#""data":2"#);
    assert_eq!(socket.events(), ["1", "2"]);
    socket.expect_sent(&[]);
    socket.replies(meta::CONNECT, r#""successful":true"#);
    socket.expect_sent(&["/meta/connect"]);
}

#[test]
fn publishes_leave_without_waiting_for_each_other_and_replies_come_in_any_order() {
    let mut socket = Socket::connected();
    for n in 0..3 {
        socket
            .session
            .publish("/demo".parse().unwrap(), n.to_string().parse().unwrap());
        socket.expect_sent(&["/demo"]);
    }
    socket.sent.reverse();
    for _ in 0..3 {
        socket.replies("/demo", r#""successful":true"#);
    }
    assert_eq!(socket.events(), ["Acknowledged"; 3]);
}

#[test]
fn no_more_publishes_leave_than_can_be_kept_track_of() {
    let mut socket = Socket::connected();
    for n in 0..1000 {
        socket
            .session
            .publish("/demo".parse().unwrap(), n.to_string().parse().unwrap());
    }
    let mut n_sent = 0;
    while let Some(transmit) = socket.session.poll_transmit(socket.now) {
        socket.session.handle_sent(socket.now, transmit.exchange);
        n_sent += transmit.messages.len();
    }
    assert!((256..300).contains(&n_sent), "{n_sent}");
}

#[test]
fn a_disconnect_is_sent_once() {
    let mut socket = Socket::connected();
    socket.session.disconnect();
    socket.expect_sent(&["/meta/disconnect"]);
    socket.expect_sent(&[]);
    socket.replies(meta::DISCONNECT, r#""successful":true"#);
    assert_eq!(socket.events(), ["Ended"]);
}

#[test]
fn a_socket_that_ends_is_told_once_and_the_session_goes_on() {
    let mut socket = Socket::connected();
    let data = "1".parse().unwrap();
    socket.session.publish("/demo".parse().unwrap(), data);
    socket.session.subscribe("/more".parse().unwrap());
    socket.expect_sent(&["/meta/subscribe", "/demo"]);
    let failure = failure(Stage::Interrupted);
    socket.session.handle_disconnected(socket.now, &failure);
    assert_eq!(socket.events(), ["Reconnecting", "Unacknowledged"]);
    socket.expect_sent(&[]);
    let due = socket.session.poll_timeout().unwrap();
    socket.passes(due - socket.now);
    socket.sent.clear();
    socket.expect_sent(&["/meta/subscribe", "/meta/connect"]);
    socket.replies(meta::CONNECT, r#""successful":true"#);
    socket.replies(meta::SUBSCRIBE, r#""successful":true"#);
    assert_eq!(socket.events(), ["Reconnected", "Subscribed"]);
}

#[test]
fn a_socket_that_ends_between_two_connects_has_lost_what_was_on_its_way_as_well() {
    let mut socket = Socket::new(Settings {
        connection_type: ConnectionType::WebSocket,
        extensions: vec![Box::new(Ack::new())],
        ..settings()
    });
    socket.expect_sent(&["/meta/handshake"]);
    socket.replies(
        meta::HANDSHAKE,
        r#""successful":true,"clientId":"one","ext":{"ack":true},"advice":{"interval":2000}"#,
    );
    socket.expect_sent(&["/meta/connect"]);
    socket.replies(meta::CONNECT, r#""successful":true,"ext":{"ack":0}"#);
    socket.pushes("/demo", r#""data":1"#);
    socket.events();
    let failure = failure(Stage::Interrupted);
    socket.session.handle_disconnected(socket.now, &failure);
    assert_eq!(socket.events(), ["Reconnecting"]);
    socket.passes(Duration::from_secs(2));
    socket.expect_sent(&["/meta/connect"]);
    socket.pushes("/demo", r#""data":1"#);
    socket.pushes("/demo", r#""data":2"#);
    assert_eq!(socket.events(), ["Duplicate", "2"]);
}

#[test]
fn a_server_that_ends_the_socket_at_each_subscribe_is_not_asked_again_at_once() {
    let mut socket = Socket::new(Settings {
        connection_type: ConnectionType::WebSocket,
        ..settings()
    });
    socket.session.subscribe("/demo".parse().unwrap());
    socket.expect_sent(&["/meta/handshake"]);
    socket.replies(meta::HANDSHAKE, r#""successful":true,"clientId":"one""#);
    socket.events();
    for _ in 0..3 {
        socket.expect_sent(&["/meta/subscribe"]);
        let failure = failure(Stage::Interrupted);
        socket.session.handle_disconnected(socket.now, &failure);
        assert_eq!(socket.events(), ["Reconnecting"]);
        socket.expect_sent(&[]);
        let due = socket.session.poll_timeout().unwrap();
        socket.passes(due - socket.now);
    }
}

#[test]
fn a_policy_that_forbids_the_websocket_ends_the_session() {
    let mut socket = Socket::connected();
    let failure = permanent(Stage::Interrupted);
    socket.session.handle_disconnected(socket.now, &failure);
    assert_eq!(socket.events(), ["Ended"]);
}

#[test]
fn a_reply_that_never_comes_is_given_up_after_hold_and_network_timeout() {
    let mut socket = Socket::connected();
    socket.passes(Duration::from_secs(39));
    assert_eq!(socket.events(), [""; 0]);
    socket.passes(Duration::from_secs(1));
    assert_eq!(socket.events(), ["Reconnecting"]);
    // GetStream's websocket never answers a connect, and delivers all the same.
    for _ in 0..20 {
        socket.pushes("/demo", r#""data":1"#);
        socket.passes(Duration::from_secs(10));
        while let Some(transmit) = socket.session.poll_transmit(socket.now) {
            assert_eq!(transmit.messages[0].channel(), meta::CONNECT);
            socket.session.handle_sent(socket.now, transmit.exchange);
        }
    }
    let events = socket.events();
    assert!(!events.contains(&"SessionLost".to_owned()), "{events:?}");
}

#[test]
fn connects_that_return_at_once_for_ever_end_the_session_here_as_well() {
    let mut socket = Socket::connected();
    for _ in 0..19 {
        socket.replies(meta::CONNECT, r#""successful":true"#);
        socket.expect_sent(&["/meta/connect"]);
    }
    socket.replies(meta::CONNECT, r#""successful":true"#);
    assert_eq!(socket.events(), ["Ended"]);
}

#[test]
fn a_session_begins_anew_over_long_polling() {
    let mut socket = Socket::new(Settings {
        connection_type: ConnectionType::WebSocket,
        ..settings()
    });
    let first = socket.session.poll_transmit(socket.now).unwrap();
    assert!(first.messages[0].raw().contains(r#"["websocket"]"#));
    socket
        .session
        .fall_back(socket.now, ConnectionType::LongPolling);
    let second = socket.session.poll_transmit(socket.now).unwrap();
    assert!(second.messages[0].raw().contains(r#"["long-polling"]"#));
    assert_eq!(socket.events(), [""; 0]);
}

#[test]
fn who_leaves_before_there_is_a_session_does_not_begin_anew() {
    let mut socket = Socket::new(Settings {
        connection_type: ConnectionType::WebSocket,
        ..settings()
    });
    assert!(socket.session.poll_transmit(socket.now).is_some());
    socket.session.disconnect();
    socket
        .session
        .fall_back(socket.now, ConnectionType::LongPolling);
    assert!(socket.session.poll_transmit(socket.now).is_none());
    assert_eq!(socket.events(), ["Ended"]);
}

#[test]
fn deliveries_alone_lead_to_events_and_to_nothing_else() {
    let delivery = |advice: &str| {
        let raw = format!(r#"{{"channel":"/demo","data":1{advice}}}"#);
        Message::parse(&raw).unwrap()
    };
    let advices = [
        "",
        r#","advice":{"reconnect":"none"}"#,
        r#","advice":{"reconnect":"handshake","interval":0}"#,
        r#","advice":{"reconnect":"retry","interval":0,"timeout":1,"maxInterval":1}"#,
    ];
    for advice in advices {
        let mut socket = Socket::connected();
        let before = socket.timeout();
        let messages = vec![delivery(advice), delivery("")];
        socket.session.handle_messages(socket.now, messages);
        assert!(socket.session.poll_transmit(socket.now).is_none());
        assert!(socket.session.poll_cancel().is_none());
        assert!(socket.timeout() >= before && before.is_some());
        assert_eq!(socket.events().len(), 2);
        assert!(!socket.session.is_ended());
    }
}
