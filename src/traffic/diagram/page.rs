//! A page with the summary above and the diagram below.

use std::fmt::Write;

use super::{Diagram, duration, escaped, svg};
use crate::traffic::{Course, Ending, Summary};

pub(super) fn render(diagram: &Diagram<'_>) -> String {
    let summary = diagram.summary;
    let title = escaped(diagram.title);
    let began = diagram.zero + summary.began.unwrap_or_default();
    let began = humantime::format_rfc3339_seconds(began).to_string();
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>bayeux report {title}</title>\n<style>\n{}{}{}</style>\n</head>\n<body>\n<main>\n\
         <h1>{title}</h1>\n<p class=\"dim\">{} UTC, bayeux {}</p>\n",
        include_str!("colours.css"),
        include_str!("page.css"),
        include_str!("diagram.css"),
        began.trim_end_matches('Z').replace('T', " "),
        env!("CARGO_PKG_VERSION"),
    );
    tiles(&mut page, summary);
    sessions(&mut page, diagram);
    breaches(&mut page, summary);
    slowest(&mut page, diagram);
    page.push_str("<h2>Conversation</h2>\n<div class=\"card\" tabindex=\"0\" role=\"region\" aria-label=\"Conversation\">\n");
    page.push_str(&svg::render(diagram, svg::Place::Page));
    page.push_str("</div>\n</main>\n</body>\n</html>\n");
    page
}

fn tiles(page: &mut String, summary: &Summary) {
    let class = |n: u64| if n > 0 { "bad" } else { "good" };
    let n_lost = summary.n_lost() as u64;
    page.push_str("<ul class=\"tiles\">\n");
    for (name, value, class) in [
        ("time", duration(summary.length()), ""),
        ("requests", summary.n_requests.to_string(), ""),
        ("deliveries", summary.n_deliveries.to_string(), ""),
        ("sessions", summary.sessions.len().to_string(), ""),
        ("lost", n_lost.to_string(), class(n_lost)),
        (
            "refused",
            summary.n_refused.to_string(),
            class(summary.n_refused),
        ),
        (
            "unanswered",
            summary.n_unanswered.to_string(),
            class(summary.n_unanswered),
        ),
        (
            "duplicates",
            summary.n_duplicates.to_string(),
            class(summary.n_duplicates),
        ),
    ] {
        let _ = writeln!(
            page,
            "<li><span>{name}</span><b class=\"{class}\">{value}</b></li>"
        );
    }
    page.push_str("</ul>\n");
}

fn sessions(page: &mut String, diagram: &Diagram<'_>) {
    if diagram.summary.sessions.is_empty() {
        return;
    }
    page.push_str("<h2>Sessions</h2>\n<div class=\"card\"><table>\n<tr><th>client id</th><th>opened</th><th>ended</th><th>deliveries</th><th>messages may be missing for</th></tr>\n");
    for course in diagram.summary.sessions.values() {
        let (class, end) = end(diagram, course);
        let gap = match (&course.gap, course.not_restored.as_slice()) {
            (_, channels @ [_, ..]) => {
                format!("until now: not subscribed to {}", channels.join(" "))
            }
            (Some(gap), []) => duration(*gap),
            (None, []) => String::new(),
        };
        let _ = writeln!(
            page,
            "<tr><td>{}</td><td>{}</td><td class=\"{class}\">{}</td><td>{}</td><td>{}</td></tr>",
            escaped(&diagram.client_id(&course.client_id)),
            diagram.clock(course.opened),
            escaped(&end),
            course.n_deliveries,
            escaped(&gap),
        );
    }
    page.push_str("</table></div>\n");
}

fn end(diagram: &Diagram<'_>, course: &Course) -> (&'static str, String) {
    match &course.end {
        None => ("dim", "open".to_owned()),
        Some((at, Ending::Disconnected)) => ("", diagram.clock(*at)),
        Some((at, Ending::Lost(reason))) => {
            ("bad", format!("{} lost: {reason}", diagram.clock(*at)))
        }
    }
}

fn breaches(page: &mut String, summary: &Summary) {
    if summary.breaches.is_empty() {
        return;
    }
    page.push_str("<h2>Broken rules</h2>\n<div class=\"card\"><table>\n<tr><th>rule</th><th>times</th><th>side</th><th>clause</th><th>first</th></tr>\n");
    for (rule, sentence, n) in &summary.breaches {
        let _ = writeln!(
            page,
            "<tr><td>{}</td><td>{n}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            rule.id,
            rule.side,
            escaped(rule.clause),
            escaped(sentence),
        );
    }
    page.push_str("</table></div>\n");
}

fn slowest(page: &mut String, diagram: &Diagram<'_>) {
    if diagram.summary.slowest.is_empty() {
        return;
    }
    page.push_str("<h2>Slowest exchanges</h2>\n<div class=\"card\"><table>\n<tr><th>took</th><th>channel</th><th>id</th><th>answered</th></tr>\n");
    for slow in &diagram.summary.slowest {
        let _ = writeln!(
            page,
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            duration(slow.latency),
            escaped(&slow.channel),
            escaped(slow.id.as_deref().unwrap_or_default()),
            diagram.clock(slow.at),
        );
    }
    page.push_str("</table></div>\n");
}
