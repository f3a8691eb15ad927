//! What an extension is: when it is asked, and what it may say.

use std::fmt;
use std::sync::Arc;

use super::ext::Members;
use crate::protocol::Message;
use crate::server::broker::clock::Now;
use crate::server::broker::queue::{Queue, Size};

/// One extension of one session.
pub(super) trait Extension: fmt::Debug + Send {
    /// A message of the session came in and is about to be carried out; `queue` is what waits
    /// for its client.
    fn received(&mut self, _now: Now, _message: &Message, _queue: &mut Queue) -> Standing {
        Standing::Good
    }

    /// The reply to a message on a channel of the protocol is about to leave: adds members to
    /// its `ext`.
    fn replying(&mut self, _now: Now, _reply: Reply<'_>, _ext: &mut Members) {}

    /// Which responses the session's deliveries may go into.
    fn carriers(&self) -> Carriers {
        Carriers::All
    }

    /// How the session's deliveries are written.
    fn style(&self) -> Style {
        Style::Plain
    }

    /// What it keeps of the messages that have left.
    fn kept(&self) -> Size {
        Size::default()
    }
}

/// Whether a session goes on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::server::broker) enum Standing {
    Good,
    /// Its client did nothing for so long that the session is to end.
    Inactive,
}

/// A reply that is about to leave.
#[derive(Clone, Copy, Debug)]
pub(in crate::server::broker) enum Reply<'a> {
    /// To a connect, with these deliveries before it.
    Connect(&'a [Arc<Message>]),
    /// To this message, which is no connect.
    Other(&'a Message),
}

/// Which responses deliveries go into.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::server::broker) enum Carriers {
    /// Every response, and frames of their own over a link.
    All,
    /// Only those with the reply to a connect.
    Connects,
}

/// How deliveries are written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::server::broker) enum Style {
    Plain,
    /// With the id by which a later subscribe can ask for what came after.
    Numbered,
}
