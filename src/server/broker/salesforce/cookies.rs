//! The cookies of Salesforce: who gets which, and when.
//!
//! Its own say `Domain=.salesforce.com` and, for BAYEUX_BROWSER, `Secure`. Here they do not:
//! a client on the loopback interface would not send them back.

use std::sync::Arc;

use super::refused::is_unknown_client;
use crate::protocol::{Message, meta};
use crate::server::broker::ClientIds;
use crate::server::broker::browsers::BROWSER;
use crate::server::broker::cookie::value;

/// The cookie by which a load balancer finds a client's server again.
const ROUTE: &str = "sfdc-stream";

/// Values of `Set-Cookie` for a response with these messages: with a handshake those that
/// the client does not have, with a session that is unknown a new route.
pub(in crate::server::broker) fn set(
    had: &str,
    messages: &[Arc<Message>],
    endpoint: &str,
    random: &mut ClientIds,
) -> Vec<String> {
    let is_handshaken =
        |it: &Arc<Message>| it.channel() == meta::HANDSHAKE && it.successful() == Some(true);
    let wanted: Vec<&str> = if messages.iter().any(|it| is_unknown_client(it)) {
        vec![ROUTE]
    } else if messages.iter().any(is_handshaken) {
        let all = ["BrowserId", "t", BROWSER, ROUTE];
        all.into_iter()
            .filter(|name| value(had, name).is_none())
            .collect()
    } else {
        return Vec::new();
    };
    let endpoint = endpoint.trim_end_matches('/');
    let cookie = |name: &str| {
        let random = random()?;
        Some(match name {
            "BrowserId" => format!("{name}={random}; Path=/; Max-Age=5184000"),
            "t" => format!("{name}={random}; Path={endpoint}/; HttpOnly"),
            BROWSER => format!("{name}={random}; Path={endpoint}/"),
            // Three hours, after which the balancer may choose anew.
            _ => format!("{name}={random}; Path=/; Max-Age=10800"),
        })
    };
    wanted.into_iter().filter_map(cookie).collect()
}
