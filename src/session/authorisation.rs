//! Credentials that the server refuses within Bayeux, and others that the driver has.

use std::time::Instant;

use serde_json::Value;

use crate::protocol::{ErrorString, Message};

use super::event::{End, Event};
use super::machine::Session;
use super::state::{Refused, State, Unauthorised};
use super::{Credentials, Recovery};

impl Session {
    /// There are other credentials: a handshake follows. Answers [`Event::Unauthorised`].
    pub fn reauthorised(&mut self, now: Instant) {
        if let State::Unauthorised(unauthorised) = &self.state {
            let handshake_at = unauthorised.handshake_at.max(now);
            self.has_untried_credentials = true;
            self.state = State::Unconnected { handshake_at };
        }
    }

    /// There are no other credentials: the session ends. Answers [`Event::Unauthorised`].
    pub fn unauthorised(&mut self) {
        if let State::Unauthorised(unauthorised) = &self.state {
            let reply = unauthorised.reply.clone();
            self.end(match unauthorised.refused {
                Refused::Handshake => End::HandshakeRefused(reply),
                Refused::Connect => End::AdvisedNone(reply),
            });
        }
    }

    /// Whether a refusal is about credentials, and others would be used. If those that were
    /// just fetched are refused as well, a third handshake would fare no better.
    pub(super) fn may_reauthorise(&self, reply: &Message) -> bool {
        let may_handshake = !self.was_established() || self.settings.recovery == Recovery::Always;
        self.settings.credentials == Credentials::Renewable
            && may_handshake
            && !self.is_leaving
            && !self.has_untried_credentials
            && is_unauthorised(reply)
    }

    /// Puts the handshake off that was just scheduled, if it was.
    pub(super) fn wait_for_credentials(&mut self, reply: Message, refused: Refused) {
        if let State::Unconnected { handshake_at } = self.state {
            self.events.push_back(Event::Unauthorised {
                reply: reply.clone(),
            });
            self.state = State::Unauthorised(Box::new(Unauthorised {
                reply,
                refused,
                handshake_at,
            }));
        }
    }
}

/// Whether the server says 401, and not that it does not know the session: Faye says that
/// with the same code. Salesforce refuses a handshake with `403::Handshake denied` and says
/// in `ext.sfdc.failureReason` that it is for a 401.
fn is_unauthorised(reply: &Message) -> bool {
    let is_401 = |it: ErrorString<'_>| it.code == Some(401) && !it.is_session_unknown();
    let ext = reply.ext().and_then(|it| serde_json::from_str(it).ok());
    let reason = ext
        .as_ref()
        .and_then(|it: &Value| it.pointer("/sfdc/failureReason").and_then(Value::as_str));
    reply.error().is_some_and(is_401) || reason.map(ErrorString::parse).is_some_and(is_401)
}
