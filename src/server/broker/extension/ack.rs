//! CometD's ack extension: what was delivered is kept until a connect says that it arrived.
//!
//! Each reply to a connect closes a batch and carries its number, each connect the number of
//! the last batch that came. Where a connect carries an older one, everything after that batch
//! is delivered again, in its order and before what is new. Deliveries go with connect replies
//! alone, so that there is one order: replies to publishes and subscribes carry neither
//! deliveries nor a number (measured: CometD 8.0.10 and 9.0.0).

use std::collections::VecDeque;
use std::sync::Arc;

use super::contract::{Carriers, Extension, Reply, Standing};
use super::ext::{Members, ext_member, integer};
use crate::protocol::{Message, meta};
use crate::server::broker::clock::Now;
use crate::server::broker::queue::{Queue, Size};

pub(super) const NAME: &str = "ack";

#[derive(Debug)]
pub(super) struct Ack {
    /// The number of the last batch.
    last: i64,
    /// The batches that are not acknowledged, the oldest first; none of them is empty.
    batches: VecDeque<Batch>,
    size: Size,
}

#[derive(Debug)]
struct Batch {
    number: i64,
    messages: Vec<Arc<Message>>,
}

impl Ack {
    pub(super) fn new() -> Self {
        Self {
            last: 0,
            batches: VecDeque::new(),
            size: Size::default(),
        }
    }

    /// Everything up to this batch has arrived; the rest has to leave again.
    fn acknowledge(&mut self, number: i64, queue: &mut Queue) {
        while let Some(oldest) = self.batches.front()
            && oldest.number <= number
        {
            self.batches.pop_front();
        }
        let rest = self.batches.drain(..).flat_map(|it| it.messages);
        queue.put_back(rest.collect());
        self.size = Size::default();
    }
}

impl Extension for Ack {
    fn received(&mut self, _now: Now, message: &Message, queue: &mut Queue) -> Standing {
        if message.channel() == meta::CONNECT {
            // One without a number acknowledges nothing (measured: CometD 9.0.0).
            let number = ext_member(message, NAME).and_then(integer);
            self.acknowledge(number.unwrap_or(i64::MIN), queue);
        }
        Standing::Good
    }

    fn replying(&mut self, _now: Now, reply: Reply<'_>, ext: &mut Members) {
        match reply {
            Reply::Connect(deliveries) => {
                self.last += 1;
                if !deliveries.is_empty() {
                    self.size = self.size + Size::of(deliveries);
                    self.batches.push_back(Batch {
                        number: self.last,
                        messages: deliveries.to_vec(),
                    });
                }
                ext.add(NAME, self.last.to_string());
            }
            Reply::Other(message) if message.channel() == meta::HANDSHAKE => {
                ext.add(NAME, "true".to_owned());
            }
            Reply::Other(_) => {}
        }
    }

    fn carriers(&self) -> Carriers {
        Carriers::Connects
    }

    fn kept(&self) -> Size {
        self.size
    }
}
