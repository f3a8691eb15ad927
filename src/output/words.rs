//! Durations and counts in words.

use std::time::Duration;

/// A duration with as many digits as matter: `0 ms`, `0.9 ms`, `213 ms`, `3.1s`, `2m 59s`.
pub(crate) fn duration(duration: Duration) -> String {
    let milliseconds = duration.as_secs_f64() * 1000.0;
    if duration.is_zero() {
        "0 ms".to_owned()
    } else if milliseconds < 9.95 {
        format!("{milliseconds:.1} ms")
    } else if milliseconds < 999.5 {
        format!("{milliseconds:.0} ms")
    } else if milliseconds < 59_950.0 {
        let text = format!("{:.1}", milliseconds / 1000.0);
        format!("{}s", text.strip_suffix(".0").unwrap_or(&text))
    } else {
        let seconds = Duration::from_secs((milliseconds / 1000.0).round() as u64);
        humantime::format_duration(seconds).to_string()
    }
}

/// Hours, minutes and seconds: `00:01:23`.
pub(crate) fn clock(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    format!("{hours:02}:{minutes:02}:{:02}", seconds % 60)
}

/// Minutes and seconds, and hours if there are any: `00:07`, `01:00:07`.
pub(crate) fn short_clock(duration: Duration) -> String {
    let clock = clock(duration);
    match clock.strip_prefix("00:") {
        Some(short) => short.to_owned(),
        None => clock,
    }
}

/// A number in groups of three digits: `9 999`, `1 000 000`.
pub(crate) fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

/// How another clock compares with this machine's, in milliseconds: `12 ms ahead, lag 1 ms`.
pub(crate) fn clocks(lag: i64, offset: i64) -> String {
    let ahead = match offset {
        0 => "the same".to_owned(),
        1.. => format!("{} ahead", milliseconds(offset)),
        _ => format!("{} behind", milliseconds(offset)),
    };
    format!("{ahead}, lag {}", milliseconds(lag.max(0)))
}

/// Without a fraction, which nobody has measured.
fn milliseconds(n: i64) -> String {
    match n.unsigned_abs() {
        n @ ..1000 => format!("{n} ms"),
        n => duration(Duration::from_millis(n)),
    }
}

/// A count with its noun: `1 message`, `2 messages`.
pub(crate) fn count(n: u64, noun: &str) -> String {
    let plural = if n == 1 { "" } else { "s" };
    format!("{n} {noun}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_as_many_digits_as_matter() {
        let of = |micros| duration(Duration::from_micros(micros));
        assert_eq!(of(0), "0 ms");
        assert_eq!(of(913), "0.9 ms");
        assert_eq!(of(9_960), "10 ms");
        assert_eq!(of(213_400), "213 ms");
        assert_eq!(of(999_600), "1s");
        assert_eq!(of(41_240_000), "41.2s");
        assert_eq!(of(59_960_000), "1m");
        assert_eq!(of(10_740_000_000), "2h 59m");
    }

    #[test]
    fn long_numbers_are_in_groups_and_short_times_have_no_hours() {
        let of = [0, 999, 1_000, 70_000, 1_234_567].map(grouped);
        assert_eq!(of, ["0", "999", "1 000", "70 000", "1 234 567"]);
        assert_eq!(short_clock(Duration::from_secs(67)), "01:07");
        assert_eq!(short_clock(Duration::from_secs(3600)), "01:00:00");
    }

    #[test]
    fn clocks_are_ahead_behind_or_the_same() {
        assert_eq!(clocks(1, 12), "12 ms ahead, lag 1 ms");
        assert_eq!(clocks(0, -1500), "1.5s behind, lag 0 ms");
        assert_eq!(clocks(-3, 0), "the same, lag 0 ms");
        assert!(clocks(i64::MIN, i64::MIN).ends_with(" behind, lag 0 ms"));
    }
}
