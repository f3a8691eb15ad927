//! The events that are kept for replay, and their ids.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::event::Kind;
use crate::protocol::Json;

/// Most events kept, and most bytes of them; beyond it the oldest go, as they do after
/// their time.
const MOST_EVENTS: usize = 100_000;
const MOST_BYTES: usize = 64 * 1024 * 1024;
const HOUR: Duration = Duration::from_secs(3600);

/// All kept events, the oldest first.
#[derive(Debug)]
pub(super) struct Retained {
    events: VecDeque<Event>,
    n_bytes: usize,
    last_id: u64,
}

#[derive(Debug)]
struct Event {
    channel: Box<str>,
    replay_id: u64,
    at: Instant,
    data: Json,
}

/// From where a subscriber wants its events.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Replay {
    /// `-1`: only what comes.
    New,
    /// `-2`: all that is kept.
    All,
    /// What came after the event with this id.
    After(u64),
}

impl Retained {
    pub(super) fn new() -> Self {
        Self {
            events: VecDeque::new(),
            n_bytes: 0,
            last_id: 1000,
        }
    }

    /// The next id. Ids ascend with gaps; those of different channels come from one sequence.
    pub(super) fn next_id(&mut self) -> u64 {
        self.last_id += 1 + u64::from(self.last_id % 5 == 3);
        self.last_id
    }

    pub(super) fn keep(&mut self, now: Instant, channel: &str, replay_id: u64, data: Json) {
        self.n_bytes += data.as_str().len();
        self.events.push_back(Event {
            channel: channel.into(),
            replay_id,
            at: now,
            data,
        });
        // No kind is kept longer; those that are kept for a shorter time are not found.
        while let Some(oldest) = self.events.front()
            && (self.events.len() > MOST_EVENTS
                || self.n_bytes > MOST_BYTES
                || age(oldest, now) > retention(Kind::Platform))
        {
            self.n_bytes -= oldest.data.as_str().len();
            self.events.pop_front();
        }
    }

    /// The events of a channel from there on; `None` if the id is not kept.
    pub(super) fn replay(&self, now: Instant, channel: &str, from: Replay) -> Option<Vec<Json>> {
        let retention = Kind::of(channel).map_or(Duration::ZERO, retention);
        let kept = self
            .events
            .iter()
            .filter(|it| *it.channel == *channel && age(it, now) <= retention);
        let data = |it: &Event| it.data.clone();
        match from {
            Replay::New => Some(Vec::new()),
            Replay::All => Some(kept.map(data).collect()),
            Replay::After(id) => {
                let mut kept = kept.skip_while(|it| it.replay_id != id);
                kept.next()?;
                Some(kept.map(data).collect())
            }
        }
    }
}

/// How long Salesforce keeps events of a kind.
fn retention(kind: Kind) -> Duration {
    match kind {
        Kind::Platform | Kind::Change => 72 * HOUR,
        Kind::Topic | Kind::Generic => 24 * HOUR,
    }
}

fn age(event: &Event, now: Instant) -> Duration {
    now.saturating_duration_since(event.at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keep(retained: &mut Retained, now: Instant, channel: &str) -> u64 {
        let id = retained.next_id();
        retained.keep(now, channel, id, id.to_string().parse().unwrap());
        id
    }

    fn replayed(
        retained: &Retained,
        now: Instant,
        channel: &str,
        from: Replay,
    ) -> Option<Vec<u64>> {
        let events = retained.replay(now, channel, from)?;
        Some(
            events
                .iter()
                .map(|it| it.as_str().parse().unwrap())
                .collect(),
        )
    }

    #[test]
    fn ids_ascend_with_gaps() {
        let mut retained = Retained::new();
        let ids: Vec<u64> = (0..20).map(|_| retained.next_id()).collect();
        assert!(ids.windows(2).all(|it| it[0] < it[1]), "{ids:?}");
        assert!(ids.windows(2).any(|it| it[1] - it[0] > 1), "{ids:?}");
    }

    #[test]
    fn a_channel_is_replayed_after_an_id_of_its_own_that_is_kept() {
        let now = Instant::now();
        let mut retained = Retained::new();
        let first = keep(&mut retained, now, "/event/A__e");
        let other = keep(&mut retained, now, "/event/B__e");
        let last = keep(&mut retained, now, "/event/A__e");
        let replayed = |from| replayed(&retained, now, "/event/A__e", from);
        assert_eq!(replayed(Replay::All), Some(vec![first, last]));
        assert_eq!(replayed(Replay::New), Some(vec![]));
        assert_eq!(replayed(Replay::After(first)), Some(vec![last]));
        assert_eq!(replayed(Replay::After(last)), Some(vec![]));
        assert_eq!(replayed(Replay::After(other)), None);
        assert_eq!(replayed(Replay::After(last + 1)), None);
    }

    #[test]
    fn platform_events_are_kept_for_three_days_and_topics_for_one() {
        let start = Instant::now();
        let mut retained = Retained::new();
        let event = keep(&mut retained, start, "/event/A__e");
        let topic = keep(&mut retained, start, "/topic/A");
        let later = start + 25 * HOUR;
        assert_eq!(
            replayed(&retained, later, "/event/A__e", Replay::All),
            Some(vec![event])
        );
        assert_eq!(
            replayed(&retained, later, "/topic/A", Replay::After(topic)),
            None
        );
        keep(&mut retained, start + 73 * HOUR, "/u/A");
        assert_eq!(retained.events.len(), 1);
        assert_eq!(retained.n_bytes, 4);
    }

    #[test]
    fn more_than_the_most_push_the_oldest_out() {
        let now = Instant::now();
        let mut retained = Retained::new();
        let first = keep(&mut retained, now, "/u/A");
        for _ in 0..MOST_EVENTS {
            keep(&mut retained, now, "/u/A");
        }
        assert_eq!(retained.events.len(), MOST_EVENTS);
        assert_eq!(replayed(&retained, now, "/u/A", Replay::After(first)), None);
    }
}
