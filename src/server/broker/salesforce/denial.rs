//! Why Salesforce refuses a message, in the words of its documents and of the logs of its
//! clients.

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
            Self::AuthenticationInvalid => "401::Authentication invalid".into(),
            Self::BrowserCookieMissing(client_id) => format!(
                "400::Client {client_id} has established a session, but no BAYEUX_BROWSER \
                 cookie present"
            ),
            Self::Busy => "403:denied_by_security_policy:subscribe_denied".into(),
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
