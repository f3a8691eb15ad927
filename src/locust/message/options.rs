//! What a master was told beside the users: the options of its command line or its web page, of
//! which a load test knows some.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::bench::Rate;

/// The options that a load test knows. One that is missing, empty or of no use is `None`; none of
/// them is a credential, since a master sends them unencrypted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Options {
    /// The server.
    pub host: Option<String>,
    /// The channel, or what the channels' names begin with.
    pub channel: Option<String>,
    /// How fast messages are published by all workers together.
    pub rate: Option<Rate>,
    /// Bytes of a message's data.
    pub size: Option<usize>,
    /// Publishers of each worker.
    pub publishers: Option<usize>,
    /// Messages in one request.
    pub batch: Option<usize>,
    /// Channels.
    pub channels: Option<usize>,
    /// Channels that each client subscribes to.
    pub per_client: Option<usize>,
    /// Users of all workers together.
    pub num_users: Option<usize>,
    /// Those that are of no use: `rate: fast`.
    pub odd: Vec<String>,
}

/// Values of more characters are none of these options.
const LONGEST: usize = 8 * 1024;

impl<'de> Deserialize<'de> for Options {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OptionsVisitor)
    }
}

struct OptionsVisitor;

impl<'de> Visitor<'de> for OptionsVisitor {
    type Value = Options;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("options by name")
    }

    fn visit_unit<E>(self) -> Result<Options, E> {
        Ok(Options::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Options, A::Error> {
        let mut options = Options::default();
        while let Some(Value(name)) = map.next_key()? {
            match name.as_deref() {
                Some(name) if KNOWN.contains(&name) => {
                    let Value(value) = map.next_value()?;
                    options.take(name, value);
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(options)
    }
}

/// The names, as Locust's command line makes them of `--per-client`.
const KNOWN: [&str; 10] = [
    "host",
    "channel",
    "rate",
    "size",
    "publishers",
    "batch",
    "channels",
    "per_client",
    "num_users",
    // The page of Locust 2.32.0 says it so, behind a `num_users` of its command line.
    "users",
];

impl Options {
    fn take(&mut self, name: &str, value: Option<String>) {
        // A web form sends what was left empty.
        let Some(value) = value
            .map(|it| it.trim().to_owned())
            .filter(|it| !it.is_empty())
        else {
            return;
        };
        let is_of_use = match name {
            "host" => keep(&mut self.host, Some(value.clone())),
            "channel" => keep(&mut self.channel, Some(value.clone())),
            "rate" => keep(&mut self.rate, rate(&value)),
            "size" => keep(&mut self.size, number(&value)),
            "publishers" => keep(&mut self.publishers, number(&value)),
            "batch" => keep(&mut self.batch, number(&value)),
            "channels" => keep(&mut self.channels, number(&value)),
            "per_client" => keep(&mut self.per_client, number(&value)),
            _ => keep(&mut self.num_users, number(&value)),
        };
        if !is_of_use {
            let value: String = value.chars().take(40).collect();
            self.odd.push(format!("{name}: {value}"));
        }
    }
}

/// Whether there is something to keep.
fn keep<T>(place: &mut Option<T>, value: Option<T>) -> bool {
    *place = value;
    place.is_some()
}

fn rate(value: &str) -> Option<Rate> {
    if value == "max" {
        return Some(Rate::Max);
    }
    let rate = value.parse().ok().filter(|it: &f64| it.is_finite());
    rate.filter(|&it| it >= 0.0).map(Rate::Fixed)
}

/// A whole number, which Python may have as a float.
fn number(value: &str) -> Option<usize> {
    let number: f64 = value.parse().ok()?;
    let is_whole = number.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&number);
    is_whole.then_some(number as usize)
}

/// A key or value of any type, as text where it has one.
struct Value(Option<String>);

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value(Some(value.to_string())))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value(Some(value.to_string())))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value(Some(value.to_string())))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value(Some(value.to_string())))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        let is_short = value.len() <= LONGEST;
        Ok(Value(is_short.then(|| value.to_owned())))
    }

    fn visit_bytes<E>(self, _: &[u8]) -> Result<Value, E> {
        Ok(Value(None))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value(None))
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, value: D) -> Result<Value, D::Error> {
        IgnoredAny::deserialize(value).map(|_| Value(None))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Value(None))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Value(None))
    }
}
