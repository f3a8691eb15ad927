//! CometD's ack extension: the server keeps what it delivered until the next connect says that
//! it arrived.
//!
//! A handshake offers `ack`; once the server agrees, each connect carries the number of the last
//! batch that came, and each reply the number of the one that came with it. Where a connect
//! fails, the server delivers the unacknowledged messages again, in their order. Those that were
//! handed out already are recognised here: over a websocket a message can come in a frame before
//! the connect's reply, and a reply can be lost behind the messages it came with.
//!
//! CometD 8.0.10 and 9.0.0, run in `tests/interop`: a connect that repeats an old number brings the
//! same messages under a new one; after a new handshake the queue is lost.

use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::time::Instant;

use crate::protocol::{Message, member, meta};

use super::members::ext_member;
use super::{Delivery, Extension, Members, Outgoing};
use crate::session::Event;

const NAME: &str = "ack";
/// Messages of one batch that can be recognised when they come again; 512 KiB. Whatever comes
/// beyond it comes twice, which is better than never.
const MOST_REMEMBERED: usize = 65_536;

/// The ack extension of one session.
#[derive(Debug)]
pub struct Ack {
    state: State,
    /// What the message texts are hashed with: nobody can make two of them look the same.
    hasher: RandomState,
    /// The messages that came since the last connect that acknowledged anything.
    handed_out: VecDeque<u64>,
    /// Those of them that the server may deliver again, next one first.
    suspects: VecDeque<u64>,
}

#[derive(Debug, Eq, PartialEq)]
enum State {
    /// The server has not agreed.
    Off,
    On {
        /// The number of the last batch, as the server writes it.
        last: String,
        /// The one that the last connect carried.
        sent: Option<String>,
    },
}

impl Ack {
    /// The extension, not yet agreed upon.
    pub fn new() -> Self {
        Self {
            state: State::Off,
            hasher: RandomState::new(),
            handed_out: VecDeque::new(),
            suspects: VecDeque::new(),
        }
    }

    fn begin(&mut self, reply: &Message) -> Option<Event> {
        *self = Self {
            hasher: self.hasher.clone(),
            ..Self::new()
        };
        let answer = ext_member(reply, NAME).unwrap_or("false");
        let is_agreed = answer == "true"
            || answer.starts_with('{') && member(answer, "enabled") != Some("false");
        if !is_agreed {
            return Some(Event::ExtensionUnknown { name: NAME });
        }
        // CometD gives a batch here if messages were delivered with the handshake.
        let batch = member(answer, "batch").filter(|it| is_number(it));
        let last = batch.unwrap_or("0").to_owned();
        self.state = State::On { last, sent: None };
        None
    }
}

impl Default for Ack {
    fn default() -> Self {
        Self::new()
    }
}

impl Extension for Ack {
    fn outgoing(&mut self, _now: Instant, message: Outgoing<'_>, ext: &mut Members) {
        match (message, &mut self.state) {
            (Outgoing::Handshake, _) => ext.add(NAME, "true"),
            (Outgoing::Connect, State::On { last, sent }) => {
                if sent.as_ref() != Some(last) {
                    // Acknowledged now: these will not come again.
                    self.handed_out.clear();
                    *sent = Some(last.clone());
                }
                ext.add(NAME, last);
            }
            _ => {}
        }
    }

    fn replied(&mut self, _now: Instant, reply: &Message) -> Option<Event> {
        let is_successful = reply.successful() == Some(true);
        match (reply.channel(), &mut self.state) {
            (meta::HANDSHAKE, _) if is_successful => return self.begin(reply),
            (meta::CONNECT, State::On { last, .. }) => {
                if let Some(batch) = ext_member(reply, NAME).filter(|it| is_number(it)) {
                    batch.clone_into(last);
                    self.suspects.clear();
                }
            }
            _ => {}
        }
        None
    }

    fn delivered(&mut self, message: &Message) -> Delivery {
        if self.state == State::Off {
            return Delivery::New;
        }
        let text = self.hasher.hash_one(message.raw());
        if self.suspects.front() == Some(&text) {
            self.suspects.pop_front();
            return Delivery::Duplicate;
        }
        // The server goes on behind what it had delivered, or has forgotten it.
        self.suspects.clear();
        if self.handed_out.len() < MOST_REMEMBERED {
            self.handed_out.push_back(text);
        }
        Delivery::New
    }

    fn connect_failed(&mut self) {
        self.suspects.clone_from(&self.handed_out);
    }
}

/// A batch is a number, however long; a string of one is taken too.
fn is_number(json: &str) -> bool {
    let digits = json.trim_matches('"');
    !digits.is_empty() && digits.bytes().all(|it| it.is_ascii_digit() || it == b'-')
}
