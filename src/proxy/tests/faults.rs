//! Faults between a client and a server.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use flate2::{Compress, Compression, FlushCompress};
use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{Data, OpCode};

use super::scripted::Scripted;
use super::{PATIENCE, exchanged, observed, wait_for};
use crate::client::{self, Client, Notice};
use crate::protocol::{Channel, ConnectionType, Json};
use crate::proxy::{Event as Passed, Proxy, ProxyError, Settings, What};
use crate::server::frames::text_frame;
use crate::server::{self, Server};
use crate::session::Event;

const TYPES: [ConnectionType; 3] = [
    ConnectionType::LongPolling,
    ConnectionType::CallbackPolling,
    ConnectionType::WebSocket,
];

struct Scene {
    server: Server,
    proxy: Proxy,
    passed: mpsc::Receiver<Passed>,
    client: Client,
    /// What came while something else was waited for.
    received: VecDeque<String>,
    deadline: Instant,
}

impl Scene {
    fn new(connection_type: ConnectionType, faults: &[&str]) -> Self {
        let server = Server::bind("127.0.0.1:0", server::Settings::default()).unwrap();
        let (proxy, passed) = observed(&server.url(), |settings| {
            settings.faults = faults.iter().map(|it| it.parse().unwrap()).collect();
        });
        let endpoint = proxy.url().parse().unwrap();
        let mut settings = client::Settings::new(endpoint).over(connection_type);
        settings.transport.network_timeout = Duration::from_secs(1);
        let mut client = Client::new(settings).unwrap();
        client.subscribe("/demo".parse().unwrap());
        Self {
            server,
            proxy,
            passed,
            client,
            received: VecDeque::new(),
            deadline: Instant::now() + PATIENCE,
        }
    }

    fn publish(&mut self, data: &str) {
        let channel: Channel = "/demo".parse().unwrap();
        let data: Json = data.parse().unwrap();
        self.client.publish(channel, data);
    }

    /// Waits until the client says so.
    fn until(&mut self, is_it: impl Fn(&Event) -> bool) -> Event {
        loop {
            match self.client.next(Some(self.deadline)) {
                Some(Notice::Event(event)) => {
                    if let Event::Received { message } = &event {
                        self.received.push_back(message.data().unwrap().to_owned());
                    }
                    if is_it(&event) {
                        return event;
                    }
                }
                Some(_) => {}
                None => panic!("it did not happen"),
            }
        }
    }

    fn received(&mut self) -> String {
        while self.received.is_empty() {
            self.until(|it| matches!(it, Event::Received { .. }));
        }
        self.received.pop_front().unwrap()
    }

    fn disturbed(&self) -> String {
        wait_for(&self.passed, |it| match it {
            What::Disturbed { faults } => Some(faults.clone()),
            _ => None,
        })
    }
}

#[test]
fn a_session_that_a_fault_ends_is_replaced() {
    for connection_type in TYPES {
        let mut scene = Scene::new(connection_type, &["connect:expire:after=1:first=1"]);
        scene.until(|it| matches!(it, Event::SessionRenewed { .. }));
        scene.publish("1");
        assert_eq!(scene.received(), "1", "{connection_type}");
        assert_eq!(scene.disturbed(), "connect:expire");
    }
}

#[test]
fn what_is_refused_does_not_reach_the_server() {
    for connection_type in TYPES {
        let mut scene = Scene::new(connection_type, &["publish:refuse=403:first=1"]);
        scene.until(|it| matches!(it, Event::Subscribed { .. }));
        scene.publish("1");
        let rejected = scene.until(|it| matches!(it, Event::Rejected { .. }));
        let text = format!("{rejected:?}");
        assert!(text.contains("403::refused_by_fault"), "{text}");
        scene.publish("2");
        assert_eq!(scene.received(), "2", "{connection_type}");
        assert_eq!(scene.disturbed(), "publish:refuse=403");
        drop(scene.server);
    }
}

#[test]
fn deliveries_are_lost_doubled_and_late() {
    for connection_type in TYPES {
        let faults = [
            "delivery:drop:first=1",
            "delivery:duplicate:after=1:first=1",
            "delivery:reorder:after=2:first=1",
        ];
        let mut scene = Scene::new(connection_type, &faults);
        scene.until(|it| matches!(it, Event::Subscribed { .. }));
        for data in ["1", "2", "3", "4"] {
            scene.publish(data);
            // One at a time: else some come together and others do not.
            scene.until(|it| matches!(it, Event::Acknowledged { .. }));
        }
        let received: Vec<String> = (0..4).map(|_| scene.received()).collect();
        assert_eq!(received, ["2", "2", "4", "3"], "{connection_type}");
    }
}

