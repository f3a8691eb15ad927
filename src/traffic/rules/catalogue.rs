//! The rules that can be broken: id, clause, side and severity of each.

use std::fmt;

/// A rule of the protocol.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Rule {
    /// Its id: the check of the same id looks for the same thing.
    pub id: &'static str,
    /// The section of Bayeux 1.0 that it follows from, or who else asks for it.
    pub clause: &'static str,
    /// Who breaks it.
    pub side: Side,
    /// How bad that is.
    pub severity: Severity,
}

/// A side of the conversation.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Side {
    /// The one that asks.
    Client,
    /// The one that answers.
    Server,
}

/// How bad it is to break a rule.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Severity {
    /// The specification says MUST.
    Must,
    /// The specification says SHOULD.
    Should,
    /// The specification is silent; some client or server does not get along with it.
    Interoperability,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Client => "client",
            Self::Server => "server",
        })
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Must => "must",
            Self::Should => "should",
            Self::Interoperability => "interoperability",
        })
    }
}

macro_rules! rules {
    ($($name:ident = $side:ident $severity:ident $id:literal, $clause:literal;)*) => {
        $(pub(super) const $name: Rule = Rule {
            id: $id,
            clause: $clause,
            side: Side::$side,
            severity: Severity::$severity,
        };)*

        /// Every rule.
        pub const RULES: &[Rule] = &[$($name),*];
    };
}

rules! {
    ADV_HANDSHAKE = Client Must "adv.handshake", "reconnect advice field";
    ADV_INTERVAL = Client Must "adv.interval", "interval advice field";
    ADV_NONE = Client Must "adv.none", "reconnect advice field";
    ADV_SHAPE = Server Must "adv.shape", "advice";
    CON_BATCHED = Client Interoperability "con.batched", "Connect Request";
    CON_EXPIRY = Client Should "con.expiry", "Connect Response";
    CON_FIELDS = Server Must "con.fields", "Connect Response";
    CON_HOLD = Server Should "con.hold", "timeout advice field";
    CON_LOOP = Server Interoperability "con.loop", "Connect Response";
    CON_MULTI_SESSION = Server Interoperability "con.multi-session", "Server-side Multiple clients detection";
    CON_REQUEST = Client Must "con.request", "Connect Request";
    CON_SINGLE = Client Must "con.single", "Connect Request";
    COOKIE_RETURNED = Client Interoperability "cookie.returned", "Multiple clients; CometD binds sessions to a cookie";
    DIS_REPLY = Server Must "dis.reply", "Disconnect Response";
    DIS_REQUEST = Client Must "dis.request", "Disconnect Request";
    EVT_DATA = Server Must "evt.data", "Deliver Event Message";
    EVT_NO_CLIENT_ID = Server Must "evt.no-clientid", "clientId field";
    EVT_SUBSCRIBED = Server Interoperability "evt.subscribed", "Delivery";
    EVT_TWICE = Server Interoperability "evt.twice", "Delivery";
    HS_ALONE = Client Must "hs.alone", "Handshake Request";
    HS_CLIENT_ID_CHARSET = Server Must "hs.clientid-charset", "clientId field";
    HS_COMMON_TYPE = Server Must "hs.no-common-type", "Successful Handshake Response";
    HS_ERROR_SHAPE = Server Must "hs.error-shape", "Unsuccessful Handshake Response";
    HS_FIELDS = Server Must "hs.fields", "Successful Handshake Response";
    HS_REQUEST = Client Must "hs.request", "Handshake Request";
    HTTP_CTYPE = Client Should "http.ctype", "The long-polling request messages";
    HTTP_REPLY_CTYPE = Server Should "http.reply-ctype", "The long-polling response messages";
    HTTP_STATUS = Server Interoperability "http.status", "The long-polling response messages";
    MSG_CHANNEL = Client Must "msg.channel-missing", "channel field";
    MSG_CLIENT_ID = Client Must "msg.clientid", "clientId field";
    MSG_ENDED_SESSION = Client Must "msg.ended-session", "Disconnect Request";
    MSG_ERROR_SHAPE = Server Interoperability "msg.error-shape", "error field";
    MSG_GARBLED_REPLY = Server Must "msg.garbled-reply", "Messages";
    MSG_GARBLED_REQUEST = Client Must "msg.garbled-request", "Messages";
    MSG_ID_ECHO = Server Must "hs.id-echo", "Meta Channels";
    MSG_ID_MISSING = Client Interoperability "msg.id-missing", "id field";
    MSG_ID_TYPES = Client Interoperability "msg.id-types", "id field";
    MSG_ID_UNIQUE = Client Must "msg.id-unique", "id field";
    MSG_REPLY_MISSING = Server Must "msg.batch-order", "Messages";
    MSG_SUCCESSFUL = Server Must "msg.successful", "successful field";
    MSG_UNASKED = Server Must "msg.unasked", "id field";
    PUB_CHANNEL_CHARS = Client Must "pub.channel-chars", "Channels";
    PUB_DATA = Client Must "pub.data-required", "Publish Request";
    PUB_META = Client Must "pub.meta", "Meta Channels";
    PUB_PATTERN = Client Must "pub.pattern", "Channels";
    PUB_REPLY = Server Must "pub.reply", "Publish Response";
    SUB_FIELDS = Server Must "sub.fields", "Subscribe Response";
    SUB_META = Client Should "sub.meta-forbidden", "Meta Channels";
    SUB_REQUEST = Client Must "sub.missing", "Subscribe Request";
    SUB_WILD = Client Must "sub.wild-middle", "Channel Globbing";
}
