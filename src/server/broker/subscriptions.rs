//! Who subscribed to what.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::keys::SessionKey;

/// The subscribers of every pattern. A channel name is looked up as the handful of patterns
/// that match it, so that a publish costs nothing for those that do not; nor does a level of a
/// name cost anything at which nobody has a wildcard.
#[derive(Debug, Default)]
pub(super) struct Subscriptions {
    subscribers: HashMap<Box<str>, BTreeSet<SessionKey>>,
    single: Lengths,
    deep: Lengths,
}

/// How long what stands before a wildcard is, and how many patterns have it so long.
#[derive(Debug, Default)]
struct Lengths(BTreeMap<usize, usize>);

impl Subscriptions {
    pub(super) fn add(&mut self, pattern: &str, session: SessionKey) {
        match self.subscribers.get_mut(pattern) {
            Some(subscribers) => {
                subscribers.insert(session);
            }
            None => {
                let first = BTreeSet::from([session]);
                self.subscribers.insert(pattern.into(), first);
                if let Some((lengths, length)) = self.lengths(pattern) {
                    lengths.add(length);
                }
            }
        }
    }

    pub(super) fn remove(&mut self, pattern: &str, session: SessionKey) {
        let Some(subscribers) = self.subscribers.get_mut(pattern) else {
            return;
        };
        subscribers.remove(&session);
        if !subscribers.is_empty() {
            return;
        }
        self.subscribers.remove(pattern);
        if let Some((lengths, length)) = self.lengths(pattern) {
            lengths.remove(length);
        }
    }

    /// Where the length of what stands before its wildcard belongs, if it has one.
    fn lengths(&mut self, pattern: &str) -> Option<(&mut Lengths, usize)> {
        let single = pattern.strip_suffix("/*");
        let deep = pattern.strip_suffix("/**");
        let single = single.map(|it| (&mut self.single, it.len()));
        single.or(deep.map(|it| (&mut self.deep, it.len())))
    }

    /// The sessions that a message on this channel is for, each one once however many of its
    /// patterns match (CometD and Faye do the same, cometd-nodejs-server 1.2.1 sends a copy
    /// for each pattern).
    pub(super) fn of(&self, channel: &str) -> Vec<SessionKey> {
        let mut sessions = Vec::new();
        let mut n_patterns = 0;
        let mut add = |pattern: &str| {
            if let Some(subscribers) = self.subscribers.get(pattern) {
                sessions.extend(subscribers);
                n_patterns += 1;
            }
        };
        add(channel);
        // A filter of Salesforce's may end with a slash, behind which a wildcard finds nothing.
        let path = channel.strip_suffix('/').unwrap_or(channel);
        let last = path.rfind('/').unwrap_or(0);
        if path == channel && self.single.0.contains_key(&last) {
            add(&format!("{}/*", &channel[..last]));
        }
        for &length in self.deep.0.range(..=last).map(|(length, _)| length) {
            if channel.as_bytes().get(length) == Some(&b'/') {
                add(&format!("{}/**", &channel[..length]));
            }
        }
        if n_patterns > 1 {
            sessions.sort_unstable();
            sessions.dedup();
        }
        sessions
    }

    /// The first patterns in the order of their names, at the most so many, with the sessions
    /// that are subscribed to each.
    pub(super) fn first(&self, most: usize) -> Vec<(&str, &BTreeSet<SessionKey>)> {
        let mut patterns: Vec<_> = self
            .subscribers
            .iter()
            .map(|(it, to)| (&**it, to))
            .collect();
        if patterns.len() > most {
            patterns.select_nth_unstable_by(most, |(one, _), (other, _)| one.cmp(other));
            patterns.truncate(most);
        }
        patterns.sort_unstable_by_key(|(pattern, _)| *pattern);
        patterns
    }

    /// How many patterns somebody is subscribed to.
    pub(super) fn len(&self) -> usize {
        self.subscribers.len()
    }

    /// Whether nobody is subscribed to anything.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.subscribers.is_empty()
    }
}

impl Lengths {
    fn add(&mut self, length: usize) {
        *self.0.entry(length).or_default() += 1;
    }

    fn remove(&mut self, length: usize) {
        if let Some(n_patterns) = self.0.get_mut(&length) {
            *n_patterns -= 1;
            if *n_patterns == 0 {
                self.0.remove(&length);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::extension::Extensions;
    use super::super::sessions::Client;
    use super::*;
    use crate::protocol::{ChannelPattern, ConnectionType};

    #[test]
    fn every_pattern_that_matches_is_found_and_no_other() {
        let mut sessions = super::super::sessions::Sessions::default();
        let now = std::time::Instant::now();
        let patterns = [
            "/**",
            "/*",
            "/a",
            "/a/*",
            "/a/**",
            "/a/b",
            "/a/b/*",
            "/a/b/**",
            "/b/**",
            "/aa/**",
            "/a/b/c/**",
            "/é/**",
            "/é/*",
        ];
        let mut subscriptions = Subscriptions::default();
        let keys = patterns.map(|pattern| {
            let client = Client {
                name: "".into(),
                connection_type: ConnectionType::LongPolling,
                opened: now,
            };
            let key = sessions
                .open(pattern.into(), client, Extensions::default(), now, None)
                .unwrap();
            subscriptions.add(pattern, key);
            subscriptions.add(pattern, key);
            (pattern, key)
        });
        for channel in [
            "/a", "/a/b", "/a/b/c", "/a/b/c/d", "/b/x", "/aa", "/é/ü", "/x/y/z", "/a/b?c/",
        ] {
            let matching: Vec<SessionKey> = keys
                .iter()
                .filter(|(pattern, _)| {
                    let pattern: ChannelPattern = pattern.parse().unwrap();
                    pattern.matches(channel)
                })
                .map(|&(_, key)| key)
                .collect();
            assert_eq!(subscriptions.of(channel), matching, "{channel}");
        }
        for (pattern, key) in keys {
            subscriptions.remove(pattern, key);
        }
        assert!(subscriptions.is_empty());
        assert!(subscriptions.single.0.is_empty() && subscriptions.deep.0.is_empty());
    }
}
