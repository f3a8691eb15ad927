//! Which pages in a browser may use the server: what a request's head says of the page that
//! sends it, held against the origins that are allowed.
//!
//! ```text
//!   Origin, else Referer, else Sec-Fetch-Site   -> the page, if one is behind the request
//!   allowed origins, loopback, the server's own -> Access | ForeignPage
//! ```
//!
//! A developer's browser has pages of strangers open as well, and the server is within their
//! reach. CORS alone keeps them from reading responses; what they send would be carried out
//! all the same: a POST as `text/plain`, a `<script>` for callback-polling, a websocket. So a
//! request of a page that is not allowed is refused before its messages are read. What is
//! behind no page, such as curl or a client in Node, says nothing of these and passes.
//!
//! A name that a stranger's server resolves to this machine (DNS rebinding) makes his page's
//! origin that of the server. So the server's own origin counts only where its name cannot
//! be resolved by others: an address, `localhost`, or a name without a dot.

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

use ureq_proto::http::{HeaderMap, Method, Request, header};

/// An origin whose pages may use the server, beside those on loopback, which always may:
/// `https://app.example.com`; `*` for all, or `null` for those without, such as files.
///
/// Responses to `*` and `null` are readable only for requests without credentials.
///
/// ```
/// use bayeux::server::AllowedOrigin;
///
/// let origin: AllowedOrigin = "https://App.example.com:443/".parse()?;
/// assert_eq!(origin.to_string(), "https://app.example.com");
/// assert!("app.example.com".parse::<AllowedOrigin>().is_err());
/// # Ok::<(), bayeux::server::InvalidOrigin>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AllowedOrigin(Pattern);

/// A text that is no origin.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("an origin is SCHEME://HOST or SCHEME://HOST:PORT without a path, `*` or `null`")]
pub struct InvalidOrigin;

#[derive(Clone, Debug, Eq, PartialEq)]
enum Pattern {
    Any,
    Null,
    Page(Origin),
}

/// What the headers of a response say to a page that may use the server.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) enum Access {
    /// The page is the server's own, or there is none.
    #[default]
    Unsaid,
    /// A page of this origin, with its credentials.
    Granted(Origin),
    /// A page without origin.
    GrantedToNull,
    /// Any page, without credentials.
    GrantedToAll,
}

/// A page that may not use the server, by its origin.
#[derive(Debug, thiserror::Error)]
#[error("pages of {0} may not use this server")]
pub(super) struct ForeignPage(String);

/// Scheme, host and port of a page, as browsers write them: in small letters, without the
/// port that the scheme has anyway.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Origin {
    scheme: Box<str>,
    host: Box<str>,
    port: Option<u16>,
}

/// Who sends a request.
enum Sender {
    /// No browser, or one whose user typed the address.
    NoPage,
    /// A page of the host to which the request goes.
    OwnPage,
    Page(Origin),
    /// A page whose origin is not told, or `null`.
    OpaquePage,
}

impl Access {
    /// Whether the page that sends this request may use the server, and how it is told.
    /// `scheme` is that of the server's URL.
    pub(super) fn of(
        request: &Request<()>,
        scheme: &str,
        allowed: &[AllowedOrigin],
    ) -> Result<Self, ForeignPage> {
        let headers = request.headers();
        let host = Host::of(request);
        match Sender::of(headers) {
            Sender::Page(origin) => {
                if origin.is_loopback() || allowed.iter().any(|it| it.names(&origin)) {
                    Ok(Self::Granted(origin))
                } else if host.is_some_and(|it| it.is_origin(&origin) && it.is_ours()) {
                    Ok(Self::Unsaid)
                } else if allowed.iter().any(|it| it.0 == Pattern::Any) {
                    Ok(Self::GrantedToAll)
                } else {
                    Err(ForeignPage(origin.to_string()))
                }
            }
            Sender::OpaquePage if allowed.iter().any(|it| it.0 == Pattern::Null) => {
                Ok(Self::GrantedToNull)
            }
            Sender::OpaquePage if allowed.iter().any(|it| it.0 == Pattern::Any) => {
                Ok(Self::GrantedToAll)
            }
            Sender::OpaquePage => Err(ForeignPage("null".to_owned())),
            Sender::OwnPage | Sender::NoPage if may_hide_its_page(request) => {
                match host.filter(|it| !it.is_ours() && !allowed.iter().any(|a| a.is_of(it))) {
                    Some(host) => Err(ForeignPage(format!("{scheme}://{}", host.text))),
                    None => Ok(Self::Unsaid),
                }
            }
            Sender::OwnPage | Sender::NoPage => Ok(Self::Unsaid),
        }
    }

