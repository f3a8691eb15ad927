//! The program and the server that passes for Salesforce.

#![cfg(unix)]

use std::io::{Read, Write};
use std::net::TcpStream;

use bayeux::server::{Flavor, Server, Settings, Token};
use rustix::process::Signal;

use crate::peer::{publish, server_with};
use crate::program::{Outcome, bayeux, serve, snapshot};

pub(crate) const TOKEN: &str = "00D000000000001!AQ.s3cret_token";

/// Salesforce, for those who have the token.
pub(crate) fn guarded() -> Server {
    server_with(Settings {
        require_token: Some(Token::new(TOKEN)),
        ..Settings::of(Flavor::Salesforce)
    })
}

fn salesforce(faults: &[&str]) -> Server {
    server_with(Settings {
        faults: faults.iter().map(|it| it.parse().unwrap()).collect(),
        ..Settings::of(Flavor::Salesforce)
    })
}

pub(crate) fn instance(server: &Server) -> String {
    format!("http://{}", server.address())
}

/// Publishes by REST, as people do; the status and the body of the answer.
fn post(server: &Server, path: &str, body: &str) -> String {
    let mut socket = TcpStream::connect(server.address()).unwrap();
    let length = body.len();
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer x\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n{body}"
    );
    socket.write_all(request.as_bytes()).unwrap();
    let mut response = String::new();
    socket.read_to_string(&mut response).unwrap();
    let (head, body) = response.split_once("\r\n\r\n").unwrap();
    format!("{} {body}", head.split(' ').nth(1).unwrap())
}

