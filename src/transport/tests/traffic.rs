//! What requests look like, cookies, and what a trace tells.

use super::super::{Settings, TransportError};
use super::*;

/// The one request that a client with these settings sends.
fn request(change: impl FnOnce(Settings) -> Settings) -> String {
    let server = Server::run(|listener| {
        let mut peer = listener.accept();
        let request = peer.read_once();
        peer.answer(REPLY);
        request
    });
    let client = polling(change(settings(&server.url))).unwrap();
    assert!(exchange(&client).outcome.is_ok());
    server.finish().replace(&server_port(&client), "PORT")
}

fn server_port(client: &Polling) -> String {
    let debug = format!("{client:?}");
    let (_, rest) = debug.split_once("127.0.0.1:").unwrap();
    rest.split('/').next().unwrap().to_owned()
}

#[test]
fn head_and_body_leave_in_one_write() {
    assert_eq!(
        request(|it| it),
        "POST /cometd HTTP/1.1\r\n\
         accept-encoding: gzip\r\n\
         content-length: 38\r\n\
         host: 127.0.0.1:PORT\r\n\
         content-type: application/json;charset=UTF-8\r\n\
         user-agent: VERSION\r\n\
         \r\n\
         [{\"channel\":\"/meta/connect\",\"id\":\"1\"}]"
            .replace("VERSION", concat!("bayeux/", env!("CARGO_PKG_VERSION")))
    );
}

#[test]
fn a_large_body_arrives_whole() {
    for length in [64 * 1024, 72 * 1024, 1_000_000] {
        let server = Server::run(|listener| {
            let mut peer = listener.accept();
            let request = peer.request();
            peer.answer(REPLY);
            request
        });
        let large = Message::builder("/demo")
            .string("data", &"x".repeat(length))
            .build();
        let sent = format!("[{}]", large.raw());
        let exchange = client(&server.url).exchange(&[large], Duration::ZERO, None);
        assert!(exchange.outcome.is_ok());
        let request = server.finish();
        assert!(request.ends_with(&sent));
        assert_eq!(exchange.trace.bytes_sent, request.len() as u64);
    }
}

#[test]
fn the_query_is_kept_and_headers_are_added_or_replaced() {
    let request = request(|settings| Settings {
        endpoint: format!("{}?token=1", settings.endpoint.expose())
            .parse()
            .unwrap(),
        headers: [
            "Authorization: Bearer 0",
            "content-type: text/json",
            "X: 1",
            "X: 2",
        ]
        .map(|it| it.parse().unwrap())
        .into(),
        ..settings
    });
    assert!(
        request.starts_with("POST /cometd?token=1 HTTP/1.1\r\n"),
        "{request}"
    );
    let (head, _) = request.split_once("\r\n\r\n").unwrap();
    let lines: Vec<&str> = head.lines().collect();
    for line in [
        "authorization: Bearer 0",
        "content-type: text/json",
        "x: 1",
        "x: 2",
    ] {
        assert!(lines.contains(&line), "{request}");
    }
    assert!(!request.contains("application/json"), "{request}");
}

/// Answers each request with the header lines given for it, and returns the requests'
/// `cookie` lines. Every second status is 503: cookies count whatever the status is.
fn cookie_lines(answers: &'static [&'static str]) -> Server<Vec<String>> {
    Server::run(|listener| {
        let mut peer = listener.accept();
        let mut lines = Vec::new();
        for (nth, answer) in answers.iter().enumerate() {
            let request = peer.request();
            let cookies = request
                .lines()
                .filter(|it| it.to_lowercase().starts_with("cookie:"));
            lines.push(cookies.collect::<Vec<_>>().join("|"));
            let status = if nth % 2 == 0 { 503 } else { 200 };
            let length = REPLY.len();
            peer.write(format!(
                "HTTP/1.1 {status} x\r\nContent-Length: {length}\r\n{answer}\r\n{REPLY}"
            ));
        }
        lines
    })
}

