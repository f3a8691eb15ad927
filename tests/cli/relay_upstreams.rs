//! `bayeux proxy` in front of servers that are slow or leave, and with TLS on both sides.

#![cfg(target_os = "linux")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use rustix::process::Signal;

use crate::authority::{Authority, Dates};
use crate::peer::server;
use crate::program::{Running, bayeux, empty_folder};
use crate::tls_relay::TlsRelay;

/// Requests to a server that closes now and then.
const N: u64 = 200;

const BODY: &str = r#"[{"channel":"/meta/handshake","id":"1","successful":false,"error":"500::"}]"#;

fn proxy(upstream: &str, options: &[&str]) -> (Running, String) {
    let mut proxy = bayeux(["proxy", upstream, "--listen", "127.0.0.1:0", "-q"])
        .args(options)
        .start();
    let url = proxy.first_line();
    (proxy, url)
}

/// A server that gives each connection, by its number, to the script. It ends with the process.
fn upstream(script: impl Fn(u64, TcpStream) + Send + Sync + Copy + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/cometd", listener.local_addr().unwrap());
    thread::spawn(move || {
        for (number, socket) in (0..).zip(listener.incoming()) {
            thread::spawn(move || script(number, socket.unwrap()));
        }
    });
    url
}

fn response() -> String {
    let length = BODY.len();
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{BODY}"
    )
}

/// What comes back for a handshake until the connection ends, or a whole response has come.
fn asked(address: SocketAddr) -> String {
    let mut socket = TcpStream::connect(address).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    let body = r#"[{"channel":"/meta/handshake","id":"1","version":"1.0"}]"#;
    let length = body.len();
    let request = format!(
        "POST /cometd HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    socket.write_all(request.as_bytes()).unwrap();
    let mut told = Vec::new();
    let mut buffer = [0; 4096];
    // A reset is an end as well.
    while let Ok(n_bytes @ 1..) = socket.read(&mut buffer) {
        told.extend_from_slice(&buffer[..n_bytes]);
        if told.ends_with(BODY.as_bytes()) {
            break;
        }
    }
    String::from_utf8(told).unwrap()
}

fn address(url: &str) -> SocketAddr {
    let host = url.split_once("://").unwrap().1.split('/').next().unwrap();
    host.parse().unwrap()
}

/// Reads what there is of a request.
fn hear(socket: &mut TcpStream) {
    let _ = socket.read(&mut [0; 4096]).unwrap();
}

#[test]
fn a_response_that_comes_byte_by_byte_comes_byte_by_byte_and_whole() {
    let url = upstream(|_, mut socket| {
        hear(&mut socket);
        socket.set_nodelay(true).unwrap();
        for byte in response().bytes() {
            socket.write_all(&[byte]).unwrap();
            thread::yield_now();
        }
        hear(&mut socket);
    });
    let mut proxy = bayeux(["proxy", &url, "--listen", "127.0.0.1:0", "-o", "json"]).start();
    let url = proxy.first_line();
    assert_eq!(asked(address(&url)), response());
    proxy.told(r#""dir":"in","channel":"/meta/handshake""#);
    proxy.signal(Signal::INT);
    assert_eq!(proxy.end().code(), Some(0));
}

#[test]
fn servers_that_close_anywhere_leave_a_proxy_that_works() {
    let url = upstream(|number, mut socket| {
        hear(&mut socket);
        let response = response();
        // A prime takes it through every place, the end of the head and that of all included.
        let length = (number * 37) as usize % (response.len() + 1);
        socket.write_all(&response.as_bytes()[..length]).unwrap();
    });
    let (proxy, url) = proxy(&url, &[]);
    let folder = format!("/proc/{}/fd", proxy.id());
    let n_open = || std::fs::read_dir(&folder).unwrap().count();
    let before = n_open();
    let whole = response();
    for number in 0..N {
        let length = (number * 37) as usize % (whole.len() + 1);
        let told = asked(address(&url));
        match length {
            // The server said nothing, so that it may be said for it.
            0 => assert!(
                told.is_empty() || told.starts_with("HTTP/1.1 502 "),
                "{told}"
            ),
            _ => assert_eq!(told, whole[..length], "{number}"),
        }
    }
    let start = std::time::Instant::now();
    while n_open() > before {
        assert!(
            start.elapsed() < Duration::from_secs(15),
            "{} are open",
            n_open()
        );
        thread::yield_now();
    }
    proxy.signal(Signal::INT);
    assert_eq!(proxy.end().code(), Some(0));
}

#[test]
fn an_answer_that_comes_when_its_client_has_left_is_nobodys() {
    let url = upstream(|number, mut socket| {
        hear(&mut socket);
        if number == 0 {
            // The end of its client comes through.
            hear(&mut socket);
        }
        // It may be gone.
        let _ = socket.write_all(response().as_bytes());
    });
    let (proxy, url) = proxy(&url, &[]);
    let mut client = TcpStream::connect(address(&url)).unwrap();
    client
        .write_all(b"POST /cometd HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n[]")
        .unwrap();
    drop(client);
    // The next one hears its own.
    assert_eq!(asked(address(&url)), response());
    proxy.signal(Signal::INT);
    assert_eq!(proxy.end().code(), Some(0));
}

#[test]
fn messages_pass_with_tls_on_either_side_and_on_both() {
    let folder = empty_folder("proxy-tls");
    let authority = Authority::new("test authority");
    let identity = authority.issue("localhost", Dates::Now);
    let file = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let ca = file("ca.pem", &authority.pem());
    let own = file("own.pem", &identity.pem());
    let server = server();
    let encrypted = TlsRelay::new(&server.url(), identity.server());
    for (upstream, options) in [
        (encrypted.url("localhost"), &["--cacert", ca.as_str()][..]),
        (server.url(), &["--tls-cert", &own]),
        (
            encrypted.url("localhost"),
            &["--cacert", &ca, "--tls-cert", &own],
        ),
    ] {
        let (proxy, url) = proxy(&upstream, options);
        let url = url.replace("127.0.0.1", "localhost");
        let is_encrypted = options.contains(&"--tls-cert");
        assert_eq!(url.starts_with("https://"), is_encrypted, "{url}");
        for transport in ["long-polling", "callback-polling", "websocket"] {
            let outcome = bayeux(["pub", &url, "/demo", "1", "--expect", "/demo"])
                .args(&["-t", transport, "--cacert", &ca, "-q"])
                .run();
            assert_eq!(outcome.code(), Some(0), "{url} {transport}: {outcome}");
        }
        proxy.signal(Signal::INT);
        assert_eq!(proxy.end().code(), Some(0));
    }
    // A server that it does not trust is none.
    let (proxy, url) = proxy(&encrypted.url("localhost"), &[]);
    let outcome = bayeux(["hs", &url]).run();
    assert_eq!(outcome.code(), Some(3), "{outcome}");
    proxy.signal(Signal::INT);
    assert_eq!(proxy.end().code(), Some(0));
}
