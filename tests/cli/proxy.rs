//! Proxies: which one is used, and what each of their failures looks like.

use crate::hostile::{Answer, Hostile, good, page, response};
use crate::peer::server;
use crate::program::{bayeux, snapshot};

const SECRET: &str = "Pl4ntedS3cret";

/// A proxy in front of a good server, as far as http can tell.
fn forwarding() -> Hostile {
    Hostile::conversation(good)
}

/// A server that exists nowhere but behind a proxy.
const HTTP: &str = "http://bayeux.invalid/cometd";
const HTTPS: &str = "https://bayeux.invalid/cometd";

#[test]
fn a_request_goes_through_the_proxy_that_was_asked_for() {
    let proxy = forwarding();
    let url = format!("ann:{SECRET}@{}", proxy.address());
    let outcome = bayeux(["pub", HTTP, "/demo", "1", "-v", "-x", &url]).run();
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    let via = format!("~ via proxy http://{}\n", proxy.address());
    assert_eq!(outcome.stderr().matches(&via).count(), 1, "{outcome}");
    for request in proxy.requests() {
        assert!(request.starts_with("POST http://bayeux.invalid/cometd HTTP/1.1\r\n"));
        assert!(request.contains("proxy-authorization: Basic YW5uOlBsNG50ZWRTM2NyZXQ=\r\n"));
    }
}

#[test]
fn the_environment_names_a_proxy() {
    let proxy = forwarding();
    let url = format!("http://{}", proxy.address());
    for (name, endpoint) in [("http_proxy", HTTP), ("ALL_PROXY", HTTP)] {
        let outcome = bayeux(["hs", endpoint]).env(name, &url).run();
        assert_eq!(outcome.code(), Some(0), "{name}: {outcome}");
    }
    let outcome = bayeux(["hs", HTTPS]).env("HTTPS_PROXY", &url).run();
    assert_eq!(outcome.code(), Some(3), "{outcome}");
    let last = proxy.requests().pop().unwrap();
    assert!(last.starts_with("CONNECT bayeux.invalid:443 HTTP/1.1\r\n"));
}

#[test]
fn the_environments_proxy_is_not_used_for_this_machine_or_after_none() {
    let proxy = Hostile::untouched();
    let url = format!("http://{}", proxy.address());
    let server = server();
    let outcome = bayeux(["hs", &server.url()]).env("http_proxy", &url).run();
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    let none = bayeux(["hs", HTTP, "-x", "none"]).env("http_proxy", &url);
    assert_eq!(none.run().code(), Some(3));
    let listed = bayeux(["hs", HTTP]).env("http_proxy", &url);
    assert_eq!(listed.env("NO_PROXY", "invalid").run().code(), Some(3));
    proxy.assert_unused();
}

#[test]
fn a_proxy_that_cannot_be_reached_is_named() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    snapshot!(bayeux(["hs", HTTPS, "-x", &address]).run(), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: cannot reach the proxy http://127.0.0.1:[port]
    cause: connection refused (127.0.0.1:[port])
    hint: -x or a variable such as https_proxy names it; `-x none` goes without
    ");
}

