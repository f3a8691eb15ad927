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

/// Most messages and remarks that are remembered.
const MOST_THINGS: usize = 4096;

/// Most bytes of messages that are remembered.
const MOST_BYTES: usize = 2 * 1024 * 1024;

/// Most messages of a frame that are remembered, and forgotten, together.
const MOST_TOGETHER: usize = 64;

/// Longest message that is remembered as a whole.
const LONGEST: usize = 16 * 1024;

/// Most things that one answer tells, and most bytes of messages in it: one more is always
/// told.
const MOST_TOLD: usize = 500;
const MOST_BYTES_TOLD: usize = 256 * 1024;

/// What a message takes beside its text.
const OVERHEAD: usize = 128;

#[derive(Default)]
pub(super) struct Traffic {
    entries: VecDeque<Entry>,
    n_things: usize,
    n_bytes: usize,
    last: u64,
}

/// What happened at once: one for all messages of a frame, since at millions of them a second
/// what is remembered costs as much as what is sent.
struct Entry {
    time: SystemTime,
    /// What it takes, about.
    n_bytes: usize,
    what: What,
}

enum What {
    Messages(Heading, Box<[Kept]>),
    Remark(String),
}

enum Kept {
    Whole(Arc<Message>),
    /// A message that is too long to be remembered.
    Long {
        channel: Box<str>,
        n_bytes: usize,
    },
}

#[derive(Clone, Copy)]
struct Heading {
    direction: &'static str,
    peer: SocketAddr,
    connection_type: ConnectionType,
}

/// An answer.
#[derive(Serialize)]
pub(super) struct Told<'a> {
    /// How many messages and remarks after the number that was asked for are forgotten already.
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
                let heading = Heading {
                    direction: "in",
                    peer,
                    connection_type,
                };
                let kept = messages
                    .iter()
                    .map(|it| Kept::of(it, || Arc::new(it.clone())));
                self.push_messages(time, heading, kept);
            }
            Event::Sent {
                peer,
                connection_type,
                messages,
            } => {
                let heading = Heading {
                    direction: "out",
                    peer,
                    connection_type,
                };
                let kept = messages.iter().map(|it| Kept::of(it, || Arc::clone(it)));
                self.push_messages(time, heading, kept);
            }
            _ => {
                if let Some(remark) = event.remark() {
                    self.remark(time, remark);
                }
            }
        }
    }

    /// Remembers what happened, in words.
    pub(super) fn remark(&mut self, time: SystemTime, text: String) {
        self.push(time, What::Remark(text));
    }

    /// The number of what was recorded last.
    pub(super) fn last(&self) -> u64 {
        self.last
    }

    /// What was recorded after this number, the oldest first: as much as one answer holds.
    pub(super) fn after(&self, number: u64) -> Told<'_> {
        let n_forgotten = self.last - self.n_things as u64;
        // Whoever has a later number knows another server, which had this address before.
        let number = if number > self.last { 0 } else { number };
        let first = number.max(n_forgotten);
        let skipped = usize::try_from(first - n_forgotten).unwrap_or(usize::MAX);
        let mut n_bytes = 0;
        let mut traffic = Vec::new();
        let things = self
            .entries
            .iter()
            .flat_map(|entry| (0..entry.what.n_things()).map(move |nth| (entry, nth)));
        for ((entry, nth), number) in things.skip(skipped).zip(first + 1..) {
            if traffic.len() >= MOST_TOLD || n_bytes > MOST_BYTES_TOLD {
                break;
            }
            let line = entry.line(nth, number);
            n_bytes += line.what.n_bytes();
            traffic.push(line);
        }
        Told {
            missed: first - number,
            last: first + traffic.len() as u64,
            traffic,
        }
    }

    fn push_messages(
        &mut self,
        time: SystemTime,
        heading: Heading,
        mut messages: impl Iterator<Item = Kept>,
    ) {
        loop {
            let kept: Box<[Kept]> = messages.by_ref().take(MOST_TOGETHER).collect();
            if kept.is_empty() {
                return;
            }
            self.push(time, What::Messages(heading, kept));
        }
    }

    fn push(&mut self, time: SystemTime, what: What) {
        let n_things = what.n_things();
        let n_bytes = n_things * OVERHEAD + what.n_bytes();
        self.n_things += n_things;
        self.n_bytes += n_bytes;
        self.last += n_things as u64;
        self.entries.push_back(Entry {
            time,
            n_bytes,
            what,
        });
        while self.n_things > MOST_THINGS || self.n_bytes > MOST_BYTES {
            let Some(oldest) = self.entries.pop_front() else {
                break;
            };
            self.n_things -= oldest.what.n_things();
            self.n_bytes -= oldest.n_bytes;
        }
    }
}

