//! Messages, as Python's msgpack writes and reads them.

use serde_json::json;

use super::*;
use crate::bench::Rate;

/// The bytes of a value.
fn packed(value: &serde_json::Value) -> Vec<u8> {
    rmp_serde::to_vec_named(value).unwrap()
}

fn decoded(value: serde_json::Value) -> Result<FromMaster, MessageError> {
    FromMaster::decode(&packed(&value))
}

fn options(options: serde_json::Value) -> Options {
    let spawn = json!({"timestamp": 1, "user_classes_count": {}, "parsed_options": options});
    match decoded(json!(["spawn", spawn, "w"])).unwrap() {
        FromMaster::Spawn(spawn) => spawn.options,
        other => panic!("{other:?}"),
    }
}

/// What a master makes of a worker's message.
fn read(message: &ToMaster) -> serde_json::Value {
    rmp_serde::from_slice(&message.encode("w")).unwrap()
}

#[test]
fn a_master_says_these_words() {
    for (message, expected) in [
        (
            json!(["ack", {"index": 4}, "w"]),
            FromMaster::Ack { index: Some(4) },
        ),
        (json!(["ack", null, "w"]), FromMaster::Ack { index: None }),
        (
            json!(["ack", {"more": [1]}, "w"]),
            FromMaster::Ack { index: None },
        ),
        (json!(["heartbeat", null, "w"]), FromMaster::Heartbeat),
        (json!(["stop", null, "w"]), FromMaster::Stop),
        (json!(["quit", null, "w"]), FromMaster::Quit),
        (json!(["reconnect", null, "w"]), FromMaster::Reconnect),
        (
            json!(["spawning_complete", {"user_count": 4}, "w"]),
            FromMaster::SpawningComplete,
        ),
        (
            json!(["update_user_class", {"user_class_name": "U"}, "w"]),
            FromMaster::Other("update_user_class".to_owned()),
        ),
        (json!(["stop", null, "w", "more"]), FromMaster::Stop),
        (json!(["stop"]), FromMaster::Stop),
    ] {
        assert_eq!(decoded(message).unwrap(), expected);
    }
}

#[test]
fn users_come_with_what_the_master_was_told() {
    let spawn = json!({
        "timestamp": 1700000000.25,
        "user_classes_count": {"A": 3, "B": 0},
        "host": "http://server/cometd",
        "stop_timeout": 0.0,
        "parsed_options": {
            "host": "ignored", "num_users": 40, "tags": null, "config_users": [{"a": 1}],
            "channel": "/stock", "rate": "500.5", "size": 100.0, "publishers": 2, "batch": "3",
            "channels": 4, "per_client": 1, "headless": true, "password": "secret",
        },
    });
    let FromMaster::Spawn(spawn) = decoded(json!(["spawn", spawn, "w"])).unwrap() else {
        panic!("no spawn");
    };
    assert_eq!(spawn.timestamp, 1700000000.25);
    let counts = [("A".to_owned(), 3), ("B".to_owned(), 0)];
    assert_eq!(spawn.user_classes_count, counts.into());
    let expected = Options {
        host: Some("http://server/cometd".to_owned()),
        channel: Some("/stock".to_owned()),
        rate: Some(Rate::Fixed(500.5)),
        size: Some(100),
        publishers: Some(2),
        batch: Some(3),
        channels: Some(4),
        per_client: Some(1),
        num_users: Some(40),
        odd: Vec::new(),
    };
    assert!(!format!("{spawn:?}").contains("secret"));
    assert_eq!(spawn.into_options(), expected);
}

#[test]
fn options_that_are_empty_or_missing_are_none() {
    let empty = json!({"rate": "", "size": null, "channel": "  ", "host": ""});
    assert_eq!(options(empty), Options::default());
    assert_eq!(options(json!(null)), Options::default());
    assert_eq!(options(json!({"rate": "max"})).rate, Some(Rate::Max));
    assert_eq!(options(json!({"rate": 0})).rate, Some(Rate::Fixed(0.0)));
}

#[test]
fn options_of_no_use_are_told_of() {
    for (odd, told) in [
        (json!({"rate": "fast"}), "rate: fast"),
        (json!({"rate": -1}), "rate: -1"),
        (json!({"rate": "nan"}), "rate: nan"),
        (json!({"size": 1.5}), "size: 1.5"),
        (json!({"batch": -3}), "batch: -3"),
        (json!({"channels": 1e18}), "channels: 1000000000000000000"),
        (json!({"publishers": true}), "publishers: true"),
    ] {
        let options = options(odd);
        assert_eq!(options.odd, [told]);
        let rest = Options {
            odd: Vec::new(),
            ..options
        };
        assert_eq!(rest, Options::default());
    }
    let lists = json!({"rate": [1], "channel": {"a": 1}});
    assert_eq!(options(lists), Options::default(), "no text at all");
}

