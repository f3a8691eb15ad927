//! The cookies of one endpoint (RFC 6265).
//!
//! Kept here and not by ureq, which would read the URL twice anew for every request, whether
//! there are cookies or not.

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use cookie_store::{CookieError, CookieStore};
use ureq::http::HeaderMap;
use ureq::http::header::{HeaderValue, SET_COOKIE};
use url::Url;

use super::header::is_legal_cookie;
use super::{Endpoint, Secret};

/// A cookie in a [`Polling`](super::Polling).
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Cookie {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: Secret,
    /// What the server set beside them, e.g. `HttpOnly; Path=/; Domain=example.com`.
    pub attributes: String,
    /// Whether it belongs to the endpoint: its path, its domain and whether it is `Secure` fit.
    pub is_sent: bool,
}

/// The jar, and the URL that its cookies belong to.
pub(super) struct Cookies {
    jar: Mutex<CookieStore>,
    /// Most servers set no cookie, and then nobody asks for the URL.
    url: OnceLock<Option<Url>>,
    endpoint: Endpoint,
}

impl Cookies {
    pub(super) fn new(endpoint: &Endpoint) -> Self {
        Self {
            jar: Mutex::new(CookieStore::new()),
            url: OnceLock::new(),
            endpoint: endpoint.clone(),
        }
    }

    /// Adds a cookie of the user: for every path, as a header would be.
    pub(super) fn add(&self, pair: &str) -> Result<(), CookieError> {
        let Some(url) = self.url() else {
            return Ok(());
        };
        self.lock().parse(&format!("{pair}; Path=/"), url)?;
        Ok(())
    }

    /// Takes the cookies of a response. One that cannot be read, or is for another domain, is
    /// left out.
    pub(super) fn store(&self, headers: &HeaderMap) {
        for value in headers.get_all(SET_COOKIE) {
            if let (Ok(text), Some(url)) = (value.to_str(), self.url()) {
                let _ = self.lock().parse(text, url);
            }
        }
    }

    /// The value of the `Cookie` line, if there is one to send.
    pub(super) fn header(&self) -> Option<HeaderValue> {
        let jar = self.lock();
        jar.iter_any().next()?;
        let pairs = jar.get_request_values(self.url()?);
        let pairs: Vec<_> = pairs
            .map(|(name, value)| format!("{name}={value}"))
            .filter(|pair| is_legal_cookie(pair))
            .collect();
        let mut value = HeaderValue::from_str(&pairs.join("; ")).ok()?;
        value.set_sensitive(true);
        (!pairs.is_empty()).then_some(value)
    }

    /// Whether time alone changes what is to be sent.
    pub(super) fn can_expire(&self) -> bool {
        self.lock().iter_any().any(|it| it.is_persistent())
    }

    /// Those that have not expired.
    pub(super) fn all(&self) -> Vec<Cookie> {
        let url = self.url();
        let cookie = |it: &cookie_store::Cookie<'_>| {
            let text = it.to_string();
            let attributes = text.split_once("; ").map_or("", |(_, rest)| rest);
            Cookie {
                name: it.name().to_owned(),
                value: Secret::new(it.value()),
                attributes: attributes.to_owned(),
                is_sent: url.is_some_and(|url| it.matches(url)),
            }
        };
        self.lock().iter_unexpired().map(cookie).collect()
    }

    /// Nothing for a host of which the URL standard thinks otherwise than we do: no cookies.
    fn url(&self) -> Option<&Url> {
        // The jar takes a cookie that is HttpOnly from a URL of HTTP alone; a websocket's upgrade
        // is HTTP too, at the same host and path.
        let parse = || Url::parse(&self.endpoint.over_http()).ok();
        self.url.get_or_init(parse).as_ref()
    }

    fn lock(&self) -> MutexGuard<'_, CookieStore> {
        self.jar.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
