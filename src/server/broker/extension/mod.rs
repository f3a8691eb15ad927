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
mod asked;
mod contract;
mod ext;
mod replay;
mod retained;
mod timesync;

use std::ops::Add;

use self::ack::Ack;
use self::activity::Activity;
use self::contract::Extension;
pub(super) use self::contract::{Carriers, Reply, Standing, Style};
use self::ext::{Members, ext_member, with_ext};
use self::replay::Replay;
pub(super) use self::retained::Retained;
use self::timesync::TimeSync;
use super::clock::Now;
use super::queue::{Queue, Size};
use crate::protocol::Message;
use crate::server::{Flavor, Settings};

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
        if settings.retain.is_some() && is_asked(asked::NAME) {
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
