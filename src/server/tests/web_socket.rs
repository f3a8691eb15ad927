//! Websockets over real connections, with the client of another library.

use std::net::Shutdown;
use std::sync::{Mutex, Weak};

use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::protocol::{Role, WebSocketConfig};
use tungstenite::{Message, WebSocket};

use super::*;
use crate::protocol::ConnectionType;

const UPGRADE: &str = "GET /cometd HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\
     Connection: keep-alive, Upgrade\r\nSec-WebSocket-Version: 13\r\n\
     Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// One websocket. `'` stands for `"`.
pub(super) struct Socket(WebSocket<TcpStream>);

impl Socket {
    pub(super) fn open(server: &Server) -> Self {
        let (mut client, rest) = upgraded(server, UPGRADE);
        assert_eq!(rest.status, 101);
        assert!(client.socket.buffer().is_empty());
        let socket = client.socket.get_mut().try_clone().unwrap();
        let config = WebSocketConfig::default().read_buffer_size(4096);
        Self(WebSocket::from_raw_socket(
            socket,
            Role::Client,
            Some(config),
        ))
    }

    /// A websocket with a session that has made its first connect, and the client id.
    fn connected(server: &Server) -> (Self, String) {
        let mut socket = Self::open(server);
        let handshake = socket.exchange("[{'channel':'/meta/handshake'}]");
        let client_id = handshake.split("'clientId':'").nth(1).unwrap();
        let client_id = client_id.split('\'').next().unwrap().to_owned();
        socket.exchange(&connect(&client_id));
        (socket, client_id)
    }

    /// The same, subscribed, with a connect that is held.
    pub(super) fn held(server: &Server, subscription: &str) -> (Self, String) {
        let (mut socket, client_id) = Self::connected(server);
        let reply = socket.exchange(&subscribe(&client_id, subscription));
        assert!(reply.contains("true"), "{reply}");
        socket.send(&connect(&client_id));
        (socket, client_id)
    }

    pub(super) fn send(&mut self, text: &str) {
        self.0.send(text.replace('\'', "\"").into()).unwrap();
    }

    pub(super) fn receive(&mut self) -> String {
        match self.0.read().unwrap() {
            Message::Text(text) => text.replace('"', "'"),
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn exchange(&mut self, text: &str) -> String {
        self.send(text);
        self.receive()
    }

    /// The code and reason with which the server closed it.
    fn closed(&mut self) -> (CloseCode, String) {
        let close = loop {
            if let Message::Close(close) = self.0.read().unwrap() {
                break close.unwrap();
            }
        };
        assert!(matches!(
            self.0.read(),
            Err(tungstenite::Error::ConnectionClosed)
        ));
        (close.code, close.reason.to_string())
    }
}

/// A connection, and the head of the response to this request.
fn upgraded(server: &Server, request: &str) -> (Client, Response) {
    let mut client = Client::new(server);
    client.write(request);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert_ne!(client.socket.read_line(&mut head).unwrap(), 0, "{head}");
    }
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let body = String::new();
    (client, Response { status, head, body })
}

#[test]
fn a_publish_is_pushed_and_leaves_the_connect_held() {
    let server = bind(Settings {
        timeout: Duration::from_millis(500),
        ..Settings::default()
    });
    let (mut subscriber, _) = Socket::held(&server, "/**");
    let (mut publisher, client_id) = Socket::connected(&server);
    for data in ["{'n':1.00,'big':9007199254740993}", "2"] {
        let reply = publisher.exchange(&publish(&client_id, data));
        assert_eq!(reply, "[{'channel':'/demo','successful':true}]");
        let pushed = subscriber.receive();
        assert_eq!(pushed, format!("[{{'data':{data},'channel':'/demo'}}]"));
    }
    let reply = subscriber.receive();
    assert_eq!(reply, "[{'channel':'/meta/connect','successful':true}]");
    assert_eq!(server.n_sessions(), 2);
}

#[test]
fn the_response_to_the_upgrade_is_that_of_the_specification() {
    // The key and its answer are those of RFC 6455, 1.3.
    let server = bind(Settings::default());
    let offer = UPGRADE.replace("Host: a", "Sec-WebSocket-Protocol: x, bayeux");
    let accept = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";
    for request in [UPGRADE, &offer] {
        let (_, response) = upgraded(&server, request);
        assert_eq!(response.status, 101);
        assert!(response.head.contains(accept), "{}", response.head);
        assert!(!response.head.contains("Protocol:"), "{}", response.head);
    }
    let server = bind(Settings {
        web_socket_protocol: Some("bayeux".into()),
        ..Settings::default()
    });
    let (_, response) = upgraded(&server, &offer);
    assert!(response.head.contains("Sec-WebSocket-Protocol: bayeux\r\n"));
    let (_, response) = upgraded(&server, UPGRADE);
    assert!(!response.head.contains("Protocol:"), "{}", response.head);
}

#[test]
fn upgrades_that_are_none_are_refused() {
    let server = bind(Settings::default());
    for (was, is, status) in [
        ("Sec-WebSocket-Version: 13", "Sec-WebSocket-Version: 8", 426),
        ("Sec-WebSocket-Version: 13", "A: b", 426),
        ("Sec-WebSocket-Key", "Sec-WebSocket-Kay", 400),
        ("dGhlIHNhbXBsZSBub25jZQ==", "short", 400),
        ("keep-alive, Upgrade", "keep-alive", 400),
        ("HTTP/1.1", "HTTP/1.0", 400),
        ("/cometd", "/other", 404),
        ("Upgrade: websocket", "Upgrade: h2c", 400),
        ("GET", "HEAD", 405),
    ] {
        let (mut client, response) = upgraded(&server, &UPGRADE.replace(was, is));
        assert_eq!(response.status, status, "{was} -> {is}");
        let versions = response.head.matches("Sec-WebSocket-Version: 13\r\n");
        assert_eq!(versions.count(), usize::from(status == 426));
        client.socket.read_to_end(&mut Vec::new()).unwrap();
    }
}

#[test]
fn frames_may_come_with_the_request_and_in_pieces() {
    let server = bind(Settings::default());
    let mut client = Client::new(&server);
    // Masked with zeros: a ping, and `[]` in two fragments.
    let mut bytes = UPGRADE.as_bytes().to_vec();
    bytes.extend([0x89, 0x80, 0, 0, 0, 0]);
    bytes.extend([0x01, 0x81, 0, 0, 0, 0, b'[']);
    bytes.extend([0x80, 0x81, 0, 0, 0, 0, b']']);
    client.socket.get_mut().write_all(&bytes).unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"[]") {
        let buffer = client.socket.fill_buf().unwrap();
        assert!(!buffer.is_empty());
        let length = buffer.len();
        answer.extend_from_slice(buffer);
        client.socket.consume(length);
    }
    assert!(answer.ends_with(b"\r\n\r\n\x8a\x00\x81\x02[]"));
}

#[test]
fn batches_lone_messages_heartbeats_and_pings_are_answered() {
    let server = bind(Settings::default());
    let (mut socket, client_id) = Socket::held(&server, "/demo");
    assert_eq!(socket.exchange("[]"), "[]");
    let batch = format!(
        "[{{'channel':'/demo','id':1,'clientId':'{client_id}','data':1}},\
          {{'channel':'/other','id':'2','clientId':'{client_id}','data':2}},7]"
    );
    assert_eq!(
        socket.exchange(&batch),
        "[{'data':1,'channel':'/demo'},{'channel':'/demo','id':'1','successful':true},\
         {'channel':'/other','id':'2','successful':true},\
         {'error':'400::message_invalid','successful':false}]"
    );
    let lone = format!("{{'channel':'/x','clientId':'{client_id}','data':1}}");
    assert_eq!(
        socket.exchange(&lone),
        "[{'channel':'/x','successful':true}]"
    );
    let batched = "[{'channel':'/meta/handshake'},{'data':1,'channel':'/x'}]";
    assert!(socket.exchange(batched).contains("400::handshake_batched"));
    socket.0.send(Message::Ping("hello".into())).unwrap();
    assert_eq!(socket.0.read().unwrap(), Message::Pong("hello".into()));
}

#[test]
fn a_disconnect_answers_the_connect_and_leaves_the_socket_open() {
    let (server, events) = observed(Settings::default());
    let (mut socket, client_id) = Socket::held(&server, "/demo");
    let disconnect = format!("[{{'channel':'/meta/disconnect','clientId':'{client_id}'}}]");
    let connect_reply = socket.exchange(&disconnect);
    assert!(
        connect_reply.contains("'reconnect':'none'"),
        "{connect_reply}"
    );
    let reply = socket.receive();
    assert_eq!(reply, "[{'channel':'/meta/disconnect','successful':true}]");
    wait_for(&events, "closed: disconnected");
    assert_eq!(socket.exchange("[]"), "[]");
    socket.0.close(None).unwrap();
    assert!(matches!(socket.0.read(), Ok(Message::Close(None))));
    assert!(socket.0.read().is_err());
}

#[test]
fn what_is_no_bayeux_closes_the_socket_and_says_why() {
    let (server, events) = observed(Settings {
        max_body: 1000,
        ..Settings::default()
    });
    let too_long = " ".repeat(1001).as_str().into();
    for (message, code, reason) in [
        (
            Message::Binary("[]".into()),
            1003,
            "Bayeux messages come in text frames",
        ),
        ("hello".into(), 1007, "not JSON"),
        ("[{\"channel\":\"/a\"".into(), 1007, "cut off"),
        ("".into(), 1007, "empty body"),
        (too_long, 1009, "the message is longer than 1000 bytes"),
    ] {
        let mut socket = Socket::open(&server);
        socket.0.send(message).unwrap();
        let (closed_with, told) = socket.closed();
        assert_eq!(u16::from(closed_with), code);
        assert!(told.contains(reason), "{told}");
        wait_for(&events, &format!("closed {code}: {told}"));
    }
    // Not UTF-8 in a text frame; a frame that is not masked; a bit that nothing defines.
    for (frame, code) in [
        (&[0x81, 0x81, 0, 0, 0, 0, 0xff][..], CloseCode::Invalid),
        (b"\x81\x02[]", CloseCode::Protocol),
        (&[0xc1, 0x82, 0, 0, 0, 0, b'[', b']'], CloseCode::Protocol),
    ] {
        let mut socket = Socket::open(&server);
        socket.0.get_mut().write_all(frame).unwrap();
        assert_eq!(socket.closed().0, code);
    }
}

#[test]
fn a_huge_message_on_its_way_does_not_cost_the_close_frame() {
    let server = bind(Settings {
        max_body: 1000,
        ..Settings::default()
    });
    let mut socket = Socket::open(&server);
    socket
        .0
        .send(" ".repeat(3_000_000).as_str().into())
        .unwrap();
    assert_eq!(socket.closed().0, CloseCode::Size);
}

#[test]
fn a_session_outlives_its_socket_and_may_change_its_transport() {
    let server = bind(Settings::default());
    let (socket, client_id) = Socket::held(&server, "/demo");
    drop(socket);
    let mut other = Socket::open(&server);
    other.send(&connect(&client_id));
    let mut answer = other.exchange("[]");
    // Until the server noticed, its connect is held on the old one: then that is answered here.
    if answer.contains("/meta/connect") {
        answer = other.receive();
    }
    assert_eq!(answer, "[]");
    server.publish(&"/demo".parse().unwrap(), &"1".parse().unwrap());
    assert_eq!(other.receive(), "[{'data':1,'channel':'/demo'}]");

    let mut client = Client::new(&server);
    client.send(&connect(&client_id));
    let superseded = other.receive();
    assert!(superseded.contains("/meta/connect"), "{superseded}");
    server.publish(&"/demo".parse().unwrap(), &"2".parse().unwrap());
    assert!(client.response().body.contains("'data':2"));
    assert_eq!(other.exchange("[]"), "[]");
}

#[test]
fn a_session_whose_socket_broke_expires() {
    let (server, events) = observed(Settings {
        max_interval: Duration::from_millis(100),
        ..Settings::default()
    });
    let (socket, _) = Socket::held(&server, "/demo");
    socket.0.get_ref().shutdown(Shutdown::Both).unwrap();
    wait_for(&events, "closed: expired: no connect in time");
    assert_eq!(server.n_sessions(), 0);
}

#[test]
fn two_hundred_sockets_get_everything_in_order() {
    let server = bind(Settings::default());
    let mut sockets: Vec<_> = (0..200).map(|_| Socket::held(&server, "/demo").0).collect();
    // Every held connect has arrived.
    for socket in &mut sockets {
        assert_eq!(socket.exchange("[]"), "[]");
    }
    thread_publishes(&server, 50);
    for socket in &mut sockets {
        let mut numbers = Vec::new();
        while numbers.len() < 50 {
            let text = socket.receive();
            let data = text.split("'data':").skip(1);
            numbers.extend(data.map(|it| it.split(',').next().unwrap().parse::<u32>().unwrap()));
            assert!(!text.contains("/meta/connect"), "{text}");
        }
        assert!(numbers.iter().copied().eq(0..50), "{numbers:?}");
    }
}

/// Publishes these many numbers, by two sessions in turn, each over a socket of its own.
fn thread_publishes(server: &Server, n_numbers: u32) {
    let mut publishers = [Socket::connected(server), Socket::connected(server)];
    for n in 0..n_numbers {
        let (socket, client_id) = &mut publishers[n as usize % 2];
        let reply = socket.exchange(&publish(client_id, &n.to_string()));
        assert!(reply.contains("true"), "{reply}");
    }
}

#[test]
fn a_reader_that_takes_nothing_stops_nobody_and_loses_its_session_at_the_limit() {
    let (server, events) = observed(Settings {
        max_queue_bytes: 1_000_000,
        ..Settings::default()
    });
    let (mut lazy, _) = Socket::held(&server, "/demo");
    assert_eq!(lazy.exchange("[]"), "[]");
    let (mut publisher, client_id) = Socket::connected(&server);
    let big = format!("'{}'", "x".repeat(900_000));
    let began = Instant::now();
    // More than the sockets' buffers take.
    let mut n_published = 0;
    while server.n_sessions() == 2 {
        let reply = publisher.exchange(&publish(&client_id, &big));
        assert!(reply.contains("true"), "{reply}");
        n_published += 1;
        assert!(n_published < 100, "nothing is limited");
    }
    assert!(began.elapsed() < PATIENCE);
    wait_for(&events, "closed: too many messages waited");
    // Once it reads again it learns that it missed something.
    let mut n_received = 0;
    loop {
        let text = lazy.receive();
        n_received += text.matches("/demo").count();
        if text.contains("402::session_unknown") {
            break;
        }
    }
    assert!(n_received < n_published);
}

#[test]
fn stopping_closes_every_socket() {
    let server = bind(Settings::default());
    let (mut held, _) = Socket::held(&server, "/demo");
    let mut idle = Socket::open(&server);
    for socket in [&mut held, &mut idle] {
        assert_eq!(socket.exchange("[]"), "[]");
    }
    let mut refused = Socket::open(&server);
    refused.send("hello");
    assert!(matches!(refused.0.read(), Ok(Message::Close(_))));
    let began = Instant::now();
    server.stop();
    assert!(
        began.elapsed() < Duration::from_secs(4),
        "it gave up waiting"
    );
    assert_eq!(held.closed(), (CloseCode::Away, "the server stops".into()));
    assert_eq!(idle.closed().0, CloseCode::Away);
}

#[test]
fn forgotten_sessions_are_told_so_over_their_sockets() {
    let server = bind(Settings::default());
    let (mut socket, _) = Socket::held(&server, "/demo");
    assert_eq!(socket.exchange("[]"), "[]");
    server.forget_sessions();
    let reply = socket.receive();
    assert!(reply.contains("402::session_unknown"), "{reply}");
    assert!(reply.contains("'reconnect':'handshake'"), "{reply}");
}

#[test]
fn the_bearer_token_of_the_upgrade_counts_for_its_frames() {
    let server = bind(Settings {
        require_token: Some(Token::new("x")),
        ..Settings::default()
    });
    let handshake = "[{'channel':'/meta/handshake','supportedConnectionTypes':['websocket']}]";
    let mut socket = Socket::open(&server);
    assert!(socket.exchange(handshake).contains("403::handshake_denied"));
    let request = UPGRADE.replace("Host: a", "Authorization: Bearer x");
    let (client, _) = upgraded(&server, &request);
    let tcp = client.socket.into_inner();
    let mut socket = Socket(WebSocket::from_raw_socket(tcp, Role::Client, None));
    assert!(socket.exchange(handshake).contains("'successful':true"));
}

#[test]
fn what_several_publish_at_once_leaves_in_one_frame() {
    /// Keeps the server from going on when it hears somebody publish on `/gate`.
    struct Gate(Mutex<(mpsc::Sender<()>, mpsc::Receiver<()>)>);

    impl Observer for Gate {
        fn observe(&self, event: &Event<'_>) {
            if let Event::Received { messages, .. } = event
                && messages.iter().any(|it| it.channel() == "/gate")
            {
                let (reached, open) = &*self.0.lock().unwrap();
                reached.send(()).unwrap();
                // A test that has failed opens it as well.
                let _ = open.recv();
            }
        }
    }

    let (reached, is_reached) = mpsc::channel();
    let (open, is_open) = mpsc::channel();
    let server = bind(Settings {
        observer: Some(Arc::new(Gate(Mutex::new((reached, is_open))))),
        ..Settings::default()
    });
    let (mut subscriber, _) = Socket::held(&server, "/demo");
    let mut publishers = [(); 3].map(|()| Socket::connected(&server));
    let publish = |(socket, client_id): &mut (Socket, String), channel| {
        socket.send(&format!(
            "[{{'channel':'{channel}','clientId':'{client_id}','data':1}}]"
        ));
    };
    publish(&mut publishers[0], "/gate");
    is_reached.recv().unwrap();
    publish(&mut publishers[1], "/demo");
    publish(&mut publishers[2], "/demo");
    open.send(()).unwrap();
    let frame = subscriber.receive();
    assert_eq!(frame.matches("'/demo'").count(), 2, "{frame}");
}

#[test]
fn the_observer_is_told_the_connection_type() {
    struct Types(Mutex<mpsc::Sender<ConnectionType>>);
    impl Observer for Types {
        fn observe(&self, event: &Event<'_>) {
            if let Event::Received {
                connection_type, ..
            }
            | Event::Sent {
                connection_type, ..
            } = event
            {
                let _ = self.0.lock().unwrap().send(*connection_type);
            }
        }
    }
    let (sender, types) = mpsc::channel();
    let server = bind(Settings {
        observer: Some(Arc::new(Types(Mutex::new(sender)))),
        ..Settings::default()
    });
    assert_eq!(Socket::open(&server).exchange("[]"), "[]");
    assert_eq!(Client::new(&server).exchange("[]"), "[]");
    let types: Vec<_> = types.try_iter().collect();
    let (socket, http) = (ConnectionType::WebSocket, ConnectionType::LongPolling);
    assert_eq!(types, [socket, socket, http, http]);
}

/// Publishes one more message whenever one was delivered.
#[derive(Default)]
struct Endless(Mutex<Weak<Server>>);

impl Observer for Endless {
    fn observe(&self, event: &Event<'_>) {
        let is_delivery = matches!(event, Event::Sent { messages, .. }
            if messages.iter().any(|it| it.channel() == "/demo"));
        let server = self.0.lock().unwrap().upgrade().filter(|_| is_delivery);
        if let Some(server) = server {
            server.publish(&"/demo".parse().unwrap(), &"1".parse().unwrap());
        }
    }
}

#[test]
fn a_client_to_which_there_is_always_more_to_send_is_heard_all_the_same() {
    let endless = Arc::new(Endless::default());
    let server = Arc::new(bind(Settings {
        observer: Some(Arc::clone(&endless) as Arc<dyn Observer>),
        ..Settings::default()
    }));
    *endless.0.lock().unwrap() = Arc::downgrade(&server);
    let (mut subscriber, client_id) = Socket::held(&server, "/demo");
    server.publish(&"/demo".parse().unwrap(), &"1".parse().unwrap());
    assert!(subscriber.receive().contains("/demo"));
    let disconnect = format!("[{{'channel':'/meta/disconnect','clientId':'{client_id}'}}]");
    subscriber.send(&disconnect);
    let reply = "{'channel':'/meta/disconnect','successful':true}";
    let began = Instant::now();
    while !subscriber.receive().contains(reply) {
        // After twice that the session would expire, for want of a connect that is heard.
        assert!(began.elapsed() < PATIENCE / 4, "it is not heard");
    }
}
