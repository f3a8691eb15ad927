//! The upgrade to a websocket, on the same way.

use crate::check::http::Ask;
use crate::check::session::Session;
use crate::check::socket::Upgrade;
use crate::check::{Finding, Obstacle, Subject};
use crate::protocol::ConnectionType;
use crate::transport::{TransportError, UpgradeRefusal};

use super::words::failure;

const PASS_IT_ON: &str = "something on the way does not pass the upgrade on: nginx: proxy_http_version 1.1; \
     proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection \"upgrade\"; Apache: \
     ProxyPass ... upgrade=websocket";

pub(super) fn opens(subject: &Subject) -> Result<Finding, Obstacle> {
    let mut polling = subject.session()?;
    let reply = polling.open()?;
    let offered = reply.get("supportedConnectionTypes").unwrap_or_default();
    if !offered.contains("\"websocket\"") {
        return Err(Obstacle::Inapplicable(
            "the server offers no websocket".to_owned(),
        ));
    }
    match Upgrade::ask(subject, &[])?.outcome {
        Ok(socket) => {
            socket.close();
            talks(subject)
        }
        Err(refused) => match &refused.error {
            TransportError::UpgradeRefused(refusal) => {
                let plain = polling.http()?.ask(&Ask::get(""));
                let is_alike = plain.is_ok_and(|it| it.status == refusal.status);
                Ok(explained(refusal, is_alike))
            }
            error => Ok(Finding::deviates(format!(
                "it is offered, and the upgrade fails: {error}"
            ))
            .remedy(PASS_IT_ON)),
        },
    }
}

/// An open websocket is of no use that nothing comes through.
fn talks(subject: &Subject) -> Result<Finding, Obstacle> {
    let opened = Session::new(subject, ConnectionType::WebSocket).and_then(|mut it| it.open());
    Ok(match opened {
        Ok(_) => Finding::holds_as("HTTP 101, and messages pass"),
        Err(obstacle) => Finding::deviates(format!(
            "it opens, and the handshake through it fails: {}",
            failure(&obstacle)
        ))
        .remedy("does something on the way look into frames, or end what it does not know?"),
    })
}

fn explained(refusal: &UpgradeRefusal, is_alike: bool) -> Finding {
    let why = match is_alike {
        true => {
            "; that is what a GET without the headers Upgrade and Connection is answered too, so \
             they do not reach the server"
        }
        false => "",
    };
    let finding = Finding::deviates(format!("it is offered, but {refusal}{why}"));
    finding.remedy(match refusal.status {
        _ if is_alike => PASS_IT_ON,
        401 | 407 => "does the gateway ask for credentials that only other requests have?",
        403 => "does the server or a gateway refuse it for its Origin, or its lack of one?",
        404 | 405 => {
            "the path is not mapped for websockets: CometD: init-param ws.cometdURLMapping, with \
             load-on-startup; is the servlet async-supported?"
        }
        502..=504 => "the gateway reaches no server for it: is the same upstream used?",
        _ => PASS_IT_ON,
    })
}
