//! What the codes and wordings of servers mean for the one who reads them: the hint of a
//! refusal.

use bayeux::protocol::ErrorString;

/// Words by which a server refuses, and what to do about it.
struct Wording {
    /// Who says so; for whoever reads or extends the table.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "it is for readers and for tests")
    )]
    server: &'static str,
    /// The code before the words, where others say the same words and mean something else.
    code: Option<u16>,
    /// A part of the `error`; case does not matter, nor `_` instead of a space.
    part: &'static str,
    hint: &'static str,
}

const SERVICE_NOW: &str = "ServiceNow";
const SALESFORCE: &str = "Salesforce";
const COMETD: &str = "CometD 5 and later";
const FAYE: &str = "Faye 1.4";

const LOST: &str =
    "the handshake before it succeeded: several servers behind one address without stickiness?";
/// What is said where nothing is known of the reason.
pub(super) const DENIED: &str = "the session is up; other channels may be allowed";
const UNCREATED: &str =
    "the channel does not exist, or these credentials may not create or see it; case matters";
const FAILED: &str = "code of the server failed: its log tells";
const CHANGED: &str = "-v shows what was sent: does something on the way change messages?";

/// The first row that fits counts, so what is special stands first.
#[rustfmt::skip]
static WORDINGS: [Wording; 44] = [
    row(SERVICE_NOW, None, "Denied authorization to subscribe",
        "its processor wants a signed-in session with rights to the table: -H 'Cookie: JSESSIONID=...'"),

    row(SALESFORCE, None, "API version in the URI is mandatory",
        "the path ends in the version of the API: /cometd/65.0"),
    row(SALESFORCE, None, "Unsupported API version",
        "37.0 and later: the path ends like /cometd/65.0"),
    row(SALESFORCE, None, "concurrent user limit exceeded",
        "every session counts, also one that was not disconnected, for 40 s; end others first"),
    row(SALESFORCE, None, "daily limit exceeded",
        "it counts deliveries of the last 24 hours, replayed ones too; /services/data/v65.0/limits tells"),
    row(SALESFORCE, None, "Authentication invalid",
        "the token expired or was revoked; --token-cmd and --sf fetch a new one by themselves"),
    row(SALESFORCE, None, "Request requires authentication",
        "--sf ORG gives the token of an org, -H 'Authorization: Bearer TOKEN' any other"),
    row(SALESFORCE, None, "Server is too busy",
        "it was tried several times; try again in a minute"),
    row(SALESFORCE, None, "you provided was invalid",
        "the server has forgotten that event: --replay-fallback new or all goes on without it"),
    row(SALESFORCE, None, "using the provided replay ID map",
        "`ext.replay` has to hold the channel as it is subscribed to"),
    row(SALESFORCE, None, "no BAYEUX_BROWSER cookie",
        "something on the way drops cookies; -vv shows which are sent"),
    row(SALESFORCE, None, "you requested to subscribe to doesn't exist",
        "case matters: /event/Name__e, /data/NameChangeEvent, /topic/Name, /u/Name"),
    row(SALESFORCE, None, "do not exist on the topic entity",
        "what stands behind `?` are fields of the PushTopic's query"),
    row(SALESFORCE, None, "Invalid connection type",
        "this server speaks long-polling only"),

    row(COMETD, None, "session_unknown", LOST),
    row("CometD 4", None, "unknown_session", LOST),
    row("CometD to 3.1 (402), Genesys (402), Faye (401), Salesforce (403)", None, "Unknown client", LOST),
    row("Lyrion Media Server", None, "invalid clientId", LOST),
    row("Lyrion Media Server", None, "No clientId found", LOST),

    row(COMETD, Some(403), "handshake_denied",
        "its security policy wants credentials, or other ones: --token, --token-cmd, --user, -H or --ext"),
    row(COMETD, Some(403), "handshake_failed", FAILED),
    // With `channel_` before it from CometD 5; Salesforce says it of channels that do not exist.
    row("CometD, Salesforce", Some(403), "create_denied", UNCREATED),
    row(COMETD, Some(403), "subscribe_denied", DENIED),
    row(COMETD, Some(403), "publish_denied", DENIED),
    row(COMETD, Some(403), "subscription_missing", CHANGED),
    row(COMETD, Some(403), "subscription_invalid",
        "the server takes no such channel or pattern: `*` and `**` are a last segment, and nothing else"),
    // Also `unsubscribe_failed`.
    row(COMETD, Some(403), "subscribe_failed", FAILED),
    row(COMETD, Some(400), "channel_missing", CHANGED),
    row(COMETD, Some(404), "message_deleted",
        "an extension or a listener of the server dropped the message: its log may tell why"),
    row(COMETD, Some(405), "channel_invalid",
        "the server takes no such channel; letters, digits and -_!~()$@ are legal everywhere"),
    row(COMETD, Some(405), "message_id_invalid", CHANGED),
    row(COMETD, Some(405), "no_transport",
        "the server does not offer this transport; -t chooses another one"),
    row(COMETD, Some(406), "timeout",
        "the one who was to answer did not in time: is it there?"),

    row(FAYE, Some(300), "Version mismatch",
        "the server speaks no Bayeux 1.0, or something on the way changes the handshake: -v shows it"),
    row(FAYE, Some(301), "Connection types not supported",
        "the server does not offer this transport; -t chooses another one"),
    row(FAYE, Some(302), "Extension mismatch",
        "the server wants an extension that was not offered: --ext adds it"),
    row(FAYE, Some(400), "Bad request", CHANGED),
    row(FAYE, Some(402), "Missing required parameter", CHANGED),
    row(FAYE, Some(403), "Forbidden channel",
        "channels below /meta/ and /service/ cannot be subscribed to"),
    row(FAYE, Some(404), "Unknown channel",
        "the server has no such channel; case matters"),
    row(FAYE, Some(405), "Invalid channel",
        "the server takes no such channel; letters, digits and -_!~()$@ are legal everywhere"),
    row(FAYE, Some(406), "Unknown extension",
        "the server knows no such extension: leave out what --ext adds"),
    row(FAYE, Some(407), "Failed to publish", FAILED),
    row(FAYE, Some(500), "Internal server error", FAILED),
];

