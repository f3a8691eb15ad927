//! Reading a fault, and saying what would be one.

#[cfg(test)]
mod tests;

use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use super::spec::{After, Fault, FaultError, PLACES, Place, Reconnect, Side, What, When};

impl FromStr for Fault {
    type Err = FaultError;

    fn from_str(text: &str) -> Result<Self, FaultError> {
        let mut parts = text.split(':');
        let first = parts.next().unwrap_or_default();
        if let Some(what) = of_no_place(first)? {
            return match parts.next() {
                None => Ok(Self {
                    place: None,
                    what,
                    when: When::default(),
                }),
                Some(key) => Err(FaultError {
                    cause: format!("{first} has no conditions: {key}"),
                    hint: format!("it is written {what}"),
                }),
            };
        }
        let place = place(first)?;
        let what = what(place, parts.next().unwrap_or_default())?;
        let mut when = When::default();
        for part in parts {
            condition(&mut when, part)?;
        }
        Ok(Self {
            place: Some(place),
            what,
            when,
        })
    }
}

/// What concerns sessions and tokens as a whole.
const OF_NO_PLACE: &str = "expire=DUR, forget=N, token-expires=DUR, busy=N and daily-limit=N";

fn of_no_place(text: &str) -> Result<Option<What>, FaultError> {
    let (name, value) = text.split_once('=').unwrap_or((text, ""));
    Ok(Some(match name {
        "expire" => What::ExpireAfter(duration(name, value, "10m")?),
        "forget" => What::Forget(number(name, value, 0..=u32::MAX, "1")?),
        "token-expires" => What::TokenExpires(duration(name, value, "10m")?),
        "busy" => What::Busy(number(name, value, 0..=u32::MAX, "2")?),
        "daily-limit" => What::DailyLimit(number(name, value, 0..=u32::MAX, "100")?),
        _ => return Ok(None),
    }))
}

fn place(text: &str) -> Result<Place, FaultError> {
    let known = PLACES.iter().find(|it| it.as_str() == text);
    known.copied().ok_or_else(|| {
        let places = PLACES.map(Place::as_str).join(", ");
        FaultError {
            cause: format!("no such place: {text}"),
            hint: format!("WHERE:WHAT, with {places} as WHERE; or {OF_NO_PLACE}"),
        }
    })
}

/// What can go wrong at a place, and how it is written.
const KINDS: [(&str, &str, &[Place]); 17] = {
    use Place::{Any, Connect, Delivery, Disconnect, Handshake};
    use Place::{Publish, Subscribe, Unsubscribe, Upgrade};

    const WIRE: &[Place] = &[
        Any,
        Handshake,
        Connect,
        Subscribe,
        Unsubscribe,
        Disconnect,
        Publish,
        Upgrade,
    ];
    const MESSAGES: &[Place] = &[
        Any,
        Handshake,
        Connect,
        Subscribe,
        Unsubscribe,
        Disconnect,
        Publish,
    ];
    const IN_SESSION: &[Place] = &[Any, Connect, Subscribe, Unsubscribe, Disconnect, Publish];
    [
        ("expire", "expire", IN_SESSION),
        ("refuse", "refuse=403", MESSAGES),
        ("status", "status=503", WIRE),
        ("html", "html", WIRE),
        ("delay", "delay=200ms", WIRE),
        ("drop", "drop", &PLACES),
        ("cut", "cut=10", MESSAGES),
        ("drip", "drip=10ms", MESSAGES),
        ("close", "close=before", WIRE),
        ("wrong-id", "wrong-id", MESSAGES),
        ("infinity", "infinity", MESSAGES),
        ("advice", "advice=none", &[Any, Handshake, Connect]),
        ("storm", "storm", &[Connect]),
        ("hold", "hold", &[Connect]),
        ("cookie", "cookie", IN_SESSION),
        ("duplicate", "duplicate", &[Delivery]),
        ("reorder", "reorder", &[Delivery]),
    ]
};

