//! Secrets in HTTP headers and addresses.

use std::borrow::Cow;

use percent_encoding::{percent_decode_str, utf8_percent_encode};

use super::credential::is_credential;
use super::json::redact;
use crate::protocol::ENCODED;

/// Schemes whose name may be shown before the secret of an `Authorization`.
const SCHEMES: [&str; 7] = [
    "basic",
    "bearer",
    "digest",
    "hmac",
    "negotiate",
    "oauth",
    "token",
];

/// The value of a header without its secrets: names of cookies and their attributes, and
/// the scheme of an authorization, are kept.
///
/// ```
/// use bayeux::redaction::redact_header;
///
/// assert_eq!(redact_header("Authorization", "Bearer 00Dxx!A"), "Bearer ***");
/// assert_eq!(redact_header("Set-Cookie", "BAYEUX_BROWSER=1a; Path=/"), "BAYEUX_BROWSER=***; Path=/");
/// assert_eq!(redact_header("Content-Type", "application/json"), "application/json");
/// ```
pub fn redact_header<'a>(name: &str, value: &'a str) -> Cow<'a, str> {
    match name.to_ascii_lowercase().as_str() {
        "authorization" | "proxy-authorization" => match value.split_once(' ') {
            Some((scheme, _)) if SCHEMES.contains(&scheme.to_ascii_lowercase().as_str()) => {
                format!("{scheme} ***").into()
            }
            _ => "***".into(),
        },
        "cookie" => {
            let cookies: Vec<_> = value.split(';').map(|it| cookie(it.trim())).collect();
            cookies.join("; ").into()
        }
        "set-cookie" => match value.split_once(';') {
            Some((pair, attributes)) => format!("{};{attributes}", cookie(pair)).into(),
            None => cookie(value).into(),
        },
        "location" | "referer" => redact_url(value),
        // The nonces of the WebSocket handshake (RFC 6455, section 4) are public.
        nonce if nonce.starts_with("sec-websocket-") => value.into(),
        _ if is_credential(name) => "***".into(),
        _ => value.into(),
    }
}

fn cookie(pair: &str) -> String {
    match pair.split_once('=') {
        Some((name, _)) => format!("{name}=***"),
        None => "***".to_owned(),
    }
}

/// An address without the password of its user part and without the values of query
/// parameters that are named like credentials. In the messages of callback-polling it is the
/// secrets that [`redact`] knows.
///
/// ```
/// use bayeux::redaction::redact_url;
///
/// assert_eq!(redact_url("http://ann:pw@host/cometd?token=1&x=2"), "http://ann:***@host/cometd?token=***&x=2");
/// ```
pub fn redact_url(url: &str) -> Cow<'_, str> {
    let (address, query) = match url.split_once('?') {
        Some((address, query)) => (address, Some(query)),
        None => (url, None),
    };
    let authority_start = address.find("://").map_or(0, |at| at + 3);
    let authority_end = address[authority_start..]
        .find('/')
        .map_or(address.len(), |at| authority_start + at);
    let authority = &address[authority_start..authority_end];
    let user = authority.rsplit_once('@').map(|(user, _)| user);
    let password = user.and_then(|it| it.split_once(':'));
    let has_secret = |query: &str| query.split('&').any(|it| redacted_parameter(it).is_some());
    if password.is_none() && !query.is_some_and(has_secret) {
        return url.into();
    }
    let mut text = address[..authority_start].to_owned();
    match password {
        Some((user_name, password)) => {
            text.push_str(user_name);
            text.push_str(":***");
            text.push_str(&authority[user_name.len() + 1 + password.len()..]);
        }
        None => text.push_str(authority),
    }
    text.push_str(&address[authority_end..]);
    for (nth, parameter) in query.into_iter().flat_map(|it| it.split('&')).enumerate() {
        text.push(if nth == 0 { '?' } else { '&' });
        match redacted_parameter(parameter) {
            Some(redacted) => text.push_str(&redacted),
            None => text.push_str(parameter),
        }
    }
    text.into()
}

