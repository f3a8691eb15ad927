//! Forms that a request may have.

use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::{Tried, handshake_by};
use crate::check::http::{Ask, JSON};
use crate::check::judging::error_of;
use crate::check::{Finding, Obstacle, Subject};
use crate::protocol::encode;

pub(super) fn json_post(subject: &Subject) -> Result<Finding, Obstacle> {
    let Tried { seen, outcome, .. } = handshake_by(subject, |_, text| Ask::post(text))?;
    Ok(match outcome {
        Err(what) => Finding::deviates(what),
        Ok(_) => Finding::expect(
            seen.text().trim_start().starts_with('['),
            "the response is no array",
        ),
    })
}

pub(super) fn single_object(subject: &Subject) -> Result<Finding, Obstacle> {
    let tried = handshake_by(subject, |handshake, _| Ask::post(handshake.raw()))?;
    Ok(answered(tried))
}

pub(super) fn form_post(subject: &Subject) -> Result<Finding, Obstacle> {
    let tried = handshake_by(subject, |_, text| {
        let value = utf8_percent_encode(&text, NON_ALPHANUMERIC);
        Ask::post(format!("message={value}"))
            .with_headers(["Content-Type: application/x-www-form-urlencoded"])
    })?;
    Ok(answered(tried))
}

/// Whether there was a reply, and be it one that refuses: then the request was read.
fn answered(tried: Tried) -> Finding {
    match tried.outcome {
        Ok(_) => Finding::holds(),
        Err(what) => Finding::deviates(what),
    }
}

pub(super) fn ctype_matrix(subject: &Subject) -> Result<Finding, Obstacle> {
    let mut refused = Vec::new();
    for content_type in [
        "application/json",
        "application/json;charset=utf-8",
        "application/json; charset=UTF-8",
        "text/json;charset=UTF-8",
        "text/plain",
        "",
    ] {
        let tried = handshake_by(subject, |_, text| {
            let ask = Ask::post(text);
            match content_type {
                "" => ask.with_headers([]),
                _ => ask.with_headers([&format!("Content-Type: {content_type}")]),
            }
        })?;
        let name = match content_type {
            "" => "none",
            _ => content_type,
        };
        if let Err(what) = tried.outcome {
            refused.push(format!("{name}: {what}"));
        }
    }
    Ok(Finding::expect(refused.is_empty(), refused.join("; ")).at("Content-Type"))
}

pub(super) fn subpath(subject: &Subject) -> Result<Finding, Obstacle> {
    let below = |suffix: &str, text: String| Ask {
        suffix: suffix.to_owned(),
        ..Ask::post(text)
    };
    let mut tried = handshake_by(subject, |_, text| below("/handshake", text))?;
    match tried.outcome {
        Err(what) => return Ok(Finding::deviates(format!("/handshake: {what}"))),
        Ok(reply) if reply.successful() != Some(true) => {
            return Err(Obstacle::Inapplicable(error_of(&reply)));
        }
        Ok(_) => {}
    }
    let connect = tried.session.connect(Some(Duration::ZERO));
    let text = encode([&connect]);
    let seen = tried.session.http()?.ask(&below("/connect", text))?;
    if seen.status != 200 {
        return Ok(Finding::deviates(format!("/connect: HTTP {}", seen.status)));
    }
    let replies = seen.messages()?;
    let is_answered = replies.iter().any(|it| it.successful() == Some(true));
    Ok(Finding::expect(is_answered, "/connect is not carried out"))
}

pub(super) fn empty_array(subject: &Subject) -> Result<Finding, Obstacle> {
    let seen = subject.http()?.ask(&Ask::post("[]"))?;
    Ok(match seen.status {
        500.. => Finding::deviates(format!("HTTP {}", seen.status)),
        status => Finding::holds_as(format!("HTTP {status}")),
    })
}

pub(super) fn malformed(subject: &Subject) -> Result<Finding, Obstacle> {
    let http = subject.http()?;
    let mut wrong = Vec::new();
    for (name, body) in [
        ("nothing", ""),
        ("a word", "hello"),
        (
            "an array that is cut off",
            r#"[{"channel":"/meta/handshake","#,
        ),
        ("a message in an array that does not end", r#"[{"id":"1"}"#),
    ] {
        let seen = http.ask(&Ask::post(body).with_headers([JSON]))?;
        if !(400..500).contains(&seen.status) {
            wrong.push(format!("{name}: HTTP {}", seen.status));
        } else if let Some(line) = trace_of_calls(&seen.text()) {
            wrong.push(format!(
                "{name}: the response shows where it failed: {line}"
            ));
        }
    }
    Ok(Finding::expect(wrong.is_empty(), wrong.join("; ")))
}

/// A line such as Java, Node.js, Python and others print where a program failed.
fn trace_of_calls(page: &str) -> Option<String> {
    let is_call = |line: &&str| {
        let line = line.trim_start();
        let is_frame = line.starts_with("at ") && line.contains('(') && line.contains(':');
        is_frame || line.starts_with("Traceback (most recent call last)")
    };
    let line = page.lines().find(is_call)?;
    Some(line.trim().chars().take(80).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traces_of_calls_are_told_from_sentences() {
        let java = "Error\n\tat org.example.Parser.parse(Parser.java:12)\n";
        assert_eq!(
            trace_of_calls(java).as_deref(),
            Some("at org.example.Parser.parse(Parser.java:12)")
        );
        let node = "SyntaxError\n    at JSON.parse (<anonymous>)\n    at a (/srv/a.js:1:2)";
        assert_eq!(
            trace_of_calls(node).as_deref(),
            Some("at a (/srv/a.js:1:2)")
        );
        assert!(trace_of_calls("Traceback (most recent call last):\n").is_some());
        assert_eq!(trace_of_calls("at byte 12 (of 20) it ends"), None);
    }
}
