//! Who subscribed to what.

use std::collections::{BTreeSet, HashMap};

use super::sessions::SessionKey;
use crate::protocol::ChannelPattern;

/// The subscribers of every pattern. A channel name is looked up as the handful of patterns
/// that match it, so that a publish costs nothing for those that do not.
#[derive(Debug, Default)]
pub(super) struct Subscriptions {
    subscribers: HashMap<Box<str>, BTreeSet<SessionKey>>,
}

impl Subscriptions {
    pub(super) fn add(&mut self, pattern: &str, session: SessionKey) {
        match self.subscribers.get_mut(pattern) {
            Some(subscribers) => {
                subscribers.insert(session);
            }
            None => {
                let first = BTreeSet::from([session]);
                self.subscribers.insert(pattern.into(), first);
            }
        }
    }

    pub(super) fn remove(&mut self, pattern: &str, session: SessionKey) {
        let Some(subscribers) = self.subscribers.get_mut(pattern) else {
            return;
        };
        subscribers.remove(&session);
        if subscribers.is_empty() {
            self.subscribers.remove(pattern);
        }
    }

    /// The sessions that a message on this channel is for, each one once however many of its
    /// patterns match (CometD and Faye do the same, cometd-nodejs-server 1.2.1 sends a copy
    /// for each pattern).
    pub(super) fn of(&self, channel: &str) -> Vec<SessionKey> {
        let mut sessions = Vec::new();
        let mut n_patterns = 0;
        for pattern in ChannelPattern::matching(channel) {
            if let Some(subscribers) = self.subscribers.get(pattern.as_str()) {
                sessions.extend(subscribers);
                n_patterns += 1;
            }
        }
        if n_patterns > 1 {
            sessions.sort_unstable();
            sessions.dedup();
        }
        sessions
    }

    /// Whether nobody is subscribed to anything.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.subscribers.is_empty()
    }
}