fn what(place: Place, text: &str) -> Result<What, FaultError> {
    let (name, value) = match text.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (text, None),
    };
    let at = place.as_str();
    let kind = KINDS
        .iter()
        .find(|it| it.0 == name && it.2.contains(&place));
    if kind.is_none() {
        let known = KINDS.iter().filter(|it| it.2.contains(&place));
        let known: Vec<_> = known.map(|it| it.1).collect();
        let cause = match KINDS.iter().any(|it| it.0 == name) {
            true => format!("{name} is nothing that goes wrong at {at}"),
            false => format!("no such fault: {at}:{name}"),
        };
        return Err(FaultError {
            cause,
            hint: format!("{at} has {}", known.join(", ")),
        });
    }
    let given = value.unwrap_or_default();
    let what = match name {
        "refuse" => What::Refuse(number(name, value.unwrap_or("503"), 100..=999, "403")?),
        "status" => What::Status(number(name, value.unwrap_or("503"), 400..=599, "503")?),
        "delay" => What::Delay(duration(name, given, "200ms")?),
        "cut" => What::Cut(match value {
            Some(at) => Some(number(name, at, 0..=usize::MAX, "10")?),
            None => None,
        }),
        "drip" => What::Drip(duration(name, given, "10ms")?),
        "close" => What::Close(match given {
            "before" => Side::Before,
            "after" => Side::After,
            _ => return Err(wanted(name, given, "close=before or close=after")),
        }),
        "advice" => What::Advice(match given {
            "retry" => Reconnect::Retry,
            "handshake" => Reconnect::Handshake,
            "none" => Reconnect::None,
            _ => {
                let right = "advice=retry, advice=handshake or advice=none";
                return Err(wanted(name, given, right));
            }
        }),
        _ if value.is_some() => {
            return Err(wanted(name, given, &format!("{name} without a value")));
        }
        "expire" => What::Expire,
        "html" => What::Html,
        "drop" => What::Drop,
        "wrong-id" => What::WrongId,
        "infinity" => What::Infinity,
        "storm" => What::Storm,
        "hold" => What::Hold,
        "cookie" => What::Cookie,
        "duplicate" => What::Duplicate,
        _ => What::Reorder,
    };
    Ok(what)
}

fn condition(when: &mut When, text: &str) -> Result<(), FaultError> {
    let (key, value) = text.split_once('=').unwrap_or((text, ""));
    match key {
        "every" => when.every = Some(number(key, value, 1..=u64::MAX, "5")?),
        "first" => when.first = Some(number(key, value, 1..=u64::MAX, "3")?),
        "for" => when.lasts = Some(duration(key, value, "30s")?),
        "p" => {
            let p = value.parse().ok().filter(|p| *p > 0.0 && *p <= 1.0);
            let p: f64 = p.ok_or_else(|| wanted(key, value, "p=0.1, above 0 and up to 1"))?;
            when.millionths = Some((p * 1e6).round().max(1.0) as u32);
        }
        "after" => {
            when.after = Some(match value.parse() {
                Ok(n) => After::Occasions(n),
                Err(_) => match humantime::parse_duration(value) {
                    Ok(time) => After::Time(time),
                    Err(_) => return Err(wanted(key, value, "after=5 or after=10m")),
                },
            });
        }
        _ => {
            return Err(FaultError {
                cause: format!("no such condition: {key}"),
                hint: "there are every=N, first=N, after=N, after=DUR, for=DUR and p=0.1"
                    .to_owned(),
            });
        }
    }
    Ok(())
}

fn duration(name: &str, value: &str, example: &str) -> Result<Duration, FaultError> {
    let right = || wanted(name, value, &format!("a time: {name}={example}"));
    humantime::parse_duration(value).map_err(|_| right())
}

fn number<T: FromStr + PartialOrd>(
    name: &str,
    value: &str,
    range: RangeInclusive<T>,
    example: &str,
) -> Result<T, FaultError> {
    let number = value.parse().ok().filter(|it| range.contains(it));
    number.ok_or_else(|| wanted(name, value, &format!("a number: {name}={example}")))
}

fn wanted(name: &str, value: &str, right: &str) -> FaultError {
    let cause = match value {
        "" => format!("{name} has no value"),
        value => format!("{name} does not take {value}"),
    };
    FaultError {
        cause,
        hint: format!("write {right}"),
    }
}
