//! Bodies whose end is told wrongly, twice or not at all: how requests are smuggled past a proxy.

use crate::serve::{HANDSHAKE, Serve, client_id};
use crate::wire::head;

#[test]
fn a_length_that_is_none_is_refused() {
    let serve = Serve::start(&[]);
    for length in [
        "-1",
        "+2",
        "0x2",
        "2 2",
        "two",
        "",
        "2.0",
        "99999999999999999999",
        "18446744073709551616",
        "2, 3",
    ] {
        let mut wire = serve.connect();
        wire.send(&[&head(&format!("Content-Length: {length}\r\n"))[..], b"[]"].concat());
        let response = wire.response();
        assert!(
            matches!(response.status, 400 | 413),
            "{length}: {response:?}"
        );
        assert!(wire.rest().is_empty(), "{length}");
    }
    serve.ends_well();
}

/// Each of these is read in two ways by two servers; the second way hides a handshake.
#[test]
fn a_body_with_two_ends_is_refused_with_all_that_follows() {
    let serve = Serve::start(&[]);
    let hidden = String::from_utf8(crate::wire::post(HANDSHAKE)).unwrap();
    for headers in [
        "Content-Length: 0\r\nContent-Length: 2\r\n",
        "Content-Length: 2\r\nContent-Length: 0\r\n",
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: identity\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: chunked, chunked\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding: \x0bchunked\r\n",
        "Transfer-Encoding:\r\n chunked\r\n",
    ] {
        let mut wire = serve.connect();
        wire.send(&[&head(headers)[..], b"0\r\n\r\n", hidden.as_bytes()].concat());
        let response = wire.response();
        assert!(
            matches!(response.status, 400 | 501),
            "{headers}: {response:?}"
        );
        let rest = String::from_utf8(wire.rest()).unwrap();
        assert_eq!(client_id(&rest), None, "{headers}: {rest}");
    }
    serve.ends_well();
}

#[test]
fn chunks_that_are_none_are_refused() {
    let serve = Serve::start(&["--max-body", "64KiB"]);
    let long = "f".repeat(30_000);
    let extension = format!("2;{}\r\n[]\r\n0\r\n\r\n", "x".repeat(30_000));
    for (chunks, statuses) in [
        ("zz\r\n", [400, 400]),
        ("-2\r\n[]\r\n", [400, 400]),
        ("0x2\r\n[]\r\n0\r\n\r\n", [400, 400]),
        ("\r\n[]\r\n", [400, 400]),
        ("2\r\n[]no line end\r\n", [400, 400]),
        ("ffffffffffffffff\r\n[", [400, 413]),
        ("fffffffffffffffff\r\n[", [400, 413]),
        (&*long, [400, 431]),
        (&*extension, [400, 431]),
    ] {
        let mut wire = serve.connect();
        wire.send(&[&head("Transfer-Encoding: chunked\r\n"), chunks.as_bytes()].concat());
        if chunks == long || chunks.starts_with("ff") {
            // More of it, until the server has had enough.
            while wire.try_send(&[b'f'; 10_000]) {}
        }
        if let Some(response) = wire.try_response() {
            assert!(
                statuses.contains(&response.status),
                "{chunks}: {response:?}"
            );
        }
        assert!(wire.rest().is_empty(), "{chunks}");
    }
    serve.ends_well();
}

#[test]
fn what_is_cut_off_is_not_carried_out() {
    let serve = Serve::start(&[]);
    let length = format!("Content-Length: {}\r\n", HANDSHAKE.len() + 1);
    let chunk = format!("{:x}\r\n{HANDSHAKE}\r\n", HANDSHAKE.len());
    for (headers, body) in [
        (&*length, HANDSHAKE),
        ("Transfer-Encoding: chunked\r\n", &*chunk),
        ("Transfer-Encoding: chunked\r\n", &chunk[..chunk.len() / 2]),
    ] {
        let mut wire = serve.connect();
        wire.send(&[&head(headers), body.as_bytes()].concat());
        wire.shut();
        let rest = String::from_utf8(wire.rest()).unwrap();
        assert_eq!(client_id(&rest), None, "{rest}");
    }
    serve.ends_well();
}

/// Each costs the sender six bytes, and must not cost the server a look at all that waits.
#[test]
fn a_body_in_chunks_of_one_byte_is_read_like_any_other() {
    let serve = Serve::start(&[]);
    let body = format!("{}{HANDSHAKE}", " ".repeat(500_000));
    let chunks: Vec<u8> = body
        .bytes()
        .flat_map(|it| [b'1', b'\r', b'\n', it, b'\r', b'\n'])
        .collect();
    let mut wire = serve.connect();
    wire.send(
        &[
            &head("Transfer-Encoding: chunked\r\n")[..],
            &chunks,
            b"0\r\n\r\n",
        ]
        .concat(),
    );
    assert_eq!(wire.response().status, 200);
    serve.ends_well();
}

#[test]
fn trailers_without_end_are_refused() {
    let serve = Serve::start(&["--request-timeout", "1s"]);
    let mut wire = serve.connect();
    wire.send(&head("Transfer-Encoding: chunked\r\n"));
    wire.send(b"2\r\n[]\r\n0\r\n");
    while wire.try_send(b"X-Trailer: trailer\r\n") {}
    if let Some(response) = wire.try_response() {
        assert!(matches!(response.status, 400 | 408 | 431), "{response:?}");
    }
    serve.ends_well();
}
