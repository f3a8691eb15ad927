//! The connection to a master, against peers that do as they are told.

use std::net::TcpListener;
use std::thread;

use super::*;

const SOON: Duration = Duration::from_secs(10);
const SHORT: Duration = Duration::from_millis(300);

/// What a master sends first.
fn master() -> Vec<u8> {
    let mut bytes = greeting().to_vec();
    bytes.extend(ready_command(&[
        ("Socket-Type", "ROUTER"),
        ("Identity", ""),
    ]));
    bytes
}

fn ready_command(properties: &[(&str, &str)]) -> Vec<u8> {
    let mut body = b"\x05READY".to_vec();
    for (name, value) in properties {
        body.push(name.len() as u8);
        body.extend(name.as_bytes());
        body.extend((value.len() as u32).to_be_bytes());
        body.extend(value.as_bytes());
    }
    frame(FLAG_COMMAND, &body)
}

/// Connects to a peer that does this with its connection.
fn connected_to(
    patience: Duration,
    peer: impl FnOnce(TcpStream) + Send + 'static,
) -> Result<Link, LinkError> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || peer(listener.accept().unwrap().0));
    Link::connect("127.0.0.1", port, "worker_1", patience)
}

/// Why there is no connection to a peer that says this, and then waits.
fn refused(bytes: &[u8]) -> String {
    let bytes = bytes.to_vec();
    let link = connected_to(SOON, move |mut stream| {
        stream.write_all(&bytes).unwrap();
        drain(stream);
    });
    link.unwrap_err().to_string()
}

/// Reads until the other side has closed.
fn drain(mut stream: TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    // It may be reset.
    let _ = stream.read_to_end(&mut bytes);
    bytes
}

/// What comes of bytes that arrive in pieces of this size.
fn items(bytes: &[u8], size: usize) -> Result<Vec<Item>, LinkError> {
    let mut incoming = Incoming::default();
    let mut items = Vec::new();
    for piece in bytes.chunks(size) {
        incoming.push(piece);
        while let Some(item) = incoming.next()? {
            items.push(item);
        }
    }
    Ok(items)
}

#[test]
fn a_master_hears_who_is_there_and_messages_go_both_ways() {
    let (said, heard) = std::sync::mpsc::channel();
    let mut link = connected_to(SOON, move |mut stream| {
        stream.write_all(&master()).unwrap();
        stream.write_all(&frame(FLAG_NONE, b"short")).unwrap();
        stream.write_all(&frame(FLAG_NONE, &[7; 70_000])).unwrap();
        said.send(drain(stream)).unwrap();
    })
    .unwrap();
    let deadline = Some(Instant::now() + SOON);
    assert_eq!(link.receive(deadline).unwrap().unwrap(), b"short");
    assert_eq!(link.receive(deadline).unwrap().unwrap(), vec![7; 70_000]);
    link.send(b"from the link").unwrap();
    link.sender().unwrap().send(&[1; 300]).unwrap();
    drop(link);
    let mut expected = b"\xff\0\0\0\0\0\0\0\0\x7f\x03\0NULL".to_vec();
    expected.resize(GREETING, 0);
    let ready = b"\x04\x31\x05READY\x0bSocket-Type\0\0\0\x06DEALER\x08Identity\0\0\0\x08worker_1";
    expected.extend(ready);
    expected.extend(b"\0\x0dfrom the link");
    expected.extend(b"\x02\0\0\0\0\0\0\x01\x2c");
    expected.extend([1; 300]);
    assert_eq!(heard.recv_timeout(SOON).unwrap(), expected);
}

