//! Stickiness: whether every connection leads to the server that knows the session.

use std::collections::BTreeSet;

use super::handshake;
use super::words::quoted;
use crate::check::http::{Ask, JSON, Seen};
use crate::check::session::Session;
use crate::check::{Finding, Obstacle, Subject};
use crate::protocol::{Message, encode, meta};

/// Sessions, one after the other; each has so many connects.
const N_SESSIONS: usize = 3;
const N_CONNECTS: usize = 2;

/// How often a goodbye is said until somebody knows the session.
const MOST_GOODBYES: usize = 4;

#[derive(Default)]
struct Seenings {
    n_connects: usize,
    n_unknown: usize,
    /// What the first server said that did not know a session.
    words: Option<String>,
    cookies: BTreeSet<String>,
    servers: BTreeSet<String>,
    is_bound_to_cookies: bool,
}

pub(super) fn known(subject: &Subject) -> Result<Finding, Obstacle> {
    let mut all = Seenings::default();
    for nth in 0..N_SESSIONS {
        let (mut session, seen) = handshake(subject)?;
        if session.client_id().is_none() {
            return Err(Obstacle::Inapplicable(
                "the handshake begins no session".to_owned(),
            ));
        }
        all.look_at(&seen);
        for _ in 0..N_CONNECTS {
            let connect = session.connect(Some(std::time::Duration::ZERO));
            let seen = session.http()?.ask(&apart(&connect))?;
            all.look_at(&seen);
            all.count(&seen)?;
        }
        if nth == 0 && all.n_unknown == 0 {
            let connect = session.connect(Some(std::time::Duration::ZERO));
            let seen = session.http()?.ask(&apart(&connect).without_cookies())?;
            all.is_bound_to_cookies = !is_known(&seen);
        }
        leave(&mut session)?;
    }
    Ok(all.finding())
}

impl Seenings {
    fn look_at(&mut self, seen: &Seen) {
        self.cookies
            .extend(seen.trace.cookies_set.iter().map(|it| quoted(it)));
        self.servers.extend(seen.header("Server").map(quoted));
    }

    fn count(&mut self, seen: &Seen) -> Result<(), Obstacle> {
        self.n_connects += 1;
        if is_known(seen) {
            return Ok(());
        }
        self.n_unknown += 1;
        let replies = seen.messages()?;
        let error = replies.iter().find_map(Message::error);
        let error = error.map_or_else(|| "without a reason".to_owned(), |it| it.to_string());
        self.words.get_or_insert(quoted(&error));
        Ok(())
    }

    fn finding(self) -> Finding {
        let Self {
            n_connects,
            n_unknown,
            ..
        } = self;
        let join = |it: BTreeSet<String>| it.into_iter().collect::<Vec<_>>().join(", ");
        let cookies = match self.cookies.is_empty() {
            true => "no cookie is set".to_owned(),
            false => format!("cookies: {}", join(self.cookies)),
        };
        let servers = match self.servers.is_empty() {
            true => String::new(),
            false => format!("; Server: {}", join(self.servers)),
        };
        if n_unknown == 0 {
            let bound = match self.is_bound_to_cookies {
                true => "; without them the session is unknown",
                false => "",
            };
            return Finding::holds_as(format!(
                "{n_connects} connects over as many connections; {cookies}{bound}"
            ));
        }
        let words = self.words.unwrap_or_default();
        Finding::deviates(format!(
            "{n_unknown} of {n_connects} connects, each over a connection of its own, met a server \
             that does not know the session ({words}); {cookies}{servers}"
        ))
        .remedy(
            "several servers behind one address, without stickiness. nginx: ip_hash; in upstream; \
             haproxy: balance source, or cookie NODE insert indirect nocache in backend and \
             cookie NAME on each server line; others: session affinity",
        )
    }
}

/// A request over a connection of its own.
fn apart(message: &Message) -> Ask {
    Ask::post(encode([message])).with_headers([JSON, "Connection: close"])
}

/// Anything but a reply that takes the session for another's counts as known: what else may be
/// wrong is not about the way.
fn is_known(seen: &Seen) -> bool {
    let replies = seen.messages().unwrap_or_default();
    let mut replies = replies.iter().filter(|it| it.is_reply_on(meta::CONNECT));
    replies.all(|it| it.successful() == Some(true))
}

/// The goodbye may meet a server that does not know the session either.
fn leave(session: &mut Session) -> Result<(), Obstacle> {
    for _ in 0..MOST_GOODBYES {
        let disconnect = session.message(meta::DISCONNECT).build();
        let seen = session.http()?.ask(&apart(&disconnect))?;
        if seen
            .messages()?
            .iter()
            .any(|it| it.successful() == Some(true))
        {
            break;
        }
    }
    session.forget();
    Ok(())
}
