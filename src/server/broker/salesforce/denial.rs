//! The table of refusals: what Salesforce says, where it says it, and what it advises. The
//! wordings are those of its documents and of the logs of its clients.

use crate::protocol::{Json, Message, MessageBuilder, meta};
use crate::server::broker::reply::{Refusal, literal, reply, reply_to};

/// Why Salesforce refuses a message, where CometD has no such reason.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(in crate::server::broker) enum Denial {
    ApiVersionMissing,
    ApiVersionUnsupported,
    /// The token is not, or no longer, accepted; it was when the session began.
    AuthenticationInvalid,
    /// A client that keeps no cookies.
    BrowserCookieMissing(Box<str>),
    Busy,
    ChannelUnknown(Box<str>),
    ConnectionType(Box<str>),
    DailyLimit,
    LeadingSlash,
    /// `ext.replay` is a map without the channel; the map as it came.
    ReplayMissing {
        channel: Box<str>,
        map: String,
    },
    /// An id that is not kept, as it was written.
    ReplayInvalid(Box<str>),
}

impl Denial {
    pub(in crate::server::broker) fn error(&self) -> String {
        match self {
            Self::ApiVersionMissing => {
                "400::API version in the URI is mandatory. URI format: '/cometd/NN.0'".into()
            }
            Self::ApiVersionUnsupported => "400::Unsupported API version. Only API versions \
                 '37.0' and later are supported."
                .into(),
            Self::AuthenticationInvalid => AUTHENTICATION_INVALID.into(),
            Self::BrowserCookieMissing(client_id) => format!(
                "400::Client {client_id} has established a session, but no BAYEUX_BROWSER \
                 cookie present"
            ),
            Self::Busy => SUBSCRIBE_DENIED.into(),
            Self::ChannelUnknown(channel) => {
                format!("400::The channel you requested to subscribe to doesn't exist {channel}")
            }
            Self::ConnectionType(types) => format!("400::Invalid connection type {types}"),
            Self::DailyLimit => "403::Organization total events daily limit exceeded".into(),
            Self::LeadingSlash => "400::Channel subscriptions must start with a leading '/'".into(),
            // The braces stand in Salesforce's own text, in both of them.
            Self::ReplayMissing { channel, map } => format!(
                "400::The replayId for channel {{{channel}}} wasn't found using the provided \
                 replay ID map {{{map}}}. Ensure that the channel name you provided in the \
                 replay map is valid and matches the channel name used for subscribing."
            ),
            Self::ReplayInvalid(id) => format!(
                "400::The replayId {{{id}}} you provided was invalid.  Please provide a valid \
                 ID, -2 to replay all events, or -1 to replay only new events."
            ),
        }
    }
}

const AUTHENTICATION_INVALID: &str = "401::Authentication invalid";
const SUBSCRIBE_DENIED: &str = "403:denied_by_security_policy:subscribe_denied";
const UNKNOWN_CLIENT: &str = "403::Unknown client";

/// Whether a reply says that its session is unknown; then the load balancer sends the client
/// elsewhere.
pub(in crate::server::broker) fn is_unknown_client(reply: &Message) -> bool {
    reply
        .error()
        .is_some_and(|it| it.to_string() == UNKNOWN_CLIENT)
}

/// The reply to a message that is not carried out.
pub(in crate::server::broker) fn refused(request: &Message, refusal: &Refusal) -> Message {
    let subscription = match request.channel() {
        meta::SUBSCRIBE | meta::UNSUBSCRIBE => request.get("subscription"),
        _ => None,
    };
    let subscription = subscription.and_then(|it| it.parse().ok());
    let message = reply_to(request, false);
    let message = match (refusal, request.client_id()) {
        // It has no client id, which tells it from all others.
        (Refusal::SessionUnknown, _) | (_, None) => message,
        (_, Some(client_id)) => message.client_id(client_id),
    };
    let message = message.json_if("subscription", subscription.as_ref());
    finish(message, refusal, request.channel())
}

/// The end of a held connect whose session is gone.
pub(in crate::server::broker) fn connect_of_unknown_session(id: Option<&Json>) -> Message {
    let message = reply(meta::CONNECT, id, false);
    finish(message, &Refusal::SessionUnknown, meta::CONNECT)
}

/// The end of a held connect whose token is no longer valid.
pub(in crate::server::broker) fn connect_of_expired_token(
    client_id: &str,
    id: Option<&Json>,
) -> Message {
    let message = reply(meta::CONNECT, id, false).client_id(client_id);
    let refusal = Refusal::Salesforce(Denial::AuthenticationInvalid);
    finish(message, &refusal, meta::CONNECT)
}

fn finish(message: MessageBuilder, refusal: &Refusal, channel: &str) -> Message {
    message
        .string("error", &error(refusal))
        .json_if("ext", ext(refusal).as_ref())
        .json_if("advice", advice(refusal, channel).as_ref())
        .build()
}

fn error(refusal: &Refusal) -> String {
    match refusal {
        Refusal::Salesforce(denial) => denial.error(),
        Refusal::ConnectionTypes(types) => Denial::ConnectionType(types.as_str().into()).error(),
        Refusal::HandshakeDenied => "403::Handshake denied".into(),
        Refusal::SessionUnknown => UNKNOWN_CLIENT.into(),
        Refusal::SubscriptionMissing => "400::Channel name not specified".into(),
        Refusal::TooManySessions => "403::Organization concurrent user limit exceeded".into(),
        // Not known of Salesforce: the words of CometD, from which it comes.
        Refusal::ChannelMissing
        | Refusal::ChannelInvalid
        | Refusal::DataMissing
        | Refusal::SubscriptionInvalid
        | Refusal::TooManySubscriptions
        | Refusal::SubscribeDenied
        | Refusal::PublishDenied
        | Refusal::MetaChannel(_)
        | Refusal::HandshakeBatched
        | Refusal::Fault(_) => refusal.error(),
    }
}

fn ext(refusal: &Refusal) -> Option<Json> {
    match refusal {
        Refusal::HandshakeDenied => Some(literal(
            r#"{"sfdc":{"failureReason":"401::Authentication invalid"},"replay":true}"#,
        )),
        Refusal::Salesforce(Denial::Busy) => Some(literal(
            r#"{"sfdc":{"failureReason":"503::Server is too busy. Please try your request again later."}}"#,
        )),
        _ => None,
    }
}

fn advice(refusal: &Refusal, channel: &str) -> Option<Json> {
    let advice = match (refusal, channel) {
        (Refusal::HandshakeBatched, _) => return None,
        (Refusal::Fault(_), _) => return refusal.advice(channel),
        (_, meta::HANDSHAKE) => r#"{"reconnect":"none"}"#,
        (Refusal::SessionUnknown, meta::CONNECT) => r#"{"reconnect":"handshake","interval":0}"#,
        (Refusal::Salesforce(Denial::AuthenticationInvalid), meta::CONNECT) => {
            r#"{"reconnect":"none","interval":0}"#
        }
        _ => return None,
    };
    Some(literal(advice))
}
