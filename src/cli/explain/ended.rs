//! A session that ended before the goal.

use std::time::Duration;

use bayeux::session::{End, LossReason};
use bayeux::transport::{Cookie, Endpoint};

use super::refusals::{error_of, handshake_refused, loss, refusal};
use super::transport::unreachable;
use crate::cli::exit::{Exit, Stop};
use crate::output::words;

/// What the explanation of an end needs to know beside it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Circumstances<'a> {
    pub(crate) endpoint: &'a Endpoint,
    /// Whether a handshake had succeeded before.
    pub(crate) was_established: bool,
    /// How long the session had lived.
    pub(crate) age: Duration,
    /// The cookies in the jar.
    pub(crate) cookies: &'a [Cookie],
}

/// Why a session ended before the goal.
pub(crate) fn ended(end: &End, at: Circumstances<'_>) -> Stop {
    let lost = format!("session lost after {}", words::duration(at.age));
    match end {
        // The caller asked for it; whatever it wanted before was not reached.
        End::Disconnected => Stop::new(Exit::Local, "the session ended early"),
        End::HandshakeRefused(reply) if at.was_established => refusal(
            Stop::new(Exit::Lost, format!("{lost}: the new handshake is refused")),
            reply,
        ),
        End::HandshakeRefused(reply) => handshake_refused(reply, at.endpoint),
        End::Unreachable(failure) if at.was_established => {
            let stop = unreachable(failure, at.endpoint);
            match stop.exit {
                Exit::Unauthorised => stop,
                _ => Stop::new(Exit::Lost, format!("{lost}: {failure}")).hint(
                    "it answered before: was it stopped or replaced? -vv shows the headers of its answers",
                ),
            }
        }
        End::Unreachable(failure) => unreachable(failure, at.endpoint),
        // CometD answers so the connect of a session that its own code removed.
        End::AdvisedNone(reply) if reply.error().is_some_and(|it| it.is_session_unknown()) => {
            Stop::new(
                Exit::Lost,
                format!("{lost}: the server advises not to reconnect"),
            )
            .cause(error_of(reply))
            .hint("its code or an operator removed the session, see its log; a new run is a new session")
        }
        End::AdvisedNone(reply) => refusal(
            Stop::new(
                Exit::Lost,
                format!("{lost}: the server advises not to reconnect"),
            )
            .hint("it will not take this session back; check credentials and server log"),
            reply,
        ),
        End::DisconnectedByServer(_) => Stop::new(
            Exit::Lost,
            format!("{lost}: the server disconnected the session"),
        )
        .hint("the server's own code or an operator did this; see its log"),
        End::Lost(reason) => Stop::new(Exit::Lost, format!("{lost}: {}", loss(reason)))
            .hint("drop --no-reconnect to recover from this"),
        End::NotKept {
            n_handshakes,
            reason,
        } => not_kept(*n_handshakes, reason, at),
        End::TooManyHandshakes { n_handshakes } => {
            Stop::new(Exit::Lost, format!("{lost} again and again"))
                .cause(format!("{n_handshakes} handshakes within a minute"))
                .hint("several servers behind one address without stickiness do this; -v shows what is refused")
        }
        End::TightLoop { n_connects, within } => Stop::new(
            Exit::Lost,
            format!("{} answers every /meta/connect at once", at.endpoint),
        )
        .cause(format!(
            "{n_connects} connects within {} brought nothing",
            words::duration(*within)
        ))
        .hint("the server should hold them; check its timeout and interval settings"),
        _ => Stop::new(Exit::Lost, lost),
    }
}

/// Handshake after handshake succeeds, and no session is known afterwards: the cookie that
/// holds it is not sent, or something sends each request elsewhere.
fn not_kept(n_handshakes: u32, reason: &LossReason, at: Circumstances<'_>) -> Stop {
    let endpoint = at.endpoint;
    let stop = |error: String, cookies: &str| {
        let reason = loss(reason);
        Stop::new(Exit::Lost, error).cause(format!(
            "{n_handshakes} handshakes in a row succeeded, then: {reason} ({cookies})"
        ))
    };
    let unsent = at.cookies.iter().filter(|it| !it.is_sent);
    let unsent: Vec<_> = unsent
        .map(|it| format!("{}; {}", it.name, it.attributes))
        .collect();
    if !unsent.is_empty() {
        return stop(
            format!("{endpoint} sets a cookie that does not belong to this URL"),
            &format!("not sent: {}", unsent.join(", ")),
        )
        .hint("its Path, Domain and Secure have to fit; a proxy that changes paths changes them too (nginx: proxy_cookie_path)");
    }
    let names: Vec<_> = at.cookies.iter().map(|it| it.name.as_str()).collect();
    stop(
        format!("{endpoint} looks like several servers behind one address without stickiness"),
        &match names.as_slice() {
            [] => "no cookie was set".to_owned(),
            names => format!("cookies: {}", names.join(", ")),
        },
    )
    .hint(
        "keep a client on one server (nginx: ip_hash, or hash its cookie); one alone? see its log",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten handshakes a minute take ten seconds: too long for a test of the program.
    #[test]
    fn handshakes_for_ever_are_named() {
        let endpoint = "http://localhost:8080/cometd".parse().unwrap();
        let at = Circumstances {
            endpoint: &endpoint,
            was_established: true,
            age: Duration::from_secs(3),
            cookies: &[],
        };
        let stop = ended(&End::TooManyHandshakes { n_handshakes: 10 }, at);
        assert_eq!(stop.exit, Exit::Lost);
        let report = stop.report.unwrap();
        assert_eq!(report.error, "session lost after 3s again and again");
        assert_eq!(
            report.cause.as_deref(),
            Some("10 handshakes within a minute")
        );
        assert!(report.hint.unwrap().contains("stickiness"));
    }
}
