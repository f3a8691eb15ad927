//! Extensions: what a session puts into the `ext` of its messages, and what it learns from
//! the server's.
//!
//! An extension sees each message that leaves and each reply and delivery that comes. Like
//! the session it has no socket and no clock. A session without extensions does nothing here,
//! and allocates nothing.

mod ack;
mod given;
mod members;
mod replay;
mod timesync;

use std::fmt;
use std::time::Instant;

use crate::protocol::{Channel, ChannelPattern, Message};

use super::Event;

pub use ack::Ack;
pub use given::Extensions;
pub use members::Members;
pub use replay::{Fallback, Replay, ReplayFrom, ReplayId, ReplayIdError, replay_id};
pub use timesync::{ClockReading, TimeSync};

/// One extension of one session.
///
/// Extensions are asked in the order of [`Settings::extensions`](super::Settings::extensions).
/// Where two add a member of the same name, the first one's is sent.
pub trait Extension: fmt::Debug + Send {
    /// A message is about to be sent: adds members to its `ext`.
    fn outgoing(&mut self, now: Instant, message: Outgoing<'_>, ext: &mut Members);

    /// A reply to a message of this session came. A successful reply to a handshake begins a
    /// new life of the session, in which the server knows nothing of the last one. The event,
    /// if there is one, is told before what the reply itself leads to.
    fn replied(&mut self, _now: Instant, _reply: &Message) -> Option<Event> {
        None
    }

    /// A message was delivered. Says whether it was handed out before.
    fn delivered(&mut self, _message: &Message) -> Delivery {
        Delivery::New
    }

    /// A connect failed, or its connection did: what the server sent with it may be lost, and
    /// what it had sent before may come again.
    fn connect_failed(&mut self) {}

    /// Whether what a broken connect took with it comes again in a new session only.
    fn needs_new_session(&self) -> bool {
        false
    }

    /// The server refused a subscribe for a reason that will not pass. With an event, which is
    /// told, it is sent once more.
    fn subscribe_refused(&mut self, _pattern: &ChannelPattern, _reply: &Message) -> Option<Event> {
        None
    }

    /// From where on the server was asked to deliver again what a subscription missed.
    fn replays_from(&self, _pattern: &ChannelPattern) -> Option<&ReplayId> {
        None
    }
}

/// A message that is about to be sent.
#[derive(Clone, Copy, Debug)]
pub enum Outgoing<'a> {
    /// A handshake.
    Handshake,
    /// A connect.
    Connect,
    /// A subscribe to this pattern.
    Subscribe(&'a ChannelPattern),
    /// An unsubscribe from this pattern.
    Unsubscribe(&'a ChannelPattern),
    /// A publish on this channel.
    Publish(&'a Channel),
    /// A disconnect.
    Disconnect,
}

/// What an extension knows about a delivery.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Delivery {
    /// It was not handed out before, as far as this extension knows.
    New,
    /// The server sent it again, and it was handed out before.
    Duplicate,
}

/// The members that all extensions add to a message.
pub fn members(
    extensions: &mut [Box<dyn Extension>],
    now: Instant,
    message: Outgoing<'_>,
) -> Members {
    let mut members = Members::default();
    for extension in extensions {
        extension.outgoing(now, message, &mut members);
    }
    members
}
