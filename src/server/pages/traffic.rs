//! What happened last: a bounded memory of messages and remarks.

use core::net::SocketAddr;
use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::SystemTime;

use serde::Serialize;

use crate::protocol::{ConnectionType, Message};
use crate::redaction::redact;
use crate::rfc3339;
use crate::server::Event;

/// Most things that are remembered.
const MOST_ENTRIES: usize = 4096;

/// Most bytes of messages that are remembered.
const MOST_BYTES: usize = 2 * 1024 * 1024;

/// Longest message that is remembered as a whole.
const LONGEST: usize = 16 * 1024;

/// Most things that one answer tells, and most bytes of messages in it: one more is always
/// told.
const MOST_TOLD: usize = 500;
const MOST_BYTES_TOLD: usize = 256 * 1024;

/// What an entry takes beside its text.
const OVERHEAD: usize = 128;

#[derive(Default)]
pub(super) struct Traffic {
    entries: VecDeque<Entry>,
    n_bytes: usize,
    last: u64,
}

struct Entry {
    time: SystemTime,
    n_bytes: usize,
    what: What,
}

enum What {
    Message(Heading, Arc<Message>),
    /// A message that is too long to be remembered.
    Long(Heading, Box<str>),
    Remark(String),
}

struct Heading {
    direction: &'static str,
    peer: SocketAddr,
    connection_type: ConnectionType,
}

/// An answer.
#[derive(Serialize)]
pub(super) struct Told<'a> {
    /// How many entries after the number that was asked for are forgotten already.
    missed: u64,
    /// The number to ask with next.
    last: u64,
    traffic: Vec<Line<'a>>,
}

#[derive(Serialize)]
struct Line<'a> {
    number: u64,
    time: String,
    #[serde(flatten)]
    what: LineKind<'a>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum LineKind<'a> {
    Message {
        dir: &'static str,
        peer: String,
        transport: &'static str,
        channel: &'a str,
        bytes: usize,
        /// The message as it was written, so that a digit stays a digit; nothing if it is too
        /// long to be remembered.
        #[serde(skip_serializing_if = "Option::is_none")]
        text: Option<Cow<'a, str>>,
    },
    Remark {
        text: &'a str,
    },
}

impl Traffic {
    pub(super) fn record(&mut self, time: SystemTime, event: &Event<'_>) {
        match *event {
            Event::Received {
                peer,
                connection_type,
                messages,
            } => {
                for message in messages {
                    let heading = Heading {
                        direction: "in",
                        peer,
                        connection_type,
                    };
                    self.push_message(time, heading, message, || Arc::new(message.clone()));
                }
            }
            Event::Sent {
                peer,
                connection_type,
                messages,
            } => {
                for message in messages {
                    let heading = Heading {
                        direction: "out",
                        peer,
                        connection_type,
                    };
                    self.push_message(time, heading, message, || Arc::clone(message));
                }
            }
            _ => {
                if let Some(remark) = event.remark() {
                    self.push(time, remark.len(), What::Remark(remark));
                }
            }
        }
    }

    /// Remembers what happened, in words.
    pub(super) fn remark(&mut self, time: SystemTime, text: String) {
        self.push(time, text.len(), What::Remark(text));
    }

    /// The number of what was recorded last.
    pub(super) fn last(&self) -> u64 {
        self.last
    }

    /// What was recorded after this number, the oldest first: as much as one answer holds.
    pub(super) fn after(&self, number: u64) -> Told<'_> {
        let n_forgotten = self.last - self.entries.len() as u64;
        // Whoever has a later number knows another server, which had this address before.
        let number = if number > self.last { 0 } else { number };
        let first = number.max(n_forgotten);
        let skipped = usize::try_from(first - n_forgotten).unwrap_or(usize::MAX);
        let mut n_bytes = 0;
        let mut traffic = Vec::new();
        for (entry, number) in self.entries.iter().skip(skipped).zip(first + 1..) {
            if traffic.len() >= MOST_TOLD || n_bytes > MOST_BYTES_TOLD {
                break;
            }
            n_bytes += entry.what.told_bytes();
            traffic.push(entry.line(number));
        }
        Told {
            missed: first - number,
            last: first + traffic.len() as u64,
            traffic,
        }
    }

    /// Remembers a message, which `shared` makes one that can be kept.
    fn push_message(
        &mut self,
        time: SystemTime,
        heading: Heading,
        message: &Message,
        shared: impl FnOnce() -> Arc<Message>,
    ) {
        let n_bytes = message.raw().len();
        let what = match n_bytes {
            0..=LONGEST => What::Message(heading, shared()),
            _ => What::Long(heading, name(message)),
        };
        self.push(time, n_bytes, what);
    }

    fn push(&mut self, time: SystemTime, n_bytes: usize, what: What) {
        let entry = Entry {
            time,
            n_bytes,
            what,
        };
        self.n_bytes += entry.cost();
        self.last += 1;
        self.entries.push_back(entry);
        while self.entries.len() > MOST_ENTRIES || self.n_bytes > MOST_BYTES {
            let Some(oldest) = self.entries.pop_front() else {
                break;
            };
            self.n_bytes -= oldest.cost();
        }
    }
}

