//! `sub` and `unsub`: subscriptions.

mod matching;
mod reply;
mod unsubscribe;

use crate::check::Check;

pub(super) const CHECKS: &[Check] = &[
    Check::must(
        "sub.fields",
        "the reply to a subscribe says which subscription it is about, also where it refuses",
        "Subscribe Response",
        reply::fields,
    ),
    Check::must(
        "sub.array",
        "an array of channels can be subscribed to",
        "Subscribe Request",
        reply::array,
    ),
    Check::information(
        "sub.array-atomic",
        "an array with a channel that is refused subscribes to none of its channels",
        "",
        matching::array_atomic,
    ),
    Check::must(
        "sub.wild-one",
        "`*` matches one more segment, and nothing else",
        "Channel Globbing",
        matching::wild_one,
    ),
    Check::must(
        "sub.wild-deep",
        "`**` matches one and more segments, and nothing else",
        "Channel Globbing",
        matching::wild_deep,
    ),
    Check::must(
        "sub.wild-middle",
        "a subscription with a wildcard before its end is refused",
        "Channel Globbing",
        reply::wild_middle,
    )
    .intrusive(),
    Check::should(
        "sub.meta-forbidden",
        "a subscription to a meta channel is refused",
        "Meta Channels",
        reply::meta_forbidden,
    ),
    Check::information(
        "sub.service",
        "a subscription to a service channel is accepted",
        "Service Channels",
        reply::service,
    ),
    Check::must(
        "sub.missing",
        "a subscribe without a subscription is refused",
        "Subscribe Response",
        reply::missing,
    )
    .intrusive(),
    Check::must(
        "sub.invalid",
        "a subscription without a slash at its beginning is refused",
        "Subscribe Response",
        reply::invalid,
    )
    .intrusive(),
    Check::should(
        "sub.idempotent",
        "who subscribes twice to a channel gets each message once",
        "Delivery",
        matching::idempotent,
    ),
    Check::information(
        "sub.overlap-dedup",
        "who has several subscriptions that match gets each message once",
        "",
        matching::overlap_dedup,
    ),
    Check::must(
        "unsub.stops",
        "nothing is delivered after an unsubscribe",
        "Unsubscribe Response",
        unsubscribe::stops,
    ),
    Check::information(
        "unsub.unknown",
        "an unsubscribe from what was not subscribed to is accepted",
        "",
        unsubscribe::unknown,
    ),
];
