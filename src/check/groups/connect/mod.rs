//! `con`: the connect, which is held.

mod hold;
mod reply;
mod sessions;

use std::time::Duration;

use crate::check::Check;
use crate::protocol::ConnectionType;

pub(super) const CHECKS: &[Check] = &[
    Check::must(
        "con.fields",
        "the reply to a connect has channel, successful and the id of the connect",
        "Connect Response",
        reply::fields,
    ),
    Check::information(
        "con.first-immediate",
        "the first connect is answered at once, whatever the advised timeout",
        "",
        hold::first_immediate,
    ),
    Check::should(
        "con.timeout-honoured",
        "a connect is held as long as its own advice.timeout says",
        "timeout advice field",
        hold::timeout_honoured,
    ),
    Check::should(
        "con.hold",
        "a connect is held until its time is over",
        "Connect Response",
        hold::hold,
    ),
    Check::must(
        "con.wakeup",
        "a message from another session ends the hold at once",
        "Delivery",
        hold::wakeup,
    ),
    Check::must(
        "con.single",
        "a second connect ends the one that is held",
        "Connect Request",
        hold::single,
    ),
    Check::must(
        "con.type-required",
        "a connect without a connectionType that the server knows is refused",
        "connectionType",
        reply::type_required,
    )
    .intrusive(),
    Check::information(
        "con.batched",
        "a connect does not hold back the reply to a subscribe in the same request",
        "",
        hold::batched,
    ),
    Check::should(
        "con.multi-session",
        "two sessions of one browser are told of each other",
        "Server-side Multiple clients detection",
        sessions::multi_session,
    )
    .over(ConnectionType::LongPolling),
    Check::must(
        "con.unknown-client",
        "a connect of no session is refused, with the advice to handshake",
        "reconnect advice field",
        reply::unknown_client,
    ),
    Check::should(
        "con.expiry",
        "a session without connects ends when its time is over, and not before",
        "Connect Response",
        sessions::expiry,
    )
    .intrusive()
    .patience(Duration::from_secs(60)),
    Check::must(
        "con.error-on-other",
        "a subscribe and a publish of a session that ended are refused",
        "Unconnected operation",
        sessions::error_on_other,
    ),
];
