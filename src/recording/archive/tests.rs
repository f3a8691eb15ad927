//! Archives: valid after every write, and what is in them.

use super::*;
use crate::recording::{Header, Recorder, Side};

fn time() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_373_433_805)
}

fn exchange<'a>(request: &'a str, response: &'a str) -> HttpExchange<'a> {
    HttpExchange {
        started: time(),
        is_tls: false,
        peer: Some("127.0.0.1:8080".parse().unwrap()),
        resolve: None,
        connect: Some(Duration::from_millis(2)),
        handshake: None,
        first_byte: Some(Duration::from_millis(5)),
        total: Duration::from_millis(6),
        request: request.as_bytes(),
        response: response.as_bytes(),
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
    assert_eq!(
        found[3]["_webSocketMessages"][0]["data"],
        r#"[{"channel":"/b","data":2}]"#
    );
    recorder.exchange(&exchange(UPGRADE, SWITCHED)).unwrap();
    assert_eq!(entries(&path).len(), 5);
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
