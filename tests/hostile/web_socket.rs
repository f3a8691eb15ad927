//! Frames that are none, too large, or without end.

use crate::pace::drip;
use crate::serve::{HANDSHAKE, Serve, client_id, until};
use crate::wire::Wire;

pub(crate) const UPGRADE: &[u8] = b"GET /cometd HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

const FIN: u8 = 0x80;
const MASKED: u8 = 0x80;
const CONTINUATION: u8 = 0;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

/// Nothing is hidden by it, so that frames can be read.
const MASK: [u8; 4] = [0; 4];

fn open(serve: &Serve) -> Wire {
    let mut wire = serve.connect();
    wire.send(UPGRADE);
    assert_eq!(wire.response().status, 101);
    wire
}

/// A frame as a client has to write it.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        length @ 0..126 => frame.push(MASKED | length as u8),
        length @ 126..65536 => {
            frame.push(MASKED | 126);
            frame.extend((length as u16).to_be_bytes());
        }
        length => {
            frame.push(MASKED | 127);
            frame.extend((length as u64).to_be_bytes());
        }
    }
    frame.extend(MASK);
    frame.extend(payload);
    frame
}

/// The next frame of the server: what kind it is and what is in it.
fn next(wire: &mut Wire) -> Option<(u8, Vec<u8>)> {
    let head = wire.bytes(2)?;
    let length = match head[1] {
        126 => {
            let length = wire.bytes(2)?;
            u16::from_be_bytes(length.try_into().unwrap()).into()
        }
        127 => {
            let length = wire.bytes(8)?;
            usize::try_from(u64::from_be_bytes(length.try_into().unwrap())).unwrap()
        }
        length => {
            assert!(length < 126, "a server masks nothing");
            length.into()
        }
    };
    Some((head[0], wire.bytes(length)?))
}

/// The code with which the server closes, if it says one, after whatever else it says.
fn closed(wire: &mut Wire) -> Option<u16> {
    while let Some((first, payload)) = next(wire) {
        if first == FIN | CLOSE {
            let code = payload.get(..2)?;
            let code = u16::from_be_bytes(code.try_into().unwrap());
            assert!(wire.rest().is_empty(), "nothing comes after a close");
            return Some(code);
        }
    }
    None
}

fn handshake(wire: &mut Wire) {
    wire.send(&frame(FIN | TEXT, HANDSHAKE.as_bytes()));
    expect_handshake_reply(wire);
}

fn expect_handshake_reply(wire: &mut Wire) {
    let (first, reply) = next(wire).unwrap();
    assert_eq!(first, FIN | TEXT);
    assert!(client_id(std::str::from_utf8(&reply).unwrap()).is_some());
}

#[test]
fn a_frame_against_the_rules_closes_the_websocket_with_their_number() {
    let serve = Serve::start(&["--max-body", "64KiB"]);
    let unmasked = [&[FIN | TEXT, 2][..], b"[]"].concat();
    let huge = [
        &[FIN | TEXT, MASKED | 127][..],
        &(1u64 << 62).to_be_bytes(),
        &MASK,
    ]
    .concat();
    let negative = [&[FIN | TEXT, MASKED | 127][..], &[0xff; 8], &MASK].concat();
    let long_ping = frame(FIN | PING, &[b'x'; 126]);
    let text = |text: &[u8]| frame(FIN | TEXT, text);
    for (what, frames, codes) in [
        ("unmasked", unmasked, [1002, 1002]),
        (
            "first reserved bit",
            frame(FIN | 0x40 | TEXT, b"[]"),
            [1002, 1002],
        ),
        (
            "second reserved bit",
            frame(FIN | 0x20 | TEXT, b"[]"),
            [1002, 1002],
        ),
        (
            "third reserved bit",
            frame(FIN | 0x10 | TEXT, b"[]"),
            [1002, 1002],
        ),
        ("reserved kind", frame(FIN | 3, b"[]"), [1002, 1002]),
        ("reserved control", frame(FIN | 11, b""), [1002, 1002]),
        ("2^62 bytes", huge, [1009, 1009]),
        ("2^64-1 bytes", negative, [1002, 1009]),
        ("more than the limit", text(&[b' '; 70_000]), [1009, 1009]),
        ("a ping in parts", frame(PING, b""), [1002, 1002]),
        ("a ping of 126 bytes", long_ping, [1002, 1002]),
        (
            "a part of nothing",
            frame(FIN | CONTINUATION, b"[]"),
            [1002, 1002],
        ),
        (
            "text in text",
            [frame(TEXT, b"["), text(b"]")].concat(),
            [1002, 1002],
        ),
        ("not UTF-8", text(b"[\"\xff\"]"), [1007, 1007]),
        ("a surrogate", text(b"[\"\xed\xa0\x80\"]"), [1007, 1007]),
        ("binary", frame(FIN | BINARY, b"[]"), [1003, 1003]),
        ("not JSON", text(b"nonsense"), [1007, 1008]),
        ("half of it", text(b"[{\"channel\":"), [1007, 1008]),
        ("deep", text("[".repeat(60_000).as_bytes()), [1007, 1008]),
        (
            "a close of one byte",
            frame(FIN | CLOSE, b"x"),
            [1002, 1002],
        ),
        (
            "a close that may not be",
            frame(FIN | CLOSE, &1005u16.to_be_bytes()),
            [1002, 1005],
        ),
        (
            "a close that is not UTF-8",
            frame(FIN | CLOSE, b"\x03\xe8\xff"),
            [1002, 1007],
        ),
    ] {
        let mut wire = open(&serve);
        handshake(&mut wire);
        wire.send(&frames);
        let code = closed(&mut wire);
        // An answer to a broken close may be the end itself.
        let is_close = what.contains("close") && code.is_none();
        assert!(
            is_close || code.is_some_and(|it| codes.contains(&it)),
            "{what}: {code:?}"
        );
    }
    serve.ends_well();
}

