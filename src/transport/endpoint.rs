//! The server's URL, in full or in one of the short forms that people type.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use ureq::http::Uri;
use ureq::http::uri::Scheme;

use super::TransportError;

/// Where a Bayeux server listens: scheme, host, port, path and query.
///
/// `Display` and `Debug` leave the values of the query out, since tokens are put there;
/// a user name or password is refused.
///
/// ```
/// use bayeux::transport::Endpoint;
///
/// let endpoint: Endpoint = ":8080/cometd?token=1".parse()?;
/// assert_eq!(endpoint.origin(), "http://localhost:8080");
/// assert_eq!(endpoint.path(), "/cometd");
/// assert_eq!(endpoint.to_string(), "http://localhost:8080/cometd?token=...");
/// # Ok::<(), bayeux::transport::EndpointError>(())
/// ```
#[derive(Clone, Eq, PartialEq)]
pub struct Endpoint {
    url: Box<str>,
    uri: Uri,
    host: Box<str>,
    port: u16,
    path_start: usize,
}

/// A text that is no endpoint.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// Nothing was given, or no host stands where one must.
    #[error("a URL needs a host")]
    NoHost,
    /// A scheme that is neither of HTTP nor of WebSocket.
    #[error("unknown scheme, use http, https, ws or wss: {0}")]
    Scheme(String),
    /// A user name or a password stands before the host.
    #[error("credentials do not belong in a URL")]
    UserInfo,
    /// The port is no number between 1 and 65535.
    #[error("not a port: {0}")]
    Port(String),
    /// A `#fragment`, which is never sent.
    #[error("a fragment (`#...`) is never sent to a server")]
    Fragment,
    /// White space, a control character or a character outside ASCII.
    #[error("this character must be percent-encoded, or in a host written in its xn-- form: {0:?}")]
    Character(char),
    /// Anything else that a URL cannot be.
    #[error("not a URL")]
    Malformed,
}

impl Endpoint {
    /// Scheme, host, and the port if it is not the scheme's own.
    pub fn origin(&self) -> &str {
        &self.url[..self.path_start]
    }

    /// The same for requests over HTTP, whatever the transport.
    pub(super) fn http_origin(&self) -> String {
        let scheme = if self.is_tls() { "https" } else { "http" };
        let authority = self.uri.authority().map_or("", |it| it.as_str());
        format!("{scheme}://{authority}")
    }

    /// The path without the query.
    pub fn path(&self) -> &str {
        self.uri.path()
    }

    /// The host, an IPv6 address without its brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, given or the scheme's own.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether the host is this machine, by its name or its address.
    pub fn is_loopback(&self) -> bool {
        match self.host().parse::<IpAddr>() {
            Ok(address) => address.to_canonical().is_loopback(),
            // RFC 6761, section 6.3.
            Err(_) => self.host() == "localhost" || self.host().ends_with(".localhost"),
        }
    }

    /// Whether the connection is encrypted.
    pub fn is_tls(&self) -> bool {
        self.uri.scheme() == Some(&Scheme::HTTPS)
    }

    /// Whether the scheme is `ws` or `wss`.
    pub fn is_web_socket(&self) -> bool {
        self.url.starts_with("ws")
    }

    /// The whole URL, with the values of the query.
    pub fn expose(&self) -> &str {
        &self.url
    }

    /// The whole URL for requests over HTTP: `http` for `ws`, `https` for `wss`.
    pub fn over_http(&self) -> String {
        self.uri.to_string()
    }

    /// The URL for requests over HTTP, whatever the transport.
    pub(super) fn uri(&self) -> &Uri {
        &self.uri
    }

