//! The printer on streams in memory: what goes where, in which view, when.

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use bayeux::filter::Filtered;
use bayeux::protocol::Message;
use bayeux::recording::{
    Direction, Failure, Header, MessageRecord, Recorder, Side, State, StateRecord,
};

use super::paint::Paint;
use super::printer::Stream;
use super::progress::Progress;
use super::surface::{Reader, Surface};
use super::*;

/// 2026-11-22 18:50:33.805869 UTC.
pub(super) fn time() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_micros(1_795_373_433_805_869)
}

pub(super) fn received(raw: &str) -> MessageRecord {
    MessageRecord {
        time: time(),
        direction: Direction::In,
        transport: "long-polling".into(),
        peer: None,
        message: Message::parse(raw).unwrap(),
    }
}

pub(super) fn sent(raw: &str) -> MessageRecord {
    MessageRecord {
        direction: Direction::Out,
        ..received(raw)
    }
}

/// Keeps the writes apart.
#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Vec<String>>>);

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        self.0.lock().unwrap().push(text);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A stream whose reader went away.
struct Closed;

impl Write for Closed {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Fixture {
    printer: Printer,
    out: Memory,
    err: Memory,
}

impl Fixture {
    fn new(view: View, verbosity: Verbosity) -> Self {
        let (out, err) = (Memory::default(), Memory::default());
        let stream = |sink: &Memory| Stream {
            sink: Box::new(sink.clone()),
            surface: Surface::fixed(Paint::Plain, Reader::Program),
        };
        let printer = Printer {
            out: stream(&out),
            err: stream(&err),
            view,
            verbosity,
            secrets: Secrets::Redacted,
            recorder: None,
            has_failed_to_record: false,
            progress: Progress::default(),
            load: None,
            told_losses: Vec::new(),
            last_group: "",
            untried: None,
            is_one_screen: false,
            reports_in_json: view == View::Json,
        };
        Self { printer, out, err }
    }

