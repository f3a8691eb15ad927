//! The rules of the protocol, as small functions over a message, or a request and its reply.
//!
//! Each rule has the id that `check` gives it, the clause of Bayeux 1.0 it comes from, and the
//! side that breaks it. What only shows in the course of a session (two connects at once, a
//! cookie that does not come back) a [`Watch`](super::Watch) tells.

mod advice;
mod batch;
mod catalogue;
pub(super) mod conduct;
mod http;
mod message;
mod reply;
mod request;

pub use advice::advice;
pub use batch::batch;
pub use catalogue::{RULES, Rule, Severity, Side};
pub use http::{request_head, response_head};
pub use message::{body, delivery};
pub use reply::reply;
pub use request::request;

/// A rule that was broken, and how.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Breach {
    /// The rule.
    pub rule: Rule,
    /// The field of the message, or the header, that breaks it.
    pub field: Option<&'static str>,
    /// What is wrong, in one sentence without a full stop. It may quote the message: whoever
    /// prints it escapes it.
    pub sentence: String,
}

impl Breach {
    fn of(rule: Rule, field: &'static str, sentence: impl Into<String>) -> Self {
        Self {
            rule,
            field: Some(field),
            sentence: sentence.into(),
        }
    }

    fn whole(rule: Rule, sentence: impl Into<String>) -> Self {
        Self {
            rule,
            field: None,
            sentence: sentence.into(),
        }
    }
}

#[cfg(test)]
mod tests;