    /// The lines of a response's head.
    pub(super) fn header_lines(&self) -> Cow<'static, str> {
        // Caches must not hand one page's response to another.
        const VARY: &str = "Vary: Origin\r\n";
        match self {
            Self::Unsaid => VARY.into(),
            Self::Granted(origin) => format!(
                "Access-Control-Allow-Origin: {origin}\r\n\
                 Access-Control-Allow-Credentials: true\r\n{VARY}"
            )
            .into(),
            Self::GrantedToNull => format!("Access-Control-Allow-Origin: null\r\n{VARY}").into(),
            Self::GrantedToAll => format!("Access-Control-Allow-Origin: *\r\n{VARY}").into(),
        }
    }
}

/// What a page may send besides what every page may: the lines of the response to the request
/// that asks for it (Fetch, "CORS-preflight request").
pub(super) fn preflight_lines(headers: &HeaderMap) -> String {
    /// Those that clients of Bayeux are known to send.
    const USUAL: [&str; 4] = [
        "Accept",
        "Authorization",
        "Content-Type",
        "X-Requested-With",
    ];
    let asked = headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS);
    let asked = asked.and_then(|it| it.to_str().ok()).unwrap_or("");
    let others = asked.split(',').map(str::trim).filter(|asked| {
        is_header_name(asked) && !USUAL.iter().any(|it| it.eq_ignore_ascii_case(asked))
    });
    let names: Vec<&str> = USUAL.into_iter().chain(others).collect();
    // A page of the internet asks for this before it may use a server on loopback.
    let network = match headers.get("access-control-request-private-network") {
        Some(_) => "Access-Control-Allow-Private-Network: true\r\n",
        None => "",
    };
    format!(
        "Access-Control-Allow-Methods: GET, POST, OPTIONS\r\n\
         Access-Control-Allow-Headers: {}\r\nAccess-Control-Max-Age: 600\r\n{network}",
        names.join(", ")
    )
}

impl Sender {
    fn of(headers: &HeaderMap) -> Self {
        let text = |name: &str| headers.get(name).map(|it| it.to_str().unwrap_or(""));
        if let Some(origin) = text("origin") {
            // Two of them are no browser's.
            let is_one = headers.get_all(header::ORIGIN).iter().count() == 1;
            return match Origin::parse(origin).filter(|_| is_one) {
                Some(origin) => Self::Page(origin),
                None => Self::OpaquePage,
            };
        }
        if let Some(origin) = text("referer").and_then(Origin::of_url) {
            return Self::Page(origin);
        }
        match text("sec-fetch-site") {
            None | Some("none") => Self::NoPage,
            // The same site is the same machine, unless it has a name that others resolve.
            Some("same-origin" | "same-site") => Self::OwnPage,
            Some(_) => Self::OpaquePage,
        }
    }
}

impl Origin {
    fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let is_scheme = |it: u8| it.is_ascii_alphanumeric() || b"+-.".contains(&it);
        if scheme.is_empty() || !scheme.bytes().all(is_scheme) {
            return None;
        }
        let (host, port) = host_and_port(rest)?;
        let scheme = scheme.to_ascii_lowercase();
        let port = port.filter(|it| default_port(&scheme) != Some(*it));
        Some(Self {
            scheme: scheme.into(),
            host: host.to_ascii_lowercase().into(),
            port,
        })
    }

    fn of_url(url: &str) -> Option<Self> {
        let start = url.find("://")? + 3;
        let length = url[start..].find(['/', '?', '#']);
        Self::parse(&url[..length.map_or(url.len(), |it| start + it)])
    }

    fn is_loopback(&self) -> bool {
        matches!(&*self.scheme, "http" | "https") && is_loopback(&self.host)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.host)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

