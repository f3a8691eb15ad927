//! Requests that wait for their replies.

use std::time::Instant;

use crate::protocol::{ChannelPattern, Message, meta};

use super::extension::Outgoing;
use super::queue::Publication;
use super::{ExchangeId, Lane};

/// A message that was sent and not yet answered.
#[derive(Clone, Debug)]
pub(super) struct Pending {
    pub(super) id: u64,
    pub(super) exchange: ExchangeId,
    /// Which of the session's lives it belongs to; a new handshake begins the next one.
    pub(super) epoch: u32,
    pub(super) request: Request,
    /// Set once its own response came without a reply: when to give up.
    pub(super) deadline: Option<Instant>,
}

/// What was asked.
#[derive(Clone, Debug)]
pub(super) enum Request {
    Handshake,
    Connect,
    Subscribe(ChannelPattern),
    Unsubscribe(ChannelPattern),
    Publish(Publication),
    Disconnect,
}

impl Request {
    pub(super) fn channel(&self) -> &str {
        match self {
            Self::Handshake => meta::HANDSHAKE,
            Self::Connect => meta::CONNECT,
            Self::Subscribe(_) => meta::SUBSCRIBE,
            Self::Unsubscribe(_) => meta::UNSUBSCRIBE,
            Self::Publish(publication) => publication.channel.as_str(),
            Self::Disconnect => meta::DISCONNECT,
        }
    }

    /// What the extensions see of it.
    pub(super) fn outgoing(&self) -> Outgoing<'_> {
        match self {
            Self::Handshake => Outgoing::Handshake,
            Self::Connect => Outgoing::Connect,
            Self::Subscribe(pattern) => Outgoing::Subscribe(pattern),
            Self::Unsubscribe(pattern) => Outgoing::Unsubscribe(pattern),
            Self::Publish(publication) => Outgoing::Publish(&publication.channel),
            Self::Disconnect => Outgoing::Disconnect,
        }
    }

    pub(super) fn lane(&self) -> Lane {
        match self {
            Self::Connect => Lane::Connect,
            Self::Handshake
            | Self::Subscribe(_)
            | Self::Unsubscribe(_)
            | Self::Publish(_)
            | Self::Disconnect => Lane::Send,
        }
    }

    /// Whether a reply without an id may answer this request.
    fn is_answered_by(&self, reply: &Message) -> bool {
        if self.channel() != reply.channel() {
            return false;
        }
        match self {
            Self::Subscribe(pattern) | Self::Unsubscribe(pattern) => {
                let subscriptions = reply.subscriptions();
                subscriptions.is_empty() || subscriptions.iter().any(|it| it == pattern.as_str())
            }
            Self::Handshake | Self::Connect | Self::Publish(_) | Self::Disconnect => true,
        }
    }
}

/// Finds what a reply answers: by its id, or without one (Lyrion Media Server) the oldest
/// request on the same channel.
pub(super) fn take_answered(pending: &mut Vec<Pending>, reply: &Message) -> Option<Pending> {
    let at = match reply.id().map(str::parse) {
        Some(id) => pending.iter().position(|it| Ok(it.id) == id),
        None => pending
            .iter()
            .position(|it| it.request.is_answered_by(reply)),
    }?;
    Some(pending.remove(at))
}
