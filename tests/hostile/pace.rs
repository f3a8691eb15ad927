//! Clients that are slow on purpose: in what they send, and in what they take.

use std::time::{Duration, Instant};

use crate::serve::{Serve, Session, until};
use crate::wire::{Wire, head, post};

const TIMEOUT: &[&str] = &["--request-timeout", "300ms"];

/// Nobody waits as long for a request whose time is 300 ms.
const SOON: Duration = Duration::from_secs(10);

/// Sends a byte from time to time until the server has had enough; what it says then.
pub(crate) fn drip(wire: &mut Wire, bytes: &[u8]) -> Option<u16> {
    let began = Instant::now();
    let mut bytes = bytes.iter().cycle();
    until("the server has had enough", || {
        !wire.try_send(&[*bytes.next().unwrap()])
    });
    assert!(began.elapsed() < SOON, "after {:?}", began.elapsed());
    wire.try_response().map(|it| it.status)
}

#[test]
fn a_head_that_comes_slowly_is_ended_in_time() {
    let serve = Serve::start(TIMEOUT);
    for bytes in ["X", "X-Slow: slow\r\n"] {
        let mut wire = serve.connect();
        wire.send(b"POST /cometd HTTP/1.1\r\n");
        let status = drip(&mut wire, bytes.as_bytes());
        assert!(matches!(status, None | Some(408 | 431)), "{status:?}");
    }
    serve.ends_well();
}

#[test]
fn a_body_that_comes_slowly_is_ended_in_time() {
    let serve = Serve::start(TIMEOUT);
    for (headers, bytes) in [
        ("Content-Length: 1000000\r\n", " "),
        ("Transfer-Encoding: chunked\r\n", "1\r\n \r\n"),
    ] {
        let mut wire = serve.connect();
        wire.send(&head(headers));
        let status = drip(&mut wire, bytes.as_bytes());
        assert!(matches!(status, None | Some(408)), "{status:?}");
    }
    serve.ends_well();
}

#[test]
fn what_stops_in_the_middle_is_told_that_it_is_late() {
    let serve = Serve::start(TIMEOUT);
    for bytes in [
        b"P".to_vec(),
        b"POST /cometd HTTP/1.1\r\nHost".to_vec(),
        head("Content-Length: 10\r\n"),
        [&head("Transfer-Encoding: chunked\r\n")[..], b"5\r\n[{"].concat(),
        [&post("[]")[..], b"POST /com"].concat(),
    ] {
        let mut wire = serve.connect();
        wire.send(&bytes);
        let mut response = wire.response();
        if bytes.starts_with(&post("[]")) {
            assert_eq!(response.status, 200);
            response = wire.response();
        }
        assert_eq!(response.status, 408, "{}", bytes.escape_ascii());
        assert!(wire.rest().is_empty());
    }
    serve.ends_well();
}

/// Hundreds of them hold nobody up, and are gone after their time.
#[test]
fn slow_clients_hold_nobody_up() {
    let serve = Serve::start(&["--request-timeout", "2s"]);
    let mut slow: Vec<Wire> = (0..300).map(|_| serve.connect()).collect();
    for wire in &mut slow {
        wire.send(&head("Content-Length: 10\r\n"));
    }
    let began = Instant::now();
    serve.serves_a_session();
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "{:?}",
        began.elapsed()
    );
    for mut wire in slow {
        assert_eq!(wire.response().status, 408);
    }
    serve.ends_well();
}

/// Requests without end on one connection, and not one response is taken.
#[test]
fn who_takes_no_responses_is_not_read_from_for_ever() {
    let serve = Serve::start(&["-q"]);
    let mut wire = serve.connect();
    // The reply repeats the id, so it is as long as the request.
    let id = "x".repeat(50_000);
    let request = post(format!(r#"[{{"channel":"/meta/nothing","id":"{id}"}}]"#));
    let mut at = 0;
    let mut blocked_since = None;
    let deadline = Instant::now() + Duration::from_secs(20);
    let mut n_bytes = 0;
    // Until nothing was taken for half a second, and that after the buffers of two sockets.
    loop {
        assert!(Instant::now() < deadline, "{n_bytes} bytes were taken");
        assert!(n_bytes < 100_000_000, "it takes everything");
        match wire.send_without_waiting(&request[at..]) {
            0 => {
                let since = *blocked_since.get_or_insert_with(Instant::now);
                if since.elapsed() > Duration::from_millis(500) {
                    break;
                }
                std::thread::park_timeout(Duration::from_millis(5));
            }
            sent => {
                blocked_since = None;
                n_bytes += sent;
                at = (at + sent) % request.len();
            }
        }
    }
    serve.took_at_most(16 * 1024 * 1024);
    serve.serves_a_session();
    drop(wire);
    serve.ends_well();
}

/// Its connect is answered, and so large that no socket takes the answer at once.
#[test]
fn who_does_not_take_its_messages_slows_no_publisher() {
    let serve = Serve::start(&["-q"]);
    let connect = "\"channel\":\"/meta/connect\",\"connectionType\":\"long-polling\"";
    let mut subscriber = Session::open(serve.connect());
    subscriber.ask("\"channel\":\"/meta/subscribe\",\"subscription\":\"/large\"");
    subscriber.ask(connect);
    subscriber.send(connect);
    let mut publisher = Session::open(serve.connect());
    let text = "x".repeat(10 * 1024 * 1024);
    let began = Instant::now();
    for _ in 0..3 {
        let reply = publisher.ask(&format!("\"channel\":\"/large\",\"data\":\"{text}\""));
        assert!(reply.contains("\"successful\":true"));
    }
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
    drop(publisher);
    drop(subscriber);
    // Its messages are kept until it expires, for the case that it comes again.
    serve.ends_well();
}
