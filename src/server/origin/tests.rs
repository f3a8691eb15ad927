//! Tests of which pages may use the server.

use super::*;

/// The response's lines to a request with these headers, or why it is refused.
fn judged(method: &str, lines: &str, allowed: &[&str]) -> Result<String, String> {
    judged_by("http", method, lines, allowed)
}

fn judged_by(scheme: &str, method: &str, lines: &str, allowed: &[&str]) -> Result<String, String> {
    let mut request = Request::builder().method(method).uri("/cometd");
    for line in lines.split("; ") {
        let (name, value) = line.split_once(": ").unwrap();
        request = request.header(name, value);
    }
    let allowed: Vec<AllowedOrigin> = allowed.iter().map(|it| it.parse().unwrap()).collect();
    Access::of(&request.body(()).unwrap(), scheme, &allowed)
        .map(|it| it.header_lines().replace("\r\n", "; "))
        .map_err(|it| it.to_string())
}

fn granted(origin: &str) -> Result<String, String> {
    Ok(format!(
        "Access-Control-Allow-Origin: {origin}; Access-Control-Allow-Credentials: true; \
         Vary: Origin; "
    ))
}

fn unsaid() -> Result<String, String> {
    Ok("Vary: Origin; ".into())
}

fn refusal(origin: &str) -> Result<String, String> {
    Err(format!("pages of {origin} may not use this server"))
}

#[test]
fn what_is_no_page_passes_under_any_name() {
    for host in ["127.0.0.1:8080", "dev.example.com", "a", "[::1]:1"] {
        assert_eq!(judged("POST", &format!("Host: {host}"), &[]), unsaid());
    }
    assert_eq!(judged("GET", "Host: localhost:1", &[]), unsaid());
}

#[test]
fn pages_on_loopback_may_use_it_with_credentials() {
    for origin in [
        "http://localhost",
        "https://localhost:3000",
        "http://127.0.0.1:8000",
        "http://127.3.2.1",
        "http://[::1]:8000",
    ] {
        let head = format!("Host: localhost:8080; Origin: {origin}");
        assert_eq!(judged("POST", &head, &[]), granted(origin));
        // They stay readable where any page may read.
        assert_eq!(judged("POST", &head, &["*"]), granted(origin));
    }
}

#[test]
fn pages_of_strangers_are_refused_by_whatever_names_them() {
    for (line, origin) in [
        ("Origin: https://evil.example", "https://evil.example"),
        (
            "Origin: http://localhost.evil.example",
            "http://localhost.evil.example",
        ),
        (
            "Origin: http://127.0.0.1.evil.example",
            "http://127.0.0.1.evil.example",
        ),
        ("Origin: ftp://localhost", "ftp://localhost"),
        ("Origin: http://192.168.0.1", "http://192.168.0.1"),
        ("Origin: null", "null"),
        ("Origin: http://localhost/x", "null"),
        ("Origin: http://localhost; Origin: http://localhost", "null"),
        ("Origin: http://me@localhost", "null"),
        (
            "Referer: https://evil.example/a?b#c",
            "https://evil.example",
        ),
        (
            "Referer: https://evil.example:8443",
            "https://evil.example:8443",
        ),
        ("Sec-Fetch-Site: cross-site", "null"),
    ] {
        let head = format!("Host: localhost:8080; {line}");
        for method in ["GET", "POST", "OPTIONS"] {
            assert_eq!(judged(method, &head, &[]), refusal(origin), "{line}");
        }
    }
}

#[test]
fn origins_that_are_named_may_use_it() {
    let head = |origin: &str| format!("Host: localhost:8080; Origin: {origin}");
    let allowed = ["https://App.Example.com:443/", "capacitor://localhost"];
    for origin in ["https://app.example.com", "capacitor://localhost"] {
        assert_eq!(judged("POST", &head(origin), &allowed), granted(origin));
    }
    for origin in ["http://app.example.com", "https://app.example.com:444"] {
        assert_eq!(judged("POST", &head(origin), &allowed), refusal(origin));
    }
}

