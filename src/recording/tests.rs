//! Records as lines: their text, and that every kind follows the schema.

use std::time::Duration;

use super::*;
use crate::protocol::decode;

fn time() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_micros(1_795_373_433_805_869)
}

fn message(raw: &str) -> MessageRecord {
    MessageRecord {
        time: time(),
        direction: Direction::In,
        transport: "long-polling".into(),
        peer: None,
        message: Message::parse(raw).unwrap(),
    }
}

fn state(state: State) -> StateRecord {
    StateRecord {
        time: time(),
        state,
    }
}

fn states() -> Vec<State> {
    let channel = || "/demo".to_owned();
    let id = || Some("7".to_owned());
    let reason = || "connection reset".to_owned();
    let error = || "403::subscribe_denied".to_owned();
    vec![
        State::Handshaken {
            transport: "long-polling".to_owned(),
            client_id: "1w3kq2hj8x".to_owned(),
        },
        State::Subscribed { channel: channel() },
        State::SubscribeRefused {
            channel: channel(),
            error: error(),
        },
        State::Unsubscribed { channel: channel() },
        State::Acknowledged {
            channel: channel(),
            id: id(),
            round_trip: Duration::from_micros(913),
        },
        State::Rejected {
            channel: channel(),
            id: None,
            error: error(),
        },
        State::Unknown {
            channel: channel(),
            id: id(),
            reason: reason(),
        },
        State::Reconnecting {
            reason: reason(),
            attempt: 1,
            delay: Duration::from_secs(1),
        },
        State::Reconnected {
            gap: Duration::from_millis(3_100),
        },
        State::SessionLost {
            after: Duration::from_millis(41_200),
            reason: "402::session_unknown".to_owned(),
        },
        State::SessionRenewed {
            gap: Duration::from_millis(3_100),
            n_restored: 2,
            n_subscriptions: 2,
            replays: vec![("/event/Order__e".to_owned(), "1042".parse().unwrap())],
        },
        State::Disconnected { reason: None },
        State::Disconnected {
            reason: Some(reason()),
        },
        State::ConnectionEnded { peer: None },
        State::ConnectionEnded {
            peer: "127.0.0.1:4711".parse().ok(),
        },
        State::Warning { reason: reason() },
    ]
}

