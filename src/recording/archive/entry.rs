//! One entry of an archive: a request and its response.

use std::borrow::Cow;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::body::Parts;
use super::{HttpExchange, HttpText};
use crate::protocol::decode;
use crate::redaction::{Secrets, redact, redact_excerpt, redact_header, redact_url};

/// The entry; nothing where not even a request was sent.
pub(super) fn of(exchange: &HttpExchange<'_>, secrets: Secrets) -> Option<Value> {
    let request = Parts::of(exchange.request)?;
    let (timings, time) = timings(exchange);
    let mut entry = json!({
        "startedDateTime": humantime::format_rfc3339_millis(exchange.started).to_string(),
        "time": time,
        "request": requested(exchange, &request, secrets),
        "response": responded(exchange, &request, secrets),
        "cache": {},
        "timings": timings,
    });
    if let Some(peer) = exchange.peer {
        entry["serverIPAddress"] = peer.ip().to_string().into();
    }
    if let Some(client) = exchange.client {
        entry["connection"] = client.to_string().into();
    }
    if let Some(error) = exchange.error {
        entry["_error"] = error.into();
    }
    Some(entry)
}

fn requested(exchange: &HttpExchange<'_>, request: &Parts<'_>, secrets: Secrets) -> Value {
    let mut words = request.start_line.split(' ');
    let method = words.next().unwrap_or_default();
    let target = words.next().unwrap_or_default();
    let version = words.next().unwrap_or_default();
    let url = if target.starts_with('/') {
        let host = request.header("Host").unwrap_or_default();
        let is_upgrade = request.header("Sec-WebSocket-Key").is_some();
        let scheme = match (is_upgrade, exchange.is_tls) {
            (false, false) => "http",
            (false, true) => "https",
            (true, false) => "ws",
            (true, true) => "wss",
        };
        format!("{scheme}://{host}{target}")
    } else {
        target.to_owned()
    };
    let url = match secrets {
        Secrets::Redacted => redact_url(&url),
        Secrets::Shown => url.into(),
    };
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let query = query.split('&').filter(|it| !it.is_empty()).map(|it| {
        let (name, value) = it.split_once('=').unwrap_or((it, ""));
        named(&decoded(name), &decoded(value))
    });
    let query: Vec<Value> = query.collect();
    let mut requested = json!({
        "method": method,
        "url": url,
        "httpVersion": version,
        "cookies": cookies(request, "Cookie", secrets),
        "headers": headers(request, secrets),
        "queryString": query,
        "headersSize": request.head_len,
        "bodySize": request.body.len(),
    });
    let mime_type = request.header("Content-Type").unwrap_or_default();
    let left_out = left_out(exchange.request, request, is_bayeux(request), secrets);
    if let Some(reason) = left_out {
        requested["postData"] = json!({"mimeType": mime_type, "text": "", "comment": reason});
    } else if !request.body.is_empty() {
        let text = text(&request.content(), secrets);
        requested["postData"] = json!({"mimeType": mime_type, "text": text});
    }
    requested
}

/// Without a response, the fields of one whose status is 0: so browsers show what failed.
fn responded(exchange: &HttpExchange<'_>, request: &Parts<'_>, secrets: Secrets) -> Value {
    let Some(response) = Parts::of(exchange.response) else {
        return json!({
            "status": 0, "statusText": "", "httpVersion": "", "cookies": [], "headers": [],
            "content": {"size": 0, "mimeType": "x-unknown"},
            "redirectURL": "", "headersSize": -1, "bodySize": -1,
        });
    };
    let mut words = response.start_line.splitn(3, ' ');
    let version = words.next().unwrap_or_default();
    let status: u16 = words
        .next()
        .and_then(|it| it.parse().ok())
        .unwrap_or_default();
    let redirect = response.header("Location").unwrap_or_default();
    let redirect = match secrets {
        Secrets::Redacted => redact_url(redirect),
        Secrets::Shown => redirect.into(),
    };
    json!({
        "status": status,
        "statusText": words.next().unwrap_or_default(),
        "httpVersion": version,
        "cookies": cookies(&response, "Set-Cookie", secrets),
        "headers": headers(&response, secrets),
        "content": content(exchange, (request, &response), status, secrets),
        "redirectURL": redirect,
        "headersSize": response.head_len,
        "bodySize": response.body.len(),
    })
}

fn content(
    exchange: &HttpExchange<'_>,
    (request, response): (&Parts<'_>, &Parts<'_>),
    status: u16,
    secrets: Secrets,
) -> Value {
    let mime_type = response.header("Content-Type").unwrap_or("x-unknown");
    if status == 101 {
        // What follows are the frames.
        return json!({"size": 0, "mimeType": mime_type});
    }
    if let Some(reason) = left_out(exchange.response, response, is_bayeux(request), secrets) {
        return json!({"size": response.body.len(), "mimeType": mime_type, "comment": reason});
    }
    if response.header("Content-Encoding").is_some() {
        let messages = exchange.messages.iter().map(|it| it.raw());
        let messages = format!("[{}]", messages.collect::<Vec<_>>().join(","));
        return json!({
            "size": messages.len(),
            "mimeType": mime_type,
            "text": text(messages.as_bytes(), secrets),
            "comment": "the messages; the body was compressed",
        });
    }
    let content = response.content();
    json!({
        "size": content.len(),
        "mimeType": mime_type,
        "text": text(&content, secrets),
    })
}

