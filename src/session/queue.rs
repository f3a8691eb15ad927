//! What waits to be sent, publications and subscriptions, and what waits to be told.

use std::collections::VecDeque;

use crate::protocol::{Channel, ChannelPattern, Json};

use super::event::{Event, PublishId};

/// Events that are not told yet. Most of the time there are none, and then they have no memory:
/// among thousands of sessions each would find its own in no cache.
#[derive(Debug, Default)]
pub(super) struct Events(VecDeque<Event>);

impl Events {
    pub(super) fn push_back(&mut self, event: Event) {
        if self.0.capacity() == 0 {
            // Most come alone; a queue that grows of itself begins with room for four.
            self.0.reserve_exact(1);
        }
        self.0.push_back(event);
    }

    pub(super) fn pop_front(&mut self) -> Option<Event> {
        let event = self.0.pop_front();
        if self.0.is_empty() {
            self.0 = VecDeque::new();
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
        assert_eq!(events.0.capacity(), 1);
        events.push_back(Event::Connected);
        assert!(matches!(events.pop_front(), Some(Event::Connected)));
        assert!(matches!(events.pop_front(), Some(Event::Connected)));
        assert_eq!(events.0.capacity(), 0);
    }
}
