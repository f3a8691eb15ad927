//! CometD's activity extension: a session ends whose client sends nothing but connects.
//!
//! It is looked at with each connect, as CometD does, so that the client learns of it at once.
//! What is delivered to the client does not count (CometD's `Activity.CLIENT`).

use std::time::{Duration, Instant};

use super::contract::{Extension, Standing};
use crate::protocol::{Message, meta};
use crate::server::broker::clock::Now;
use crate::server::broker::queue::Queue;

#[derive(Debug)]
pub(super) struct Activity {
    limit: Duration,
    last: Instant,
}

impl Activity {
    pub(super) fn new(limit: Duration, now: Now) -> Self {
        Self {
            limit,
            last: now.instant,
        }
    }
}

impl Extension for Activity {
    fn received(&mut self, now: Now, message: &Message, _queue: &mut Queue) -> Standing {
        if message.channel() != meta::CONNECT {
            self.last = now.instant;
        }
        match now.instant.saturating_duration_since(self.last) > self.limit {
            true => Standing::Inactive,
            false => Standing::Good,
        }
    }
}