#[test]
fn a_frame_of_more_messages_than_are_read_ends_it() {
    let serve = Serve::start(&[]);
    let mut wire = open(&serve);
    handshake(&mut wire);
    let messages = format!("[{}{{}}]", "{},".repeat(250_000));
    wire.send(&frame(FIN | TEXT, messages.as_bytes()));
    assert_eq!(closed(&mut wire), Some(1009));
    serve.ends_well();
}

#[test]
fn a_message_that_stops_in_the_middle_is_ended_in_time() {
    let serve = Serve::start(&["--request-timeout", "300ms"]);
    let mut patient = open(&serve);
    handshake(&mut patient);
    let text = |text: &[u8]| frame(FIN | TEXT, text);
    let (whole, ping) = (text(b"[]"), frame(FIN | PING, b""));
    let long = text(format!("[{}]", " ".repeat(5000)).as_bytes());
    for (what, bytes) in [
        ("half of a head", whole[..1].to_vec()),
        ("a head", whole[..6].to_vec()),
        ("half of a long head", long[..3].to_vec()),
        ("all but one byte", long[..long.len() - 1].to_vec()),
        ("behind a whole one", [&whole[..], &whole[..7]].concat()),
        ("a first part", frame(TEXT, b"[")),
        (
            "a ping behind it",
            [frame(TEXT, b"["), ping.clone()].concat(),
        ),
        (
            "a second part",
            [frame(TEXT, b"["), frame(CONTINUATION, b"")].concat(),
        ),
        ("half of a ping", ping[..3].to_vec()),
    ] {
        let mut wire = open(&serve);
        handshake(&mut wire);
        wire.send(&bytes);
        assert_eq!(closed(&mut wire), Some(1008), "{what}");
        let mut wire = serve.connect();
        wire.send(&[UPGRADE, &bytes].concat());
        assert_eq!(wire.response().status, 101);
        assert_eq!(closed(&mut wire), Some(1008), "{what}, with the upgrade");
    }
    // Whole messages, and none, have no such time.
    let parts = [frame(TEXT, b"["), ping, frame(FIN | CONTINUATION, b"]")].concat();
    for bytes in [parts, whole, long] {
        patient.send(&bytes);
    }
    let texts = std::iter::from_fn(|| next(&mut patient)).filter(|it| it.0 == FIN | TEXT);
    let texts: Vec<_> = texts.take(3).map(|it| it.1).collect();
    assert_eq!(texts, [b"[]"; 3]);
    serve.ends_well();
}

/// Each byte comes in time, and the last part never.
#[test]
fn a_message_that_comes_slowly_is_ended_in_time() {
    let serve = Serve::start(&["--request-timeout", "300ms"]);
    let mut wire = open(&serve);
    wire.send(&frame(TEXT, b"["));
    drip(&mut wire, &frame(CONTINUATION, b" "));
    serve.ends_well();
}

