//! Request heads that are none, or too much.

use crate::serve::{HANDSHAKE, Serve, until};
use crate::wire::{head, post};

/// The status that the server answers with, after which it closes.
fn refusal(serve: &Serve, bytes: &[u8]) -> u16 {
    let mut wire = serve.connect();
    wire.try_send(bytes);
    let status = wire.response().status;
    assert!(wire.rest().is_empty(), "nothing more is answered");
    status
}

#[test]
fn a_head_that_is_malformed_is_refused() {
    let serve = Serve::start(&[]);
    let heads: [(&[u8], u16); 17] = [
        (b"\0\0\0\0\r\n\r\n", 400),
        (b"hello\r\n\r\n", 400),
        (b"POST /cometd\r\n\r\n", 400),
        (b"POST /cometd HTTP/9.9\r\n\r\n", 400),
        (b"POST  /cometd HTTP/1.1\r\n\r\n", 400),
        (b"POST /cometd HTTP/1.1\r\nno colon\r\n\r\n", 400),
        (b"POST /cometd HTTP/1.1\r\nHost : a\r\n\r\n", 400),
        (b"POST /cometd HTTP/1.1\r\n: a\r\n\r\n", 400),
        (b"POST /cometd HTTP/1.1\r\nA: a\0b\r\n\r\n", 400),
        (b"POST /cometd HTTP/1.1\r\nA: a\r\n folded\r\n\r\n", 400),
        (b"POST /cometd HTTP/1.1\r\nA: a\rb\r\n\r\n", 400),
        (b"POST /com\xff\xfeetd HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        // The beginning of TLS, and a line end for one who waits for it.
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
        // The beginning of HTTP/2.
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
        (b"DELETE /cometd HTTP/1.1\r\nHost: a\r\n\r\n", 405),
        (b"CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n", 404),
        (b"POST /cometd HTTP/1.1\r\nHost: a\r\n\r\n[]", 411),
    ];
    for (head, status) in heads {
        let seen = refusal(&serve, head);
        assert_eq!(seen, status, "{}", head.escape_ascii());
    }
    serve.ends_well();
}

#[test]
fn no_path_leads_out_of_the_endpoint() {
    let serve = Serve::start(&[]);
    for path in [
        "/",
        "/../../etc/passwd",
        "//etc/passwd",
        "/cometdx",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/COMETD",
        "http://127.0.0.1/etc/passwd",
        "/cometd/../../../etc/passwd",
        "/cometd/..%2f..%2f..%2fetc%2fpasswd",
        "/cometd/%00",
        "/cometd\\..\\..\\etc",
    ] {
        let mut wire = serve.connect();
        wire.send(
            format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").as_bytes(),
        );
        let response = wire.response();
        assert!(
            matches!(response.status, 400 | 404) || path == "/",
            "{path}: {response:?}"
        );
        assert!(!response.text().contains("root:"), "{path}");
    }
    serve.ends_well();
}

#[test]
fn a_flood_of_headers_is_refused_before_it_is_kept() {
    let serve = Serve::start(&[]);
    let lines: [&dyn Fn(usize) -> String; 3] = [
        // Many, ...
        &|n| format!("X-{n}: {n}\r\n"),
        // ... long ones, ...
        &|n| format!("X-{n}: {}\r\n", "x".repeat(10_000)),
        // ... and one that does not end.
        &|_| "x".repeat(10_000),
    ];
    for line in lines {
        let mut wire = serve.connect();
        wire.send(b"POST /cometd HTTP/1.1\r\nHost: a\r\n");
        let mut lines = (0..).map(line);
        // It may take for a moment what it no longer keeps, so that its answer is read.
        until("the server has had enough", || {
            !lines
                .by_ref()
                .take(100)
                .all(|it| wire.try_send(it.as_bytes()))
        });
        serve.took_at_most(4 * 1024 * 1024);
        // A client that still sends may lose the answer: a closed socket is reset by what comes.
        let status = wire.try_response().map(|it| it.status);
        assert!(matches!(status, None | Some(431)), "{status:?}");
    }
    serve.ends_well();
}

#[test]
fn too_many_or_too_long_headers_are_told_so() {
    let serve = Serve::start(&[]);
    let many: String = (0..1000).map(|n| format!("X-{n}: {n}\r\n")).collect();
    assert_eq!(refusal(&serve, &head(&many)), 431);
    let long = format!("Cookie: {}\r\n", "x".repeat(70_000));
    assert_eq!(refusal(&serve, &head(&long)), 431);
    // As many as browsers and proxies add are none too many.
    let some: String = (0..100).map(|n| format!("X-{n}: {n}\r\n")).collect();
    let length = format!("{some}Content-Length: {}\r\n", HANDSHAKE.len());
    let mut wire = serve.connect();
    wire.send(&[&head(&length), HANDSHAKE.as_bytes()].concat());
    assert_eq!(wire.response().status, 200);
    serve.ends_well();
}

#[test]
fn http_1_0_is_answered_and_closed_unless_it_asks_to_stay() {
    let serve = Serve::start(&[]);
    let request = |headers: &str| {
        let length = HANDSHAKE.len();
        format!("POST /cometd HTTP/1.0\r\n{headers}Content-Length: {length}\r\n\r\n{HANDSHAKE}")
    };
    let mut wire = serve.connect();
    wire.send(request("").as_bytes());
    assert_eq!(wire.response().status, 200);
    assert!(wire.rest().is_empty());
    let mut wire = serve.connect();
    for _ in 0..3 {
        wire.send(request("Connection: keep-alive\r\n").as_bytes());
        let response = wire.response();
        assert_eq!(response.status, 200);
        assert!(response.head.contains("Connection: keep-alive"));
    }
    serve.ends_well();
}

#[test]
fn requests_in_one_piece_are_answered_in_their_order() {
    let serve = Serve::start(&[]);
    let mut wire = serve.connect();
    let requests: Vec<u8> = (0..200)
        .flat_map(|n| post(format!(r#"[{{"channel":"/meta/nothing","id":"{n}"}}]"#)))
        .collect();
    wire.send(&requests);
    for n in 0..200 {
        let reply = wire.response().text();
        assert!(reply.contains(&format!("\"id\":\"{n}\"")), "{n}: {reply}");
    }
    serve.ends_well();
}
