//! What the user gives: an `ext` object for each kind of message, sent as it is written.

use std::fmt;

use std::time::Instant;

use crate::protocol::Json;

use super::{Extension, Members, Outgoing};

/// The `ext` object to send with each kind of message.
///
/// First among the extensions of a session it has the last word: a member of the same name
/// that another extension would add is not sent.
#[derive(Clone, Default, Eq, PartialEq)]
pub struct Extensions {
    /// With the handshake.
    pub handshake: Option<Json>,
    /// With each connect.
    pub connect: Option<Json>,
    /// With each subscribe.
    pub subscribe: Option<Json>,
    /// With each publish.
    pub publish: Option<Json>,
}

/// A token often is in it.
impl fmt::Debug for Extensions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Extensions")
    }
}

impl Extension for Extensions {
    fn outgoing(&mut self, _now: Instant, message: Outgoing<'_>, ext: &mut Members) {
        let given = match message {
            Outgoing::Handshake => &self.handshake,
            Outgoing::Connect => &self.connect,
            Outgoing::Subscribe(_) => &self.subscribe,
            Outgoing::Publish(_) => &self.publish,
            Outgoing::Unsubscribe(_) | Outgoing::Disconnect => &None,
        };
        if let Some(given) = given {
            ext.object(given);
        }
    }
}
