//! Requests of browsers and of others, and what the pages answer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use serde_json::{Value, json};
use ureq_proto::http::{Method, Request};

use super::api::OFFERED;
use super::{PageRequest, Pages, Subject};
use crate::protocol::{ConnectionType, decode};
use crate::server::broker::{self, Broker, Handled, Now};
use crate::server::{BrowserCookie, Event, Flavor, Settings};

const LOOPBACK: &str = "127.0.0.1:8080";
const ELSEWHERE: &str = "0.0.0.0:8080";

struct Scenario {
    now: Instant,
    broker: Broker,
    pages: Pages,
}

impl Scenario {
    fn new(address: &str, settings: Settings) -> Self {
        let settings = Arc::new(Settings {
            browser_cookie: BrowserCookie::Ignored,
            ..settings
        });
        let mut n_sessions = 0;
        let client_ids = Box::new(move || {
            n_sessions += 1;
            Some(format!("client-id-{n_sessions}"))
        });
        let now = Instant::now();
        let started = Now {
            instant: now,
            wall: SystemTime::UNIX_EPOCH,
        };
        let address: SocketAddr = address.parse().unwrap();
        let token = || Some("t0ken".to_owned());
        Self {
            now,
            pages: Pages::new("/cometd", Subject::Server(settings.flavor), address, token),
            broker: Broker::new(settings, client_ids, started),
        }
    }

    fn send(&mut self, messages: &str) -> Handled {
        let body = decode(messages.replace('\'', "\"").as_bytes()).unwrap();
        let request = broker::Request {
            messages: &body.messages,
            n_unreadable: 0,
            connection_type: ConnectionType::LongPolling,
            bearer: None,
            below: "",
            cookies: "",
            user_agent: Some("bayeux/0.1.0"),
        };
        self.broker.handle(self.now, request)
    }

    fn answer(&mut self, request: &PageRequest) -> Response {
        Response::of(self.pages.answer(self.now, request, &mut self.broker))
    }

    /// What the interface answers to somebody who may ask.
    fn api(&mut self, method: &str, path: &str) -> (u16, Value) {
        let path = format!("/inspector/api/{path}");
        let request = page(method, &path, &[("Host", LOOPBACK)]);
        let response = self.answer(&request);
        let answer = serde_json::from_str(&response.body).unwrap();
        (response.status, answer)
    }
}

struct Response {
    status: u16,
    head: String,
    body: String,
}

