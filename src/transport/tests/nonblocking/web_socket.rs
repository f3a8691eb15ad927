//! Websockets.

use tungstenite::handshake::server::{Request, Response};
use tungstenite::protocol::CloseFrame;
use tungstenite::{Message as Frame, WebSocket, accept, accept_hdr};

use super::*;
use crate::session::{Permanence, Stage};

impl Peer {
    fn upgrade(self) -> WebSocket<TcpStream> {
        self.0.set_nodelay(true).unwrap();
        accept(self.0).unwrap()
    }
}

/// Why a client's websocket ends whose server does this once it is open.
fn ended(conduct: impl FnOnce(&mut WebSocket<TcpStream>) + Send + 'static) -> TransportError {
    let server = Server::run(|listener| conduct(&mut listener.accept().upgrade()));
    let error = Client::opened(&settings(&server.url)).closed();
    server.finish();
    error
}

/// Why a client's websocket is not opened whose server reads the upgrade and answers this.
fn unopened(answer: &'static str) -> TransportError {
    let server = Server::run(move |listener| {
        let mut peer = listener.accept();
        peer.head();
        peer.write(answer);
    });
    let mut client = Client::new(&settings(&server.url));
    assert_eq!(client.send(&[connect()]), Sent::Waiting);
    let error = client.closed();
    server.finish();
    error
}

#[test]
fn what_is_sent_before_the_socket_is_open_leaves_then() {
    let server = Server::run(|listener| {
        let mut socket = listener.accept().upgrade();
        let frames = [(); 3].map(|()| socket.read().unwrap());
        socket.send(Frame::text(REPLY)).unwrap();
        frames
    });
    let mut client = Client::new(&settings(&server.url));
    assert_eq!(client.send(&[connect()]), Sent::Waiting);
    assert_eq!(client.send(&[publish(), publish()]), Sent::Waiting);
    assert!(matches!(client.next(), Incoming::Opened));
    assert!(client.socket.is_open());
    assert!(matches!(client.next(), Incoming::Left));
    assert!(matches!(client.next(), Incoming::Left));
    assert_eq!(client.send(&[publish()]), Sent::Left);
    assert_eq!(client.messages(), ["/meta/connect"]);
    let frame = |messages: &[Message]| Frame::text(crate::protocol::encode(messages));
    assert_eq!(
        server.finish(),
        [
            frame(&[connect()]),
            frame(&[publish(), publish()]),
            frame(&[publish()])
        ]
    );
    assert!(client.thread.shared.traffic.sent > 200);
    assert!(client.thread.shared.traffic.received > 100);
}

#[test]
fn frames_come_in_any_pieces_and_pings_are_answered() {
    const END_OF_PING: usize = 26;
    // A text of two frames with a ping between them, and another text.
    let (first, second) = REPLY.split_at(20);
    let mut bytes = vec![0x01, 20];
    bytes.extend_from_slice(first.as_bytes());
    bytes.extend_from_slice(b"\x89\x02hi");
    assert_eq!(bytes.len(), END_OF_PING);
    bytes.extend_from_slice(&[0x80, u8::try_from(second.len()).unwrap()]);
    bytes.extend_from_slice(second.as_bytes());
    bytes.extend_from_slice(b"\x81\x02[]");
    let length = bytes.len();
    let server = Server::run(move |listener| {
        let mut socket = listener.accept().upgrade();
        for cut in 1..bytes.len() {
            let (first, second) = bytes.split_at(cut);
            socket.get_mut().write_all(first).unwrap();
            // The client answers when it has read the ping, and not before the end of it.
            if cut >= END_OF_PING {
                assert_eq!(socket.read().unwrap(), Frame::Pong("hi".into()));
            }
            socket.get_mut().write_all(second).unwrap();
            if cut < END_OF_PING {
                assert_eq!(socket.read().unwrap(), Frame::Pong("hi".into()));
            }
        }
    });
    let mut client = Client::opened(&settings(&server.url));
    for cut in 1..length {
        assert_eq!(client.messages(), ["/meta/connect"], "cut at {cut}");
        assert!(client.messages().is_empty(), "cut at {cut}");
    }
    server.finish();
}

