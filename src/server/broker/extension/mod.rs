//! Extensions, server side: what a session does beyond the protocol because its client asked for
//! it in the handshake, or because the settings say so.
//!
//! ```text
//!   handshake -> agreed: which extensions the session has
//!   message   -> received -> carried out -> replying: what goes into the reply's ext
//! ```
//!
//! Each extension is one file. A session without any does nothing here and allocates nothing.

mod ack;
mod activity;
mod replay;
mod retained;
mod timesync;

use std::fmt;
use std::ops::Add;
use std::sync::Arc;

use super::clock::Now;
use super::sessions::Queue;
use crate::protocol::{Message, MessageBuilder, member, members};
use crate::server::{Flavor, Settings};

use self::ack::Ack;
use self::activity::Activity;
use self::replay::Replay;
use self::timesync::TimeSync;

pub(super) use self::replay::Asked;
pub(super) use self::retained::{Kept, Retained};

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
pub(super) enum Standing {
    Good,
    /// Its client did nothing for so long that the session is to end.
    Inactive,
}

/// A reply that is about to leave.
#[derive(Clone, Copy, Debug)]
pub(super) enum Reply<'a> {
    /// To a connect, with these deliveries before it.
    Connect(&'a [Arc<Message>]),
    /// To this message, which is no connect.
    Other(&'a Message),
}

/// Which responses deliveries go into.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Carriers {
    /// Every response, and frames of their own over a link.
    All,
    /// Only those with the reply to a connect.
    Connects,
}

/// How deliveries are written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Style {
    Plain,
    /// With the id by which a later subscribe can ask for what came after.
    Numbered,
}

/// How many messages, and how many bytes of them.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Size {
    pub(super) n_messages: usize,
    pub(super) n_bytes: usize,
}

impl Size {
    pub(super) fn of(messages: &[Arc<Message>]) -> Self {
        Self {
            n_messages: messages.len(),
            n_bytes: messages.iter().map(|it| it.raw().len()).sum(),
        }
    }
}

impl Add for Size {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            n_messages: self.n_messages + other.n_messages,
            n_bytes: self.n_bytes + other.n_bytes,
        }
    }
}

/// Members of an `ext` object: names that need no escaping, and JSON values.
#[derive(Debug, Default)]
pub(super) struct Members(Vec<(&'static str, String)>);

impl Members {
    pub(super) fn add(&mut self, name: &'static str, value: String) {
        self.0.push((name, value));
    }
}

/// The extensions of one session.
#[derive(Debug, Default)]
pub(super) struct Extensions(Vec<Box<dyn Extension>>);

impl Extensions {
    /// What a handshake asks for of what there is, and what the settings switch on.
    pub(super) fn agreed(settings: &Settings, now: Now, handshake: &Message) -> Self {
        match settings.flavor {
            Flavor::CometD => {}
            // Faye's extensions are written by those who run it; it comes with none. Salesforce
            // keeps events and replays them by rules of its own, and knows nothing else.
            Flavor::Faye | Flavor::Salesforce => return Self::default(),
        }
        let is_asked = |name| ext_member(handshake, name).is_some_and(|it| it == "true");
        let mut extensions: Vec<Box<dyn Extension>> = Vec::new();
        if is_asked(ack::NAME) {
            extensions.push(Box::new(Ack::new()));
        }
        if ext_member(handshake, timesync::NAME).is_some() {
            extensions.push(Box::new(TimeSync::new()));
        }
        if settings.retain.is_some() && is_asked(replay::NAME) {
            extensions.push(Box::new(Replay));
        }
        if let Some(limit) = settings.max_inactivity {
            extensions.push(Box::new(Activity::new(limit, now)));
        }
        Self(extensions)
    }

    pub(super) fn received(&mut self, now: Now, message: &Message, queue: &mut Queue) -> Standing {
        let mut standing = Standing::Good;
        for extension in &mut self.0 {
            if extension.received(now, message, queue) == Standing::Inactive {
                standing = Standing::Inactive;
            }
        }
        standing
    }

    /// The reply with what the extensions have to say in its `ext`.
    pub(super) fn extended(&mut self, now: Now, reply: Message, to: Reply<'_>) -> Message {
        let mut ext = Members::default();
        for extension in &mut self.0 {
            extension.replying(now, to, &mut ext);
        }
        with_ext(reply, &ext)
    }

    pub(super) fn carriers(&self) -> Carriers {
        let mut all = self.0.iter().map(|it| it.carriers());
        all.find(|it| *it == Carriers::Connects)
            .unwrap_or(Carriers::All)
    }

    pub(super) fn style(&self) -> Style {
        let mut all = self.0.iter().map(|it| it.style());
        all.find(|it| *it == Style::Numbered)
            .unwrap_or(Style::Plain)
    }

    pub(super) fn kept(&self) -> Size {
        let sizes = self.0.iter().map(|it| it.kept());
        sizes.fold(Size::default(), Size::add)
    }
}

/// A message with these members in its `ext`, if there are any. It comes first, where CometD's
/// hash table has it; what was published with an `ext` keeps that beside.
fn with_ext(message: Message, ext: &Members) -> Message {
    if ext.0.is_empty() {
        return message;
    }
    let Some(fields) = members(message.raw()) else {
        return message;
    };
    let is_new = |name: &str| ext.0.iter().all(|(new, _)| *new != name);
    let before = message.ext().and_then(members).unwrap_or_default();
    let mut with = MessageBuilder::empty();
    for (name, value) in before.iter().filter(|(name, _)| is_new(name)) {
        with = with.raw(name, value);
    }
    for (name, value) in &ext.0 {
        with = with.raw(name, value);
    }
    let whole = MessageBuilder::empty().raw("ext", with.build().raw());
    let fields = fields.iter().filter(|(name, _)| name != "ext");
    fields
        .fold(whole, |whole, (name, value)| whole.raw(name, value))
        .build()
}

/// The value of a member of a message's `ext`, as raw JSON.
fn ext_member<'a>(message: &'a Message, name: &str) -> Option<&'a str> {
    member(message.ext()?, name)
}

/// A JSON number that is an integer.
fn integer(json: &str) -> Option<i64> {
    json.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_come_first_and_stand_beside_those_that_were_published() {
        let message = Message::builder("/a").id("1").build();
        let mut ext = Members::default();
        assert_eq!(
            with_ext(message.clone(), &ext).raw(),
            r#"{"channel":"/a","id":"1"}"#
        );
        ext.add("ack", "7".to_owned());
        ext.add("replay", "true".to_owned());
        let extended = with_ext(message, &ext);
        assert_eq!(
            extended.raw(),
            r#"{"ext":{"ack":7,"replay":true},"channel":"/a","id":"1"}"#
        );
        assert_eq!(extended.ext(), Some(r#"{"ack":7,"replay":true}"#));
        let published = Message::parse(r#"{"channel":"/a","ext":{"k":1.0,"ack":2}}"#).unwrap();
        assert_eq!(
            with_ext(published, &ext).raw(),
            r#"{"ext":{"k":1.0,"ack":7,"replay":true},"channel":"/a"}"#
        );
    }
}
