//! Faults on real connections: what is written, and when.

use super::web_socket::Socket;
use super::*;

fn faulty(faults: &[&str]) -> Server {
    bind(Settings {
        faults: faults.iter().map(|it| it.parse().unwrap()).collect(),
        timeout: Duration::from_millis(50),
        ..Settings::default()
    })
}

/// Everything that comes until the connection ends.
fn rest(client: &mut Client) -> String {
    let mut bytes = Vec::new();
    // It may be reset.
    let _ = client.socket.read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

const HANDSHAKE: &str = "[{'channel':'/meta/handshake'}]";

#[test]
fn a_response_is_cut_and_the_connection_ends() {
    let server = faulty(&["handshake:cut=10"]);
    let mut client = Client::new(&server);
    client.send(HANDSHAKE);
    let response = rest(&mut client);
    assert!(response.ends_with("\r\n\r\n[{\"minimum"), "{response}");
    assert!(!response.contains("Content-Length: 10\r"), "{response}");
}

#[test]
fn connections_end_before_and_after_a_response() {
    let server = faulty(&[
        "handshake:close=before:first=1",
        "handshake:close=after:after=1",
    ]);
    let mut client = Client::new(&server);
    client.send(HANDSHAKE);
    assert_eq!(rest(&mut client), "");
    let mut client = Client::new(&server);
    client.send(HANDSHAKE);
    let response = rest(&mut client);
    assert!(
        response.ends_with("]") && !response.contains("Connection: close"),
        "{response}"
    );
    assert_eq!(server.n_sessions(), 2);
}

#[test]
fn a_dropped_reply_leaves_the_connection_open_and_silent() {
    let server = faulty(&["handshake:drop:first=1", "connect:drop:after=1:first=1"]);
    let mut client = Client::new(&server);
    client.send(HANDSHAKE);
    client.send(HANDSHAKE);
    client
        .socket
        .get_mut()
        .set_read_timeout(Some(Duration::from_millis(100)))
        .unwrap();
    let read = |client: &mut Client| client.socket.read(&mut [0; 9]).unwrap_err().kind();
    assert!([ErrorKind::WouldBlock, ErrorKind::TimedOut].contains(&read(&mut client)));
    // A connect that was held has its response dropped as well.
    let (mut held, client_id) = Client::connected(&server);
    held.send(&connect(&client_id));
    held.socket
        .get_mut()
        .set_read_timeout(Some(Duration::from_millis(150)))
        .unwrap();
    assert!([ErrorKind::WouldBlock, ErrorKind::TimedOut].contains(&read(&mut held)));
}

#[test]
fn a_response_is_late_or_drips_and_is_whole() {
    let server = faulty(&[
        "handshake:delay=60ms",
        "connect:drip=1ms:first=1",
        "connect:delay=60ms:after=1",
    ]);
    let start = Instant::now();
    let (mut client, client_id) = Client::connected(&server);
    assert!(start.elapsed() >= Duration::from_millis(60 + 40));
    let start = Instant::now();
    let reply = client.exchange(&connect(&client_id));
    assert!(reply.contains("'successful':true"), "{reply}");
    assert!(start.elapsed() >= Duration::from_millis(50 + 60));
}

#[test]
fn a_status_a_page_and_infinity_come_instead() {
    let server = faulty(&[
        "handshake:status=503:first=1",
        "handshake:html:after=1:first=1",
        "handshake:infinity:after=2",
    ]);
    let mut client = Client::new(&server);
    let mut ask = || {
        client.send(HANDSHAKE);
        client.response()
    };
    let response = ask();
    assert_eq!(response.status, 503);
    assert!(
        response.head.contains("Retry-After: 1"),
        "{}",
        response.head
    );
    let response = ask();
    assert!(response.head.contains("text/html") && response.body.starts_with("<!DOCTYPE html>"));
    let response = ask();
    assert!(
        response.body.ends_with("'ext':{'number':Infinity}}]"),
        "{}",
        response.body
    );
}

#[test]
fn a_page_of_another_origin_reads_what_comes_instead() {
    let server = faulty(&["handshake:status=503:first=1", "handshake:html:after=1"]);
    let mut client = Client::new(&server);
    let handshake = HANDSHAKE.replace('\'', "\"");
    let length = handshake.len();
    for status in [503, 200] {
        client.write(&format!(
            "POST /cometd HTTP/1.1\r\nHost: a\r\nOrigin: http://localhost:3000\r\n\
             Content-Length: {length}\r\n\r\n{handshake}"
        ));
        let response = client.response();
        assert_eq!(response.status, status);
        let allowed = "Access-Control-Allow-Origin: http://localhost:3000\r\n";
        assert!(response.head.contains(allowed), "{}", response.head);
    }
}

const UPGRADE: &str = "GET /cometd HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\
     Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
     Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

#[test]
fn the_response_to_an_upgrade_is_late_or_lost_like_any_other() {
    const DELAY: Duration = Duration::from_millis(100);
    let server = faulty(&[
        "upgrade:close=before:first=1",
        "upgrade:close=after:after=1:first=1",
        "upgrade:drop:after=2:first=1",
        "upgrade:delay=100ms:after=3",
    ]);
    let upgraded = || {
        let mut client = Client::new(&server);
        client.write(UPGRADE);
        client
    };
    assert_eq!(rest(&mut upgraded()), "");
    assert!(rest(&mut upgraded()).starts_with("HTTP/1.1 101 "));
    let mut client = upgraded();
    let socket = client.socket.get_ref();
    socket.set_read_timeout(Some(DELAY)).unwrap();
    let nothing = client.socket.read(&mut [0]).unwrap_err().kind();
    assert!(matches!(
        nothing,
        ErrorKind::WouldBlock | ErrorKind::TimedOut
    ));
    let start = Instant::now();
    let mut socket = Socket::open(&server);
    assert!(start.elapsed() >= DELAY);
    assert!(socket.exchange(HANDSHAKE).contains("'successful':true"));
}

#[test]
fn upgrades_are_refused_and_frames_are_lost_and_cut() {
    let server = faulty(&[
        "upgrade:status=403:first=1",
        "handshake:drop:first=1",
        "handshake:cut=5:after=2",
    ]);
    let mut client = Client::new(&server);
    client.write(UPGRADE);
    assert_eq!(client.response().status, 403);
    let mut socket = Socket::open(&server);
    socket.send(HANDSHAKE);
    let reply = socket.exchange("[{'channel':'/meta/handshake','id':'2'}]");
    assert!(reply.contains("'id':'2'"), "{reply}");
    socket.send(HANDSHAKE);
    assert_eq!(socket.receive(), "[{'mi");
}

#[test]
fn faults_are_switched_while_it_runs() {
    let server = faulty(&["expire=1h"]);
    let mut client = Client::new(&server);
    let fault: Fault = "handshake:refuse".parse().unwrap();
    server.add_fault(&fault);
    assert!(client.exchange(HANDSHAKE).contains("503::refused_by_fault"));
    let faults: Vec<_> = server.faults().iter().map(Fault::to_string).collect();
    assert_eq!(faults, ["expire=1h", "handshake:refuse=503"]);
    assert!(server.remove_fault(&fault) && !server.remove_fault(&fault));
    assert!(client.exchange(HANDSHAKE).contains("'successful':true"));
}

#[test]
fn a_client_that_leaves_is_not_kept_for_the_time_of_a_fault() {
    for fault in ["publish:delay=1h", "publish:drip=1h"] {
        let server = bind(Settings {
            faults: vec![fault.parse().unwrap()],
            response_timeout: Duration::from_millis(50),
            max_connections: 1,
            ..Settings::default()
        });
        let (mut client, client_id) = Client::connected(&server);
        client.send(&publish(&client_id, "1"));
        drop(client);
        let start = Instant::now();
        loop {
            let mut next = Client::new(&server);
            // Where it is refused, it is closed.
            let _ = next.socket.get_mut().write_all(post(HANDSHAKE).as_bytes());
            if !next.is_at_end() {
                break;
            }
            assert!(start.elapsed() < PATIENCE, "{fault}");
        }
    }
}

#[test]
fn a_client_that_ended_its_side_still_gets_what_is_late() {
    let server = faulty(&["handshake:delay=100ms"]);
    let mut client = Client::new(&server);
    client.send(HANDSHAKE);
    client
        .socket
        .get_mut()
        .shutdown(std::net::Shutdown::Write)
        .unwrap();
    assert!(client.response().body.contains("'successful':true"));
    assert!(client.is_at_end());
}
