//! Headers of responses.

use std::time::Duration;

use super::handshake_by;
use crate::check::http::{Ask, How, JSON};
use crate::check::{Finding, Obstacle, Subject};
use crate::protocol::{Callback, ConnectionType, encode};
use crate::traffic::ResponseHead;
use crate::traffic::rules::response_head;

pub(super) fn reply_ctype(subject: &Subject) -> Result<Finding, Obstacle> {
    const FIELD: &str = "Content-Type";
    let tried = handshake_by(subject, |_, text| Ask::post(text))?;
    if let Err(what) = tried.outcome {
        return Err(Obstacle::Unusable(what));
    }
    let content_type = tried.seen.header(FIELD).map(str::to_owned);
    let head = ResponseHead {
        status: tried.seen.status,
        content_type: content_type.clone(),
        cookies_set: Vec::new(),
    };
    let breaches = response_head(&head, ConnectionType::LongPolling);
    if let Some(breach) = breaches.first() {
        return Ok(Finding::deviates(breach.sentence.as_str()).at(FIELD));
    }
    let content_type = content_type.unwrap_or_default().to_ascii_lowercase();
    // Without a charset JSON is UTF-8 as well (RFC 8259, 8.1 and 11).
    Ok(match content_type.split_once("charset=") {
        Some((_, charset)) if charset.trim_matches('"') != "utf-8" => {
            Finding::deviates(format!("{FIELD} is {content_type}")).at(FIELD)
        }
        Some(_) | None => Finding::holds_as(content_type),
    })
}

pub(super) fn gzip(subject: &Subject) -> Result<Finding, Obstacle> {
    let tried = handshake_by(subject, |_, text| {
        Ask::post(text).with_headers([JSON, "Accept-Encoding: gzip"])
    })?;
    Ok(match tried.outcome {
        Ok(_) => Finding::holds(),
        Err(what) => Finding::deviates(what),
    })
}

pub(super) fn cache(subject: &Subject) -> Result<Finding, Obstacle> {
    const FIELD: &str = "Cache-Control";
    let mut session = subject.handshaken()?;
    let connect = session.connect(Some(Duration::ZERO));
    let ask = match subject.connection_type() {
        ConnectionType::CallbackPolling => Ask::callback(&Callback::default(), &[connect]),
        ConnectionType::LongPolling | ConnectionType::WebSocket => Ask::post(encode([&connect])),
    };
    let seen = session.http()?.ask(&ask)?;
    let said = seen.header(FIELD).unwrap_or_default().to_ascii_lowercase();
    let is_kept_from = said.contains("no-store") || said.contains("no-cache");
    Ok(match (is_kept_from, said.as_str()) {
        (true, _) => Finding::holds_as(said),
        (false, "") => Finding::deviates("no Cache-Control").at(FIELD),
        (false, _) => Finding::deviates(format!("Cache-Control is {said}")).at(FIELD),
    })
}

pub(super) fn cors(subject: &Subject) -> Result<Finding, Obstacle> {
    const PAGE: &str = "https://page.invalid";
    let ask = Ask {
        method: How::Options,
        ..Ask::post("")
    };
    let seen = subject.http()?.ask(&ask.with_headers([
        "Origin: https://page.invalid",
        "Access-Control-Request-Method: POST",
        "Access-Control-Request-Headers: content-type",
    ]))?;
    let allowed = seen.header("Access-Control-Allow-Origin");
    let credentials = seen.header("Access-Control-Allow-Credentials");
    Ok(match (allowed, credentials) {
        (Some(PAGE), Some("true")) => {
            Finding::deviates("a page of any origin may, with the cookies of whoever opens it")
                .at("Access-Control-Allow-Credentials")
        }
        (Some(PAGE | "*"), _) => Finding::holds_as("pages of any origin may, without cookies"),
        _ => Finding::holds_as(format!("pages of {PAGE} may not")),
    })
}
