//! The view with one line a message, in colour: `18:50:33.805 < /demo {"user":"ann"}`.

use bayeux::recording::MessageRecord;
use bayeux::redaction::Secrets;

use super::paint::Role;
use super::pretty::arrow;
use super::surface::Surface;
use super::{escape, layout};

/// A message that was published on a channel: its data.
pub(super) fn delivery(record: &MessageRecord, surface: &Surface) -> String {
    line(record, Role::Plain, record.message.data(), surface)
}

/// Any message as part of the traffic of `-v`: the whole message.
pub(super) fn traffic(record: &MessageRecord, secrets: Secrets, surface: &Surface) -> String {
    let role = match record.message.successful() {
        Some(false) => Role::Bad,
        Some(true) | None => Role::Dim,
    };
    line(record, role, Some(&record.text(secrets)), surface)
}

/// The same with something to be said beside it.
pub(super) fn relayed(
    record: &MessageRecord,
    aside: &str,
    secrets: Secrets,
    surface: &Surface,
) -> String {
    let mut out = traffic(record, secrets, surface);
    out.truncate(out.trim_end_matches('\n').len());
    surface.paint.push(&mut out, Role::Dim, aside);
    out.push('\n');
    out
}

fn line(record: &MessageRecord, role: Role, json: Option<&str>, surface: &Surface) -> String {
    let mut out = String::new();
    let time = surface.time(record.time);
    surface.paint.push(&mut out, Role::Dim, &time);
    let channel = escape::line(record.message.channel());
    let head = format!(" {} {channel}", arrow(record.direction));
    surface.paint.push(&mut out, role, &head);
    if let Some(json) = json {
        out.push(' ');
        layout::compact(&mut out, json, surface);
    }
    out.push('\n');
    out
}

#[cfg(test)]
mod tests {
    use super::super::tests::{received, sent};
    use super::*;

    #[test]
    fn a_delivery_is_one_line_without_white_space() {
        let record =
            received("{\"channel\":\"/demo\",\"data\":{ \"user\": \"ann\",\n \"n\": 1.50 }}");
        insta::assert_snapshot!(delivery(&record, &Surface::plain()), @r#"18:50:33.805 < /demo {"user":"ann","n":1.50}"#);
        let record = received(r#"{"channel":"/demo"}"#);
        insta::assert_snapshot!(delivery(&record, &Surface::plain()), @"18:50:33.805 < /demo");
    }

    #[test]
    fn traffic_is_the_whole_message() {
        let record = sent(r#"{"channel":"/meta/connect","clientId":"abcdefgh"}"#);
        insta::assert_snapshot!(traffic(&record, Secrets::Redacted, &Surface::plain()), @r#"18:50:33.805 > /meta/connect {"channel":"/meta/connect","clientId":"abcd…"}"#);
    }
}
