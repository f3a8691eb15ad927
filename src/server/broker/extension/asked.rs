//! From where on a subscribe wants what is kept.

use super::ext::{ext_member, integer};
use crate::protocol::{Message, member};

/// The member of `ext` that is about it.
pub(super) const NAME: &str = "replay";

/// From where on a subscription wants what is kept.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(in crate::server::broker) enum Asked {
    /// Only what comes.
    New,
    All,
    /// What came after the message with this id.
    After(u64),
    /// Something that is no id.
    Invalid(String),
}

impl Asked {
    /// What a subscribe says about one of its patterns. A number may be written as a string.
    pub(in crate::server::broker) fn by(subscribe: &Message, pattern: &str) -> Self {
        let map = ext_member(subscribe, NAME);
        let Some(asked) = map.and_then(|it| member(it, pattern)) else {
            return Self::New;
        };
        let asked = asked.trim_matches('"');
        match integer(asked) {
            Some(-1) => Self::New,
            Some(-2) => Self::All,
            Some(id) => match u64::try_from(id) {
                Ok(id) => Self::After(id),
                Err(_) => Self::Invalid(asked.to_owned()),
            },
            None => Self::Invalid(asked.to_owned()),
        }
    }
}