impl Response {
    fn of(bytes: Vec<u8>) -> Self {
        let text = String::from_utf8(bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        Self {
            status: head.split(' ').nth(1).unwrap().parse().unwrap(),
            head: head.to_owned(),
            body: body.to_owned(),
        }
    }
}

fn request(method: &str, uri: &str, headers: &[(&str, &str)]) -> Request<()> {
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    let request = Request::builder().method(method).uri(uri);
    let request = headers.iter().fold(request, |request, (name, value)| {
        request.header(*name, *value)
    });
    request.body(()).unwrap()
}

fn page(method: &str, uri: &str, headers: &[(&str, &str)]) -> PageRequest {
    let request = request(method, uri, headers);
    PageRequest::of(&request, "/cometd").unwrap().unwrap()
}

fn loopback() -> Scenario {
    Scenario::new(LOOPBACK, Settings::default())
}

const HANDSHAKE: &str =
    "[{'channel':'/meta/handshake','version':'1.0','supportedConnectionTypes':['long-polling']}]";

#[test]
fn only_the_paths_of_pages_are_theirs() {
    for path in [
        "/",
        "/inspector",
        "/pages/chat.js",
        "/inspector/api/nonsense",
    ] {
        assert!(
            PageRequest::of(&request("GET", path, &[]), "/cometd").is_some(),
            "{path}"
        );
    }
    for path in [
        "/cometd",
        "/inspector/",
        "/pages/",
        "/pages/../style.css",
        "/pages/mod.rs",
        "/inspectorx",
    ] {
        assert!(
            PageRequest::of(&request("GET", path, &[]), "/cometd").is_none(),
            "{path}"
        );
    }
}

#[test]
fn an_endpoint_in_the_place_of_a_page_keeps_its_requests() {
    let upgrade: &[_] = &[("Upgrade", "websocket")];
    for (endpoint, path) in [("", "/"), ("/inspector", "/inspector")] {
        let is_page = |method, uri: &str, headers| {
            PageRequest::of(&request(method, uri, headers), endpoint).is_some()
        };
        assert!(is_page("GET", path, &[]), "{path}");
        assert!(!is_page("POST", path, &[]), "{path}");
        assert!(
            !is_page("GET", &format!("{path}?message=[]"), &[]),
            "{path}"
        );
        assert!(!is_page("GET", path, upgrade), "{path}");
    }
}

#[test]
fn a_request_with_a_body_is_refused() {
    for headers in [
        [("Content-Length", "1")],
        [("Transfer-Encoding", "chunked")],
    ] {
        let refused = PageRequest::of(
            &request("PUT", "/inspector/api/faults/x", &headers),
            "/cometd",
        );
        assert!(refused.unwrap().is_err());
    }
    let empty = request("PUT", "/inspector/api/faults/x", &[("Content-Length", "0")]);
    assert!(PageRequest::of(&empty, "/cometd").unwrap().is_ok());
}

#[test]
fn pages_are_given_to_everybody_and_trust_nobody() {
    let mut scenario = loopback();
    let response = scenario.answer(&page("GET", "/", &[("Host", "evil.example")]));
    assert_eq!(response.status, 200);
    assert!(response.body.contains("data-endpoint=\"/cometd\""));
    let lines: Vec<&str> = response.head.split("\r\n").collect();
    for line in [
        "Content-Type: text/html;charset=UTF-8",
        "X-Content-Type-Options: nosniff",
        "Referrer-Policy: no-referrer",
    ] {
        assert!(lines.contains(&line), "{line}: {lines:#?}");
    }
    let policy = lines
        .iter()
        .find(|it| it.starts_with("Content-Security-Policy: "));
    let policy = policy.unwrap();
    assert!(
        policy.contains("default-src 'none'; script-src 'self';"),
        "{policy}"
    );
    assert!(
        !policy.contains("unsafe") && !policy.contains('*'),
        "{policy}"
    );
    let head = scenario.answer(&page("HEAD", "/", &[]));
    assert_eq!((head.status, head.body.as_str()), (200, ""));
}

#[test]
fn on_loopback_the_interface_is_for_those_who_name_loopback() {
    let mut scenario = loopback();
    let mut status = |headers: &[(&str, &str)]| {
        scenario
            .answer(&page("GET", "/inspector/api/state", headers))
            .status
    };
    for host in [
        "localhost",
        "localhost:8080",
        "LOCALHOST:1",
        "a.localhost",
        "127.0.0.1",
        "127.8.9.1:80",
        "[::1]:80",
    ] {
        assert_eq!(status(&[("Host", host)]), 200, "{host}");
    }
    for host in [
        "evil.example",
        "evil.example:8080",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "xlocalhost",
        "192.168.0.1",
        "[::2]",
        "[::1].evil.example",
        "[::1",
        "0.0.0.0",
        "",
    ] {
        assert_eq!(status(&[("Host", host)]), 403, "{host}");
    }
    assert_eq!(status(&[]), 403);
    assert_eq!(
        status(&[("Host", "localhost"), ("Host", "evil.example")]),
        403
    );
}

#[test]
fn another_origin_gets_nothing_and_changes_nothing() {
    let mut scenario = loopback();
    scenario.send(HANDSHAKE);
    for (headers, expected) in [
        (&[("Origin", "http://127.0.0.1:8080")][..], 200),
        (&[("Origin", "http://evil.example")], 403),
        // Another port is another origin.
        (&[("Origin", "http://127.0.0.1:8081")], 403),
        (&[("Origin", "null")], 403),
        (&[("Origin", "")], 403),
        (&[("Sec-Fetch-Site", "same-origin")], 200),
        (&[("Sec-Fetch-Site", "none")], 200),
        (&[("Sec-Fetch-Site", "cross-site")], 403),
        (&[("Sec-Fetch-Site", "same-site")], 403),
    ] {
        let headers = [&[("Host", LOOPBACK)], headers].concat();
        let response = scenario.answer(&page("GET", "/inspector/api/state", &headers));
        assert_eq!(response.status, expected, "{headers:?}");
        assert!(
            !response.head.contains("Access-Control"),
            "{}",
            response.head
        );
        if expected == 403 {
            for (method, path) in [("DELETE", "sessions"), ("PUT", "faults/expire=1s")] {
                let path = format!("/inspector/api/{path}");
                let response = scenario.answer(&page(method, &path, &headers));
                assert_eq!(response.status, 403, "{headers:?}");
            }
        }
    }
    assert_eq!(scenario.broker.n_sessions(), 1);
    assert!(scenario.broker.faults().is_empty());
}

#[test]
fn elsewhere_the_interface_is_for_those_who_have_the_token() {
    let mut scenario = Scenario::new(ELSEWHERE, Settings::default());
    assert_eq!(scenario.pages.key(), "#token=t0ken");
    assert_eq!(loopback().pages.key(), "");
    let host = ("Host", "laptop.example:8080");
    for (headers, expected) in [
        (&[host, ("Authorization", "Bearer t0ken")][..], 200),
        (&[host, ("Authorization", "Bearer t0keN")], 401),
        (&[host], 401),
        (&[("Host", "localhost")], 401),
        (
            &[
                host,
                ("Authorization", "Bearer t0ken"),
                ("Origin", "http://evil.example"),
            ],
            403,
        ),
    ] {
        let response = scenario.answer(&page("GET", "/inspector/api/state", headers));
        assert_eq!(response.status, expected, "{headers:?}");
    }
    let with_token = page("GET", "/inspector/api/state?token=t0ken", &[host]);
    assert_eq!(scenario.answer(&with_token).status, 401);
}

#[test]
fn without_randomness_there_is_no_token_that_fits() {
    let mut scenario = Scenario::new(ELSEWHERE, Settings::default());
    let address = ELSEWHERE.parse().unwrap();
    scenario.pages = Pages::new("/cometd", Subject::Server(Flavor::CometD), address, || None);
    let headers = [("Host", "localhost"), ("Authorization", "Bearer ")];
    let response = scenario.answer(&page("GET", "/inspector/api/state", &headers));
    assert_eq!(response.status, 401);
}

#[test]
fn the_state_shows_sessions_and_channels_and_no_client_id() {
    let mut scenario = loopback();
    scenario.send(HANDSHAKE);
    scenario.send(HANDSHAKE);
    scenario.send(
        "[{'channel':'/meta/subscribe','clientId':'client-id-1','subscription':['/a','/b/*']}]",
    );
    scenario.send("[{'channel':'/meta/subscribe','clientId':'client-id-2','subscription':'/a'}]");
    let connect =
        "[{'channel':'/meta/connect','clientId':'client-id-1','connectionType':'long-polling'}]";
    scenario.send(connect);
    assert!(matches!(scenario.send(connect), Handled::Held(_)));
    scenario.broker.publish(
        scenario.now,
        &"/a".parse().unwrap(),
        &"12345".parse().unwrap(),
    );
    scenario.now += Duration::from_millis(1500);
    let (status, state) = scenario.api("GET", "state");
    assert_eq!(status, 200);
    assert_eq!(
        state["sessions"],
        json!([
            {"session":1,"client_id":"clie…","client":"bayeux 0.1.0","transport":"long-polling","stage":"answered","age_ms":1500,"queue":{"messages":0,"bytes":0},"subscriptions":2},
            {"session":2,"client_id":"clie…","client":"bayeux 0.1.0","transport":"long-polling","stage":"handshaken","age_ms":1500,"queue":{"messages":1,"bytes":29},"subscriptions":1},
        ])
    );
    assert_eq!(
        state["channels"],
        json!([
            {"channel":"/a","n_subscribers":2,"subscribers":[1,2]},
            {"channel":"/b/*","n_subscribers":1,"subscribers":[1]},
        ])
    );
    assert_eq!(
        (&state["n_sessions"], &state["n_channels"]),
        (&json!(2), &json!(2))
    );
    assert!(!state.to_string().contains("client-id"), "{state}");
}

#[test]
fn a_state_lists_no_more_than_people_read() {
    let mut scenario = loopback();
    for n in 1..=250 {
        scenario.send(HANDSHAKE);
        scenario.send(&format!(
            "[{{'channel':'/meta/subscribe','clientId':'client-id-{n}','subscription':['/all','/{n:03}']}}]"
        ));
    }
    let (_, state) = scenario.api("GET", "state");
    let numbers: Vec<u64> = state["sessions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["session"].as_u64().unwrap())
        .collect();
    assert_eq!(numbers, (1..=200).collect::<Vec<_>>());
    let channels = state["channels"].as_array().unwrap();
    assert_eq!(
        (channels.len(), &channels[0]["channel"]),
        (200, &json!("/001"))
    );
    assert_eq!(
        (&state["n_sessions"], &state["n_channels"]),
        (&json!(250), &json!(251))
    );
}

#[test]
fn sessions_are_forgotten_one_or_all() {
    let mut scenario = loopback();
    for _ in 0..3 {
        scenario.send(HANDSHAKE);
    }
    assert_eq!(
        scenario.api("DELETE", "sessions/2"),
        (200, json!({"forgotten":1}))
    );
    assert_eq!(scenario.api("DELETE", "sessions/2").0, 404);
    assert_eq!(scenario.api("DELETE", "sessions/x").0, 404);
    assert_eq!(
        scenario.api("DELETE", "sessions"),
        (200, json!({"forgotten":2}))
    );
    assert_eq!(scenario.broker.n_sessions(), 0);
}

#[test]
fn faults_begin_and_end() {
    let mut scenario = loopback();
    let showing = |faults: Value| (200, json!({"faults":faults}));
    assert_eq!(scenario.api("GET", "faults"), showing(json!([])));
    assert_eq!(
        scenario.api("PUT", "faults/expire%3D3s"),
        showing(json!(["expire=3s"]))
    );
    assert_eq!(
        scenario.api("PUT", "faults/forget=1"),
        showing(json!(["expire=3s", "forget=1"]))
    );
    // Once is enough.
    assert_eq!(
        scenario.api("PUT", "faults/expire%3D3s"),
        showing(json!(["forget=1", "expire=3s"]))
    );
    scenario.send(HANDSHAKE);
    scenario
        .broker
        .handle_timeout(scenario.now + Duration::from_secs(3));
    assert_eq!(scenario.broker.n_sessions(), 0);
    assert_eq!(
        scenario.api("DELETE", "faults/expire=3s"),
        showing(json!(["forget=1"]))
    );
    assert_eq!(scenario.api("DELETE", "faults/expire=3s").0, 404);
    assert_eq!(scenario.api("DELETE", "faults"), showing(json!([])));
    scenario.send(HANDSHAKE);
    scenario
        .broker
        .handle_timeout(scenario.now + Duration::from_secs(3));
    assert_eq!(scenario.broker.n_sessions(), 1);
}

#[test]
fn what_is_no_fault_here_is_said_so() {
    let mut scenario = loopback();
    let (status, answer) = scenario.api("PUT", "faults/slow");
    assert_eq!(status, 400);
    assert!(
        answer["error"]
            .as_str()
            .unwrap()
            .starts_with("no such place: slow; WHERE:WHAT")
    );
    let refused = json!({"error":"cometd has no such fault: busy=1"});
    assert_eq!(scenario.api("PUT", "faults/busy=1"), (400, refused));
    assert_eq!(scenario.api("PUT", "faults/%ff").0, 400);
}

#[test]
fn no_more_than_a_hundred_faults_are_switched_on() {
    let mut scenario = loopback();
    for n in 1..=100 {
        let put = format!("faults/connect:expire:every={n}");
        assert_eq!(scenario.api("PUT", &put).0, 200);
    }
    let refused = json!({"error":"100 faults are switched on; DELETE faults ends them"});
    assert_eq!(scenario.api("PUT", "faults/any:drop"), (409, refused));
    // One of them begins anew, and another one may take the place of one that ended.
    assert_eq!(scenario.api("PUT", "faults/connect:expire:every=7").0, 200);
    assert_eq!(
        scenario.api("DELETE", "faults/connect:expire:every=7").0,
        200
    );
    assert_eq!(scenario.api("PUT", "faults/any:drop").0, 200);
    assert_eq!(scenario.broker.faults().list().len(), 100);
}

#[test]
fn faults_of_salesforce_are_offered_and_switched_where_they_show() {
    let mut scenario = Scenario::new(LOOPBACK, Settings::of(Flavor::Salesforce));
    let offered = |(_, state): (u16, Value)| state["known_faults"].as_array().unwrap().len();
    assert_eq!(offered(scenario.api("GET", "state")), OFFERED.len());
    assert_eq!(offered(loopback().api("GET", "state")), OFFERED.len() - 3);
    for (fault, _) in OFFERED {
        assert_eq!(scenario.api("PUT", &format!("faults/{fault}")).0, 200);
    }
    let all = scenario.broker.faults().list();
    assert_eq!(all.len(), OFFERED.len());
    for (fault, (spec, _)) in all.iter().zip(OFFERED) {
        assert_eq!(fault.to_string(), spec);
    }
}

#[test]
fn paths_and_methods_that_are_not_known_say_what_is() {
    let mut scenario = loopback();
    for (method, path, expected) in [
        ("GET", "", 404),
        ("GET", "nonsense", 404),
        ("GET", "state/1", 404),
        ("POST", "state", 405),
        ("OPTIONS", "faults", 405),
        ("GET", "faults/expire=1s", 405),
        ("GET", "sessions", 405),
        ("GET", "traffic?after=x", 400),
        ("GET", "traffic?after=-1", 400),
        ("GET", "traffic?after=99999999999999999999", 400),
    ] {
        assert_eq!(scenario.api(method, path).0, expected, "{method} {path}");
    }
}

#[test]
fn traffic_goes_on_where_it_was_and_shows_no_credential() {
    let mut scenario = loopback();
    let body = decode(
        br#"[{"channel":"/a","clientId":"abcdefgh","ext":{"token":"s3cret"},"data":{"n":1.00}},{"channel":"/b"}]"#,
    )
    .unwrap();
    let peer = "127.0.0.1:4711".parse().unwrap();
    scenario.pages.record(
        SystemTime::UNIX_EPOCH,
        &Event::Received {
            peer,
            connection_type: ConnectionType::WebSocket,
            messages: &body.messages,
        },
    );
    let opened = Event::SessionOpened {
        client_id: "abcdefgh",
    };
    scenario.pages.record(SystemTime::UNIX_EPOCH, &opened);
    let (_, all) = scenario.api("GET", "traffic");
    assert_eq!(
        all,
        json!({"missed":0,"last":3,"traffic":[
            {"number":1,"time":"1970-01-01T00:00:00.000000Z","type":"message","dir":"in","peer":"127.0.0.1:4711","transport":"websocket","channel":"/a","bytes":81,
             "text":r#"{"channel":"/a","clientId":"abcd…","ext":{"token":"***"},"data":{"n":1.00}}"#},
            {"number":2,"time":"1970-01-01T00:00:00.000000Z","type":"message","dir":"in","peer":"127.0.0.1:4711","transport":"websocket","channel":"/b","bytes":16,"text":r#"{"channel":"/b"}"#},
            {"number":3,"time":"1970-01-01T00:00:00.000000Z","type":"remark","text":"session abcd… opened"},
        ]})
    );
    let (_, rest) = scenario.api("GET", "traffic?after=2");
    assert_eq!(rest["traffic"].as_array().unwrap().len(), 1);
    let (_, nothing) = scenario.api("GET", "traffic?after=3");
    assert_eq!(nothing, json!({"missed":0,"last":3,"traffic":[]}));
    // The server was restarted, and whoever asks does not know.
    assert_eq!(scenario.api("GET", "traffic?after=1000").1, all);
    assert_eq!(scenario.api("GET", "state").1["last"], 3);
}
