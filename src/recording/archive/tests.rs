//! Archives: valid after every write, and what is in them.

use std::time::{Duration, SystemTime};

use super::*;
use crate::protocol::Message;
use crate::recording::Direction;
use crate::recording::{Header, Recorder, Side};

fn time() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_373_433_805)
}

fn exchange<'a>(request: &'a str, response: &'a str) -> HttpExchange<'a> {
    HttpExchange {
        started: time(),
        is_tls: false,
        client: None,
        peer: Some("127.0.0.1:8080".parse().unwrap()),
        resolve: None,
        connect: Some(Duration::from_millis(2)),
        handshake: None,
        first_byte: Some(Duration::from_millis(5)),
        total: Duration::from_millis(6),
        request: HttpText::AsSent(request.as_bytes()),
        response: HttpText::AsSent(response.as_bytes()),
        messages: &[],
        error: None,
    }
}

fn frame(direction: Direction, raw: &str) -> MessageRecord {
    MessageRecord {
        time: time(),
        direction,
        transport: "websocket".into(),
        peer: None,
        message: Message::parse(raw).unwrap(),
    }
}

/// The entries, validated against the schema of HAR 1.2.
fn entries(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    let archive: Value = serde_json::from_str(&text).unwrap();
    let schema = include_str!("../../../tests/fixtures/har.schema.json");
    let schema: Value = serde_json::from_str(schema).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    if let Err(error) = validator.validate(&archive) {
        panic!("{error} at {}: {text}", error.instance_path());
    }
    archive["log"]["entries"].as_array().unwrap().clone()
}

fn recorder(path: &Path, secrets: Secrets) -> Recorder {
    let header = Header {
        time: time(),
        url: "http://127.0.0.1:8080/cometd".to_owned(),
        side: Side::Client,
    };
    Recorder::create(path, secrets, header).unwrap()
}

fn temporary(name: &str) -> std::path::PathBuf {
    std::env::temp_dir().join(format!("bayeux-{}-{name}.har", std::process::id()))
}

