//! `bayeux serve`.

#![cfg(unix)]

use std::io::{ErrorKind, Read};
use std::net::TcpStream;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};
use tungstenite::WebSocket;

use crate::program::{bayeux, serve, shell, snapshot};

/// No test waits this long unless it fails.
const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn the_first_line_is_the_url_and_an_interrupt_ends_it() {
    let (serve, url) = serve(&[]);
    assert!(url.starts_with("http://127.0.0.1:"), "{url}");
    assert_eq!(bayeux(["hs", &url]).run().code(), Some(0));
    serve.signal(Signal::INT);
    snapshot!(serve.end(), @r#"
    exit: 0
    ----- stdout -----
    http://127.0.0.1:[port]/cometd
    ----- stderr -----
    ~ chat http://127.0.0.1:[port]/, inspector http://127.0.0.1:[port]/inspector
    {"type":"message","time":"[timestamp]","dir":"in","channel":"/meta/handshake","transport":"long-polling","peer":"127.0.0.1:[port]","message":{"channel":"/meta/handshake","id":"1","version":"1.0","minimumVersion":"1.0","supportedConnectionTypes":["long-polling"]}}
    {"type":"message","time":"[timestamp]","dir":"out","channel":"/meta/handshake","transport":"long-polling","peer":"127.0.0.1:[port]","message":{"minimumVersion":"1.0","clientId":"[client id]","supportedConnectionTypes":["websocket","long-polling","callback-polling"],"advice":{"interval":0,"timeout":30000,"reconnect":"retry"},"channel":"/meta/handshake","id":"1","version":"1.0","successful":true}}
    {"type":"message","time":"[timestamp]","dir":"in","channel":"/meta/disconnect","transport":"long-polling","peer":"127.0.0.1:[port]","message":{"channel":"/meta/disconnect","id":"2","clientId":"[client id]"}}
    ~ session [client id] ended: disconnected
    {"type":"message","time":"[timestamp]","dir":"out","channel":"/meta/disconnect","transport":"long-polling","peer":"127.0.0.1:[port]","message":{"channel":"/meta/disconnect","id":"2","successful":true}}
    ~ stopped, 0 sessions were open
    "#);
}

#[test]
fn a_termination_ends_it_too() {
    let (serve, _) = serve(&["-q", "--path", "/faye"]);
    serve.signal(Signal::TERM);
    snapshot!(serve.end(), @r#"
    exit: 0
    ----- stdout -----
    http://127.0.0.1:[port]/faye
    ----- stderr -----
    "#);
}

#[test]
fn the_traffic_is_told() {
    let (mut serve, url) = serve(&["-o", "compact"]);
    assert_eq!(bayeux(["pub", &url, "/demo", "1"]).run().code(), Some(0));
    for wanted in [
        "< /meta/handshake",
        "< /demo",
        "> /demo",
        "ended: disconnected",
    ] {
        serve.told(wanted);
    }
}

#[test]
fn denied_channels_are_refused() {
    let (_serve, url) = serve(&["--deny", "/admin/**", "--deny", "/x"]);
    snapshot!(bayeux(["sub", &url, "/admin/x", "-n", "1"]).run(), @"
    exit: 5
    ----- stdout -----
    ----- stderr -----
    error: subscribe to /admin/x refused: 403:denied_by_security_policy:subscribe_denied
    hint: the session is up; other channels may be allowed
    ");
    snapshot!(bayeux(["pub", &url, "/x", "1"]).run(), @"
    exit: 5
    ----- stdout -----
    ----- stderr -----
    error: publish to /x rejected: 403:denied_by_security_policy:publish_denied
    hint: the session is up; other channels may be allowed
    ");
}

#[test]
fn a_token_can_be_required() {
    let (_serve, url) = serve(&["--require-token", "s3cret"]);
    snapshot!(bayeux(["hs", &url]).run(), @"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: handshake refused by http://127.0.0.1:[port]/cometd: 403::handshake_denied
    hint: its security policy wants credentials, or other ones: --token, --token-cmd, --user, -H or --ext
    ");
    let outcome = bayeux(["hs", &url, "-H", "Authorization: Bearer s3cret"]).run();
    assert_eq!(outcome.code(), Some(0), "{outcome}");
}

#[test]
fn an_address_in_use_is_said_so() {
    let (_serve, url) = serve(&[]);
    let address = url
        .strip_prefix("http://")
        .unwrap()
        .strip_suffix("/cometd")
        .unwrap();
    snapshot!(bayeux(["serve", "--listen", address]).run(), @"
    exit: 1
    ----- stdout -----
    ----- stderr -----
    error: cannot listen on 127.0.0.1:[port]
    cause: address already in use
    hint: --listen 127.0.0.1:0 takes a free port
    ");
}

#[test]
fn an_address_that_is_none_is_said_so() {
    snapshot!(bayeux(["serve", "--listen", "nonsense"]).run(), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: cannot listen on nonsense
    cause: invalid socket address
    hint: --listen wants HOST:PORT: 127.0.0.1:[port], or 127.0.0.1:0 for a free port
    ");
    // TEST-NET-1, which no machine has.
    snapshot!(bayeux(["serve", "--listen", "192.0.2.1:8080"]).run(), @"
    exit: 1
    ----- stdout -----
    ----- stderr -----
    error: cannot listen on 192.0.2.1:8080
    cause: cannot assign requested address
    hint: it has to be an address of this machine: 127.0.0.1, or 0.0.0.0 for all of them
    ");
}

#[test]
fn a_session_too_many_is_refused_in_bayeux() {
    let (_serve, url) = serve(&["--max-sessions", "1"]);
    let mut sub = bayeux(["sub", &url, "/demo"]).start();
    sub.told("subscribed to /demo");
    snapshot!(bayeux(["hs", &url]).run(), @r#"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: http://127.0.0.1:[port]/cometd answered HTTP 503 (application/json, 144 B)
    cause: [{"advice":{"interval":10000,"reconnect":"handshake"},"channel":"/meta/handshake","id":"1","error":"503::too_many_sessions","successful":false}]
    hint: the server is busy or starting; `--retry 30s` waits for it
    "#);
}

#[test]
fn websockets_are_told_as_such_and_why_they_were_closed() {
    let (mut serve, url) = serve(&[]);
    let (mut socket, _) = tungstenite::connect(url.replace("http", "ws")).unwrap();
    socket
        .send(r#"[{"channel":"/demo","id":"1","data":1}]"#.into())
        .unwrap();
    let reply = socket.read().unwrap();
    assert!(reply.to_text().unwrap().contains("402::session_unknown"));
    socket.send("hello".into()).unwrap();
    serve.told("was closed with 1007");
    serve.signal(Signal::INT);
    snapshot!(serve.end(), @r#"
    exit: 0
    ----- stdout -----
    http://127.0.0.1:[port]/cometd
    ----- stderr -----
    ~ chat http://127.0.0.1:[port]/, inspector http://127.0.0.1:[port]/inspector
    {"type":"message","time":"[timestamp]","dir":"in","channel":"/demo","transport":"websocket","peer":"127.0.0.1:[port]","message":{"channel":"/demo","id":"1","data":1}}
    {"type":"message","time":"[timestamp]","dir":"out","channel":"/demo","transport":"websocket","peer":"127.0.0.1:[port]","message":{"channel":"/demo","id":"1","error":"402::session_unknown","successful":false}}
    ~ the websocket of 127.0.0.1:[port] was closed with 1007: not JSON: expected an array of messages at byte 0
    ~ stopped, 0 sessions were open
    "#);
}

#[test]
fn a_soft_limit_of_descriptors_is_raised() {
    // Not the shell's function `bayeux`, which cannot replace the shell.
    let program = env!("CARGO_BIN_EXE_bayeux");
    let script =
        format!("ulimit -S -n 40; exec '{program}' serve --listen 127.0.0.1:0 -q --path /");
    let mut serve = shell(&script).start();
    let url = serve.first_line();
    let address = url.trim_start_matches("http://").trim_end_matches('/');
    let _connections: Vec<_> = (0..60)
        .map(|_| TcpStream::connect(address).unwrap())
        .collect();
    assert_eq!(bayeux(["hs", &url]).run().code(), Some(0));
}

#[test]
fn connections_beyond_the_limit_of_descriptors_are_refused_until_there_are_some() {
    let program = env!("CARGO_BIN_EXE_bayeux");
    let script = format!("ulimit -n 48; exec '{program}' serve --listen 127.0.0.1:0");
    let mut serve = shell(&script).start();
    let url = serve.first_line();
    let address = url.split('/').nth(2).unwrap();
    let connections: Vec<TcpStream> = (0..100)
        .map(|_| TcpStream::connect(address).unwrap())
        .collect();
    serve.told("cannot accept: Too many open files");
    // The last one did not come in: it is at its end, or was reset.
    let mut last = connections.last().unwrap();
    last.set_read_timeout(Some(PATIENCE)).unwrap();
    match last.read(&mut [0]) {
        Ok(length) => assert_eq!(length, 0),
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
    }
    drop(connections);
    // It may not have seen yet that they are gone.
    let outcome = bayeux(["hs", &url, "--retry", "20s", "-q"]).run();
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    serve.signal(Signal::TERM);
    assert_eq!(serve.end().code(), Some(0));
}

#[test]
fn a_channel_outside_the_grammar_is_refused_with_strict() {
    let (_serve, url) = serve(&["--strict"]);
    snapshot!(bayeux(["pub", &url, "/de.mo", "1"]).run(), @"
    exit: 5
    ----- stdout -----
    ----- stderr -----
    warning: '.' is outside the channel grammar of Bayeux 1.0; Faye refuses it, CometD may accept it
    error: publish to /de.mo rejected: 405::channel_invalid
    hint: the server takes no such channel; letters, digits and -_!~()$@ are legal everywhere
    ");
    snapshot!(bayeux(["sub", &url, "/de.mo/*", "-n", "1"]).run(), @"
    exit: 5
    ----- stdout -----
    ----- stderr -----
    warning: '.' is outside the channel grammar of Bayeux 1.0; Faye refuses it, CometD may accept it
    error: subscribe to /de.mo/* refused: 403::subscription_invalid
    hint: the server takes no such channel or pattern: `*` and `**` are a last segment, and nothing else
    ");
}

#[test]
fn a_session_for_which_too_much_waits_is_ended_and_the_reason_told() {
    for limits in [["--max-queue", "2,8MiB"], ["--max-queue", "1k,100B"]] {
        let (mut serve, url) = serve(&limits);
        let request = |socket: &mut WebSocket<_>, messages: Value| {
            socket.send(messages.to_string().into()).unwrap();
            let reply = socket.read().unwrap();
            serde_json::from_str::<Value>(reply.to_text().unwrap()).unwrap()
        };
        let session = || {
            let (mut socket, _) = tungstenite::connect(url.replace("http", "ws")).unwrap();
            let reply = request(&mut socket, json!([{"channel": "/meta/handshake"}]));
            (socket, reply[0]["clientId"].clone())
        };
        let (mut subscriber, client_id) = session();
        request(
            &mut subscriber,
            json!([
                {"channel": "/meta/subscribe", "clientId": client_id, "subscription": "/demo"}
            ]),
        );
        // All of them wait at the same time only if they come in one request.
        let (mut publisher, client_id) = session();
        let publish = |n: u32| json!({"channel": "/demo", "clientId": client_id, "data": n});
        let publishes = (1..=4).map(publish).collect();
        let replies = request(&mut publisher, Value::Array(publishes));
        assert!(
            replies
                .as_array()
                .unwrap()
                .iter()
                .all(|it| it["successful"] == true),
            "{replies}"
        );
        serve.told("ended: too many messages waited");
    }
}

#[test]
fn what_is_kept_is_replayed() {
    let (_serve, url) = serve(&["--retain", "2", "--retain-age", "1h"]);
    let publish = bayeux(["pub", &url, "/demo", "--lines", "-q"]).stdin("1\n2\n3\n");
    assert_eq!(publish.run().code(), Some(0));
    snapshot!(
        bayeux(["sub", &url, "/demo", "--replay", "all", "-n", "2", "-o", "data"]).run(),
        @"
    exit: 0
    ----- stdout -----
    2
    3
    ----- stderr -----
    ~ subscribed to /demo
    "
    );
    snapshot!(
        bayeux(["sub", &url, "/demo", "--replay", "2", "-n", "1", "-o", "json"]).run(),
        @r#"
    exit: 0
    ----- stdout -----
    {"type":"message","time":"[timestamp]","dir":"in","channel":"/demo","transport":"long-polling","message":{"ext":{"replay":3},"data":3,"channel":"/demo"}}
    ----- stderr -----
    ~ subscribed to /demo
    "#
    );
    snapshot!(
        bayeux(["sub", &url, "/demo", "--replay", "9", "-n", "1", "-o", "data"]).run(),
        @"
    exit: 5
    ----- stdout -----
    ----- stderr -----
    error: subscribe to /demo refused: 400::The replayId {9} you provided was invalid.  Please provide a valid ID, -2 to replay all events, or -1 to replay only new events.
    hint: the server has forgotten that event: --replay-fallback new or all goes on without it
    "
    );
}

#[test]
fn the_services_answer_a_call() {
    let (_serve, url) = serve(&[]);
    let outcome = bayeux(["call", &url, "/service/echo", r#"{"n":1}"#]).run();
    assert_eq!(outcome.stdout().trim(), r#"{"n":1}"#, "{outcome}");
    let outcome = bayeux(["call", &url, "/service/time", "{}", "--jq", ".data | keys"]).run();
    assert_eq!(
        outcome.stdout().trim(),
        r#"["milliseconds","time"]"#,
        "{outcome}"
    );
}

#[test]
fn a_client_that_sends_nothing_but_connects_is_told_to_stop() {
    let (_serve, url) = serve(&["--max-inactivity", "100ms", "--timeout", "200ms"]);
    snapshot!(bayeux(["sub", &url, "/demo"]).run(), @"
    exit: 8
    ----- stdout -----
    ----- stderr -----
    ~ subscribed to /demo
    ~ 0 messages received in [duration]
    error: session lost after [duration]: the server disconnected the session
    hint: the server's own code or an operator did this; see its log
    ");
}

#[test]
fn options_that_go_with_nothing_are_refused() {
    snapshot!(bayeux(["serve", "--retain-age", "1h"]).run(), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: --retain-age: nothing is kept
    hint: --retain says how many messages are
    ");
    snapshot!(bayeux(["serve", "--flavor", "salesforce", "--strict"]).run(), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: --strict: salesforce has rules of its own
    hint: leave it out, or take --flavor cometd
    ");
    snapshot!(bayeux(["serve", "--max-queue", "8Mib"]).run(), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: invalid value '8Mib' for '--max-queue <COUNT|SIZE>': a limit is a number of messages or a size: 10k, 8MiB
    hint: bayeux serve -h lists its options
    ");
    // Whoever wants no limit leaves it out; a server for nobody is what nobody wants.
    snapshot!(bayeux(["serve", "--max-sessions", "0"]).run(), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: invalid value '0' for '--max-sessions <N>': a count is a whole number above 0: 100, 10k, 2M
    hint: bayeux serve -h lists its options
    ");
    snapshot!(bayeux(["serve", "--max-connections", "0"]).run(), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: invalid value '0' for '--max-connections <N>': a count is a whole number above 0: 100, 10k, 2M
    hint: bayeux serve -h lists its options
    ");
}

#[test]
fn a_page_of_a_stranger_is_refused_and_the_log_says_what_lets_it_in() {
    let (serve, url) = serve(&["--allow-origin", "https://app.example.com"]);
    let page = |origin: &str| format!("Origin: {origin}");
    let known = bayeux(["hs", &url, "-H", &page("https://app.example.com"), "-q"]).run();
    assert_eq!(known.code(), Some(0), "{known}");
    snapshot!(bayeux(["hs", &url, "-H", &page("https://evil.example")]).run(), @"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: http://127.0.0.1:[port]/cometd answered HTTP 403 (text/plain;charset=UTF-8, 54 B), not Bayeux
    cause: pages of https://evil.example may not use this server
    hint: these credentials, or none, are not allowed here; see -H
    ");
    serve.signal(Signal::INT);
    let told = serve.end().to_string();
    let line = "got HTTP 403: pages of https://evil.example may not use this server; --allow-origin lets them";
    assert!(told.contains(line), "{told}");
}

#[test]
fn an_origin_with_a_path_is_refused() {
    snapshot!(bayeux(["serve", "--allow-origin", "https://a.example/b"]).run(), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: invalid value 'https://a.example/b' for '--allow-origin <ORIGIN>': an origin is SCHEME://HOST or SCHEME://HOST:PORT without a path, `*` or `null`
    hint: bayeux serve -h lists its options
    ");
}
