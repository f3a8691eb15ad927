//! The endpoint: whether a handshake is answered at this URL, or sent elsewhere, or by another.

use super::handshake;
use super::words::quoted;
use crate::check::http::Seen;
use crate::check::{Finding, Obstacle, Subject};
use crate::protocol::ConnectionType;
use crate::redaction::redact_url;
use crate::transport::TransportError;

/// squid's name for what it has against a request.
const SQUID_ERROR: &str = "X-Squid-Error";

pub(super) fn answers(subject: &Subject) -> Result<Finding, Obstacle> {
    let (_session, seen) = match handshake(subject) {
        Ok(found) => found,
        Err(Obstacle::Transport(error)) => {
            let remedy = strange(&error);
            return Ok(Finding::deviates(error.to_string()).remedy(remedy));
        }
        Err(obstacle) => return Err(obstacle),
    };
    if let Some(location) = seen.header("Location")
        && (300..400).contains(&seen.status)
    {
        return Ok(redirected(subject, seen.status, location));
    }
    if subject.settings().connection_type == ConnectionType::WebSocket {
        return Ok(Finding::holds());
    }
    if let Some(reason) = seen.header(SQUID_ERROR) {
        let reason = quoted(reason);
        let seen = format!("the proxy answers: HTTP {} ({reason})", seen.status);
        return Ok(Finding::deviates(seen).at(SQUID_ERROR).remedy(
            "its rules must let this host and port through, and it must reach them; NO_PROXY=HOST \
             goes without it",
        ));
    }
    if seen.status != 200 {
        let told = format!("HTTP {}{}", seen.status, by(&seen));
        return Ok(Finding::deviates(told).remedy(remedy(seen.status)));
    }
    if seen.messages().is_ok_and(|it| !it.is_empty()) {
        return Ok(Finding::holds());
    }
    let kind = seen.header("Content-Type").unwrap_or("of no type");
    let told = format!("HTTP 200 with no messages ({}){}", quoted(kind), by(&seen));
    Ok(Finding::deviates(told).remedy(ANOTHER_PATH))
}

const ANOTHER_PATH: &str = "the endpoint usually has a path: try /cometd, /bayeux or /faye; does a gateway pass it on \
     (nginx: a location with proxy_pass), and is the servlet mapped to PATH/*?";

fn remedy(status: u16) -> &'static str {
    match status {
        401 | 407 => "it asks for credentials: -u, --token or -H gives them",
        403 => {
            "who refuses, the server or a gateway before it? its log knows; does it ask for credentials?"
        }
        404 | 405 => ANOTHER_PATH,
        413 | 415 => {
            "a gateway with rules for request bodies: let POSTs of application/json through"
        }
        429 => "a limit of requests on the way; long-polling needs two at a time a client",
        502..=504 => {
            "the gateway does not reach the server: is that running, and where it is looked for?"
        }
        _ => "the log of the server, or of the gateway before it, may tell more",
    }
}

fn strange(error: &TransportError) -> &'static str {
    match error {
        TransportError::PlainToTlsPort => "write https:// (or wss://) for this port",
        TransportError::NotHttp { .. } => {
            "another program listens at this port: is it the right one?"
        }
        TransportError::Timeout { received: 0, .. } => {
            "the connection is taken and nothing is said: does the server hang, or a gateway that \
             does not reach it?"
        }
        TransportError::Timeout { .. } => {
            "the response begins and does not end: is it the endpoint, and does a gateway slow it \
             down? --network-timeout waits longer"
        }
        TransportError::TooLarge { .. } | TransportError::HeadTooLarge { .. } => {
            "no reply to a handshake is as long: another program answers; is it the right port and \
             path?"
        }
        TransportError::Proxy { .. } => {
            "its rules must let this host and port through, and it must reach them; NO_PROXY=HOST \
             goes without it"
        }
        _ => "the log of the server, or of the gateway before it, may tell more",
    }
}

fn by(seen: &Seen) -> String {
    let server = seen.header("Server");
    server.map_or_else(String::new, |it| format!(", Server: {}", quoted(it)))
}

fn redirected(subject: &Subject, status: u16, location: &str) -> Finding {
    let origin = subject.settings().transport.endpoint.origin();
    let location = quoted(&redact_url(location));
    let target = match location.starts_with('/') {
        true => format!("{origin}{location}"),
        false => location,
    };
    let is_login = ["login", "signin", "sso", "auth"]
        .iter()
        .any(|it| target.to_ascii_lowercase().contains(it));
    let remedy = if is_login {
        "that is a login: give the credentials along (-u, --token, -H), or let the endpoint \
         answer 401 to who has none"
            .to_owned()
    } else {
        format!(
            "use {target} as the URL, if that is the endpoint; or serve this path without a \
             redirect (nginx: a location without the slash at its end)"
        )
    };
    // It would not do to follow: a POST would become a GET.
    Finding::deviates(format!("HTTP {status} to {target}"))
        .at("Location")
        .remedy(remedy)
}
