//! Bodies that are no messages: broken, deep, too long, or not even text.

use crate::serve::{HANDSHAKE, Serve, Session, client_id};
use crate::wire::{head, post};

/// One bracket for each level.
const DEEP: usize = 100_000;

#[test]
fn what_is_not_json_is_a_client_error_and_the_connection_stays() {
    let serve = Serve::start(&[]);
    let mut wire = serve.connect();
    let bodies: [&[u8]; 17] = [
        b"",
        b" ",
        b"[",
        b"]",
        b"nonsense",
        b"null",
        b"1",
        b"\"text\"",
        b"[{\"channel\":\"/meta/handshake\"",
        b"[{\"channel\":\"/meta/handshake\"}",
        b"[{\"channel\":\"/meta/handshake\"}] and more",
        b"[{\"channel\":\"/meta/handshake\"},,]",
        b"[{\"channel\":\"/meta/handshake\",}]",
        b"[{'channel':'/meta/handshake'}]",
        b"[{\"channel\":\"\xff\xfe\"}]",
        b"\xfe\xff\x00[\x00]",
        b"[\0]",
    ];
    for body in bodies {
        wire.send(&post(body));
        let response = wire.response();
        let body = body.escape_ascii().to_string();
        assert_eq!(response.status, 400, "{body}");
        assert_eq!(client_id(&response.text()), None, "{body}");
    }
    wire.send(&post(HANDSHAKE));
    assert_eq!(wire.response().status, 200);
    serve.ends_well();
}

#[test]
fn what_is_deep_costs_no_stack() {
    let serve = Serve::start(&[]);
    let open = "[".repeat(DEEP);
    let array = format!("{open}{}", "]".repeat(DEEP));
    let object = format!("{}1{}", "{\"a\":".repeat(DEEP), "}".repeat(DEEP));
    let mut wire = serve.connect();
    // Alone: it is no message, whether or not it ends.
    for (body, status) in [(&open, 400), (&array, 200), (&object, 200)] {
        wire.send(&post(body));
        let response = wire.response();
        assert_eq!(response.status, status);
        assert!(!response.text().contains("\"successful\":true"));
    }
    // In a field: the handshake may not care for it, but the server has to live.
    for deep in [&array, &object] {
        for field in [
            "id",
            "ext",
            "advice",
            "data",
            "supportedConnectionTypes",
            "unknown",
        ] {
            let body = HANDSHAKE.replace("\"id\":\"1\"", &format!("\"{field}\":{deep}"));
            wire.send(&post(&body));
            assert_eq!(wire.response().status, 200, "{field}");
        }
    }
    // As data it is delivered like any other.
    let mut session = Session::open(serve.connect());
    session.ask("\"channel\":\"/meta/subscribe\",\"subscription\":\"/deep\"");
    for deep in [&array, &object] {
        let reply = session.ask(&format!("\"channel\":\"/deep\",\"data\":{deep}"));
        assert!(reply.contains("\"successful\":true"));
        let connect = "\"channel\":\"/meta/connect\",\"connectionType\":\"long-polling\"";
        let delivered =
            reply.contains(deep.as_str()) || session.ask(connect).contains(deep.as_str());
        assert!(delivered);
    }
    serve.ends_well();
}

#[test]
fn a_body_that_is_too_long_is_refused_before_it_is_kept() {
    let serve = Serve::start(&["--max-body", "1MiB"]);
    let mebibyte = vec![b' '; 1024 * 1024];
    // It says so itself, and the body need not come.
    let mut wire = serve.connect();
    wire.send(&head("Content-Length: 1048577\r\n"));
    assert_eq!(wire.response().status, 413);
    // It does not, and comes in chunks.
    let mut wire = serve.connect();
    wire.send(&head("Transfer-Encoding: chunked\r\n"));
    let chunk = [b"100000\r\n", &mebibyte[..], b"\r\n"].concat();
    while wire.try_send(&chunk) {}
    if let Some(response) = wire.try_response() {
        assert_eq!(response.status, 413);
    }
    // It waits to be told that it may come.
    let mut wire = serve.connect();
    wire.send(&head(
        "Expect: 100-continue\r\nContent-Length: 99999999\r\n",
    ));
    assert_eq!(wire.response().status, 413);
    // Just as much as is allowed.
    let mut body = mebibyte;
    body[..HANDSHAKE.len()].copy_from_slice(HANDSHAKE.as_bytes());
    let mut wire = serve.connect();
    wire.send(&post(&body));
    assert_eq!(wire.response().status, 200);
    serve.ends_well();
}