#[test]
fn cookies_are_stored_and_sent_back_where_they_belong() {
    let server = cookie_lines(&[
        "Set-Cookie: BAYEUX_BROWSER=1x; Path=/; HttpOnly\r\nSet-Cookie: other=2; Path=/other\r\n",
        "Set-Cookie: BAYEUX_BROWSER=2y; Path=/; HttpOnly\r\n",
        "Set-Cookie: BAYEUX_BROWSER=; Path=/; Max-Age=0\r\n",
        "",
    ]);
    let client = client(&server.url);
    let first = exchange(&client);
    assert_eq!(first.trace.cookies_set, ["BAYEUX_BROWSER", "other"]);
    assert!(!format!("{first:?}").contains("1x"), "{first:?}");
    exchange(&client);
    let cookies = client.cookies();
    let browser = cookies
        .iter()
        .find(|it| it.name == "BAYEUX_BROWSER")
        .unwrap();
    assert_eq!(browser.value.expose(), "2y");
    assert_eq!(browser.attributes, "HttpOnly; Path=/");
    assert!(!format!("{cookies:?}").contains("2y"));
    exchange(&client);
    exchange(&client);
    let expected = [
        "",
        "cookie: BAYEUX_BROWSER=1x",
        "cookie: BAYEUX_BROWSER=2y",
        "",
    ];
    assert_eq!(server.finish(), expected);
}

#[test]
fn a_cookie_header_and_the_servers_cookies_are_one_line() {
    let server = cookie_lines(&["Set-Cookie: b=2\r\n", ""]);
    let headers = vec!["Cookie: a=1; c=\"3\"".parse().unwrap()];
    let client = polling(Settings {
        headers,
        ..settings(&server.url)
    })
    .unwrap();
    exchange(&client);
    exchange(&client);
    let lines = server.finish();
    for (line, pairs) in lines
        .iter()
        .zip([&["a=1", "c=\"3\""][..], &["a=1", "b=2", "c=\"3\""]])
    {
        let mut found: Vec<_> = line.strip_prefix("cookie: ").unwrap().split("; ").collect();
        found.sort_unstable();
        assert_eq!(found, pairs);
    }
}

#[test]
fn two_clients_share_no_cookies() {
    let set = cookie_lines(&["Set-Cookie: a=1\r\n"]);
    exchange(&client(&set.url));
    set.finish();
    let server = cookie_lines(&[""]);
    let other = client(&server.url);
    exchange(&other);
    assert_eq!(server.finish(), [""]);
    assert!(other.cookies().is_empty());
}

#[test]
fn a_trace_has_the_text_when_it_is_captured_and_the_figures_always() {
    for capture in [Capture::Nothing, Capture::Text] {
        let response = ok(REPLY);
        let exchange = answered_with(response.clone(), |it| Settings { capture, ..it });
        let trace = exchange.trace;
        assert_eq!(trace.status, Some(200));
        assert_eq!(trace.headers["content-type"], "application/json");
        assert_eq!(trace.bytes_received, response.len() as u64);
        assert!(trace.connect.unwrap() <= trace.first_byte.unwrap());
        assert!(trace.first_byte.unwrap() <= trace.total);
        assert_eq!(
            (trace.resolve, trace.handshake, trace.is_tls),
            (None, None, false)
        );
        assert!(trace.peer.unwrap().ip().is_loopback());
        match capture {
            Capture::Nothing => {
                assert!(trace.request.expose().is_empty() && trace.response.expose().is_empty());
            }
            Capture::Text => {
                assert_eq!(trace.response.expose(), response.as_bytes());
                assert_eq!(trace.request.expose().len() as u64, trace.bytes_sent);
                assert!(
                    trace
                        .request
                        .expose()
                        .starts_with(b"POST /cometd HTTP/1.1\r\n")
                );
            }
        }
    }
}

#[test]
fn an_exchange_that_failed_has_its_trace_too() {
    let cut = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[{";
    let exchange = answered_with(cut, |it| Settings {
        capture: Capture::Text,
        ..it
    });
    assert!(matches!(exchange.outcome, Err(TransportError::Cut { .. })));
    assert_eq!(exchange.trace.status, Some(200));
    assert_eq!(exchange.trace.response.expose(), cut.as_bytes());
}
