//! The messages that a server keeps for those who ask later: the last ones of all channels, up
//! to a number, a size and an age.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::asked::{self, Asked};
use super::ext::{Members, with_ext};
use crate::protocol::{ChannelPattern, Message};
use crate::server::Retention;

/// All kept messages, the oldest first. Their ids ascend without a gap.
#[derive(Debug, Default)]
pub(in crate::server::broker) struct Retained {
    messages: VecDeque<Entry>,
    n_bytes: usize,
    last_id: u64,
}

#[derive(Debug)]
struct Entry {
    at: Instant,
    kept: Kept,
}

/// A message and its id.
#[derive(Clone, Debug)]
pub(in crate::server::broker) struct Kept {
    pub(in crate::server::broker) id: u64,
    pub(in crate::server::broker) delivery: Arc<Message>,
}

impl Kept {
    /// The delivery with its id.
    pub(in crate::server::broker) fn numbered(&self) -> Arc<Message> {
        let mut ext = Members::default();
        ext.add(asked::NAME, self.id.to_string());
        Arc::new(with_ext(Message::clone(&self.delivery), &ext))
    }
}

impl Retained {
    pub(in crate::server::broker) fn keep(
        &mut self,
        now: Instant,
        limits: &Retention,
        delivery: &Arc<Message>,
    ) -> Kept {
        self.last_id += 1;
        let kept = Kept {
            id: self.last_id,
            delivery: Arc::clone(delivery),
        };
        self.n_bytes += delivery.raw().len();
        self.messages.push_back(Entry {
            at: now,
            kept: kept.clone(),
        });
        self.forget(now, limits);
        kept
    }

    /// What is kept for these patterns, each message once and the oldest first. An id that is
    /// not known here, or that something was forgotten after, is given back as it was written.
    pub(in crate::server::broker) fn replay(
        &mut self,
        now: Instant,
        limits: &Retention,
        asked: &[(&ChannelPattern, Asked)],
    ) -> Result<Vec<Kept>, String> {
        self.forget(now, limits);
        let n_kept = u64::try_from(self.messages.len()).unwrap_or(u64::MAX);
        let n_forgotten = self.last_id.saturating_sub(n_kept);
        let mut wanted = Vec::new();
        for (pattern, asked) in asked {
            match asked {
                Asked::New => {}
                Asked::All => wanted.push((pattern, 0)),
                Asked::After(id) if (n_forgotten..=self.last_id).contains(id) => {
                    wanted.push((pattern, *id));
                }
                Asked::After(id) => return Err(id.to_string()),
                Asked::Invalid(text) => return Err(text.clone()),
            }
        }
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let is_wanted = |kept: &Kept| {
            let channel = kept.delivery.channel();
            let mut wanted = wanted.iter();
            wanted.any(|(pattern, after)| kept.id > *after && pattern.matches(channel))
        };
        let kept = self.messages.iter().map(|it| &it.kept);
        Ok(kept.filter(|it| is_wanted(it)).cloned().collect())
    }

    fn forget(&mut self, now: Instant, limits: &Retention) {
        while let Some(oldest) = self.messages.front()
            && (self.messages.len() > limits.max_messages
                || self.n_bytes > limits.max_bytes
                || age(oldest, now) > limits.max_age)
        {
            self.n_bytes -= oldest.kept.delivery.raw().len();
            self.messages.pop_front();
        }
    }
}

fn age(entry: &Entry, now: Instant) -> Duration {
    now.saturating_duration_since(entry.at)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Retention = Retention {
        max_messages: 3,
        max_bytes: 1000,
        max_age: Duration::from_secs(60),
    };

    fn keep(retained: &mut Retained, now: Instant, channel: &str) -> u64 {
        let delivery = Arc::new(Message::builder(channel).build());
        retained.keep(now, &LIMITS, &delivery).id
    }

    fn replayed(
        retained: &mut Retained,
        now: Instant,
        asked: &[(&str, Asked)],
    ) -> Result<Vec<u64>, String> {
        let patterns: Vec<(ChannelPattern, Asked)> = asked
            .iter()
            .map(|(pattern, asked)| (pattern.parse().unwrap(), asked.clone()))
            .collect();
        let asked: Vec<_> = patterns
            .iter()
            .map(|(it, asked)| (it, asked.clone()))
            .collect();
        let kept = retained.replay(now, &LIMITS, &asked)?;
        Ok(kept.iter().map(|it| it.id).collect())
    }

    #[test]
    fn each_message_is_replayed_once_however_many_patterns_ask_for_it() {
        let now = Instant::now();
        let mut retained = Retained::default();
        for channel in ["/a/1", "/b", "/a/2"] {
            keep(&mut retained, now, channel);
        }
        let all = [("/a/*", Asked::All), ("/**", Asked::After(1))];
        assert_eq!(replayed(&mut retained, now, &all), Ok(vec![1, 2, 3]));
        let some = [("/a/*", Asked::After(1)), ("/b", Asked::New)];
        assert_eq!(replayed(&mut retained, now, &some), Ok(vec![3]));
    }

    #[test]
    fn an_id_is_refused_behind_which_something_is_forgotten_or_nothing_known() {
        let now = Instant::now();
        let mut retained = Retained::default();
        for _ in 0..5 {
            keep(&mut retained, now, "/a");
        }
        let mut after = |id| replayed(&mut retained, now, &[("/a", Asked::After(id))]);
        assert_eq!(after(1), Err("1".to_owned()));
        assert_eq!(after(2), Ok(vec![3, 4, 5]));
        assert_eq!(after(5), Ok(vec![]));
        assert_eq!(after(6), Err("6".to_owned()));
    }

    #[test]
    fn what_is_too_old_is_not_replayed_and_makes_room() {
        let now = Instant::now();
        let mut retained = Retained::default();
        keep(&mut retained, now, "/a");
        let later = now + Duration::from_secs(30);
        keep(&mut retained, later, "/a");
        let all = [("/a", Asked::All)];
        let latest = now + Duration::from_secs(61);
        assert_eq!(replayed(&mut retained, latest, &all), Ok(vec![2]));
        assert_eq!(retained.n_bytes, r#"{"channel":"/a"}"#.len());
    }

    #[test]
    fn bytes_are_limited_as_well() {
        let now = Instant::now();
        let mut retained = Retained::default();
        let limits = Retention {
            max_bytes: 100,
            ..LIMITS
        };
        let large = Message::builder("/a")
            .string("data", &"x".repeat(60))
            .build();
        let large = Arc::new(large);
        retained.keep(now, &limits, &large);
        retained.keep(now, &limits, &large);
        assert_eq!(retained.messages.len(), 1);
        let larger = Message::builder("/a")
            .string("data", &"x".repeat(200))
            .build();
        retained.keep(now, &limits, &Arc::new(larger));
        assert!(retained.messages.is_empty());
        assert_eq!(retained.n_bytes, 0);
    }
}