#[test]
fn what_comes_is_the_same_in_pieces_of_any_size() {
    let mut bytes = master();
    bytes.extend(frame(FLAG_NONE, b"a"));
    bytes.extend(frame(FLAG_COMMAND, b"\x04PING\0\0"));
    bytes.extend(frame(FLAG_NONE, b""));
    bytes.extend(frame(FLAG_NONE, &[3; 1000]));
    let whole = items(&bytes, bytes.len()).unwrap();
    let message = |it: &[u8]| Item::Message(it.to_vec());
    let messages = [message(b"a"), message(b""), message(&[3; 1000])];
    assert_eq!(whole[..2], [Item::Greeting, Item::Ready]);
    assert_eq!(whole[2..], messages);
    for size in 1..100 {
        assert_eq!(items(&bytes, size).unwrap(), whole, "pieces of {size}");
    }
    for length in 0..bytes.len() {
        let begun = items(&bytes[..length], 7).unwrap();
        assert_eq!(begun, whole[..begun.len()], "the first {length} bytes");
    }
}

#[test]
fn servers_of_something_else_are_told_by_how_they_begin() {
    assert_eq!(
        refused(b"SSH-2.0-OpenSSH_9.6\r\n"),
        "what answers is not ZeroMQ: it says `SSH-2.0-OpenSSH_9.6`"
    );
    assert_eq!(
        refused(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"),
        "what answers is not ZeroMQ: it says `HTTP/1.1 400 Bad Request`"
    );
    let long = [b'x'; 5000];
    let told = refused(&long);
    assert!(told.len() < 100, "{told}");
    let mut unsigned = greeting();
    unsigned[9] = 0x7e;
    assert!(refused(&unsigned).starts_with("what answers is not ZeroMQ"));
}

#[test]
fn another_kind_of_zeromq_is_refused() {
    let changed = |at: usize, bytes: &[u8]| {
        let mut greeting = greeting();
        greeting[at..at + bytes.len()].copy_from_slice(bytes);
        refused(&greeting)
    };
    assert_eq!(
        changed(10, &[1]),
        "what answers speaks an old ZeroMQ protocol, of version 1"
    );
    assert_eq!(
        changed(12, b"CURVE"),
        "what answers wants the security mechanism CURVE"
    );
    let after_greeting = |bytes: Vec<u8>| refused(&[greeting().to_vec(), bytes].concat());
    assert_eq!(
        after_greeting(ready_command(&[("socket-type", "PUB")])),
        "what answers is a PUB socket, not a ROUTER"
    );
    assert_eq!(
        after_greeting(frame(FLAG_COMMAND, b"\x05ERROR\x07go away")),
        "refused: go away"
    );
}

#[test]
fn garbage_is_no_connection() {
    let after_greeting = |bytes: Vec<u8>| refused(&[greeting().to_vec(), bytes].concat());
    for (bytes, what) in [
        (vec![0xf0, 0], "unknown flags"),
        (frame(FLAG_MORE, b"x"), "a message of several parts"),
        (frame(FLAG_NONE, b"x"), "a message before a READY command"),
        (frame(FLAG_COMMAND, b""), "a command that is cut off"),
        (
            frame(FLAG_COMMAND, b"\x09READY"),
            "a command that is cut off",
        ),
        (
            frame(FLAG_COMMAND, b"\x05READY\x01a\xff\xff\xff\xff"),
            "a command that is cut off",
        ),
        (
            frame(FLAG_COMMAND, b"\x04PING"),
            "another command than READY",
        ),
    ] {
        assert_eq!(after_greeting(bytes), format!("bad frame: {what}"));
    }
}

#[test]
fn a_frame_that_is_too_long_is_refused_before_it_comes() {
    let mut bytes = master();
    bytes.extend([FLAG_LONG, 0, 0, 0, 0, 1, 0, 0, 1]);
    let error = items(&bytes, bytes.len()).unwrap_err();
    assert_eq!(error.to_string(), "a frame of 16777217 bytes is too long");
    let most = [FLAG_LONG, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
    let bytes = [master(), most.to_vec()].concat();
    assert!(matches!(
        items(&bytes, 1),
        Err(LinkError::TooLong { length: u64::MAX })
    ));
}

#[test]
fn nobody_there_is_an_error() {
    // A port that was free a moment ago.
    let port = TcpListener::bind(("127.0.0.1", 0))
        .and_then(|it| it.local_addr())
        .unwrap()
        .port();
    let error = Link::connect("127.0.0.1", port, "worker", SOON).unwrap_err();
    assert!(matches!(error, LinkError::Connect(_)), "{error:?}");
    let error = Link::connect("no such host", 5557, "worker", SOON).unwrap_err();
    assert!(matches!(error, LinkError::Resolve(_)), "{error:?}");
}

#[test]
fn silence_ends() {
    let error = connected_to(SHORT, |stream| drop(drain(stream))).unwrap_err();
    assert_eq!(error.to_string(), "no answer within 300ms");
}

#[test]
fn a_greeting_that_drips_ends_too() {
    let begun = Instant::now();
    let error = connected_to(SHORT, |mut stream| {
        for byte in greeting().into_iter().cycle() {
            if stream.write_all(&[byte]).is_err() {
                break;
            }
            thread::park_timeout(Duration::from_millis(20));
        }
    });
    assert_eq!(error.unwrap_err().to_string(), "no answer within 300ms");
    assert!(begun.elapsed() < SOON);
}

#[test]
fn a_peer_that_closes_is_seen() {
    let error = connected_to(SOON, drop).unwrap_err();
    let is_closed = |error: &LinkError, up| match error {
        LinkError::Closed { was_up } => *was_up == up,
        _ => false,
    };
    assert!(is_closed(&error, Up::NotYet), "{error:?}");
    let mut link = connected_to(SOON, |mut stream| {
        stream.write_all(&master()).unwrap();
        stream.write_all(&frame(FLAG_NONE, b"last words")).unwrap();
        // What is not read would make it a reset, which may overtake the words.
        stream.shutdown(Shutdown::Write).unwrap();
        drain(stream);
    })
    .unwrap();
    assert_eq!(link.receive(None).unwrap().unwrap(), b"last words");
    let error = link.receive(None).unwrap_err();
    assert!(is_closed(&error, Up::Ready), "{error:?}");
}

#[test]
fn what_waits_hears_that_the_connection_was_closed_here() {
    let mut link = connected_to(SOON, |mut stream| {
        stream.write_all(&master()).unwrap();
        drain(stream);
    })
    .unwrap();
    let sender = link.sender().unwrap();
    let waiting = thread::spawn(move || link.receive(None).unwrap_err());
    sender.close();
    let error = waiting.join().unwrap();
    assert!(matches!(error, LinkError::Closed { .. }), "{error:?}");
    assert!(sender.send(b"more").is_err());
}

#[test]
fn who_waits_until_a_deadline_gets_nothing_by_then() {
    let mut link = connected_to(SOON, |mut stream| {
        stream.write_all(&master()).unwrap();
        // A frame that has begun.
        stream.write_all(&[FLAG_NONE, 5, b'a']).unwrap();
        drain(stream);
    })
    .unwrap();
    for _ in 0..2 {
        let deadline = Instant::now() + Duration::from_millis(20);
        assert!(link.receive(Some(deadline)).unwrap().is_none());
    }
}

proptest::proptest! {
    #[test]
    fn whatever_comes_is_the_same_in_pieces(
        is_greeted: bool,
        frames in proptest::collection::vec((0_u8..8, proptest::collection::vec(0_u8.., 0..40)), 0..8),
        garbage in proptest::collection::vec(0_u8.., 0..40),
        size in 1_usize..50,
    ) {
        let mut bytes = if is_greeted { master() } else { Vec::new() };
        for (flags, body) in frames {
            bytes.extend(frame(flags & !FLAG_LONG, &body));
        }
        bytes.extend(garbage);
        // Of a server of something else, an error tells as much as has come.
        let read = |size| items(&bytes, size).map_err(|it| std::mem::discriminant(&it));
        assert_eq!(read(size), read(bytes.len().max(1)));
    }
}
