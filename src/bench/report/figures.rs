//! Numbers in words: three digits that matter, thousands apart, a unit that fits.

/// The unit of a time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TimeUnit {
    /// Microseconds.
    Micros,
    /// Milliseconds.
    Millis,
    /// Seconds.
    Seconds,
}

impl TimeUnit {
    /// The one that a time of so many microseconds is best told in.
    pub fn of(micros: f64) -> Self {
        match micros {
            it if it < 1e3 => Self::Micros,
            it if it < 1e6 => Self::Millis,
            _ => Self::Seconds,
        }
    }

    /// Its sign.
    pub fn sign(self) -> &'static str {
        match self {
            Self::Micros => "us",
            Self::Millis => "ms",
            Self::Seconds => "s",
        }
    }

    /// So many microseconds in this unit.
    pub fn from_micros(self, micros: f64) -> f64 {
        match self {
            Self::Micros => micros,
            Self::Millis => micros / 1e3,
            Self::Seconds => micros / 1e6,
        }
    }
}

/// A time: `913 us`, `4.87 ms`, `31.0 ms`, `1.50 s`.
pub fn time(micros: f64) -> String {
    let unit = TimeUnit::of(micros);
    format!("{} {}", number(unit.from_micros(micros)), unit.sign())
}

/// A time with all its digits: `25 ms`, `4.873 ms`.
pub fn exact_time(micros: f64) -> String {
    let unit = TimeUnit::of(micros);
    let number = exact_number(unit.from_micros(micros));
    format!("{number} {}", unit.sign())
}

/// A rate: `9 998.7/s`, `99 971/s`.
pub fn rate(rate: f64) -> String {
    let tenths = (rate * 10.0).round();
    let text = match rate {
        it if it < 100.0 && it.fract() != 0.0 => number(it),
        it if it >= 10_000.0 || tenths % 10.0 == 0.0 => number(it.round()),
        _ => format!("{}.{}", count((tenths / 10.0) as u64), tenths % 10.0),
    };
    format!("{text}/s")
}

/// Bytes: `512 B`, `14.1 MiB`.
pub fn bytes(bytes: f64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut scaled = bytes;
    let mut at = 0;
    while scaled >= 1024.0 && at + 1 < units.len() {
        scaled /= 1024.0;
        at += 1;
    }
    format!("{} {}", number(scaled), units[at])
}

/// A number with three digits that matter, or all digits before the point: `0`, `0.021`,
/// `1.42`, `11.9`, `12 345`. A whole number has no point below 1000 unless it was a fraction.
pub fn number(value: f64) -> String {
    let size = value.abs();
    if size == 0.0 || (size.fract() == 0.0 && size >= 100.0) {
        return grouped(&format!("{value:.0}"));
    }
    // What is rounded up may have a digit more.
    match size {
        it if it < 0.9995 => format!("{value:.3}"),
        it if it < 9.995 => format!("{value:.2}"),
        it if it < 99.95 => format!("{value:.1}"),
        _ => grouped(&format!("{value:.0}")),
    }
}

/// A number with up to three digits after the point: `25`, `4.873`, `10 000`.
pub fn exact_number(value: f64) -> String {
    let text = format!("{value:.3}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    match text.split_once('.') {
        Some((whole, fraction)) => format!("{}.{fraction}", grouped(whole)),
        None => grouped(text),
    }
}

/// A whole number: `1 000 000`.
pub fn count(n: u64) -> String {
    grouped(&n.to_string())
}

/// Digits in groups of three.
fn grouped(digits: &str) -> String {
    let (sign, digits) = match digits.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", digits),
    };
    let mut text = String::from(sign);
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_digits_matter() {
        let cases = [
            (0.0, "0"),
            (0.021, "0.021"),
            (0.9999, "1.00"),
            (1.424, "1.42"),
            (9.999, "10.0"),
            (31.0, "31.0"),
            (99.96, "100"),
            (100.0, "100"),
            (12_345.6, "12 346"),
            (1e12, "1 000 000 000 000"),
        ];
        for (value, text) in cases {
            assert_eq!(number(value), text, "{value}");
        }
    }

    #[test]
    fn times_rates_and_bytes_have_a_unit_that_fits() {
        assert_eq!(time(913.0), "913 us");
        assert_eq!(time(4_873.0), "4.87 ms");
        assert_eq!(time(1_500_000.0), "1.50 s");
        assert_eq!(time(90e6), "90.0 s");
        assert_eq!(exact_time(25_000.0), "25 ms");
        assert_eq!(exact_time(4_873.0), "4.873 ms");
        assert_eq!(rate(9_998.72), "9 998.7/s");
        assert_eq!(rate(99_971.4), "99 971/s");
        assert_eq!(rate(999.97), "1 000/s");
        assert_eq!(rate(999.66), "999.7/s");
        assert_eq!(rate(100.0), "100/s");
        assert_eq!(rate(10.0), "10.0/s");
        assert_eq!(rate(1.5), "1.50/s");
        assert_eq!(bytes(512.0), "512 B");
        assert_eq!(bytes(14.1 * 1024.0 * 1024.0), "14.1 MiB");
        assert_eq!(exact_number(10_000.5), "10 000.5");
        assert_eq!(count(1_000_000), "1 000 000");
        assert_eq!(count(999), "999");
    }
}