    /// A heartbeat, a delivery and a lost session.
    fn play(view: View, verbosity: Verbosity) -> Self {
        let mut fixture = Self::new(view, verbosity);
        let printer = &mut fixture.printer;
        let connect = sent(r#"{"channel":"/meta/connect","id":"7","clientId":"abcdefgh"}"#);
        printer.traffic(&connect, None).unwrap();
        let reply = received(r#"{"channel":"/meta/connect","id":"7","successful":true}"#);
        let latency = Some(Duration::from_millis(213));
        printer.traffic(&reply, latency).unwrap();
        let delivery = received(r#"{"channel":"/demo","data":{"user":"ann","text":"hi"}}"#);
        printer.delivery(&delivery).unwrap();
        printer.state(&session_lost()).unwrap();
        fixture
    }

    fn out(&self) -> String {
        self.out.0.lock().unwrap().concat()
    }

    fn err(&self) -> String {
        self.err.0.lock().unwrap().concat()
    }
}

fn session_lost() -> StateRecord {
    StateRecord {
        time: time(),
        state: State::SessionLost {
            after: Duration::from_millis(41_200),
            reason: "402::session_unknown".to_owned(),
        },
    }
}

fn failure() -> Failure {
    Failure {
        time: time(),
        error: "cannot reach http://localhost:8080/cometd".to_owned(),
        cause: Some("connection refused (127.0.0.1:8080)".to_owned()),
        hint: None,
    }
}

#[test]
fn pretty_shows_deliveries_and_tells_the_story() {
    let fixture = Fixture::play(View::Pretty, Verbosity::Normal);
    insta::assert_snapshot!(fixture.out(), @r#"
    18:50:33.805  < /demo
    { "user": "ann", "text": "hi" }
    "#);
    insta::assert_snapshot!(fixture.err(), @"~ session lost after 41.2s: 402::session_unknown");
}

#[test]
fn traffic_appears_with_v_on_standard_error() {
    let fixture = Fixture::play(View::Pretty, Verbosity::Traffic);
    insta::assert_snapshot!(fixture.err(), @r#"
    18:50:33.805  > /meta/connect  id 7
    18:50:33.805  < /meta/connect  id 7  ok  213 ms
    ~ session lost after 41.2s: 402::session_unknown
    "#);
}

#[test]
fn json_has_records_on_both_streams() {
    let fixture = Fixture::play(View::Json, Verbosity::Traffic);
    insta::assert_snapshot!(fixture.out(), @r#"{"type":"message","time":"2026-11-22T18:50:33.805869Z","dir":"in","channel":"/demo","transport":"long-polling","message":{"channel":"/demo","data":{"user":"ann","text":"hi"}}}"#);
    insta::assert_snapshot!(fixture.err(), @r#"
    {"type":"message","time":"2026-11-22T18:50:33.805869Z","dir":"out","channel":"/meta/connect","transport":"long-polling","message":{"channel":"/meta/connect","id":"7","clientId":"abcd…"}}
    {"type":"message","time":"2026-11-22T18:50:33.805869Z","dir":"in","channel":"/meta/connect","transport":"long-polling","message":{"channel":"/meta/connect","id":"7","successful":true}}
    {"type":"state","time":"2026-11-22T18:50:33.805869Z","state":"session-lost","reason":"402::session_unknown","after_ms":41200}
    "#);
}

#[test]
fn quiet_leaves_only_the_answer_and_errors() {
    let mut fixture = Fixture::play(View::Data, Verbosity::Quiet);
    fixture.printer.note("x");
    fixture.printer.warning("x");
    assert_eq!(fixture.out(), "{\"user\":\"ann\",\"text\":\"hi\"}\n");
    assert_eq!(fixture.err(), "");
    fixture.printer.report(&failure());
    insta::assert_snapshot!(fixture.err(), @r#"
    error: cannot reach http://localhost:8080/cometd
    cause: connection refused (127.0.0.1:8080)
    "#);
}

#[test]
fn in_the_json_view_an_error_is_a_record_too() {
    let mut fixture = Fixture::new(View::Json, Verbosity::Normal);
    fixture.printer.report(&failure());
    insta::assert_snapshot!(fixture.err(), @r#"
    error: cannot reach http://localhost:8080/cometd
    cause: connection refused (127.0.0.1:8080)
    {"type":"failure","time":"2026-11-22T18:50:33.805869Z","error":"cannot reach http://localhost:8080/cometd","cause":"connection refused (127.0.0.1:8080)"}
    "#);
}

#[test]
fn a_record_is_one_write() {
    let fixture = Fixture::play(View::Pretty, Verbosity::Traffic);
    assert_eq!(fixture.out.0.lock().unwrap().len(), 1);
    assert_eq!(fixture.err.0.lock().unwrap().len(), 3);
}

#[test]
fn a_closed_standard_output_is_told_apart_and_a_closed_standard_error_is_ignored() {
    let mut fixture = Fixture::new(View::Data, Verbosity::Http);
    fixture.printer.out.sink = Box::new(Closed);
    fixture.printer.err.sink = Box::new(Closed);
    let delivery = received(r#"{"channel":"/demo"}"#);
    assert!(matches!(
        fixture.printer.delivery(&delivery),
        Err(PrintError::Closed)
    ));
    assert!(fixture.printer.traffic(&delivery, None).is_ok());
    assert!(fixture.printer.state(&session_lost()).is_ok());
}

#[test]
fn filtered_strings_are_raw_in_a_pipe_and_escaped_on_a_terminal() {
    let outputs = [
        Filtered::Text("a\u{1b}[1m\nb".to_owned()),
        Filtered::Json(r#"{"n":1.50}"#.parse().unwrap()),
    ];
    let mut fixture = Fixture::new(View::Json, Verbosity::Normal);
    fixture.printer.filtered(&outputs).unwrap();
    assert_eq!(fixture.out(), "a\u{1b}[1m\nb\n{\"n\":1.50}\n");
    let mut fixture = Fixture::new(View::Pretty, Verbosity::Normal);
    fixture.printer.out.surface = Surface::plain();
    fixture.printer.filtered(&outputs).unwrap();
    assert_eq!(fixture.out(), "a\\x1b[1m\nb\n{ \"n\": 1.50 }\n");
}

#[test]
fn facts_are_two_columns_for_people() {
    let facts = [
        ("server", "CometD"),
        ("client id", "1w3k…"),
        ("round trip", "12 ms"),
    ];
    let facts = facts.map(|(label, value)| Fact {
        label,
        value: value.to_owned(),
    });
    let mut fixture = Fixture::new(View::Pretty, Verbosity::Normal);
    fixture.printer.facts(&facts).unwrap();
    insta::assert_snapshot!(fixture.out(), @r#"
    server      CometD
    client id   1w3k…
    round trip  12 ms
    "#);
    let mut fixture = Fixture::new(View::Json, Verbosity::Normal);
    fixture.printer.facts(&facts).unwrap();
    assert_eq!(fixture.out(), "");
}

#[test]
fn a_summary_adds_up_a_tail() {
    let mut fixture = Fixture::new(View::Pretty, Verbosity::Normal);
    fixture.printer.summary(&Summary {
        n_received: 1,
        n_matched: Some(0),
        n_duplicates: 2,
        n_lost_sessions: 2,
        elapsed: Duration::from_secs(75),
    });
    insta::assert_snapshot!(fixture.err(), @"~ 1 message received, 0 matched in 1m 15s, 2 duplicates dropped, 2 sessions lost");
}

#[test]
fn every_message_is_recorded_whatever_is_shown() {
    let path = std::env::temp_dir().join(format!("bayeux-printer-{}", std::process::id()));
    let header = Header {
        time: time(),
        url: "http://127.0.0.1/".to_owned(),
        side: Side::Client,
    };
    let recorder = Recorder::create(&path, Secrets::Redacted, header).unwrap();
    let mut fixture = Fixture::new(View::Data, Verbosity::Quiet);
    fixture.printer.record_to(recorder);
    let message = received(r#"{"channel":"/meta/connect","clientId":"abcdefgh"}"#);
    fixture.printer.traffic(&message, None).unwrap();
    fixture.printer.delivery(&message).unwrap();
    fixture.printer.answer(&message).unwrap();
    fixture.printer.state(&session_lost()).unwrap();
    fixture.printer.report(&failure());
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(text.lines().count(), 5, "the answer is recorded as traffic");
    assert!(!text.contains("abcdefgh"));
}

#[test]
fn an_attempt_is_told_if_it_fails_for_another_reason() {
    let mut fixture = Fixture::new(View::Pretty, Verbosity::Normal);
    let mut lose = |reason: &str, attempt| {
        let state = State::Reconnecting {
            reason: reason.to_owned(),
            attempt,
            delay: Duration::from_secs(1),
        };
        let time = time();
        let record = StateRecord { time, state };
        fixture.printer.state(&record).unwrap();
    };
    lose("connection reset", 1);
    lose("connection refused", 2);
    lose("connection refused", 3);
    lose("connection reset", 4);
    insta::assert_snapshot!(fixture.err(), @"
    ~ reconnecting in 1s (attempt 1): connection reset
    ~ reconnecting in 1s (attempt 2): connection refused
    ");
}

#[test]
fn an_answer_is_not_shown_twice_on_a_terminal() {
    let reply = received(r#"{"channel":"/meta/handshake","id":"1","successful":true}"#);
    let shown = |verbosity, is_one_screen| {
        let mut fixture = Fixture::new(View::Compact, verbosity);
        fixture.printer.is_one_screen = is_one_screen;
        fixture.printer.traffic(&reply, None).unwrap();
        fixture.printer.answer(&reply).unwrap();
        (fixture.out().lines().count(), fixture.err().lines().count())
    };
    assert_eq!(shown(Verbosity::Normal, true), (1, 0));
    assert_eq!(shown(Verbosity::Traffic, true), (0, 1));
    assert_eq!(shown(Verbosity::Traffic, false), (1, 1));
}
