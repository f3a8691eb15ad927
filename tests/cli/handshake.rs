//! `bayeux handshake`.

use crate::hostile::{Answer, Hostile, answer, page};
use crate::peer::{guarded_server, server};
use crate::program::{bayeux, snapshot};

#[test]
fn pretty_shows_the_reply_and_a_digest() {
    let url = server_url();
    snapshot!(bayeux(["handshake", &url.1, "-o", "pretty"]).run(), @r#"
    exit: 0
    ----- stdout -----
    [time]  < /meta/handshake  id 1  ok
    {
      "minimumVersion": "1.0",
      "clientId": "[client id]",
      "supportedConnectionTypes": ["websocket", "long-polling", "callback-polling"],
      "advice": { "interval": 0, "timeout": 30000, "reconnect": "retry" },
      "channel": "/meta/handshake",
      "id": "1",
      "version": "1.0",
      "successful": true
    }
    server      bayeux serve (bayeux/[version])
    version     1.0, minimum 1.0
    client id   [client id]
    transports  websocket, long-polling, callback-polling
    advice      retry, interval 0 ms, connects held for 30s
    extensions  none
    cookies     none set
    round trip  [duration]
    ----- stderr -----
    "#);
}

#[test]
fn compact_is_one_line_and_a_digest() {
    let url = server_url();
    snapshot!(bayeux(["hs", &url.1, "-o", "compact"]).run(), @r#"
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
    "#);
}

#[test]
fn json_is_one_record() {
    let url = server_url();
    snapshot!(bayeux(["hs", &url.1, "-o", "json"]).run(), @r#"
    exit: 0
    ----- stdout -----
    {"type":"message","time":"[timestamp]","dir":"in","channel":"/meta/handshake","transport":"long-polling","message":{"minimumVersion":"1.0","clientId":"[client id]","supportedConnectionTypes":["websocket","long-polling","callback-polling"],"advice":{"interval":0,"timeout":30000,"reconnect":"retry"},"channel":"/meta/handshake","id":"1","version":"1.0","successful":true}}
    ----- stderr -----
    "#);
}

#[test]
fn data_is_the_reply_itself() {
    let url = server_url();
    snapshot!(bayeux(["hs", &url.1, "-o", "data"]).run(), @r#"
    exit: 0
    ----- stdout -----
    {"minimumVersion":"1.0","clientId":"[client id]","supportedConnectionTypes":["websocket","long-polling","callback-polling"],"advice":{"interval":0,"timeout":30000,"reconnect":"retry"},"channel":"/meta/handshake","id":"1","version":"1.0","successful":true}
    ----- stderr -----
    "#);
}

#[test]
fn a_pipe_gets_json() {
    let url = server_url();
    let outcome = bayeux(["hs", &url.1]).run();
    let record: serde_json::Value = serde_json::from_str(&outcome.stdout()).unwrap();
    assert_eq!(record["message"]["successful"], true);
}

#[test]
fn jq_projects_the_reply() {
    let url = server_url();
    let outcome = bayeux(["hs", &url.1, "--jq", ".channel, .supportedConnectionTypes"]).run();
    snapshot!(outcome, @r#"
    exit: 0
    ----- stdout -----
    /meta/handshake
    ["websocket","long-polling","callback-polling"]
    ----- stderr -----
    "#);
}

#[test]
fn the_session_is_gone_afterwards() {
    let (server, url) = server_url();
    assert_eq!(bayeux(["hs", &url]).run().code(), Some(0));
    assert_eq!(server.n_sessions(), 0);
}

#[test]
fn v_shows_the_traffic_both_ways() {
    let url = server_url();
    snapshot!(bayeux(["hs", &url.1, "-v", "-o", "compact"]).run(), @r#"
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
    [time] > /meta/handshake {"channel":"/meta/handshake","id":"1","version":"1.0","minimumVersion":"1.0","supportedConnectionTypes":["long-polling"]}
    [time] < /meta/handshake {"minimumVersion":"1.0","clientId":"[client id]","supportedConnectionTypes":["websocket","long-polling","callback-polling"],"advice":{"interval":0,"timeout":30000,"reconnect":"retry"},"channel":"/meta/handshake","id":"1","version":"1.0","successful":true}
    ~ connected over long-polling
    [time] > /meta/disconnect {"channel":"/meta/disconnect","id":"2","clientId":"[client id]"}
    [time] < /meta/disconnect {"channel":"/meta/disconnect","id":"2","successful":true}
    "#);
}

#[test]
fn vv_shows_the_lines_of_http() {
    let url = server_url();
    snapshot!(bayeux(["hs", &url.1, "-vv", "-o", "compact"]).run(), @r#"
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
    [time] > /meta/handshake {"channel":"/meta/handshake","id":"1","version":"1.0","minimumVersion":"1.0","supportedConnectionTypes":["long-polling"]}
    [time]  > POST /cometd HTTP/1.1
                    accept-encoding: gzip
                    content-length: 123
                    host: 127.0.0.1:[port]
                    content-type: application/json;charset=UTF-8
                    user-agent: bayeux/[version]
    [time]  < HTTP/1.1 200 OK
                    Content-Type: application/json
                    Content-Length: [length]
                    Cache-Control: no-store
                    X-Content-Type-Options: nosniff
                    Server: bayeux/[version]
                    Vary: Origin
                    (connect [duration], first byte [duration], total [duration])
    [time] < /meta/handshake {"minimumVersion":"1.0","clientId":"[client id]","supportedConnectionTypes":["websocket","long-polling","callback-polling"],"advice":{"interval":0,"timeout":30000,"reconnect":"retry"},"channel":"/meta/handshake","id":"1","version":"1.0","successful":true}
    ~ connected over long-polling
    [time] > /meta/disconnect {"channel":"/meta/disconnect","id":"2","clientId":"[client id]"}
    [time]  > POST /cometd HTTP/1.1
                    accept-encoding: gzip
                    content-length: 87
                    host: 127.0.0.1:[port]
                    content-type: application/json;charset=UTF-8
                    user-agent: bayeux/[version]
    [time]  < HTTP/1.1 200 OK
                    Content-Type: application/json
                    Content-Length: [length]
                    Cache-Control: no-store
                    X-Content-Type-Options: nosniff
                    Server: bayeux/[version]
                    Vary: Origin
                    (first byte [duration], total [duration])
    [time] < /meta/disconnect {"channel":"/meta/disconnect","id":"2","successful":true}
    "#);
}

#[test]
fn a_token_lets_in() {
    let server = guarded_server();
    let outcome = bayeux(["hs", &server.url(), "--jq", ".successful"])
        .args(&["-H", "Authorization: Bearer s3cret"])
        .run();
    snapshot!(outcome, @r#"
    exit: 0
    ----- stdout -----
    true
    ----- stderr -----
    "#);
}

#[test]
fn a_token_in_ext_lets_in() {
    let server = guarded_server();
    let outcome = bayeux(["hs", &server.url(), "--jq", ".successful"])
        .args(&["--ext", r#"{"token":"s3cret"}"#])
        .run();
    snapshot!(outcome, @r#"
    exit: 0
    ----- stdout -----
    true
    ----- stderr -----
    "#);
}

#[test]
fn curl_hides_secrets() {
    let words = [
        "hs",
        "http://example.com/cometd?token=s3cret&x=1",
        "--curl",
        "-H",
        "Authorization: Bearer s3cret",
        "--ext",
        r#"{"token":"s3cret","n":"it's"}"#,
    ];
    snapshot!(bayeux(words).run(), @r#"
    exit: 0
    ----- stdout -----
    curl -sS -c cookies.txt -b cookies.txt \
      -H 'Content-Type: application/json;charset=UTF-8' \
      -H 'authorization: Bearer ***' \
      -d '[{"channel":"/meta/handshake","id":"1","version":"1.0","minimumVersion":"1.0","supportedConnectionTypes":["long-polling"],"ext":{"token":"***","n":"it'\''s"}}]' \
      'http://example.com/cometd?token=***&x=1'
    ----- stderr -----
    "#);
    snapshot!(bayeux(words).args(&["--show-secrets"]).run(), @r#"
    exit: 0
    ----- stdout -----
    curl -sS -c cookies.txt -b cookies.txt \
      -H 'Content-Type: application/json;charset=UTF-8' \
      -H 'authorization: Bearer s3cret' \
      -d '[{"channel":"/meta/handshake","id":"1","version":"1.0","minimumVersion":"1.0","supportedConnectionTypes":["long-polling"],"ext":{"token":"s3cret","n":"it'\''s"}}]' \
      'http://example.com/cometd?token=s3cret&x=1'
    ----- stderr -----
    "#);
}

#[cfg(unix)]
#[test]
fn the_curl_command_is_one_that_a_shell_runs() {
    let (_server, url) = server_url();
    let outcome = bayeux(["hs", &url, "--curl", "--ext", r#"{"quote":"it's"}"#]).run();
    // A curl that shows its last arguments.
    let script = format!(
        "curl() {{ printf '%s\\n' \"$@\" | tail -2; }}; {}",
        outcome.stdout()
    );
    snapshot!(crate::program::shell(&script).run(), @r#"
    exit: 0
    ----- stdout -----
    [{"channel":"/meta/handshake","id":"1","version":"1.0","minimumVersion":"1.0","supportedConnectionTypes":["long-polling"],"ext":{"quote":"it's"}}]
    http://127.0.0.1:[port]/cometd
    ----- stderr -----
    "#);
}

#[test]
fn a_url_may_be_short_or_come_from_the_environment() {
    let (server, url) = server_url();
    let port = server.address().port();
    for url in [
        format!(":{port}/cometd"),
        format!("localhost:{port}/cometd"),
        format!("127.0.0.1:{port}/cometd"),
        format!("HTTP://127.0.0.1:{port}/cometd"),
    ] {
        let outcome = bayeux(["hs", &url, "--jq", ".successful"]).run();
        assert_eq!(outcome.stdout(), "true\n", "{url}: {outcome}");
    }
    let outcome = bayeux(["hs", "--jq", ".successful"])
        .env("BAYEUX_URL", &url)
        .run();
    snapshot!(outcome, @r#"
    exit: 0
    ----- stdout -----
    true
    ----- stderr -----
    "#);
}

/// Two times busy, then a good server.
#[test]
fn retry_waits_for_a_server_to_come_up() {
    let n_refused = std::sync::atomic::AtomicUsize::new(0);
    let hostile = Hostile::new(move |request| {
        if n_refused.fetch_add(1, std::sync::atomic::Ordering::SeqCst) < 2 {
            return Answer::Last(page("503 Service Unavailable"));
        }
        answer(request, crate::hostile::good)
    });
    let words = [
        "hs",
        &hostile.url(),
        "--retry",
        "10s",
        "--jq",
        ".successful",
    ];
    snapshot!(bayeux(words).run(), @r#"
    exit: 0
    ----- stdout -----
    true
    ----- stderr -----
    ~ reconnecting in [duration] (attempt 1): HTTP status 503 Service Unavailable
    "#);
}

fn server_url() -> (bayeux::server::Server, String) {
    let server = server();
    let url = server.url();
    (server, url)
}