#[test]
fn a_late_delivery_follows_the_next_one_over_another_connection() {
    let server = Server::bind("127.0.0.1:0", server::Settings::default()).unwrap();
    let (proxy, _passed) = observed(&server.url(), |settings| {
        settings.faults = vec!["delivery:reorder:first=1".parse().unwrap()];
    });
    let address = proxy.address();
    let asked = |body: &str| {
        let length = body.len();
        let request = format!(
            "POST /cometd HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
             Content-Length: {length}\r\n\r\n{body}"
        );
        String::from_utf8(exchanged(address, request.as_bytes())).unwrap()
    };
    let shaken = asked(
        r#"[{"channel":"/meta/handshake","version":"1.0","supportedConnectionTypes":["long-polling"],"id":"1"}]"#,
    );
    let (_, rest) = shaken.split_once(r#""clientId":""#).unwrap();
    let (client_id, _) = rest.split_once('"').unwrap();
    asked(&format!(
        r#"[{{"channel":"/meta/subscribe","clientId":"{client_id}","subscription":"/demo","id":"2"}}]"#
    ));
    let received = [1, 2].map(|n| {
        server.publish(&"/demo".parse().unwrap(), &n.to_string().parse().unwrap());
        asked(&format!(
            r#"[{{"channel":"/meta/connect","clientId":"{client_id}","connectionType":"long-polling","advice":{{"timeout":0}},"id":"{n}"}}]"#
        ))
    });
    let at = |n| received[1].find(&format!(r#""data":{n}"#));
    assert!(!received[0].contains(r#""data""#), "{received:?}");
    assert!(at(2).is_some() && at(2) < at(1), "{received:?}");
}

#[test]
fn what_happens_to_responses_is_survived() {
    for fault in [
        "handshake:status=503:first=1",
        "subscribe:delay=50ms",
        "subscribe:cut:first=1",
        "handshake:cut=10:first=1",
        "connect:close=before:first=2",
        "connect:close=after:first=2",
        "subscribe:drip=1ms",
        "connect:storm:first=3",
        "connect:advice=handshake:first=1",
    ] {
        let types = [ConnectionType::LongPolling, ConnectionType::WebSocket];
        for connection_type in types {
            let is_of_http = fault.contains("status");
            if is_of_http && connection_type == ConnectionType::WebSocket {
                continue;
            }
            let endless = Duration::from_secs(60);
            let mut scene = Scene::new(connection_type, &[fault]);
            let mut settings =
                client::Settings::new(scene.proxy.url().parse().unwrap()).over(connection_type);
            settings.session.first_handshake = endless;
            scene.client = Client::new(settings).unwrap();
            scene.client.subscribe("/demo".parse().unwrap());
            scene.until(|it| matches!(it, Event::Subscribed { .. }));
            scene.publish("1");
            assert_eq!(scene.received(), "1", "{fault} over {connection_type}");
        }
    }
}

#[test]
fn an_upgrade_is_refused_and_a_request_is_answered_by_another() {
    let server = Server::bind("127.0.0.1:0", server::Settings::default()).unwrap();
    let (proxy, _passed) = observed(&server.url(), |settings| {
        settings.faults = vec![
            "upgrade:status=403".parse().unwrap(),
            "handshake:html:first=1".parse().unwrap(),
            "handshake:infinity:after=1".parse().unwrap(),
        ];
    });
    let upgrade = b"GET /cometd HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\
        Connection: Upgrade, close\r\nSec-WebSocket-Version: 13\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    let mut stream = super::connect(proxy.address());
    stream.write_all(upgrade).unwrap();
    let mut head = [0; 12];
    stream.read_exact(&mut head).unwrap();
    assert_eq!(&head, b"HTTP/1.1 403");
    let handshake = r#"[{"channel":"/meta/handshake","version":"1.0","supportedConnectionTypes":["long-polling"],"id":"1"}]"#;
    let request = format!(
        "POST /cometd HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nConnection: close\r\n\
         Content-Length: {}\r\n\r\n{handshake}",
        handshake.len()
    );
    // Both on one connection: the second waits for the first.
    let twice = [request.replace("Connection: close\r\n", ""), request].concat();
    let answered = exchanged(proxy.address(), twice.as_bytes());
    let answered = String::from_utf8(answered).unwrap();
    let continues = answered.matches("HTTP/1.1 100 Continue").count();
    assert_eq!(continues, 2, "{answered}");
    let page = answered.find("<title>Log in</title>").unwrap();
    let infinity = answered.find(r#""number":Infinity"#).unwrap();
    assert!(page < infinity, "{answered}");
}

#[test]
fn a_page_of_another_origin_reads_what_the_proxy_itself_answers() {
    for fault in [
        "handshake:status=503",
        "handshake:html",
        "handshake:refuse=403",
    ] {
        let (proxy, _passed) = observed("http://127.0.0.1:1/cometd", |settings| {
            settings.faults = vec![fault.parse().unwrap()];
        });
        let answered = |origin: &str| {
            let body = r#"[{"channel":"/meta/handshake","id":"1"}]"#;
            let length = body.len();
            let request = format!(
                "POST /cometd HTTP/1.1\r\nHost: x\r\n{origin}Content-Length: {length}\r\n\r\n{body}"
            );
            let mut stream = super::connect(proxy.address());
            stream.write_all(request.as_bytes()).unwrap();
            let mut head = [0; 4096];
            let length = stream.read(&mut head).unwrap();
            String::from_utf8_lossy(&head[..length]).into_owned()
        };
        let head = answered("Origin: https://app.example.com\r\n");
        for line in [
            "\r\nAccess-Control-Allow-Origin: https://app.example.com\r\n",
            "\r\nAccess-Control-Allow-Credentials: true\r\n",
        ] {
            assert!(head.contains(line), "{fault}: {head}");
        }
        assert!(!answered("").contains("Access-Control"), "{fault}");
    }
}

#[test]
fn a_compressed_websocket_that_is_open_loses_a_message_and_stays_readable() {
    let text = |n: u32| format!(r#"[{{"channel":"/demo","data":"the same words {n}"}}]"#);
    let mut compress = Compress::new(Compression::default(), false);
    let mut compressed = |n: u32| {
        let mut payload = Vec::with_capacity(256);
        compress
            .compress_vec(text(n).as_bytes(), &mut payload, FlushCompress::Sync)
            .unwrap();
        // RFC 7692, 7.2.1.
        payload.truncate(payload.len() - 4);
        let header = FrameHeader {
            rsv1: true,
            opcode: OpCode::Data(Data::Text),
            ..FrameHeader::default()
        };
        let mut frame = Vec::new();
        header.format(payload.len() as u64, &mut frame).unwrap();
        frame.extend(payload);
        frame
    };
    let [first, second, third] = [1, 2, 3].map(&mut compressed);
    let (half, rest) = second.split_at(second.len() / 2);
    let begun = [first.as_slice(), half].concat();
    let (sent, later) = (begun.clone(), [rest, &third, &compressed(4)].concat());
    let (go, going) = mpsc::channel::<()>();
    let upstream = Scripted::new(move |mut stream| {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        let agreed = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
            Connection: Upgrade\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n";
        stream.write_all(agreed.as_bytes()).unwrap();
        stream.write_all(&sent).unwrap();
        going.recv().unwrap();
        stream.write_all(&later).unwrap();
        head
    });
    let (proxy, _passed) = observed(&upstream.url(), |settings| {
        settings.inspector = Some("127.0.0.1:0".to_owned());
    });
    let mut stream = super::connect(proxy.address());
    let upgrade = b"GET /cometd HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\
        Connection: Upgrade\r\n\r\n";
    stream.write_all(upgrade).unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    let mut read = vec![0; begun.len()];
    stream.read_exact(&mut read).unwrap();
    assert_eq!(read, begun);
    let inspector = proxy.inspector_url().unwrap().split('/').nth(2).unwrap();
    let switch = "PUT /inspector/api/faults/delivery:drop:first=1 HTTP/1.1\r\n\
        Host: localhost\r\nConnection: close\r\n\r\n";
    let switched = exchanged(inspector.parse().unwrap(), switch.as_bytes());
    assert!(switched.starts_with(b"HTTP/1.1 200"));
    go.send(()).unwrap();
    // What had begun goes on, the next one is lost, and the one behind it needs none of them.
    let mut read = Vec::new();
    stream.read_to_end(&mut read).unwrap();
    assert_eq!(read, [rest, &text_frame(text(4).into())].concat());
}

#[test]
fn a_response_that_is_dropped_leaves_the_connection_open() {
    let server = Server::bind("127.0.0.1:0", server::Settings::default()).unwrap();
    let (proxy, _passed) = observed(&server.url(), |settings| {
        settings.faults = vec!["handshake:drop".parse().unwrap()];
    });
    let mut stream = super::connect(proxy.address());
    let wait = Duration::from_millis(300);
    stream.set_read_timeout(Some(wait)).unwrap();
    let body = r#"[{"channel":"/meta/handshake"}]"#;
    let length = body.len();
    let request =
        format!("POST /cometd HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n{body}");
    stream.write_all(request.as_bytes()).unwrap();
    let nothing = stream.read(&mut [0; 1]).unwrap_err();
    assert_eq!(nothing.kind(), std::io::ErrorKind::WouldBlock);
}

#[test]
fn what_only_a_server_can_do_is_refused() {
    for fault in [
        "expire=10m",
        "forget=1",
        "busy=2",
        "connect:hold",
        "any:cookie",
    ] {
        let mut settings = Settings::new(":1/cometd".parse().unwrap());
        settings.faults = vec![fault.parse().unwrap()];
        let refused = Proxy::bind("127.0.0.1:0", settings).unwrap_err();
        assert!(matches!(&refused, ProxyError::Fault(it) if it.to_string() == fault));
    }
}
