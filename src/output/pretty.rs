//! The view for people: an arrow line, then the JSON in colour.
//!
//! A delivery shows its data; fields beside channel, data, id and client id stand dim on the
//! arrow line. Traffic shows whole messages, but for requests and replies whose arrow line
//! says it all.

use std::time::Duration;

use bayeux::protocol::{Message, TokenKind, tokens};
use bayeux::recording::{Direction, MessageRecord};
use bayeux::redaction::Secrets;

use super::paint::Role;
use super::surface::Surface;
use super::{escape, layout, words};

/// A message that was published on a channel.
pub(super) fn delivery(record: &MessageRecord, secrets: Secrets, surface: &Surface) -> String {
    let mut out = arrow_line(record, Role::Plain, surface);
    let text = record.text(secrets);
    for (name, value) in fields(&text) {
        if !matches!(name, "channel" | "data" | "id" | "clientId") {
            let value = escape::json(value);
            let field = format!("  {} {}", escape::line(name), cut(&value, surface.width));
            surface.paint.push(&mut out, Role::Dim, &field);
        }
    }
    out.push('\n');
    match record.message.data() {
        Some(data) => layout::indented(&mut out, data, surface),
        None => surface.paint.push(&mut out, Role::Dim, "(no data)"),
    }
    out.push('\n');
    out
}

/// Any message as part of the traffic of `-v`.
pub(super) fn traffic(
    record: &MessageRecord,
    latency: Option<Duration>,
    secrets: Secrets,
    surface: &Surface,
) -> String {
    let latency = latency.map_or_else(String::new, |it| format!("  {}", words::duration(it)));
    relayed(record, &latency, secrets, surface)
}

/// The same with something to be said beside it.
pub(super) fn relayed(
    record: &MessageRecord,
    aside: &str,
    secrets: Secrets,
    surface: &Surface,
) -> String {
    let message = &record.message;
    let is_refused = message.successful() == Some(false);
    let role = if is_refused { Role::Bad } else { Role::Dim };
    let mut out = arrow_line(record, role, surface);
    let mut facts = String::new();
    if let Some(id) = message.id() {
        facts.push_str("  id ");
        facts.push_str(&escape::line(id));
    }
    match message.successful() {
        Some(true) => facts.push_str("  ok"),
        Some(false) => facts.push_str("  refused"),
        None => {}
    }
    if let Some(error) = message.error() {
        facts.push_str("  ");
        facts.push_str(&escape::line(&error.to_string()));
    }
    facts.push_str(aside);
    surface.paint.push(&mut out, role, &facts);
    out.push('\n');
    if !says_it_all(message) {
        layout::indented(&mut out, &record.text(secrets), surface);
        out.push('\n');
    }
    out
}

/// The arrow of a direction.
pub(super) fn arrow(direction: Direction) -> char {
    match direction {
        Direction::In => '<',
        Direction::Out => '>',
    }
}

fn arrow_line(record: &MessageRecord, role: Role, surface: &Surface) -> String {
    let mut out = String::new();
    let time = surface.time(record.time);
    surface.paint.push(&mut out, Role::Dim, &time);
    let channel = escape::line(record.message.channel());
    let arrow = arrow(record.direction);
    let text = format!("  {arrow} {channel}");
    surface.paint.push(&mut out, role, &text);
    out
}

/// Whether the arrow line shows all there is to know of a message.
fn says_it_all(message: &Message) -> bool {
    message.channel().starts_with("/meta/")
        && fields(message.raw()).all(|(name, _)| {
            matches!(
                name,
                "channel" | "id" | "clientId" | "connectionType" | "successful" | "error"
            )
        })
}

