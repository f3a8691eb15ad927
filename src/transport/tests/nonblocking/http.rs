//! Exchanges over one connection.

use std::io::{BufRead, BufReader};
use std::net::IpAddr;
use std::sync::mpsc;

use super::*;
use crate::session::{Permanence, Stage};

/// What a client is told whose server reads one request, does this and closes.
fn answered(conduct: impl FnOnce(&mut Peer) + Send + 'static) -> Result<Body, TransportError> {
    let server = Server::run(|listener| {
        let mut peer = listener.accept();
        peer.request();
        conduct(&mut peer);
    });
    let outcome = Single::new(&settings(&server.url)).exchange(&[connect()]);
    server.finish();
    outcome
}

fn error(conduct: impl FnOnce(&mut Peer) + Send + 'static) -> TransportError {
    answered(conduct).unwrap_err()
}

#[test]
fn a_connection_is_kept_from_exchange_to_exchange() {
    let server = Server::run(|listener| {
        let mut peer = listener.accept();
        let requests = [(); 3].map(|()| {
            let request = peer.read_once();
            peer.answer(REPLY);
            request
        });
        peer.expect_end();
        listener.expect_no_other_connection();
        requests
    });
    let mut single = Single::new(&settings(&server.url));
    for _ in 0..3 {
        assert!(single.http.is_reusable());
        let outcome = single.exchange(&[connect(), publish()]);
        assert_eq!(channels(&outcome), ["/meta/connect"]);
    }
    let url = server.url.clone();
    let traffic = single.thread.shared.traffic;
    drop(single);
    let requests = server.finish();
    let authority = url
        .trim_start_matches("http://")
        .trim_end_matches("/cometd");
    let body = crate::protocol::encode(&[connect(), publish()]);
    // Each came in one piece.
    for request in &requests {
        assert_eq!(
            *request,
            format!(
                "POST /cometd HTTP/1.1\r\nHost: {authority}\r\n\
                 Content-Type: application/json;charset=UTF-8\r\n\
                 user-agent: bayeux/{}\r\nContent-Length: {}\r\n\r\n{body}",
                env!("CARGO_PKG_VERSION"),
                body.len()
            )
        );
    }
    assert_eq!(traffic.sent, 3 * requests[0].len() as u64);
    assert_eq!(traffic.received, 3 * ok(REPLY).len() as u64);
}

#[test]
fn a_response_may_come_in_any_two_pieces_and_byte_by_byte() {
    let chunked = format!(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{}\r\n{:x}\r\n{}\r\n0\r\n\r\n",
        &REPLY[..5],
        REPLY.len() - 5,
        &REPLY[5..]
    );
    for response in [ok(REPLY), chunked] {
        let length = response.len();
        let (permit, permits) = mpsc::channel();
        let (told, tell) = mpsc::channel();
        let server = Server::run(move |listener| {
            let mut peer = listener.accept();
            peer.0.set_nodelay(true).unwrap();
            for cut in 1..length {
                peer.request();
                let (first, second) = response.split_at(cut);
                peer.write(first);
                told.send(()).unwrap();
                permits.recv().unwrap();
                peer.write(second);
            }
            peer.request();
            for byte in response.bytes() {
                peer.write([byte]);
            }
        });
        let mut single = Single::new(&settings(&server.url));
        for _ in 1..length {
            let Single { thread, jar, http } = &mut single;
            let progress = http.send(&mut thread.shared, jar, &[connect()]);
            assert!(matches!(progress, Progress::Pending));
            if !http.is_connected() {
                single.connected();
            }
            // The first piece is read before the second one is written.
            tell.recv().unwrap();
            let before = single.thread.shared.traffic.received;
            let Single { thread, jar, http } = &mut single;
            thread.wait(|shared, event| {
                http.note(event);
                let progress = http.handle_ready(shared, jar);
                assert!(matches!(progress, Progress::Pending), "{progress:?}");
                (shared.traffic.received > before).then_some(())
            });
            permit.send(()).unwrap();
            match single.wait() {
                Progress::Answered(outcome) => assert_eq!(channels(&outcome), ["/meta/connect"]),
                progress => panic!("{progress:?}"),
            }
            assert!(single.http.is_reusable());
        }
        let outcome = single.exchange(&[connect()]);
        assert_eq!(channels(&outcome), ["/meta/connect"]);
        server.finish();
    }
}

