//! What a run comes to, in three lines: how it went, the most likely cause, and what to do.

use super::{Judged, Report, Status};

/// What a run comes to.
#[derive(Clone, Debug, Eq, PartialEq, serde::Serialize)]
pub struct Verdict {
    /// Whether nothing fails, and nothing was in the way.
    pub passed: bool,
    /// How it went.
    pub summary: String,
    /// What most likely is behind it: one of the checks, and what it saw.
    pub cause: Option<String>,
    /// What to do about it.
    pub remedy: Option<String>,
}

/// What lies behind something else comes before it: a session that is lost between two nodes of
/// a server makes most other checks fail, and none of them says why.
const ORDER: [&str; 17] = [
    "path",
    "http.reachable",
    "http",
    "hs",
    "cookie",
    "con",
    "dis",
    "sub",
    "unsub",
    "pub",
    "evt",
    "svc",
    "msg",
    "json",
    "ws",
    "jsonp",
    "ext",
];

impl Verdict {
    /// What a run comes to.
    pub fn of(report: &Report) -> Self {
        let n_failed = report.failures().count();
        let others = |word: &str| {
            let others = report.outcomes.iter();
            let others = others.filter(|it| !it.is_failure(report.strictness));
            others.filter(|it| it.word() == word).count()
        };
        let mut parts = vec![format!("{} pass", others("pass"))];
        let more = [
            (n_failed, "fail"),
            (others("warn"), "warn"),
            (others("known"), "as known"),
            (others("note"), "to note"),
            (others("skip"), "skipped"),
        ];
        let more = more.iter().filter(|(n, _)| *n > 0);
        parts.extend(more.map(|(n, words)| format!("{n} {words}")));
        let worst = report.failures().min_by_key(|it| rank(it));
        let summary = parts.join(", ");
        if let (None, Some(hindrance)) = (worst, &report.hindrance) {
            return Self {
                passed: false,
                summary,
                cause: Some(hindrance.clone()),
                remedy: None,
            };
        }
        let worst = worst.or_else(|| {
            let warned = report.outcomes.iter();
            let warned = warned.filter(|it| it.outcome.status == Status::Warned);
            warned
                .filter(|it| it.word() == "warn")
                .min_by_key(|it| rank(it))
        });
        Self {
            passed: report.is_passed(),
            summary,
            cause: worst.map(|it| {
                let outcome = &it.outcome;
                format!("{}: {}", outcome.check.id, said(it))
            }),
            remedy: worst.map(|it| remedy(it, report)),
        }
    }
}

/// What a check that deviates says, or that its title does not hold.
fn said(it: &Judged) -> String {
    match it.outcome.seen.as_str() {
        "" => format!("not so: {}", it.outcome.check.title),
        seen => seen.to_owned(),
    }
}

fn remedy(it: &Judged, report: &Report) -> String {
    // What the first handshake met is no matter of the check that met it too.
    let is_the_hindrance = report.hindrance.as_ref() == Some(&it.outcome.seen);
    let has_path = report
        .outcomes
        .iter()
        .any(|it| it.outcome.check.group() == "path");
    match &it.outcome.remedy {
        Some(remedy) => remedy.clone(),
        None if it.outcome.check.id == "http.reachable" && has_path => {
            "the way is free, and what answers is no Bayeux: is it the right port and path?"
                .to_owned()
        }
        None if is_the_hindrance || it.outcome.check.id == "http.reachable" => {
            "`bayeux check --only 'path.*'` looks at the way to the server, and says what to change"
                .to_owned()
        }
        None => format!(
            "`bayeux check --only {}` shows it alone{}",
            it.outcome.check.id,
            match it.outcome.check.clause {
                "" => String::new(),
                clause => format!("; see Bayeux 1.0, \"{clause}\""),
            }
        ),
    }
}

/// What is known is not what is new.
fn rank(it: &Judged) -> (bool, usize) {
    let check = it.outcome.check;
    let place = |name: &str| ORDER.iter().position(|it| *it == name);
    let place = place(check.id).or_else(|| place(check.group()));
    (it.word() == "known", place.unwrap_or(ORDER.len()))
}