/// The fields of a message: names without quotes, values as raw JSON.
fn fields(raw: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut depth = 0_usize;
    let mut field: Option<(&str, usize)> = None;
    tokens(raw).filter_map(move |token| {
        let is_end = match token.kind {
            TokenKind::Open => {
                depth += 1;
                false
            }
            TokenKind::Close => {
                depth = depth.saturating_sub(1);
                depth == 0
            }
            TokenKind::Comma => depth == 1,
            TokenKind::Key if depth == 1 && field.is_none() => {
                field = Some((token.text.trim_matches('"'), 0));
                false
            }
            TokenKind::Colon if depth == 1 => {
                if let Some((_, start)) = &mut field {
                    *start = token.offset + 1;
                }
                false
            }
            TokenKind::Key
            | TokenKind::Colon
            | TokenKind::String
            | TokenKind::Number
            | TokenKind::Literal => false,
        };
        let (name, start) = field.filter(|_| is_end)?;
        field = None;
        Some((name, raw[start..token.offset].trim()))
    })
}

fn cut(text: &str, n_chars: usize) -> String {
    match text.char_indices().nth(n_chars) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{received, sent};
    use super::*;

    fn show(record: &MessageRecord) -> String {
        delivery(record, Secrets::Redacted, &Surface::plain())
    }

    fn show_traffic(record: &MessageRecord) -> String {
        let latency =
            Some(Duration::from_millis(213)).filter(|_| record.direction == Direction::In);
        traffic(record, latency, Secrets::Redacted, &Surface::plain())
    }

    #[test]
    fn a_delivery_shows_its_data() {
        let record = received(r#"{"channel":"/demo","data":{"user":"ann","text":"hi"},"id":"7"}"#);
        insta::assert_snapshot!(show(&record), @r#"
        18:50:33.805  < /demo
        { "user": "ann", "text": "hi" }
        "#);
    }

    #[test]
    fn unusual_fields_stand_on_the_arrow_line() {
        let record = received(
            r#"{"ext":{"token":"x","n":1},"channel":"/demo","data":1.50,"a\u0062":[1,{"b":2}]}"#,
        );
        insta::assert_snapshot!(show(&record), @r#"
        18:50:33.805  < /demo  ext {"token":"***","n":1}  a\u0062 [1,{"b":2}]
        1.50
        "#);
    }

    #[test]
    fn a_delivery_without_data_says_so() {
        insta::assert_snapshot!(show(&received(r#"{"channel":"/demo"}"#)), @r#"
        18:50:33.805  < /demo
        (no data)
        "#);
    }

    #[test]
    fn a_heartbeat_is_two_lines() {
        let request = sent(
            r#"{"channel":"/meta/connect","connectionType":"long-polling","clientId":"abcdefgh","id":"7"}"#,
        );
        let reply = received(r#"{"channel":"/meta/connect","successful":true,"id":"7"}"#);
        insta::assert_snapshot!(show_traffic(&request) + &show_traffic(&reply), @r#"
        18:50:33.805  > /meta/connect  id 7
        18:50:33.805  < /meta/connect  id 7  ok  213 ms
        "#);
    }

    #[test]
    fn a_refusal_shows_its_error_and_the_whole_message() {
        let reply = received(
            r#"{"channel":"/meta/subscribe","successful":false,"id":"3","clientId":"abcdefgh","subscription":"/admin/**","error":"403:denied:subscribe_denied"}"#,
        );
        insta::assert_snapshot!(show_traffic(&reply), @r#"
        18:50:33.805  < /meta/subscribe  id 3  refused  403:denied:subscribe_denied  213 ms
        {
          "channel": "/meta/subscribe",
          "successful": false,
          "id": "3",
          "clientId": "abcd…",
          "subscription": "/admin/**",
          "error": "403:denied:subscribe_denied"
        }
        "#);
    }

    #[test]
    fn nothing_steers_the_terminal() {
        let record = received(
            "{\"channel\":\"/a\\u001b[2J\",\"data\":\"\u{9b}2J\",\"x\u{9b}\":\"\u{202e}\"}",
        );
        insta::assert_snapshot!(show(&record), @r#"
        18:50:33.805  < /a\x1b[2J  x\u{9b} "\u202e"
        "\u009b2J"
        "#);
    }
}