#[test]
fn large_bodies_are_forgotten_again() {
    let serve = Serve::start(&["-q"]);
    let text = "x".repeat(15 * 1024 * 1024);
    let body = format!("[{{\"channel\":\"/large\",\"clientId\":\"none\",\"data\":\"{text}\"}}]");
    serve.forgets(|| {
        let mut wire = serve.connect();
        wire.send(&post(&body));
        assert!(wire.response().text().contains("402"));
    });
    serve.ends_well();
}

/// An array of a hundred thousand elements that are no messages: each has its reply.
#[test]
fn many_elements_that_are_none_are_answered_one_by_one() {
    let serve = Serve::start(&["-q"]);
    let n = 100_000;
    let mut wire = serve.connect();
    serve.forgets(|| {
        wire.send(&post(format!("[{}1]", "1,".repeat(n - 1))));
        let reply = wire.response().text();
        assert_eq!(reply.matches("400::message_invalid").count(), n);
    });
    serve.ends_well();
}

/// Sixteen megabytes of the smallest elements there are: each would become some hundred bytes.
#[test]
fn too_many_elements_are_refused_before_they_take_the_memory() {
    let serve = Serve::start(&["-q"]);
    let mut wire = serve.connect();
    let size = 16 * 1024 * 1024 - 100;
    let of = |element: &str| format!("[{}1]", element.repeat(size / element.len()));
    let form = "message=1&".repeat(size / 10);
    let as_form = format!(
        "POST /cometd HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {}\r\n\r\n{form}",
        form.len()
    );
    let bodies = ["{},", "1,", "\"\",", "x,", ","].map(|it| post(of(it)));
    for request in bodies.into_iter().chain([as_form.into_bytes()]) {
        wire.send(&request);
        let response = wire.response();
        assert_eq!(response.status, 413);
        assert_eq!(response.text(), "more than 250000 messages in one body\n");
    }
    wire.send(&post(HANDSHAKE));
    assert_eq!(wire.response().status, 200);
    serve.peaked_at_most(192 * 1024 * 1024);
    serve.ends_well();
}

/// One message in which the same is wrong again and again.
#[test]
fn a_field_that_stands_a_million_times_takes_no_memory_for_each() {
    let serve = Serve::start(&["-q"]);
    let mut wire = serve.connect();
    let fields = "\"id\":1,\"id\":{},".repeat(1_000_000);
    wire.send(&post(format!("[{{{fields}\"channel\":\"/a\"}}]")));
    assert_eq!(wire.response().status, 200);
    serve.peaked_at_most(64 * 1024 * 1024);
    serve.ends_well();
}

#[test]
fn odd_numbers_and_texts_are_repeated_as_they_are() {
    let serve = Serve::start(&[]);
    let mut session = Session::open(serve.connect());
    session.ask("\"channel\":\"/meta/subscribe\",\"subscription\":\"/odd\"");
    for data in [
        "1e999999",
        "-0.0",
        "123456789012345678901234567890.000000000000000000001",
        "\"\\ud800\"",
        "\"\\u0000\"",
        "\"\\u001b[2J\"",
        "{\"a\":1,\"a\":2}",
        "{\"__proto__\":{\"a\":1}}",
        "\"</script><script>alert(1)</script>\"",
    ] {
        let reply = session.ask(&format!("\"channel\":\"/odd\",\"data\":{data}"));
        assert!(reply.contains("\"successful\":true"), "{data}: {reply}");
        let connect = "\"channel\":\"/meta/connect\",\"connectionType\":\"long-polling\"";
        assert!(
            reply.contains(data) || session.ask(connect).contains(data),
            "{data}"
        );
    }
    serve.ends_well();
}