/// A parameter without its secret, if it has one.
fn redacted_parameter(parameter: &str) -> Option<String> {
    let (name, value) = parameter.split_once('=')?;
    if name == "message" {
        let messages = percent_decode_str(value).decode_utf8_lossy();
        match redact(&messages) {
            Cow::Borrowed(_) => None,
            Cow::Owned(messages) => {
                let messages = utf8_percent_encode(&messages, ENCODED);
                Some(format!("message={messages}"))
            }
        }
    } else {
        is_credential(name).then(|| format!("{name}=***"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_authorization_keeps_its_scheme_if_it_is_a_known_one() {
        assert_eq!(redact_header("authorization", "basic YTpi"), "basic ***");
        assert_eq!(redact_header("Proxy-Authorization", "YTpi x"), "***");
        assert_eq!(redact_header("Authorization", "00Dxx"), "***");
    }

    #[test]
    fn cookies_keep_their_names_and_attributes() {
        assert_eq!(redact_header("Cookie", "a=1; b=x=y;c"), "a=***; b=***; ***");
        assert_eq!(
            redact_header("Set-Cookie", "sid=1; Path=/; Secure; HttpOnly"),
            "sid=***; Path=/; Secure; HttpOnly"
        );
        assert_eq!(redact_header("Set-Cookie", "sid=1"), "sid=***");
    }

    #[test]
    fn other_headers_are_told_by_their_names() {
        assert_eq!(redact_header("X-Auth-Token", "abc"), "***");
        assert_eq!(redact_header("X-Api-Key", "abc"), "***");
        assert_eq!(redact_header("Client-Secret", "abc"), "***");
        assert_eq!(redact_header("Sec-WebSocket-Key", "abc="), "abc=");
        assert_eq!(redact_header("WWW-Authenticate", "Bearer"), "Bearer");
        assert_eq!(redact_header("Location", "/x?sid=1"), "/x?sid=***");
    }

    #[test]
    fn an_address_without_secrets_is_borrowed() {
        for url in [
            "http://host:8080/cometd?x=1",
            "http://ann@host/",
            ":8080/cometd",
            "",
        ] {
            assert!(matches!(redact_url(url), Cow::Borrowed(same) if same == url));
        }
        assert_eq!(redact_url("wss://a:b@c"), "wss://a:***@c");
        assert_eq!(redact_url("http://a:b:c@d/@e"), "http://a:***@d/@e");
    }

    #[test]
    fn the_messages_in_a_query_are_redacted_as_messages_are() {
        let message = |json: &str| {
            let json = utf8_percent_encode(json, ENCODED);
            format!("/cometd?jsonp=f&message={json}&x=1")
        };
        let secret = message(r#"[{"clientId":"abcdefgh","ext":{"token":"abc"},"data":"abc"}]"#);
        let shown = message(r#"[{"clientId":"abcd…","ext":{"token":"***"},"data":"abc"}]"#);
        assert_eq!(redact_url(&secret), shown);
        let harmless = message(r#"[{"channel":"/a","data":{"token":"abc"}}]"#);
        assert!(matches!(redact_url(&harmless), Cow::Borrowed(_)));
        assert_eq!(redact_url("/cometd?message=hello"), "/cometd?message=hello");
    }

    proptest! {
        #[test]
        fn any_header_and_address_is_redacted_without_panic(name in "\\PC{0,12}", value in "\\PC{0,40}") {
            for name in [name.as_str(), "cookie", "set-cookie", "authorization"] {
                redact_header(name, &value);
            }
            redact_url(&value);
        }

        #[test]
        fn no_password_survives(user in "[a-z@/?]{0,5}", password in "[0-9]{4,8}") {
            let url = format!("http://{}:{password}@host/cometd", user.replace(['/', '?'], ""));
            prop_assert!(!redact_url(&url).contains(&password));
        }
    }
}
