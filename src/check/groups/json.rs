//! `json`: what becomes of data on its way through the server.

use std::time::Duration;

use serde_json::Value;

use crate::check::asking::{round_trip, subscribed};
use crate::check::{Check, Finding, Obstacle, Subject};
use crate::protocol::ConnectionType;

pub(super) const CHECKS: &[Check] = &[
    Check::information(
        "json.unicode",
        "text is delivered as it was published, whatever its characters",
        "",
        unicode,
    ),
    Check::information(
        "json.lone-surrogate",
        "half of a surrogate pair is delivered as it was published",
        "",
        lone_surrogate,
    )
    .intrusive(),
    Check::information(
        "json.numbers",
        "numbers are delivered with the value that was published",
        "",
        numbers,
    ),
    Check::information(
        "json.dup-keys",
        "of a key that stands twice the last value counts",
        "",
        duplicate_keys,
    )
    .intrusive(),
    Check::information(
        "json.depth",
        "data that is nested 100 deep is delivered",
        "",
        depth,
    )
    .intrusive()
    .patience(Duration::from_secs(15)),
    Check::information("json.size", "data of 64 KiB is delivered", "", size)
        .intrusive()
        .patience(Duration::from_secs(30)),
];

fn unicode(subject: &Subject) -> Result<Finding, Obstacle> {
    let (mut session, channel) = subscribed(subject)?;
    let mut wrong = Vec::new();
    for (name, published) in [
        ("beyond the first plane", "\"\u{1f600}\""),
        ("a surrogate pair, escaped", r#""\ud83d\ude00""#),
        ("U+2028 and U+2029", "\"\u{2028}\u{2029}\""),
        ("NUL, escaped", r#""\u0000""#),
        ("two ways to write one letter", "\"\u{e9}e\u{301}\""),
        ("a quote and a solidus", r#""\"\\\/""#),
        ("written from right to left", "\"\u{5d0}\u{5d1}\u{202e}\""),
    ] {
        match round_trip(&mut session, &channel, published) {
            Ok(Some(delivered)) if parsed(&delivered) == parsed(published) => {}
            Ok(delivered) => wrong.push(change(name, delivered.as_deref())),
            Err(obstacle) => {
                wrong.push(format!("{name}: {}", reason(obstacle)?));
                break;
            }
        }
    }
    Ok(Finding::expect(wrong.is_empty(), wrong.join("; ")).at("data"))
}

fn parsed(json: &str) -> Option<Value> {
    serde_json::from_str(json).ok()
}

/// Why it did not get through.
fn reason(obstacle: Obstacle) -> Result<String, Obstacle> {
    match obstacle {
        Obstacle::Transport(error) => Ok(error.to_string()),
        Obstacle::Unusable(reason) => Ok(reason),
        Obstacle::OutOfTime => Ok("no answer in time".to_owned()),
        Obstacle::Inapplicable(_) => Err(obstacle),
    }
}

/// What became of it.
fn change(name: &str, delivered: Option<&str>) -> String {
    match delivered {
        Some(delivered) => {
            let beginning: String = delivered.chars().take(40).collect();
            format!("{name} becomes {beginning}")
        }
        None => format!("{name} is not delivered"),
    }
}

fn lone_surrogate(subject: &Subject) -> Result<Finding, Obstacle> {
    const PUBLISHED: &str = r#""\ud800""#;
    let (mut session, channel) = subscribed(subject)?;
    Ok(match round_trip(&mut session, &channel, PUBLISHED) {
        Ok(Some(delivered)) if delivered.eq_ignore_ascii_case(PUBLISHED) => Finding::holds(),
        Ok(delivered) => Finding::deviates(change("it", delivered.as_deref())),
        Err(obstacle) => Finding::deviates(reason(obstacle)?),
    }
    .at("data"))
}

fn numbers(subject: &Subject) -> Result<Finding, Obstacle> {
    let (mut session, channel) = subscribed(subject)?;
    let mut wrong = Vec::new();
    for published in [
        "9007199254740993",
        "12345678901234567890123",
        "1.0",
        "0.1",
        "-0.5e-7",
        "1e400",
    ] {
        match round_trip(&mut session, &channel, published) {
            Ok(Some(delivered)) if decimal(&delivered) == decimal(published) => {}
            Ok(delivered) => wrong.push(change(published, delivered.as_deref())),
            Err(obstacle) => {
                wrong.push(format!("{published}: {}", reason(obstacle)?));
                break;
            }
        }
    }
    Ok(Finding::expect(wrong.is_empty(), wrong.join("; ")).at("data"))
}

/// A number of JSON as its sign, its digits without zeros around them, and the power of ten of
/// the last one.
fn decimal(text: &str) -> Option<(bool, String, i64)> {
    let (is_negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (digits, exponent) = match text.split_once(['e', 'E']) {
        Some((digits, exponent)) => (digits, exponent.parse::<i64>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all = format!("{whole}{fraction}");
    if all.is_empty() || !all.bytes().all(|it| it.is_ascii_digit()) {
        return None;
    }
    let kept = all.trim_end_matches('0');
    let n_zeros = (all.len() - kept.len()) as i64;
    let power = exponent
        .checked_sub(fraction.len() as i64)?
        .checked_add(n_zeros)?;
    match kept.trim_start_matches('0') {
        "" => Some((false, String::new(), 0)),
        significant => Some((is_negative, significant.to_owned(), power)),
    }
}

fn duplicate_keys(subject: &Subject) -> Result<Finding, Obstacle> {
    let (mut session, channel) = subscribed(subject)?;
    let delivered = round_trip(&mut session, &channel, r#"{"key":1,"key":2}"#)?;
    let value = delivered.as_deref().and_then(parsed);
    let is_last = value.is_some_and(|it| it["key"] == 2);
    Ok(match delivered {
        Some(delivered) if is_last => Finding::holds_as(delivered),
        delivered => Finding::deviates(change("it", delivered.as_deref())).at("data"),
    })
}

fn depth(subject: &Subject) -> Result<Finding, Obstacle> {
    not_in_a_url(subject)?;
    let nested = |depth: usize| format!("{}0{}", r#"{"a":"#.repeat(depth), "}".repeat(depth));
    let furthest = furthest(subject, &[100, 500, 1_000, 10_000], nested)?;
    Ok(furthest.judge(100, |depth| format!("{depth} levels")))
}

fn size(subject: &Subject) -> Result<Finding, Obstacle> {
    not_in_a_url(subject)?;
    let text = |n_bytes: usize| format!("\"{}\"", "x".repeat(n_bytes));
    let sizes: Vec<usize> = (4..=12).map(|it| 1024 << it).collect();
    let furthest = furthest(subject, &sizes, text)?;
    Ok(furthest.judge(64 * 1024, |n_bytes| format!("{} KiB", n_bytes / 1024)))
}

fn not_in_a_url(subject: &Subject) -> Result<(), Obstacle> {
    match subject.connection_type() {
        ConnectionType::CallbackPolling => Err(Obstacle::Inapplicable(
            "a URL holds no more than some kilobytes".to_owned(),
        )),
        ConnectionType::LongPolling | ConnectionType::WebSocket => Ok(()),
    }
}

/// How far it went.
struct Furthest {
    delivered: usize,
    /// What was not, and why.
    failed: Option<(usize, String)>,
}

/// Publishes data of growing measure until it is not delivered.
fn furthest(
    subject: &Subject,
    measures: &[usize],
    data: impl Fn(usize) -> String,
) -> Result<Furthest, Obstacle> {
    let (mut session, channel) = subscribed(subject)?;
    let mut furthest = Furthest {
        delivered: 0,
        failed: None,
    };
    for &measure in measures {
        let data = data(measure);
        let reason = match round_trip(&mut session, &channel, &data) {
            Ok(Some(delivered)) if delivered == data => {
                furthest.delivered = measure;
                continue;
            }
            Ok(Some(_)) => "it is altered".to_owned(),
            Ok(None) => "it is not delivered".to_owned(),
            Err(obstacle) => reason(obstacle)?,
        };
        furthest.failed = Some((measure, reason));
        break;
    }
    Ok(furthest)
}

impl Furthest {
    fn judge(self, wanted: usize, name: impl Fn(usize) -> String) -> Finding {
        let Self { delivered, failed } = self;
        let seen = match failed {
            None => format!("{} at least", name(delivered)),
            Some((measure, reason)) if delivered == 0 => {
                format!("not {}: {reason}", name(measure))
            }
            Some((measure, reason)) => {
                format!("{}, not {}: {reason}", name(delivered), name(measure))
            }
        };
        match delivered >= wanted {
            true => Finding::holds_as(seen),
            false => Finding::deviates(seen).at("data"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_compared_by_their_value() {
        assert_eq!(decimal("1.0"), decimal("1"));
        assert_eq!(decimal("100"), decimal("1e2"));
        assert_eq!(decimal("-0.5e-7"), decimal("-5E-8"));
        assert_eq!(decimal("-0"), decimal("0.0"));
        assert_eq!(decimal("1e+400"), decimal("1e400"));
        assert_ne!(decimal("9007199254740993"), decimal("9007199254740992"));
        assert_ne!(decimal("1e400"), decimal("1e4"));
        assert_eq!(decimal("Infinity"), None);
        assert_eq!(decimal("null"), None);
        assert_eq!(decimal("1e99999999999999999999"), None);
    }
}
