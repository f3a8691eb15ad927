//! What differs between the servers that a broker passes for: the shape of its replies.

use super::reply::{self, Refusal};
use super::salesforce::{Salesforce, denial, replies};
use super::sessions::AdviceWanted;
use super::{Now, Request};
use crate::protocol::{Json, Message, meta};
use crate::server::{Flavor, Settings};

/// How a broker speaks, and what it has to remember for that.
pub(super) enum Dialect {
    CometD { advice: Json },
    Salesforce(Box<Salesforce>),
}

impl Dialect {
    pub(super) fn new(settings: &Settings, started: Now) -> Self {
        match settings.flavor {
            Flavor::CometD => Self::CometD {
                advice: reply::retry_advice(settings),
            },
            Flavor::Salesforce => Self::Salesforce(Box::new(Salesforce::new(settings, started))),
        }
    }

    pub(super) fn handshaken(&self, request: &Message, client_id: &str) -> Message {
        match self {
            Self::CometD { advice } => reply::handshaken(request, client_id, advice),
            Self::Salesforce(_) => replies::handshaken(request, client_id),
        }
    }

    pub(super) fn connected(
        &self,
        client_id: &str,
        id: Option<&Json>,
        advice: AdviceWanted,
    ) -> Message {
        match (self, advice) {
            (Self::CometD { advice }, AdviceWanted::Wanted) => reply::connected(id, Some(advice)),
            (Self::CometD { .. }, AdviceWanted::Unchanged) => reply::connected(id, None),
            (Self::Salesforce(salesforce), AdviceWanted::Wanted) => {
                replies::connected(client_id, id, Some(&salesforce.advice))
            }
            (Self::Salesforce(_), AdviceWanted::Unchanged) => {
                replies::connected(client_id, id, None)
            }
        }
    }

    pub(super) fn refused(&self, request: &Message, refusal: &Refusal) -> Message {
        match self {
            Self::CometD { .. } => reply::refused(request, refusal),
            Self::Salesforce(_) => denial::refused(request, refusal),
        }
    }

    /// The end of a held connect whose session is gone.
    pub(super) fn connect_of_unknown_session(&self, id: Option<&Json>) -> Message {
        match self {
            Self::CometD { .. } => reply::connect_of_unknown_session(id),
            Self::Salesforce(_) => denial::connect_of_unknown_session(id),
        }
    }

    /// Whether a connect that carries advice gets the server's own back.
    pub(super) fn repeats_advice(&self) -> bool {
        match self {
            Self::CometD { .. } => true,
            Self::Salesforce(_) => false,
        }
    }

    /// Whether what waits for a client goes into the response to this request. CometD takes
    /// every chance, Salesforce is not known to do so but with connects.
    pub(super) fn delivers_with(&self, request: &Request<'_>) -> bool {
        match self {
            Self::CometD { .. } => true,
            Self::Salesforce(_) => {
                let is_connect = |it: &Message| it.channel() == meta::CONNECT;
                request.messages.iter().any(is_connect)
            }
        }
    }

    /// The channel behind a subscription: Salesforce takes conditions behind a `?`.
    pub(super) fn channel_of<'a>(&self, subscription: &'a str) -> &'a str {
        match self {
            Self::CometD { .. } => subscription,
            Self::Salesforce(_) => subscription
                .split_once('?')
                .map_or(subscription, |(channel, _)| channel),
        }
    }
}
