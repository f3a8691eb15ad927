//! A secret that is planted somewhere is found nowhere, unless `--show-secrets` asks for it.

use serde_json::json;

use crate::hostile::{Answer, Hostile, accepted, good, page, response};
use crate::pages::ask;
use crate::peer::server;
use crate::program::{bayeux, empty_folder};

const SECRET: &str = "Pl4ntedS3cret";

/// Everything that a run with planted secrets leaves behind.
fn traces(name: &str, url: &str, words: &[&str]) -> String {
    let mut traces = String::new();
    let views = ["pretty", "compact", "json", "data"].map(|it| (it, "ndjson"));
    for (view, ending) in views.into_iter().chain([("json", "har")]) {
        let file = empty_folder(&format!("secrets-{name}")).join(format!("traffic.{ending}"));
        let url = format!("{url}?token={SECRET}");
        let outcome = bayeux(["-vv", "-o", view, words[0], &url])
            .args(&["--record", file.to_str().unwrap()])
            .args(&words[1..])
            .args(&["-H", &format!("Authorization: Bearer {SECRET}")])
            .args(&["-H", &format!("Cookie: sid={SECRET}")])
            .args(&["-H", &format!("X-Api-Key: {SECRET}")])
            .args(&["--ext", &format!("{{\"token\":\"{SECRET}\"}}")])
            .args(&[
                "--ext",
                &format!("subscribe={{\"auth\":{{\"password\":\"{SECRET}\"}}}}"),
            ])
            .args(&[
                "--ext",
                &format!("publish={{\"access_token\":\"{SECRET}\"}}"),
            ])
            .run();
        traces.push_str(&format!("{words:?} {view} {outcome}"));
        traces.push_str(&std::fs::read_to_string(&file).unwrap());
        if ending == "ndjson" {
            let [page, diagram] = ["page.html", "diagram.svg"].map(|it| file.with_file_name(it));
            let (page, diagram) = (page.to_str().unwrap(), diagram.to_str().unwrap());
            let outcome = bayeux(["report", file.to_str().unwrap(), "-o", view])
                .args(&["--report", page, "--report", diagram])
                .run();
            assert_eq!(outcome.code(), Some(0), "{outcome}");
            traces.push_str(&outcome.to_string());
            for drawn in [page, diagram] {
                traces.push_str(&std::fs::read_to_string(drawn).unwrap());
            }
        }
    }
    traces
}

/// Sets a cookie and is a good server otherwise.
fn cookie_server() -> Hostile {
    Hostile::new(|request| {
        let body = request.split_once("\r\n\r\n").unwrap().1;
        let messages: Vec<serde_json::Value> = serde_json::from_str(body).unwrap();
        if good(&messages[0]).is_none() {
            return Answer::Silence;
        }
        let replies: Vec<_> = messages
            .iter()
            .map(|message| {
                let mut reply = accepted(message);
                reply["ext"] = json!({"token": SECRET});
                if message["channel"] == "/meta/handshake" {
                    reply["clientId"] = json!(format!("abcd{SECRET}"));
                }
                reply
            })
            .collect();
        let response = response(
            "200 OK",
            &format!("application/json\r\nSet-Cookie: sid={SECRET}; HttpOnly"),
            &serde_json::Value::from(replies).to_string(),
        );
        Answer::Bytes(response)
    })
}

#[test]
fn a_planted_secret_is_found_nowhere() {
    let hostile = cookie_server();
    let own = server();
    for (name, url) in [("own", own.url()), ("hostile", hostile.url())] {
        for words in [
            &["hs"][..],
            &["hs", "--curl"],
            &["pub", "/demo", "1"],
            &["pub", "/demo", "1", "--no-handshake"],
            &["sub", "/demo", "--duration", "50ms"],
            &["call", "/service/echo", "1", "--timeout", "50ms"],
            &["hs", "-t", "callback-polling"],
            &["pub", "/demo", "1", "-t", "websocket"],
        ] {
            if words.contains(&"--curl") {
                let url = format!("{url}?token={SECRET}");
                let header = format!("X-Api-Key: {SECRET}");
                let outcome = bayeux(["hs", &url, "--curl", "-H", &header]).run();
                assert!(!outcome.to_string().contains(SECRET), "{outcome}");
                continue;
            }
            let traces = traces(name, &url, words);
            assert!(!traces.contains(SECRET), "{traces}");
        }
    }
    // They were sent.
    let requests = hostile.requests().concat();
    assert!(requests.matches(SECRET).count() > 20, "{requests}");
}

