//! What has to come back after a publish: the message itself, or answers to it.

use std::time::Instant;

use bayeux::protocol::{ChannelPattern, Json, Message};
use serde_json::Value;

/// What is waited for, and where.
pub(super) struct Expected {
    pub(super) pattern: ChannelPattern,
    pub(super) goal: Goal,
}

/// What is waited for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Goal {
    /// Each message itself: its data, or what passes `--jq`.
    Return,
    /// So many answers, or so many that pass `--jq`.
    Answers(u64),
}

/// What has to come after one publish.
pub(super) struct Awaited {
    sign: Sign,
    /// So many of it.
    pub(super) n_left: u64,
    pub(super) sent: Instant,
}

/// How it is recognised, beside `--jq`.
enum Sign {
    Anything,
    /// `None` for data that cannot be compared.
    Data(Option<Value>),
}

impl Expected {
    /// Services answer without a subscription (Bayeux 1.0, "Service Channels"), and Faye 1.4.3
    /// refuses one.
    pub(super) fn needs_subscription(&self) -> bool {
        !self.pattern.as_str().starts_with("/service/")
    }

    /// What has to come for a message with this data.
    pub(super) fn awaited(&self, data: &Json, has_filter: bool, sent: Instant) -> Awaited {
        let (sign, n_left) = match self.goal {
            Goal::Return if has_filter => (Sign::Anything, 1),
            Goal::Return => (Sign::Data(serde_json::from_str(data.as_str()).ok()), 1),
            Goal::Answers(count) => (Sign::Anything, count),
        };
        Awaited { sign, n_left, sent }
    }

    /// Whether a message comes from where it has to; `published` is the id of the one that it
    /// would answer.
    pub(super) fn is_from_there(&self, message: &Message, published: Option<&str>) -> bool {
        match self.goal {
            // The server may name the channel in another way than the subscription.
            Goal::Return => true,
            Goal::Answers(_) if self.needs_subscription() => {
                self.pattern.matches(message.channel())
            }
            // A remote call of CometD is answered with its id. Other services give none.
            Goal::Answers(_) => {
                self.pattern.matches(message.channel())
                    && message.id().is_none_or(|it| published == Some(it))
            }
        }
    }
}

impl Awaited {
    pub(super) fn is_met_by(&self, message: &Message) -> bool {
        match &self.sign {
            Sign::Anything => true,
            Sign::Data(data) => {
                let data_of = |it: &str| serde_json::from_str::<Value>(it).ok();
                data.is_some() && *data == message.data().and_then(data_of)
            }
        }
    }
}
