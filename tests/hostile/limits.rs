//! More connections than there may be, and than there can be.

use std::io::ErrorKind;

use crate::serve::{Serve, Session, until};
use crate::wire::{Wire, head, post};

/// Whether the server answers what is complete now.
fn answers(wire: &mut Wire) -> bool {
    wire.try_send(b"[]") && wire.try_response().is_some_and(|it| it.status == 200)
}

#[test]
fn a_flood_of_connections_beyond_the_descriptors_is_survived() {
    let serve = Serve::limited(64, &["--request-timeout", "5s"]);
    let mut session = Session::open(serve.connect());
    for _ in 0..3 {
        let flood: Vec<Wire> = (0..300)
            .map(|_| serve.connect())
            .map(|mut wire| {
                wire.try_send(&head("Content-Length: 2\r\n"));
                wire
            })
            .collect();
        // Who was there before is served all the while.
        let reply = session.ask("\"channel\":\"/flooded\",\"data\":1");
        assert!(reply.contains("\"successful\":true"), "{reply}");
        // Some of the others are, too; who is not is refused or waits, and nothing breaks.
        let mut flood = flood;
        assert!(answers(&mut flood[0]));
        drop(flood);
        recovers(&serve);
    }
    serve.ends_well();
}

#[test]
fn websockets_beyond_the_descriptors_are_survived() {
    let serve = Serve::limited(48, &[]);
    let flood: Vec<Wire> = (0..100)
        .map(|_| serve.connect())
        .map(|mut wire| {
            wire.try_send(crate::web_socket::UPGRADE);
            wire
        })
        .collect();
    drop(flood);
    recovers(&serve);
    serve.ends_well();
}

/// It may not have seen yet that those of the flood are gone.
fn recovers(serve: &Serve) {
    until("connections are taken again", || {
        let mut wire = serve.connect();
        wire.try_send(&post("[]")) && wire.try_response().is_some_and(|it| it.status == 200)
    });
}

#[test]
fn connections_beyond_the_bound_are_refused_and_the_place_is_free_again() {
    let serve = Serve::start(&["--max-connections", "10"]);
    // The session that was served before may still be about to close.
    let mut open: Vec<Wire> = Vec::new();
    until("ten are taken", || {
        let mut wire = serve.connect();
        let is_taken =
            wire.try_send(&post("[]")) && wire.try_response().is_some_and(|it| it.status == 200);
        if is_taken {
            open.push(wire);
        }
        open.len() == 10
    });
    for _ in 0..50 {
        let mut wire = serve.connect();
        let _ = wire.try_send(&post("[]"));
        if let Some(response) = wire.try_response() {
            assert_eq!(response.status, 503);
            assert!(response.head.contains("Retry-After:"), "{}", response.head);
        }
        assert!(wire.rest().is_empty());
    }
    for wire in &mut open {
        wire.send(&post("[]"));
        assert_eq!(wire.response().status, 200);
    }
    drop(open);
    until("there is a place", || {
        let mut wire = serve.connect();
        wire.try_send(&post("[]")) && wire.try_response().is_some_and(|it| it.status == 200)
    });
    until("there are places for an ordinary session", || {
        let mut wires: Vec<Wire> = (0..3).map(|_| serve.connect()).collect();
        wires.iter_mut().all(|wire| {
            wire.try_send(&post("[]")) && wire.try_response().is_some_and(|it| it.status == 200)
        })
    });
    serve.ends_well();
}

/// Opened and gone at once, before or after a byte or a request, in any way.
#[test]
fn connections_that_come_and_go_leave_nothing() {
    let serve = Serve::start(&["-q"]);
    for n in 0..2000 {
        let mut wire = serve.connect();
        match n % 4 {
            0 => {}
            1 => drop(wire.try_send(b"P")),
            2 => drop(wire.try_send(&post("[]"))),
            _ => wire.shut(),
        }
    }
    serve.ends_well();
}

#[test]
fn a_listener_that_is_asked_faster_than_it_accepts_loses_nobody() {
    let serve = Serve::start(&["-q"]);
    let mut wires: Vec<Wire> = (0..500).map(|_| serve.connect()).collect();
    for wire in &mut wires {
        wire.send(&post("[]"));
    }
    for wire in &mut wires {
        assert_eq!(wire.response().status, 200);
    }
    drop(wires);
    // Nothing is said about a connection that never was.
    let gone = std::net::TcpStream::connect("127.0.0.1:1").map_err(|it| it.kind());
    assert!(matches!(gone, Err(ErrorKind::ConnectionRefused)));
    serve.ends_well();
}
