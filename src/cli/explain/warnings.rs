//! What is no end, and yet not as it should be: the text of a warning.

use std::time::Duration;

use bayeux::session::Failure;
use bayeux::transport::TransportError;

use crate::output::words;

/// Several sessions with one cookie, as the server sees it.
pub(crate) fn multiple_clients(interval: Duration) -> String {
    format!(
        "the server sees several sessions with one cookie; messages may be {} late: \
         give each client a cookie of its own (CometD: or raise maxSessionsPerBrowser)",
        words::duration(interval)
    )
}

/// A session that was unknown right after its handshake, while the next one is not.
pub(crate) const KNOWN_LATE: &str = "that session was unknown right after its handshake, this one is not: \
     do several servers share their sessions too late, or not at all?";

/// Two clients that take the place of each other's connect: CometD answers the older one
/// with HTTP 500, older versions with 408 (cometd issues 800, 843).
#[derive(Debug, Default)]
pub(crate) struct Displaced {
    is_suspected: bool,
    n_in_turn: u32,
}

impl Displaced {
    pub(crate) const TEXT: &'static str = "connects are answered HTTP 500 or 408 in turn with successful ones: \
         is this client id in use elsewhere, or is a proxy sending requests twice?";

    /// A connect failed.
    pub(crate) fn failed(&mut self, failure: &Failure, attempt: u32) {
        let error = failure.cause.downcast_ref::<TransportError>();
        let is_answered = matches!(
            error,
            Some(TransportError::Status {
                status: 408 | 500,
                ..
            })
        );
        self.is_suspected = is_answered && attempt == 1;
        if !self.is_suspected {
            self.n_in_turn = 0;
        }
    }

    /// A connect was successful again. Returns whether this is the moment to tell.
    pub(crate) fn succeeded(&mut self) -> bool {
        self.n_in_turn += u32::from(std::mem::take(&mut self.is_suspected));
        self.n_in_turn == ENOUGH_IN_TURN
    }
}

/// Once may be anything.
const ENOUGH_IN_TURN: u32 = 2;

/// A session that is lost because its connect left too late.
pub(crate) fn connected_late(by: Duration, allowed: Duration) -> String {
    format!(
        "the last connect left after {}, the server allows {}: \
         is whoever reads the output slow, or was the program stopped?",
        words::duration(by),
        words::duration(allowed)
    )
}

/// Held connects that do not live as long as the server advised.
pub(crate) fn hold_cut(after: Duration, advised: Duration, asked: Duration) -> String {
    let enough = advised + Duration::from_secs(5);
    format!(
        "the held connect is cut at about {}, advised {}: a proxy's read timeout? \
         raise it (nginx: proxy_read_timeout {}s); asking the server for {} meanwhile",
        words::duration(after),
        words::duration(advised),
        enough.as_secs(),
        words::duration(asked)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_hold_names_what_to_raise_and_what_is_done_meanwhile() {
        let millis = Duration::from_millis;
        assert_eq!(
            hold_cut(millis(5_030), millis(20_000), millis(4_000)),
            "the held connect is cut at about 5s, advised 20s: a proxy's read timeout? \
             raise it (nginx: proxy_read_timeout 25s); asking the server for 4s meanwhile"
        );
    }
}