#[test]
fn an_event_that_was_posted_is_replayed() {
    let server = salesforce(&[]);
    let path = "/services/data/v65.0/sobjects/Order__e";
    let answer = post(&server, path, r#"{"Total__c":5.00}"#);
    assert!(answer.starts_with(r#"201 {"id":"e01"#), "{answer}");
    let outcome = bayeux([
        "sub",
        &server.url(),
        "/event/Order__e",
        "-n",
        "1",
        "--ext",
        r#"subscribe={"replay":{"/event/Order__e":-2}}"#,
        "--jq",
        "[.data.event.replayId, .data.payload.Total__c]",
    ])
    .run();
    assert_eq!(outcome.stdout(), "[1001,5.00]\n", "{outcome}");
}

#[test]
fn the_program_publishes_and_gets_its_own_event() {
    let server = salesforce(&[]);
    let channel = "/event/Order__e";
    let outcome = bayeux([
        "pub",
        &server.url(),
        channel,
        "Total__c:=5",
        "--expect",
        channel,
        "--jq",
        "select(.data.payload.Total__c == 5) | .data.event.replayId",
    ])
    .run();
    assert_eq!(outcome.stdout(), "1001\n", "{outcome}");
}

#[test]
fn the_first_line_of_serve_is_a_url_with_a_version() {
    let (serve, url) = serve(&["--flavor", "salesforce"]);
    assert!(url.ends_with("/cometd/65.0"), "{url}");
    let outcome = bayeux(["hs", &url, "-o", "pretty"]).run();
    assert!(
        outcome
            .stdout()
            .contains("BrowserId, t, BAYEUX_BROWSER, sfdc-stream"),
        "{outcome}"
    );
    serve.signal(Signal::INT);
    assert_eq!(serve.end().code(), Some(0));
}

#[test]
fn flavors_and_faults_that_there_are_not() {
    snapshot!(bayeux(["serve", "--flavor", "groovy"]).run(), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: invalid value 'groovy' for '--flavor <NAME>': there are cometd, faye and salesforce
    hint: bayeux serve -h lists its options
    ");
    snapshot!(bayeux(["serve", "--fault", "slow"]).run(), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: --fault slow is no fault
    cause: no such place: slow
    hint: WHERE:WHAT, with any, handshake, connect, subscribe, unsubscribe, disconnect, publish, delivery, upgrade as WHERE; or expire=DUR, forget=N, token-expires=DUR, busy=N and daily-limit=N
    ");
    snapshot!(bayeux(["serve", "--fault", "expire"]).run(), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: --fault expire is no fault
    cause: expire has no value
    hint: write a time: expire=10m
    ");
    snapshot!(bayeux(["serve", "--fault", "busy=2"]).run(), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: --fault busy=2: cometd has no such fault
    hint: --flavor salesforce has it
    ");
}

#[test]
fn a_url_without_version_and_one_with_an_old_one() {
    let server = salesforce(&[]);
    let url = |version: &str| format!("{}/cometd{version}", instance(&server));
    snapshot!(bayeux(["hs", &url("")]).run(), @"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: handshake refused by http://127.0.0.1:[port]/cometd: 400::API version in the URI is mandatory. URI format: '/cometd/NN.0'
    hint: the path ends in the version of the API: /cometd/65.0
    ");
    snapshot!(bayeux(["hs", &url("/36.0")]).run(), @"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: handshake refused by http://127.0.0.1:[port]/cometd/36.0: 400::Unsupported API version. Only API versions '37.0' and later are supported.
    hint: 37.0 and later: the path ends like /cometd/65.0
    ");
}

#[test]
fn no_token_and_a_wrong_one() {
    let server = guarded();
    snapshot!(bayeux(["hs", &server.url()]).run(), @"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: http://127.0.0.1:[port]/cometd/65.0 answered HTTP 401 (text/plain;charset=UTF-8, 37 B), not Bayeux
    cause: 401::Request requires authentication
    hint: --sf ORG gives the token of an org, -H 'Authorization: Bearer TOKEN' any other
    ");
    snapshot!(bayeux(["hs", &server.url(), "-H", "Authorization: Bearer old"]).run(), @"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: handshake refused by http://127.0.0.1:[port]/cometd/65.0: 403::Handshake denied
    cause: 401::Authentication invalid
    hint: the token expired or was revoked; --token-cmd and --sf fetch a new one by themselves
    ");
}

#[test]
fn too_many_clients() {
    let server = server_with(Settings {
        max_sessions: 0,
        ..Settings::of(Flavor::Salesforce)
    });
    snapshot!(bayeux(["hs", &server.url()]).run(), @"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: handshake refused by http://127.0.0.1:[port]/cometd/65.0: 403::Organization concurrent user limit exceeded
    hint: every session counts, also one that was not disconnected, for 40 s; end others first
    ");
}

fn subscribe(server: &Server, channel: &str, replay: &str) -> Outcome {
    let ext = format!(r#"subscribe={{"replay":{replay}}}"#);
    bayeux(["sub", &server.url(), channel, "-n", "1", "--ext", &ext]).run()
}

#[test]
fn subscribes_that_are_refused() {
    let server = salesforce(&[]);
    snapshot!(subscribe(&server, "/event/A__e", r#"{"/event/A__e":7}"#), @"
    exit: 5
    ----- stdout -----
    ----- stderr -----
    error: subscribe to /event/A__e refused: 400::The replayId {7} you provided was invalid.  Please provide a valid ID, -2 to replay all events, or -1 to replay only new events.
    hint: the server has forgotten that event: --replay-fallback new or all goes on without it
    ");
    snapshot!(subscribe(&server, "/event/A__e", r#"{"/event/B__e":-2}"#), @"
    exit: 5
    ----- stdout -----
    ----- stderr -----
    error: subscribe to /event/A__e refused: 400::The replayId for channel {/event/A__e} wasn't found using the provided replay ID map {{/event/B__e=-2}}. Ensure that the channel name you provided in the replay map is valid and matches the channel name used for subscribing.
    hint: `ext.replay` has to hold the channel as it is subscribed to
    ");
    let server_at_limit = salesforce(&["daily-limit=0"]);
    snapshot!(subscribe(&server_at_limit, "/u/G", "{}"), @"
    exit: 5
    ----- stdout -----
    ----- stderr -----
    error: subscribe to /u/G refused: 403::Organization total events daily limit exceeded
    hint: it counts deliveries of the last 24 hours, replayed ones too; /services/data/v65.0/limits tells
    ");
    snapshot!(subscribe(&server, "/demo", "{}"), @"
    exit: 5
    ----- stdout -----
    ----- stderr -----
    error: subscribe to /demo refused: 400::The channel you requested to subscribe to doesn't exist /demo
    hint: case matters: /event/Name__e, /data/NameChangeEvent, /topic/Name, /u/Name
    ");
}

#[test]
fn a_busy_server_is_tried_again() {
    let server = salesforce(&["busy=1"]);
    publish(&server, "/u/G", r#""hello""#);
    let outcome = bayeux([
        "sub",
        &server.url(),
        "/u/G",
        "-n",
        "1",
        "--ext",
        r#"subscribe={"replay":{"/u/G":-2}}"#,
        "--jq",
        ".data.payload",
    ])
    .run();
    assert_eq!(outcome.stdout(), "hello\n", "{outcome}");
    let told: Vec<_> = outcome.stderr().lines().map(str::to_owned).collect();
    let refused = "(attempt 1): /meta/subscribe refused: 503::Server is too busy. Please try";
    assert!(told[0].contains(refused), "{outcome}");
    assert_eq!(told[1], "~ subscribed to /u/G", "{outcome}");
}

#[test]
fn a_server_that_stays_busy_is_given_up_with_its_reason() {
    let server = salesforce(&["busy=100"]);
    let outcome = subscribe(&server, "/u/G", r#"{"/u/G":-1}"#);
    assert_eq!(outcome.code(), Some(5), "{outcome}");
    let story = outcome.stderr();
    let error = story.lines().skip_while(|it| !it.starts_with("error"));
    snapshot!(error.collect::<Vec<_>>().join("\n"), @"
    error: subscribe to /u/G refused: 403:denied_by_security_policy:subscribe_denied
    cause: 503::Server is too busy. Please try your request again later.
    hint: it was tried several times; try again in a minute
    ");
}

#[test]
fn a_token_that_expires_ends_the_tail() {
    let server = salesforce(&["token-expires=300ms"]);
    snapshot!(bayeux(["sub", &server.url(), "/u/G"]).run(), @"
    exit: 8
    ----- stdout -----
    ----- stderr -----
    ~ subscribed to /u/G
    ~ 0 messages received in [duration]
    error: session lost after [duration]: the server advises not to reconnect
    cause: 401::Authentication invalid
    hint: the token expired or was revoked; --token-cmd and --sf fetch a new one by themselves
    ");
}

/// As every three hours, with a new session that is unknown at once.
#[test]
fn a_session_that_is_unknown_and_unknown_again_is_renewed() {
    let server = salesforce(&["expire=1s", "forget=1"]);
    let mut tail = bayeux(["sub", &server.url(), "/u/G"]).start();
    tail.told("~ session renewed: 1 of 1 subscription restored, gap ");
    tail.signal(Signal::INT);
    let outcome = tail.end();
    assert_eq!(outcome.code(), Some(0), "{outcome}");
    // That of the second one is the same line, which is not repeated.
    assert!(outcome.stderr().contains(" sessions lost"), "{outcome}");
}

#[test]
fn a_server_that_forgets_every_session_leads_to_no_storm() {
    let server = salesforce(&["expire=200ms", "forget=100"]);
    let outcome = bayeux(["sub", &server.url(), "/u/G"]).run();
    snapshot!(outcome, @"
    exit: 8
    ----- stdout -----
    ----- stderr -----
    ~ subscribed to /u/G
    ~ session lost after [duration]: 403::Unknown client
    ~ 0 messages received in [duration], 3 sessions lost
    error: http://127.0.0.1:[port]/cometd/65.0 looks like several servers behind one address without stickiness
    cause: 3 handshakes in a row succeeded, then: 403::Unknown client (cookies: BrowserId, sfdc-stream, t, BAYEUX_BROWSER)
    hint: keep a client on one server (nginx: ip_hash, or hash its cookie); one alone? see its log
    ");
    assert_eq!(server.n_sessions(), 0);
}
