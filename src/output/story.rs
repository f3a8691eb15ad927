//! The story on standard error: what happens to the session, one line each, and errors.

use bayeux::protocol::Json;
use bayeux::recording::{Failure, State};

use super::paint::Role;
use super::surface::Surface;
use super::{escape, words};

/// Whether a state is worth a line without `-v`.
pub(super) fn is_news(state: &State) -> bool {
    match state {
        State::Handshaken { .. }
        | State::Unsubscribed { .. }
        | State::Acknowledged { .. }
        | State::Disconnected { reason: None }
        // Whoever stands between client and server says it in other words.
        | State::ConnectionEnded { .. } => false,
        // Whatever was refused ends the command with an error that says so.
        State::SubscribeRefused { .. } => false,
        State::Subscribed { .. }
        | State::Reconnecting { .. }
        | State::Rejected { .. }
        | State::Unknown { .. }
        | State::Reconnected { .. }
        | State::SessionLost { .. }
        | State::SessionRenewed { .. }
        | State::Disconnected { reason: Some(_) }
        | State::Warning { .. } => true,
    }
}

/// One line for a state, e.g. `~ session lost after 41.2s: 402::session_unknown`.
pub(super) fn state(state: &State, surface: &Surface) -> String {
    let (role, text) = match state {
        State::Handshaken {
            transport,
            client_id: _,
        } => (Role::Dim, format!("connected over {transport}")),
        State::Subscribed { channel } => (Role::Dim, format!("subscribed to {channel}")),
        State::SubscribeRefused { channel, error } => (
            Role::Bad,
            format!("subscribe to {channel} refused: {error}"),
        ),
        State::Unsubscribed { channel } => (Role::Dim, format!("unsubscribed from {channel}")),
        State::Acknowledged {
            channel,
            id: _,
            round_trip,
        } => {
            let round_trip = words::duration(*round_trip);
            (
                Role::Dim,
                format!("publish to {channel} acknowledged in {round_trip}"),
            )
        }
        State::Rejected {
            channel,
            id: _,
            error,
        } => (Role::Bad, format!("publish to {channel} rejected: {error}")),
        State::Unknown {
            channel,
            id: _,
            reason,
        } => {
            let text = format!("publish to {channel} may have been carried out or not: {reason}");
            (Role::Warning, text)
        }
        State::Reconnecting {
            reason,
            attempt,
            delay,
        } => {
            let delay = words::duration(*delay);
            let text = format!("reconnecting in {delay} (attempt {attempt}): {reason}");
            (Role::Warning, text)
        }
        State::Reconnected { gap } => {
            let gap = words::duration(*gap);
            (
                Role::Dim,
                format!("connected again after {gap}, same session"),
            )
        }
        State::SessionLost { after, reason } => {
            let after = words::duration(*after);
            (Role::Bad, format!("session lost after {after}: {reason}"))
        }
        State::SessionRenewed {
            gap,
            n_restored,
            n_subscriptions,
            replays,
        } => {
            let role = if n_restored < n_subscriptions {
                Role::Bad
            } else {
                Role::Warning
            };
            let gap = words::duration(*gap);
            let text = format!(
                "session renewed: {n_restored} of {} restored{}, gap {gap}",
                words::count(*n_subscriptions as u64, "subscription"),
                replay(replays),
            );
            (role, text)
        }
        State::Disconnected { reason: None } => (Role::Dim, "disconnected".to_owned()),
        State::Disconnected {
            reason: Some(reason),
        } => (Role::Bad, format!("disconnected: {reason}")),
        State::ConnectionEnded { peer } => {
            let of = peer.map_or_else(String::new, |it| format!(" of {it}"));
            let text = format!("the connection{of} ended, with requests unanswered");
            (Role::Warning, text)
        }
        State::Warning { reason } => return labelled(Role::Warning, "warning", reason, surface),
    };
    remark(role, &text, surface)
}