    /// The URL for requests over HTTP with more in its query.
    pub(super) fn with_query(&self, more: &str) -> Result<Uri, TransportError> {
        let separator = if self.url.contains('?') { '&' } else { '?' };
        let url = format!("{}{separator}{more}", self.uri);
        let length = url.len();
        // What is added is percent-encoded, so that nothing but its length can be wrong.
        url.try_into()
            .map_err(|_| TransportError::UrlTooLong { length })
    }
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        let text = text.trim();
        if let Some(it) = text.chars().find(|it| !it.is_ascii_graphic()) {
            return Err(EndpointError::Character(it));
        }
        if text.contains('#') {
            return Err(EndpointError::Fragment);
        }
        let (scheme, rest) = split_scheme(text)?;
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path_and_query) = rest.split_at(end);
        if authority.contains('@') {
            return Err(EndpointError::UserInfo);
        }
        let (host, port) = split_port(authority)?;
        let host = match host {
            "" if authority.is_empty() => return Err(EndpointError::NoHost),
            "" => "localhost".to_owned(),
            host if is_host(host) => host.to_ascii_lowercase(),
            _ => return Err(EndpointError::Malformed),
        };
        let (default_port, http) = match scheme {
            "https" | "wss" => (443, "https"),
            _ => (80, "http"),
        };
        let port = port.unwrap_or(default_port);

        let mut url = format!("{scheme}://{host}");
        if port != default_port {
            url.push_str(&format!(":{port}"));
        }
        let path_start = url.len();
        if !path_and_query.starts_with('/') {
            url.push('/');
        }
        url.push_str(path_and_query);
        let uri = format!("{http}{}", &url[scheme.len()..]);
        let uri: Uri = uri.parse().map_err(|_| EndpointError::Malformed)?;
        Ok(Self {
            host: host.trim_matches(['[', ']']).into(),
            url: url.into(),
            uri,
            port,
            path_start,
        })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((start, query)) = self.url.split_once('?') else {
            return f.write_str(&self.url);
        };
        write!(f, "{start}")?;
        for (nth, pair) in query.split('&').enumerate() {
            f.write_str(if nth == 0 { "?" } else { "&" })?;
            match pair.split_once('=') {
                Some((name, _)) => write!(f, "{name}=...")?,
                // A lone word can be a token as well.
                None => f.write_str("...")?,
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({self})")
    }
}

/// Without a scheme it is http: that is what people run on their own machine.
fn split_scheme(text: &str) -> Result<(&'static str, &str), EndpointError> {
    let Some((scheme, rest)) = text.split_once("://") else {
        return Ok(("http", text));
    };
    if scheme.contains(['/', '?']) {
        // The `://` stands in the path or in the query.
        return Ok(("http", text));
    }
    match scheme.to_ascii_lowercase().as_str() {
        _ if rest.starts_with(':') => Err(EndpointError::NoHost),
        "http" => Ok(("http", rest)),
        "https" => Ok(("https", rest)),
        "ws" => Ok(("ws", rest)),
        "wss" => Ok(("wss", rest)),
        _ => Err(EndpointError::Scheme(scheme.to_owned())),
    }
}

/// A name, an IPv4 address, or an IPv6 address in brackets.
pub(super) fn is_host(text: &str) -> bool {
    let bracketed = text.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
    match bracketed {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        // Underscores are in no host of DNS, and in many of Docker.
        None => text
            .bytes()
            .all(|it| it.is_ascii_alphanumeric() || b"-._".contains(&it)),
    }
}

