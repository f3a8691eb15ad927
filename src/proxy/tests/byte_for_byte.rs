//! What goes in comes out: raw bytes, and thousands of messages over each transport.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::io::Write;
use std::net::Shutdown;
use std::time::Instant;

use super::scripted::Scripted;
use super::{PATIENCE, connect, observed, wait_for};
use crate::client::{self, Client, Notice};
use crate::protocol::{Channel, ConnectionType, Json};
use crate::proxy::What;
use crate::server::{self, Server};
use crate::session::Event;
use crate::traffic::Seen;

const REQUESTS: &str = "GET /page HTTP/1.1\r\nhost:  proxy.test:8081\r\nX-Odd:   a \r\n\r\n\
    POST /cometd?a=b HTTP/1.1\r\nHost: proxy.test\r\nContent-Type: text/json\r\n\
    Content-Length: 20\r\nCookie: a=1; b=2\r\n\r\n[{\"channel\":\"/one\"}]\
    \r\nPOST /cometd HTTP/1.1\r\nHOST:proxy.test\r\nTransfer-Encoding: chunked\r\n\r\n\
    a;x=1\r\n[{\"channel\r\n9\r\n\":\"/two\"}\r\n1\r\n]\r\n0\r\nTrailer: x\r\n\r\n";

const RESPONSES: &str = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nX-Odd:   b \r\n\r\npage\
    HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 Fine\r\nTransfer-Encoding: chunked\r\n\
    Set-Cookie: a=2; Path=/\r\n\r\n14;y\r\n[{\"channel\":\"/three\"\r\n2\r\n}]\r\n0\r\n\r\n\
    HTTP/1.0 200 OK\r\n\r\n[{\"channel\":\"/four\"}]";

/// The requests as the server is to get them.
fn expected(host: &str) -> String {
    REQUESTS
        .replace("host:  proxy.test:8081", &format!("host:  {host}"))
        .replace("Host: proxy.test", &format!("Host: {host}"))
        .replace("HOST:proxy.test", &format!("HOST:{host}"))
}

#[test]
fn nothing_but_the_host_is_changed_however_the_bytes_are_cut() {
    for length in [1, 2, 3, 7, 64, usize::MAX] {
        // An address has a port of 5 digits here: not all have, but those of the test's.
        let n_bytes = expected("127.0.0.1:12345").len();
        let server = Scripted::answering(n_bytes, RESPONSES.as_bytes().to_vec());
        let host = server.address.to_string();
        let (proxy, events) = observed(&server.url(), |_| {});
        let mut client = connect(proxy.address());
        client.set_nodelay(true).unwrap();
        for piece in REQUESTS.as_bytes().chunks(length.min(REQUESTS.len())) {
            client.write_all(piece).unwrap();
        }
        client.shutdown(Shutdown::Write).unwrap();
        let mut read = Vec::new();
        std::io::Read::read_to_end(&mut client, &mut read).unwrap();
        assert_eq!(String::from_utf8(read).unwrap(), RESPONSES);
        assert_eq!(
            String::from_utf8(server.read()).unwrap(),
            expected(&host),
            "{length}"
        );
        let mut channels = Vec::new();
        while channels.len() < 4 {
            channels.extend(wait_for(&events, |it| match it {
                What::Seen(sighting) => match &sighting.seen {
                    Seen::Request { body, .. } | Seen::Response { body, .. } => Some(
                        body.messages
                            .iter()
                            .map(|it| it.channel().to_owned())
                            .collect::<Vec<_>>(),
                    ),
                    Seen::Closed | Seen::GivenUp => panic!("closed after {channels:?}"),
                },
                _ => None,
            }));
        }
        channels.sort();
        assert_eq!(channels, ["/four", "/one", "/three", "/two"]);
    }
}

/// Numbered texts of all lengths, with what JSON can escape; callback-polling escapes U+2028 as well.
fn text(n: usize) -> String {
    let filler = "a\u{e9}\u{1F600}\"\\\n\u{7f}".repeat(n * n % 97);
    format!("{n} {filler}")
}

#[test]
fn ten_thousand_messages_of_all_sizes_pass_unchanged_over_each_transport() {
    const N_EACH: usize = 3334;
    const MOST_AT_ONCE: usize = 50;
    let server = Server::bind("127.0.0.1:0", server::Settings::default()).unwrap();
    let (proxy, events) = observed(&server.url(), |_| {});
    let types = [
        ConnectionType::LongPolling,
        ConnectionType::CallbackPolling,
        ConnectionType::WebSocket,
    ];
    for connection_type in types {
        let endpoint = proxy.url().parse().unwrap();
        let settings = client::Settings::new(endpoint).over(connection_type);
        let mut client = Client::new(settings).unwrap();
        let channel: Channel = "/demo".parse().unwrap();
        client.subscribe(channel.clone().into());
        let (mut n_sent, mut n_received) = (0, 0);
        let (mut sent, mut received) = (DefaultHasher::new(), DefaultHasher::new());
        let mut is_subscribed = false;
        let deadline = Instant::now() + PATIENCE * 6;
        while n_received < N_EACH {
            while is_subscribed && n_sent < N_EACH && n_sent - n_received < MOST_AT_ONCE {
                let data = Json::string(&text(n_sent));
                data.as_str().hash(&mut sent);
                client.publish(channel.clone(), data);
                n_sent += 1;
            }
            match client.next(Some(deadline)) {
                Some(Notice::Event(Event::Subscribed { .. })) => is_subscribed = true,
                Some(Notice::Event(Event::Received { message, .. })) => {
                    message.data().unwrap().hash(&mut received);
                    n_received += 1;
                }
                Some(_) => {}
                None => panic!("{connection_type}: {n_received} of {n_sent} came"),
            }
        }
        assert_eq!(sent.finish(), received.finish(), "{connection_type}");
    }
    drop(proxy);
    let seen = events.iter().filter_map(|it| match it.what {
        What::Seen(sighting) => match sighting.seen {
            Seen::Response { body, .. } => {
                let deliveries = body.messages.iter().filter(|it| it.data().is_some());
                Some(deliveries.count())
            }
            Seen::Request { .. } | Seen::Closed | Seen::GivenUp => None,
        },
        What::Unread { reason, .. } => panic!("{reason}"),
        _ => None,
    });
    assert_eq!(seen.sum::<usize>(), 3 * N_EACH);
}
