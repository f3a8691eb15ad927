//! HTTP proxies: their URL, which one a request goes through, and how.
//!
//! ```text
//! https:  CONNECT host:port, then TLS with the server through the tunnel    (tunnel)
//! http:   each request with its whole URL, `POST http://host/path HTTP/1.1` (forward)
//! ```
//!
//! Most proxies refuse CONNECT to other ports than 443 (squid 5.7 by default), so that plain
//! HTTP cannot go through tunnels as well.

mod choice;
mod failure;
pub(super) mod forward;
mod tunnel;

use std::fmt;
use std::str::FromStr;

use base64::prelude::{BASE64_STANDARD, Engine};
use percent_encoding::percent_decode_str;

pub use choice::ProxyChoiceError;
pub use failure::ProxyFailure;
pub(super) use tunnel::Tunnel;

use super::Secret;
use super::endpoint::{is_host, split_port};

/// curl's port of a proxy whose URL names none.
const DEFAULT_PORT: u16 = 1080;

/// An HTTP proxy. `Display` and `Debug` show no credentials.
///
/// ```
/// use bayeux::transport::Proxy;
///
/// let proxy: Proxy = "ann:s3cret@proxy.example.com:3128".parse()?;
/// assert_eq!(proxy.to_string(), "http://proxy.example.com:3128");
/// # Ok::<(), bayeux::transport::ProxyError>(())
/// ```
#[derive(Clone, Eq, PartialEq)]
pub struct Proxy {
    url: Box<str>,
    host: Box<str>,
    port: u16,
    authorization: Option<Secret>,
}

/// A text that is no proxy. No part of the text is repeated: it may hold a password.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ProxyError {
    /// A kind of proxy that is not supported.
    #[error("only http:// proxies are supported, not {0}://")]
    Scheme(&'static str),
    /// No host stands where one must.
    #[error("a proxy needs a host")]
    NoHost,
    /// The port is no number between 1 and 65535.
    #[error("its port is no number from 1 to 65535")]
    Port,
    /// Anything else that the URL of a proxy cannot be.
    #[error("it is no URL of a proxy")]
    Malformed,
}

impl Proxy {
    /// The host, an IPv6 address without its brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, given or 1080 as curl has it.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The value of `Proxy-Authorization`, if the URL has a user.
    pub(super) fn authorization(&self) -> Option<&Secret> {
        self.authorization.as_ref()
    }
}

impl FromStr for Proxy {
    type Err = ProxyError;

    fn from_str(text: &str) -> Result<Self, ProxyError> {
        let text = text.trim();
        if text.bytes().any(|it| !it.is_ascii_graphic()) {
            return Err(ProxyError::Malformed);
        }
        let rest = match text.split_once("://") {
            Some((scheme, rest)) => {
                http_only(scheme)?;
                rest
            }
            None => text,
        };
        // curl takes a path and ignores it; it ends what may be a password.
        let (credentials, address) = match rest.rsplit_once('@') {
            Some((credentials, address)) => (Some(credentials), address),
            None => (None, rest),
        };
        let authority = match address.split_once('/') {
            Some((authority, "")) => authority,
            Some(_) => return Err(ProxyError::Malformed),
            None => address,
        };
        let (host, port) = split_port(authority).map_err(|_| ProxyError::Port)?;
        if host.is_empty() {
            return Err(ProxyError::NoHost);
        }
        if !is_host(host) {
            return Err(ProxyError::Malformed);
        }
        let (host, port) = (host.to_ascii_lowercase(), port.unwrap_or(DEFAULT_PORT));
        Ok(Self {
            url: format!("http://{host}:{port}").into(),
            host: host.trim_matches(['[', ']']).into(),
            port,
            authorization: credentials.map(basic),
        })
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({})", self.url)
    }
}

fn http_only(scheme: &str) -> Result<(), ProxyError> {
    let others = ["https", "socks", "socks4", "socks4a", "socks5", "socks5h"];
    if scheme.eq_ignore_ascii_case("http") {
        return Ok(());
    }
    let other = others.iter().find(|it| scheme.eq_ignore_ascii_case(it));
    Err(other.map_or(ProxyError::Malformed, |it| ProxyError::Scheme(it)))
}

/// RFC 7617; user and password are percent-encoded in a URL.
fn basic(credentials: &str) -> Secret {
    let (user, password) = credentials.split_once(':').unwrap_or((credentials, ""));
    let mut bytes: Vec<u8> = percent_decode_str(user).collect();
    bytes.push(b':');
    bytes.extend(percent_decode_str(password));
    Secret::new(format!("Basic {}", BASE64_STANDARD.encode(bytes)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn proxy(text: &str) -> Proxy {
        text.parse().unwrap()
    }

    fn error(text: &str) -> ProxyError {
        text.parse::<Proxy>().unwrap_err()
    }

    fn authorization(text: &str) -> Option<String> {
        Some(proxy(text).authorization()?.expose().to_owned())
    }

    #[test]
    fn a_proxy_is_written_as_for_curl() {
        let full = proxy("http://Proxy.Example.com:3128/");
        assert_eq!(full.to_string(), "http://proxy.example.com:3128");
        assert_eq!(full, proxy("proxy.example.com:3128"));
        assert_eq!(proxy("proxy").port(), 1080);
        let six = proxy("HTTP://[::1]:80");
        assert_eq!((six.host(), six.port()), ("::1", 80));
        assert_eq!(six.to_string(), "http://[::1]:80");
    }

    #[test]
    fn user_and_password_are_decoded() {
        assert_eq!(authorization("h:1"), None);
        assert_eq!(
            authorization("Aladdin:open%20sesame@h:1").as_deref(),
            Some("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==")
        );
        // `a@b:c:@/d`, in which only the last `@` parts.
        assert_eq!(
            authorization("http://a%40b:c:@/d@h:1").as_deref(),
            Some("Basic YUBiOmM6QC9k")
        );
        assert_eq!(authorization("ann@h:1").as_deref(), Some("Basic YW5uOg=="));
    }

    #[test]
    fn what_is_no_proxy_is_refused_without_being_repeated() {
        assert_eq!(error("socks5://h:1"), ProxyError::Scheme("socks5"));
        assert_eq!(error("https://h:1"), ProxyError::Scheme("https"));
        assert_eq!(error("ftp://h:1"), ProxyError::Malformed);
        assert_eq!(error(""), ProxyError::NoHost);
        assert_eq!(error("ann:pw@:3128"), ProxyError::NoHost);
        assert_eq!(error("h:pw"), ProxyError::Port);
        assert_eq!(error("h:0"), ProxyError::Port);
        assert_eq!(error("h:1/path"), ProxyError::Malformed);
        assert_eq!(error("a b"), ProxyError::Malformed);
    }

    #[test]
    fn no_text_shows_the_password() {
        let proxy = proxy("http://ann:geheim@h:1");
        assert!(!format!("{proxy} {proxy:?}").contains("geheim"));
        assert!(!format!("{proxy:?}").contains("Basic"));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused_without_panic(text in "[a:/?#@%\\[\\]0-9é. ]{0,20}") {
            if let Ok(proxy) = text.parse::<Proxy>() {
                prop_assert_eq!(proxy.to_string().parse::<Proxy>().unwrap().to_string(), proxy.to_string());
            }
        }
    }
}
