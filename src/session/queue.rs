//! What waits to be sent: publications and subscriptions.

use crate::protocol::{Channel, ChannelPattern, Json};

use super::PublishId;

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
