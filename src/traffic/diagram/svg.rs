//! The diagram itself: lines, arrows, bars and notes.

use std::collections::HashMap;
use std::fmt::Write;

use super::lanes::Lanes;
use super::{Diagram, cut, duration, escaped};
use crate::protocol::Message;
use crate::traffic::rules::Severity;
use crate::traffic::{Hold, Noticed, SessionChange};

/// Rows that a reader may get through; a recording of days has more.
const MOST_ROWS: usize = 2_000;
/// The height of a row.
const ROW: usize = 24;
/// Where the lines begin.
const TOP: usize = 44;
/// Where the line of the first client is, right of the times.
const LEFT: usize = 190;
/// From one client to the next.
const LANE: usize = 170;
/// From the last client to the server.
const SPAN: usize = 520;
/// Characters of a message in its tooltip.
const TOOLTIP: usize = 2_000;
/// Characters that fit between the lines.
const LABEL: usize = 62;

/// Where a diagram stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Place {
    /// In a file of its own, which brings its colours along.
    Alone,
    /// In a page that has them.
    Page,
}

pub(super) fn render(diagram: &Diagram<'_>, place: Place) -> String {
    let lanes = Lanes::of(diagram);
    let server = LEFT + LANE * (lanes.names.len() - 1) + SPAN;
    let n_rows = diagram.noticed.len().min(MOST_ROWS);
    let n_left_out = diagram.noticed.len() - n_rows;
    let (width, height) = (server + 110, TOP + ROW * (n_rows + 2));
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"diagram\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"Sequence diagram of {}\">\n",
        escaped(diagram.title)
    );
    if place == Place::Alone {
        let colours = include_str!("colours.css");
        let style = include_str!("diagram.css");
        let _ = writeln!(svg, "<style>\n{colours}{style}</style>");
        let _ = writeln!(svg, "<rect class=\"back\" width=\"100%\" height=\"100%\"/>");
    }
    let bottom = height - ROW / 2;
    for (at, name) in lanes.names.iter().enumerate() {
        line(&mut svg, LEFT + LANE * at, bottom, name);
    }
    line(&mut svg, server, bottom, "server");
    let mut rows = Rows {
        svg,
        diagram,
        server,
        asked: HashMap::new(),
    };
    for (row, noticed) in diagram.noticed.iter().take(n_rows).enumerate() {
        let x = LEFT + LANE * lanes.lane(noticed);
        rows.add(TOP + ROW * (row + 1), x, noticed);
    }
    let Rows { mut svg, .. } = rows;
    if n_left_out > 0 {
        let y = TOP + ROW * (n_rows + 1);
        let _ = writeln!(
            svg,
            "<text class=\"note\" x=\"{LEFT}\" y=\"{y}\">and {n_left_out} rows more</text>"
        );
    }
    svg.push_str("</svg>\n");
    svg
}

/// A line of the conversation, from its name downwards.
fn line(svg: &mut String, x: usize, bottom: usize, name: &str) {
    let _ = writeln!(
        svg,
        "<text class=\"who\" x=\"{x}\" y=\"22\">{}</text><line class=\"life\" x1=\"{x}\" y1=\"32\" x2=\"{x}\" y2=\"{bottom}\"/>",
        escaped(&cut(name, 20))
    );
}

struct Rows<'d> {
    svg: String,
    diagram: &'d Diagram<'d>,
    server: usize,
    /// Where each request stands, while it waits.
    asked: HashMap<u64, usize>,
}