impl Entry {
    /// What is told of the nth thing in it.
    fn line(&self, nth: usize, number: u64) -> Line<'_> {
        let what = match &self.what {
            What::Messages(heading, kept) => {
                let (channel, bytes, text) = match &kept[nth] {
                    Kept::Whole(it) => (it.channel(), it.raw().len(), Some(redact(it.raw()))),
                    Kept::Long { channel, n_bytes } => (&**channel, *n_bytes, None),
                };
                LineKind::Message {
                    dir: heading.direction,
                    peer: heading.peer.to_string(),
                    transport: heading.connection_type.as_str(),
                    channel,
                    bytes,
                    text,
                }
            }
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
    fn n_things(&self) -> usize {
        match self {
            Self::Messages(_, kept) => kept.len(),
            Self::Remark(_) => 1,
        }
    }

    /// How much text there is.
    fn n_bytes(&self) -> usize {
        match self {
            Self::Messages(_, kept) => kept.iter().map(Kept::n_bytes).sum(),
            Self::Remark(text) => text.len(),
        }
    }
}

impl Kept {
    /// What is remembered of a message, which `shared` makes one that can be kept.
    fn of(message: &Message, shared: impl FnOnce() -> Arc<Message>) -> Self {
        match message.raw().len() {
            0..=LONGEST => Self::Whole(shared()),
            n_bytes => Self::Long {
                channel: name(message),
                n_bytes,
            },
        }
    }

    /// How much text there is.
    fn n_bytes(&self) -> usize {
        match self {
            Self::Whole(message) => message.raw().len(),
            Self::Long { channel, .. } => channel.len(),
        }
    }
}

impl LineKind<'_> {
    /// How much text there is to tell.
    fn n_bytes(&self) -> usize {
        match self {
            Self::Message { channel, text, .. } => {
                text.as_ref().map_or(channel.len(), |it| it.len())
            }
            Self::Remark { text } => text.len(),
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
        for _ in 0..MOST_THINGS + 10 {
            sent(&mut traffic, &[message(1)]);
        }
        assert_eq!(traffic.n_things, MOST_THINGS);
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
        assert_eq!(n_told, MOST_THINGS);
    }

    #[test]
    fn messages_of_a_frame_have_a_number_each() {
        let mut traffic = Traffic::default();
        let messages: Vec<_> = (0..100).map(message).collect();
        sent(&mut traffic, &messages);
        traffic.remark(SystemTime::UNIX_EPOCH, "Done.".to_owned());
        sent(&mut traffic, &messages[..1]);
        let told = traffic.after(70);
        assert_eq!((told.missed, told.last), (0, 102));
        let told: Vec<_> = told
            .traffic
            .iter()
            .map(|it| match it.what {
                LineKind::Message { bytes, .. } => (it.number, Some(bytes)),
                LineKind::Remark { .. } => (it.number, None),
            })
            .collect();
        let length = |nth: usize| Some(messages[nth].raw().len());
        let mut expected: Vec<_> = (70..100).map(|nth| (nth as u64 + 1, length(nth))).collect();
        expected.extend([(101, None), (102, length(0))]);
        assert_eq!(told, expected);
    }

    #[test]
    fn of_a_large_frame_the_end_is_remembered() {
        let mut traffic = Traffic::default();
        sent(&mut traffic, &vec![message(1); MOST_THINGS + 1]);
        assert_eq!(traffic.n_things, MOST_THINGS + 1 - MOST_TOGETHER);
        assert_eq!(traffic.after(0).missed, MOST_TOGETHER as u64);
    }

    #[test]
    fn the_bytes_that_are_kept_and_told_are_bounded() {
        let mut traffic = Traffic::default();
        for _ in 0..1000 {
            sent(&mut traffic, &[message(10_000)]);
        }
        assert!(traffic.n_bytes <= MOST_BYTES);
        let n_bytes: usize = traffic.entries.iter().map(|it| it.n_bytes).sum();
        assert_eq!(traffic.n_bytes, n_bytes);
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
