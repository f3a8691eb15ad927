//! Plain HTTP through a proxy: each request names its whole URL (RFC 9112, section 3.2.2).

use ureq::http::{HeaderMap, StatusCode};

use super::{Proxy, ProxyFailure};
use crate::session::Stage;
use crate::transport::{Excerpt, TransportError};

/// squid's header with the name of its error page: the answer is the proxy's own.
const SQUID_ERROR: &str = "X-Squid-Error";
/// Those after which the server has seen nothing of the request.
const NOT_FORWARDED: [&str; 5] = [
    "ERR_ACCESS_DENIED",
    "ERR_CACHE_ACCESS_DENIED",
    "ERR_CANNOT_FORWARD",
    "ERR_CONNECT_FAIL",
    "ERR_DNS_FAIL",
];

/// Where the origin belongs in a request that begins as `POST /path HTTP/1.1`. `None` if it
/// does not begin so.
pub(in crate::transport) fn target_start(request: &[u8]) -> Option<usize> {
    let at = request.iter().position(|it| *it == b' ')? + 1;
    (request.get(at) == Some(&b'/')).then_some(at)
}

/// An error status that is not the server's but the proxy's.
pub(in crate::transport) fn refusal(
    proxy: &Proxy,
    headers: &HeaderMap,
    error: TransportError,
) -> TransportError {
    let TransportError::Status { status, .. } = error else {
        return error;
    };
    let page = headers.get(SQUID_ERROR).and_then(|it| it.to_str().ok());
    let page = page.and_then(|it| it.split(' ').next()).unwrap_or_default();
    let failure = if status == StatusCode::PROXY_AUTHENTICATION_REQUIRED {
        ProxyFailure::Credentials {
            were_sent: proxy.authorization().is_some(),
        }
    } else if NOT_FORWARDED.contains(&page) {
        ProxyFailure::Refused {
            status,
            reason: Some(Excerpt::of(page.as_bytes())),
        }
    } else {
        return error;
    };
    TransportError::Proxy {
        proxy: proxy.to_string(),
        failure,
        stage: Stage::Unsent,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_target_begins_after_the_method() {
        assert_eq!(target_start(b"POST /cometd HTTP/1.1\r\n"), Some(5));
        assert_eq!(target_start(b"POST http://h/ HTTP/1.1\r\n"), None);
        assert_eq!(target_start(b"POST "), None);
        assert_eq!(target_start(b""), None);
    }
}