const fn row(
    server: &'static str,
    code: Option<u16>,
    part: &'static str,
    hint: &'static str,
) -> Wording {
    Wording {
        server,
        code,
        part,
        hint,
    }
}

/// The hint for an `error`, or for the body of an HTTP response, if its words have one.
pub(super) fn hint(reason: &str) -> Option<&'static str> {
    find(reason).map(|it| it.hint)
}

fn find(reason: &str) -> Option<&'static Wording> {
    let code = ErrorString::parse(reason).code;
    let reason = plain(reason);
    let fits =
        |it: &&Wording| (it.code.is_none() || it.code == code) && reason.contains(&plain(it.part));
    WORDINGS.iter().find(fits)
}

fn plain(words: &str) -> String {
    words.to_ascii_lowercase().replace('_', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The replies of servers as they are, and the row that is to explain each.
    #[rustfmt::skip]
    const REPLIES: [(&str, &str); 51] = [
        ("403:Denied authorization to subscribe to /rw/** by processor: RecordWatcherAMBProcessor:subscribe_denied", "Denied authorization to subscribe"),
        ("400::API version in the URI is mandatory. URI format: '/cometd/NN.0'", "API version in the URI is mandatory"),
        ("400::Unsupported API version. Only API versions '37.0' and later are supported.", "Unsupported API version"),
        ("403::Organization concurrent user limit exceeded", "concurrent user limit exceeded"),
        ("403::Organization total events daily limit exceeded", "daily limit exceeded"),
        ("401::Authentication invalid", "Authentication invalid"),
        ("401::Request requires authentication", "Request requires authentication"),
        ("503::Server is too busy. Please try your request again later.", "Server is too busy"),
        ("400::The replayId {7} you provided was invalid.  Please provide a valid ID", "you provided was invalid"),
        ("400::The replayId for channel {/u/x} wasn't found using the provided replay ID map {}.", "using the provided replay ID map"),
        ("400::You have established a session, but no BAYEUX_BROWSER cookie is present", "no BAYEUX_BROWSER cookie"),
        ("400::The channel you requested to subscribe to doesn't exist /demo", "you requested to subscribe to doesn't exist"),
        ("400::The fields [a] do not exist on the topic entity", "do not exist on the topic entity"),
        ("400::Invalid connection type. Requested: [websocket]", "Invalid connection type"),
        ("402::session_unknown", "session_unknown"),
        ("402::unknown_session", "unknown_session"),
        ("402::Unknown client", "Unknown client"),
        ("402::unknown client", "Unknown client"),
        ("401:a1b2c3:Unknown client", "Unknown client"),
        ("403::Unknown client", "Unknown client"),
        ("invalid clientId", "invalid clientId"),
        ("No clientId found", "No clientId found"),
        ("403::handshake_denied", "handshake_denied"),
        ("403::Handshake denied", "handshake_denied"),
        ("403::handshake_failed", "handshake_failed"),
        ("403:denied_by_security_policy:create_denied", "create_denied"),
        ("403:denied_by_security_policy:channel_create_denied", "create_denied"),
        ("403:denied_by_security_policy:create denied", "create_denied"),
        ("403:denied_by_security_policy:subscribe_denied", "subscribe_denied"),
        ("403:denied_by_security_policy:publish_denied", "publish_denied"),
        ("403::subscription_missing", "subscription_missing"),
        ("403::subscription_invalid", "subscription_invalid"),
        ("403::subscribe_failed", "subscribe_failed"),
        ("403::unsubscribe_failed", "subscribe_failed"),
        ("400::channel_missing", "channel_missing"),
        ("404::message_deleted", "message_deleted"),
        ("405::channel_invalid", "channel_invalid"),
        ("405::message_id_invalid", "message_id_invalid"),
        ("405:long-polling,websocket:no_transport", "no_transport"),
        ("406::timeout", "timeout"),
        ("300:0.9:Version mismatch", "Version mismatch"),
        ("301:flash:Connection types not supported", "Connection types not supported"),
        ("302::Extension mismatch", "Extension mismatch"),
        ("400::Bad request", "Bad request"),
        ("402:version:Missing required parameter", "Missing required parameter"),
        ("403:/meta/x:Forbidden channel", "Forbidden channel"),
        ("404:/x:Unknown channel", "Unknown channel"),
        ("405:/de.mo:Invalid channel", "Invalid channel"),
        ("407:/x:Failed to publish", "Failed to publish"),
        ("406:x:Unknown extension", "Unknown extension"),
        ("500::Internal server error", "Internal server error"),
    ];

    #[test]
    fn every_reply_is_explained_by_its_own_row() {
        for (reply, part) in REPLIES {
            let found = find(reply).map(|it| it.part);
            assert_eq!(found, Some(part), "{reply}");
        }
    }

    #[test]
    fn every_row_explains_a_reply() {
        for wording in &WORDINGS {
            let is_own = |reply: &str| find(reply).is_some_and(|it| std::ptr::eq(it, wording));
            let is_found = REPLIES.iter().any(|(reply, _)| is_own(reply));
            assert!(is_found, "{}: {}", wording.server, wording.part);
        }
    }

    #[test]
    fn words_that_say_little_count_only_behind_their_code() {
        for reason in [
            "Bad request",
            "an internal server error",
            "500::timeout",
            "go away",
        ] {
            assert_eq!(hint(reason), None, "{reason}");
        }
    }
}
