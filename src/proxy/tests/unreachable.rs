//! Servers that cannot be reached, and clients and servers that do not behave.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use super::scripted::Scripted;
use super::{connect, exchanged, observed, wait_for};
use crate::proxy::{Side, What};
use crate::traffic::Seen;

const REQUEST: &[u8] =
    b"POST /cometd HTTP/1.1\r\nHost: x\r\nContent-Length: 21\r\n\r\n[{\"channel\":\"/demo\"}]";

/// Its `Host` has become longer.
fn read_request(stream: &mut TcpStream) -> Vec<u8> {
    let (mut request, mut byte) = (Vec::new(), [0]);
    while !request.ends_with(b"}]") {
        stream.read_exact(&mut byte).unwrap();
        request.push(byte[0]);
    }
    request
}

#[test]
fn a_server_that_refuses_is_a_502_and_the_proxy_goes_on() {
    let address = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let (proxy, events) = observed(&format!("http://{address}/cometd"), |_| {});
    for _ in 0..3 {
        let response = exchanged(proxy.address(), REQUEST);
        let response = String::from_utf8(response).unwrap();
        let (head, body) = response.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 502 "), "{head}");
        assert_eq!(
            body,
            format!("bayeux proxy cannot reach http://{address}: connection refused\n")
        );
        let reason = wait_for(&events, |it| match it {
            What::Unreachable { reason } => Some(reason.clone()),
            _ => None,
        });
        assert_eq!(reason, "connection refused");
    }
}

#[test]
fn a_server_that_does_not_accept_is_a_504() {
    // An address of a network that is for documentation (RFC 5737): nobody answers there. Where
    // the system says so at once it is a 502.
    let (proxy, _events) = observed("http://192.0.2.1:81/cometd", |settings| {
        settings.connect_timeout = Duration::from_millis(200);
    });
    let response = exchanged(proxy.address(), REQUEST);
    assert!(
        response.starts_with(b"HTTP/1.1 504 ") || response.starts_with(b"HTTP/1.1 502 "),
        "{response:?}"
    );
}

#[test]
fn what_is_no_http_passes_unseen_in_both_directions() {
    let server = Scripted::sending(b"SSH-2.0-OpenSSH_9.9\r\n".to_vec());
    let (proxy, events) = observed(&server.url(), |_| {});
    let mut client = connect(proxy.address());
    client.write_all(b"\x16\x03\x01\x02\x00not HTTP").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let mut read = Vec::new();
    client.read_to_end(&mut read).unwrap();
    assert_eq!(read, b"SSH-2.0-OpenSSH_9.9\r\n");
    assert_eq!(server.read(), b"\x16\x03\x01\x02\x00not HTTP");
    let (from, reason) = wait_for(&events, |it| match it {
        What::Unread { from, reason } => Some((*from, reason.clone())),
        _ => None,
    });
    assert_eq!(from, Side::Client);
    assert!(reason.starts_with("it is not HTTP; "), "{reason}");
}

#[test]
fn a_response_of_another_protocol_passes_and_is_told() {
    let server = Scripted::sending(b"SSH-2.0-OpenSSH_9.9\r\n".to_vec());
    let (proxy, events) = observed(&server.url(), |_| {});
    assert_eq!(
        exchanged(proxy.address(), REQUEST),
        b"SSH-2.0-OpenSSH_9.9\r\n"
    );
    let from = wait_for(&events, |it| match it {
        What::Unread { from, .. } => Some(*from),
        _ => None,
    });
    assert_eq!(from, Side::Server);
}

#[test]
fn a_gigabyte_passes_within_bounded_memory() {
    const PIECE: usize = 1 << 20;
    const N_PIECES: usize = 1 << 10;
    let server = Scripted::new(|mut stream| {
        let request = read_request(&mut stream);
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n",
            PIECE * N_PIECES
        );
        stream.write_all(head.as_bytes()).unwrap();
        let piece = vec![b' '; PIECE];
        for _ in 0..N_PIECES {
            stream.write_all(&piece).unwrap();
        }
        request
    });
    let (proxy, events) = observed(&server.url(), |settings| settings.max_body = 1 << 16);
    let mut client = connect(proxy.address());
    client.write_all(REQUEST).unwrap();
    let (mut n_bytes, mut buffer) = (0, vec![0; PIECE]);
    loop {
        match client.read(&mut buffer).unwrap() {
            0 => break,
            more => n_bytes += more,
        }
    }
    drop(server.read());
    assert!(n_bytes > PIECE * N_PIECES, "{n_bytes}");
    let reason = wait_for(&events, |it| match it {
        What::Unread { reason, .. } => Some(reason.clone()),
        _ => None,
    });
    assert_eq!(reason, "a body is longer than 65536 bytes");
}

#[test]
fn a_reader_that_takes_nothing_holds_the_server_back() {
    let server = Scripted::new(|mut stream| {
        read_request(&mut stream);
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
        stream
            .set_write_timeout(Some(Duration::from_millis(300)))
            .unwrap();
        let (piece, mut n_bytes) = (vec![b' '; 1 << 16], 0_usize);
        // Ends when nothing more is taken.
        while n_bytes < 1 << 28 {
            match stream.write(&piece) {
                Ok(more) => n_bytes += more,
                Err(_) => break,
            }
        }
        n_bytes.to_string().into_bytes()
    });
    let (proxy, _events) = observed(&server.url(), |_| {});
    let mut client = connect(proxy.address());
    client.write_all(REQUEST).unwrap();
    let taken = String::from_utf8(server.read()).unwrap();
    let taken: usize = taken.parse().unwrap();
    // What the buffers of four sockets hold.
    assert!(taken < 1 << 26, "{taken}");
}

#[test]
fn a_server_that_closes_without_a_word_is_told_of() {
    let server = Scripted::new(|mut stream| read_request(&mut stream));
    let (proxy, events) = observed(&server.url(), |_| {});
    assert_eq!(exchanged(proxy.address(), REQUEST), b"");
    wait_for(&events, |it| match it {
        What::Seen(sighting) => matches!(sighting.seen, Seen::Closed).then_some(()),
        _ => None,
    });
    let ended = wait_for(&events, |it| match it {
        What::Ended { by, n_unanswered } => Some((*by, *n_unanswered)),
        _ => None,
    });
    assert_eq!(ended, (Side::Server, 1));
}

#[test]
fn a_head_that_does_not_end_is_a_408() {
    let server = Scripted::sending_nothing();
    let (proxy, _events) = observed(&server.url(), |settings| {
        settings.patience = Duration::from_millis(300);
    });
    let mut client = connect(proxy.address());
    let mut reader = client.try_clone().unwrap();
    let read = thread::spawn(move || {
        let mut response = Vec::new();
        let _ = reader.read_to_end(&mut response);
        response
    });
    client.write_all(b"POST /cometd HTTP/1.1\r\nHost:").unwrap();
    let response = read.join().unwrap();
    assert!(response.starts_with(b"HTTP/1.1 408 "), "{response:?}");
}

#[test]
fn who_leaves_a_server_that_never_answers_is_let_go() {
    let server = Scripted::sending_nothing();
    let (proxy, events) = observed(&server.url(), |settings| {
        settings.patience = Duration::from_millis(300);
    });
    let mut client = connect(proxy.address());
    client.write_all(REQUEST).unwrap();
    drop(client);
    let ended = wait_for(&events, |it| match it {
        What::Ended { by, n_unanswered } => Some((*by, *n_unanswered)),
        _ => None,
    });
    assert_eq!(ended, (Side::Client, 1));
    // The server has seen the end of it.
    assert!(server.read().ends_with(b"}]"));
}