/// Every way to give a credential beside `-H` and `--ext`: options and environment.
#[cfg(unix)]
fn ways() -> [(&'static str, String); 6] {
    let user = format!("ann:{SECRET}");
    let command = format!("echo {SECRET}");
    [
        ("--token", SECRET.to_owned()),
        ("--user", user.clone()),
        ("--token-cmd", command.clone()),
        ("BAYEUX_TOKEN", SECRET.to_owned()),
        ("BAYEUX_USER", user),
        ("BAYEUX_TOKEN_CMD", command),
    ]
}

/// What no output may hold: the secret, and what basic authentication makes of it.
fn assert_clean(text: &str) {
    for trace in [SECRET, "YW5uOlBsNG50ZWRTM2NyZXQ"] {
        assert!(!text.contains(trace), "{text}");
    }
}

#[cfg(unix)]
#[test]
fn a_planted_credential_is_found_nowhere_however_it_is_given() {
    let own = server().url();
    let guarded = Hostile::canned(page("401 Unauthorized"));
    let cut = Hostile::canned("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n[");
    let runs: &[(&str, &[&str])] = &[
        (&own, &["hs"]),
        (&own, &["hs", "--curl"]),
        (&own, &["pub", "/demo", "1"]),
        (&own, &["pub", "/demo", "1", "--no-handshake"]),
        (&own, &["sub", "/demo", "--duration", "50ms"]),
        (&guarded.url(), &["hs"]),
        (&guarded.url(), &["pub", "/demo", "1", "--no-handshake"]),
        (&cut.url(), &["hs"]),
        // Nobody listens there, and usage errors.
        ("http://127.0.0.1:1/cometd", &["hs"]),
        (&own, &["hs", "--nonsense"]),
        (&own, &["hs", "--timeout", "1"]),
        (&own, &["hs", "-H", "Authorization: x", "--token", "y"]),
        (&own, &["sub", "no-channel"]),
    ];
    for (name, value) in ways() {
        for (url, words) in runs {
            for view in ["pretty", "json"] {
                let file = empty_folder("secrets-ways").join("traffic.ndjson");
                let mut program = bayeux(["-vv", "-o", view, words[0], url])
                    .args(&words[1..])
                    .args(&["--record", file.to_str().unwrap()]);
                program = match name.starts_with("--") {
                    true => program.args(&[name, &value]),
                    false => program.env(name, &value),
                };
                let outcome = program.run();
                assert_clean(&outcome.to_string());
                assert_clean(&std::fs::read_to_string(file).unwrap_or_default());
            }
        }
    }
    let sent = guarded.requests().concat();
    assert!(sent.matches(SECRET).count() > 8, "{sent}");
}

#[cfg(unix)]
#[test]
fn a_token_command_that_fails_shows_no_secret_of_its_own() {
    for command in [
        &format!("exit 1 # {SECRET}"),
        &format!("echo {SECRET}; exit 1"),
        &format!("echo {SECRET}; echo bad token {SECRET} >&2; exit 1"),
        &format!("echo {SECRET} x"),
        &format!("echo {SECRET}; echo {SECRET}"),
        &format!("echo {SECRET}é"),
        &format!("echo '{{\"token\": \"{SECRET}\"}}' >&2; exit 1"),
    ] {
        let outcome = bayeux(["-vv", "hs", ":1/", "--token-cmd", command]).run();
        assert_eq!(outcome.code(), Some(1), "{outcome}");
        assert_clean(&outcome.to_string());
    }
}

#[test]
fn a_planted_secret_is_not_in_an_error() {
    let hostile = Hostile::canned(page("500 Internal Server Error"));
    let traces_500 = traces("error", &hostile.url(), &["hs"]);
    assert!(!traces_500.contains(SECRET), "{traces_500}");
    let url = server().url();
    let traces_refused = traces("refused", &url, &["sub", "/demo"]);
    assert!(!traces_refused.contains(SECRET), "{traces_refused}");
    let redirect =
        format!("HTTP/1.1 302 Found\r\nLocation: /x?sid={SECRET}\r\nContent-Length: 0\r\n\r\n");
    let hostile = Hostile::canned(redirect);
    let traces_redirected = traces("redirect", &hostile.url(), &["hs"]);
    assert!(!traces_redirected.contains(SECRET), "{traces_redirected}");
}

#[test]
fn a_planted_secret_in_a_body_is_not_in_an_error() {
    for (status, body) in [
        (
            "200 OK",
            format!(r#"[{{"channel":"/meta/handshake","clientId":"{SECRET}","ok"#),
        ),
        (
            "200 OK",
            format!(r#"[{{"channel":"/meta/handshake","ext":{{"token":"{SECRET}"#),
        ),
        ("200 OK", format!(r#"{{"access_token":"{SECRET}"}}"#)),
        (
            "400 Bad Request",
            format!(r#"{{"refresh_token": "{SECRET}"}}"#),
        ),
    ] {
        let hostile = Hostile::canned(response(status, "application/json", &body));
        let traces = traces("body", &hostile.url(), &["hs"]);
        assert!(!traces.contains(SECRET), "{traces}");
    }
}

#[test]
fn a_planted_secret_is_not_in_a_usage_error() {
    for words in [
        &["hs", ":1/", "-H", SECRET][..],
        &["hs", ":1/", "--user", SECRET],
        &["hs", ":1/", "--token", &format!("{SECRET} x")],
        &["hs", ":1/", "--token", &format!("{SECRET}é")],
        &["hs", ":1/", "--token", SECRET, "--user", SECRET],
        &["hs", ":1/", "--ext", &format!("{{\"token\":\"{SECRET}\"")],
        &["hs", &format!("http://ann:{SECRET}@example.com/")],
        &["hs", &format!("ftp://example.com/?token={SECRET}")],
        &["hs", &format!("http://example.com:x/?token={SECRET}")],
        &["sub", &format!("http://example.com/?token={SECRET}")],
        &["hs", &format!("http://example.com/#token={SECRET}")],
    ] {
        let outcome = bayeux([]).args(words).run();
        assert_eq!(outcome.code(), Some(2), "{outcome}");
        assert!(!outcome.to_string().contains(SECRET), "{words:?} {outcome}");
    }
}

#[test]
fn show_secrets_shows_them() {
    let hostile = cookie_server();
    let header = format!("Authorization: Bearer {SECRET}");
    let outcome = bayeux(["hs", &hostile.url(), "-vv", "-H", &header, "--show-secrets"]).run();
    let stderr = outcome.stderr();
    for wanted in [
        format!("authorization: Bearer {SECRET}"),
        format!("Set-Cookie: sid={SECRET}"),
        format!("abcd{SECRET}"),
    ] {
        let is_shown = stderr.to_lowercase().contains(&wanted.to_lowercase());
        assert!(is_shown, "no {wanted}: {outcome}");
    }
}

#[test]
fn a_header_may_come_from_a_file() {
    let file = empty_folder("headers").join("headers.txt");
    std::fs::write(
        &file,
        format!("X-One: 1\n\nAuthorization: Bearer {SECRET}\n"),
    )
    .unwrap();
    let hostile = cookie_server();
    let outcome = bayeux(["hs", &hostile.url(), "-H", &format!("@{}", file.display())]).run();
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    let request = hostile.requests()[0].to_lowercase();
    assert!(request.contains("x-one: 1\r\n"), "{request}");
    assert!(
        request.contains("authorization: bearer pl4nteds3cret\r\n"),
        "{request}"
    );
}

/// What people between and behind leave behind: a server, a proxy, and a load test.
#[cfg(unix)]
#[test]
fn a_planted_secret_is_in_no_recording_of_those_who_hear_it() {
    let folder = empty_folder("secrets-heard");
    let file = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let record = |words: &[&str], name: &str| {
        let mut running = bayeux([])
            .args(words)
            .args(&["--listen", "127.0.0.1:0", "-o", "json"])
            .args(&["--record", &file(name)])
            .start();
        let url = running.first_line();
        (running, url)
    };
    let hostile = cookie_server();
    let (server, url) = record(&["serve", "--require-token", SECRET], "serve.ndjson");
    let (mut proxy, through) = record(
        &["proxy", &url, "--inspector", "127.0.0.1:0"],
        "proxy.ndjson",
    );
    let (second, other) = record(&["proxy", &hostile.url()], "other.ndjson");
    let ext = format!("{{\"token\":\"{SECRET}\"}}");
    let header = format!("Authorization: Bearer {SECRET}");
    for transport in ["long-polling", "callback-polling", "websocket"] {
        let asked = format!("{through}?token={SECRET}");
        let outcome = bayeux(["pub", &asked, "/demo", "1", "-t", transport])
            .args(&["--ext", &ext, "-H", &header])
            .run();
        assert_eq!(outcome.code(), Some(0), "{transport}: {outcome}");
    }
    let outcome = bayeux(["hs", &other, "--ext", &ext]).run();
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    let load = bayeux(["bench", &through, "-r", "10", "-n", "5", "--ext", &ext])
        .args(&["-H", &header, "--record", &file("bench.ndjson")])
        .run();
    assert_eq!(load.code(), Some(0), "{load}");
    assert_clean(&load.to_string());
    let line = proxy.line_with("inspector http://");
    let (_, inspector) = line.split_once("http://").unwrap();
    for page in [url.strip_prefix("http://").unwrap(), inspector] {
        let (address, _) = page.split_once('/').unwrap();
        let [state, traffic] = ["state", "traffic?after=0"].map(|it| {
            let request = format!("GET /inspector/api/{it}");
            let (status, _, body) = ask(address, &request, "Host: localhost\r\n");
            assert_eq!(status, 200, "{page}: {body}");
            body
        });
        assert!(traffic.contains("***"), "{page}: {traffic}");
        assert_clean(&state);
        assert_clean(&traffic);
    }
    for running in [server, proxy, second] {
        running.signal(rustix::process::Signal::INT);
        let outcome = running.end();
        assert_eq!(outcome.code(), Some(0), "{outcome}");
        assert_clean(&outcome.to_string());
    }
    for name in [
        "serve.ndjson",
        "proxy.ndjson",
        "other.ndjson",
        "bench.ndjson",
    ] {
        let recorded = std::fs::read_to_string(file(name)).unwrap();
        // It was there, and was taken out.
        assert!(recorded.contains("***"), "{name}: {recorded}");
        assert_clean(&recorded);
    }
}