#[test]
fn a_message_keeps_its_text() {
    let raw = r#"{ "data":{"n":1.50,"n":9007199254740993}, "channel":"/a" }"#;
    insta::assert_snapshot!(message(raw).to_line(Secrets::Redacted), @r#"{"type":"message","time":"2026-11-22T18:50:33.805869Z","dir":"in","channel":"/a","transport":"long-polling","message":{ "data":{"n":1.50,"n":9007199254740993}, "channel":"/a" }}"#);
}

#[test]
fn secrets_are_redacted_unless_shown() {
    let raw = r#"{"channel":"/meta/handshake","clientId":"1w3kq2hj8x","ext":{"token":"abc"}}"#;
    let line = message(raw).to_line(Secrets::Redacted);
    assert!(line.ends_with(
        r#""message":{"channel":"/meta/handshake","clientId":"1w3k…","ext":{"token":"***"}}}"#
    ));
    assert!(message(raw).to_line(Secrets::Shown).contains(raw));
    let header = Header {
        time: time(),
        url: "http://ann:pw@host/".to_owned(),
        side: Side::Client,
    };
    assert!(!header.to_line(Secrets::Redacted).contains("pw"));
}

#[test]
fn a_message_with_line_breaks_becomes_one_line() {
    let raw = "{\r\n  \"channel\": \"/a\",\n  \"data\": \"x\\ny\"\n}";
    let line = message(raw).to_line(Secrets::Redacted);
    assert!(
        line.ends_with(r#""message":{    "channel": "/a",   "data": "x\ny" }}"#),
        "{line}"
    );
}

#[test]
fn states_are_one_line_each_and_leave_out_what_is_absent() {
    let lines: Vec<_> = states()
        .into_iter()
        .map(|it| state(it).to_line(Secrets::Redacted))
        .map(|it| it.replace(r#""time":"2026-11-22T18:50:33.805869Z","#, ""))
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    {"type":"state","state":"handshaken","transport":"long-polling","client_id":"1w3k…"}
    {"type":"state","state":"subscribed","channel":"/demo"}
    {"type":"state","state":"subscribe-refused","channel":"/demo","error":"403::subscribe_denied"}
    {"type":"state","state":"unsubscribed","channel":"/demo"}
    {"type":"state","state":"acknowledged","channel":"/demo","id":"7","round_trip_ms":0.913}
    {"type":"state","state":"rejected","channel":"/demo","error":"403::subscribe_denied"}
    {"type":"state","state":"unknown","channel":"/demo","id":"7","reason":"connection reset"}
    {"type":"state","state":"reconnecting","reason":"connection reset","attempt":1,"delay_ms":1000}
    {"type":"state","state":"reconnected","gap_ms":3100}
    {"type":"state","state":"session-lost","reason":"402::session_unknown","after_ms":41200}
    {"type":"state","state":"session-renewed","gap_ms":3100,"n_restored":2,"n_subscriptions":2,"replay":{"/event/Order__e":1042}}
    {"type":"state","state":"disconnected"}
    {"type":"state","state":"disconnected","reason":"connection reset"}
    {"type":"state","state":"connection-ended"}
    {"type":"state","state":"connection-ended","peer":"127.0.0.1:4711"}
    {"type":"state","state":"warning","reason":"connection reset"}
    "#);
}

#[test]
fn a_skipped_element_becomes_a_record() {
    let body = decode(br#"[{"channel":"/a","data":Infinity}]"#).unwrap();
    let unreadable =
        Unreadable::from_finding(&body.findings[0], time(), Direction::In, "websocket".into());
    insta::assert_snapshot!(unreadable.unwrap().to_line(Secrets::Redacted), @r#"{"type":"unreadable","time":"2026-11-22T18:50:33.805869Z","dir":"in","transport":"websocket","offset":24,"reason":"expected value","excerpt":"{\"channel\":\"/a\",\"data\":Infinity}"}"#);
}

#[test]
fn a_line_of_every_kind_follows_the_schema() {
    let schema = include_str!("../../schema/record.v1.json");
    let schema: serde_json::Value = serde_json::from_str(schema).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let mut records = vec![
        Record::Header(Header {
            time: time(),
            url: "http://127.0.0.1:8080/cometd".to_owned(),
            side: Side::Client,
        }),
        Record::Message(message(r#"{"channel":"/a","data":1e400}"#)),
        Record::Message(message("{}")),
        Record::Unreadable(Unreadable {
            time: time(),
            direction: Direction::Out,
            transport: "websocket".into(),
            offset: 24,
            reason: "expected value".to_owned(),
            excerpt: "\u{1b}[0m".to_owned(),
        }),
        Record::Failure(Failure {
            time: time(),
            error: "cannot reach http://localhost:8080/cometd".to_owned(),
            cause: Some("connection refused".to_owned()),
            hint: None,
        }),
    ];
    records.extend(states().into_iter().map(|it| Record::State(state(it))));
    for record in records {
        let line = record.to_line(Secrets::Redacted);
        // What serde_json reads into a `Value` has no place for this number; readers that
        // keep the digits have.
        let line = line.replace("1e400", "1");
        let value = serde_json::from_str(&line).unwrap();
        if let Err(error) = validator.validate(&value) {
            panic!("{line}: {error}");
        }
    }
    for line in [
        r#"{"type":"message","time":"2026-11-22T18:50:33.805869Z"}"#,
        r#"{"type":"state","time":"yesterday","state":"subscribed","channel":"/a"}"#,
        r#"{"type":"state","time":"2026-11-22T18:50:33.805869Z","state":"subscribed"}"#,
    ] {
        let value = serde_json::from_str(line).unwrap();
        assert!(!validator.is_valid(&value), "{line}");
    }
}

fn temporary(name: &str) -> std::path::PathBuf {
    std::env::temp_dir().join(format!("bayeux-{}-{name}", std::process::id()))
}

fn header() -> Header {
    Header {
        time: time(),
        url: "http://127.0.0.1:8080/cometd".to_owned(),
        side: Side::Client,
    }
}

#[test]
fn a_recording_begins_with_its_header_and_is_complete_after_each_record() {
    let path = temporary("recording.ndjson");
    let mut recorder = Recorder::create(&path, Secrets::Redacted, header()).unwrap();
    let record = Record::Message(message(r#"{"channel":"/a"}"#));
    recorder.record(&record).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 2);
    assert!(lines[0].starts_with(r#"{"type":"header","schema":1,"tool":"bayeux "#));
    assert_eq!(lines[1], record.to_line(Secrets::Redacted));
    assert!(text.ends_with('\n'));
    std::fs::remove_file(&path).unwrap();
}

#[test]
fn a_recording_that_cannot_be_created_is_an_error() {
    let path = temporary("no-such-folder").join("x");
    let error = Recorder::create(&path, Secrets::Redacted, header()).unwrap_err();
    assert!(matches!(error, RecorderError::Create { .. }), "{error}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error() {
    let full = std::path::Path::new("/dev/full");
    let error = Recorder::create(full, Secrets::Redacted, header()).unwrap_err();
    assert_eq!(error.to_string(), "cannot write to the recording /dev/full");
}

fn records() -> Vec<Record> {
    let mut records = vec![
        Record::Header(header()),
        Record::Message(message(r#"{"channel":"/a","data":1.50}"#)),
        Record::Message(MessageRecord {
            peer: Some("127.0.0.1:4711".parse().unwrap()),
            direction: Direction::Out,
            ..message(r#"{"channel":"/b"}"#)
        }),
        Record::Unreadable(Unreadable {
            time: time(),
            direction: Direction::Out,
            transport: "websocket".into(),
            offset: 24,
            reason: "expected value".to_owned(),
            excerpt: "x".to_owned(),
        }),
        Record::Failure(Failure {
            time: time(),
            error: "cannot reach it".to_owned(),
            cause: None,
            hint: Some("try".to_owned()),
        }),
    ];
    records.extend(states().into_iter().map(|it| Record::State(state(it))));
    records
}

fn text_of(records: &[Record]) -> String {
    let lines = records.iter().map(|it| it.to_line(Secrets::Shown) + "\n");
    lines.collect()
}

#[test]
fn what_is_written_is_read_back() {
    let text = text_of(&records());
    let recording = Recording::read(text.as_bytes()).unwrap();
    assert_eq!(text_of(&recording.records), text);
    assert_eq!(recording.cut_at, None);
}

#[test]
fn of_a_recording_that_is_cut_the_whole_lines_are_read() {
    let text = text_of(&records());
    let n_lines = |text: &str| text.matches('\n').count();
    for end in 1..text.len() {
        let Some(cut) = text.get(..end) else {
            // In the middle of a character.
            continue;
        };
        match Recording::read(cut.as_bytes()) {
            Ok(recording) if recording.cut_at.is_some() => {
                assert_eq!(recording.cut_at, Some(n_lines(cut) + 1), "{cut}");
                assert_eq!(recording.records.len(), n_lines(cut), "{cut}");
            }
            Ok(recording) => {
                let begins = usize::from(!cut.ends_with('\n'));
                assert_eq!(recording.records.len(), n_lines(cut) + begins, "{cut}");
            }
            Err(error) => assert!(
                matches!(error, ReadError::NotARecording { line: 1, .. }),
                "{error}: {cut}"
            ),
        }
    }
}

#[test]
fn what_is_no_recording_is_said_with_its_line() {
    let error = |text: &str| Recording::read(text.as_bytes()).unwrap_err().to_string();
    let header = header().to_line(Secrets::Redacted);
    insta::assert_snapshot!(
        [
            error(""),
            error("\n \n"),
            error("GIF89a"),
            error(r#"{"latency_ms":{}}"#),
            error("[]\n"),
            error(&format!("{header}\nnonsense\n{header}\n")),
            error(&format!("{header}\n\n{}\n", header.replace(r#""schema":1"#, r#""schema":2"#))),
            error(&format!("{header}\n{{\"type\":\"message\",\"time\":\"2026-01-01T00:00:00Z\",\"dir\":\"up\",\"message\":{{}}}}\n")),
            error(&format!("{header}\n{{\"type\":\"state\",\"time\":\"yesterday\"}}\n")),
            error(&format!("{header}\n{{\"type\":\"state\",\"time\":\"2026-01-01T00:00:00Z\",\"state\":\"reconnected\",\"gap_ms\":-1}}\n")),
        ]
        .join("\n"),
        @"
    it is empty
    it is empty
    line 1 is no record: not a JSON object
    line 1 is no record: missing field `type`
    line 1 is no record: not a JSON object
    line 2 is no record: not a JSON object
    line 3 begins a recording of schema 2; this program reads 1
    line 2 is no record: dir is neither in nor out
    line 2 is no record: time: timestamp format is invalid
    line 2 is no record: gap_ms is -1
    "
    );
}

#[test]
fn what_a_later_version_adds_is_skipped() {
    let header = header().to_line(Secrets::Redacted);
    let text = format!(
        "{header}\n{{\"type\":\"new\",\"time\":\"2026-01-01T00:00:00Z\"}}\n{{\"type\":\"state\",\"time\":\"2026-01-01T00:00:00Z\",\"state\":\"new\",\"n\":1}}\n"
    );
    let recording = Recording::read(text.as_bytes()).unwrap();
    assert_eq!(recording.records.len(), 1);
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_read_or_refused_without_panic(
        bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200),
        line in 0..19_usize,
    ) {
        let mut text = text_of(&records()[..line]).into_bytes();
        text.extend(bytes);
        let _ = Recording::read(&text);
    }
}
