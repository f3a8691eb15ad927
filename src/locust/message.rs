//! What a worker and a master of Locust say to each other: `[type, data, node id]` in MessagePack.

mod options;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{self, IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::stats::{Report, UserCounts};
pub use options::Options;

/// What a worker says.
#[derive(Clone, Debug, PartialEq)]
pub enum ToMaster {
    /// It is there, and takes users.
    Ready,
    /// It has been told of users, and begins with them.
    Spawning,
    /// So many it has now.
    SpawningComplete(UserCounts),
    /// It is alive.
    Heartbeat {
        /// What it does.
        state: State,
        /// Of one processor.
        cpu_percent: f64,
        /// Bytes.
        memory: u64,
    },
    /// What it has measured since it last said so.
    Stats(Box<Report>),
    /// It has stopped, as asked for.
    Stopped,
    /// Something is in its way: the master shows it under "Exceptions".
    Exception(Exception),
    /// It leaves.
    Quit,
}

/// What a worker does.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It waits for users.
    Ready,
    /// It has them.
    Running,
}

/// Something that is in a worker's way.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Exception {
    /// What it is.
    pub msg: String,
    /// Where it comes from.
    pub traceback: String,
}

/// What a master says.
#[derive(Clone, Debug, PartialEq)]
pub enum FromMaster {
    /// It has taken the worker in.
    Ack {
        /// The worker's number, from 0.
        index: Option<u64>,
    },
    /// So many users it is to have from now on.
    Spawn(Box<Spawn>),
    /// All workers have their users.
    SpawningComplete,
    /// The answer to a heartbeat.
    Heartbeat,
    /// The test is over; another one may follow.
    Stop,
    /// The master ends.
    Quit,
    /// It could not read what the worker said, and asks for a new connection.
    Reconnect,
    /// Something else, by its type: a later version's, or a locustfile's own.
    Other(String),
}

/// The users that a worker is to have.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
pub struct Spawn {
    /// When it was said, by the master's clock, in seconds.
    pub timestamp: f64,
    /// How many users of each class: in all, not in addition.
    #[serde(deserialize_with = "counts")]
    pub user_classes_count: BTreeMap<String, u64>,
    /// The server, where the master knows one.
    #[serde(default)]
    pub host: Option<String>,
    /// What the master was told beside that.
    #[serde(default, rename = "parsed_options")]
    pub options: Options,
}

/// Bytes that are no message of a master.
#[derive(Debug, thiserror::Error)]
#[error("not a message of a Locust master: {0}")]
pub struct MessageError(#[from] rmp_serde::decode::Error);

/// Deeper than anything that Locust says, and far from the end of the stack.
const DEEPEST: usize = 32;
/// More classes than a locustfile has.
const MOST_CLASSES: usize = 1000;
/// The longest name of a type that is kept.
const LONGEST_TYPE: usize = 80;

impl ToMaster {
    /// The message's bytes, from the worker with this id.
    pub fn encode(&self, node_id: &str) -> Vec<u8> {
        // A master takes any worker without a word that says -1 (since 2.0).
        const ANY_VERSION: i8 = -1;
        let encoded = match self {
            Self::Ready => encode("client_ready", ANY_VERSION, node_id),
            Self::Spawning => encode("spawning", (), node_id),
            Self::SpawningComplete(counts) => encode("spawning_complete", counts, node_id),
            &Self::Heartbeat {
                state,
                cpu_percent,
                memory,
            } => {
                #[derive(Serialize)]
                struct Heartbeat {
                    state: State,
                    current_cpu_usage: f64,
                    current_memory_usage: u64,
                }
                let heartbeat = Heartbeat {
                    state,
                    current_cpu_usage: cpu_percent,
                    current_memory_usage: memory,
                };
                encode("heartbeat", heartbeat, node_id)
            }
            Self::Stats(report) => encode("stats", report, node_id),
            Self::Stopped => encode("client_stopped", (), node_id),
            Self::Exception(exception) => encode("exception", exception, node_id),
            Self::Quit => encode("quit", (), node_id),
        };
        encoded.expect("a vector takes everything, and every map and sequence has a length")
    }
}

fn encode(
    kind: &str,
    data: impl Serialize,
    node_id: &str,
) -> Result<Vec<u8>, rmp_serde::encode::Error> {
    rmp_serde::to_vec_named(&(kind, data, node_id))
}

impl FromMaster {
    /// Reads a message.
    ///
    /// # Errors
    /// When the bytes are none.
    pub fn decode(bytes: &[u8]) -> Result<Self, MessageError> {
        let mut deserializer = rmp_serde::Deserializer::from_read_ref(bytes);
        deserializer.set_max_depth(DEEPEST);
        Ok(deserializer.deserialize_seq(MessageVisitor)?)
    }
}

impl Spawn {
    /// The options, with the server that the master names.
    pub(super) fn into_options(self) -> Options {
        let host = self.host.filter(|it| !it.trim().is_empty());
        Options {
            host: host.or(self.options.host),
            ..self.options
        }
    }
}

struct MessageVisitor;

impl<'de> Visitor<'de> for MessageVisitor {
    type Value = FromMaster;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a type, data and an id")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut rest: A) -> Result<FromMaster, A::Error> {
        #[derive(Default, Deserialize)]
        struct Ack {
            index: Option<u64>,
        }

        let kind: &str = rest
            .next_element()?
            .ok_or_else(|| de::Error::invalid_length(0, &self))?;
        let message = match kind {
            "ack" => {
                let ack: Option<Option<Ack>> = rest.next_element()?;
                let ack = ack.flatten().unwrap_or_default();
                FromMaster::Ack { index: ack.index }
            }
            "spawn" => {
                let spawn = rest.next_element()?;
                FromMaster::Spawn(spawn.ok_or_else(|| de::Error::invalid_length(1, &self))?)
            }
            "spawning_complete" => FromMaster::SpawningComplete,
            "heartbeat" => FromMaster::Heartbeat,
            "stop" => FromMaster::Stop,
            "quit" => FromMaster::Quit,
            "reconnect" => FromMaster::Reconnect,
            other => FromMaster::Other(other.chars().take(LONGEST_TYPE).collect()),
        };
        while rest.next_element::<IgnoredAny>()?.is_some() {}
        Ok(message)
    }
}

/// Users by class; who has as many classes as fit into a frame wants only our memory.
fn counts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, u64>, D::Error> {
    struct Counts;

    impl<'de> Visitor<'de> for Counts {
        type Value = BTreeMap<String, u64>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(
                f,
                "at most {MOST_CLASSES} classes and how many users of each"
            )
        }

        fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut counts = BTreeMap::new();
            while let Some((class, count)) = map.next_entry()? {
                counts.insert(class, count);
                if counts.len() > MOST_CLASSES {
                    return Err(de::Error::invalid_length(counts.len(), &self));
                }
            }
            Ok(counts)
        }
    }

    deserializer.deserialize_map(Counts)
}
