//! What servers get wrong: each has an error of three lines.

use serde_json::json;

use crate::hostile::{Answer, Hostile, answer, good, page, refused, response};
use crate::peer::server;
use crate::program::{Outcome, bayeux, snapshot};

/// A handshake with a server that answers everything with these bytes.
fn handshake(answer: impl Into<Vec<u8>>) -> Outcome {
    let hostile = Hostile::canned(answer);
    bayeux(["hs", &hostile.url(), "--timeout", "5s"]).run()
}

#[test]
fn an_unknown_host() {
    snapshot!(bayeux(["hs", "http://nowhere.invalid/cometd"]).run(), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: cannot reach http://nowhere.invalid/cometd
    cause: cannot find the host: nowhere.invalid
    hint: check the host name and the name server
    ");
}

#[test]
fn a_refused_port() {
    let url = server().url();
    snapshot!(bayeux(["sub", &url, "/demo"]).run(), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: cannot reach http://127.0.0.1:[port]/cometd
    cause: connection refused (127.0.0.1:[port])
    hint: is the server running? `--retry 30s` waits for it
    ");
}

#[test]
fn http_404() {
    snapshot!(handshake(page("404 Not Found")), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: http://127.0.0.1:[port]/cometd answered HTTP 404 (text/html; charset=utf-8, 65 B), not Bayeux
    hint: is this the endpoint's path? -vv shows the response's headers
    ");
}

#[test]
fn http_404_without_a_path() {
    let hostile = Hostile::canned(page("404 Not Found"));
    let url = hostile.url().replace("/cometd", "");
    snapshot!(bayeux(["hs", &url]).run(), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: http://127.0.0.1:[port]/ answered HTTP 404 (text/html; charset=utf-8, 65 B), not Bayeux
    hint: the endpoint usually has a path: try :[port]/cometd, :[port]/bayeux or :[port]/faye
    ");
}

#[test]
fn http_401() {
    snapshot!(handshake(page("401 Unauthorized")), @"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: http://127.0.0.1:[port]/cometd answered HTTP 401 (text/html; charset=utf-8, 68 B), not Bayeux
    hint: are these credentials right, if there are any? see --token, --token-cmd, --user and -H
    ");
}

#[test]
fn http_403() {
    snapshot!(handshake(page("403 Forbidden")), @"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: http://127.0.0.1:[port]/cometd answered HTTP 403 (text/html; charset=utf-8, 65 B), not Bayeux
    hint: these credentials, or none, are not allowed here; see -H
    ");
}

#[test]
fn http_407() {
    snapshot!(handshake(page("407 Proxy Authentication Required")), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: http://127.0.0.1:[port]/cometd answered HTTP 407 (text/html; charset=utf-8, 85 B), not Bayeux
    hint: a proxy on the way wants credentials: -x http://USER:PASS@HOST:PORT
    ");
}

#[test]
fn http_429() {
    snapshot!(handshake(page("429 Too Many Requests")), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: http://127.0.0.1:[port]/cometd answered HTTP 429 (text/html; charset=utf-8, 73 B), not Bayeux
    hint: the server is busy or starting; `--retry 30s` waits for it
    ");
}

#[test]
fn http_500() {
    snapshot!(handshake(page("500 Internal Server Error")), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: http://127.0.0.1:[port]/cometd answered HTTP 500 (text/html; charset=utf-8, 77 B), not Bayeux
    hint: the server's log tells more; -vv shows the response's headers
    ");
}

#[test]
fn http_503() {
    snapshot!(handshake(page("503 Service Unavailable")), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: http://127.0.0.1:[port]/cometd answered HTTP 503 (text/html; charset=utf-8, 75 B), not Bayeux
    hint: the server is busy or starting; `--retry 30s` waits for it
    ");
}

#[test]
fn a_status_whose_body_tells_why() {
    let body = r#"{"error": "tenant  is\nlocked"}"#;
    snapshot!(handshake(response("400 Bad Request", "application/json", body)), @r#"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: http://127.0.0.1:[port]/cometd answered HTTP 400 (application/json, 31 B), not Bayeux
    cause: {"error": "tenant is\nlocked"}
    hint: is this a Bayeux endpoint, and does it know this transport? see -t
    "#);
}

#[test]
fn an_empty_answer() {
    snapshot!(handshake(response("200 OK", "application/json", "")), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: http://127.0.0.1:[port]/cometd answered HTTP 200 with nothing in it, not Bayeux
    hint: is this the endpoint's path? -vv shows the response's headers
    ");
}

#[test]
fn a_login_page() {
    let body = "<!DOCTYPE html>\n<html><head><title>Log in</title></head></html>";
    snapshot!(handshake(response("200 OK", "text/html", body)), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: http://127.0.0.1:[port]/cometd does not speak Bayeux
    cause: the response is not JSON, it is text/html: <!DOCTYPE html> <html><head><title>Log in</title></head></html>
    hint: is this the endpoint's path? -vv shows the response's headers
    ");
}

#[test]
fn a_redirect() {
    let answer = "HTTP/1.1 302 Found\r\nLocation: https://example.com/login?sid=1\r\nContent-Length: 0\r\n\r\n";
    snapshot!(handshake(answer), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: http://127.0.0.1:[port]/cometd redirects (HTTP 302) to https://example.com/login?sid=***
    hint: a POST is not redirected; give that URL if it is the right one
    ");
}

#[test]
fn https_on_a_plain_port() {
    let hostile = Hostile::canned("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
    let url = hostile.url().replace("http:", "https:");
    snapshot!(bayeux(["hs", &url]).run(), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: cannot reach https://127.0.0.1:[port]/cometd
    cause: the URL asks for TLS, and the server at this port speaks none
    hint: try http://127.0.0.1:[port]/cometd
    ");
    let url = hostile.url().replace("http:", "wss:");
    snapshot!(bayeux(["hs", &url]).run(), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: cannot reach wss://127.0.0.1:[port]/cometd
    cause: the URL asks for TLS, and the server at this port speaks none
    hint: try ws://127.0.0.1:[port]/cometd
    ");
}

#[test]
fn http_on_a_tls_port() {
    // A TLS alert: unexpected message.
    snapshot!(handshake(*b"\x15\x03\x01\x00\x02\x02\x0a"), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: cannot reach http://127.0.0.1:[port]/cometd
    cause: the URL asks for no TLS, and the server at this port speaks it
    hint: try https://127.0.0.1:[port]/cometd
    ");
}

#[test]
fn http_on_a_tls_port_of_nginx() {
    let body = "<html>The plain HTTP request was sent to HTTPS port</html>";
    snapshot!(handshake(response("400 Bad Request", "text/html", body)), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: cannot reach http://127.0.0.1:[port]/cometd
    cause: the URL asks for no TLS, and the server at this port speaks it
    hint: try https://127.0.0.1:[port]/cometd
    ");
}

#[test]
fn not_http_at_all() {
    snapshot!(handshake("SSH-2.0-OpenSSH_9.2\r\n"), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: http://127.0.0.1:[port]/cometd does not speak Bayeux
    cause: the response is not HTTP: SSH-2.0-OpenSSH_9.2
    hint: another program listens at this port: is it the right one?
    ");
}

#[test]
fn a_head_that_is_too_long() {
    let head = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "a".repeat(100_000));
    snapshot!(handshake(head), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: http://127.0.0.1:[port]/cometd sent more than is read
    cause: the response's head is larger than 16383 bytes
    hint: another program at this port, or a proxy that adds headers? -vv shows them
    ");
}

#[test]
fn not_json() {
    snapshot!(handshake(response("200 OK", "text/plain", "It works!")), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: http://127.0.0.1:[port]/cometd does not speak Bayeux
    cause: the response is not JSON, it is text/plain: It works!
    hint: is this the endpoint's path? -vv shows the response's headers
    ");
}

#[test]
fn json_that_is_cut_off() {
    let body = r#"[{"channel":"/meta/handshake","succ"#;
    snapshot!(handshake(response("200 OK", "application/json", body)), @r#"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: http://127.0.0.1:[port]/cometd sent JSON that cannot be read
    cause: cut off: [{"channel":"/meta/handshake","succ
    hint: does a proxy cut responses off? the server's log may tell
    "#);
}

#[test]
fn a_body_that_is_cut_off() {
    snapshot!(handshake("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[{\"channel\":"), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: http://127.0.0.1:[port]/cometd broke the connection
    cause: the response is cut off after 52 bytes
    hint: a crash or a proxy's limit? the server's log may tell
    ");
}

#[test]
fn json_that_is_not_bayeux() {
    let body = r#"{"status":"UP"}"#;
    snapshot!(handshake(response("200 OK", "application/json", body)), @r#"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: http://127.0.0.1:[port]/cometd does not speak Bayeux
    cause: the response is JSON without a Bayeux message: {"status":"UP"}
    hint: is this the endpoint's path? -vv shows the response's headers
    "#);
}

#[test]
fn a_reply_without_the_message_that_was_asked_for() {
    let body = r#"[{"channel":"/meta/connect","id":"99","successful":true}]"#;
    snapshot!(handshake(response("200 OK", "application/json", body)), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    warning: a reply to nothing that was asked: /meta/connect id 99
    error: http://127.0.0.1:[port]/cometd answers Bayeux, but not this request
    cause: no reply to /meta/handshake
    hint: -v shows what it answered; is a proxy or a cache between?
    ");
}

#[test]
fn a_handshake_without_a_client_id() {
    let hostile = Hostile::conversation(|message| {
        Some(vec![json!({
            "channel": "/meta/handshake", "id": message["id"], "successful": true, "version": "1.0",
        })])
    });
    snapshot!(bayeux(["hs", &hostile.url()]).run(), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: http://127.0.0.1:[port]/cometd accepts the handshake without a clientId
    hint: that is not Bayeux; -v shows the reply
    ");
}

#[test]
fn a_handshake_denied_without_a_reason() {
    let hostile = Hostile::conversation(|message| {
        Some(vec![json!({
            "channel": "/meta/handshake", "id": message["id"], "successful": false,
        })])
    });
    snapshot!(bayeux(["hs", &hostile.url()]).run(), @"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: handshake refused by http://127.0.0.1:[port]/cometd: the server gives no reason
    hint: credentials are given with --token, --token-cmd, --user, -H or --ext; -v shows the reply
    ");
}

#[test]
fn a_handshake_denied_with_the_reason_hidden_in_ext() {
    let hostile = Hostile::conversation(|message| {
        let mut reply = refused(message, "403::Handshake denied");
        reply["ext"] = json!({
            "sfdc": {"failureReason": "401::Authentication invalid"}, "replay": true,
        });
        reply["advice"] = json!({"reconnect": "none"});
        Some(vec![reply])
    });
    snapshot!(bayeux(["sub", &hostile.url(), "/event/Order__e"]).run(), @"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: handshake refused by http://127.0.0.1:[port]/cometd: 403::Handshake denied
    cause: 401::Authentication invalid
    hint: the token expired or was revoked; --token-cmd and --sf fetch a new one by themselves
    ");
}

#[test]
fn a_body_over_the_limit() {
    let body = format!("[{}]", " ".repeat(5000));
    let hostile = Hostile::canned(response("200 OK", "application/json", &body));
    snapshot!(bayeux(["hs", &hostile.url(), "--max-body", "4KiB"]).run(), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: http://127.0.0.1:[port]/cometd sent more than --max-body
    cause: the response's body is larger than 4096 bytes
    hint: --max-body 1GiB takes more
    ");
}

#[test]
fn a_body_of_more_messages_than_are_read() {
    let body = format!("[{}1]", "{},".repeat(250_000));
    let hostile = Hostile::canned(response("200 OK", "application/json", &body));
    snapshot!(bayeux(["hs", &hostile.url()]).run(), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: http://127.0.0.1:[port]/cometd sent too many messages at once
    cause: more than 250000 messages came at once
    hint: no option takes more; a server can bound the queue of a session (CometD: maxQueue)
    ");
}

#[test]
fn a_server_that_never_answers() {
    let hostile = Hostile::silent();
    snapshot!(bayeux(["hs", &hostile.url(), "--network-timeout", "300ms"]).run(), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: http://127.0.0.1:[port]/cometd does not answer
    cause: no response within [duration]
    hint: --network-timeout waits longer
    ");
    snapshot!(bayeux(["hs", &hostile.url(), "--timeout", "300ms"]).run(), @"
    exit: 6
    ----- stdout -----
    ----- stderr -----
    error: no handshake with http://127.0.0.1:[port]/cometd within [duration]
    hint: -vv shows how far it gets
    ");
    snapshot!(bayeux(["pub", &hostile.url(), "/demo", "1", "--timeout", "300ms"]).run(), @"
    exit: 6
    ----- stdout -----
    ----- stderr -----
    error: no handshake with http://127.0.0.1:[port]/cometd within [duration]
    hint: -vv shows how far it gets
    ");
    snapshot!(bayeux(["sub", &hostile.url(), "/demo", "--timeout", "300ms"]).run(), @"
    exit: 6
    ----- stdout -----
    ----- stderr -----
    error: no confirmed subscription to /demo within [duration]
    hint: -v shows how far it gets
    ");
}

#[test]
fn a_tls_handshake_that_stalls() {
    let silent = Hostile::silent();
    let url = silent.url().replacen("http:", "https:", 1);
    let patience = ["--connect-timeout", "100ms"];
    snapshot!(bayeux(["hs", &url]).args(&patience).run(), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: cannot reach https://127.0.0.1:[port]/cometd
    cause: the TLS handshake did not end within [duration]
    hint: does this port speak TLS? --connect-timeout waits longer
    ");
    let url = url.replacen("https:", "wss:", 1);
    snapshot!(bayeux(["hs", &url]).args(&patience).run(), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: cannot reach wss://127.0.0.1:[port]/cometd
    cause: the TLS handshake did not end within [duration]
    hint: does this port speak TLS? --connect-timeout waits longer
    ");
}

#[test]
fn a_connection_that_is_closed_without_a_word() {
    snapshot!(handshake(""), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: http://127.0.0.1:[port]/cometd broke the connection
    cause: the server closed the connection without a response
    hint: a crash or a proxy's limit? the server's log may tell
    ");
}

#[test]
fn a_session_that_breaks_in_the_middle() {
    let hostile = Hostile::new(|request| match request.contains("/meta/connect") {
        true => Answer::Last(page("404 Not Found")),
        false => answer(request, good),
    });
    snapshot!(bayeux(["sub", &hostile.url(), "/demo"]).run(), @"
    exit: 8
    ----- stdout -----
    ----- stderr -----
    ~ subscribed to /demo
    ~ 0 messages received in [duration]
    error: session lost after [duration]: HTTP status 404 Not Found
    hint: it answered before: was it stopped or replaced? -vv shows the headers of its answers
    ");
}
