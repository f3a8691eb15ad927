//! What a conversation adds up to: sessions, losses, gaps, what was slow and what was wrong.

use std::collections::BTreeMap;
use std::time::Duration;

use super::rules::Rule;
use super::{Hold, Noticed, SessionChange, SessionNumber};
use crate::protocol::meta;

/// Exchanges that are listed as the slowest.
const SLOWEST: usize = 5;

/// A conversation in figures. It is told what a [`Watch`](super::Watch) noticed.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// When the first thing was seen.
    pub began: Option<Duration>,
    /// When the last thing was seen.
    pub ended: Duration,
    /// Messages to the server.
    pub n_requests: u64,
    /// Requests that were refused.
    pub n_refused: u64,
    /// Requests that will never be answered.
    pub n_unanswered: u64,
    /// Messages that were delivered.
    pub n_deliveries: u64,
    /// Those that came a second time.
    pub n_duplicates: u64,
    /// The sessions in their order.
    pub sessions: BTreeMap<SessionNumber, Course>,
    /// The slowest exchanges, held connects left out; the slowest first.
    pub slowest: Vec<Slow>,
    /// How long a connect was held at the longest.
    pub longest_hold: Option<Duration>,
    /// The rules that were broken, each with who broke it first and how, and how often.
    pub breaches: Vec<(Rule, String, u64)>,
}

/// What became of a session.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Course {
    /// Its client id.
    pub client_id: String,
    /// When it was opened, or seen first.
    pub opened: Duration,
    /// When it ended, and why; nothing while it lives.
    pub end: Option<(Duration, Ending)>,
    /// Which one it took the place of.
    pub replaces: Option<SessionNumber>,
    /// How long messages may have been missed before every subscription was back.
    pub gap: Option<Duration>,
    /// Subscriptions of the one before that did not come back.
    pub not_restored: Vec<String>,
    /// Deliveries to it.
    pub n_deliveries: u64,
}

/// How a session ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Ending {
    /// It was disconnected.
    Disconnected,
    /// It was lost; what the server said.
    Lost(String),
}

/// An exchange that took its time.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Slow {
    /// How long.
    pub latency: Duration,
    /// When the reply came.
    pub at: Duration,
    /// The channel of the request.
    pub channel: String,
    /// The id of the request.
    pub id: Option<String>,
}

impl Summary {
    /// Adds what was noticed.
    pub fn add(&mut self, noticed: &Noticed) {
        let at = noticed.at();
        self.began = self.began.or(Some(at));
        self.ended = at;
        match noticed {
            Noticed::Asked(_) => self.n_requests += 1,
            Noticed::Answered(answer) => {
                if answer.message.successful() == Some(false) {
                    self.n_refused += 1;
                }
                let Some((_, latency)) = answer.to else {
                    return;
                };
                if answer.message.channel() == meta::CONNECT && answer.hold != Hold::No {
                    self.longest_hold = self.longest_hold.max(Some(latency));
                } else {
                    self.add_slow(Slow {
                        latency,
                        at,
                        channel: answer.message.channel().to_owned(),
                        id: answer.message.id().map(str::to_owned),
                    });
                }
            }
            Noticed::Delivered(delivered) => {
                self.n_deliveries += 1;
                self.n_duplicates += u64::from(delivered.is_duplicate);
                let session = delivered.session;
                if let Some(session) = session.and_then(|it| self.sessions.get_mut(&it)) {
                    session.n_deliveries += 1;
                }
            }
            Noticed::Unanswered(_) => self.n_unanswered += 1,
            Noticed::Session(notice) => self.change(at, notice.session, &notice.change),
            Noticed::Remark(remark) => {
                let rule = remark.breach.rule;
                if !self.breaches.iter().any(|(it, _, _)| *it == rule) {
                    let sentence = remark.breach.sentence.clone();
                    self.breaches.push((rule, sentence, 1));
                }
            }
        }
    }

    /// Takes over how often each rule was broken.
    pub fn count_breaches(&mut self, counts: impl Iterator<Item = (Rule, u64)>) {
        let counts: Vec<_> = counts.collect();
        for (rule, _, n) in &mut self.breaches {
            let counted = counts.iter().find(|(it, _)| it == rule);
            *n = counted.map_or(*n, |(_, n)| *n);
        }
    }

    /// Sessions that were lost.
    pub fn n_lost(&self) -> usize {
        let is_lost = |it: &&Course| matches!(it.end, Some((_, Ending::Lost(_))));
        self.sessions.values().filter(is_lost).count()
    }

    /// From the first thing that was seen to the last.
    pub fn length(&self) -> Duration {
        let began = self.began.unwrap_or(self.ended);
        self.ended.saturating_sub(began)
    }

    fn add_slow(&mut self, slow: Slow) {
        let place = self
            .slowest
            .partition_point(|it| it.latency >= slow.latency);
        if place < SLOWEST {
            self.slowest.insert(place, slow);
            self.slowest.truncate(SLOWEST);
        }
    }

    fn change(&mut self, at: Duration, number: SessionNumber, change: &SessionChange) {
        let opened = |client_id: &String, replaces| Course {
            client_id: client_id.clone(),
            opened: at,
            end: None,
            replaces,
            gap: None,
            not_restored: Vec::new(),
            n_deliveries: 0,
        };
        match change {
            SessionChange::Opened { client_id } | SessionChange::Joined { client_id } => {
                self.sessions.insert(number, opened(client_id, None));
            }
            SessionChange::Renewed {
                client_id,
                replaces,
                owed: _,
            } => {
                self.sessions
                    .insert(number, opened(client_id, Some(*replaces)));
            }
            SessionChange::Restored { gap, .. } => {
                if let Some(course) = self.sessions.get_mut(&number) {
                    course.gap = Some(*gap);
                }
            }
            SessionChange::NotRestored { channels } => {
                if let Some(course) = self.sessions.get_mut(&number) {
                    course.not_restored.extend(channels.iter().cloned());
                }
            }
            SessionChange::Lost { reason, age: _ } => {
                if let Some(course) = self.sessions.get_mut(&number) {
                    course.end = Some((at, Ending::Lost(reason.clone())));
                }
            }
            SessionChange::Ended { age: _ } => {
                if let Some(course) = self.sessions.get_mut(&number) {
                    course.end = Some((at, Ending::Disconnected));
                }
            }
        }
    }
}
