//! Tests of reading requests out of bytes.

use super::*;
use crate::server::Flavor;

const HELLO: &str = "POST /cometd HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";

fn receiver() -> Receiver {
    Receiver::new(Arc::new(Limits {
        scheme: "http",
        path: "/cometd".into(),
        connection_types: Flavor::CometD.connection_types(),
        other_path: None,
        max_body: 100,
        allow_origins: Vec::new(),
    }))
}

fn receive(bytes: &str) -> Received {
    let mut receiver = receiver();
    receiver.push(bytes.as_bytes());
    receiver.poll()
}

fn status(bytes: &str) -> u16 {
    match receive(bytes) {
        Received::Refused(refused) => refused.status.as_u16(),
        other => panic!("{other:?}"),
    }
}

fn request(received: Received) -> Request {
    match received {
        Received::Request(request) => request,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_request_may_come_in_two_pieces_cut_anywhere() {
    let chunked = "POST /cometd/connect HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n\
                   2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\nTrailer: x\r\n\r\n";
    for bytes in [HELLO, chunked] {
        for cut in 0..bytes.len() {
            let mut receiver = receiver();
            receiver.push(&bytes.as_bytes()[..cut]);
            assert!(matches!(receiver.poll(), Received::NeedsMore), "{cut}");
            receiver.push(&bytes.as_bytes()[cut..]);
            assert_eq!(request(receiver.poll()).body, b"hello");
            assert!(receiver.is_idle());
        }
    }
}

#[test]
fn requests_may_come_byte_by_byte_and_one_after_the_other() {
    let mut receiver = receiver();
    let mut n_requests = 0;
    for byte in HELLO.repeat(3).bytes() {
        receiver.push(&[byte]);
        match receiver.poll() {
            Received::NeedsMore => {}
            received => {
                assert_eq!(request(received).body, b"hello");
                n_requests += 1;
            }
        }
    }
    assert_eq!(n_requests, 3);
}

#[test]
fn two_requests_in_one_piece_are_two_requests() {
    let mut receiver = receiver();
    receiver.push(HELLO.repeat(2).as_bytes());
    assert_eq!(request(receiver.poll()).body, b"hello");
    assert!(!receiver.is_idle());
    assert_eq!(request(receiver.poll()).body, b"hello");
    assert!(matches!(receiver.poll(), Received::NeedsMore));
}

#[test]
fn a_get_has_its_messages_in_the_query_and_may_come_in_two_pieces_cut_anywhere() {
    for bytes in [
        "GET /cometd/connect?jsonp=cb&message=%5b1%5d HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /cometd?message=[1]&jsonp=cb HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
    ] {
        for cut in 0..bytes.len() {
            let mut receiver = receiver();
            receiver.push(&bytes.as_bytes()[..cut]);
            assert!(matches!(receiver.poll(), Received::NeedsMore), "{cut}");
            receiver.push(&bytes.as_bytes()[cut..]);
            let Request { head, body } = request(receiver.poll());
            assert_eq!(body, b"[1]");
            assert_eq!(head.form.callback, Some("cb".parse().unwrap()));
            assert!(receiver.is_idle());
        }
    }
}

#[test]
fn a_form_is_read_and_any_other_type_is_json() {
    let body_of = |line: &str, body: &str| {
        let length = body.len();
        let head = format!("POST /cometd HTTP/1.1\r\nHost: a\r\n{line}");
        let bytes = format!("{head}\r\nContent-Length: {length}\r\n\r\n{body}");
        String::from_utf8(request(receive(&bytes)).body).unwrap()
    };
    let form = "message=%5b1%5d&message=2";
    for line in [
        "Content-Type: application/x-www-form-urlencoded",
        "content-type: Application/X-WWW-Form-URLEncoded ; charset=UTF-8",
    ] {
        assert_eq!(body_of(line, form), "[1,2]");
        assert_eq!(body_of(line, "[3]"), "[3]");
    }
    for line in [
        "Content-Type: text/json;charset=UTF-8",
        "Content-Type: text/plain",
        "Content-Type: ",
        "X: y",
    ] {
        assert_eq!(body_of(line, "[3]"), "[3]");
        assert_eq!(body_of(line, form), form);
    }
}

#[test]
fn a_preflight_is_answered_and_the_connection_goes_on() {
    let ask = "OPTIONS /cometd/handshake HTTP/1.1\r\nHost: localhost:8080\r\n\
               Origin: http://localhost:3000\r\nAccess-Control-Request-Method: POST\r\n\
               Access-Control-Request-Headers: content-type\r\n\r\n";
    let mut receiver = receiver();
    receiver.push((ask.to_owned() + HELLO).as_bytes());
    let Received::Answered(response, Persistence::KeepAlive) = receiver.poll() else {
        panic!("no answer");
    };
    let response = String::from_utf8(response).unwrap();
    assert!(response.starts_with("HTTP/1.1 204 No Content\r\n"));
    assert!(response.ends_with("\r\n\r\n"));
    for line in [
        "Access-Control-Allow-Origin: http://localhost:3000\r\n",
        "Access-Control-Allow-Credentials: true\r\n",
        "Access-Control-Allow-Methods: GET, POST, OPTIONS\r\n",
        "Access-Control-Max-Age: 600\r\n",
        "Vary: Origin\r\n",
    ] {
        assert!(response.contains(line), "{response}");
    }
    assert!(!response.contains("Content-Length"), "{response}");
    assert_eq!(request(receiver.poll()).body, b"hello");
}

#[test]
fn a_page_that_may_not_use_it_is_refused_and_one_that_may_reads_why_it_is() {
    let refusal = |bytes: &str| match receive(bytes) {
        Received::Refused(refused) => String::from_utf8(refused.response()).unwrap(),
        other => panic!("{other:?}"),
    };
    let evil = "Host: localhost\r\nOrigin: http://evil.example";
    for bytes in [
        HELLO.replace("Host: a", evil),
        HELLO.replace("Host: a", evil).replace("POST", "OPTIONS"),
        HELLO.replace("Host: a", evil).replace("POST", "PUT"),
        format!("GET /cometd?message=[] HTTP/1.1\r\n{evil}\r\n\r\n"),
        format!("GET /cometd HTTP/1.1\r\n{evil}\r\nUpgrade: websocket\r\n\r\n"),
    ] {
        let response = refusal(&bytes);
        assert!(response.starts_with("HTTP/1.1 403 "), "{response}");
        assert!(response.contains("http://evil.example may not use"));
        assert!(!response.contains("Access-Control"), "{response}");
    }
    let friend = "Host: localhost\r\nOrigin: http://localhost:3000";
    for (bytes, status) in [
        (HELLO.replace("Host: a", friend).replace("POST", "PUT"), 405),
        (
            format!("OPTIONS /cometd HTTP/1.1\r\n{friend}\r\nContent-Length: 1\r\n\r\n"),
            400,
        ),
        (format!("POST /cometd HTTP/1.1\r\n{friend}\r\n\r\n"), 411),
        (
            HELLO.replace("Host: a", friend).replace(": 5", ": 500"),
            413,
        ),
    ] {
        let response = refusal(&bytes);
        assert!(
            response.starts_with(&format!("HTTP/1.1 {status} ")),
            "{response}"
        );
        assert!(
            response.contains("Allow-Origin: http://localhost:3000\r\n"),
            "{response}"
        );
    }
}

#[test]
fn chunks_of_one_byte_are_read_in_one_piece_and_in_many() {
    let head = "POST /cometd HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
    let chunks = "1\r\nx\r\n".repeat(100);
    let bytes = format!("{head}{chunks}0\r\nTrailer: x\r\n\r\n{HELLO}");
    for size in [1, 7, 100, bytes.len()] {
        let mut receiver = receiver();
        let mut bodies = Vec::new();
        for piece in bytes.as_bytes().chunks(size) {
            receiver.push(piece);
            while let Received::Request(request) = receiver.poll() {
                bodies.push(request.body);
            }
        }
        assert_eq!(bodies, [vec![b'x'; 100], b"hello".to_vec()], "{size}");
    }
}

#[test]
fn a_client_that_expects_100_continue_gets_it_before_its_body() {
    let (head, body) = HELLO.split_at(HELLO.len() - 5);
    let head = head.replace("Host: a", "Expect: 100-continue");
    let mut receiver = receiver();
    receiver.push(head.as_bytes());
    let Received::Continue(line) = receiver.poll() else {
        panic!("no 100");
    };
    assert_eq!(line, b"HTTP/1.1 100 Continue\r\n\r\n");
    assert!(matches!(receiver.poll(), Received::NeedsMore));
    receiver.push(body.as_bytes());
    assert_eq!(request(receiver.poll()).body, b"hello");
}

#[test]
fn what_is_no_post_to_the_endpoint_is_refused() {
    for (bytes, expected) in [
        ("GET /cometd HTTP/1.1\r\n\r\n", 400),
        ("GET /cometd?message=[]&jsonp=a(b) HTTP/1.1\r\n\r\n", 400),
        (
            "GET /cometd?message=[] HTTP/1.1\r\nContent-Length: 1\r\n\r\n",
            400,
        ),
        ("GET /?message=[] HTTP/1.1\r\n\r\n", 404),
        ("PUT /cometd?message=[] HTTP/1.1\r\n\r\n", 405),
        ("HEAD /cometd HTTP/1.1\r\n\r\n", 405),
        ("POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n", 404),
        ("POST /cometdx HTTP/1.1\r\nContent-Length: 0\r\n\r\n", 404),
        ("POST * HTTP/1.1\r\nContent-Length: 0\r\n\r\n", 404),
        ("POST /cometd HTTP/1.1\r\n\r\n", 411),
        (
            "POST /cometd HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n",
            501,
        ),
        (
            "POST /cometd HTTP/1.1\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n",
            400,
        ),
        (
            "POST /cometd HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\
             Transfer-Encoding: identity\r\n\r\n",
            400,
        ),
        (
            "POST /cometd HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
            400,
        ),
        ("POST /cometd HTTP/1.1\r\nContent-Length: 101\r\n\r\n", 413),
        ("POST /cometd HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        ("POST /cometd HTTP/3.0\r\nContent-Length: 1\r\n\r\n", 400),
        ("\u{16}\u{3}\u{1}hello\n", 400),
    ] {
        assert_eq!(status(bytes), expected, "{bytes}");
    }
}

#[test]
fn endless_heads_bodies_and_chunk_lines_are_refused() {
    let head = format!("POST /cometd HTTP/1.1\r\nA: {}", "x".repeat(MAX_HEAD));
    assert_eq!(status(&head), 431);
    assert_eq!(status(&format!("{head}\r\n\r\n")), 431);
    let head = format!("POST /cometd HTTP/1.1\r\n{}\r\n", "A: a\r\n".repeat(1000));
    assert_eq!(status(&head), 431);
    let chunked = "POST /cometd HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
    let body = format!("{chunked}65\r\n{}", "x".repeat(101));
    assert_eq!(status(&body), 413);
    let line = format!("{chunked}1;{}", "x".repeat(MAX_HEAD));
    assert_eq!(status(&line), 400);
}

#[test]
fn a_response_to_head_has_no_body() {
    let Received::Refused(refused) = receive("HEAD /cometd HTTP/1.1\r\n\r\n") else {
        panic!("accepted");
    };
    assert!(refused.response().ends_with(b"\r\n\r\n"));
}

#[test]
fn the_connection_stays_open_as_http_says() {
    let persistence_of = |version: &str, connection: &str| {
        let bytes = HELLO
            .replace("HTTP/1.1", version)
            .replace("Host: a", connection);
        request(receive(&bytes)).head.persistence
    };
    for (version, connection, expected) in [
        ("HTTP/1.1", "Host: a", Persistence::KeepAlive),
        ("HTTP/1.1", "Connection: x, Close", Persistence::Close),
        ("HTTP/1.0", "Host: a", Persistence::Close),
        (
            "HTTP/1.0",
            "Connection: Keep-Alive",
            Persistence::KeepAliveHttp10,
        ),
    ] {
        assert_eq!(persistence_of(version, connection), expected);
    }
}

#[test]
fn the_bearer_token_is_read() {
    let bearer = |line: &str| {
        let bytes = HELLO.replace("Host: a", line);
        request(receive(&bytes)).head.bearer
    };
    assert_eq!(bearer("authorization: bearer  abc"), Some("abc".into()));
    assert_eq!(bearer("Authorization: Basic abc"), None);
    assert_eq!(bearer("Authorization: Bearer"), None);
}