#[test]
fn large_messages_pass_in_either_direction() {
    let long = "x".repeat(6_000_000);
    let text = format!(r#"[{{"channel":"/demo","data":"{long}"}}]"#);
    let echoed = text.clone();
    let server = Server::run(move |listener| {
        let mut socket = listener.accept().upgrade();
        let frame = socket.read().unwrap();
        assert!(frame == Frame::text(echoed));
        let next = socket.read().unwrap();
        socket.send(frame).unwrap();
        next
    });
    let settings = Settings {
        max_body: 8_000_000,
        ..settings(&server.url)
    };
    let mut client = Client::opened(&settings);
    let message = crate::protocol::decode(text.as_bytes())
        .unwrap()
        .messages
        .remove(0);
    // Its beginning has left; what follows it has to wait.
    assert_eq!(client.send(&[message]), Sent::Left);
    let sent = client.send(&[connect()]);
    if sent == Sent::Waiting {
        assert!(matches!(client.next(), Incoming::Left));
    }
    assert_eq!(client.messages(), ["/demo"]);
    let frame = Frame::text(crate::protocol::encode(&[connect()]));
    assert_eq!(server.finish(), frame);
}

#[test]
fn cookies_go_with_the_upgrade_and_come_with_its_answer() {
    let server = Server::run(|listener| {
        [(); 2].map(|()| {
            let mut cookie = String::new();
            #[allow(clippy::result_large_err, reason = "tungstenite's")]
            let read = |request: &Request, mut response: Response| {
                let sent = request.headers().get("cookie");
                cookie = sent.map_or("", |it| it.to_str().unwrap()).to_owned();
                let set = "a=1".parse().unwrap();
                response.headers_mut().insert("set-cookie", set);
                Ok(response)
            };
            drop(accept_hdr(listener.accept().0, read).unwrap());
            cookie
        })
    });
    let mut client = Client::opened(&settings(&server.url));
    let again = Socket::connect(&mut client.thread.shared, None, Token(3));
    client.socket = again.unwrap();
    assert!(matches!(client.next(), Incoming::Opened));
    assert_eq!(server.finish(), ["", "a=1"]);
}

#[test]
fn a_refused_upgrade_says_who_refused_it() {
    let error = unopened("HTTP/1.1 403 Forbidden\r\nServer: Jetty\r\nContent-Length: 2\r\n\r\nno");
    match &error {
        TransportError::UpgradeRefused(refusal) => {
            assert_eq!((refusal.status, refusal.headers.len()), (403, 1));
        }
        error => panic!("{error:?}"),
    }
    assert_eq!(error.stage(), Stage::Unsent);
    assert_eq!(error.permanence(), Permanence::Permanent);
    let strange = unopened("SSH-2.0-OpenSSH\r\n\r\n");
    assert!(
        matches!(strange, TransportError::NotHttp { .. }),
        "{strange:?}"
    );
    let silent = unopened("");
    assert!(
        matches!(silent, TransportError::Closed { .. }),
        "{silent:?}"
    );
    let cut = unopened("HTTP/1.1 101 Swi");
    assert!(
        matches!(cut, TransportError::Cut { received: 16 }),
        "{cut:?}"
    );
    let bad = unopened("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n");
    assert!(matches!(bad, TransportError::BadUpgrade { .. }), "{bad:?}");
}

#[test]
fn the_end_of_a_websocket_has_its_reason() {
    let closed = ended(|socket| {
        let code = 1008.into();
        let reason = "not you".into();
        socket.close(Some(CloseFrame { code, reason })).unwrap();
        // Our half of the goodbye.
        assert!(matches!(socket.read(), Ok(Frame::Close(_))));
    });
    match &closed {
        TransportError::WebSocketClosed { code, reason } => {
            assert_eq!((*code, reason.as_str()), (Some(1008), "not you"));
        }
        error => panic!("{error:?}"),
    }
    assert_eq!(closed.permanence(), Permanence::Permanent);
    let gone = ended(|_| {});
    assert!(
        matches!(gone, TransportError::WebSocketGone { .. }),
        "{gone:?}"
    );
    let binary = ended(|socket| socket.send(Frame::binary(vec![1, 2])).unwrap());
    assert!(
        matches!(binary, TransportError::BinaryFrame { length: 2 }),
        "{binary:?}"
    );
    let html = ended(|socket| socket.send(Frame::text("<html>")).unwrap());
    assert!(matches!(html, TransportError::BadFrame { .. }), "{html:?}");
    let large = ended(|socket| {
        socket
            .get_mut()
            .write_all(b"\x81\x7f\0\0\0\0\0\x0f\x42\x41")
            .unwrap();
    });
    assert!(
        matches!(large, TransportError::FrameTooLarge { limit: 1_000_000 }),
        "{large:?}"
    );
    for error in [gone, binary, html, large] {
        assert_eq!(error.stage(), Stage::Interrupted, "{error:?}");
    }
}

#[test]
fn a_client_that_leaves_says_so() {
    let server = Server::run(|listener| listener.accept().upgrade().read());
    let mut client = Client::opened(&settings(&server.url));
    client.socket.close(&mut client.thread.shared);
    match server.finish() {
        Ok(Frame::Close(Some(frame))) => assert_eq!(u16::from(frame.code), 1000),
        frame => panic!("{frame:?}"),
    }
}

#[test]
fn a_flood_of_pings_is_interrupted() {
    let server = Server::run(|listener| {
        let mut socket = listener.accept().upgrade();
        let pings = b"\x89\0".repeat(1000);
        socket.get_mut().write_all(&pings).unwrap();
        socket.send(Frame::text("[]")).unwrap();
        for _ in 0..1000 {
            assert!(matches!(socket.read(), Ok(Frame::Pong(_))));
        }
    });
    let mut client = Client::opened(&settings(&server.url));
    let mut n_pauses = 0;
    loop {
        match client.next() {
            Incoming::Pings => n_pauses += 1,
            Incoming::Messages(_) => break,
            incoming => panic!("{incoming:?}"),
        }
    }
    // However the pings come in pieces, a piece without a pause is shorter than this many.
    assert!(n_pauses <= 1000 / 256, "{n_pauses}");
    server.finish();
}

#[test]
fn what_took_too_long_says_what_it_waited_for() {
    let server = Server::run(|listener| {
        let mut peer = listener.accept();
        peer.head();
        peer.expect_end();
    });
    let mut client = Client::new(&settings(&server.url));
    let expire = |client: &Client| {
        let target = client.thread.shared.target();
        client
            .socket
            .expire(target, Duration::from_secs(3), Duration::ZERO)
    };
    let error = expire(&client);
    assert!(
        matches!(error, TransportError::ConnectTimeout { .. }),
        "{error:?}"
    );
    let Client {
        thread,
        jar,
        socket,
    } = &mut client;
    thread.wait(|shared, event| {
        socket.note(event);
        assert!(socket.next(shared, jar).is_none());
        socket.is_connected().then_some(())
    });
    assert!(!client.socket.is_open());
    let error = expire(&client);
    assert!(
        matches!(error, TransportError::Timeout { received: 0, .. }),
        "{error:?}"
    );
    drop(client);
    server.finish();
}

#[test]
fn a_closed_port_refuses() {
    let closed_port = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        format!("ws://{}/", listener.local_addr().unwrap())
    };
    let error = Client::new(&settings(&closed_port)).closed();
    assert!(matches!(error, TransportError::Connect { .. }), "{error:?}");
    assert_eq!(error.stage(), Stage::Unsent);
}