const POST: &str = "POST /cometd?token=s3cret HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nContent-Type: application/json\r\nCookie: sid=s3cret; b=s3cret\r\n\r\n[{\"channel\":\"/a\",\"clientId\":\"s3cretclient\",\"ext\":{\"token\":\"s3cret\"}}]";
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\nSet-Cookie: sid=s3cret; Path=/\r\n\r\n5\r\n[{\"a\"\r\n4\r\n:1}]\r\n0\r\n\r\n";
const UPGRADE: &str = "GET /cometd HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhl\r\n\r\n";
const SWITCHED: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n";

#[test]
fn an_archive_is_valid_after_every_write() {
    let path = temporary("valid");
    let mut recorder = recorder(&path, Secrets::Redacted);
    assert_eq!(entries(&path).len(), 0);
    // Told before the websocket is open.
    recorder
        .message(&frame(Direction::Out, r#"{"channel":"/meta/handshake"}"#))
        .unwrap();
    assert_eq!(entries(&path).len(), 0);
    recorder.exchange(&exchange(POST, OK)).unwrap();
    assert_eq!(entries(&path).len(), 1);
    recorder.exchange(&exchange(UPGRADE, SWITCHED)).unwrap();
    assert_eq!(
        entries(&path)[1]["_webSocketMessages"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    recorder
        .message(&frame(Direction::In, r#"{"channel":"/a","data":1}"#))
        .unwrap();
    assert_eq!(
        entries(&path)[1]["_webSocketMessages"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    // Something else between the frames, and another websocket after them.
    recorder.exchange(&exchange(POST, "")).unwrap();
    assert_eq!(entries(&path)[2]["response"]["status"], 0);
    recorder
        .message(&frame(Direction::In, r#"{"channel":"/b","data":2}"#))
        .unwrap();
    let found = entries(&path);
    assert_eq!(found.len(), 3);
    assert_eq!(
        found[1]["_webSocketMessages"][2]["data"],
        r#"[{"channel":"/b","data":2}]"#
    );
    recorder.exchange(&exchange(UPGRADE, SWITCHED)).unwrap();
    recorder
        .message(&frame(Direction::In, r#"{"channel":"/c"}"#))
        .unwrap();
    let found = entries(&path);
    assert_eq!(found.len(), 4);
    let frames = found[3]["_webSocketMessages"].as_array().unwrap();
    assert_eq!(frames.len(), 1);
    std::fs::remove_file(path).unwrap();
}

#[test]
fn an_entry_has_what_was_on_the_wire_without_its_secrets() {
    let path = temporary("entry");
    let mut recorder = recorder(&path, Secrets::Redacted);
    recorder.exchange(&exchange(POST, OK)).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(!text.contains("s3cret"), "{text}");
    let entry = entries(&path).remove(0);
    let request = &entry["request"];
    assert_eq!(request["url"], "http://127.0.0.1:8080/cometd?token=***");
    assert_eq!(
        request["postData"]["text"],
        r#"[{"channel":"/a","clientId":"s3cr…","ext":{"token":"***"}}]"#
    );
    assert_eq!(request["cookies"][1], json!({"name": "b", "value": "***"}));
    assert_eq!(entry["response"]["content"]["text"], r#"[{"a":1}]"#);
    assert_eq!(entry["timings"]["connect"], 2.0);
    assert_eq!(entry["timings"]["wait"], 3.0);
    assert_eq!(entry["time"], 6.0);
    std::fs::remove_file(path).unwrap();
    let path = temporary("shown");
    let mut recorder = self::recorder(&path, Secrets::Shown);
    recorder.exchange(&exchange(POST, OK)).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(text.matches("s3cret").count(), 10, "{text}");
    std::fs::remove_file(path).unwrap();
}

#[test]
fn of_a_compressed_body_the_messages_are_shown_and_other_bodies_lose_what_looks_secret() {
    let path = temporary("bodies");
    let mut recorder = recorder(&path, Secrets::Redacted);
    let messages = [Message::parse(r#"{"channel":"/a","clientId":"s3cretclient"}"#).unwrap()];
    let zipped = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n\u{1f}";
    let mut compressed = exchange(POST, zipped);
    compressed.messages = &messages;
    recorder.exchange(&compressed).unwrap();
    let calls = "HTTP/1.1 200 OK\r\n\r\nf([{\"clientId\":\"s3cretclient\"}])";
    let form = "POST / HTTP/1.1\r\nHost: a\r\n\r\nmessage=%5B%7B%22clientId%22%3A%22s3cretclient%22%7D%5D&token=s3cret";
    recorder.exchange(&exchange(form, calls)).unwrap();
    let entries = entries(&path);
    let text = &entries[0]["response"]["content"]["text"];
    assert_eq!(
        *text,
        json!("[{\"channel\":\"/a\",\"clientId\":\"s3cr…\"}]")
    );
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(!text.contains("s3cret"), "{text}");
    std::fs::remove_file(path).unwrap();
}

#[cfg(target_os = "linux")]
#[test]
fn where_brackets_cannot_be_put_back_the_error_is_told_all_the_same() {
    let full = File::options().write(true).open("/dev/full").unwrap();
    let error = Archive::begin(full, Secrets::Redacted).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
}

const JSON_ONLY: &str =
    "POST /cometd HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n\r\n";

fn client(port: u16) -> std::net::SocketAddr {
    ([127, 0, 0, 1], port).into()
}

fn frames_of(entries: &[Value], client: &str) -> Vec<String> {
    let own = entries.iter().filter(|it| it["connection"] == client);
    let frames = own.filter_map(|it| it["_webSocketMessages"].as_array());
    let data = frames.flatten().map(|it| it["data"].as_str().unwrap());
    data.map(str::to_owned).collect()
}

#[test]
fn the_frames_of_several_websockets_stay_apart_and_all_of_them_come() {
    let path = temporary("several");
    let mut recorder = recorder(&path, Secrets::Redacted);
    for port in [1, 2] {
        let mut upgrade = exchange(UPGRADE, SWITCHED);
        upgrade.client = Some(client(port));
        recorder.exchange(&upgrade).unwrap();
    }
    let padding = "x".repeat(100);
    let text = |port, n| format!(r#"[{{"channel":"/{port}","data":"{n}{padding}"}}]"#);
    for n in 0..300 {
        for port in [1, 2] {
            let frame = Frame {
                time: time(),
                direction: Direction::In,
                client: client(port),
                text: Ok(&text(port, n)),
            };
            recorder.frame(&frame).unwrap();
            if n % 50 == 0 {
                entries(&path);
            }
        }
        if n == 10 {
            recorder.exchange(&exchange(POST, OK)).unwrap();
        }
    }
    // Between messages of the program's own there is no such frame.
    let mut of_another = frame(Direction::In, r#"{"channel":"/a"}"#);
    of_another.peer = Some(client(1));
    recorder.message(&of_another).unwrap();
    let entries = entries(&path);
    for port in [1_u16, 2] {
        let expected: Vec<_> = (0..300).map(|n| text(port, n)).collect();
        assert_eq!(frames_of(&entries, &format!("127.0.0.1:{port}")), expected);
    }
    // Each time there was twice the room.
    assert!(entries.len() < 10, "{}", entries.len());
    let length = std::fs::metadata(&path).unwrap().len();
    assert!(length < 4 * 600 * 200, "{length}");
    std::fs::remove_file(path).unwrap();
}

#[test]
fn of_a_websocket_that_has_ended_nothing_more_comes_and_no_room_is_left_for_it() {
    let path = temporary("ended");
    let mut recorder = recorder(&path, Secrets::Redacted);
    let mut upgrade = exchange(UPGRADE, SWITCHED);
    upgrade.client = Some(client(1));
    recorder.exchange(&upgrade).unwrap();
    let frame = Frame {
        time: time(),
        direction: Direction::Out,
        client: client(1),
        text: Err("a binary message"),
    };
    recorder.frame(&frame).unwrap();
    recorder.ended(client(1));
    recorder.frame(&frame).unwrap();
    recorder.exchange(&exchange(POST, OK)).unwrap();
    let found = entries(&path);
    let frames = found[0]["_webSocketMessages"].as_array().unwrap();
    assert_eq!(frames.len(), 1);
    assert_eq!(frames[0]["type"], "error");
    assert_eq!(frames[0]["data"], "a binary message");
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(!text.contains("   "), "{text}");
    std::fs::remove_file(path).unwrap();
}

#[test]
fn of_what_passed_by_somebody_else_only_bodies_of_bayeux_are_kept() {
    let path = temporary("passed");
    let ok = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n";
    let login = b"POST /login HTTP/1.1\r\nHost: a\r\n\r\n";
    let apart = |head, body| HttpText::Apart { head, body };
    let of = |request, response| {
        let mut passed = exchange("", "");
        (passed.request, passed.response) = (request, response);
        passed
    };
    let messages: &[u8] = br#"[{"channel":"/a","clientId":"s3cretclient"}]"#;
    let all = [
        of(
            apart(login, Ok(b"password=s3cret")),
            apart(ok, Ok(b"s3cret")),
        ),
        of(
            apart(JSON_ONLY.as_bytes(), Ok(messages)),
            apart(ok, Ok(b"<h1>bad gateway</h1>")),
        ),
        of(
            apart(JSON_ONLY.as_bytes(), Err("longer than 1 byte")),
            apart(ok, Ok(&[0xFF])),
        ),
    ];
    let mut recorder = recorder(&path, Secrets::Redacted);
    for passed in &all {
        recorder.exchange(passed).unwrap();
    }
    let found = entries(&path);
    let told = |at: usize| {
        let post = &found[at]["request"]["postData"];
        let content = &found[at]["response"]["content"];
        [
            &post["text"],
            &post["comment"],
            &content["text"],
            &content["comment"],
        ]
        .map(|it| it.as_str().unwrap_or("-").to_owned())
    };
    let none = "left out: it is none of Bayeux (--show-secrets has it)";
    assert_eq!(told(0), ["", none, "-", none]);
    let redacted = r#"[{"channel":"/a","clientId":"s3cr…"}]"#;
    assert_eq!(told(1), [redacted, "-", "<h1>bad gateway</h1>", "-"]);
    let no_text = "left out: it is no text";
    assert_eq!(told(2), ["", "left out: longer than 1 byte", "-", no_text]);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(!text.contains("s3cret"), "{text}");
    std::fs::remove_file(&path).unwrap();
    let mut recorder = self::recorder(&path, Secrets::Shown);
    recorder.exchange(&all[0]).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(text.matches("s3cret").count(), 2, "{text}");
    std::fs::remove_file(path).unwrap();
}