/// What a request calls the server.
struct Host<'a> {
    text: &'a str,
    name: &'a str,
    port: Option<u16>,
}

impl<'a> Host<'a> {
    fn of(request: &'a Request<()>) -> Option<Self> {
        let header = request.headers().get(header::HOST);
        // A text that is no host is nobody's own.
        let text = header.map(|it| it.to_str().unwrap_or("."))?;
        let (name, port) = host_and_port(text).unwrap_or((".", None));
        Some(Self { text, name, port })
    }

    fn is_origin(&self, origin: &Origin) -> bool {
        let default = default_port(&origin.scheme);
        matches!(&*origin.scheme, "http" | "https")
            && self.name.eq_ignore_ascii_case(&origin.host)
            && self.port.or(default) == origin.port.or(default)
    }

    /// Whether no stranger can have his own server answer for this name.
    fn is_ours(&self) -> bool {
        let is_address = self.name.starts_with('[') || self.name.parse::<Ipv4Addr>().is_ok();
        is_address || !self.name.contains('.')
    }
}

impl AllowedOrigin {
    fn names(&self, origin: &Origin) -> bool {
        matches!(&self.0, Pattern::Page(allowed) if allowed == origin)
    }

    /// Whether pages of the host itself are meant, or all.
    fn is_of(&self, host: &Host<'_>) -> bool {
        match &self.0 {
            Pattern::Any => true,
            Pattern::Null => false,
            Pattern::Page(origin) => host.is_origin(origin),
        }
    }
}

impl FromStr for AllowedOrigin {
    type Err = InvalidOrigin;

    fn from_str(text: &str) -> Result<Self, InvalidOrigin> {
        Ok(Self(match text {
            "*" => Pattern::Any,
            "null" => Pattern::Null,
            // As a browser's address bar has it.
            _ => Origin::parse(text.strip_suffix('/').unwrap_or(text))
                .map(Pattern::Page)
                .ok_or(InvalidOrigin)?,
        }))
    }
}

impl fmt::Display for AllowedOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Pattern::Any => f.write_str("*"),
            Pattern::Null => f.write_str("null"),
            Pattern::Page(origin) => origin.fmt(f),
        }
    }
}

/// A GET of a page to its own host may come without any of the three headers, where a POST or a
/// websocket has an origin in every browser.
fn may_hide_its_page(request: &Request<()>) -> bool {
    request.method() == Method::GET && !request.headers().contains_key(header::UPGRADE)
}

fn host_and_port(text: &str) -> Option<(&str, Option<u16>)> {
    let end = match text.strip_prefix('[') {
        Some(rest) => rest.find(']')? + 2,
        None => text.find(':').unwrap_or(text.len()),
    };
    let (host, rest) = text.split_at(end);
    let is_name = |it: u8| it.is_ascii_alphanumeric() || b"-._~[:]%".contains(&it);
    if host.is_empty() || !host.bytes().all(is_name) {
        return None;
    }
    match rest.strip_prefix(':') {
        Some(port) => Some((host, Some(port.parse().ok()?))),
        None => rest.is_empty().then_some((host, None)),
    }
}

fn is_loopback(host: &str) -> bool {
    let address: Option<Ipv4Addr> = host.parse().ok();
    host == "localhost" || host == "[::1]" || address.is_some_and(|it| it.is_loopback())
}

fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" | "ws" => Some(80),
        "https" | "wss" => Some(443),
        _ => None,
    }
}

fn is_header_name(text: &str) -> bool {
    let is_token = |it: u8| it.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&it);
    !text.is_empty() && text.bytes().all(is_token)
}