impl Rows<'_> {
    fn add(&mut self, y: usize, x: usize, noticed: &Noticed) {
        let time = self.diagram.clock(noticed.at());
        let _ = write!(
            self.svg,
            "<text class=\"time\" x=\"12\" y=\"{}\">{time}</text>",
            y + 4
        );
        match noticed {
            Noticed::Asked(it) => {
                self.asked.insert(it.request, y);
                let hold = match it.hold {
                    Hold::No => String::new(),
                    Hold::Unknown => ", may be held".to_owned(),
                    Hold::UpTo(hold) => format!(", held up to {}", duration(hold)),
                };
                let label = format!("{}{hold}", label(&it.message));
                self.arrow(y, x, self.server, "ask", &label, &it.message);
            }
            Noticed::Answered(it) => {
                let is_refused = it.message.successful() == Some(false);
                let class = if is_refused { "answer bad" } else { "answer" };
                let mut text = label(&it.message);
                match it.message.error() {
                    Some(error) => text.push_str(&format!(" {error}")),
                    None if is_refused => text.push_str(" refused"),
                    None => text.push_str(" ok"),
                }
                if let Some((request, latency)) = it.to {
                    text.push_str(&format!(", {}", duration(latency)));
                    let from = self.asked.remove(&request);
                    if let Some(from) = from.filter(|_| it.hold != Hold::No) {
                        self.bar(from, y);
                    }
                }
                self.arrow(y, self.server, x, class, &text, &it.message);
            }
            Noticed::Delivered(it) => {
                let again = if it.is_duplicate { " again" } else { "" };
                let text = format!("{}{again}", label(&it.message));
                self.arrow(y, self.server, x, "delivery", &text, &it.message);
            }
            Noticed::Unanswered(it) => {
                self.asked.remove(&it.request);
                let text = format!("no reply to {}: {}", label(&it.message), it.why);
                self.note(y, x, "bad", &text);
            }
            Noticed::Session(it) => {
                let (class, text) = in_words(self.diagram, &it.change);
                self.note(y, x, class, &text);
            }
            Noticed::Remark(it) => {
                let breach = &it.breach;
                let class = match breach.rule.severity {
                    Severity::Must | Severity::Should => "warning",
                    Severity::Interoperability => "dim",
                };
                let text = format!("{}: {}", breach.rule.id, breach.sentence);
                self.note(y, x, class, &text);
            }
        }
    }

    fn arrow(&mut self, y: usize, from: usize, to: usize, class: &str, text: &str, of: &Message) {
        // The tip, two pixels before the line.
        let (tip, back) = if to > from {
            (to - 2, to - 10)
        } else {
            (to + 2, to + 10)
        };
        let (left, right) = (from.min(to), from.max(to));
        let label = escaped(&cut(text, LABEL));
        let title = escaped(&cut(&self.diagram.text(of), TOOLTIP));
        let _ = writeln!(
            self.svg,
            "<g class=\"{class}\"><title>{title}</title>\
             <line x1=\"{from}\" y1=\"{y}\" x2=\"{tip}\" y2=\"{y}\"/>\
             <path d=\"M{back} {} L{tip} {y} L{back} {}\"/>\
             <text x=\"{}\" y=\"{}\">{label}</text></g>",
            y - 4,
            y + 4,
            (right - SPAN).max(left) + 14,
            y - 5,
        );
    }

    /// How long a connect was held.
    fn bar(&mut self, from: usize, to: usize) {
        let _ = write!(
            self.svg,
            "<rect class=\"hold\" x=\"{}\" y=\"{from}\" width=\"7\" height=\"{}\"/>",
            self.server + 3,
            to - from
        );
    }

    fn note(&mut self, y: usize, x: usize, class: &str, text: &str) {
        let (shown, title) = (escaped(&cut(text, LABEL + 6)), escaped(text));
        let _ = writeln!(
            self.svg,
            "<g class=\"note {class}\"><title>{title}</title><circle cx=\"{x}\" cy=\"{}\" r=\"4\"/>\
             <text x=\"{}\" y=\"{}\">{shown}</text></g>",
            y - 8,
            x + 14,
            y - 4
        );
    }
}

/// Channel, what it is about, and id.
fn label(message: &Message) -> String {
    let mut text = match message.channel() {
        "" => "(no channel)".to_owned(),
        channel => channel.to_owned(),
    };
    let subscriptions = message.subscriptions();
    if !subscriptions.is_empty() {
        text.push_str(&format!(" {}", subscriptions.join(" ")));
    }
    if let Some(id) = message.id() {
        text.push_str(&format!(" #{id}"));
    }
    text
}

fn in_words(diagram: &Diagram<'_>, change: &SessionChange) -> (&'static str, String) {
    match change {
        SessionChange::Opened { client_id } => (
            "good",
            format!("session opened: {}", diagram.client_id(client_id)),
        ),
        SessionChange::Joined { client_id } => (
            "dim",
            format!("session seen: {}", diagram.client_id(client_id)),
        ),
        SessionChange::Renewed { client_id, .. } => (
            "good",
            format!("new session: {}", diagram.client_id(client_id)),
        ),
        SessionChange::Restored {
            n_subscriptions,
            gap,
        } => (
            "good",
            match n_subscriptions {
                1 => format!(
                    "the subscription is back; messages of {} may be missing",
                    duration(*gap)
                ),
                n => format!(
                    "all {n} subscriptions are back; messages of {} may be missing",
                    duration(*gap)
                ),
            },
        ),
        SessionChange::NotRestored { channels } => (
            "bad",
            format!("not subscribed again: {}", channels.join(" ")),
        ),
        SessionChange::Lost { reason, age } => (
            "bad",
            format!("session lost after {}: {reason}", duration(*age)),
        ),
        SessionChange::Ended { age } => ("dim", format!("session ended after {}", duration(*age))),
    }
}
