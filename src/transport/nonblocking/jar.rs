//! The cookies of one client.

use ureq::http::header::{HeaderMap, HeaderValue};

use super::super::cookies::Cookies;
use super::Target;

/// The cookies of one client (RFC 6265). While the server has set none it is an empty pointer,
/// and what the user gave is sent.
#[derive(Default)]
pub(crate) struct Jar(Option<Box<Kept>>);

struct Kept {
    cookies: Cookies,
    /// What to send.
    line: Option<HeaderValue>,
    /// Whether time alone changes the line.
    can_expire: bool,
}

impl Jar {
    /// Takes the cookies of a response.
    pub(super) fn store(&mut self, target: &Target, headers: &HeaderMap) {
        let kept = self.0.get_or_insert_with(|| {
            Box::new(Kept {
                cookies: target.cookies(),
                line: None,
                can_expire: false,
            })
        });
        kept.cookies.store(headers);
        kept.line = kept.cookies.header();
        kept.can_expire = kept.cookies.can_expire();
    }

    /// The value of the `Cookie` line, if there is one to send.
    pub(super) fn line<'a>(&'a mut self, target: &'a Target) -> Option<&'a HeaderValue> {
        let Some(kept) = &mut self.0 else {
            return target.cookie_line();
        };
        if kept.can_expire {
            kept.line = kept.cookies.header();
        }
        kept.line.as_ref()
    }
}
