//! Values of options that clap does not know: durations, counts, sizes, rates.

use std::time::Duration;

use bayeux::protocol::ConnectionType;
use clap::builder::{PossibleValuesParser, TypedValueParser};

/// Nobody waits longer, and a time this far away can still be calculated.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 86_400);

/// `500ms`, `10s`, `2m`; a bare number is refused, since its unit would be a guess.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text)
        .map(|it| it.min(LONGEST))
        .map_err(|_| "a duration has a unit: 500ms, 10s, 2m".to_owned())
}

/// A duration in which something can happen.
pub(crate) fn patience(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO => Err("nothing happens within 0s".to_owned()),
        patience => Ok(patience),
    }
}

/// `100`, `10k`, `2M`.
pub(crate) fn count(text: &str) -> Result<u64, String> {
    let hint = || "a count is a whole number above 0: 100, 10k, 2M".to_owned();
    let count = scaled(text, &[("k", 1_000), ("M", 1_000_000)]).ok_or_else(hint)?;
    if count == 0 { Err(hint()) } else { Ok(count) }
}

/// The same, and 0.
pub(crate) fn number(text: &str) -> Result<usize, String> {
    let units = [("k", 1_000), ("M", 1_000_000)];
    let number = scaled(text, &units).and_then(|it| usize::try_from(it).ok());
    number.ok_or_else(|| "a whole number: 0, 100, 10k, 2M".to_owned())
}

/// `65536`, `64KiB`, `64MiB`, `1GiB`, and `kB`, `MB`, `GB` in thousands.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    let units = [
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
        ("kB", 1_000),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
        ("B", 1),
    ];
    match scaled(text, &units) {
        Some(size) if size > 0 => Ok(size),
        Some(_) | None => Err("a size is a number of bytes: 65536, 64KiB, 64MiB".to_owned()),
    }
}

/// Messages a second, fractions allowed: `0.5`, `100`, `10k`, `1.5M`.
pub(crate) fn rate(text: &str) -> Result<f64, String> {
    per_second(text)
        .filter(|it| *it > 0.0)
        .ok_or_else(|| "a rate is a number above 0, in messages a second".to_owned())
}

/// How often a second something happens, if at all.
pub(crate) fn frequency(text: &str) -> Result<f64, String> {
    per_second(text)
        .filter(|it| *it >= 0.0)
        .ok_or_else(|| "a number of times a second: 0, 0.5, 100, 10k".to_owned())
}

/// The name of a transport, as it stands in a handshake; clap proposes and completes it.
pub(crate) fn connection_type() -> impl TypedValueParser<Value = ConnectionType> {
    let known = [
        ConnectionType::LongPolling,
        ConnectionType::WebSocket,
        ConnectionType::CallbackPolling,
    ];
    PossibleValuesParser::new(known.map(ConnectionType::as_str))
        .try_map(|name| name.parse::<ConnectionType>())
}

fn per_second(text: &str) -> Option<f64> {
    let (number, factor) = match (text.strip_suffix('k'), text.strip_suffix('M')) {
        (Some(number), _) => (number, 1e3),
        (None, Some(number)) => (number, 1e6),
        (None, None) => (text, 1.0),
    };
    let rate = number.parse::<f64>().ok()? * factor;
    rate.is_finite().then_some(rate)
}

fn scaled(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let suffix = units
        .iter()
        .find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, *factor)));
    let (number, factor) = suffix.unwrap_or((text, 1));
    if number.is_empty() || !number.bytes().all(|it| it.is_ascii_digit()) {
        return None;
    }
    number.parse::<u64>().ok()?.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_scale_and_nonsense_is_refused() {
        assert_eq!(count("10k"), Ok(10_000));
        assert_eq!(size("64MiB"), Ok(64 << 20));
        assert_eq!(size("1B"), Ok(1));
        assert_eq!(duration("1m 30s"), Ok(Duration::from_secs(90)));
        assert_eq!(rate("0.5"), Ok(0.5));
        assert_eq!(rate("1.5k"), Ok(1500.0));
        assert_eq!(frequency("0"), Ok(0.0));
        assert!(frequency("-1").is_err() && frequency("NaN").is_err());
        assert_eq!((number("0"), number("10k")), (Ok(0), Ok(10_000)));
        assert!(number("-1").is_err() && number("0.5").is_err());
        for text in ["", "k", "-1", "1.5k", "99999999999999999999", "0"] {
            assert!(count(text).is_err(), "{text}");
        }
        assert!(size("64Mib").is_err());
        assert!(duration("10").is_err());
        assert_eq!(duration("10000000000000000000s"), Ok(LONGEST));
        assert!(rate("0").is_err() && rate("inf").is_err() && rate("x").is_err());
    }
}