impl Entry {
    fn cost(&self) -> usize {
        OVERHEAD + self.what.told_bytes()
    }

    fn line(&self, number: u64) -> Line<'_> {
        let message = |heading: &Heading, channel, text| LineKind::Message {
            dir: heading.direction,
            peer: heading.peer.to_string(),
            transport: heading.connection_type.as_str(),
            channel,
            bytes: self.n_bytes,
            text,
        };
        let what = match &self.what {
            What::Message(heading, it) => message(heading, it.channel(), Some(redact(it.raw()))),
            What::Long(heading, channel) => message(heading, channel, None),
            What::Remark(text) => LineKind::Remark { text },
        };
        Line {
            number,
            time: rfc3339::text(self.time),
            what,
        }
    }
}

impl What {
    /// How much text there is to tell.
    fn told_bytes(&self) -> usize {
        match self {
            Self::Message(_, message) => message.raw().len(),
            Self::Long(_, channel) => channel.len(),
            Self::Remark(text) => text.len(),
        }
    }
}

/// The channel of a message of which nothing else is remembered; the name may be what is long.
fn name(message: &Message) -> Box<str> {
    message.channel().chars().take(100).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::server::CloseReason;

    fn sent(traffic: &mut Traffic, messages: &[Arc<Message>]) {
        let event = Event::Sent {
            peer: "127.0.0.1:1".parse().unwrap(),
            connection_type: ConnectionType::LongPolling,
            messages,
        };
        traffic.record(SystemTime::UNIX_EPOCH, &event);
    }

    fn message(length: usize) -> Arc<Message> {
        let data = "x".repeat(length);
        let raw = format!(r#"{{"channel":"/a","data":"{data}"}}"#);
        Arc::new(Message::parse(&raw).unwrap())
    }

    #[test]
    fn the_oldest_are_forgotten_by_their_number_and_whoever_missed_them_is_told() {
        let mut traffic = Traffic::default();
        for _ in 0..MOST_ENTRIES + 10 {
            sent(&mut traffic, &[message(1)]);
        }
        assert_eq!(traffic.entries.len(), MOST_ENTRIES);
        let told = traffic.after(3);
        assert_eq!((told.missed, told.last), (7, 10 + MOST_TOLD as u64));
        assert_eq!(told.traffic[0].number, 11);
        let mut n_told = told.traffic.len();
        let mut last = told.last;
        while last < traffic.last() {
            let told = traffic.after(last);
            assert_eq!(told.missed, 0);
            n_told += told.traffic.len();
            last = told.last;
        }
        assert_eq!(n_told, MOST_ENTRIES);
    }

    #[test]
    fn the_bytes_that_are_kept_and_told_are_bounded() {
        let mut traffic = Traffic::default();
        for _ in 0..1000 {
            sent(&mut traffic, &[message(10_000)]);
        }
        assert!(traffic.n_bytes <= MOST_BYTES);
        let cost: usize = traffic.entries.iter().map(Entry::cost).sum();
        assert_eq!(traffic.n_bytes, cost);
        assert!(traffic.entries.len() > 100);
        let told = traffic.after(0).traffic.len();
        assert!((26..=28).contains(&told), "{told}");
    }

    #[test]
    fn of_a_long_message_only_channel_and_length_are_kept() {
        let mut traffic = Traffic::default();
        sent(&mut traffic, &[message(1_000_000)]);
        assert!(traffic.n_bytes < 1000);
        let json = serde_json::to_string(&traffic.after(0)).unwrap();
        assert!(
            json.contains(r#""channel":"/a","bytes":1000026}"#),
            "{json}"
        );
    }

    #[test]
    fn a_clock_that_is_wrong_does_no_harm() {
        let mut traffic = Traffic::default();
        let event = Event::SessionClosed {
            client_id: "abcdefgh",
            reason: CloseReason::Expired,
        };
        for time in [
            SystemTime::UNIX_EPOCH - Duration::from_secs(1),
            SystemTime::UNIX_EPOCH + Duration::from_secs(300_000_000_000),
        ] {
            traffic.record(time, &event);
        }
        let times: Vec<_> = traffic
            .after(0)
            .traffic
            .into_iter()
            .map(|it| it.time)
            .collect();
        assert_eq!(
            times,
            ["1970-01-01T00:00:00.000000Z", "9999-12-31T23:59:59.000000Z"]
        );
    }
}