/// Parts `host:port`, where the host can be an IPv6 address in brackets.
pub(super) fn split_port(authority: &str) -> Result<(&str, Option<u16>), EndpointError> {
    let host_end = authority.find(']').map_or(0, |at| at + 1);
    let Some(colon) = authority[host_end..].find(':') else {
        return Ok((authority, None));
    };
    let (host, port) = authority.split_at(host_end + colon);
    let digits = &port[1..];
    match digits.parse() {
        Ok(port) if port > 0 && digits.bytes().all(|it| it.is_ascii_digit()) => {
            Ok((host, Some(port)))
        }
        _ => Err(EndpointError::Port(digits.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn url(text: &str) -> String {
        text.parse::<Endpoint>().unwrap().expose().to_owned()
    }

    fn error(text: &str) -> EndpointError {
        text.parse::<Endpoint>().unwrap_err()
    }

    #[test]
    fn short_forms_mean_http_on_this_machine_or_on_a_host() {
        assert_eq!(url(":8080/cometd"), "http://localhost:8080/cometd");
        assert_eq!(url("localhost:8080/cometd"), "http://localhost:8080/cometd");
        assert_eq!(url("example.com/path"), "http://example.com/path");
        assert_eq!(url("[::1]:8080"), "http://[::1]:8080/");
        assert_eq!(url("host?a=http://b"), "http://host/?a=http://b");
    }

    #[test]
    fn urls_are_normalised_and_their_query_is_kept() {
        assert_eq!(
            url(" HTTPS://Example.COM:443/A?b=c "),
            "https://example.com/A?b=c"
        );
        assert_eq!(url("http://h:80"), "http://h/");
        assert_eq!(url("https://h:80"), "https://h:80/");
    }

    #[test]
    fn web_sockets_have_the_ports_of_http() {
        assert_eq!(url("WS://h:80/cometd"), "ws://h/cometd");
        let endpoint: Endpoint = "wss://h/cometd?a=b".parse().unwrap();
        assert!(endpoint.is_web_socket() && endpoint.is_tls());
        assert_eq!(endpoint.port(), 443);
        assert_eq!(endpoint.uri(), "https://h/cometd?a=b");
        let endpoint: Endpoint = "ws.example.com/cometd".parse().unwrap();
        assert!(!endpoint.is_web_socket() && !endpoint.is_tls());
    }

    #[test]
    fn the_parts_are_there() {
        let endpoint: Endpoint = "https://[2001:db8::1]/a?b".parse().unwrap();
        assert_eq!(endpoint.origin(), "https://[2001:db8::1]");
        assert_eq!(endpoint.path(), "/a");
        assert_eq!((endpoint.host(), endpoint.port()), ("2001:db8::1", 443));
        assert!(endpoint.is_tls());
    }

    #[test]
    fn what_is_no_endpoint_is_refused() {
        assert_eq!(error(""), EndpointError::NoHost);
        assert_eq!(error("/cometd"), EndpointError::NoHost);
        assert_eq!(error("http:///cometd"), EndpointError::NoHost);
        assert_eq!(error("http://:8080/"), EndpointError::NoHost);
        assert_eq!(error("ftp://h/"), EndpointError::Scheme("ftp".to_owned()));
        assert_eq!(error("h:99999/"), EndpointError::Port("99999".to_owned()));
        assert_eq!(error("h:0"), EndpointError::Port("0".to_owned()));
        assert_eq!(error("h:+1"), EndpointError::Port("+1".to_owned()));
        assert_eq!(error("h/#a"), EndpointError::Fragment);
        assert_eq!(error("h/a b"), EndpointError::Character(' '));
        assert_eq!(error("h/\r\nX: y"), EndpointError::Character('\r'));
        assert_eq!(error(":[]"), EndpointError::Malformed);
        assert_eq!(error("[a]/"), EndpointError::Malformed);
        assert_eq!(error("a,b/"), EndpointError::Malformed);
        assert_eq!(error("höst/"), EndpointError::Character('ö'));
        assert_eq!(error("http://[::1/"), EndpointError::Port(":1".to_owned()));
    }

    #[test]
    fn no_text_shows_a_credential() {
        let error = error("http://me:geheim@host/");
        assert_eq!(error, EndpointError::UserInfo);
        let endpoint: Endpoint = "h/p?token=geheim&x&geheim".parse().unwrap();
        assert_eq!(endpoint.to_string(), "http://h/p?token=...&...&...");
        assert!(!format!("{error} {error:?} {endpoint:?}").contains("geheim"));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused_without_panic(text in "[a:/?#@\\[\\]0-9é. ]{0,20}") {
            if let Ok(endpoint) = text.parse::<Endpoint>() {
                prop_assert_eq!(endpoint.expose().parse::<Endpoint>().unwrap(), endpoint);
            }
        }
    }
}
