//! What the responders of the examples answer: replies of one length, which accept everything.

use bayeux::protocol::meta;

use crate::Result;

/// The length of every body that a responder sends: a typical reply to a connect.
pub(crate) const BODY: usize = 201;

/// An accepting reply to the one message of a request, padded to the same length every time.
pub(crate) fn reply(request: &str) -> String {
    let field = |name: &str| {
        let start = request.find(name)? + name.len();
        request[start..].split('"').next()
    };
    let channel = field(r#""channel":""#).unwrap_or(meta::CONNECT);
    let id = field(r#""id":""#).unwrap_or("0");
    let only_handshakes_and_connects = match channel {
        meta::HANDSHAKE => {
            r#""version":"1.0","clientId":"1cbu67k8ejc2j14sl83m9e5hb2","supportedConnectionTypes":["long-polling"],"#
        }
        meta::CONNECT => r#""advice":{"reconnect":"retry","interval":0,"timeout":30000},"#,
        _ => "",
    };
    let start = format!(
        r#"[{{"channel":"{channel}","id":"{id}","successful":true,{only_handshakes_and_connects}"x":""#
    );
    let end = r#""}]"#;
    let padding = BODY.saturating_sub(start.len() + end.len());
    format!("{start}{}{end}", "x".repeat(padding))
}

/// Whether a request is a connect that is to be held: all but the first one of a session.
pub(crate) fn is_held(request: &str) -> bool {
    request.contains(meta::CONNECT) && !request.contains(r#""timeout":0"#)
}

pub(crate) fn content_length(headers: &[httparse::Header<'_>]) -> Result<usize> {
    let header = headers
        .iter()
        .find(|header| header.name.eq_ignore_ascii_case("content-length"))
        .ok_or("no content-length")?;
    Ok(std::str::from_utf8(header.value)?.trim().parse()?)
}