#[test]
fn null_and_all_never_get_credentials() {
    let any = |origin: &str| {
        Ok(format!(
            "Access-Control-Allow-Origin: {origin}; Vary: Origin; "
        ))
    };
    let evil = "Host: localhost; Origin: http://evil.example";
    assert_eq!(judged("POST", evil, &["*"]), any("*"));
    assert_eq!(judged("POST", "Host: a; Origin: null", &["*"]), any("*"));
    assert_eq!(
        judged("POST", "Host: a; Origin: null", &["null", "*"]),
        any("null")
    );
    assert_eq!(
        judged("POST", evil, &["null"]),
        refusal("http://evil.example")
    );
}

#[test]
fn the_servers_own_pages_may_use_it_where_no_stranger_can_have_the_name() {
    for host in ["192.168.0.7:8080", "[fe80::1]:8080", "bayeux:8080"] {
        let head = format!("Host: {host}; Origin: http://{host}");
        assert_eq!(judged("POST", &head, &[]), unsaid());
    }
    assert_eq!(
        judged("POST", "Host: bayeux; Origin: http://bayeux:8080", &[]),
        refusal("http://bayeux:8080")
    );
    let head = "Host: Dev.Example.com:80; Origin: http://dev.example.com";
    assert_eq!(judged("POST", head, &[]), refusal("http://dev.example.com"));
    let allowed = ["http://dev.example.com"];
    assert_eq!(judged("POST", head, &allowed), granted(allowed[0]));
}

#[test]
fn a_get_under_a_name_that_a_stranger_may_have_is_refused() {
    // A page of that name sends none of the three headers if it does not want to.
    let head = "Host: evil.example:8080";
    assert_eq!(
        judged("GET", head, &[]),
        refusal("http://evil.example:8080")
    );
    assert_eq!(
        judged_by("https", "GET", head, &[]),
        refusal("https://evil.example:8080")
    );
    assert_eq!(judged("GET", "Host: .; X: y", &[]), refusal("http://."));
    let socket = "Host: dev.example:8080; Upgrade: websocket";
    assert_eq!(judged("GET", socket, &[]), unsaid());
    for allowed in ["*", "http://evil.example:8080"] {
        assert_eq!(judged("GET", head, &[allowed]), unsaid());
    }
}

#[test]
fn the_same_site_is_the_same_machine() {
    for site in ["same-origin", "same-site", "none"] {
        let head = format!("Host: localhost:8080; Sec-Fetch-Site: {site}");
        assert_eq!(judged("GET", &head, &[]), unsaid());
    }
    let head = "Host: localhost; Referer: http://localhost:3000/; Sec-Fetch-Site: cross-site";
    assert_eq!(judged("GET", head, &[]), granted("http://localhost:3000"));
}

#[test]
fn a_preflight_grants_the_headers_that_are_asked_for_and_nothing_that_is_no_name() {
    let mut headers = HeaderMap::new();
    let lines = preflight_lines(&headers);
    assert!(
        lines.contains("Allow-Headers: Accept, Authorization, Content-Type, X-Requested-With\r\n")
    );
    assert!(!lines.contains("Private-Network"));
    let asked = "x-requested-with, x-trace,, a b".parse().unwrap();
    headers.insert(header::ACCESS_CONTROL_REQUEST_HEADERS, asked);
    headers.insert(
        "access-control-request-private-network",
        "true".parse().unwrap(),
    );
    let lines = preflight_lines(&headers);
    assert!(lines.contains("X-Requested-With, x-trace\r\n"), "{lines}");
    assert!(lines.contains("Access-Control-Allow-Private-Network: true\r\n"));
}

#[test]
fn what_is_no_origin_is_refused() {
    for text in [
        "",
        "localhost",
        "http://",
        "http://a/b",
        "http://a:x",
        "://a",
        "http://a b",
    ] {
        assert_eq!(text.parse::<AllowedOrigin>(), Err(InvalidOrigin), "{text}");
    }
    for text in ["*", "null", "http://[::1]:8080", "https://a.b"] {
        assert_eq!(text.parse::<AllowedOrigin>().unwrap().to_string(), text);
    }
}
