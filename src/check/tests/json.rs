//! What makes the checks of `json` fail.

use serde_json::Value;

use super::scripted::{Script, Scripted};
use super::*;

/// What a check comes to where messages are answered with these.
fn outcome(answer: fn(&Value, Vec<Value>) -> Vec<Value>, id: &str) -> String {
    let server = Scripted::new(Script {
        answer,
        ..Script::default()
    });
    outcome_at(&server.url(), ConnectionType::LongPolling, id)
}

/// The answer with its data altered.
fn altered(mut answer: Vec<Value>, alter: impl Fn(&Value) -> Value) -> Vec<Value> {
    for it in &mut answer {
        if let Some(data) = it.get_mut("data") {
            *data = alter(data);
        }
    }
    answer
}

/// The answer without what is to be delivered.
fn undelivered(mut answer: Vec<Value>) -> Vec<Value> {
    answer.retain(|it| it.get("data").is_none());
    answer
}

#[test]
fn text_that_is_altered_is_seen() {
    let ascii = |_: &Value, it| {
        altered(it, |data| {
            let text = data.as_str().unwrap_or_default();
            let ascii = |it: char| if it.is_ascii() { it } else { '?' };
            text.chars().map(ascii).collect::<String>().into()
        })
    };
    assert_eq!(
        outcome(ascii, "json.unicode"),
        r#"note: beyond the first plane becomes "?"; a surrogate pair, escaped becomes "?"; U+2028 and U+2029 becomes "??"; two ways to write one letter becomes "?e?"; written from right to left becomes "???""#
    );
    // It reads requests into strings, which hold no such thing.
    let seen = outcome(|_, proper| proper, "json.lone-surrogate");
    assert_eq!(seen, "note: HTTP 400");
}

#[test]
fn numbers_that_are_altered_are_seen() {
    let rounded = |_: &Value, it| {
        altered(it, |data| {
            let number = data.to_string().parse::<f64>().unwrap();
            serde_json::Number::from_f64(number).map_or(Value::Null, Value::from)
        })
    };
    assert_eq!(
        outcome(rounded, "json.numbers"),
        "note: 9007199254740993 becomes 9007199254740992.0; \
         12345678901234567890123 becomes 1.2345678901234568e+22; 1e400: HTTP 400"
    );
}

#[test]
fn of_two_values_the_first_is_seen() {
    let first = |_: &Value, it| altered(it, |_| serde_json::json!({ "key": 1 }));
    assert_eq!(
        outcome(first, "json.dup-keys"),
        r#"note: it becomes {"key":1}"#
    );
}

#[test]
fn data_that_is_too_deep_or_too_large_is_seen() {
    let shallow = |_: &Value, it| altered(it, |_| Value::Null);
    assert_eq!(
        outcome(shallow, "json.depth"),
        "note: not 100 levels: it is altered"
    );
    let small = |message: &Value, it| match message.to_string().len() > 40 * 1024 {
        true => undelivered(it),
        false => it,
    };
    assert_eq!(
        outcome(small, "json.size"),
        "note: 32 KiB, not 64 KiB: it is not delivered"
    );
}
