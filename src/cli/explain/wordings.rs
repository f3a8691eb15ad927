//! What the wordings of Salesforce mean for the one who reads them: the hint of a refusal.

/// A part of a wording, and what to do about it.
const HINTS: [(&str, &str); 13] = [
    (
        "API version in the URI is mandatory",
        "the path ends in the version of the API: /cometd/65.0",
    ),
    (
        "Unsupported API version",
        "37.0 and later: the path ends like /cometd/65.0",
    ),
    (
        "concurrent user limit exceeded",
        "every session counts, also one that was not disconnected, for 40 s; end others first",
    ),
    (
        "daily limit exceeded",
        "it counts deliveries of the last 24 hours, replayed ones too; /services/data/v65.0/limits tells",
    ),
    (
        "Authentication invalid",
        "the token expired or was revoked; --token-cmd and --sf fetch a new one by themselves",
    ),
    (
        "Request requires authentication",
        "--sf ORG gives the token of an org, -H 'Authorization: Bearer TOKEN' any other",
    ),
    (
        "Server is too busy",
        "it was tried several times; try again in a minute",
    ),
    (
        "you provided was invalid",
        "the server has forgotten that event: --replay-fallback new or all goes on without it",
    ),
    (
        "using the provided replay ID map",
        "`ext.replay` has to hold the channel as it is subscribed to",
    ),
    (
        "no BAYEUX_BROWSER cookie",
        "something on the way drops cookies; -vv shows which are sent",
    ),
    (
        "you requested to subscribe to doesn't exist",
        "case matters: /event/Name__e, /data/NameChangeEvent, /topic/Name, /u/Name",
    ),
    (
        "do not exist on the topic entity",
        "what stands behind `?` are fields of the PushTopic's query",
    ),
    (
        "Invalid connection type",
        "this server speaks long-polling only",
    ),
];

/// The hint for a wording, if it has one.
pub(crate) fn hint(reason: &str) -> Option<&'static str> {
    let known = HINTS.iter().find(|(wording, _)| reason.contains(wording));
    known.map(|(_, hint)| *hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wordings_are_found_with_their_codes_around_them() {
        for reason in [
            "400::API version in the URI is mandatory. URI format: '/cometd/NN.0'",
            "403::Organization concurrent user limit exceeded",
            "403::Organization total events daily limit exceeded",
            "401::Authentication invalid",
            "400::The replayId {7} you provided was invalid.  Please provide a valid ID",
        ] {
            assert!(hint(reason).is_some(), "{reason}");
        }
        assert_eq!(hint("403::handshake_denied"), None);
    }
}
