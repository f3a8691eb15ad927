//! A header line that the user adds to every request.

use std::fmt;
use std::str::FromStr;

use ureq::http::header::{self, HeaderName, HeaderValue};

use super::Secret;

/// A header line: a legal name, and a value that `Debug` does not show.
///
/// ```
/// use bayeux::transport::Header;
///
/// let header: Header = "Authorization: Bearer 0123".parse()?;
/// assert_eq!(header.name(), "authorization");
/// assert_eq!(format!("{header:?}"), "Header(authorization)");
/// # Ok::<(), bayeux::transport::HeaderError>(())
/// ```
#[derive(Clone, Eq, PartialEq)]
pub struct Header {
    name: HeaderName,
    value: HeaderValue,
}

/// A header line that cannot be sent.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// There is no colon between a name and a value.
    #[error("a header is `Name: value`")]
    NoColon,
    /// The name has characters that a name cannot have.
    #[error("a header name is letters, digits and hyphens")]
    Name,
    /// The value has line breaks or other control characters.
    #[error("a line break or control character in the value of the header: {0}")]
    Value(String),
    /// The transport computes this header itself; another value breaks the request's framing.
    #[error("this header is set by bayeux itself: {0}")]
    Reserved(String),
    /// A `Cookie` header that is not `name=value; name=value`, or has values that no
    /// server can read back (RFC 6265 4.1.1).
    #[error("a Cookie header is `name=value; name=value` without spaces, quotes or commas in it")]
    Cookie,
}

/// Headers that frame the request. `Expect` would part head and body, and so the single write.
const RESERVED: [HeaderName; 4] = [
    header::CONTENT_LENGTH,
    header::EXPECT,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

impl Header {
    /// Makes a header line from its parts.
    ///
    /// # Errors
    /// When it cannot be sent.
    pub fn new(name: &str, value: &Secret) -> Result<Self, HeaderError> {
        let parsed = HeaderName::from_bytes(name.as_bytes());
        let name = parsed.map_err(|_| HeaderError::Name)?;
        if RESERVED.contains(&name) {
            return Err(HeaderError::Reserved(name.to_string()));
        }
        let parsed = HeaderValue::from_str(value.expose());
        let mut value = parsed.map_err(|_| HeaderError::Value(name.to_string()))?;
        value.set_sensitive(true);
        let header = Self { name, value };
        if header.is_cookie() && !header.cookies().all(is_legal_cookie) {
            return Err(HeaderError::Cookie);
        }
        Ok(header)
    }

    /// The name in lower case.
    pub fn name(&self) -> &str {
        self.name.as_str()
    }

    /// The value, for a user who asked to see it.
    pub fn expose(&self) -> &str {
        self.value.to_str().unwrap_or("")
    }

    /// The name and the value as they are sent.
    pub(super) fn parts(&self) -> (&HeaderName, &HeaderValue) {
        (&self.name, &self.value)
    }

    /// Whether the line belongs into the cookie jar: RFC 6265 5.4 allows one `Cookie` line.
    pub(super) fn is_cookie(&self) -> bool {
        self.name == header::COOKIE
    }

    /// The `name=value` pairs of a `Cookie` header.
    pub(super) fn cookies(&self) -> impl Iterator<Item = &str> {
        let text = self.value.to_str().unwrap_or("");
        text.split(';').map(str::trim).filter(|it| !it.is_empty())
    }
}

impl FromStr for Header {
    type Err = HeaderError;

    fn from_str(line: &str) -> Result<Self, HeaderError> {
        let (name, value) = line.split_once(':').ok_or(HeaderError::NoColon)?;
        Self::new(name.trim(), &Secret::new(value.trim()))
    }
}

impl fmt::Debug for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Header({})", self.name)
    }
}

/// Whether a server can read the pair back (RFC 6265 4.1.1).
pub(super) fn is_legal_cookie(pair: &str) -> bool {
    let Some((name, value)) = pair.split_once('=') else {
        return false;
    };
    let bare = value
        .strip_prefix('"')
        .and_then(|it| it.strip_suffix('"'))
        .unwrap_or(value);
    HeaderName::from_bytes(name.as_bytes()).is_ok()
        && bare
            .bytes()
            .all(|it| it.is_ascii_graphic() && !b"\",;\\".contains(&it))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_sent_is_refused() {
        let error = |line: &str| line.parse::<Header>().unwrap_err();
        assert_eq!(error("no colon"), HeaderError::NoColon);
        assert_eq!(error("a b: c"), HeaderError::Name);
        assert_eq!(error("a: b\r\nc: d"), HeaderError::Value("a".to_owned()));
        assert_eq!(
            error("Expect: 100-continue"),
            HeaderError::Reserved("expect".to_owned())
        );
        assert_eq!(error("Cookie: a=b c"), HeaderError::Cookie);
        assert_eq!(error("Cookie: a"), HeaderError::Cookie);
    }

    #[test]
    fn no_error_and_no_debug_text_shows_the_value() {
        let error = "Authorization: Bearer geheim\u{1}"
            .parse::<Header>()
            .unwrap_err();
        let header: Header = "Authorization: Bearer geheim".parse().unwrap();
        let shown = format!("{error} {error:?} {header:?} {:?}", Secret::new("geheim"));
        assert!(!shown.contains("geheim"), "{shown}");
    }
}
