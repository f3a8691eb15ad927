//! The cookie by which CometD and Salesforce tell browsers apart, and which sessions belong to
//! one browser.
//!
//! A session belongs to the browser that shook hands over HTTP, from then on: another one is not
//! served, unless [`BrowserCookie::Ignored`] says so. Over a websocket there is nothing to tell
//! browsers apart by.
//!
//! A browser opens only a few connections to one server, so that the held connects of several
//! pages leave none for anything else (Bayeux 1.0, "Multiple clients operation"). Where
//! [`Settings::max_held_per_browser`](crate::server::Settings::max_held_per_browser) is set,
//! connects beyond that are answered at once and advise polling, as with CometD; those of
//! websockets do not count.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Broker;
use super::clock::later;
use super::cookie::value;
use super::exchange::Request;
use super::extension::Reply;
use super::keys::SessionKey;
use super::sessions::Session;
use super::turn::{Connected, Turn};
use crate::protocol::{ConnectionType, Json};
use crate::server::BrowserCookie;

/// The cookie that names a browser.
pub(super) const BROWSER: &str = "BAYEUX_BROWSER";

/// How long the other sessions of a browser are advised to wait (CometD: multiSessionInterval).
const INTERVAL: Duration = Duration::from_secs(2);

/// The sessions of each browser, where that is limited.
#[derive(Debug, Default)]
pub(super) struct Browsers(HashMap<Box<str>, BTreeSet<SessionKey>>);

impl Browsers {
    pub(super) fn leave(&mut self, browser: &str, session: SessionKey) {
        if let Some(sessions) = self.0.get_mut(browser) {
            sessions.remove(&session);
            if sessions.is_empty() {
                self.0.remove(browser);
            }
        }
    }
}

#[cfg(test)]
impl Browsers {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Broker {
    /// From now on the session belongs to the browser that sent its handshake. One that has no
    /// cookie yet gets one.
    pub(super) fn bind_to_browser(&mut self, turn: &mut Turn<'_>, key: SessionKey) {
        let is_counted = self.settings.max_held_per_browser.is_some();
        let is_looked_at = is_counted || self.settings.browser_cookie == BrowserCookie::Required;
        if !is_looked_at
            || !self.dialect.habits().binds_to_browser
            || turn.request.connection_type == ConnectionType::WebSocket
        {
            return;
        }
        let browser = match value(turn.request.cookies, BROWSER) {
            Some(browser) => Some(browser.to_owned()),
            None => (self.client_ids)().inspect(|it| {
                turn.set_cookies
                    .push(format!("{BROWSER}={it}; Path=/; HttpOnly"));
            }),
        };
        let browser: Option<Box<str>> = browser.map(Into::into);
        if let Some(browser) = browser.as_ref().filter(|_| is_counted) {
            self.browsers
                .0
                .entry(browser.clone())
                .or_default()
                .insert(key);
        }
        if let Some(session) = self.sessions.get_mut(key) {
            session.browser = browser;
        }
    }

    /// Whether a request may speak for a session.
    pub(super) fn is_of_browser(&self, session: &Session, request: &Request<'_>) -> bool {
        let Some(browser) = session.browser.as_deref() else {
            return true;
        };
        self.settings.browser_cookie == BrowserCookie::Ignored
            || request.connection_type == ConnectionType::WebSocket
            || value(request.cookies, BROWSER) == Some(browser)
    }

    /// Whether as many connects as may be are held over HTTP for the browser of this session,
    /// which is about to hold one more.
    pub(super) fn shares_browser(&self, key: SessionKey, request: &Request<'_>) -> bool {
        let Some(limit) = self.settings.max_held_per_browser else {
            return false;
        };
        let session = self.sessions.get(key);
        let browser = session.and_then(|it| it.browser.as_deref());
        let sessions = browser.and_then(|it| self.browsers.0.get(it));
        let is_held = |it: &SessionKey| {
            let session = self.sessions.get(*it);
            session.is_some_and(|it| it.held.is_some() && it.link.is_none())
        };
        let others = sessions.into_iter().flatten().filter(|it| **it != key);
        request.connection_type != ConnectionType::WebSocket
            && browser.is_some()
            && others.filter(|it| is_held(it)).count() >= limit
    }

    /// The reply to a connect that is not held because its browser has others.
    pub(super) fn crowded(
        &mut self,
        now: Instant,
        key: SessionKey,
        id: Option<&Json>,
    ) -> Connected {
        let until = later(now, INTERVAL.saturating_add(self.settings.max_interval));
        self.sessions.move_deadline(key, until);
        let reply = self.dialect.connect_of_crowded_browser(id, INTERVAL);
        let reply = match self.sessions.get_mut(key) {
            Some(session) => {
                let to = Reply::Connect(&[]);
                session.extensions.extended(self.clock.at(now), reply, to)
            }
            None => reply,
        };
        Connected::Reply(Arc::new(reply))
    }
}
