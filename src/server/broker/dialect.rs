//! What differs between the servers that a broker passes for: the shape of its replies, what
//! it takes for legal, and its habits. The words of each stand in a file of their own, the
//! habits of all in one.

mod cometd;
mod faye;
mod habits;
mod members;

use std::time::{Duration, Instant};

use self::cometd::CometD;
use self::faye::Faye;
use self::habits::{COMETD, FAYE, Habits, SALESFORCE};
pub(super) use self::habits::{ConnectAdvice, Deliveries};
use super::exchange::Request;
use super::refusal::Refusal;
use super::reply;
use super::salesforce::{Salesforce, refused as salesforce_refused, replies};
use super::sessions::AdviceWanted;
use crate::protocol::{Channel, ChannelPattern, ConnectionType, Json, Message, meta};
use crate::server::fault::Faults;
use crate::server::{CloseReason, Flavor, Settings};

/// How a broker speaks, and what it has to remember for that.
pub(super) enum Dialect {
    CometD(CometD),
    Faye(Faye),
    Salesforce(Box<Salesforce>),
}

impl Dialect {
    pub(super) fn new(settings: &Settings) -> Self {
        match settings.flavor {
            Flavor::CometD => Self::CometD(CometD::new(settings)),
            Flavor::Faye => Self::Faye(Faye::new(settings)),
            Flavor::Salesforce => Self::Salesforce(Box::new(Salesforce::new(settings))),
        }
    }