/// From where on the server replays: the channel is named where there are several.
fn replay(replays: &[(String, Json)]) -> String {
    match replays {
        [] => String::new(),
        [(_, id)] => format!(", replay from {id}"),
        several => {
            let several = several
                .iter()
                .map(|(channel, id)| format!("{id} ({channel})"));
            format!(", replay from {}", several.collect::<Vec<_>>().join(", "))
        }
    }
}

/// A line that begins with `~`.
pub(super) fn remark(role: Role, text: &str, surface: &Surface) -> String {
    let mut out = String::new();
    let text = format!("~ {}", escape::line(text));
    surface.paint.push(&mut out, role, &text);
    out.push('\n');
    out
}

/// A line that begins with a label, e.g. `hint: ...`.
pub(super) fn labelled(role: Role, label: &str, text: &str, surface: &Surface) -> String {
    let mut out = String::new();
    surface.paint.push(&mut out, role, &format!("{label}:"));
    out.push(' ');
    out.push_str(&escape::line(text));
    out.push('\n');
    out
}

/// What failed, why, and one thing to type.
pub(super) fn failure(failure: &Failure, surface: &Surface) -> String {
    let mut out = labelled(Role::Bad, "error", &failure.error, surface);
    if let Some(cause) = &failure.cause {
        out.push_str(&labelled(Role::Dim, "cause", cause, surface));
    }
    if let Some(hint) = &failure.hint {
        out.push_str(&labelled(Role::Hint, "hint", hint, surface));
    }
    out
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;

    fn show(it: State) -> String {
        state(&it, &Surface::plain())
    }

    #[test]
    fn a_lost_session_and_its_recovery_are_told() {
        let story = [
            State::Reconnecting {
                reason: "connection reset".to_owned(),
                attempt: 1,
                delay: Duration::from_secs(1),
            },
            State::SessionLost {
                after: Duration::from_millis(41_200),
                reason: "402::session_unknown".to_owned(),
            },
            State::SessionRenewed {
                gap: Duration::from_millis(3_100),
                n_restored: 2,
                n_subscriptions: 2,
                replays: Vec::new(),
            },
            State::SessionRenewed {
                gap: Duration::from_millis(3_100),
                n_restored: 1,
                n_subscriptions: 2,
                replays: vec![("/a".to_owned(), "1042".parse().unwrap())],
            },
            State::SessionRenewed {
                gap: Duration::from_millis(3_100),
                n_restored: 2,
                n_subscriptions: 2,
                replays: vec![
                    ("/a".to_owned(), "1042".parse().unwrap()),
                    ("/b".to_owned(), r#""x7""#.parse().unwrap()),
                ],
            },
            State::SubscribeRefused {
                channel: "/admin/**".to_owned(),
                error: "403::denied\u{1b}[2J".to_owned(),
            },
            State::Warning {
                reason: "replay id 7 is too old".to_owned(),
            },
        ];
        let lines: String = story.into_iter().map(show).collect();
        insta::assert_snapshot!(lines, @r#"
        ~ reconnecting in 1s (attempt 1): connection reset
        ~ session lost after 41.2s: 402::session_unknown
        ~ session renewed: 2 of 2 subscriptions restored, gap 3.1s
        ~ session renewed: 1 of 2 subscriptions restored, replay from 1042, gap 3.1s
        ~ session renewed: 2 of 2 subscriptions restored, replay from 1042 (/a), "x7" (/b), gap 3.1s
        ~ subscribe to /admin/** refused: 403::denied\x1b[2J
        warning: replay id 7 is too old
        "#);
    }

    #[test]
    fn an_error_is_three_lines() {
        let it = Failure {
            time: SystemTime::UNIX_EPOCH,
            error: "cannot reach http://localhost:8080/cometd".to_owned(),
            cause: Some("connection refused (127.0.0.1:8080)".to_owned()),
            hint: Some("is the server running? `--retry 30s` waits for it".to_owned()),
        };
        insta::assert_snapshot!(failure(&it, &Surface::plain()), @r#"
        error: cannot reach http://localhost:8080/cometd
        cause: connection refused (127.0.0.1:8080)
        hint: is the server running? `--retry 30s` waits for it
        "#);
    }
}
