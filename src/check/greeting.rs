//! The first handshake: which server it is, and whether there is one.

use std::time::Instant;

use super::{Flavour, Obstacle, Settings, Subject};
use crate::transport::TransportError;

/// What the server says to a handshake.
#[derive(Debug)]
pub enum Greeting {
    /// It accepts it.
    Accepted(Flavour),
    /// It refuses it.
    Refused {
        /// Which server it is.
        flavour: Flavour,
        /// Its error.
        error: String,
    },
    /// It was not reached, or does not speak HTTP.
    Unreached(TransportError),
    /// It was reached, and what it says is no reply to a handshake.
    Strange(String),
}

/// Sends a handshake, and ends the session that it begins.
pub fn greet(settings: &Settings, until: Instant) -> Greeting {
    let subject = Subject::new(settings, "greeting", settings.connection_type, until);
    let answered = subject.session().and_then(|mut session| {
        let handshake = session.handshake();
        let (reply, trace) = session.ask_traced(handshake)?;
        let _ = session.adopt(&reply);
        Ok((reply, trace))
    });
    match answered {
        Ok((reply, trace)) => {
            let flavour = Flavour::recognise(&reply, trace.as_deref());
            match reply.successful() {
                Some(true) => Greeting::Accepted(flavour),
                Some(false) => Greeting::Refused {
                    flavour,
                    error: reply.error().map_or_else(String::new, |it| it.to_string()),
                },
                None => {
                    Greeting::Strange("the reply does not say whether it was successful".to_owned())
                }
            }
        }
        Err(Obstacle::Transport(error)) => Greeting::Unreached(error),
        Err(Obstacle::Inapplicable(reason) | Obstacle::Unusable(reason)) => {
            Greeting::Strange(reason)
        }
        Err(Obstacle::OutOfTime) => Greeting::Strange("no answer in time".to_owned()),
    }
}