#[test]
fn a_proxy_that_asks_for_credentials_says_so() {
    let proxy = Hostile::canned(response(
        "407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"x\"",
        "text/html",
        "<html>no</html>",
    ));
    let address = proxy.address().to_string();
    snapshot!(bayeux(["hs", HTTPS, "-x", &address]).run(), @"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: the proxy http://127.0.0.1:[port] asks for credentials
    cause: HTTP status 407 Proxy Authentication Required
    hint: -x http://USER:PASS@HOST:PORT gives them
    ");
    let http = bayeux(["hs", HTTP, "-x", &address]).run();
    let https = bayeux(["hs", HTTPS, "-x", &address]).run();
    assert_eq!(http.to_string(), https.to_string());
}

#[test]
fn credentials_that_a_proxy_refuses_are_not_shown() {
    let proxy = Hostile::canned(response("407 No", "text/html", ""));
    let url = format!("http://ann:{SECRET}@{}", proxy.address());
    snapshot!(bayeux(["hs", HTTPS, "-vv", "-x", &url]).run(), @r#"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    ~ via proxy http://127.0.0.1:[port]
    {"type":"message","time":"[timestamp]","dir":"out","channel":"/meta/handshake","transport":"long-polling","message":{"channel":"/meta/handshake","id":"1","version":"1.0","minimumVersion":"1.0","supportedConnectionTypes":["long-polling"]}}
    ~ exchange failed: the proxy http://127.0.0.1:[port]: HTTP status 407 Proxy Authentication Required: the credentials are refused
    error: the proxy http://127.0.0.1:[port] asks for credentials
    cause: HTTP status 407 Proxy Authentication Required: the credentials are refused
    hint: -x http://USER:PASS@HOST:PORT gives them
    "#);
    let http = bayeux(["hs", HTTP, "-vv", "-x", &url]).run();
    assert!(
        http.stderr().contains("proxy-authorization: Basic ***"),
        "{http}"
    );
    assert!(!http.to_string().contains(SECRET), "{http}");
    let curl = bayeux(["hs", HTTP, "--curl", "-x", &url]).run();
    assert!(curl.stdout().contains("-x '***:***@127.0.0.1:"), "{curl}");
}

#[test]
fn a_proxy_that_refuses_is_told_with_its_page_in_one_line() {
    let proxy = Hostile::canned(response(
        "403 Forbidden",
        "text/html",
        "<html>\n<title>Not\nallowed \x1b[2J</title><h1>x</h1></html>",
    ));
    let address = proxy.address().to_string();
    snapshot!(bayeux(["hs", HTTPS, "-x", &address]).run(), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: the proxy http://127.0.0.1:[port] does not lead to https://bayeux.invalid
    cause: HTTP status 403 Forbidden: Not allowed �[2J
    hint: its rules forbid that host or port; `-x none` goes without
    ");
    let proxy = Hostile::canned(page("502 Bad Gateway"));
    let address = proxy.address().to_string();
    snapshot!(bayeux(["hs", HTTPS, "-x", &address]).run(), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: the proxy http://127.0.0.1:[port] does not lead to https://bayeux.invalid
    cause: HTTP status 502 Bad Gateway: 502 Bad Gateway
    hint: it cannot reach the server itself; does it know that host and port?
    ");
}

#[test]
fn a_portal_that_answers_everything_with_its_page_is_no_tunnel() {
    let page = "<html><title>Please log in</title></html>";
    let proxy = Hostile::canned(response("200 OK", "text/html", page));
    snapshot!(bayeux(["hs", HTTPS, "-x", &proxy.address().to_string()]).run(), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: the proxy http://127.0.0.1:[port] does not lead to https://bayeux.invalid
    cause: HTTP status 200 OK: Please log in
    hint: its rules forbid that host or port; `-x none` goes without
    ");
}

#[test]
fn an_http_refusal_of_squid_is_the_proxys() {
    let proxy = Hostile::canned(response(
        "403 Forbidden\r\nX-Squid-Error: ERR_ACCESS_DENIED 0",
        "text/html",
        "<html>no</html>",
    ));
    let address = proxy.address().to_string();
    snapshot!(bayeux(["pub", HTTP, "/demo", "1", "-x", &address]).run(), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: the proxy http://127.0.0.1:[port] does not lead to http://bayeux.invalid
    cause: HTTP status 403 Forbidden: ERR_ACCESS_DENIED
    hint: its rules forbid that host or port; `-x none` goes without
    ");
}

#[test]
fn what_is_no_proxy_is_told() {
    let proxy = Hostile::canned("SSH-2.0-OpenSSH_9.2\r\n");
    let address = proxy.address().to_string();
    snapshot!(bayeux(["hs", HTTPS, "-x", &address]).run(), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: the proxy http://127.0.0.1:[port] is no HTTP proxy
    cause: it does not speak HTTP: SSH-2.0-OpenSSH_9.2
    hint: is this its port? -x http://HOST:PORT names another one
    ");
    let proxy = Hostile::canned("");
    let address = proxy.address().to_string();
    snapshot!(bayeux(["hs", HTTPS, "-x", &address]).run(), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: the proxy http://127.0.0.1:[port] does not answer
    cause: it closed the connection without an answer
    hint: is this its port? its log tells why it closes connections
    ");
}

#[test]
fn a_proxy_that_hangs_is_told() {
    let proxy = Hostile::new(|_| Answer::Silence);
    let address = proxy.address().to_string();
    snapshot!(bayeux(["hs", HTTPS, "-x", &address, "--connect-timeout", "50ms"]).run(), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: the proxy http://127.0.0.1:[port] does not answer
    cause: no answer within [duration]
    hint: is this its port? --connect-timeout waits longer
    ");
}

#[test]
fn a_proxy_that_cannot_be_used_is_refused_before_anything_is_sent() {
    let url = format!("socks5://ann:{SECRET}@127.0.0.1:1");
    snapshot!(bayeux(["hs", HTTP, "-x", &url]).run(), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: -x: not a proxy
    cause: only http:// proxies are supported, not socks5://
    hint: -x http://HOST:PORT, or `-x none` for no proxy at all
    ");
    let url = format!("ann:{SECRET}@127.0.0.1:x");
    snapshot!(bayeux(["hs", HTTP]).env("ALL_PROXY", &url).run(), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: ALL_PROXY: not a proxy
    cause: its port is no number from 1 to 65535
    hint: -x http://HOST:PORT, or `-x none` for no proxy at all
    ");
}