#[test]
fn a_message_in_parts_without_end_is_ended_at_the_limit() {
    let serve = Serve::start(&["--max-body", "64KiB"]);
    let mut wire = open(&serve);
    wire.send(&frame(TEXT, b"["));
    let part = frame(CONTINUATION, &[b' '; 1000]);
    // It may take for a moment what it no longer keeps, so that its answer is read.
    until("the server has had enough", || {
        !(0..100).all(|_| wire.try_send(&part))
    });
    serve.took_at_most(8 * 1024 * 1024);
    let code = closed(&mut wire);
    assert!(matches!(code, None | Some(1009)), "{code:?}");
    // Parts with nothing in them never reach a limit; they cost nothing either.
    let mut wire = open(&serve);
    wire.send(&frame(TEXT, b"["));
    let parts = frame(CONTINUATION, b"").repeat(1000);
    for _ in 0..100 {
        if !wire.try_send(&parts) {
            break;
        }
    }
    serve.took_at_most(8 * 1024 * 1024);
    serve.serves_a_session();
    drop(wire);
    serve.ends_well();
}

#[test]
fn a_flood_of_pings_takes_no_memory() {
    let serve = Serve::start(&["-q"]);
    // One who takes the answers ...
    let mut wire = open(&serve);
    let pings = frame(FIN | PING, &[b'x'; 125]).repeat(100);
    for _ in 0..100 {
        wire.send(&pings);
        // Of several pings only the last needs an answer (RFC 6455, 5.5.3).
        let (first, payload) = next(&mut wire).unwrap();
        assert_eq!(first, FIN | PONG);
        assert_eq!(payload.len(), 125);
    }
    // ... and one who does not.
    let mut wire = open(&serve);
    for _ in 0..2000 {
        if wire.send_without_waiting(&pings) < pings.len() {
            break;
        }
    }
    serve.took_at_most(8 * 1024 * 1024);
    serve.serves_a_session();
    drop(wire);
    serve.ends_well();
}

#[test]
fn frames_that_stop_in_the_middle_hold_nobody_up() {
    let serve = Serve::start(&[]);
    let whole = frame(FIN | TEXT, HANDSHAKE.as_bytes());
    let wires: Vec<Wire> = (0..whole.len())
        .map(|end| {
            let mut wire = open(&serve);
            wire.send(&whole[..end]);
            wire
        })
        .collect();
    serve.serves_a_session();
    // Each goes on where it stopped.
    for (end, mut wire) in wires.into_iter().enumerate() {
        wire.send(&whole[end..]);
        expect_handshake_reply(&mut wire);
    }
    serve.ends_well();
}

#[test]
fn one_bad_message_in_a_frame_does_not_cost_the_others_their_replies() {
    let serve = Serve::start(&[]);
    let mut wire = open(&serve);
    handshake(&mut wire);
    wire.send(&frame(
        FIN | TEXT,
        br#"[1,{"channel":7,"id":"2"},{"channel":"/meta/other","id":"3"}]"#,
    ));
    let (_, replies) = next(&mut wire).unwrap();
    let replies = String::from_utf8(replies).unwrap();
    assert_eq!(
        replies.matches("\"successful\":false").count(),
        3,
        "{replies}"
    );
    assert!(replies.contains("\"id\":\"3\""), "{replies}");
    serve.ends_well();
}

#[test]
fn an_upgrade_that_is_none_is_refused() {
    let serve = Serve::start(&[]);
    let upgrade = std::str::from_utf8(UPGRADE).unwrap();
    for (what, with, statuses) in [
        ("13", "8", [426, 426]),
        ("13", "13, 8", [426, 400]),
        ("dGhlIHNhbXBsZSBub25jZQ==", "", [400, 400]),
        ("dGhlIHNhbXBsZSBub25jZQ==", "short==", [400, 400]),
        ("Connection: Upgrade", "Connection: close", [400, 400]),
        ("HTTP/1.1", "HTTP/1.0", [400, 400]),
        ("/cometd", "/", [404, 404]),
    ] {
        let mut wire = serve.connect();
        wire.send(upgrade.replace(what, with).as_bytes());
        let status = wire.response().status;
        // Another part of the server may be at the root.
        assert!(
            statuses.contains(&status) || (with == "/" && status != 101),
            "{with}: {status}"
        );
    }
    serve.ends_well();
}