/// Why the archive does not have this body, if it does not.
///
/// Through somebody in the middle passes what has nothing to do with Bayeux: pages, pictures, and
/// forms of which nobody knows where their secrets are.
fn left_out(
    text: HttpText<'_>,
    parts: &Parts<'_>,
    is_bayeux: bool,
    secrets: Secrets,
) -> Option<String> {
    let HttpText::Apart { .. } = text else {
        return None;
    };
    let reason = match (parts.left_out, str::from_utf8(parts.body), secrets) {
        (Some(reason), _, _) => reason,
        _ if parts.body.is_empty() || is_bayeux => return None,
        _ if parts.header("Content-Encoding").is_some() => "it is compressed, and none of Bayeux",
        (None, Err(_), _) => "it is no text",
        (None, Ok(_), Secrets::Redacted) => "it is none of Bayeux (--show-secrets has it)",
        (None, Ok(_), Secrets::Shown) => return None,
    };
    Some(format!("left out: {reason}"))
}

/// Whether a request has messages, so that its response is one to messages.
fn is_bayeux(request: &Parts<'_>) -> bool {
    let content = request.content();
    let is_form = content.starts_with(b"message=");
    let query = request.start_line.split_once('?').map(|(_, it)| it);
    let mut fields = query.unwrap_or_default().split('&');
    is_form || has_messages(&content) || fields.any(|it| it.starts_with("message="))
}

fn has_messages(content: &[u8]) -> bool {
    decode(content).is_ok_and(|it| {
        it.findings.is_empty() && it.messages.iter().all(|it| !it.channel().is_empty())
    })
}

/// A body, redacted as messages are; what is none, as whatever may hold secrets.
pub(super) fn text(content: &[u8], secrets: Secrets) -> String {
    let text = String::from_utf8_lossy(content);
    if secrets == Secrets::Shown {
        return text.into_owned();
    }
    let redacted = match has_messages(content) {
        true => redact(&text),
        // A form: its fields are those of a query.
        false if text.starts_with("message=") => {
            let query = format!("?{text}");
            let redacted = redact_url(&query);
            Cow::Owned(redacted.trim_start_matches('?').to_owned())
        }
        false => redact_excerpt(&text),
    };
    redacted.into_owned()
}

fn headers(parts: &Parts<'_>, secrets: Secrets) -> Vec<Value> {
    let headers = parts.headers.iter().map(|(name, value)| match secrets {
        Secrets::Redacted => named(name, &redact_header(name, value)),
        Secrets::Shown => named(name, value),
    });
    headers.collect()
}

/// The cookies that a header of this name sets or returns.
fn cookies(parts: &Parts<'_>, header: &str, secrets: Secrets) -> Vec<Value> {
    let values = parts
        .headers
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case(header))
        .map(|(_, value)| value.as_str());
    let pairs = values.flat_map(|value| match header {
        // What follows are attributes.
        "Set-Cookie" => value.split(';').take(1),
        _ => value.split(';').take(usize::MAX),
    });
    let cookies = pairs.filter_map(|pair| {
        let (name, value) = pair.trim().split_once('=')?;
        Some(match secrets {
            Secrets::Redacted => named(name, "***"),
            Secrets::Shown => named(name, value),
        })
    });
    cookies.collect()
}

fn named(name: &str, value: &str) -> Value {
    json!({"name": name, "value": value})
}

fn decoded(text: &str) -> Cow<'_, str> {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy()
}

/// The stages in milliseconds, and their sum; -1 for those that were not there.
fn timings(exchange: &HttpExchange<'_>) -> (Value, f64) {
    let milliseconds = |it: Duration| it.as_secs_f64() * 1000.0;
    let stage = |it: Option<Duration>| it.map_or(-1.0, milliseconds);
    let handshake = exchange.handshake;
    // The handshake of TLS counts as part of connecting.
    let connect = match (exchange.connect, handshake) {
        (None, None) => None,
        (connect, handshake) => Some(connect.unwrap_or_default() + handshake.unwrap_or_default()),
    };
    let before = exchange.resolve.unwrap_or_default() + connect.unwrap_or_default();
    let first_byte = exchange.first_byte.unwrap_or(exchange.total);
    let wait = first_byte.saturating_sub(before);
    let receive = exchange.total.saturating_sub(first_byte);
    let mut timings = Map::new();
    let mut time = 0.0;
    for (name, value) in [
        ("blocked", -1.0),
        ("dns", stage(exchange.resolve)),
        ("connect", stage(connect)),
        ("send", 0.0),
        ("wait", milliseconds(wait)),
        ("receive", milliseconds(receive)),
    ] {
        timings.insert(name.to_owned(), value.into());
        time += f64::max(value, 0.0);
    }
    timings.insert("ssl".to_owned(), stage(handshake).into());
    (timings.into(), time)
}
