//! The client against the embedded server, and against one that breaks connections.

mod web_socket;

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::{Duration, Instant};

use super::*;
use crate::protocol::decode;
use crate::server::{Server, Settings as ServerSettings};
use crate::session::{Connects, End, Recovery};

/// Nothing here takes long; a test that waits longer than this has failed.
const PATIENCE: Duration = Duration::from_secs(20);

fn server() -> Server {
    Server::bind("127.0.0.1:0", ServerSettings::default()).unwrap()
}

fn client(server: &Server, connects: Connects) -> Client {
    let mut settings = Settings::new(server.url().parse().unwrap());
    settings.session.connects = connects;
    Client::new(settings).unwrap()
}

/// The notices up to the one that is wanted.
fn until(client: &mut Client, is_wanted: impl Fn(&Event) -> bool) -> Vec<Notice> {
    let deadline = Instant::now() + PATIENCE;
    let mut notices = Vec::new();
    while let Some(notice) = client.next(Some(deadline)) {
        let is_last = matches!(&notice, Notice::Event(event) if is_wanted(event));
        notices.push(notice);
        if is_last {
            return notices;
        }
    }
    panic!("it never came: {notices:?}");
}

fn received(notices: &[Notice]) -> Vec<String> {
    let data = notices.iter().filter_map(|notice| match notice {
        Notice::Event(Event::Received { message }) => Some(message.data()?.to_owned()),
        _ => None,
    });
    data.collect()
}

#[test]
fn what_is_published_is_delivered_in_order_and_unchanged() {
    let server = server();
    let mut client = client(&server, Connects::Held);
    client.subscribe("/demo".parse().unwrap());
    until(&mut client, |it| matches!(it, Event::Connected));
    let data: Vec<String> = (0..200)
        .map(|n| format!(r#"{{"n":{n}.00,"n":1e400}}"#))
        .collect();
    for it in &data {
        client.publish("/demo".parse().unwrap(), it.parse().unwrap());
    }
    let is_last = |it: &Event| matches!(it, Event::Received { message } if message.data() == Some(&data[199]));
    let notices = until(&mut client, is_last);
    assert_eq!(received(&notices), data);
}

#[test]
fn a_one_shot_session_needs_no_thread() {
    let server = server();
    let mut client = client(&server, Connects::Never);
    client.publish("/demo".parse().unwrap(), "1".parse().unwrap());
    until(&mut client, |it| matches!(it, Event::Acknowledged { .. }));
    assert!(matches!(client.driver, Driver::Inline(_)));
    client.disconnect();
    until(&mut client, |it| {
        matches!(it, Event::Ended(End::Disconnected))
    });
    assert_eq!(server.n_sessions(), 0);
}

#[test]
fn leaving_releases_the_held_connect_and_leaves_no_session() {
    let server = server();
    let mut client = client(&server, Connects::Held);
    until(&mut client, |it| matches!(it, Event::Connected));
    client.disconnect();
    let started = Instant::now();
    until(&mut client, |it| {
        matches!(it, Event::Ended(End::Disconnected))
    });
    assert!(client.next(None).is_none());
    assert_eq!(server.n_sessions(), 0);
    assert!(
        started.elapsed() < Duration::from_secs(10),
        "the connect is held for 30 s"
    );
}

#[test]
fn a_forgotten_session_is_renewed_and_receives_again() {
    let server = server();
    let mut client = client(&server, Connects::Held);
    client.subscribe("/demo".parse().unwrap());
    until(&mut client, |it| matches!(it, Event::Connected));
    server.forget_sessions();
    until(&mut client, |it| matches!(it, Event::SessionLost { .. }));
    until(&mut client, |it| {
        matches!(it, Event::SessionRenewed { n_restored: 1, .. })
    });
    server.publish(&"/demo".parse().unwrap(), &"7".parse().unwrap());
    let notices = until(&mut client, |it| matches!(it, Event::Received { .. }));
    assert_eq!(received(&notices), ["7"]);
}

#[test]
fn a_forgotten_session_ends_where_recovery_is_forbidden() {
    let server = server();
    let mut settings = Settings::new(server.url().parse().unwrap());
    settings.session.recovery = Recovery::Never;
    let mut client = Client::new(settings).unwrap();
    until(&mut client, |it| matches!(it, Event::Connected));
    server.forget_sessions();
    until(&mut client, |it| matches!(it, Event::Ended(End::Lost(_))));
    assert!(client.is_ended());
}

#[test]
fn a_waker_is_heard_while_nothing_happens() {
    let server = server();
    let mut client = client(&server, Connects::Held);
    until(&mut client, |it| matches!(it, Event::Connected));
    let waker = client.waker();
    std::thread::spawn(move || waker.wake());
    let deadline = Instant::now() + PATIENCE;
    while let Some(notice) = client.next(Some(deadline)) {
        if matches!(notice, Notice::Woken) {
            return;
        }
    }
    panic!("nobody was woken");
}

#[test]
fn a_deadline_passes_while_nothing_happens() {
    let server = server();
    let mut client = client(&server, Connects::Held);
    until(&mut client, |it| matches!(it, Event::Connected));
    assert!(client.next(Some(Instant::now())).is_none());
    assert!(!client.is_ended());
}

/// The whole chain, ureq included: the connection breaks after the publish was read, and the
/// server must see that publish once.
#[test]
fn a_publish_on_a_connection_that_breaks_is_sent_once_and_told_as_unknown() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/cometd", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let mut n_publishes = 0;
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            while let Some(body) = read_request(&mut stream) {
                let message = decode(body.as_bytes()).unwrap().messages.remove(0);
                let (channel, id) = (message.channel(), message.id().unwrap());
                if channel == "/demo" {
                    n_publishes += 1;
                    break;
                }
                let reply = format!(
                    r#"[{{"channel":"{channel}","id":"{id}","successful":true,"clientId":"c"}}]"#
                );
                let length = reply.len();
                write!(
                    stream,
                    "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{reply}"
                )
                .unwrap();
                if channel == "/meta/disconnect" {
                    return n_publishes;
                }
            }
        }
        n_publishes
    });
    let mut settings = Settings::new(url.parse().unwrap());
    settings.session.connects = Connects::Never;
    let mut client = Client::new(settings).unwrap();
    client.publish("/demo".parse().unwrap(), "1".parse().unwrap());
    until(&mut client, |it| matches!(it, Event::Unacknowledged { .. }));
    client.disconnect();
    until(&mut client, |it| {
        matches!(it, Event::Ended(End::Disconnected))
    });
    assert_eq!(server.join().unwrap(), 1);
}

