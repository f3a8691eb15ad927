//! Which client a session belongs to, as far as its habits tell: for people who look at sessions.

use crate::protocol::Message;

/// Longest name in characters: the header may be any text of any length.
const MAX_LENGTH: usize = 60;

/// The library, told by what it writes into a handshake, and the program, told by the header
/// `User-Agent`; nothing if neither is known.
pub(crate) fn client_name(handshake: &Message, user_agent: Option<&str>) -> Box<str> {
    let program = user_agent.and_then(program);
    let name = match (library(handshake), program) {
        (Some(library), Some(program)) => format!("{library} in {program}"),
        (Some(library), None) => library.to_owned(),
        (None, Some(program)) => program,
        (None, None) => String::new(),
    };
    name.chars().take(MAX_LENGTH).collect()
}

fn library(handshake: &Message) -> Option<&'static str> {
    let types = handshake
        .get("supportedConnectionTypes")
        .unwrap_or_default();
    match handshake.get("minimumVersion") {
        // dojox 1.7.12.
        Some(r#""0.9""#) => Some("dojox.cometd"),
        // npm cometd 9.0.0 says how long its first connect is to be held, in the handshake.
        Some(_) if handshake.advice().is_some() => Some("cometd.js"),
        // npm faye 1.4.1; its transport for other origins is known to nobody else.
        None if types.contains("cross-origin-long-polling") => Some("Faye"),
        _ => None,
    }
}

fn program(user_agent: &str) -> Option<String> {
    // Every browser says that it is Mozilla, and most that they are Chrome or Safari too.
    const BROWSERS: [(&str, &str); 5] = [
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("Version/", "Safari"),
    ];
    if user_agent.starts_with("Mozilla/") {
        return BROWSERS.iter().find_map(|(mark, name)| {
            let (_, rest) = user_agent.split_once(mark)?;
            let version = rest.split(|it: char| !it.is_ascii_digit()).next()?;
            Some(format!("{name} {version}"))
        });
    }
    let product = user_agent.split_whitespace().next()?;
    Some(product.replacen('/', " ", 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHROME: &str = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) \
                          HeadlessChrome/156.0.0.0 Safari/537.36";

    fn name(handshake: &str, user_agent: Option<&str>) -> String {
        let handshake = Message::parse(&handshake.replace('\'', "\"")).unwrap();
        client_name(&handshake, user_agent).into()
    }

    #[test]
    fn libraries_are_told_by_their_handshakes() {
        for (handshake, expected) in [
            (
                "{'version':'1.0','minimumVersion':'1.0','supportedConnectionTypes':['websocket'],'advice':{'timeout':60000,'interval':0}}",
                "cometd.js",
            ),
            (
                "{'version':'1.0','minimumVersion':'0.9','id':'0'}",
                "dojox.cometd",
            ),
            (
                "{'version':'1.0','supportedConnectionTypes':['long-polling','cross-origin-long-polling']}",
                "Faye",
            ),
            ("{'version':'1.0','minimumVersion':'1.0'}", ""),
            ("{}", ""),
        ] {
            assert_eq!(name(handshake, None), expected, "{handshake}");
        }
    }

    #[test]
    fn programs_are_told_by_their_header() {
        for (user_agent, expected) in [
            (CHROME, "Chrome 156"),
            (
                "Mozilla/5.0 (X11; rv:140.0) Gecko/20100101 Firefox/140.0",
                "Firefox 140",
            ),
            (
                "Mozilla/5.0 AppleWebKit/605.1.15 Version/18.5 Safari/605.1.15",
                "Safari 18",
            ),
            (
                "Mozilla/5.0 Chrome/140.0 Safari/537.36 Edg/140.0",
                "Edge 140",
            ),
            ("Mozilla/5.0", ""),
            ("bayeux/0.1.0", "bayeux 0.1.0"),
            ("Python/3.11 aiohttp/3.9", "Python 3.11"),
            ("", ""),
        ] {
            assert_eq!(name("{}", Some(user_agent)), expected, "{user_agent}");
        }
        let both = name("{'minimumVersion':'0.9'}", Some(CHROME));
        assert_eq!(both, "dojox.cometd in Chrome 156");
    }

    #[test]
    fn a_name_is_never_long() {
        assert_eq!(
            name("{}", Some(&"é".repeat(1000))).chars().count(),
            MAX_LENGTH
        );
    }
}
