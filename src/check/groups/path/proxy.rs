//! What stands between here and the server, as far as it can be seen.

use super::handshake;
use super::words::quoted;
use crate::check::http::Seen;
use crate::check::{Finding, Obstacle, Subject};
use crate::transport::TransportError;

/// Headers by which those on the way make themselves known.
const TELLING: [&str; 6] = [
    "Via",
    "X-Cache",
    "CF-Ray",
    "X-Amz-Cf-Id",
    "X-Served-By",
    "Server",
];

pub(super) fn passes(subject: &Subject) -> Result<Finding, Obstacle> {
    let proxy = subject.settings().transport.proxy.as_ref();
    let (_session, seen) = match handshake(subject) {
        Ok(found) => found,
        Err(Obstacle::Transport(error @ TransportError::Proxy { .. })) => {
            return Ok(Finding::deviates(error.to_string()).remedy(
                "NO_PROXY=HOST goes without it; else its rules must let this host and port through",
            ));
        }
        Err(obstacle) => return Err(obstacle),
    };
    if is_from_a_cache(&seen) {
        return Ok(
            Finding::deviates(format!("a cache answered{}", told(&seen)))
                .at("Age")
                .remedy(
                    "no response of Bayeux may be kept: nginx: proxy_cache off; content delivery \
                 networks: a rule that bypasses the cache for this path",
                ),
        );
    }
    let way = match proxy {
        Some(proxy) => format!("through the proxy {proxy}"),
        None => "no proxy is set".to_owned(),
    };
    Ok(Finding::holds_as(format!("{way}{}", told(&seen))))
}

fn is_from_a_cache(seen: &Seen) -> bool {
    let age = seen.header("Age").and_then(|it| it.trim().parse().ok());
    age.is_some_and(|it: u64| it > 0)
        || seen
            .header("X-Cache")
            .is_some_and(|it| it.to_ascii_uppercase().starts_with("HIT"))
}

fn told(seen: &Seen) -> String {
    let telling = TELLING.iter().filter_map(|name| {
        let value = seen.header(name)?;
        Some(format!(", {name}: {}", quoted(value)))
    });
    telling.collect()
}
