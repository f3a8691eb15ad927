//! A point in time in JSON: RFC 3339 in UTC with microseconds.

use std::time::{Duration, SystemTime};

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub(crate) fn serialize<S: Serializer>(
    time: &Option<SystemTime>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    time.map(text).serialize(serializer)
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<SystemTime>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    let time = text.map(|it| humantime::parse_rfc3339(&it));
    time.transpose().map_err(D::Error::custom)
}

/// The text of a point in time.
pub(crate) fn text(time: SystemTime) -> String {
    // Before 1970 or after 9999 there is no such text, and no honest clock.
    let last = SystemTime::UNIX_EPOCH + Duration::from_secs(253_402_300_799);
    let time = time.clamp(SystemTime::UNIX_EPOCH, last);
    humantime::format_rfc3339_micros(time).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize, Serialize)]
    struct At(#[serde(with = "super")] Option<SystemTime>);

    #[test]
    fn what_is_written_is_read() {
        let time = SystemTime::UNIX_EPOCH + Duration::from_micros(1_763_837_433_805_869);
        let json = serde_json::to_string(&At(Some(time))).unwrap();
        assert_eq!(json, r#""2025-11-22T18:50:33.805869Z""#);
        assert_eq!(serde_json::from_str::<At>(&json).unwrap().0, Some(time));
        assert_eq!(serde_json::from_str::<At>("null").unwrap().0, None);
        assert!(serde_json::from_str::<At>("\"yesterday\"").is_err());
    }

    #[test]
    fn a_clock_that_is_wrong_is_no_trouble() {
        let before = SystemTime::UNIX_EPOCH - Duration::from_secs(1);
        assert_eq!(text(before), "1970-01-01T00:00:00.000000Z");
        let after = SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 40);
        assert_eq!(text(after), "9999-12-31T23:59:59.000000Z");
    }

    #[test]
    fn no_time_panics() {
        let epoch = SystemTime::UNIX_EPOCH;
        let far = epoch.checked_add(Duration::from_secs(1 << 60));
        let times = [
            epoch - Duration::from_secs(1),
            epoch + Duration::from_secs(253_402_300_800),
        ];
        for time in far.into_iter().chain(times) {
            assert_eq!(text(time).len(), "1970-01-01T00:00:00.000000Z".len());
        }
    }
}
