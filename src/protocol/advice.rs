//! The advice field: what the server wants the client to do next.

use std::time::Duration;

use serde_json::Value;

use super::ConnectionType;

/// What to do after this response (Bayeux 1.0, "reconnect advice field").
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Reconnect {
    /// Connect again with the same client id.
    Retry,
    /// The session is gone: handshake again.
    Handshake,
    /// Neither: stop.
    None,
}

/// One advice, complete: what the server left out has its default.
///
/// The latest advice *replaces* the earlier one as a whole; a response without advice
/// leaves it unchanged (CometD sends advice only when it changed or was asked for).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Advice {
    /// What to do next; `retry` unless the server says otherwise.
    pub reconnect: Reconnect,
    /// Least wait before the next connect. `None` for a negative interval, which
    /// CometD defines as "do not connect again".
    pub interval: Option<Duration>,
    /// How long the server holds a connect; `None` when it did not say.
    pub timeout: Option<Duration>,
    /// How long the session lives after a connect reply (CometD's `maxInterval`); `None`
    /// when the server did not say.
    pub max_interval: Option<Duration>,
    /// The server saw several sessions with one cookie and turned to polling (CometD).
    pub multiple_clients: bool,
}

impl Default for Advice {
    fn default() -> Self {
        Self {
            reconnect: Reconnect::Retry,
            interval: Some(Duration::ZERO),
            timeout: None,
            max_interval: None,
            multiple_clients: false,
        }
    }
}

impl Advice {
    /// Reads an advice object for one connection type, whose own section (`advice["long-polling"]`)
    /// overrides the top level. `None` if the text is no object: then the earlier advice stands.
    ///
    /// Values of odd types are read as far as they make sense: numbers in strings, fractions.
    pub fn parse(raw: &str, connection_type: ConnectionType) -> Option<Self> {
        let Ok(Value::Object(fields)) = serde_json::from_str(raw) else {
            return None;
        };
        let section = fields
            .get(connection_type.as_str())
            .and_then(Value::as_object);
        let field = |name: &str| {
            section
                .and_then(|it| it.get(name))
                .or_else(|| fields.get(name))
        };
        let default = Self::default();
        Some(Self {
            reconnect: match field("reconnect").and_then(Value::as_str) {
                Some("handshake") => Reconnect::Handshake,
                Some("none") => Reconnect::None,
                _ => Reconnect::Retry,
            },
            interval: match field("interval").and_then(milliseconds) {
                Some(Milliseconds::Negative) => None,
                Some(Milliseconds::Of(interval)) => Some(interval),
                None => default.interval,
            },
            timeout: positive(field("timeout")),
            max_interval: positive(field("maxInterval")),
            multiple_clients: field("multiple-clients").and_then(Value::as_bool) == Some(true),
        })
    }
}

enum Milliseconds {
    Of(Duration),
    Negative,
}

/// No server means a hold or an interval longer than this; a larger figure is cut to it
/// so that no deadline overflows.
const LONGEST: f64 = 24.0 * 3600.0 * 1000.0;

fn milliseconds(value: &Value) -> Option<Milliseconds> {
    let number = match value {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => text.trim().parse().ok()?,
        _ => return None,
    };
    if number.is_nan() {
        None
    } else if number < 0.0 {
        Some(Milliseconds::Negative)
    } else {
        let micros = (number.min(LONGEST) * 1000.0).round();
        Some(Milliseconds::Of(Duration::from_micros(micros as u64)))
    }
}

fn positive(value: Option<&Value>) -> Option<Duration> {
    match value.and_then(milliseconds) {
        Some(Milliseconds::Of(duration)) => Some(duration),
        Some(Milliseconds::Negative) | None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(raw: &str) -> Advice {
        Advice::parse(raw, ConnectionType::LongPolling).unwrap()
    }

    #[test]
    fn what_is_left_out_has_its_default() {
        assert_eq!(parse("{}"), Advice::default());
        assert_eq!(parse(r#"{"reconnect":"none"}"#).reconnect, Reconnect::None);
    }

    #[test]
    fn odd_numbers_are_read_as_far_as_they_make_sense() {
        assert_eq!(parse(r#"{"interval":-1}"#).interval, None);
        assert_eq!(
            parse(r#"{"timeout":"2500"}"#).timeout,
            Some(Duration::from_millis(2500))
        );
        assert_eq!(
            parse(r#"{"timeout":0.5}"#).timeout,
            Some(Duration::from_micros(500))
        );
        assert_eq!(
            parse(r#"{"timeout":1e300}"#).timeout,
            Some(Duration::from_secs(86_400))
        );
        assert_eq!(parse(r#"{"timeout":{}}"#).timeout, None);
    }

    #[test]
    fn the_section_of_the_connection_type_overrides() {
        let raw = r#"{"interval":0,"timeout":9,"long-polling":{"interval":2000}}"#;
        assert_eq!(parse(raw).interval, Some(Duration::from_secs(2)));
        assert_eq!(parse(raw).timeout, Some(Duration::from_millis(9)));
        assert_eq!(
            Advice::parse(raw, ConnectionType::WebSocket)
                .unwrap()
                .interval,
            Some(Duration::ZERO)
        );
    }

    #[test]
    fn what_is_no_object_is_no_advice() {
        for raw in ["null", "[]", "\"retry\"", "1"] {
            assert_eq!(Advice::parse(raw, ConnectionType::LongPolling), None);
        }
    }
}
