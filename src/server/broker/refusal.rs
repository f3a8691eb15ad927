//! Why a message is not carried out; how a server says so is its dialect's affair.

use std::borrow::Cow;

use super::salesforce::denial::Denial;
use crate::protocol::meta;

/// Why a message was not carried out.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Refusal {
    /// Not what CometD takes for an id.
    IdInvalid,
    ChannelMissing,
    ChannelInvalid,
    /// No session has this client id, or there is none.
    SessionUnknown,
    DataMissing,
    SubscriptionMissing,
    /// This is nothing that can be subscribed to.
    SubscriptionInvalid(Box<str>),
    TooManySubscriptions,
    SubscribeDenied(Box<str>),
    PublishDenied,
    /// A channel that clients may not subscribe to or publish on by the protocol itself.
    Forbidden(Box<str>),
    /// An unsubscribe from a channel that nobody used.
    SubscriptionUnknown,
    HandshakeDenied,
    /// Bayeux 1.0, "Handshake Request": nothing else in the request. CometD 9.0.0 answers
    /// such a request with HTTP 500 as a whole.
    HandshakeBatched,
    VersionMissing,
    ConnectionTypesMissing,
    /// Bayeux 1.0, "supportedConnectionTypes": without a common one the handshake MUST fail.
    /// Those that the client has, with commas.
    ConnectionTypes(String),
    /// A connect without connection type.
    ConnectionTypeMissing,
    TooManySessions,
    /// A [`Fault`](crate::server::Fault) refuses it, with this code.
    Fault(u16),
    /// Known of Salesforce alone.
    Salesforce(Denial),
}

impl Refusal {
    /// The words of CometD for a refusal of a message on this channel (Bayeux 1.0, "error":
    /// code, arguments, text). Others use them where none of their own are known.
    pub(super) fn error(&self, channel: &str) -> String {
        let error: Cow<'static, str> = match self {
            Self::IdInvalid => "405::message_id_invalid".into(),
            Self::ChannelMissing | Self::SubscriptionUnknown => "400::channel_missing".into(),
            Self::ChannelInvalid => "405::channel_invalid".into(),
            Self::SessionUnknown => "402::session_unknown".into(),
            Self::SubscriptionMissing => "403::subscription_missing".into(),
            Self::SubscriptionInvalid(_) => "403::subscription_invalid".into(),
            Self::SubscribeDenied(_) => "403:denied_by_security_policy:subscribe_denied".into(),
            Self::PublishDenied => "403:denied_by_security_policy:publish_denied".into(),
            Self::Forbidden(name) => match channel {
                meta::UNSUBSCRIBE => "403::unsubscribe_failed",
                meta::SUBSCRIBE if is_known(name) => {
                    "403:denied_by_security_policy:subscribe_denied"
                }
                meta::SUBSCRIBE => "403:denied_by_security_policy:create_denied",
                _ => "403:denied_by_security_policy:channel_create_denied",
            }
            .into(),
            Self::HandshakeDenied => "403::handshake_denied".into(),
            // From here on CometD has no such case, or answers it with HTTP 500.
            Self::DataMissing => "400::data_missing".into(),
            Self::TooManySubscriptions => "403:too_many_subscriptions:subscribe_failed".into(),
            Self::HandshakeBatched => "400::handshake_batched".into(),
            Self::VersionMissing => "400::version_missing".into(),
            Self::ConnectionTypesMissing | Self::ConnectionTypeMissing => {
                "400::connection_type_missing".into()
            }
            Self::ConnectionTypes(types) => {
                format!("301:{types}:connection_types_unsupported").into()
            }
            // 503 is the one code by which a client knows that trying again can help.
            Self::TooManySessions => "503::too_many_sessions".into(),
            Self::Fault(code) => format!("{code}::refused_by_fault").into(),
            Self::Salesforce(denial) => denial.error().into(),
        };
        error.into_owned()
    }

    /// What a fault's refusal advises on this channel, whichever server it is.
    pub(super) fn advice_of_fault(&self, channel: &str) -> Option<&'static str> {
        match (self, channel) {
            // A server that is not well asks to be tried again; one that says no, to stop.
            (Self::Fault(500..), meta::HANDSHAKE) => Some("handshake"),
            (Self::Fault(500..), meta::CONNECT) => Some("retry"),
            (Self::Fault(402), meta::CONNECT) => Some("handshake"),
            (Self::Fault(_), meta::HANDSHAKE | meta::CONNECT) => Some("none"),
            _ => None,
        }
    }
}

fn is_known(channel: &str) -> bool {
    [
        meta::HANDSHAKE,
        meta::CONNECT,
        meta::DISCONNECT,
        meta::SUBSCRIBE,
        meta::UNSUBSCRIBE,
    ]
    .contains(&channel)
}