#[test]
fn a_large_request_and_a_large_response_pass_through_small_buffers() {
    let long = "x".repeat(8_000_000);
    let body = format!(r#"[{{"channel":"/demo","data":"{long}"}}]"#);
    let response = ok(&body);
    let server = Server::run(move |listener| {
        let mut peer = listener.accept();
        let mut reader = BufReader::new(peer.0.try_clone().unwrap());
        let mut length = 0;
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            if let Some(value) = line.strip_prefix("Content-Length: ") {
                length = value.trim().parse().unwrap();
            }
            if line == "\r\n" {
                break;
            }
        }
        // Not before the client had to wait for room.
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        peer.write(&response);
        peer.expect_end();
        String::from_utf8(body).unwrap()
    });
    let mut single = Single::new(&Settings {
        max_body: 10_000_000,
        ..settings(&server.url)
    });
    single.connected();
    let message = crate::protocol::decode(body.as_bytes())
        .unwrap()
        .messages
        .remove(0);
    let outcome = single.exchange(&[message]);
    assert_eq!(channels(&outcome), ["/demo"]);
    drop(single);
    assert_eq!(server.finish(), body);
}

#[test]
fn an_idle_connection_that_the_server_closes_is_told() {
    let (close, closes) = mpsc::channel();
    let server = Server::run(move |listener| {
        let mut peer = listener.accept();
        peer.request();
        peer.answer(REPLY);
        closes.recv().unwrap();
    });
    let mut single = Single::new(&settings(&server.url));
    channels(&single.exchange(&[connect()]));
    assert!(single.http.is_reusable() && !single.http.is_busy());
    close.send(()).unwrap();
    assert!(matches!(single.wait(), Progress::Closed));
    assert!(!single.http.is_reusable());
    server.finish();
}

#[test]
fn what_nobody_asked_for_ends_an_idle_connection() {
    let server = Server::run(move |listener| {
        let mut peer = listener.accept();
        peer.write(ok(REPLY));
        peer.expect_end();
    });
    let mut single = Single::new(&settings(&server.url));
    assert!(matches!(single.wait(), Progress::Closed));
    assert!(!single.http.is_reusable());
    drop(single);
    server.finish();
}

#[test]
fn a_connection_is_not_used_again_when_the_server_closes_it() {
    let close = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n[]";
    for response in [close.to_owned(), format!("HTTP/1.1 200 OK\r\n\r\n{REPLY}")] {
        let server = Server::run(|listener| {
            let mut peer = listener.accept();
            peer.request();
            peer.write(response);
        });
        let mut single = Single::new(&settings(&server.url));
        single.exchange(&[connect()]).unwrap();
        assert!(!single.http.is_reusable() && !single.http.is_busy());
        let again = single.exchange(&[connect()]).unwrap_err();
        assert_eq!(again.stage(), Stage::Unsent, "{again:?}");
        server.finish();
    }
}

#[test]
fn failures_say_how_far_the_request_got() {
    let closed = error(|_| {});
    assert!(
        matches!(closed, TransportError::Closed { .. }),
        "{closed:?}"
    );
    assert_eq!(closed.stage(), Stage::Unanswered);

    let cut = error(|peer| peer.write(&ok(REPLY)[..40]));
    assert!(
        matches!(cut, TransportError::Cut { received: 40 }),
        "{cut:?}"
    );
    assert_eq!(cut.stage(), Stage::Interrupted);

    let strange = error(|peer| peer.write("SSH"));
    assert!(
        matches!(strange, TransportError::NotHttp { .. }),
        "{strange:?}"
    );

    let closed_port = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}/", listener.local_addr().unwrap())
    };
    let refused = Single::new(&settings(&closed_port)).exchange(&[connect()]);
    let refused = refused.unwrap_err();
    assert!(
        matches!(refused, TransportError::Connect { .. }),
        "{refused:?}"
    );
    assert_eq!(refused.stage(), Stage::Unsent);
}

