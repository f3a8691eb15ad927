//! What a proxy noticed, in words and records.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use bayeux::protocol::{ConnectionType, Message};
use bayeux::proxy::What;
use bayeux::recording::{Direction, MessageRecord, State, StateRecord};
use bayeux::redaction::shortened_client_id;
use bayeux::traffic::{Hold, Noticed, SessionChange, SessionNotice, SessionNumber, Unanswered};

use super::super::conversation::record;
use super::super::exit::Stop;
use crate::output::{Printer, remarks, words};

/// A connect that took longer than this was held.
const HELD: Duration = Duration::from_millis(500);

/// What came of watching the messages.
pub(super) fn noticed(
    printer: &mut Printer,
    time: SystemTime,
    peer: Option<SocketAddr>,
    noticed: &Noticed,
) -> Result<(), Stop> {
    let mut show = |direction, connection_type: ConnectionType, message: &Message, aside: &str| {
        let record = MessageRecord {
            peer,
            ..record(time, direction, connection_type, message.clone())
        };
        printer.relayed(&record, aside)
    };
    // Directions are those of the client: as if it had recorded them itself.
    match noticed {
        Noticed::Asked(it) => {
            let mut aside = in_session(it.session);
            match it.hold {
                Hold::UpTo(time) if !time.is_zero() => {
                    aside += &format!("  held up to {}", words::duration(time));
                }
                Hold::UpTo(_) | Hold::Unknown | Hold::No => {}
            }
            show(Direction::Out, it.connection_type, &it.message, &aside)?;
        }
        Noticed::Answered(it) => {
            let latency = it.to.map(|(_, latency)| latency);
            let mut aside = match (latency, it.hold) {
                (None, _) => "  answers nothing that was asked".to_owned(),
                (Some(latency), Hold::UpTo(_) | Hold::Unknown) if latency >= HELD => {
                    format!("  held {}", words::duration(latency))
                }
                (Some(latency), _) => format!("  {}", words::duration(latency)),
            };
            aside += &in_session(it.session);
            show(Direction::In, it.connection_type, &it.message, &aside)?;
        }
        Noticed::Delivered(it) => {
            let mut aside = in_session(it.session);
            if it.is_duplicate {
                aside += "  came before";
            }
            show(Direction::In, it.connection_type, &it.message, &aside)?;
        }
        Noticed::Unanswered(it) => warn(printer, time, unanswered(it))?,
        Noticed::Session(it) => session(printer, time, it)?,
        Noticed::Remark(it) => warn(printer, time, remarks::broken_rule(it))?,
    }
    Ok(())
}

/// What happened to connections.
pub(super) fn happened(printer: &mut Printer, connection: u64, what: &What) {
    let on = |text: String| format!("connection {connection}: {text}");
    match what {
        What::Other {
            method,
            path,
            status,
            content_type,
            latency,
        } => {
            let content_type = match content_type {
                Some(content_type) => format!(" ({content_type})"),
                None => String::new(),
            };
            let latency = words::duration(*latency);
            let text = format!("{method} {path}  HTTP {status}{content_type}  {latency}");
            printer.note(&on(text));
        }
        What::Unread { from, reason } => {
            printer.warning(&on(format!("from the {from}: {reason}")));
        }
        What::Upgraded => printer.note(&on("now a websocket".to_owned())),
        What::WebSocketClosed { from, code, reason } => {
            let mut text = format!("the {from} closes the websocket");
            if let Some(code) = code {
                text += &format!(" with {code}");
            }
            if !reason.is_empty() {
                text += &format!(": {reason}");
            }
            printer.note(&on(text));
        }
        What::Disturbed { faults } => printer.note(&on(format!("fault {faults}"))),
        What::Unreachable { reason } => {
            printer.warning(&on(format!("the server cannot be reached: {reason}")));
        }
        What::Dropped { reason } => printer.warning(&on(format!("closed: {reason}"))),
        What::AcceptFailed { reason } => printer.warning(&format!("cannot accept: {reason}")),
        What::Ended { by, n_unanswered } if *n_unanswered > 0 => {
            let requests = words::count(*n_unanswered as u64, "request");
            printer.note(&on(format!(
                "ended by the {by}, {requests} without a response"
            )));
        }
        // They are many, and say nothing that is not seen from the messages.
        _ => {}
    }
}

fn in_session(session: Option<SessionNumber>) -> String {
    session.map_or_else(String::new, |it| format!("  session {it}"))
}

fn session(printer: &mut Printer, time: SystemTime, notice: &SessionNotice) -> Result<(), Stop> {
    let number = notice.session;
    match &notice.change {
        SessionChange::Opened { client_id } => {
            let client_id = shortened_client_id(client_id);
            printer.note(&format!("session {number} opened: {client_id}"));
        }
        SessionChange::Joined { client_id } => {
            let client_id = shortened_client_id(client_id);
            printer.note(&format!("session {number} was there before: {client_id}"));
        }
        SessionChange::Renewed {
            client_id,
            replaces,
            owed,
        } => {
            let client_id = shortened_client_id(client_id);
            let mut text = format!("session {number} replaces session {replaces}: {client_id}");
            if !owed.is_empty() {
                text += &format!(", which had subscribed to {}", owed.join(", "));
            }
            printer.note(&text);
        }
        SessionChange::Restored {
            n_subscriptions,
            gap,
        } => {
            let subscriptions = words::count(*n_subscriptions as u64, "subscription");
            let gap = words::duration(*gap);
            printer.note(&format!(
                "session {number} has {subscriptions} again; messages may be missing of {gap}"
            ));
        }
        SessionChange::NotRestored { channels } => {
            warn(printer, time, remarks::not_restored(number, channels))?;
        }
        SessionChange::Lost { reason, age } => {
            let age = words::duration(*age);
            let text = format!("session {number} lost after {age}: {reason}");
            warn(printer, time, text)?;
        }
        SessionChange::Ended { age } => {
            let age = words::duration(*age);
            printer.note(&format!("session {number} ended after {age}"));
        }
    }
    Ok(())
}

fn unanswered(it: &Unanswered) -> String {
    let channel = it.message.channel();
    let id = match it.message.id() {
        Some(id) => format!(" id {id}"),
        None => String::new(),
    };
    let after = words::duration(it.after);
    let of = match it.session {
        Some(session) => format!(" of session {session}"),
        None => String::new(),
    };
    let why = it.why;
    format!("no reply to {channel}{id}{of} after {after}: {why}")
}

fn warn(printer: &mut Printer, time: SystemTime, reason: String) -> Result<(), Stop> {
    let state = State::Warning { reason };
    printer.state(&StateRecord { time, state })?;
    Ok(())
}
