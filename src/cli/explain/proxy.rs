//! A proxy that does not lead to the server.

use bayeux::transport::{Endpoint, ProxyFailure};

use crate::cli::exit::{Exit, Stop};

/// A proxy that does not lead to the server.
pub(super) fn proxy_failed(proxy: &str, failure: &ProxyFailure, endpoint: &Endpoint) -> Stop {
    use ProxyFailure as F;
    let stop = |exit, what: &str| Stop::new(exit, format!("the proxy {proxy} {what}"));
    match failure {
        F::Unreachable(_) => {
            Stop::new(Exit::Unreachable, format!("cannot reach the proxy {proxy}"))
                .hint("-x or a variable such as https_proxy names it; `-x none` goes without")
        }
        F::Credentials { .. } => stop(Exit::Unauthorised, "asks for credentials")
            .hint("-x http://USER:PASS@HOST:PORT gives them"),
        F::Refused { status, .. } => {
            let origin = endpoint.origin();
            stop(Exit::Unreachable, &format!("does not lead to {origin}")).hint(match status {
                500.. => "it cannot reach the server itself; does it know that host and port?",
                _ => "its rules forbid that host or port; `-x none` goes without",
            })
        }
        F::NotHttp { .. } | F::HeadTooLarge { .. } => stop(Exit::Unreachable, "is no HTTP proxy")
            .hint("is this its port? -x http://HOST:PORT names another one"),
        F::Timeout { .. } => stop(Exit::Unreachable, "does not answer")
            .hint("is this its port? --connect-timeout waits longer"),
        _ => stop(Exit::Unreachable, "does not answer")
            .hint("is this its port? its log tells why it closes connections"),
    }
    .cause(failure)
}
