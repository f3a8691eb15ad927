//! Which sessions belong to one browser, told by its cookie: a browser opens only a few
//! connections to one server, so that the held connects of several pages leave none for
//! anything else (Bayeux 1.0, "Multiple clients operation").
//!
//! Only where [`Settings::max_held_per_browser`](crate::server::Settings::max_held_per_browser)
//! says so. As CometD does, connects beyond that are answered at once and advise polling; those
//! of websockets do not count.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::requests::Connected;
use super::sessions::SessionKey;
use super::{Broker, Request, later, reply};
use crate::protocol::{Json, Message, meta};

const COOKIE: &str = "BAYEUX_BROWSER";

/// How long the other sessions of a browser are advised to wait (CometD: multiSessionInterval).
const INTERVAL: Duration = Duration::from_secs(2);

/// The sessions of each browser that a connect was held for.
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
    /// Whether as many connects as may be are held for the browser of this session, which is
    /// about to hold one more. If not, it counts from now on.
    pub(super) fn shares_browser(&mut self, key: SessionKey, request: &Request<'_>) -> bool {
        let Some(limit) = self.settings.max_held_per_browser else {
            return false;
        };
        let Some(browser) = browser(request.cookies) else {
            return false;
        };
        let known = self.browsers.0.get(browser).into_iter().flatten();
        let is_held = |it: &SessionKey| self.sessions.get(*it).is_some_and(|it| it.held.is_some());
        let n_held = known.filter(|it| **it != key && is_held(it)).count();
        if n_held >= limit {
            return true;
        }
        if let Some(session) = self.sessions.get_mut(key) {
            let before = session.browser.replace(browser.into());
            if let Some(before) = before.filter(|it| **it != *browser) {
                self.browsers.leave(&before, key);
            }
            let sessions = self.browsers.0.entry(browser.into()).or_default();
            sessions.insert(key);
        }
        false
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
        let reply = reply::connected(id, Some(&advice()));
        let reply = match self.sessions.get_mut(key) {
            Some(session) => {
                let to = super::Reply::Connect(&[]);
                session.extensions.extended(self.started.at(now), reply, to)
            }
            None => reply,
        };
        Connected::Reply(Arc::new(reply))
    }

    /// Values of `Set-Cookie` for a response with these messages.
    pub(super) fn browser_cookie(&mut self, had: &str, messages: &[Arc<Message>]) -> Vec<String> {
        let is_handshaken =
            |it: &Arc<Message>| it.channel() == meta::HANDSHAKE && it.successful() == Some(true);
        if self.settings.max_held_per_browser.is_none()
            || browser(had).is_some()
            || !messages.iter().any(is_handshaken)
        {
            return Vec::new();
        }
        let value = (self.client_ids)();
        let cookie = value.map(|it| format!("{COOKIE}={it}; Path=/; HttpOnly"));
        cookie.into_iter().collect()
    }
}

/// The browser that a `Cookie` header names.
fn browser(header: &str) -> Option<&str> {
    let mut pairs = header.split(';').filter_map(|it| it.split_once('='));
    let (_, value) = pairs.find(|(name, _)| name.trim() == COOKIE)?;
    Some(value.trim()).filter(|it| !it.is_empty())
}

fn advice() -> Json {
    reply::literal(&format!(
        r#"{{"reconnect":"retry","interval":{},"multiple-clients":true}}"#,
        reply::milliseconds(INTERVAL)
    ))
}
