//! What waits to be sent, publications and subscriptions, and what waits to be told.

use std::collections::VecDeque;
use std::vec;

use crate::protocol::{Channel, ChannelPattern, Json, Message};

use super::event::{Event, PublishId};

/// Events that are not told yet. Most of the time there are none, and then they have no memory:
/// among thousands of sessions each would find its own in no cache.
#[derive(Debug, Default)]
pub(super) struct Events {
    /// Deliveries that came together, and come first.
    deliveries: vec::IntoIter<Message>,
    others: VecDeque<Event>,
}

impl Events {
    pub(super) fn push_back(&mut self, event: Event) {
        if self.others.capacity() == 0 {
            // Most come alone; a queue that grows of itself begins with room for four.
            self.others.reserve_exact(1);
        }
        self.others.push_back(event);
    }

    /// Adds deliveries.
    pub(super) fn extend(&mut self, deliveries: Vec<Message>) {
        if self.deliveries.len() == 0 && self.others.is_empty() {
            self.deliveries = deliveries.into_iter();
        } else {
            let received = |message| Event::Received { message };
            self.others.extend(deliveries.into_iter().map(received));
        }
    }

    pub(super) fn pop_front(&mut self) -> Option<Event> {
        if let Some(message) = self.deliveries.next() {
            if self.deliveries.len() == 0 {
                self.deliveries = Vec::new().into_iter();
            }
            return Some(Event::Received { message });
        }
        let event = self.others.pop_front();
        if self.others.is_empty() {
            self.others = VecDeque::new();
        }
        event
    }
}

/// A message to publish.
#[derive(Clone, Debug)]
pub(super) struct Publication {
    pub(super) publish: PublishId,
    pub(super) channel: Channel,
    pub(super) data: Json,
    /// How often the server refused it because it did not know the session.
    pub(super) n_lost: u32,
}

/// A channel pattern that the session is or wants to be subscribed to.
#[derive(Clone, Debug)]
pub(super) struct Subscription {
    pub(super) pattern: ChannelPattern,
    pub(super) state: SubscriptionState,
    /// Subscribes that got no reply, or a transient refusal.
    pub(super) n_failed: u32,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum SubscriptionState {
    /// A subscribe has to be sent.
    Wanted,
    /// It is under way.
    Asked,
    /// The server confirmed it in this life of the session.
    Confirmed,
    /// The server refused it.
    Refused,
    /// An unsubscribe has to be sent.
    Unwanted,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_that_are_told_leave_no_memory() {
        let mut events = Events::default();
        assert!(events.pop_front().is_none());
        events.push_back(Event::Connected);
        assert_eq!(events.others.capacity(), 1);
        events.push_back(Event::Connected);
        assert!(matches!(events.pop_front(), Some(Event::Connected)));
        assert!(matches!(events.pop_front(), Some(Event::Connected)));
        assert_eq!(events.others.capacity(), 0);
    }

    #[test]
    fn deliveries_and_other_events_are_told_in_the_order_in_which_they_came() {
        let mut events = Events::default();
        let delivery = |name| Message::builder(name).build();
        events.extend(vec![delivery("/a"), delivery("/b")]);
        events.push_back(Event::Connected);
        events.extend(vec![delivery("/c")]);
        let told: Vec<_> = std::iter::from_fn(|| events.pop_front())
            .map(|it| match it {
                Event::Received { message } => message.channel().to_owned(),
                other => format!("{other:?}"),
            })
            .collect();
        assert_eq!(told, ["/a", "/b", "Connected", "/c"]);
    }
}