/// The body of the next request, or nothing once the client has closed.
fn read_request(stream: &mut impl Read) -> Option<String> {
    let mut text = String::new();
    let mut buffer = [0; 4096];
    loop {
        let n_read = stream.read(&mut buffer).ok().filter(|it| *it > 0)?;
        text.push_str(std::str::from_utf8(&buffer[..n_read]).unwrap());
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head.lines().find_map(|it| {
            it.to_lowercase()
                .strip_prefix("content-length: ")?
                .parse()
                .ok()
        });
        if body.len() == length.unwrap_or(0) {
            return Some(body.to_owned());
        }
    }
}

/// More than fits into one URL, over both lanes, and everything arrives in its order.
#[test]
fn callback_polling_splits_what_is_too_long_for_one_url() {
    let server = Server::bind("127.0.0.1:0", ServerSettings::default()).unwrap();
    let settings = Settings::new(server.url().parse().unwrap());
    let mut client = Client::new(settings.over(ConnectionType::CallbackPolling)).unwrap();
    client.subscribe("/demo".parse().unwrap());
    let data: Vec<String> = (0..40)
        .map(|n| format!("\"{n} {}\"", "é ".repeat(n * 20)))
        .collect();
    for data in &data {
        client.publish("/demo".parse().unwrap(), data.parse().unwrap());
    }
    let (mut received, mut n_acknowledged) = (Vec::new(), 0);
    let deadline = Instant::now() + Duration::from_secs(20);
    while received.len() < data.len() || n_acknowledged < data.len() {
        match client.next(Some(deadline)).expect("not all came") {
            Notice::Event(Event::Received { message }) => {
                received.push(message.data().unwrap().to_owned());
            }
            Notice::Event(Event::Acknowledged { .. }) => n_acknowledged += 1,
            Notice::Odd(finding) => panic!("{finding}"),
            _ => {}
        }
    }
    assert_eq!(received, data);
}

/// Deliveries are pushed while the client publishes over the same socket: all of both arrive,
/// each in its order.
#[test]
fn a_websocket_delivers_in_order_while_it_publishes() {
    const N_PUSHED: usize = 20_000;
    const N_PUBLISHED: usize = 500;
    let server = server();
    let endpoint = server.url().replacen("http:", "ws:", 1);
    let mut client = Client::new(Settings::new(endpoint.parse().unwrap())).unwrap();
    client.subscribe("/pushed".parse().unwrap());
    client.subscribe("/published".parse().unwrap());
    until(&mut client, |it| matches!(it, Event::Connected));
    let pushing = std::thread::spawn(move || {
        for n in 0..N_PUSHED {
            server.publish(&"/pushed".parse().unwrap(), &n.to_string().parse().unwrap());
        }
        server
    });
    let (mut n_pushed, mut n_published, mut n_acknowledged) = (0, 0, 0);
    for n in 0..N_PUBLISHED {
        client.publish(
            "/published".parse().unwrap(),
            n.to_string().parse().unwrap(),
        );
    }
    let deadline = Instant::now() + 3 * PATIENCE;
    while (n_pushed, n_published, n_acknowledged) != (N_PUSHED, N_PUBLISHED, N_PUBLISHED) {
        match client.next(Some(deadline)).expect("not all came") {
            Notice::Event(Event::Received { message }) => {
                let n = match message.channel() {
                    "/pushed" => &mut n_pushed,
                    _ => &mut n_published,
                };
                assert_eq!(message.data(), Some(&*n.to_string()));
                *n += 1;
            }
            Notice::Event(Event::Acknowledged { .. }) => n_acknowledged += 1,
            Notice::Event(Event::SessionLost { .. }) => panic!("the session is lost"),
            Notice::Odd(finding) => panic!("{finding}"),
            _ => {}
        }
    }
    assert_eq!(client.connection_type(), ConnectionType::WebSocket);
    pushing.join().unwrap();
}