#[test]
fn other_keys_and_values_of_msgpack_are_passed_over() {
    // {1: ext, b"x": nil, 2.5: [timestamp], "rate": 7}
    let mut bytes = b"\x93\xa5spawn\x83\xa9timestamp\x01\xb2user_classes_count\x80".to_vec();
    bytes.extend(b"\xaeparsed_options\x84\x01\xd4\x05\x00\xc4\x01x\xc0");
    bytes.extend(b"\xcb\x40\x04\0\0\0\0\0\0\x91\xd6\xff\0\0\0\0\xa4rate\x07\xa1w");
    match FromMaster::decode(&bytes).unwrap() {
        FromMaster::Spawn(spawn) => assert_eq!(spawn.options.rate, Some(Rate::Fixed(7.0))),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_no_message_is_an_error() {
    for value in [
        json!([]),
        json!({}),
        json!("stop"),
        json!([1, 2, 3]),
        json!(["spawn"]),
        json!(["spawn", null, "w"]),
        json!(["spawn", {"timestamp": "now", "user_classes_count": {}}, "w"]),
        json!(["spawn", {"timestamp": 1, "user_classes_count": {"A": -1}}, "w"]),
        json!(["ack", {"index": "none"}, "w"]),
    ] {
        let told = decoded(value).unwrap_err().to_string();
        assert!(
            told.starts_with("not a message of a Locust master: "),
            "{told}"
        );
    }
}

#[test]
fn each_beginning_of_a_message_is_an_error() {
    let spawn = json!({"timestamp": 1.5, "user_classes_count": {"A": 1}, "host": "h",
        "parsed_options": {"rate": 1.5, "other": [1, {"a": null}]}});
    let bytes = packed(&json!(["spawn", spawn, "w"]));
    FromMaster::decode(&bytes).unwrap();
    for length in 0..bytes.len() {
        FromMaster::decode(&bytes[..length]).unwrap_err();
    }
}

#[test]
fn lengths_that_lie_cost_nothing() {
    for head in [
        &b"\xdd\xff\xff\xff\xff"[..],
        b"\xdb\xff\xff\xff\xff",
        b"\xdf\xff\xff\xff\xff",
        b"\x93\xdb\xff\xff\xff\xff",
        b"\x93\xa1x\xc6\xff\xff\xff\xff",
        b"\x93\xa1x\xdf\xff\xff\xff\xff",
        b"\x93\xa1x\xdd\xff\xff\xff\xff",
        b"\x93\xa5spawn\xdf\xff\xff\xff\xff",
        b"\x93\xa5spawn\x81\xb2user_classes_count\xdf\xff\xff\xff\xff",
    ] {
        FromMaster::decode(head).unwrap_err();
    }
}

#[test]
fn a_message_that_is_too_deep_is_an_error_and_not_the_end_of_the_stack() {
    for nested in [0x91, 0x81] {
        let mut bytes = b"\x93\xa1x".to_vec();
        bytes.resize(2_000_000, nested);
        FromMaster::decode(&bytes).unwrap_err();
    }
}

#[test]
fn classes_without_end_are_refused() {
    let counts = |n: u32| (0..n).map(|it| (it.to_string(), json!(1)));
    let spawn = |n| {
        let counts: serde_json::Map<_, _> = counts(n).collect();
        decoded(json!(["spawn", {"timestamp": 1, "user_classes_count": counts}, "w"]))
    };
    spawn(1000).unwrap();
    spawn(1001).unwrap_err();
}

#[test]
fn a_worker_says_these_words() {
    let counts = UserCounts::new([("A".to_owned(), 2)].into());
    let exception = Exception {
        msg: "no".to_owned(),
        traceback: "here".to_owned(),
    };
    let heartbeat = ToMaster::Heartbeat {
        state: State::Running,
        cpu_percent: 12.5,
        memory: 4096,
    };
    for (message, expected) in [
        (ToMaster::Ready, json!(["client_ready", -1, "w"])),
        (ToMaster::Spawning, json!(["spawning", null, "w"])),
        (
            ToMaster::SpawningComplete(counts),
            json!(["spawning_complete", {"user_classes_count": {"A": 2}, "user_count": 2}, "w"]),
        ),
        (
            heartbeat,
            json!(["heartbeat", {"state": "running", "current_cpu_usage": 12.5,
                "current_memory_usage": 4096}, "w"]),
        ),
        (ToMaster::Stopped, json!(["client_stopped", null, "w"])),
        (
            ToMaster::Exception(exception),
            json!(["exception", {"msg": "no", "traceback": "here"}, "w"]),
        ),
        (ToMaster::Quit, json!(["quit", null, "w"])),
    ] {
        assert_eq!(read(&message), expected);
    }
}

proptest::proptest! {
    #[test]
    fn whatever_comes_is_a_message_or_an_error(
        kind in 0..3,
        bytes in proptest::collection::vec(0_u8.., 0..200),
    ) {
        let begun: &[u8] = match kind {
            0 => b"",
            1 => b"\x93\xa5spawn",
            _ => b"\x93\xa5spawn\x83\xa9timestamp\x01\xb2user_classes_count\x80\xaeparsed_options",
        };
        if let Err(error) = FromMaster::decode(&[begun, &bytes].concat()) {
            let told = error.to_string();
            assert!(told.starts_with("not a message of a Locust master: "), "{told}");
        }
    }
}

/// Seen with Locust 2.32.0: its page leaves the number of its command line, and adds its own.
#[test]
fn the_number_of_users_of_an_older_page_wins() {
    let spawn = json!({
        "timestamp": 1.5,
        "user_classes_count": {"A": 4},
        "parsed_options": {"num_users": null, "users": 8},
    });
    let FromMaster::Spawn(spawn) = decoded(json!(["spawn", spawn, "w"])).unwrap() else {
        panic!("no spawn");
    };
    assert_eq!(spawn.options.num_users, Some(8));
}
