//! Deliveries: who gets a message, how it is written for each, what waits in the queues, and
//! who is told that something waits.

use std::mem;
use std::sync::Arc;
use std::time::Instant;

use super::Broker;
use super::extension::Style;
use super::keys::{LinkId, SessionKey};
use crate::protocol::Message;
use crate::server::CloseReason;
use crate::server::fault::{Delivered, Passage, Place};

impl Broker {
    /// Takes what is to be said over a link next, in one piece. To be called until there is
    /// nothing more, as far as the link can send it.
    pub(in crate::server) fn take(&mut self, link: LinkId) -> Option<(Vec<Arc<Message>>, Passage)> {
        let response = self.links.pop(link);
        let taken = response.or_else(|| {
            self.links.sessions(link).find_map(|key| {
                let session = self.sessions.get_mut(key)?;
                session.pushes_to()?;
                let queue = &mut session.queue;
                (!queue.is_empty()).then(|| (queue.take(), Passage::default()))
            })
        });
        if taken.is_none() {
            self.links.unmark_ready(link);
        }
        taken
    }

    /// Whether a session made its last connect over this link.
    pub(in crate::server) fn is_in_use(&self, link: LinkId) -> bool {
        self.links.sessions(link).next().is_some()
    }

    /// Delivers a message to all who are subscribed to its channel.
    pub(super) fn broadcast(&mut self, now: Instant, channel: &str, published: &Message) {
        if self.dialect.salesforce().is_some() {
            if let Some(data) = published.data().and_then(|data| data.parse().ok()) {
                self.publish_event(now, channel, &data);
            }
            return;
        }
        let subscribers = self.subscriptions.of(channel);
        let retain = self.settings.retain.as_ref();
        if subscribers.is_empty() && retain.is_none() {
            return;
        }
        let delivery = Arc::new(self.dialect.delivery(published));
        let kept = retain.map(|it| self.retained.keep(now, it, &delivery));
        // Written once for all who want it so.
        let mut numbered = None;
        for key in subscribers {
            match &kept {
                Some(kept) if self.style(key) == Style::Numbered => {
                    let numbered = numbered.get_or_insert_with(|| kept.numbered());
                    self.enqueue(now, key, &Arc::clone(numbered));
                }
                Some(_) | None => self.enqueue(now, key, &delivery),
            }
        }
    }

    /// How a session's deliveries are written.
    pub(super) fn style(&self, key: SessionKey) -> Style {
        let session = self.sessions.get(key);
        session.map_or(Style::Plain, |it| it.extensions.style())
    }

    /// Puts a delivery into the queue of a session, which ends if that becomes too long.
    pub(super) fn enqueue(&mut self, now: Instant, key: SessionKey, delivery: &Arc<Message>) {
        let Some(session) = self.sessions.get_mut(key) else {
            return;
        };
        let was_empty = session.queue.is_empty();
        if !self.faults.is_empty() {
            match self.faults.meet(now, Place::Delivery).delivered() {
                Delivered::Once => session.queue.push(delivery),
                Delivered::Never => return,
                Delivered::Twice => {
                    session.queue.push(delivery);
                    session.queue.push(delivery);
                }
                Delivered::Late => session.queue.push_late(delivery),
            }
        } else {
            session.queue.push(delivery);
        }
        let (settings, size) = (&self.settings, session.size());
        if size.n_messages > settings.max_queue_messages || size.n_bytes > settings.max_queue_bytes
        {
            self.close(key, CloseReason::QueueOverflow);
        } else if was_empty {
            // Whoever has something waiting was woken by it.
            self.woken.push(key);
        }
    }

    /// Releases the connects of sessions that got messages, or tells their links, which keeps
    /// the connects held. Only at the end of a request: so a batch of publishes arrives in one
    /// response.
    pub(super) fn wake(&mut self, now: Instant) {
        let mut woken = mem::take(&mut self.woken);
        woken.sort_unstable();
        woken.dedup();
        for key in woken {
            match self.sessions.get_mut(key) {
                Some(session) if !session.queue.is_empty() => match session.pushes_to() {
                    Some(link) => self.links.mark_ready(link),
                    None => {
                        self.release_held(now, key);
                    }
                },
                Some(_) | None => {}
            }
        }
    }
}