#[test]
fn what_is_no_bayeux_is_told_as_by_every_transport() {
    let page = "<html><title>Log in</title>";
    let html = error(move |peer| {
        let length = page.len();
        let head = format!("Content-Type: text/html\r\nContent-Length: {length}");
        peer.write(format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n{page}"));
    });
    match &html {
        TransportError::NotJson { content_type, .. } => {
            assert_eq!(content_type.as_deref(), Some("text/html"));
        }
        error => panic!("{error:?}"),
    }
    assert_eq!(html.permanence(), Permanence::Permanent);

    let busy = error(|peer| {
        peer.write("HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 4\r\n\r\nbusy");
    });
    assert!(
        matches!(
            busy,
            TransportError::Status {
                status: 503,
                length: 4,
                ..
            }
        ),
        "{busy:?}"
    );
    assert_eq!(busy.retry_after(), Some(Duration::from_secs(7)));

    let large = error(|peer| peer.write("HTTP/1.1 200 OK\r\nContent-Length: 1000001\r\n\r\n"));
    assert!(
        matches!(large, TransportError::TooLarge { limit: 1_000_000 }),
        "{large:?}"
    );

    let packed = error(|peer| {
        peer.write(
            "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n\x1f\x0b",
        );
    });
    match packed {
        TransportError::Compression { source } => {
            assert_eq!(source.to_string(), "nobody asked for this encoding: gzip");
        }
        error => panic!("{error:?}"),
    }
    let empty = error(|peer| peer.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
    assert!(matches!(empty, TransportError::Empty), "{empty:?}");
}

#[test]
fn a_refusal_of_a_large_request_is_read_although_it_cannot_be_written() {
    let long = "x".repeat(8_000_000);
    let message = Message::parse(&format!(r#"{{"channel":"/demo","data":"{long}"}}"#)).unwrap();
    let server = Server::run(move |listener| {
        let mut peer = listener.accept();
        peer.read_once();
        peer.write("HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig");
        peer.expect_end_of_anything();
    });
    let mut single = Single::new(&settings(&server.url));
    let outcome = single.exchange(&[message]);
    assert!(
        matches!(outcome, Err(TransportError::Status { status: 413, .. })),
        "{outcome:?}"
    );
    assert!(!single.http.is_reusable());
    drop(single);
    server.finish();
}

#[test]
fn cookies_belong_to_one_client() {
    let server = Server::run(|listener| {
        let mut heads = Vec::new();
        let mut peer = listener.accept();
        for cookie in [
            "a=1; Path=/cometd; HttpOnly",
            "b=2; Max-Age=1000",
            "c=3; Domain=example.com",
        ] {
            heads.push(peer.request());
            let length = REPLY.len();
            peer.write(format!(
                "HTTP/1.1 200 OK\r\nSet-Cookie: {cookie}\r\nContent-Length: {length}\r\n\r\n{REPLY}"
            ));
        }
        heads.push(peer.request());
        peer.answer(REPLY);
        let mut other = listener.accept();
        heads.push(other.request());
        other.answer(REPLY);
        heads
    });
    let settings = Settings {
        headers: vec![
            "Cookie: u=0".parse().unwrap(),
            "X-Given: yes".parse().unwrap(),
        ],
        ..settings(&server.url)
    };
    let mut single = Single::new(&settings);
    for _ in 0..4 {
        single.exchange(&[connect()]).unwrap();
    }
    Single::new(&settings).exchange(&[connect()]).unwrap();
    let requests = server.finish();
    let cookies = requests.iter().map(|request| {
        assert!(request.contains("\r\nx-given: yes\r\n"), "{request}");
        let line = request
            .lines()
            .find_map(|it| it.strip_prefix("Cookie: "))
            .unwrap();
        let mut cookies: Vec<&str> = line.split("; ").collect();
        cookies.sort_unstable();
        cookies.join("; ")
    });
    assert_eq!(
        cookies.collect::<Vec<_>>(),
        ["u=0", "a=1; u=0", "a=1; b=2; u=0", "a=1; b=2; u=0", "u=0"]
    );
}

#[test]
fn the_next_address_is_tried_when_one_refuses() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let settings = settings(&format!("http://localhost:{port}/"));
    let mut single = Single::new(&settings);
    // Where localhost is one address there is nothing to see.
    assert!(!single.thread.shared.target().addresses().is_empty());
    single.connected();
    let peer = listener.accept().unwrap().0;
    assert!(peer.local_addr().unwrap().is_ipv4());
}

#[cfg(target_os = "linux")]
#[test]
fn a_connection_comes_from_the_address_it_is_given() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let settings = settings(&format!("http://{}/", listener.local_addr().unwrap()));
    let source: IpAddr = "127.0.0.2".parse().unwrap();
    let mut thread = Thread::new(&settings);
    let mut http = Http::connect(&mut thread.shared, Some(source), Token(0)).unwrap();
    assert!(!http.is_connected());
    let mut jar = Jar::default();
    thread.wait(|shared, event| {
        http.note(event);
        let progress = http.handle_ready(shared, &mut jar);
        assert!(matches!(progress, Progress::Pending), "{progress:?}");
        http.is_connected().then_some(())
    });
    assert_eq!(listener.accept().unwrap().1.ip(), source);

    let other: IpAddr = "::1".parse().unwrap();
    let error = Http::connect(&mut thread.shared, Some(other), Token(1)).unwrap_err();
    assert!(matches!(error, TransportError::Connect { .. }), "{error:?}");
}

#[test]
fn what_took_too_long_says_what_it_waited_for() {
    let (waited, hold) = (Duration::from_secs(3), Duration::from_secs(2));
    let server = Server::run(|listener| {
        let mut peer = listener.accept();
        peer.request();
        peer.expect_end();
    });
    let mut single = Single::new(&settings(&server.url));
    let target_of = |it: &Single| it.thread.shared.target().addresses().to_vec();
    let error = single
        .http
        .expire(single.thread.shared.target(), waited, hold);
    match error {
        TransportError::ConnectTimeout { addresses, .. } => {
            assert_eq!(addresses, target_of(&single));
        }
        error => panic!("{error:?}"),
    }
    single.connected();
    let Single { thread, jar, http } = &mut single;
    let progress = http.send(&mut thread.shared, jar, &[connect()]);
    assert!(matches!(progress, Progress::Pending) && http.is_busy());
    let error = http.expire(thread.shared.target(), waited, hold);
    assert!(
        matches!(error, TransportError::Timeout { received: 0, .. }),
        "{error:?}"
    );
    assert_eq!(error.stage(), Stage::Interrupted);
    drop(single);
    server.finish();
}

#[test]
fn a_proxy_is_refused() {
    let settings = Settings {
        proxy: Some("http://127.0.0.1:3128".parse().unwrap()),
        ..settings("http://127.0.0.1:1/")
    };
    let Err(TransportError::Http { source, .. }) = Target::new(&settings) else {
        panic!("it was taken");
    };
    assert_eq!(
        source.to_string(),
        "a load goes to the server itself, and not through http://127.0.0.1:3128"
    );
}

/// Thousands of these wait at once.
#[test]
fn a_waiting_connection_is_small() {
    assert!(size_of::<Http>() <= 160, "{}", size_of::<Http>());
    assert_eq!(size_of::<Jar>(), size_of::<usize>());
}
