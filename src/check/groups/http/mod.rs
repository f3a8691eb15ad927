//! `http`: requests and responses of long-polling.

mod connection;
mod request;
mod response;

use std::time::Duration;

use crate::check::asking::end_with;
use crate::check::http::{Ask, Seen};
use crate::check::session::Session;
use crate::check::{Check, Obstacle, Stage, Subject};
use crate::protocol::{ConnectionType, Message, encode};

const REQUEST: &str = "The long-polling request messages";
const RESPONSE: &str = "The long-polling response messages";

pub(super) const CHECKS: &[Check] = &[
    Check::must(
        "http.reachable",
        "the server answers a handshake",
        "",
        connection::reachable,
    )
    .stage(Stage::First),
    Check::must(
        "http.json-post",
        "an array of messages posted as JSON is answered with one",
        "The long-polling request and response messages",
        request::json_post,
    )
    .over(ConnectionType::LongPolling),
    Check::should(
        "http.reply-ctype",
        "responses say that they are JSON in UTF-8",
        RESPONSE,
        response::reply_ctype,
    )
    .over(ConnectionType::LongPolling),
    Check::information(
        "http.ctype-matrix",
        "JSON is read whatever Content-Type it comes with",
        REQUEST,
        request::ctype_matrix,
    )
    .over(ConnectionType::LongPolling),
    Check::information(
        "http.form-post",
        "messages in a form are read",
        REQUEST,
        request::form_post,
    )
    .over(ConnectionType::LongPolling),
    Check::information(
        "http.single-object",
        "a message that is not in an array is accepted",
        "Messages",
        request::single_object,
    )
    .over(ConnectionType::LongPolling),
    Check::information(
        "http.empty-array",
        "an array without messages is answered, and not with HTTP 5xx",
        "Messages",
        request::empty_array,
    )
    .over(ConnectionType::LongPolling)
    .intrusive(),
    Check::information(
        "http.malformed",
        "what is no JSON is answered with HTTP 4xx, and not with the server's insides",
        "",
        request::malformed,
    )
    .over(ConnectionType::LongPolling)
    .intrusive(),
    Check::information(
        "http.subpath",
        "paths below the endpoint, which some clients use, are answered too",
        "",
        request::subpath,
    )
    .over(ConnectionType::LongPolling),
    Check::information(
        "http.keepalive",
        "a connection stays open for the next requests",
        "",
        connection::keepalive,
    )
    .over(ConnectionType::LongPolling),
    Check::information(
        "http.gzip",
        "a client that takes gzip can read the response",
        "",
        response::gzip,
    )
    .over(ConnectionType::LongPolling),
    Check::information(
        "http.redirect",
        "the endpoint does not redirect",
        "",
        connection::redirect,
    )
    .over(ConnectionType::LongPolling),
    Check::information(
        "http.cache",
        "responses say that nobody may keep them",
        "",
        response::cache,
    ),
    Check::information(
        "http.cors",
        "not every page in a browser may use the server with its user's cookies",
        "",
        response::cors,
    )
    .over(ConnectionType::LongPolling),
];

/// How long a connection is idle before it is used again. Long enough for a gateway that keeps
/// none, short enough to wait for.
const IDLE: Duration = Duration::from_secs(2);

/// A handshake, and what came of it.
struct Tried {
    seen: Seen,
    /// The reply, or what there is instead.
    outcome: Result<Message, String>,
    session: Session,
}

/// Sends a handshake in a request made of its text, and sees to it that its session ends.
fn handshake_by(
    subject: &Subject,
    request: impl FnOnce(&Message, String) -> Ask,
) -> Result<Tried, Obstacle> {
    let mut session = subject.session()?;
    let handshake = session.handshake();
    let text = encode([&handshake]);
    let seen = session.http()?.ask(&request(&handshake, text))?;
    let outcome = match (seen.status, seen.messages()) {
        (200, Ok(messages)) => messages
            .into_iter()
            .find(|it| it.successful().is_some())
            .ok_or_else(|| "HTTP 200 without a reply".to_owned()),
        (200, Err(_)) => Err("HTTP 200 and no messages".to_owned()),
        (status, _) => Err(format!("HTTP {status}")),
    };
    if let Ok(reply) = &outcome {
        end_with(&mut session, reply)?;
    }
    Ok(Tried {
        seen,
        outcome,
        session,
    })
}
