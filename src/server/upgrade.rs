//! The request that makes a websocket of a connection, and the response to it (RFC 6455, 4.2).

use tungstenite::handshake::derive_accept_key;
use ureq_proto::http::{HeaderMap, Method, Request, StatusCode, Version, header};

use super::headers::{bearer, has_token, text};
use super::refused::{Refused, refused};
use super::response::SERVER;

/// A request to go on as a websocket.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Upgrade {
    key: String,
    /// The subprotocols that the client offers.
    protocols: Vec<String>,
    /// The token of an `Authorization: Bearer` header.
    pub(super) bearer: Option<String>,
    /// The `User-Agent` header.
    pub(super) user_agent: Option<String>,
}

impl Upgrade {
    /// Reads a request, if a websocket is what it asks for.
    pub(super) fn asked_for(request: &Request<()>) -> Option<Result<Self, Refused>> {
        let headers = request.headers();
        let is_asked_for =
            request.method() == Method::GET && has_token(headers, header::UPGRADE, "websocket");
        is_asked_for.then(|| {
            if request.version() != Version::HTTP_11
                || !has_token(headers, header::CONNECTION, "upgrade")
            {
                return Err(bad("a websocket takes HTTP/1.1 and `Connection: Upgrade`"));
            }
            let version = headers.get(header::SEC_WEBSOCKET_VERSION);
            if version.is_none_or(|it| it.as_bytes() != b"13") {
                let reason = "of the websocket versions only 13 is known";
                return Err(refused(StatusCode::UPGRADE_REQUIRED, reason));
            }
            Ok(Self {
                key: key(headers).ok_or_else(|| bad("Sec-WebSocket-Key is missing or no key"))?,
                protocols: protocols(headers),
                bearer: bearer(headers),
                user_agent: text(headers, header::USER_AGENT).map(str::to_owned),
            })
        })
    }

    /// The response, after which the connection is a websocket. A subprotocol is named only
    /// if the client offers it and the server speaks it.
    pub(super) fn response(&self, spoken: Option<&str>) -> Vec<u8> {
        let accept = derive_accept_key(self.key.as_bytes());
        let protocol = self
            .protocols
            .iter()
            .find(|it| Some(it.as_str()) == spoken)
            .map(|it| format!("Sec-WebSocket-Protocol: {it}\r\n"))
            .unwrap_or_default();
        format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {accept}\r\nServer: {SERVER}\r\n{protocol}\r\n"
        )
        .into_bytes()
    }
}

/// 16 bytes in base64; what they are does not matter.
fn key(headers: &HeaderMap) -> Option<String> {
    let key = headers.get(header::SEC_WEBSOCKET_KEY)?.to_str().ok()?;
    let digits = key.strip_suffix("==")?;
    let is_key = digits.len() == 22
        && digits
            .bytes()
            .all(|it| it.is_ascii_alphanumeric() || b"+/".contains(&it));
    is_key.then(|| key.to_owned())
}

fn protocols(headers: &HeaderMap) -> Vec<String> {
    headers
        .get_all(header::SEC_WEBSOCKET_PROTOCOL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|it| it.trim().to_owned())
        .collect()
}

fn bad(reason: &str) -> Refused {
    refused(StatusCode::BAD_REQUEST, reason)
}
