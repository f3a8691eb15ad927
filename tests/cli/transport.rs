//! `--transport`, and callback-polling.

use bayeux::server::{Settings, UnconnectedPublish};

use crate::hostile::{Answer, Hostile, good, page, response};
use crate::peer::{server, server_with};
use crate::program::{bayeux, serve, snapshot};

/// What calls the function that every request asks for.
fn call(body: &str) -> Answer {
    let script = format!("/**/jsonpcallback({body});");
    Answer::Bytes(response("200 OK", "text/javascript", &script))
}

const HANDSHAKEN: &str = r#"[{"channel":"/meta/handshake","id":"1","successful":true,"clientId":"0123456789abcdef0123456789abcdef","supportedConnectionTypes":["long-polling","callback-polling"]}]"#;

const DISCONNECTED: &str = r#"[{"channel":"/meta/disconnect","id":"3","successful":true}]"#;

/// The transport that is asked for goes before the one of the scheme.
#[test]
fn the_url_of_a_websocket_is_polled_if_that_is_asked_for() {
    let server = server();
    let url = server.url().replacen("http:", "ws:", 1);
    for transport in ["long-polling", "callback-polling"] {
        let words = ["pub", &url, "/demo", "1", "--expect", "/demo", "-q"];
        let outcome = bayeux(words).args(&["-t", transport, "-o", "json"]).run();
        let told = outcome.stdout();
        let is_so = told.contains(&format!(r#""transport":"{transport}""#));
        assert!(outcome.code() == Some(0) && is_so, "{outcome}");
    }
}

#[test]
fn everything_works_by_callback_polling() {
    let server = server();
    let tail = bayeux(["sub", &server.url(), "/demo", "-n", "2", "-o", "json"]);
    let mut tail = tail.args(&["-t", "callback-polling"]).start();
    tail.told("subscribed");
    let long = "é".repeat(2000);
    let words = ["pub", &server.url(), "/demo", "--lines", "--text"];
    let published = bayeux(words)
        .env("BAYEUX_TRANSPORT", "callback-polling")
        .stdin(format!("short\n{long}\n"))
        .run();
    snapshot!(published, @"
    exit: 0
    ----- stdout -----
    ----- stderr -----
    ~ 2 messages published, 2 acknowledged in [duration]
    ");
    let outcome = tail.end().stdout().replace(&long, "[long]");
    snapshot!(outcome, @r#"
    {"type":"message","time":"[timestamp]","dir":"in","channel":"/demo","transport":"callback-polling","message":{"data":"short","channel":"/demo"}}
    {"type":"message","time":"[timestamp]","dir":"in","channel":"/demo","transport":"callback-polling","message":{"data":"[long]","channel":"/demo"}}
    "#);
}

#[test]
fn v_and_serve_say_which_transport_it_is() {
    let (mut serve, url) = serve(&["-o", "json", "-v"]);
    let words = ["hs", &url, "-t", "callback-polling", "-v", "-o", "compact"];
    snapshot!(bayeux(words).run(), @r#"
    exit: 0
    ----- stdout -----
    [time] < /meta/handshake {"minimumVersion":"1.0","clientId":"[client id]","supportedConnectionTypes":["websocket","long-polling","callback-polling"],"advice":{"interval":0,"timeout":30000,"reconnect":"retry"},"channel":"/meta/handshake","id":"1","version":"1.0","successful":true}
    server      bayeux serve (bayeux/[version])
    version     1.0, minimum 1.0
    client id   [client id]
    transports  websocket, long-polling, callback-polling
    advice      retry, interval 0 ms, connects held for 30s
    extensions  none
    cookies     none set
    round trip  [duration]
    ----- stderr -----
    [time] > /meta/handshake {"channel":"/meta/handshake","id":"1","version":"1.0","minimumVersion":"1.0","supportedConnectionTypes":["callback-polling"]}
    [time] < /meta/handshake {"minimumVersion":"1.0","clientId":"[client id]","supportedConnectionTypes":["websocket","long-polling","callback-polling"],"advice":{"interval":0,"timeout":30000,"reconnect":"retry"},"channel":"/meta/handshake","id":"1","version":"1.0","successful":true}
    ~ connected over callback-polling
    [time] > /meta/disconnect {"channel":"/meta/disconnect","id":"2","clientId":"[client id]"}
    [time] < /meta/disconnect {"channel":"/meta/disconnect","id":"2","successful":true}
    "#);
    serve.told("ended: disconnected");
    serve.told(r#""dir":"in","channel":"/meta/disconnect","transport":"callback-polling""#);
    serve.told(r#""dir":"out","channel":"/meta/disconnect","transport":"callback-polling""#);
}

#[test]
fn the_messages_in_the_url_are_redacted() {
    let server = server();
    let words = ["hs", &server.url(), "-t", "callback-polling", "-vv"];
    let outcome = bayeux(words)
        .args(&["--ext", r#"{"token":"s3cret"}"#, "-o", "compact"])
        .run();
    let stderr = outcome.stderr();
    snapshot!(stderr.lines().find(|it| it.contains("> GET ")).unwrap(), @"[time]  > GET /cometd?jsonp=jsonpcallback&message=%5B%7B%22channel%22%3A%22%2Fmeta%2Fhandshake%22%2C%22id%22%3A%221%22%2C%22version%22%3A%221.0%22%2C%22minimumVersion%22%3A%221.0%22%2C%22supportedConnectionTypes%22%3A%5B%22callback-polling%22%5D%2C%22ext%22%3A%7B%22token%22%3A%22%2A%2A%2A%22%7D%7D%5D HTTP/1.1");
}

#[test]
fn publishing_without_a_session_works_by_callback_polling() {
    let server = server_with(Settings {
        unconnected_publish: UnconnectedPublish::Accepted,
        ..Settings::default()
    });
    let words = ["pub", &server.url(), "/demo", "1", "--no-handshake"];
    snapshot!(bayeux(words).args(&["-t", "callback-polling"]).run(), @"
    exit: 0
    ----- stdout -----
    ----- stderr -----
    ~ published without a session, acknowledged in [duration]
    ");
}

#[test]
fn curl_does_it_with_a_get() {
    let words = ["hs", ":8080/cometd", "--curl", "-t", "callback-polling"];
    snapshot!(bayeux(words).run(), @r#"
    exit: 0
    ----- stdout -----
    curl -sS -c cookies.txt -b cookies.txt \
      -G -d jsonp=jsonpcallback \
      --data-urlencode 'message=[{"channel":"/meta/handshake","id":"1","version":"1.0","minimumVersion":"1.0","supportedConnectionTypes":["callback-polling"]}]' \
      'http://localhost:8080/cometd'
    ----- stderr -----
    "#);
}

#[test]
fn a_transport_that_does_not_exist_is_refused() {
    let server = Hostile::untouched();
    snapshot!(bayeux(["sub", &server.url(), "/demo", "-t", "callback"]).run(), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: invalid value 'callback' for '--transport <TYPE>' [possible values: long-polling, websocket, callback-polling]
    hint: a similar value exists: 'callback-polling'
    ");
    server.assert_unused();
}

#[test]
fn a_transport_that_the_server_does_not_offer_is_told() {
    let types = r#"["websocket","eventsource"]"#;
    let server = Hostile::conversation(move |message| {
        let mut replies = good(message)?;
        if message["channel"] == "/meta/handshake" {
            replies[0]["supportedConnectionTypes"] = serde_json::from_str(types).unwrap();
        }
        Some(replies)
    });
    snapshot!(bayeux(["pub", &server.url(), "/demo", "1"]).run(), @"
    exit: 0
    ----- stdout -----
    ----- stderr -----
    warning: the server does not offer long-polling, it offers websocket, eventsource
    ~ 1 message published, 1 acknowledged in [duration]
    ");
}

#[test]
fn a_server_that_answers_json_to_a_get_is_understood() {
    let server = Hostile::new(|request| {
        if request.contains("handshake") {
            Answer::Bytes(response("200 OK", "application/json", HANDSHAKEN))
        } else if request.contains("disconnect") {
            call(DISCONNECTED)
        } else {
            call(r#"[{"channel":"/demo","id":"2","successful":true}]"#)
        }
    });
    let words = ["pub", &server.url(), "/demo", "1", "-t", "callback-polling"];
    snapshot!(bayeux(words).run(), @"
    exit: 0
    ----- stdout -----
    ----- stderr -----
    warning: odd message: body calls no function at byte 0
    ~ 1 message published, 1 acknowledged in [duration]
    ");
}

#[test]
fn a_server_without_callback_polling_is_named() {
    let server = Hostile::canned(page("400 Bad Request"));
    let words = ["hs", &server.url(), "-t", "callback-polling"];
    snapshot!(bayeux(words).run(), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: http://127.0.0.1:[port]/cometd answered HTTP 400 (text/html; charset=utf-8, 67 B), not Bayeux
    hint: is this a Bayeux endpoint, and does it know this transport? see -t
    ");
}

/// A server's limit for URLs concerns only the message that is over it.
#[test]
fn a_message_that_is_too_long_for_the_servers_urls_is_refused_alone() {
    for status in ["414 URI Too Long", "431 Request Header Fields Too Large"] {
        let server = Hostile::new(move |request| match request.len() {
            _ if request.contains("handshake") => call(HANDSHAKEN),
            0..3000 => call(DISCONNECTED),
            _ => Answer::Last(page(status)),
        });
        let data = format!("\"{}\"", "x".repeat(3000));
        let words = [
            "pub",
            &server.url(),
            "/demo",
            &data,
            "-t",
            "callback-polling",
        ];
        let outcome = bayeux(words).run();
        if status.starts_with("414") {
            snapshot!(outcome, @"
            exit: 5
            ----- stdout -----
            ----- stderr -----
            error: publish to /demo refused
            cause: HTTP status 414 URI Too Long
            hint: -t long-polling sends messages in a body, which may be longer than a URL
            ");
        } else {
            assert_eq!(outcome.code(), Some(5), "{outcome}");
        }
    }
}

#[test]
fn a_message_that_is_too_long_for_any_url_is_not_sent() {
    let server = server();
    let data = format!("\"{}\"", "x".repeat(70_000));
    let words = [
        "pub",
        &server.url(),
        "/demo",
        &data,
        "-t",
        "callback-polling",
    ];
    snapshot!(bayeux(words).run(), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: the message is too long for callback-polling
    cause: the request's URL would have 70200 bytes
    hint: -t long-polling sends messages in a body, which may be longer than a URL
    ");
}