    pub(super) fn habits(&self) -> &'static Habits {
        match self {
            Self::CometD(_) => &COMETD,
            Self::Faye(_) => &FAYE,
            Self::Salesforce(_) => &SALESFORCE,
        }
    }

    pub(super) fn salesforce(&self) -> Option<&Salesforce> {
        match self {
            Self::Salesforce(salesforce) => Some(salesforce),
            Self::CometD(_) | Self::Faye(_) => None,
        }
    }

    pub(super) fn salesforce_mut(&mut self) -> Option<&mut Salesforce> {
        match self {
            Self::Salesforce(salesforce) => Some(salesforce),
            Self::CometD(_) | Self::Faye(_) => None,
        }
    }

    /// What stands against a message before its session is looked at.
    pub(super) fn objection(&self, message: &Message) -> Option<Refusal> {
        match self {
            Self::CometD(_) => cometd::objection(message),
            Self::Faye(_) => faye::objection(message),
            Self::Salesforce(_) => match message.channel() {
                "" => Some(Refusal::ChannelMissing),
                meta::HANDSHAKE
                | meta::CONNECT
                | meta::SUBSCRIBE
                | meta::UNSUBSCRIBE
                | meta::DISCONNECT => None,
                name => match name.parse::<Channel>() {
                    Err(_) => Some(Refusal::ChannelInvalid),
                    Ok(channel) if channel.is_meta() => Some(Refusal::Forbidden(name.into())),
                    Ok(_) => None,
                },
            },
        }
    }

    /// The channel on which a message without objection is published.
    pub(super) fn channel<'a>(&self, message: &'a Message) -> Result<&'a str, Refusal> {
        let name = message.channel();
        match self {
            Self::CometD(_) if name.starts_with("/meta/") => Err(Refusal::Forbidden(name.into())),
            Self::CometD(_) => Ok(name.strip_suffix('/').unwrap_or(name)),
            Self::Faye(_) | Self::Salesforce(_) => Ok(name),
        }
    }

    /// What a subscribe or unsubscribe names; with a refusal what stands before that in its
    /// array.
    pub(super) fn subscriptions(
        &self,
        message: &Message,
    ) -> (Vec<ChannelPattern>, Option<Refusal>) {
        let read = match self {
            Self::CometD(_) => cometd::subscriptions(message),
            Self::Faye(_) => return faye::subscriptions(message),
            Self::Salesforce(_) => reply::subscriptions(message),
        };
        match read {
            Ok(patterns) => (patterns, None),
            Err(refusal) => (Vec::new(), Some(refusal)),
        }
    }

    /// Takes note of a channel that somebody subscribes to or publishes on.
    pub(super) fn use_channel(&mut self, name: &str) {
        if let Self::CometD(cometd) = self {
            cometd.use_channel(name);
        }
    }

    /// What stands against an unsubscribe from this channel.
    pub(super) fn unsubscribe_objection(&self, name: &str) -> Option<Refusal> {
        match self {
            Self::CometD(_) if name.starts_with("/meta/") => Some(Refusal::Forbidden(name.into())),
            Self::CometD(cometd) if !cometd.has_used(name) => Some(Refusal::SubscriptionUnknown),
            Self::CometD(_) | Self::Faye(_) | Self::Salesforce(_) => None,
        }
    }

    /// Whether a message without data is carried out.
    pub(super) fn takes_no_data(&self) -> bool {
        matches!(self, Self::CometD(_))
    }

    /// What stands against the connection types of a handshake. CometD does not mind what
    /// there is, and the dojox client (1.7.12) leaves the field out across origins.
    pub(super) fn types_objection(&self, message: &Message) -> Option<Refusal> {
        match self {
            Self::CometD(_) | Self::Faye(_) => None,
            Self::Salesforce(_) => {
                let types = message.get("supportedConnectionTypes")?;
                let types: Vec<String> = serde_json::from_str(types).ok()?;
                let mut known = Flavor::Salesforce.advertised().iter();
                let is_common = known.any(|known| types.iter().any(|it| it == known));
                (!is_common).then(|| Refusal::ConnectionTypes(types.join(",")))
            }
        }
    }

    /// The id that a reply repeats.
    pub(super) fn id(&self, message: &Message) -> Option<Json> {
        match self {
            Self::CometD(_) => cometd::id(message),
            Self::Faye(_) => faye::id(message),
            Self::Salesforce(_) => reply::message_id(message),
        }
    }

    pub(super) fn handshaken(&self, request: &Message, client_id: &str) -> Message {
        match self {
            Self::CometD(cometd) => cometd.handshaken(request, client_id),
            Self::Faye(faye) => faye.handshaken(request, client_id),
            Self::Salesforce(_) => replies::handshaken(request, client_id),
        }
    }

    pub(super) fn connected(
        &self,
        client_id: &str,
        id: Option<&Json>,
        advice: AdviceWanted,
    ) -> Message {
        let is_wanted = advice == AdviceWanted::Wanted;
        match self {
            Self::CometD(it) => cometd::connected(id, is_wanted.then(|| it.advice())),
            Self::Faye(faye) => faye.connected(client_id, id),
            Self::Salesforce(it) => {
                replies::connected(client_id, id, is_wanted.then_some(&it.advice))
            }
        }
    }

    /// The end of a held connect whose session ends.
    pub(super) fn connect_of_closed_session(
        &self,
        client_id: &str,
        id: Option<&Json>,
        reason: CloseReason,
    ) -> Message {
        match (self, reason) {
            (Self::CometD(_), CloseReason::Disconnected) => cometd::connect_of_ended_session(id),
            (Self::CometD(_), _) => cometd::connect_of_unknown_session(id),
            // As if nothing were: its next connect will tell.
            (Self::Faye(faye), _) => faye.connected(client_id, id),
            (Self::Salesforce(_), CloseReason::Disconnected) => {
                reply::connected(id, Some(&reply::stop_advice()))
            }
            (Self::Salesforce(_), _) => salesforce_refused::connect_of_unknown_session(id),
        }
    }

    /// Tells a client that the server ended its session.
    pub(super) fn ended_by_server(&self) -> Message {
        match self {
            Self::CometD(_) => cometd::ended_by_server(),
            Self::Faye(_) | Self::Salesforce(_) => {
                reply::reply(meta::DISCONNECT, None, true).build()
            }
        }
    }

    /// The reply to the connect with which the server ended a session: CometD 9.0.0 lets the
    /// client stop, where one that finds its session gone begins another.
    pub(super) fn connect_that_ends_session(&self, id: Option<&Json>) -> Message {
        match self {
            Self::CometD(_) => cometd::connect_that_ends_session(id),
            Self::Faye(_) | Self::Salesforce(_) => {
                reply::connected(id, Some(&reply::stop_advice()))
            }
        }
    }

    /// The reply to a connect that is not held because its browser has others; the next one is
    /// to come after this time.
    pub(super) fn connect_of_crowded_browser(
        &self,
        id: Option<&Json>,
        interval: Duration,
    ) -> Message {
        match self {
            Self::CometD(_) => cometd::connect_of_crowded_browser(id, interval),
            Self::Faye(_) | Self::Salesforce(_) => reply::connected(id, None),
        }
    }

    /// The reply to a subscribe, unsubscribe, disconnect or publish that was carried out.
    pub(super) fn done(&self, request: &Message) -> Message {
        match self {
            Self::CometD(_) => cometd::done(request),
            Self::Faye(_) => faye::done(request),
            Self::Salesforce(_) => reply::done(request),
        }
    }

    pub(super) fn refused(&self, request: &Message, refusal: &Refusal) -> Message {
        match self {
            Self::CometD(_) => cometd::refused(request, refusal),
            Self::Faye(_) => faye::refused(request, refusal),
            Self::Salesforce(_) => salesforce_refused::refused(request, refusal),
        }
    }

    /// The reply to an element of the array that is no object.
    pub(super) fn unreadable(&self) -> Message {
        match self {
            Self::CometD(_) | Self::Salesforce(_) => cometd::unreadable(),
            Self::Faye(_) => faye::unreadable(),
        }
    }

    /// What the subscribers of a message get. Salesforce makes an event of it instead.
    pub(super) fn delivery(&self, published: &Message) -> Message {
        match self {
            Self::CometD(_) | Self::Salesforce(_) => cometd::delivery(published),
            Self::Faye(_) => faye::delivery(published),
        }
    }

    /// Whether what waits for a client goes into the response to this request. CometD takes
    /// every chance but with callback-polling, Faye and Salesforce none but connects.
    pub(super) fn delivers_with(&self, request: &Request<'_>) -> bool {
        let has_connect = || {
            let mut messages = request.messages.iter();
            messages.any(|it| it.channel() == meta::CONNECT)
        };
        match (self, request.connection_type) {
            (Self::CometD(_), ConnectionType::LongPolling) => true,
            (Self::CometD(_) | Self::Faye(_), ConnectionType::WebSocket) => true,
            (Self::CometD(_) | Self::Faye(_) | Self::Salesforce(_), _) => has_connect(),
        }
    }

    /// The channel behind a subscription: Salesforce takes conditions behind a `?`.
    pub(super) fn channel_of<'a>(&self, subscription: &'a str) -> &'a str {
        match self {
            Self::CometD(_) | Self::Faye(_) => subscription,
            Self::Salesforce(_) => subscription
                .split_once('?')
                .map_or(subscription, |(channel, _)| channel),
        }
    }

    /// When the credentials of a connect stop being valid.
    pub(super) fn token_ends(
        &mut self,
        now: Instant,
        bearer: Option<&str>,
        faults: &Faults,
    ) -> Option<Instant> {
        self.salesforce_mut()?.token_ends(now, bearer, faults)
    }
}
