//! Recordings told again. They are the answer, so that all of it goes to standard output.

use std::time::{Duration, SystemTime};

use bayeux::recording::{Failure, Header, MessageRecord, StateRecord, Unreadable};
use bayeux::redaction::{Secrets, redact_url, shortened_client_id};
use bayeux::traffic::{Ending, Remark, SessionChange, Summary};

use super::paint::Role;
use super::printer::Printer;
use super::{Fact, PrintError, View, compact, data, escape, json, pretty, remarks, story, words};

impl Printer {
    /// Where a recording begins.
    pub(crate) fn retold_header(&mut self, header: &Header) -> Result<(), PrintError> {
        let surface = &self.out.surface;
        let text = match self.view {
            View::Pretty | View::Compact => {
                let url = match self.secrets {
                    Secrets::Redacted => redact_url(&header.url),
                    Secrets::Shown => header.url.as_str().into(),
                };
                let side = header.side.as_str();
                let text = format!("recorded by a {side}: {url}");
                story::remark(Role::Dim, &text, surface)
            }
            View::Json => json::line(&header.to_line(self.secrets), surface),
            View::Data => return Ok(()),
        };
        self.print(&text)
    }

    /// A delivery.
    pub(crate) fn retold_delivery(&mut self, record: &MessageRecord) -> Result<(), PrintError> {
        let surface = &self.out.surface;
        let text = match self.view {
            View::Pretty => pretty::delivery(record, self.secrets, surface),
            View::Compact => compact::delivery(record, surface),
            View::Json => json::message(record, self.secrets, surface),
            View::Data => data::delivery(record, surface),
        };
        self.print(&text)
    }

    /// A request or a reply, and how long the reply took.
    pub(crate) fn retold(
        &mut self,
        record: &MessageRecord,
        latency: Option<Duration>,
    ) -> Result<(), PrintError> {
        let (secrets, surface) = (self.secrets, &self.out.surface);
        let text = match self.view {
            View::Pretty => pretty::traffic(record, latency, secrets, surface),
            View::Compact => compact::traffic(record, secrets, surface),
            View::Json => json::message(record, secrets, surface),
            View::Data => return Ok(()),
        };
        self.print(&text)
    }

    /// What a client said of its session.
    pub(crate) fn retold_state(&mut self, record: &StateRecord) -> Result<(), PrintError> {
        let surface = &self.out.surface;
        let text = match self.view {
            View::Pretty | View::Compact => story::state(&record.state, surface),
            View::Json => json::state(record, self.secrets, surface),
            View::Data => return Ok(()),
        };
        self.print(&text)
    }

    /// The error with which a program ended.
    pub(crate) fn retold_failure(&mut self, failure: &Failure) -> Result<(), PrintError> {
        let surface = &self.out.surface;
        let text = match self.view {
            View::Pretty | View::Compact => story::failure(failure, surface),
            View::Json => json::failure(failure, surface),
            View::Data => return Ok(()),
        };
        self.print(&text)
    }

    /// A part of a body that is no message.
    pub(crate) fn retold_unreadable(&mut self, record: &Unreadable) -> Result<(), PrintError> {
        let surface = &self.out.surface;
        let text = match self.view {
            View::Pretty | View::Compact => {
                let (reason, offset) = (&record.reason, record.offset);
                let text = format!("message skipped at byte {offset}: {reason}");
                story::labelled(Role::Warning, "warning", &text, surface)
            }
            View::Json => json::line(&record.to_line(self.secrets), surface),
            View::Data => return Ok(()),
        };
        self.print(&text)
    }

    /// A broken rule, where people read.
    pub(crate) fn remark_on(&mut self, remark: &Remark) -> Result<(), PrintError> {
        self.retold_remark(Role::Warning, &remarks::broken_rule(remark))
    }

