//! The table of refusals: where Salesforce says what, and what it advises.

use super::denial::Denial;
use crate::protocol::{Json, Message, MessageBuilder, meta};
use crate::server::broker::refusal::Refusal;
use crate::server::broker::reply::{literal, reply, reply_to};

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
        .string("error", &error(channel, refusal))
        .json_if("ext", ext(refusal).as_ref())
        .json_if("advice", advice(refusal, channel).as_ref())
        .build()
}

fn error(channel: &str, refusal: &Refusal) -> String {
    match refusal {
        Refusal::Salesforce(denial) => denial.error(),
        Refusal::ConnectionTypes(types) => Denial::ConnectionType(types.as_str().into()).error(),
        Refusal::HandshakeDenied => "403::Handshake denied".into(),
        Refusal::SessionUnknown => UNKNOWN_CLIENT.into(),
        Refusal::SubscriptionMissing => "400::Channel name not specified".into(),
        Refusal::TooManySessions => "403::Organization concurrent user limit exceeded".into(),
        // Not known of Salesforce: the words of CometD, from which it comes.
        Refusal::IdInvalid
        | Refusal::ChannelMissing
        | Refusal::ChannelInvalid
        | Refusal::DataMissing
        | Refusal::SubscriptionInvalid(_)
        | Refusal::SubscriptionUnknown
        | Refusal::TooManySubscriptions
        | Refusal::SubscribeDenied(_)
        | Refusal::PublishDenied
        | Refusal::Forbidden(_)
        | Refusal::HandshakeBatched
        | Refusal::VersionMissing
        | Refusal::ConnectionTypesMissing
        | Refusal::ConnectionTypeMissing
        | Refusal::Fault(_) => refusal.error(channel),
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
    if let Refusal::Fault(_) = refusal {
        let reconnect = refusal.advice_of_fault(channel)?;
        return Some(literal(&format!(
            r#"{{"reconnect":"{reconnect}","interval":0}}"#
        )));
    }
    let advice = match (refusal, channel) {
        (Refusal::HandshakeBatched, _) => return None,
        (_, meta::HANDSHAKE) => r#"{"reconnect":"none"}"#,
        (Refusal::SessionUnknown, meta::CONNECT) => r#"{"reconnect":"handshake","interval":0}"#,
        (Refusal::Salesforce(Denial::AuthenticationInvalid), meta::CONNECT) => {
            r#"{"reconnect":"none","interval":0}"#
        }
        _ => return None,
    };
    Some(literal(advice))
}
