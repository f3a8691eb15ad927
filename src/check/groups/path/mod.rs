//! `path`: the way to the server, a step at a time, and what to change where it is in the way.

mod address;
mod buffering;
mod certificate;
mod clock;
mod cookies;
mod endpoint;
mod hold;
mod life;
mod proxy;
mod stickiness;
mod upgrade;
mod words;

use std::time::Duration;

use crate::check::http::Seen;
use crate::check::session::Session;
use crate::check::{Check, Obstacle, Stage, Subject};
use crate::protocol::{Advice, ConnectionType, Message};

const LONG_POLLING: ConnectionType = ConnectionType::LongPolling;

pub(super) const CHECKS: &[Check] = &[
    Check::must("path.name", "the host has an address", "", address::name).stage(Stage::First),
    Check::must(
        "path.tcp",
        "the host takes connections",
        "",
        address::connection,
    )
    .stage(Stage::First),
    Check::must(
        "path.tls",
        "the server's certificate is accepted",
        "",
        certificate::accepted,
    )
    .stage(Stage::First),
    Check::must(
        "path.endpoint",
        "a handshake is answered at this URL, and not redirected",
        "",
        endpoint::answers,
    )
    .over(LONG_POLLING)
    .stage(Stage::First),
    Check::should(
        "path.addresses",
        "every address of the host takes connections",
        "",
        address::every,
    ),
    Check::should(
        "path.chain",
        "the server sends every certificate that leads to its authority",
        "",
        certificate::chain,
    ),
    Check::should(
        "path.expiry",
        "the server's certificate stays valid for a while",
        "",
        certificate::expiry,
    ),
    Check::information(
        "path.proxy",
        "what is between here and the server passes everything on",
        "",
        proxy::passes,
    )
    .over(LONG_POLLING),
    Check::should(
        "path.cookies",
        "a client sends back the cookies that the handshake sets",
        "",
        cookies::come_back,
    )
    .over(LONG_POLLING),
    Check::must(
        "path.sticky",
        "a session is known over every connection",
        "",
        stickiness::known,
    )
    .over(LONG_POLLING),
    Check::should(
        "path.hold",
        "nothing on the way cuts a held connect",
        "",
        hold::for_a_moment,
    )
    .patience(Duration::from_secs(12)),
    Check::should(
        "path.hold-whole",
        "nothing on the way cuts a connect before the server answers it",
        "",
        hold::to_its_end,
    )
    .intrusive()
    .patience(Duration::from_secs(200)),
    Check::should(
        "path.buffering",
        "nothing on the way keeps a delivery back",
        "",
        buffering::none,
    )
    .over(LONG_POLLING)
    .patience(Duration::from_secs(12)),
    Check::should(
        "path.upgrade",
        "the websocket that the server offers opens",
        "",
        upgrade::opens,
    )
    .over(LONG_POLLING),
    Check::information(
        "path.clock",
        "the server's clock is right, or this machine's is as wrong",
        "",
        clock::agrees,
    )
    .over(LONG_POLLING),
    Check::information(
        "path.life",
        "a silent session lives long enough for a client to come back",
        "",
        life::advised,
    ),
    Check::information(
        "path.life-observed",
        "a silent session really lives that long",
        "",
        life::observed,
    )
    .intrusive()
    .patience(Duration::from_secs(80)),
];

/// The response to a handshake, and the session that began with it, if one did.
fn handshake(subject: &Subject) -> Result<(Session, Seen), Obstacle> {
    let mut session = subject.session()?;
    let handshake = session.handshake();
    let seen = session.http()?.post(&[handshake])?;
    adopt(&mut session, &seen);
    Ok((session, seen))
}

/// So that a session that began is ended.
fn adopt(session: &mut Session, seen: &Seen) {
    let replies = seen.messages().unwrap_or_default();
    if let Some(reply) = replies.iter().find(|it| it.client_id().is_some()) {
        // It has one.
        let _ = session.adopt(reply);
    }
}

fn advice(reply: &Message, over: ConnectionType) -> Option<Advice> {
    Advice::parse(reply.advice()?, over)
}

/// A server that refuses what leads up to a check, a transport or a channel, leaves nothing to look
/// at on the way; whether it may is for other checks.
fn about_the_way(reply: Result<Message, Obstacle>) -> Result<Message, Obstacle> {
    reply.map_err(|obstacle| match obstacle {
        Obstacle::Unusable(reason) => Obstacle::Inapplicable(reason),
        obstacle => obstacle,
    })
}