    /// What can be told of a session from its messages, where people read: what else a client
    /// knows, its own states say.
    pub(crate) fn session_changed(&mut self, change: &SessionChange) -> Result<(), PrintError> {
        match change {
            SessionChange::NotRestored { channels } => {
                let text = format!("not subscribed again to {}", channels.join(" "));
                self.retold_remark(Role::Bad, &text)
            }
            SessionChange::Joined { .. }
            | SessionChange::Opened { .. }
            | SessionChange::Renewed { .. }
            | SessionChange::Restored { .. }
            | SessionChange::Lost { .. }
            | SessionChange::Ended { .. } => Ok(()),
        }
    }

    /// What a conversation adds up to, where people read.
    pub(crate) fn conversation(
        &mut self,
        summary: &Summary,
        zero: SystemTime,
    ) -> Result<(), PrintError> {
        match self.view {
            View::Pretty | View::Compact => {}
            View::Json | View::Data => return Ok(()),
        }
        let facts = facts(summary, self.secrets, |at| self.out.surface.time(zero + at));
        self.print("\n")?;
        self.facts(&facts)
    }

    fn retold_remark(&mut self, role: Role, text: &str) -> Result<(), PrintError> {
        let text = match self.view {
            View::Pretty | View::Compact => story::remark(role, text, &self.out.surface),
            View::Json | View::Data => return Ok(()),
        };
        self.print(&text)
    }
}

fn facts(summary: &Summary, secrets: Secrets, clock: impl Fn(Duration) -> String) -> Vec<Fact> {
    let mut facts = Vec::new();
    let mut add = |label, value| facts.push(Fact { label, value });
    let mut total = format!(
        "{}, {} in {}",
        words::count(summary.n_requests, "request"),
        match summary.n_deliveries {
            1 => "1 delivery".to_owned(),
            n => format!("{} deliveries", words::grouped(n)),
        },
        words::duration(summary.length())
    );
    for (n, what) in [
        (summary.n_refused, "refused"),
        (summary.n_unanswered, "unanswered"),
    ] {
        if n > 0 {
            total.push_str(&format!(", {n} {what}"));
        }
    }
    if summary.n_duplicates > 0 {
        let duplicates = words::count(summary.n_duplicates, "duplicate");
        total.push_str(&format!(", {duplicates}"));
    }
    add("conversation", total);
    for course in summary.sessions.values() {
        let client_id = match secrets {
            Secrets::Redacted => shortened_client_id(&course.client_id),
            Secrets::Shown => course.client_id.clone(),
        };
        let mut text = format!("{client_id}  from {}", clock(course.opened));
        match &course.end {
            None => text.push_str(", open at the end"),
            Some((at, Ending::Disconnected)) => text.push_str(&format!(" to {}", clock(*at))),
            Some((at, Ending::Lost(reason))) => {
                text.push_str(&format!(", lost {}: {reason}", clock(*at)));
            }
        }
        if let Some(gap) = course.gap {
            let gap = words::duration(gap);
            text.push_str(&format!(", messages of {gap} before it may be missing"));
        }
        if !course.not_restored.is_empty() {
            let channels = course.not_restored.join(" ");
            text.push_str(&format!(", not subscribed again to {channels}"));
        }
        add("session", text);
    }
    for slow in &summary.slowest {
        let id = slow.id.as_deref().map(|it| format!("  id {it}"));
        let (latency, channel) = (words::duration(slow.latency), &slow.channel);
        add(
            "slowest",
            format!("{latency}  {channel}{}", id.unwrap_or_default()),
        );
    }
    if let Some(hold) = summary.longest_hold {
        add("longest hold", words::duration(hold));
    }
    for (rule, sentence, n) in &summary.breaches {
        let times = match n {
            1 => String::new(),
            n => format!(", {n} times"),
        };
        let text = format!("{} ({}{times}): {sentence}", rule.id, rule.side);
        add("broken rule", escape::line(&text).into_owned());
    }
    facts
}
